"""Random rulesets of iptables and ip6tables, and ipsets that they look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from tests.packets.ipsets import Ipsets
from tests.packets.matches import Matches, masked_mark
from tests.packets.traffic import PORTS, SERVICES, any_mark

_CHAINS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "in": {"raw": ("PREROUTING",), "mangle": ("PREROUTING", "INPUT"), "nat": ("PREROUTING",), "filter": ("INPUT",)},
    "out": {"raw": ("OUTPUT",), "mangle": ("OUTPUT",), "nat": ("OUTPUT",)},
}
"""The chains before IPVS, by table."""

_SHARES: Final = {"raw": 0.5, "mangle": 0.95, "nat": 0.35, "filter": 0.3}


class Xtables:
    """A generator of the text of `iptables-restore` (4) or `ip6tables-restore` (6) for one way, `in` or `out`."""

    def __init__(self, random: Random, way: str, version: int, *, sets: bool, prefix: str = "s") -> None:
        self._random = random
        self._way = way
        self._version = version
        self._ipsets = Ipsets(random, version, prefix)
        self._matches = Matches(random, way, version, self._ipsets if sets else None)
        self._table = ""

    def script(self) -> tuple[str, str]:
        """Write the text of `ipset restore`, and of iptables; each call makes others."""
        self._ipsets.lines.clear()
        tables = [self._one(name) for name in _CHAINS[self._way] if self._random.random() < _SHARES[name]]
        return "".join(f"{line}\n" for line in self._ipsets.lines), "".join(tables)

    def _one(self, table: str) -> str:
        random = self._random
        self._table = table
        lines, rules = [], []
        users: list[str] = []
        for number in range(random.choice((0, 0, 1, 2, 3))):
            name = f"u{number}"
            lines.append(f":{name} - [0:0]")
            self._matches.in_base_chain = False
            rules += self._rules(name, users)
            users.append(name)
        for chain in _CHAINS[self._way][table]:
            policy = "DROP" if table != "nat" and random.random() < 0.05 else "ACCEPT"
            lines.append(f":{chain} {policy} [0:0]")
            self._matches.in_base_chain = True
            rules += self._rules(chain, users)
        return "".join(f"{line}\n" for line in (f"*{table}", *lines, *rules, "COMMIT"))

    def _rules(self, chain: str, users: Sequence[str]) -> list[str]:
        return [f"-A {chain} {self._rule(users)}".rstrip() for _ in range(self._random.choice((0, 1, 2, 3, 5, 8)))]

    def _rule(self, users: Sequence[str]) -> str:
        random = self._random
        protocol = random.choice(("", "", "tcp", "tcp", "udp", "sctp"))
        words = []
        if protocol:
            words.append(f"-p {protocol}")
            words += self._matches.ports(protocol)
        words += self._matches.any()
        return " ".join(filter(None, (*words, self._target(users, protocol))))

    def _target(self, users: Sequence[str], protocol: str) -> str:
        random = self._random
        roll = random.random()
        if self._table == "nat" and roll < 0.4:
            return self._translation(protocol)
        if self._table == "raw" and roll < 0.2:
            return random.choice(("-j CT --notrack", "-j NOTRACK"))
        if self._table == "filter" and roll < 0.05:
            return "-j REJECT"
        if roll > 0.7:
            if users and random.random() < 0.6:
                return f"{random.choice(('-j', '-j', '-g'))} {random.choice(users)}"
            last = "ACCEPT" if self._table == "nat" else "DROP"  # iptables refuses to drop there
            return f"-j {random.choice(('ACCEPT', 'ACCEPT', 'RETURN', 'RETURN', last))}"
        if roll > 0.66:
            return ""
        return self._marking()

    def _marking(self) -> str:
        random = self._random
        value, masked = f"0x{any_mark(random):x}", masked_mark(random)
        masks = f"--nfmask 0x{any_mark(random):x} --ctmask 0x{any_mark(random):x}"
        of_packet = [
            f"-j MARK --set-mark {masked}",
            f"-j MARK --set-xmark {masked}",
            f"-j MARK --set-mark {value}",
            f"-j MARK --and-mark {value}",
            f"-j MARK --or-mark {value}",
            f"-j MARK --xor-mark {value}",
        ]
        of_connection = [
            f"-j CONNMARK --set-mark {masked}",
            f"-j CONNMARK --set-xmark {masked}",
            f"-j CONNMARK --{random.choice(('and', 'or', 'xor'))}-mark {value}",
            "-j CONNMARK --save-mark",
            "-j CONNMARK --restore-mark",
            f"-j CONNMARK --save-mark {masks}",
            f"-j CONNMARK --restore-mark {masks}",
            f"-j CONNMARK --{random.choice(('save', 'restore'))}-mark --mask {value}",
            f"-j CONNMARK --{random.choice(('save', 'restore'))}-mark {masks} "
            f"--{random.choice(('left', 'right'))}-shift-mark {random.choice((1, 4, 8, 31))}",
        ]
        # MARK stands in mangle alone for the older iptables, but the kernel takes it everywhere (revision 2).
        return random.choice(random.choice((of_packet, of_connection)))

    def _translation(self, protocol: str) -> str:
        random = self._random
        if protocol and random.random() < 0.3:
            return f"-j REDIRECT --to-ports {random.choice(PORTS)}"
        away = "203.0.113.7" if self._version == 4 else "2001:db8:f::7"
        where = random.choice((*SERVICES[self._version], away))
        if not protocol or random.random() < 0.5:
            return f"-j DNAT --to-destination {where}"
        shown = where if self._version == 4 else f"[{where}]"
        return f"-j DNAT --to-destination {shown}:{random.choice(PORTS)}"
