"""Random ipsets."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.packets.traffic import PORTS, SERVICES, SOURCES

_SETS: Final = {
    "hash:ip": ("dst", "src"),
    "hash:net": ("dst", "src"),
    "hash:ip,port": ("dst,dst", "src,dst"),
    "bitmap:port": ("dst",),
    "hash:ip,port,ip": ("dst,dst,src",),
    "hash:net,port": ("dst,dst",),
    "hash:net,iface": ("dst,src",),
    "list:set": ("dst", "src"),
}
"""Kinds of sets, and what of a packet is looked up in them."""


class Ipsets:
    """A generator of sets of a version of IP (4, 6); `lines` fills with what `ipset restore` makes them of."""

    def __init__(self, random: Random, version: int, prefix: str) -> None:
        self.lines: list[str] = []
        self._random = random
        self._version = version
        self._prefix = prefix
        self._names = 0

    def any(self, way: str) -> tuple[str, str]:
        """Declare a set that rules of a way may ask, and return its name and what is looked up in it."""
        random = self._random
        kind = random.choice(list(_SETS))
        if way == "out" and kind == "hash:net,iface":
            kind = "hash:net"
        return self.new(kind), random.choice(_SETS[kind])

    def new(self, kind: str) -> str:
        """Declare a set of a kind, and those that it lists, and return its name."""
        random = self._random
        members: list[str] = []
        if kind == "list:set":
            members = [self.new(random.choice(("hash:ip", "hash:net"))) for _ in range(random.choice((1, 2)))]
        self._names += 1
        name = f"{self._prefix}{self._version}_{self._names}"
        if kind == "bitmap:port":
            self.lines.append(f"create {name} bitmap:port range 0-20000")
        elif kind == "list:set":
            self.lines.append(f"create {name} list:set")
        else:
            self.lines.append(f"create {name} {kind} family inet{'6' if self._version == 6 else ''}")
        elements = members if kind == "list:set" else list(dict.fromkeys(self._element(kind) for _ in range(4)))
        self.lines += [f"add {name} {element}" for element in elements]
        return name

    def _element(self, kind: str) -> str:
        random = self._random
        where = random.choice((SERVICES, SERVICES, SOURCES))[self._version]
        one, client = random.choice(where), random.choice(SOURCES[self._version])
        bits = random.choice((30, 31, 32)) if self._version == 4 else random.choice((126, 127, 128))
        port = f"{random.choice(('tcp', 'udp', 'sctp'))}:{random.choice(PORTS)}"
        match kind:
            case "hash:ip":
                return one
            case "hash:net":
                return f"{one}/{bits}" + (" nomatch" if random.random() < 0.15 else "")
            case "hash:ip,port":
                return f"{one},{port}"
            case "hash:ip,port,ip":
                return f"{one},{port},{client}"
            case "hash:net,port":
                return f"{one}/{bits},{port}"
            case "hash:net,iface":
                return f"{one}/{bits},{random.choice(('front', 'wan1'))}"
            case _:
                return str(random.choice(PORTS))
