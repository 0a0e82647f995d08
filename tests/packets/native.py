"""Random rulesets of nft: chains, verdicts, masks, maps, sets, connection marks, base chains of all families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.packets.conditions import UNSURE, Conditions
from tests.packets.traffic import PORTS, SERVICES, any_mark

_EARLY: Final = (-400, -310, -300, -299, -250, -225, -201)
"""Priorities before connection tracking (-200)."""

_LATER: Final = (-199, -175, -150, -149, -140, -120, -110, -101)
_AFTER_NAT: Final = (-99, -50, 0, 150)
"""Those of prerouting, which may be whatever they like: IPVS stands behind all of it."""

_NAT: Final = (-150, -101, -100, -99, -90, 5)
_INPUT: Final = (-250, -151, -150, -149, -101, -50, 0, 0, 1, 50, 90, 96)
"""Those of input, all before IPVS: what a later rule does to a connection is not seen by its next packet there."""


_HARMLESS: Final = ("counter", "counter", 'log prefix "x"', "meta priority set 1:2", "meta nftrace set 1")
"""What a rule does that leaves marks and ways alone."""


@dataclass
class Table:
    """A table that is being written: its family, the declarations of its sets, and its chains."""

    family: str
    sets: list[str] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)

    def add(self, name: str, *lines: str) -> None:
        """Add a chain."""
        text = "\n".join(lines)
        self.chains.append(f"chain {name} {{\n{text}\n}}\n")


class Native:
    """A generator of scripts of nft for one way, `in` or `out`; each call of `script` makes another one."""

    def __init__(self, random: Random, way: str) -> None:
        self._random = random
        self._way = way

    def script(self) -> str:
        """Write a ruleset."""
        return "".join(self._table(f"t{number}") for number in range(self._random.choice((1, 1, 2, 3))))

    def _table(self, name: str) -> str:
        random = self._random
        table = Table(random.choice(("inet", "inet", "inet", "ip", "ip", "ip6")))
        hooks = {"output": (1, 1, 2, 3)} if self._way == "out" else {"prerouting": (1, 1, 2, 3), "input": (0, 0, 1)}
        for hook, counts in hooks.items():
            for _ in range(random.choice(counts)):
                self._base(table, hook)
        if self._way == "in" and table.family == "inet" and random.random() < 0.1:
            self._ingress(table)
        return f"table {table.family} {name} {{\n{''.join((*table.sets, *table.chains))}}}\n"

    def _base(self, table: Table, hook: str) -> None:
        random = self._random
        kind, early = "filter", False
        if hook == "input":
            priority = random.choice(_INPUT)
        elif random.random() < 0.2:
            kind, priority = "nat", random.choice(_NAT)
        elif early := random.random() < 0.25:
            priority = random.choice(_EARLY)
        else:
            priority = random.choice((*_LATER, *(_AFTER_NAT if hook == "prerouting" else ())))
        if hook == "output" and kind == "filter" and random.random() < 0.4:
            kind = "route"
        subchains: list[str] = []
        for _ in range(random.choice((0, 0, 1, 2, 3))):  # each may only jump to those before it
            name = f"c{len(table.chains)}"
            table.add(name, *self._rules(table, subchains, kind, early))
            subchains.append(name)
        policy = "drop" if random.random() < 0.06 else "accept"
        head = f"type {kind} hook {hook} priority {priority}; policy {policy};"
        table.add(f"b{len(table.chains)}", head, *self._rules(table, subchains, kind, early))

    def _ingress(self, table: Table) -> None:
        head = f'type filter hook ingress device "front" priority {self._random.choice((-500, 0, 10))};'
        table.add("ingress", head, *self._rules(table, (), "ingress", early=True))

    def _rules(self, table: Table, subchains: Sequence[str], kind: str, early: bool) -> list[str]:
        count = self._random.choice((1, 2, 3, 4, 6, 9))
        return [self._rule(table, subchains, kind, early) for _ in range(count)]

    def _rule(self, table: Table, subchains: Sequence[str], kind: str, early: bool) -> str:
        random = self._random
        asked = Conditions(random, self._way, table.family, kind, table.sets)
        words = [asked.any() for _ in range(random.choice((0, 1, 1, 1, 2, 2)))]
        if random.random() < 0.3:
            words.append(random.choice(_HARMLESS))
        words += [self._statement(asked, kind, early) for _ in range(random.choice((0, 1, 1, 1, 1, 2)))]
        if kind == "nat" and random.random() < 0.3:
            return " ".join((*words, self._translation(asked)))
        if random.random() < 0.05:
            words.append(asked.any())
        if random.random() < 0.15:
            outcomes = [self._outcome(subchains) for _ in range(random.choice((1, 2, 3)))]
            words.append(asked.lookup("verdict", outcomes, mapped="vmap"))
        elif random.random() < 0.3:
            words.append(self._outcome(subchains))
        return " ".join(words) or "counter"

    def _outcome(self, subchains: Sequence[str]) -> str:
        random = self._random
        if subchains and random.random() < 0.7:
            return f"{random.choice(('jump', 'jump', 'goto'))} {random.choice(subchains)}"
        return random.choice(("accept", "accept", "accept", "return", "return", "continue", "drop"))

    def _statement(self, asked: Conditions, kind: str, early: bool) -> str:
        random = self._random
        if kind == "ingress":
            return f"meta mark set {self._value(asked, ('meta',))}"
        roll = random.random()
        if early and roll < 0.15:
            return "notrack"
        if not early and roll < 0.02 and kind == "filter":
            return self._header_write(asked)
        return f"{random.choice(('meta', 'meta', 'ct'))} mark set {self._value(asked, ('meta', 'ct'))}"

    def _value(self, asked: Conditions, kinds: Sequence[str]) -> str:
        random = self._random
        mark, one, other = f"{random.choice(kinds)} mark", f"0x{any_mark(random):x}", f"0x{any_mark(random):x}"
        if random.random() < UNSURE:
            hashed = f"jhash {asked.family} saddr mod 8 seed 0x7"
            return random.choice(("numgen random mod 4 offset 3", hashed, "symhash mod 4"))
        match random.randrange(9):
            case 0 | 1 | 2:
                return one
            case 3:
                return mark
            case 4:
                return f"{mark} & {one} | {other}"
            case 5:
                return f"{mark} {random.choice(('&', '|', '^'))} {one}"
            case 6:
                shifted = f"({mark} & {one})" if random.random() < 0.5 else mark
                return f"{shifted} {random.choice(('<<', '>>'))} {random.choice((1, 4, 8, 16, 31))}"
            case 7:
                return f"{mark} & {one} ^ {other}"
            case _:
                return asked.lookup("mark", [f"0x{any_mark(random):x}" for _ in range(random.choice((1, 2, 3, 5)))])

    def _translation(self, asked: Conditions) -> str:
        random = self._random
        only = f"meta nfproto ipv{asked.version} " if asked.inet else ""
        ports = "meta l4proto { tcp, udp, sctp } "
        if random.random() < 0.25:
            return f"{ports}redirect to :{random.choice(PORTS)}"
        if random.random() < 0.25:
            one, other, third = random.sample(SERVICES[asked.version], 3)
            plain = f"dnat {asked.family + ' ' if asked.inet else ''}"
            if random.random() < 0.5:
                return f"{only}{plain}to {asked.family} daddr map {{ {one} : {other}, {other} : {third} }}"
            ports = f"{random.choice(PORTS)} : {one} . {random.choice(PORTS)}"
            return f"{only}dnat {asked.family} addr . port to {asked.protocol} dport map {{ {ports} }}"
        where = random.choice((*SERVICES[asked.version], "203.0.113.7" if asked.version == 4 else "2001:db8:f::7"))
        family = f"{asked.family} " if asked.inet else ""
        if random.random() < 0.5:
            return f"{only}dnat {family}to {where}"
        shown = where if asked.version == 4 else f"[{where}]"
        return f"{only}{ports}dnat {family}to {shown}:{random.choice(PORTS)}"

    def _header_write(self, asked: Conditions) -> str:
        if self._random.random() < 0.5:
            return f"{asked.protocol} dport set {self._random.choice(PORTS)}"
        return f"{asked.family} daddr set {self._random.choice(SERVICES[asked.version])}"
