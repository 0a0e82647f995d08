"""Conversations with the kernel over netlink: recorded from a real one, and played back with some bytes changed."""

from __future__ import annotations

import gzip
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lvstui.kernel.ipvs.client import Netlink
from lvstui.kernel.netlink.channel import Channel, GenericFamily
from lvstui.kernel.netlink.links import Interfaces, _Sockets
from lvstui.kernel.nft.nfnetlink import Netfilter

SEEDS = Path(__file__).parent / "seeds"

_HEAD = struct.Struct("=IHHI")
_DONE = struct.pack("=IHHIIi", 20, 3, 0, 0, 0, 0)
_NUMBERED = slice(8, 16)
"""Where a message has its sequence number and the port of its socket."""

Mutation: TypeAlias = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, without the numbers that differ each time, and the datagrams of its answer."""

    request: bytes
    answer: tuple[bytes, ...]


Conversation: TypeAlias = tuple[Exchange, ...]


def load(name: str) -> dict[str, Conversation]:
    """Return recorded conversations by what they are about."""
    found = json.loads(gzip.decompress((SEEDS / f"{name}.json.gz").read_bytes()))
    return {
        title: tuple(Exchange(bytes.fromhex(sent), tuple(map(bytes.fromhex, parts))) for sent, parts in exchanges)
        for title, exchanges in found.items()
    }


def save(name: str, conversations: dict[str, Conversation]) -> None:
    """Keep recorded conversations."""
    found = {
        title: [(exchange.request.hex(), [part.hex() for part in exchange.answer]) for exchange in conversation]
        for title, conversation in conversations.items()
    }
    (SEEDS / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(found).encode(), mtime=0))


class Recorder(socket.socket):
    """A socket to the real kernel that keeps what is said."""

    def __init__(self, real: socket.socket) -> None:
        super().__init__(real.family, real.type, real.proto, real.detach())
        self._said: list[tuple[bytes, list[bytes]]] = []

    def send(self, data: object, flags: int = 0) -> int:
        """Send a request."""
        request = bytes(data)  # type: ignore[call-overload]
        self._said.append((unnumbered(request), []))
        return super().send(request, flags)

    def recv_into(self, buffer: object, nbytes: int = 0, flags: int = 0) -> int:
        """Receive a part of an answer."""
        size = super().recv_into(buffer, nbytes, flags)  # type: ignore[arg-type]
        self._said[-1][1].append(bytes(memoryview(buffer)[:size]))  # type: ignore[arg-type]
        return size

    @property
    def conversation(self) -> Conversation:
        """What was said so far."""
        return tuple(Exchange(request, tuple(answer)) for request, answer in self._said)


class Tape(socket.socket):
    """A socket that answers as a recorded kernel did; the answer at `place` is changed by a mutation.

    A request that was not made then finds nothing, and what is not answered times out at once.
    """

    def __init__(self, conversation: Conversation, place: int = -1, mutation: Mutation = bytes) -> None:
        super().__init__()
        self._answers = {exchange.request: (n, exchange.answer) for n, exchange in enumerate(conversation)}
        self._change = place, mutation
        self._waiting: list[bytes] = []

    def send(self, data: object, flags: int = 0) -> int:  # noqa: ARG002 - the signature of sockets
        """Take a request, and have its answer ready."""
        request = bytes(data)  # type: ignore[call-overload]
        place, answer = self._answers.get(unnumbered(request), (-2, (_DONE,)))
        numbered = [renumbered(part, request[_NUMBERED]) for part in answer]
        changed, mutation = self._change
        if place == changed:
            numbered = [mutation(part) for part in numbered]
        self._waiting = numbered
        return len(request)

    def recv_into(self, buffer: object, nbytes: int = 0, flags: int = 0) -> int:  # noqa: ARG002
        """Hand out the next part of the answer."""
        if not self._waiting:
            raise BlockingIOError(11, "silence")
        part = self._waiting.pop(0)[: len(memoryview(buffer))]  # type: ignore[arg-type]
        memoryview(buffer)[: len(part)] = part  # type: ignore[arg-type]
        return len(part)


def unnumbered(message: bytes) -> bytes:
    """Return a request without what differs each time it is made."""
    return message[: _NUMBERED.start] + bytes(8) + message[_NUMBERED.stop :]


def renumbered(datagram: bytes, numbers: bytes) -> bytes:
    """Return an answer as it would be to the request with these numbers."""
    changed, position = bytearray(datagram), 0
    while position + _HEAD.size <= len(datagram):
        size, _, _, _ = _HEAD.unpack_from(datagram, position)
        changed[position + _NUMBERED.start : position + _NUMBERED.stop] = numbers
        position += max(size + 3 & ~3, _HEAD.size)
    return bytes(changed)


class _Family(GenericFamily):
    def __init__(self, tape: socket.socket, number: int) -> None:
        self._channel = Channel(tape)
        self._version = 1
        self.number = number


def ipvs(tape: socket.socket, number: int) -> Netlink:
    """Return IPVS's side of a conversation, whose family has this number."""
    client = Netlink()
    client._session._family = _Family(tape, number)
    return client


class Filter(Netfilter):
    """The packet filter's side of a conversation."""

    def __init__(self, tape: socket.socket) -> None:
        self._channel = Channel(tape)


def interfaces(tape: socket.socket, news: socket.socket) -> Interfaces:
    """Return the side of a conversation about links, of which `news` come."""
    found = Interfaces(None)
    found._sockets = _Sockets(news, Channel(tape))
    return found
