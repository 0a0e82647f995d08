"""The addresses of each network interface, read again only once the kernel has announced a change among them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing
from ipaddress import ip_address
from typing import Final

from lvstui.core.model import Address, Family
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import DUMP, REQUEST, Channel, messages
from lvstui.kernel.netlink.news import Announced, open_route
from lvstui.kernel.port import Garbled

_GETADDR: Final = 22
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8
"""Attributes of an address (IFA_*); of one that has a peer, `_ADDRESS` is the peer's."""

_NEWS: Final = 0x1 | 0x10 | 0x100
"""The groups in which changed links and addresses are announced (RTMGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR)."""

_OPTIMISTIC, _TENTATIVE = 0x04, 0x40
"""The kernel still looks whether another machine has the address; an optimistic one is used meanwhile (IFA_F_*)."""

_HEAD: Final = 16
_ROW: Final = struct.Struct("=BBBBI")
"""Bytes of struct nlmsghdr, and struct ifaddrmsg behind it: family, prefix, flags, scope, the interface's number."""
_FAMILIES: Final = (Family.IPV4, Family.IPV6)

Found = Mapping[str, tuple[Address, ...]]


class Addresses(Announced[Found]):
    """The addresses of each interface that are in use, IPv4 first, in the kernel's own order.

    Of IPv4 it is the first one only, as an interface may have thousands.
    """

    def __init__(self, netns: str | None) -> None:
        super().__init__(netns, _NEWS, _read, {})


def _read() -> Found:
    names = dict(socket.if_nameindex())
    with closing(Channel(open_route())) as channel:
        held = _by_number(messages(channel.request(_GETADDR, REQUEST | DUMP, bytes(_ROW.size)), _HEAD))
    return {
        name: tuple(address for family in _FAMILIES for address in held.get((number, family), ()))
        for number, name in names.items()
    }


def _by_number(rows: Iterable[bytes]) -> Mapping[tuple[int, int], list[Address]]:
    """Return addresses by the interface's number and the family."""
    held: dict[tuple[int, int], list[Address]] = {}
    for row in rows:
        if len(row) < _ROW.size:
            raise Garbled("an address that is cut off")
        family, _, low_flags, _, number = _ROW.unpack_from(row)
        if family not in _FAMILIES or (family == Family.IPV4 and (number, family) in held):
            continue
        found = NATIVE.attributes(row[_ROW.size :])
        flags = NATIVE.number(found[_FLAGS]) if _FLAGS in found else low_flags
        data = found.get(_LOCAL) or found[_ADDRESS]
        if flags & (_TENTATIVE | _OPTIMISTIC) != _TENTATIVE and len(data) in (4, 16):
            held.setdefault((number, family), []).append(ip_address(data))
    return held
