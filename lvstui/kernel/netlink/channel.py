"""A conversation with one generic netlink family: a socket, its family's number, requests and their answers."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TypeAlias

from lvstui.kernel.namespace import call_in

Part: TypeAlias = tuple[bytearray, list[int]]
"""One datagram of an answer and where the messages in it start; it is overwritten by the next one."""

HEADER = 20
"""Bytes before a message's attributes: struct nlmsghdr and struct genlmsghdr."""

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
"""Flags of a request (NLM_F_*)."""

_MESSAGE = struct.Struct("=IHHIIBBxx")
_START = struct.Struct("=IHHI")
_STATUS = struct.Struct("=i")
_ERROR, _DONE = 2, 3
_BUFFER = 1 << 16
"""Room for the largest datagram: the kernel packs a dump into at most 32 KiB."""

PATIENCE = struct.pack("@ll", 10, 0)
"""A struct timeval: how long the kernel may think before we take the answer for lost."""


class Answer(Exception):
    """The errno with which the kernel answered a request."""

    def __init__(self, code: int) -> None:
        super().__init__(os.strerror(code))
        self.code = code


class Channel:
    """One open socket of a family. Raise Answer(ENOENT) where the kernel has no such family (any more)."""

    def __init__(self, family: str, version: int, netns: str | None) -> None:
        self._socket, self.family = call_in(netns, lambda: _open(family))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, PATIENCE)
        self._version = version
        self._sequence = 0
        self._buffer = bytearray(_BUFFER)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, command: int, payload: bytes, flags: int) -> None:
        """Send one request; answers to earlier ones no longer count."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        length = HEADER + len(payload)
        head = _MESSAGE.pack(length, self.family, flags, self._sequence, 0, command, self._version)
        self._socket.send(head + payload)

    def ask(self, command: int, payload: bytes = b"", flags: int = REQUEST | ACK) -> Iterator[Part]:
        """Send a request and give its answer datagram by datagram, until the kernel says that this was all."""
        self.send(command, payload, flags)
        done = False
        while not done:
            part, done = self._part()
            if part[1]:
                yield part

    def _part(self) -> tuple[Part, bool]:
        """Receive one datagram; tell whether it is the last one."""
        size = self._socket.recv_into(self._buffer)
        starts = []
        position = 0
        while position < size:
            length, kind, _, sequence = _START.unpack_from(self._buffer, position)
            if sequence != self._sequence:
                pass  # a late answer to a request that was given up
            elif kind == self.family:
                starts.append(position)
            elif kind in (_ERROR, _DONE):
                (status,) = _STATUS.unpack_from(self._buffer, position + 16)
                if status:
                    raise Answer(-status)
                return (self._buffer, starts), True
            position += (length + 3) & ~3
        return (self._buffer, starts), False


def messages(parts: Iterable[Part]) -> Iterator[bytes]:
    """Give the attributes of each message, header off."""
    for buffer, starts in parts:
        for start in starts:
            (length,) = struct.unpack_from("=I", buffer, start)
            yield bytes(buffer[start + HEADER : start + length])


def _open(family: str) -> tuple[socket.socket, int]:
    """Open a generic netlink socket and look the family up; to be called where no event loop runs.

    pyroute2 makes and binds the socket and asks for the family. Its event loop then ends, and the socket goes on as
    a plain blocking one, which any thread may use.
    """
    generic = pyroute2_module("pyroute2.netlink.generic")
    exceptions = importlib.import_module("pyroute2.netlink.exceptions")

    class Quiet(generic.AsyncGenericNetlinkSocket):  # type: ignore[name-defined, misc]
        module_err_level = "debug"  # pyroute2 would log a missing family, in the middle of the screen

    class Opener(generic.GenericNetlinkSocket):  # type: ignore[name-defined, misc]
        async_class = Quiet

    opener = Opener()
    try:
        opener.bind(family, generic.ctrlmsg)
        plain = socket.socket(fileno=os.dup(opener.fileno()))
        plain.setblocking(True)
        return plain, opener.prid
    except exceptions.NetlinkError as problem:
        raise Answer(problem.code) from None
    finally:
        opener.close()


def pyroute2_module(name: str) -> ModuleType:
    """Import one module of pyroute2 without its package module, which imports everything there is.

    That takes a third of the time. The stand-in for the package goes at once, so that a later `import pyroute2` by
    anybody gets the real one.
    """
    spec = importlib.util.find_spec("pyroute2")
    if "pyroute2" in sys.modules or spec is None:
        return importlib.import_module(name)
    stand_in = ModuleType("pyroute2")
    stand_in.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["pyroute2"] = stand_in
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules["pyroute2"]
