"""Random matches of iptables: what a rule may ask of a packet, its connection and ipsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.packets.ipsets import Ipsets
from tests.packets.traffic import PORTS, SERVICES, SOURCES, any_mark

_UNSURE: Final = 0.002
"""The share of conditions that nobody can foretell."""


def masked_mark(random: Random) -> str:
    """Write a mark, half of them with a mask."""
    return f"0x{any_mark(random):x}" + (f"/0x{any_mark(random):x}" if random.random() < 0.5 else "")


class Matches:
    """Matches for rules of one way (`in`, `out`) and version of IP; without `ipsets` none looks into one.

    Rules outside of base chains ask for no interface: of several ways to them not all may.
    """

    def __init__(self, random: Random, way: str, version: int, ipsets: Ipsets | None) -> None:
        self._random = random
        self._way = way
        self._version = version
        self._ipsets = ipsets
        self.in_base_chain = False

    def _not(self) -> str:
        return self._random.choice(("", "", "", "! "))

    def ports(self, protocol: str) -> list[str]:
        """Write what asks for the ports of a protocol, at most one."""
        random = self._random
        first, last = sorted(random.sample(PORTS, 2))
        match random.randrange(8):
            case 0 | 1:
                return [f"{self._not()}--dport {first}"]
            case 2:
                return [f"{self._not()}--dport {first}:{last}"]
            case 3:
                return [f"{self._not()}--sport {random.choice((':30000', '30000:', '1024:2000'))}"]
            case 4:
                return [f"-m multiport {self._not()}--dports {first},{last},30000:40000"]
            case 5:
                return [f"-m multiport {self._not()}--{random.choice(('ports', 'sports'))} {first},1024:30000"]
            case 6 if protocol == "tcp":
                return [random.choice(("--syn", "! --syn", "--tcp-flags RST,ACK,SYN SYN", "! --tcp-flags FIN FIN"))]
        return []

    def any(self) -> list[str]:
        """Write at most two that need no protocol; an empty one asks nothing."""
        return [make() for make in self._random.sample(self._makers(), self._random.choice((0, 0, 1, 1, 2)))]

    def _makers(self) -> Sequence[Callable[[], str]]:
        if self._random.random() < _UNSURE:
            return (self._unsure,) * 2
        return (
            self._address,
            self._interface,
            self._mark,
            self._connection_mark,
            self._state,
            self._original,
            self._range,
            self._set,
            self._kind,
        )

    def _unsure(self) -> str:
        return self._random.choice(
            (
                "-m statistic --mode random --probability 0.5",
                "-m limit --limit 1/hour --limit-burst 3",
                "-m length --length 0:60",
                f'-m u32 --u32 "{6 if self._version == 4 else 3}&0xff=6"',
            )
        )

    def _address(self) -> str:
        random = self._random
        pool = random.choice((SERVICES, SERVICES, SOURCES))
        bits = random.choice((32, 32, 31, 30, 24)) if self._version == 4 else random.choice((128, 128, 127, 126, 64))
        sign = "-s" if pool is SOURCES else "-d"
        return f"{self._not()}{sign} {random.choice(pool[self._version])}/{bits}"

    def _interface(self) -> str:
        if self._way == "out" and self._random.random() < 0.1:  # by which interface a packet leaves is not known
            return f"{self._not()}-o {self._random.choice(('front', 'lo', 'fr+'))}"
        if not self.in_base_chain or self._way == "out":
            return ""
        return f"{self._not()}-i {self._random.choice(('front', 'wan1', 'wan+', 'f+', 'lo'))}"

    def _mark(self) -> str:
        return f"-m mark {self._not()}--mark {self._random.choice((masked_mark(self._random), '0', '0x0/0xff'))}"

    def _connection_mark(self) -> str:
        return f"-m connmark {self._not()}--mark {self._random.choice((masked_mark(self._random), '0', '0x0/0xff'))}"

    def _state(self) -> str:
        states = self._random.choice(
            ("NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "NEW,INVALID", "INVALID", "UNTRACKED")
        )
        if self._random.random() < 0.3:
            return f"-m state {self._not()}--state {states}"
        return f"-m conntrack {self._not()}--ctstate {states}"

    def _original(self) -> str:
        random = self._random
        where = random.choice(SERVICES[self._version])
        return random.choice(
            (
                f"-m conntrack {self._not()}--ctorigdst {where}",
                f"-m conntrack {self._not()}--ctorigsrc {random.choice(SOURCES[self._version])}",
                f"-m conntrack --ctproto tcp {self._not()}--ctorigdstport {random.choice(PORTS)}",
                "-m conntrack --ctdir ORIGINAL",
                "-m conntrack --ctdir REPLY",
                f"-m conntrack --ctstate {random.choice(('DNAT', 'NEW,DNAT'))}",
                f"-m conntrack {self._not()}--ctproto udp",
            )
        )

    def _range(self) -> str:
        random = self._random
        pool, side = random.choice(((SERVICES, "dst"), (SOURCES, "src")))
        first, last = sorted(random.sample(range(7), 2))
        every = pool[self._version]
        return f"-m iprange {self._not()}--{side}-range {every[first]}-{every[last]}"

    def _kind(self) -> str:
        kinds = (
            f"-m addrtype {self._not()}--dst-type LOCAL",
            "-m comment --comment none",
            "-m pkttype --pkt-type unicast",
        )
        return self._random.choice(kinds)

    def _set(self) -> str:
        if self._ipsets is None:
            return ""
        name, dimensions = self._ipsets.any(self._way)
        return f"-m set {self._not()}--match-set {name} {dimensions}"
