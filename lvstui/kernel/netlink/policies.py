"""The rules of policy routing (`ip rule`) that ask for a mark, read again once the kernel has announced a change."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from typing import Final

from lvstui.core.model import Family
from lvstui.core.observed import ALL_BITS, Policy
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import DUMP, REQUEST, Channel, messages
from lvstui.kernel.netlink.news import Announced, open_route
from lvstui.kernel.port import Garbled

_GETROUTE, _GETRULE = 26, 34
_IPV4_RULES, _IPV6_RULES = 1 << 7, 1 << 18
"""The multicast groups in which the kernel announces changed rules (RTNLGRP_IPV4_RULE, _IPV6_RULE)."""

_GOTO, _PRIORITY, _MARK, _TABLE, _MASK = 4, 6, 10, 15, 16
"""Attributes of a rule (FRA_*); that of a table is the same for a route (RTA_TABLE)."""

_ACTIONS: Final = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
"""What a rule does (FR_ACT_*)."""

_TO_TABLE: Final = 1
_INVERTED: Final = 0x2
_FAMILIES: Final = (Family.IPV4, Family.IPV6)

_HEAD: Final = 16
_ROW: Final = struct.Struct("=BBBBBBBBI")
"""struct fib_rule_hdr and struct rtmsg: family, six bytes, the action of a rule or the type of a route, flags."""

_LOCAL: Final = 2
"""The type of a route that delivers packets to this machine (RTN_LOCAL)."""

_SOL_NETLINK, _STRICT = 270, 12
"""NETLINK_GET_STRICT_CHK: only the routes of the table that is asked for are listed (since Linux 4.20)."""

_REST: Final = 30.0
"""Seconds after which rules about marks are read again unasked: the routes of their tables may have changed."""


class Policies(Announced[tuple[Policy, ...]]):
    """The rules about marks of a network namespace; none where that is unknown."""

    def __init__(self, netns: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        groups = _IPV4_RULES | _IPV6_RULES
        super().__init__(netns, groups, lambda: tuple(_policies()), (), rest=_until_next, clock=clock)


def _until_next(found: tuple[Policy, ...]) -> float:
    return _REST if found else math.inf


def _policies() -> Iterator[Policy]:
    with closing(Channel(open_route())) as channel:
        rows = list(messages(channel.request(_GETRULE, REQUEST | DUMP, bytes(_ROW.size)), _HEAD))
    for row in rows:
        if len(row) < _ROW.size:
            raise Garbled("a rule of policy routing that is cut off")
        family, _, _, _, low_table, _, _, action, flags = _ROW.unpack_from(row)
        found = NATIVE.attributes(row[_ROW.size :])
        mask = NATIVE.number(found[_MASK]) if _MASK in found else (ALL_BITS if _MARK in found else 0)
        if not mask or family not in _FAMILIES:
            continue
        table = NATIVE.number(found[_TABLE]) if _TABLE in found else low_table
        to_table = action == _TO_TABLE
        where = str(table) if to_table else str(NATIVE.number(found[_GOTO])) if _GOTO in found else ""
        yield Policy(
            Family(family),
            NATIVE.number(found.get(_PRIORITY, b"")),
            NATIVE.number(found.get(_MARK, b"")),
            mask,
            " ".join(filter(None, (_ACTIONS.get(action, f"action {action}"), where))),
            bool(flags & _INVERTED),
            to_table and _delivers(family, table),
        )


def _delivers(family: int, table: int) -> bool:
    """Return whether a table delivers packets to this machine, by what the first datagram of its routes says.

    A table may be large; one that is there for IPVS has hardly more than the one route.
    """
    request = _ROW.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) + NATIVE.attribute(_TABLE, struct.pack("=I", table))
    with suppress(OSError), closing(open_route()) as plain:
        plain.setsockopt(_SOL_NETLINK, _STRICT, 1)
        datagrams = Channel(plain).request(_GETROUTE, REQUEST | DUMP, request)
        for row in messages(islice(datagrams, 1), _HEAD):
            *_, kind, _ = _ROW.unpack_from(row)
            held = NATIVE.attributes(row[_ROW.size :]).get(_TABLE)
            if kind == _LOCAL and held is not None and NATIVE.number(held) == table:
                return True
    return False
