"""Random conditions of nft: what a rule may ask of a packet, its connection and the sets of its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.packets.traffic import PORTS, SERVICES, SOURCES, any_mark

UNSURE: Final = 0.001
"""The share of what nobody can foretell."""

_MARKS: Final = ("0x0", "0x1", "0x50", "0x100")
_STATES: Final = (
    "ct state new",
    "ct state established",
    "ct state established,related",
    "ct state != new",
    "ct state { new, established }",
    "ct state invalid",
    "ct state untracked",
    "ct state != { new, untracked }",
    "ct state != established,related",
)
_FORETOLD_BY_NOBODY: Final = (
    "limit rate 1/hour burst 3 packets",
    "limit rate over 1/hour",
    "numgen random mod 3 1",
    "meta length > 60",
)


class Conditions:
    """Conditions for the rules of a chain of one kind (`filter`, `nat`, `route`, `ingress`) of a table's family.

    `sets` fills with the declarations of the sets that they look into.
    """

    def __init__(self, random: Random, way: str, family: str, kind: str, sets: list[str]) -> None:
        self._random = random
        self._way = way
        self._kind = kind
        self._sets = sets
        self.inet = family == "inet"
        # A rule that asks for two versions of IP, or two protocols, is refused by nft.
        self.version = {"ip": 4, "ip6": 6}.get(family) or random.choice((4, 4, 6))
        self.protocol = random.choice(("tcp", "tcp", "tcp", "udp", "udp", "sctp"))

    @property
    def family(self) -> str:
        """The family of the addresses that are asked for."""
        return "ip" if self.version == 4 else "ip6"

    def any(self) -> str:
        """Write one."""
        random = self._random
        if random.random() < UNSURE:
            return random.choice(_FORETOLD_BY_NOBODY)
        makers: list[Callable[[], str]] = [self._address, self._port, self._mark, self._among] * 2
        makers += [self._layer, self._other]
        if self._way == "in" or random.random() < 0.02:  # by which interface a packet leaves is not known
            makers.append(self._interface)
        if self._kind != "ingress":
            makers += [self._state, self._state, self._tracked]
        return random.choice(makers)()

    def lookup(self, kind: str, values: Sequence[str], *, mapped: str = "map") -> str:
        """Write a look into a map, named or not, to values of a kind (`mark`, `verdict`)."""
        fields, types, keys = self._joined(len(values))
        pairs = [f"{key} : {value}" for key, value in zip(keys, values, strict=False)]
        if self._random.random() < 0.7:
            return f"{fields} {mapped} {{ {', '.join(pairs)} }}"
        return f"{fields} {mapped} @{self._declare('map', f'{types} : {kind}', keys, pairs)}"

    def _declare(self, what: str, types: str, keys: Sequence[str], elements: Sequence[str]) -> str:
        name = f"s{len(self._sets)}"
        lines = [f"type {types}"]
        if any("-" in key or "/" in key for key in keys):
            lines.append("flags interval")
        if elements:
            lines.append(f"elements = {{ {', '.join(elements)} }}")
        self._sets.append(f"{what} {name} {{\n" + "\n".join(lines) + "\n}\n")
        return name

    def _not(self) -> str:
        return self._random.choice(("", "", "", "!= "))

    def _address(self) -> str:
        random, version = self._random, self.version
        pool = random.choice((SERVICES, SERVICES, SOURCES))
        name = f"{self.family} {'saddr' if pool is SOURCES else 'daddr'}"
        first, last = (pool[version][place] for place in sorted(random.sample(range(7), 2)))
        match random.randrange(6):
            case 0 | 1:
                return f"{name} {self._not()}{first}"
            case 2:
                return f"{name} {self._not()}{{ {first}, {last} }}"
            case 3:
                return f"{name} {self._not()}{first}-{last}"
            case 4:
                bits = random.choice((24, 29, 30, 31)) if version == 4 else random.choice((64, 125, 126, 127))
                return f"{name} {self._not()}{first}/{bits}"
            case _:
                mask, value = ("0.0.0.3", "0.0.0.1") if version == 4 else ("::3", "::1")
                return f"{name} & {mask} {random.choice(('==', '!='))} {value}"

    def _port(self) -> str:
        random = self._random
        name = f"{random.choice((self.protocol, self.protocol, 'th'))} dport"
        first, last = sorted(random.sample(PORTS, 2))
        match random.randrange(8):
            case 0 | 1:
                return f"{name} {self._not()}{first}"
            case 2 | 3:
                return f"{name} {self._not()}{{ {first}, {last} }}"
            case 4:
                return f"{name} {self._not()}{first}-{last}"
            case 5:
                return f"{name} {random.choice(('<', '>', '<=', '>='))} {first}"
            case 6:
                return f"{name} {self._not()}{{ {first}-{last}, 40000-50000 }}"
            case _:
                return random.choice(("th sport < 30000", f"{self.protocol} sport & 1 == 1", "th sport 1024-40000"))

    def _layer(self) -> str:
        protocol = self.protocol
        choices = [
            f"meta l4proto {self._not()}{protocol}",
            f"meta l4proto {self._not()}{{ {protocol}, 47 }}",
            f"meta protocol {self.family}",
            f"{'ip protocol' if self.version == 4 else 'ip6 nexthdr'} {self._not()}{protocol}",
        ]
        if self.inet:
            choices.append(f"meta nfproto ipv{self.version}")
        return self._random.choice(choices)

    def _interface(self) -> str:
        if self._way == "out":
            return self._random.choice(
                ('oifname "front"', 'oifname != "lo"', 'oifname { "front", "lo" }', 'oifname != "wa*"')
            )
        return self._random.choice(
            (
                f'iifname {self._not()}"front"',
                'iifname "wa*"',
                'iifname != "fr*"',
                'iifname { "front", "lo" }',
                'iifname { "fr*", "lo" }',
                'iifname != { "wan1", "eth0" }',
                f'iif {self._not()}"wan1"',
                'iif { "lo", "front" }',
            )
        )

    def _mark(self) -> str:
        random = self._random
        mark = "meta mark" if self._kind == "ingress" else f"{random.choice(('meta', 'meta', 'ct'))} mark"
        first, last = sorted(any_mark(random) for _ in range(2))
        match random.randrange(8):
            case 0 | 1:
                return f"{mark} {random.choice(('', '!= '))}0x{first:x}"
            case 2:
                return f"{mark} & 0x{last:x} {random.choice(('==', '!='))} 0x{first & last:x}"
            case 3 if first not in (0, last ^ 1):
                return f"{mark} {self._not()}{{ 0x{first:x}, 0x{last ^ 1:x}, 0 }}"
            case 4 if first < last:
                return f"{mark} {self._not()}0x{first:x}-0x{last:x}"
            case 5:
                return f"{mark} {random.choice(('<', '>', '<=', '>='))} 0x{first:x}"
            case 6:
                return f"{mark} & 0x{last:x} {random.choice(('<', '>'))} 0x{first & last:x}"
            case _:
                return f"{mark} {random.choice(('', '!= '))}0"

    def _state(self) -> str:
        return self._random.choice(_STATES)

    def _tracked(self) -> str:
        random, version, family = self._random, self.version, self.family
        return random.choice(
            (
                "ct direction original",
                "ct direction reply",
                "ct status dnat",
                "ct status & seen-reply != 0",
                f"ct original {family} daddr {random.choice(SERVICES[version])}",
                f"ct original {family} saddr {random.choice(SOURCES[version])}",
                f"ct original protocol {self.protocol}",
                f"fib daddr type {self._not()}local",
            )
        )

    def _other(self) -> str:
        """Ask for what is rarely asked for: raw bytes, flags, what the kernel says of the packet."""
        random, version = self._random, self.version
        destination = "@nh,128,32" if version == 4 else "@nh,288,32"
        last = f"0x{0xC0000200 + random.randrange(1, 8):x}" if version == 4 else f"0x{random.randrange(1, 8):x}"
        family = f"meta protocol {self.family} "
        return random.choice(
            (
                f"@th,16,16 {self._not()}{random.choice(PORTS)}",
                "@th,0,16 & 0x3 == 0x1",
                f"{family}{destination} {self._not()}{last}",
                "meta l4proto tcp tcp flags & (fin | syn | rst) != 0",
                "meta l4proto tcp tcp flags & fin != 0",
                "meta pkttype host",
                f"ip version {self._not()}4" if version == 4 else f"ip6 version {self._not()}6",
                f"{self.family} saddr . {self.family} daddr {self._not()}"
                f"{{ {random.choice(SOURCES[version])} . {random.choice(SERVICES[version])} }}",
                f"th dport . th sport {{ {random.choice(PORTS)} . 1024-40000 }}",
            )
        )

    def _among(self) -> str:
        """Ask for keys of one or more fields."""
        fields, types, keys = self._joined(self._random.choice((0, 1, 3, 6)))
        if keys and self._random.random() < 0.5:
            return f"{fields} {self._not()}{{ {', '.join(keys)} }}"
        return f"{fields} {self._not()}@{self._declare('set', types, keys, keys)}"

    def _joined(self, count: int) -> tuple[str, str, list[str]]:
        """Return fields, joined, their types, joined, and at most so many keys."""
        random = self._random
        fields = random.sample(self._fields(wide=random.random() < 0.4), random.choice((1, 1, 2, 2, 3)))
        names, types, pools = zip(*fields, strict=True)
        keys = [" . ".join(random.choice(pool) for pool in pools) for _ in range(count)]
        return " . ".join(names), " . ".join(types), list(dict.fromkeys(keys))

    def _fields(self, *, wide: bool) -> list[tuple[str, str, Sequence[str]]]:
        """Return fields with their types, and values of each that do not overlap, some of them wide."""
        version, family = self.version, self.family
        addresses: Sequence[str] = SERVICES[version]
        ports: Sequence[str] = [str(port) for port in PORTS]
        if wide:
            addresses = (
                f"{addresses[0]}/{30 if version == 4 else 126}",
                f"{addresses[4]}-{addresses[5]}",
                addresses[6],
            )
            ports = ("53", "80-90", "443", "1000-9000")
        fields: list[tuple[str, str, Sequence[str]]] = [
            (f"{family} daddr", f"ipv{version}_addr", addresses),
            (f"{family} saddr", f"ipv{version}_addr", SOURCES[version]),
            ("th dport", "inet_service", ports),
            (f"{self.protocol} dport", "inet_service", [str(port) for port in PORTS]),
            ("meta l4proto", "inet_proto", ("tcp", "udp", "sctp")),
            ("meta mark", "mark", _MARKS),
        ]
        if self._kind != "ingress":
            fields.append(("ct mark", "mark", _MARKS))
        if self._way == "in":
            fields.append(("iifname", "ifname", ('"front"', '"wan1"', '"lo"')))
        return fields
