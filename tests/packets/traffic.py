"""Random packets that meet the rules of the generators, and the marks, addresses and ports of both."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from lvstui.core.model import Protocol
from tests.packets.frames import Flow, address
from tests.packets.network import INTERFACES

SERVICES: Final = {
    4: tuple(f"192.0.2.{number}" for number in range(1, 8)),
    6: tuple(f"2001:db8:1::{number}" for number in range(1, 8)),
}
SOURCES: Final = {
    4: tuple(f"198.18.0.{number}" for number in range(1, 8)),
    6: tuple(f"2001:db8:c::{number}" for number in range(1, 8)),
}
PORTS: Final = (21, 53, 80, 443, 8080, 10000)

_REMOTE: Final = {4: "203.0.113.1", 6: "2001:db8:f::1"}
_MARKS: Final = (0x1, 0x50, 0x100, 0xFF, 0xFF00, 0x10000, 0x4000, 0x80000000, 0xFFFFFFFF, 0xFFFF0000)


class Shot(NamedTuple):
    """A packet to be sent: the first of its connection, which goes on where `follows` says so."""

    flow: Flow
    interface: str
    follows: bool


def any_mark(random: Random) -> int:
    """Return a mark that often meets others, and sometimes any."""
    return random.choice(_MARKS) if random.random() < 0.8 else random.randrange(1 << 32)


def shots(random: Random, way: str, count: int, versions: tuple[int, ...] = (4, 4, 6)) -> list[Shot]:
    """Choose packets; no two have the same source and source port."""
    ports = random.sample(range(1024, 65536), count)
    return [_shot(random, way, port, random.choice(versions)) for port in ports]


def _shot(random: Random, way: str, port: int, version: int) -> Shot:
    protocol = random.choice((Protocol.TCP, Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.UDP, Protocol.SCTP))
    here = random.choice(SERVICES[version])
    source, interface = random.choice(SOURCES[version]), random.choice(INTERFACES)
    if way == "out":
        source, interface = random.choice(SERVICES[version]), ""
        here = _REMOTE[version] if random.random() < 0.4 else here
    flow = Flow(protocol, address(source), port, address(here), random.choice(PORTS))
    return Shot(flow, interface, random.random() < 0.4)
