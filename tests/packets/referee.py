"""What a walk says of packets, compared with what becomes of them on the kernel."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from lvstui.core.model import Address
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome, Program
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import Fate, Way, walk
from lvstui.core.trace.route import RouteQuestion
from lvstui.kernel.netlink.addresses import Addresses
from lvstui.kernel.routes import find_route
from tests.packets.frames import Turn
from tests.packets.network import Key, Network, Seen, is_local, key_of
from tests.packets.traffic import Shot

_SHOWN: Final = 3
"""Differences that are written out for a ruleset."""


def _kind_of(address: Address) -> str | None:
    return "local" if is_local(address) else "unicast"


def _index_of(interface: str) -> int | None:
    return socket.if_nametoindex(interface)


def _addresses_of(interface: str) -> Sequence[Address] | None:
    with closing(Addresses(None)) as addresses:
        return addresses.read().get(interface)


def _leaves_by(to: Address, source: Address, mark: int) -> str | None:
    return find_route(RouteQuestion(to, source, mark), None).interface or None


AROUND: Final = Surroundings(_kind_of, _index_of, _addresses_of, _leaves_by)


@dataclass
class Tally:
    """How many packets were walked, how many not for certain, where the kernel did otherwise, and which marks came.

    None of `came` is a packet that did not come to IPVS's place.
    """

    packets: int = 0
    unsure: int = 0
    wrong: list[str] = field(default_factory=list)
    came: list[int | None] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another one."""
        self.packets += other.packets
        self.unsure += other.unsure
        self.wrong += other.wrong
        self.came += other.came


def compare(network: Network, program: Program, shots: Sequence[Shot], way: str) -> Tally:
    """Send packets, first ones and where wanted a next one, and compare what comes to IPVS's place with the walks.

    `program` was read before anything is recorded.
    """
    tally = Tally()
    local = way == "out"
    network.record(way)
    firsts = {shot: _packet(shot, local, connection_mark=0) for shot in shots}
    seen = _send(network, program, firsts, Turn.FIRST, tally)
    going = [shot for shot in shots if shot.follows and _answered(seen.get(key_of(shot.flow), ()))]
    network.forget()
    nexts: dict[Shot, Packet] = {}
    for number, shot in enumerate(going):
        found = seen[key_of(shot.flow)][0]
        back = shot.flow._replace(destination=found.answering, destination_port=found.answering_port).back
        if local:
            network.send(back, Turn.ANSWER, "front")
        else:
            network.send_here(back, Turn.ANSWER)
        # The mark of its connection is told every second time, so that both ways to say it are tried.
        told = found.connection_mark if number % 2 else None
        nexts[shot] = _packet(shot, local, established=True, connection_mark=told)
    _send(network, program, nexts, Turn.NEXT, tally)
    return tally


def _answered(seen: Sequence[Seen]) -> bool:
    """Return whether an answer can come: not from an address of the loopback interface, which no other one takes."""
    return len(seen) == 1 and not seen[0].answering.is_loopback


def _packet(shot: Shot, local: bool, *, established: bool = False, connection_mark: int | None) -> Packet:
    flow = shot.flow
    return Packet(
        flow.protocol,
        flow.source,
        flow.destination,
        flow.destination_port,
        flow.source_port,
        shot.interface,
        local,
        established,
        connection_mark,
    )


def _send(
    network: Network, program: Program, packets: dict[Shot, Packet], turn: Turn, tally: Tally
) -> dict[Key, list[Seen]]:
    """Send packets, compare, and return what was seen."""
    ways = {}
    for shot, packet in packets.items():
        if packet.local:
            network.send_here(shot.flow, turn)
        else:
            network.send(shot.flow, turn, shot.interface)
        ways[shot] = walk(program, packet, AROUND)

    def missing(seen: dict[Key, list[Seen]]) -> Iterator[tuple[Shot, str]]:
        for shot, packet in packets.items():
            if problem := _difference(packet, ways[shot], seen.get(key_of(shot.flow), [])):
                yield shot, problem

    seen = network.wait(lambda seen: not any(missing(seen)))
    wrong = list(missing(seen))
    tally.packets += len(packets)
    tally.unsure += sum(not way.certain for way in ways.values())
    tally.wrong += [_told(packets[shot], ways[shot], problem) for shot, problem in wrong[:_SHOWN]]
    tally.wrong += [""] * len(wrong[_SHOWN:])
    found = (seen.get(key_of(shot.flow)) for shot in packets)
    tally.came += [came[0].mark if came else None for came in found]
    return seen


def _difference(packet: Packet, way: Way, seen: Sequence[Seen]) -> str:
    """Return how the kernel did what the walk does not know of, else an empty text."""
    if not seen:
        return "" if any(not _arrives(packet, fate) for fate in way.fates) else "it did not come to IPVS"
    for found in seen:
        if not any(_fits(fate, found) for fate in way.fates):
            return f"it came as {found}"
    return ""


def _arrives(packet: Packet, fate: Fate) -> bool:
    """Return whether it surely comes to IPVS's place: what goes elsewhere is forwarded, but what is sent passes it."""
    if fate.outcome is not Outcome.ACCEPT:
        return False
    return packet.local or fate.destination is None or is_local(fate.destination)


def _fits(fate: Fate, found: Seen) -> bool:
    if fate.outcome is not Outcome.ACCEPT or (found.mark ^ fate.mark) & ~fate.unknown:
        return False
    if fate.destination not in (None, found.destination) or fate.port not in (None, found.port):
        return False
    of_connection = found.connection_mark
    return of_connection is None or not (of_connection ^ fate.connection_mark) & ~fate.connection_unknown


def _told(packet: Packet, way: Way, problem: str) -> str:
    fates = "; ".join(f"{fate.outcome.value} 0x{fate.mark:x}/0x{fate.unknown:x} {fate}" for fate in way.fates[:4])
    return f"{packet}: {problem}, but the walk says {'certainly ' if way.certain else ''}{fates} {way.trouble}"
