"""The network interfaces of a namespace, read again only once the kernel has announced a change among them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import DUMP, REQUEST, Channel, Interrupted, announced, messages
from lvstui.kernel.port import Garbled, KernelError

_GETLINK: Final = 18
_NAME, _MASK, _PROPERTIES, _OTHER_NAME = 3, 29, 52, 53
"""Attributes of a link (IFLA_IFNAME, _EXT_MASK, _PROP_LIST and _ALT_IFNAME in it)."""

_LINKS: Final = 1
"""The multicast group in which the kernel announces changed links (RTMGRP_LINK)."""

_WITHOUT_STATISTICS: Final = struct.pack("=I", 1 << 3)
_FIT: Final = 0x1 | 0x1000
"""An interface is up and can multicast (IFF_UP, IFF_MULTICAST)."""

_HEAD: Final = 16
_LINK: Final = struct.Struct("=BxHiII")
"""Bytes of struct nlmsghdr, and struct ifinfomsg behind it."""
_NAME_MAX: Final = 15
"""Longest name that IPVS takes; another name of an interface (`ip link property add`) may be longer."""


class _Interface(NamedTuple):
    number: int
    flags: int
    name: str
    others: tuple[str, ...]


class _Sockets(NamedTuple):
    """One socket for the news and one for answers, so that the two never mix."""

    news: socket.socket
    answers: Channel


class Interfaces:
    """What interfaces there are in the network namespace `netns` (a name of `ip netns`) or in our own."""

    def __init__(self, netns: str | None) -> None:
        self._netns = netns
        self._sockets: _Sockets | None = None
        self._names: tuple[str, ...] = ()
        self._stale = True

    def read(self) -> tuple[str, ...]:
        """Return the interfaces that are up and can multicast, then the rest, then their other names.

        Empty where that is unknown.
        """
        try:
            if self._sockets is None:
                self._sockets = call_in(self._netns, _open)
            news, answers = self._sockets
            if announced(news) or self._stale:
                self._stale = True
                self._names = _names(_links(answers))
                self._stale = False
        except Interrupted:
            pass  # the next look reads them again
        except (OSError, KernelError):  # the next look starts afresh
            self.close()
        return self._names

    def close(self) -> None:
        """Close the sockets."""
        if self._sockets is not None:
            for opened in self._sockets:
                opened.close()
        self._sockets, self._names, self._stale = None, (), True


def _open() -> _Sockets:
    news, answers = (
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) for _ in range(2)
    )
    news.bind((0, _LINKS))
    return _Sockets(news, Channel(answers))


def _names(interfaces: Iterable[_Interface]) -> tuple[str, ...]:
    ranked = sorted(interfaces, key=lambda interface: (interface.flags & _FIT != _FIT, interface.number))
    others = [name for interface in ranked for name in interface.others if len(name.encode()) <= _NAME_MAX]
    return (*(interface.name for interface in ranked), *others)


def _links(answers: Channel) -> Iterator[_Interface]:
    request = bytes(_LINK.size) + NATIVE.attribute(_MASK, _WITHOUT_STATISTICS)
    for message in messages(answers.request(_GETLINK, REQUEST | DUMP, request), _HEAD):
        if len(message) < _LINK.size:
            raise Garbled("an interface that is cut off")
        _, _, number, flags, _ = _LINK.unpack_from(message)
        found = NATIVE.attributes(message[_LINK.size :])
        properties = found.get(_PROPERTIES, b"")
        others = [properties[start:end] for kind, start, end in NATIVE.walk(properties) if kind == _OTHER_NAME]
        yield _Interface(number, flags, _text(found[_NAME]), tuple(map(_text, others)))


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="backslashreplace")
