"""A conversation with the kernel over one netlink socket: requests, and the one loop that receives answers."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.port import Garbled

HEADER: Final = 20
"""Bytes before a message's attributes: struct nlmsghdr, and the four of struct genlmsghdr or struct nfgenmsg."""

REQUEST, ACK, DUMP, EXCLUSIVE, CREATE, APPEND = 0x001, 0x004, 0x300, 0x200, 0x400, 0x800
"""Flags of a request (NLM_F_*); a dump has both that EXCLUSIVE and another flag stand for elsewhere."""

_INTERRUPTED: Final = 0x10
"""Flag of a message (NLM_F_DUMP_INTR): what is dumped changed on the way."""

_ERROR, _DONE = 2, 3
_KINDS_OF_FAMILIES: Final = 16
"""The lowest kind of message that belongs to a family (NLMSG_MIN_TYPE)."""

_KIND_MAX: Final = 0xFFFF

_HEAD: Final = struct.Struct("=IHHII")
_START: Final = struct.Struct("=IHHI")
_SMALLEST: Final = 20
"""Bytes of the smallest message that we wait for: one that only says how a request ended."""

_STATUS: Final = struct.Struct("=i")
_GENERIC: Final = struct.Struct("=BBxx")
_NETLINK_GENERIC: Final = 16
_CONTROL, _CONTROL_VERSION = 0x10, 2
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
"""The family that knows all families: GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME."""

_ERRNO_MAX: Final = 4095  # MAX_ERRNO
_BUFFER: Final = 1 << 17
"""Room for the largest datagram: the kernel packs a dump into at most 32 KiB, unless one object needs more."""

_PATIENCE: Final = struct.pack("@ll", 10, 0)
"""A struct timeval: how long the kernel may think before its answer counts as lost."""


class Answer(OSError):
    """The errno with which the kernel answered a request."""

    def __init__(self, code: int) -> None:
        super().__init__(code, os.strerror(code))
        self.code = code


class Interrupted(OSError):
    """What was being dumped changed on the way: the answer is a mixture."""

    def __init__(self) -> None:
        super().__init__(errno.EINTR, "what was being read changed on the way")


class Datagram(NamedTuple):
    """One datagram of an answer, which the next one overwrites.

    `spans` are start and end of the messages that belong to the newest request, `statuses` sequence number and errno
    (0: done) of those that say how a request ended.
    """

    buffer: bytearray
    spans: list[tuple[int, int]]
    statuses: list[tuple[int, int]]
    interrupted: bool

    def data(self) -> bytes:
        """Return a copy of the whole datagram, to cut `spans` from."""
        return bytes(memoryview(self.buffer)[: self.spans[-1][1] if self.spans else 0])


def frame(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Write a whole message."""
    return _HEAD.pack(_HEAD.size + len(body), kind, flags, sequence, 0) + body


class Channel:
    """A blocking socket, and requests whose answers are known by their sequence numbers.

    Every method raises OSError where the socket fails or the kernel is silent for seconds, `Garbled` where what comes
    is no sequence of messages.
    """

    def __init__(self, plain: socket.socket) -> None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        self._socket = plain
        self._sequence = 0
        self._buffer = bytearray(_BUFFER)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, kind: int, flags: int, body: bytes) -> None:
        """Send one request; answers to earlier ones no longer count."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        self._socket.send(frame(kind, flags, self._sequence, body))

    def send_raw(self, data: bytes) -> None:
        """Send messages that carry sequence numbers of their own."""
        self._socket.send(data)

    def request(self, kind: int, flags: int, body: bytes) -> Iterator[Datagram]:
        """Send a request and yield its answer, datagram by datagram, until the kernel says that this was all.

        Without ACK or DUMP among the `flags` the answer is one message. Raises `Answer` with the errno of a refusal,
        `Interrupted` at the end of a dump that is a mixture.
        """
        self.send(kind, flags, body)
        interrupted = False
        while True:
            datagram = self.receive()
            interrupted = interrupted or datagram.interrupted
            if datagram.spans:
                yield datagram
                if not flags & (ACK | DUMP):
                    return
            for sequence, code in datagram.statuses:
                if sequence != self._sequence:
                    continue
                if code:
                    raise Answer(code)
                if interrupted:
                    raise Interrupted
                return

    def receive(self, flags: int = 0) -> Datagram:
        """Receive one datagram; `flags` are those of recv()."""
        buffer, wanted = self._buffer, self._sequence
        size = self._socket.recv_into(buffer, 0, flags)
        spans: list[tuple[int, int]] = []
        statuses: list[tuple[int, int]] = []
        interrupted = position = 0
        unpack = _START.unpack_from
        while position < size:
            length, kind, seen, sequence = unpack(buffer, position)
            end = position + length
            if length < _SMALLEST or end > size:
                raise Garbled(f"a message of {length} bytes in {size - position}")
            if kind in (_ERROR, _DONE):
                (status,) = _STATUS.unpack_from(buffer, position + 16)
                if not -_ERRNO_MAX <= status <= 0:
                    raise Garbled(f"a request ended with {status}")
                statuses.append((sequence, -status))
            if sequence == wanted:  # else a late answer to a request that was given up, or news
                interrupted |= seen & _INTERRUPTED
                if kind >= _KINDS_OF_FAMILIES:
                    spans.append((position, end))
            position = (end + 3) & ~3
        return Datagram(buffer, spans, statuses, bool(interrupted))


def messages(datagrams: Iterable[Datagram], header: int = HEADER) -> Iterator[bytes]:
    """Yield the content of every message, without the `header` bytes before it."""
    for datagram in datagrams:
        data = datagram.data()
        for start, end in datagram.spans:
            yield data[start + header : end]


def announced(news: socket.socket) -> bool:
    """Drop what a socket of multicast groups holds, and return whether that was anything."""
    found = False
    while True:
        try:
            news.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return found
        except OSError as problem:
            if problem.errno != errno.ENOBUFS:  # there was more news than the socket holds
                raise
        found = True


class GenericFamily:
    """A generic netlink family. Raises Answer(ENOENT) where the kernel has no such family (any more)."""

    def __init__(self, name: str, version: int, netns: str | None) -> None:
        self._channel = Channel(call_in(netns, open_generic))
        self._version = version
        try:
            self.number = look_up(self._channel, name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket."""
        self._channel.close()

    def send(self, command: int, payload: bytes, flags: int) -> None:
        """Send one request without waiting for its answer."""
        self._channel.send(self.number, flags, _GENERIC.pack(command, self._version) + payload)

    def request(self, command: int, payload: bytes = b"", flags: int = REQUEST | ACK) -> Iterator[Datagram]:
        """Send a request and yield its answer, datagram by datagram; raises `Answer`."""
        return self._channel.request(self.number, flags, _GENERIC.pack(command, self._version) + payload)


def open_generic() -> socket.socket:
    """Open a generic netlink socket in the namespace that the calling thread is in."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)


def look_up(channel: Channel, name: str) -> int:
    """Return the number of a generic netlink family, whose module the kernel loads where it can.

    Raises Answer(ENOENT) where there is no such family, `Garbled` for an answer that names no number.
    """
    wanted = NATIVE.attribute(_FAMILY_NAME, name.encode() + b"\0")
    body = _GENERIC.pack(_GET_FAMILY, _CONTROL_VERSION) + wanted
    message, *_ = (*messages(channel.request(_CONTROL, REQUEST, body)), b"")
    number = NATIVE.number(NATIVE.attributes(message)[_FAMILY_ID])
    if not _KINDS_OF_FAMILIES <= number <= _KIND_MAX:
        raise Garbled(f"a family of number {number}")
    return number
