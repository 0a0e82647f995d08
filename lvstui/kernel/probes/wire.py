"""One packet sent past our own network stack, and what comes back to it, taken before that stack drops it.

An answer to a virtual address comes from an address of our own, which routing takes for a forgery (a martian).
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.model import Family, Protocol
from lvstui.kernel.network.packets import ETHERTYPES
from lvstui.kernel.network.sockets import EQUAL, LENGTH, LOAD_BEHIND, LOAD_BYTE, LOAD_HALF, RETURN, Instruction, attach
from lvstui.kernel.probes.frames import Complained, Complaint, Flow, Refused, Reply, asking, ending, read_reply

Send: TypeAlias = Callable[[bytes], bytes]
"""Sends a packet on its way, in its tunnel if there is one, and returns what was sent. Raises OSError."""

_FAR: Final = 64
_NEAR: Final = 1
"""Hops of a packet that whoever gets it may take, but not send on."""

_ROOM: Final = 2048
_ICMP: Final = {Family.IPV4: 1, Family.IPV6: 58}


class Exchange(NamedTuple):
    """What came back, and after how many milliseconds; nothing in time is None."""

    reply: Reply | None
    milliseconds: float | None = None


def exchange(flow: Flow, send: Send, families: Iterable[Family], patience: float) -> Exchange:
    """Ask, wait for an answer for some seconds, and take back what was asked; needs CAP_NET_RAW. Raises OSError.

    Complaints come as packets of any of the `families`. The packet may at first not be sent on by the host that gets
    it: what it is not for would come back to our own IPVS, which would send it to another server.
    """
    with ExitStack() as stack:
        wires = [stack.enter_context(_listen(flow, family)) for family in families]
        found = Exchange(None)
        try:
            found = _converse(flow, send, wires, patience)
        finally:
            if flow.protocol is Protocol.TCP and not isinstance(found.reply, Refused):
                with suppress(OSError):
                    send(ending(flow))
        return found


def _converse(flow: Flow, send: Send, wires: list[socket.socket], patience: float) -> Exchange:
    """Ask, once more after half of the time, and return the first reply that says something."""
    hops, expired = _NEAR, Exchange(None)
    sent = send(asking(flow, hops))
    start = time.perf_counter()
    end, again = start + patience, start + patience / 2
    while (now := time.perf_counter()) < end:
        if now >= again:
            sent, again = send(asking(flow, hops)), end
        ready, _, _ = select.select(wires, [], [], max(0.0, min(again, end) - now))
        for wire in ready:
            reply = read_reply(wire.recv(_ROOM), flow, sent)
            if reply is None:
                continue
            found = Exchange(reply, (time.perf_counter() - start) * 1000)
            if not isinstance(reply, Complained) or reply.complaint is not Complaint.EXPIRED:
                return found
            if flow.source.address.version == 6 or hops == _FAR:  # only IPv4 drops what comes back from ourselves
                return found
            # It may be for something behind the host, which translates addresses.
            hops, expired = _FAR, found
            sent, start = send(asking(flow, hops)), time.perf_counter()
    return expired


def _listen(flow: Flow, family: Family) -> socket.socket:
    """Open a socket that gets the packets of a family that may be about a flow, on any interface."""
    kind = ETHERTYPES[family]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
    try:
        attach(wire, _filter(flow, family))
        wire.setblocking(False)
    except OSError:
        wire.close()
        raise
    return wire


def _filter(flow: Flow, family: Family) -> Sequence[Instruction]:
    """Return a filter that passes complaints, and what goes to our port or (come back) from it."""
    protocol_at, ports = (9, LOAD_BEHIND) if family is Family.IPV4 else (6, LOAD_HALF)
    start = 0 if family is Family.IPV4 else 40
    port = flow.source.port
    return [
        (LOAD_BYTE, 0, 0, protocol_at),
        (EQUAL, 6, 0, _ICMP[family]),
        (EQUAL, 0, 6, int(flow.protocol)),
        (LENGTH, 0, 0, 0),  # of the header of IPv4; in one of IPv6 nothing comes of it
        (ports, 0, 0, start),
        (EQUAL, 2, 0, port),
        (ports, 0, 0, start + 2),
        (EQUAL, 0, 1, port),
        (RETURN, 0, 0, _ROOM),
        (RETURN, 0, 0, 0),
    ]


class Port:
    """A port of ours for one flow, held so that nobody else on this machine gets it meanwhile."""

    def __init__(self, protocol: Protocol, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM if protocol is Protocol.TCP else socket.SOCK_DGRAM)
        try:
            self._socket.bind((address, 0))
        except OSError:
            self._socket.close()
            raise
        self.number: int = self._socket.getsockname()[1]

    def __enter__(self) -> Port:
        return self

    def __exit__(self, *problem: object) -> None:
        self._socket.close()
