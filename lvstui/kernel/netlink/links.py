"""The network interfaces of a namespace, asked for again only once the kernel has told of a change among them."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lvstui.kernel.ipvs.wire import attribute, walk
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.channel import DUMP, PATIENCE, REQUEST, pyroute2_module
from lvstui.kernel.port import KernelError

_NEWLINK, _GETLINK = 16, 18
_ERROR, _DONE = 2, 3
_NAME, _MASK, _PROPERTIES, _OTHER_NAME = 3, 29, 52, 53
"""Attributes of a link (IFLA_IFNAME, _EXT_MASK, _PROP_LIST and _ALT_IFNAME in it)."""

_LINKS = 1
"""The multicast group in which the kernel tells of changed links (RTMGRP_LINK)."""

_WITHOUT_STATISTICS = struct.pack("=I", 1 << 3)
_FIT = 0x1 | 0x1000
"""An interface is up and can multicast (IFF_UP, IFF_MULTICAST)."""

_MESSAGE = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_BUFFER = 1 << 16
_NAME_MAX = 15
"""Longest name that IPVS takes; another name of an interface (`ip link property add`) may be longer."""


class _Interface(NamedTuple):
    number: int
    flags: int
    name: str
    others: tuple[str, ...]


class Interfaces:
    """What interfaces there are in the network namespace `netns` (a name of `ip netns`) or in our own."""

    def __init__(self, netns: str | None) -> None:
        self._netns = netns
        self._socket: socket.socket | None = None
        self._names: tuple[str, ...] = ()
        self._stale = True

    def read(self) -> tuple[str, ...]:
        """Name the interfaces that are up and can multicast, then the rest, then what they are called besides.

        Empty where that cannot be told.
        """
        try:
            if self._socket is None:
                self._socket = call_in(self._netns, _open)
            if _news(self._socket) or self._stale:
                found, self._stale = _dump(self._socket)
                self._names = _names(found)
        except (OSError, KernelError):  # the next look starts afresh
            self.close()
        return self._names

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._names, self._stale = None, (), True


def _open() -> socket.socket:
    """Open a socket of pyroute2 that is told of changed links, and keep it as a plain blocking one."""
    opener = pyroute2_module("pyroute2.netlink.nlsocket").NetlinkSocket(family=socket.NETLINK_ROUTE)
    try:
        opener.bind(groups=_LINKS)
        plain = socket.socket(fileno=os.dup(opener.fileno()))
    finally:
        opener.close()
    plain.setblocking(True)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, PATIENCE)
    return plain


def _news(links: socket.socket) -> bool:
    """Tell whether the kernel has told of a change; what it told is dropped."""
    told = False
    while True:
        try:
            links.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return told
        except OSError as problem:
            if problem.errno != errno.ENOBUFS:  # there was more news than the socket holds
                raise
        told = True


def _names(found: Iterable[_Interface]) -> tuple[str, ...]:
    ranked = sorted(found, key=lambda each: (each.flags & _FIT != _FIT, each.number))
    others = [name for each in ranked for name in each.others if len(name.encode()) <= _NAME_MAX]
    return (*(each.name for each in ranked), *others)


def _dump(links: socket.socket) -> tuple[list[_Interface], bool]:
    """Ask for all links; tell too whether news came in between, which carries another port than our answers do."""
    own_port = links.getsockname()[0]
    body = bytes(_LINK.size) + attribute(_MASK, _WITHOUT_STATISTICS)
    links.send(_MESSAGE.pack(_MESSAGE.size + len(body), _GETLINK, REQUEST | DUMP, 1, 0) + body)
    found: list[_Interface] = []
    news = False
    while True:
        datagram = links.recv(_BUFFER)
        position = 0
        while position < len(datagram):
            length, kind, _, _, port = _MESSAGE.unpack_from(datagram, position)
            if port != own_port:
                news = True
            elif kind == _NEWLINK:
                found.append(_interface(datagram[position + _MESSAGE.size : position + length]))
            elif kind in (_ERROR, _DONE):
                (status,) = struct.unpack_from("=i", datagram, position + _MESSAGE.size)
                if status:
                    raise OSError(-status, os.strerror(-status))
                return found, news
            position += (length + 3) & ~3


def _interface(message: bytes) -> _Interface:
    _, _, number, flags, _ = _LINK.unpack_from(message)
    found = dict(_attributes(message[_LINK.size :]))
    others = [_text(name) for kind, name in _attributes(found.get(_PROPERTIES, b"")) if kind == _OTHER_NAME]
    return _Interface(number, flags, _text(found[_NAME]), tuple(others))


def _attributes(block: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, block[start:end]) for number, start, end in walk(block))


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="backslashreplace")
