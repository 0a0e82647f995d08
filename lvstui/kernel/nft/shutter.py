"""The shutter of the sync door: a table of our own that lets one socket send to a group and port, and nobody else.

It stands for the milliseconds of an edit of entries. It is not owned by our netlink socket (NFT_TABLE_F_OWNER): of an
lvstui that is killed the kernel's daemon stays, and has to stay shut off, until the next lvstui removes both.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import ACK, APPEND, CREATE, EXCLUSIVE
from lvstui.kernel.nft import encoding
from lvstui.kernel.nft.nfnetlink import DELTABLE, NEWCHAIN, NEWRULE, NEWTABLE, NUMBERS, text, u32
from lvstui.kernel.nft.reading.tables import Place
from lvstui.kernel.nft.transaction import ANY, TableMessage, transact

SHUTTER: Final = Place(NUMBERS["ip"], "lvstui-door")

NO_TABLES: Final = "this kernel has no nf_tables, which would keep them out"

_CHAIN: Final = "output"
_LOCAL_OUT: Final = 3  # NF_INET_LOCAL_OUT
_LAST: Final = (1 << 31) - 1
"""The priority of our chain: it sees packets as they leave, after whatever others do to them."""

_UDP: Final = 17
_DESTINATION: Final = 16
"""Where the destination's address stands in an IPv4 header."""


class Passage(NamedTuple):
    """What is let through: datagrams to a group and port from the socket that has this source port.

    A port alone would be anybody's once our socket is gone; so it also has to be a socket of the user `uid`, unless
    (None) the namespace counts users in another way than we do.
    """

    group: IPv4Address
    port: int
    source: int
    uid: int | None


def shut(passage: Passage) -> str:
    """Keep everybody else from sending to a group and port, in this thread's network namespace.

    Return why that is not possible, empty where it is done. What a killed lvstui left is replaced.
    """
    hook = NATIVE.nest(4, u32(1, _LOCAL_OUT), NATIVE.attribute(2, struct.pack(">i", _LAST)))
    there = [
        *encoding.payload_equals(encoding.NETWORK_HEADER, _DESTINATION, passage.group.packed),
        *encoding.meta_equals(encoding.META_L4PROTO, bytes([_UDP])),
        *encoding.payload_equals(encoding.TRANSPORT_HEADER, 2, struct.pack(">H", passage.port)),
    ]
    ours = list(encoding.payload_equals(encoding.TRANSPORT_HEADER, 0, struct.pack(">H", passage.source)))
    if passage.uid is not None:
        ours += encoding.meta_equals(encoding.META_SKUID, struct.pack("=I", passage.uid))
    table = [
        TableMessage(NEWTABLE, CREATE | EXCLUSIVE, b""),
        TableMessage(NEWCHAIN, CREATE, text(3, _CHAIN) + hook + text(7, "filter")),
        _rule(*there, *ours, encoding.verdict(encoding.ACCEPT)),
        _rule(*there, encoding.verdict(encoding.DROP)),
    ]
    code = _transact(table)
    if code == errno.EEXIST:
        reopen()
        code = _transact(table)
    match code:
        case 0:
            return ""
        case errno.EPROTONOSUPPORT | errno.EAFNOSUPPORT | errno.EINVAL | errno.EOPNOTSUPP:
            return NO_TABLES
        case _:
            return f"the packet filter did not take the rule that keeps them out ({os.strerror(code)})"


def reopen() -> None:
    """Remove the table, if it is there; what fails is left for the next time."""
    _transact([TableMessage(DELTABLE, 0, b"")])


def _rule(*expressions: bytes) -> TableMessage:
    return TableMessage(NEWRULE, CREATE | APPEND, text(2, _CHAIN) + NATIVE.nest(4, *expressions))


def _transact(messages: Sequence[TableMessage]) -> int:
    """Send a transaction; return the errno with which it failed, 0 where it did not."""
    *others, last = messages
    try:
        failure = transact(SHUTTER, [*others, last._replace(flags=last.flags | ACK)], ANY)
    except OSError as problem:
        return problem.errno or errno.EIO
    return failure[1] if failure else 0
