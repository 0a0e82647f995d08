"""A conversation with nfnetlink: the generation of the ruleset, and dumps that say when they are a mixture."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.channel import Answer
from lvstui.kernel.nft.wire import (
    BEGIN,
    DONE,
    DUMP,
    END,
    ERROR,
    GETGEN,
    HEADER,
    INTERRUPTED,
    NETFILTER,
    REQUEST,
    TABLES,
    attributes,
    frame,
    number,
    u32,
)

_START = struct.Struct("=IHHI")
_STATUS = struct.Struct("=i")
_PATIENCE: Final = struct.pack("@ll", 5, 0)
_BUFFER: Final = 1 << 17
"""Room for the largest datagram of a dump (the kernel takes what the last one could have held, 32 KiB as a rule)."""


_T = TypeVar("_T")


def looking_into(netns: str | None, work: Callable[[], _T]) -> _T:
    """Do something in a namespace; in our own one right here, as no thread is needed for that."""
    return work() if netns is None else call_in(netns, work)


class Interrupted(Exception):
    """The ruleset changed while it was dumped: what was read belongs to no generation."""


class Item(NamedTuple):
    """One message of a dump: its family's number and its attributes."""

    family: int
    body: bytes


class Channel:
    """One socket to nfnetlink. Raises `Answer` with the kernel's errno: EPROTONOSUPPORT where there is no nfnetlink."""

    def __init__(self, netns: str | None) -> None:
        try:
            self._socket = looking_into(netns, _open)
        except OSError as problem:
            raise Answer(problem.errno or errno.EIO) from None
        self._sequence = 0
        self._buffer = memoryview(bytearray(_BUFFER))
        self._interrupted = False

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def generation(self) -> int:
        """Ask for the number of the ruleset's generation, which every transaction raises."""
        body = next(iter(self.ask(TABLES << 8 | GETGEN))).body
        return number(attributes(body).get(1))

    def settled(self, generation: int) -> None:
        """Wait until a generation stands as a whole; raises `Interrupted` where it is no longer the newest one.

        A transaction raises the number first and then puts its changes in place, which a dump does not wait for
        (net/netfilter/nf_tables_api.c, nf_tables_commit). A transaction does wait, and an empty one changes nothing.
        """
        begin = frame(BEGIN, REQUEST, 0, 0, TABLES, u32(1, generation))
        end = frame(END, REQUEST, 1, 0, TABLES, b"")
        try:
            self._socket.send(begin + end)
            answer = self._socket.recv(_BUFFER, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return  # only a refusal is answered, and that before the message is sent
        except OSError as problem:
            raise Answer(problem.errno or errno.EIO) from None
        (status,) = _STATUS.unpack_from(answer, 16)
        if status == -errno.ERESTART:
            raise Interrupted
        raise Answer(-status)

    def dump(self, kind: int, family: int = 0, body: bytes = b"") -> list[Item]:
        """Read all objects of a kind, of one family or (0) of all.

        Raises `Interrupted` where the kernel says that the list changed on the way.
        """
        return self.ask(TABLES << 8 | kind, DUMP, family, body)

    def ask(self, kind: int, flags: int = 0, family: int = 0, body: bytes = b"") -> list[Item]:
        """Send a request and give the messages of its answer."""
        items: list[Item] = []
        try:
            self._interrupted = False
            self._sequence = (self._sequence + 1) & 0xFFFFFFFF
            self._socket.send(frame(kind, REQUEST | flags, self._sequence, family, 0, body))
            while self._part(items, bool(flags & DUMP)):
                pass
        except OSError as problem:
            raise Answer(problem.errno or errno.EIO) from None
        return items

    def _part(self, items: list[Item], many: bool) -> bool:
        """Receive one datagram of an answer; tell whether more will come."""
        size = self._socket.recv_into(self._buffer)
        part = bytes(self._buffer[:size])
        position, wanted = 0, self._sequence
        unpack = _START.unpack_from
        while position < size:
            length, kind, flags, sequence = unpack(part, position)
            if sequence != wanted:
                pass  # a late answer to a request that was given up
            elif kind in (ERROR, DONE):
                (status,) = _STATUS.unpack_from(part, position + 16)
                if status:
                    raise Answer(-status)
                if self._interrupted or flags & INTERRUPTED:
                    raise Interrupted
                return False
            else:
                items.append(Item(part[position + 16], part[position + HEADER : position + length]))
                if not many:
                    return False
                if flags & INTERRUPTED:
                    self._interrupted = True
            position += (length + 3) & ~3
        return True


def _open() -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
    channel.bind((0, 0))
    return channel
