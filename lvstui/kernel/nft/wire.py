"""nfnetlink as bytes: frames, attributes, and the numbers of the messages that are used here."""

from __future__ import annotations

import socket
import struct
from typing import Final

NETFILTER: Final = 12
"""NETLINK_NETFILTER."""

TABLES: Final = 10
"""NFNL_SUBSYS_NFTABLES."""

REQUEST, ACK, DUMP, CREATE, APPEND = 0x001, 0x004, 0x300, 0x400, 0x800
INTERRUPTED: Final = 0x10
"""Flags of a message (NLM_F_*); INTERRUPTED says that what is dumped changed on the way."""

ERROR, DONE = 2, 3
BEGIN, END = 0x10, 0x11
"""Messages that are not of a subsystem (NLMSG_*, NFNL_MSG_BATCH_*)."""

NEWTABLE, GETTABLE, DELTABLE, NEWCHAIN, GETCHAIN, NEWRULE, GETRULE, DELRULE = 0, 1, 2, 3, 4, 6, 7, 8
NEWSET, GETSET, NEWSETELEM, GETSETELEM, GETGEN, NEWOBJ, GETOBJ, DELOBJ = 9, 10, 12, 13, 16, 18, 19, 20
"""Messages of include/uapi/linux/netfilter/nf_tables.h (enum nf_tables_msg_types)."""

FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
"""The families of tables by the kernel's numbers (NFPROTO_*)."""

NUMBERS: Final = {name: number for number, name in FAMILIES.items()}

HEADER: Final = 20
"""Bytes before a message's attributes: struct nlmsghdr and struct nfgenmsg."""

NESTED: Final = 0x8000
_KIND: Final = 0x3FFF  # NLA_TYPE_MASK
_HEAD = struct.Struct("=HH")
_FRAME = struct.Struct("=IHHIIBBH")
_U32 = struct.Struct(">I")


def attributes(data: bytes) -> dict[int, bytes]:
    """Take attributes apart by their kind; of several of one kind the last is given."""
    found: dict[int, bytes] = {}
    position, end = 0, len(data) - 3
    unpack = _HEAD.unpack_from
    while position < end:
        size, kind = unpack(data, position)
        if size < 4:
            break
        found[kind & _KIND] = data[position + 4 : position + size]
        position += (size + 3) & ~3
    return found


def listed(data: bytes) -> list[bytes]:
    """Give the content of each attribute of a list."""
    found = []
    position, end = 0, len(data) - 3
    unpack = _HEAD.unpack_from
    while position < end:
        size, _ = unpack(data, position)
        if size < 4:
            break
        found.append(data[position + 4 : position + size])
        position += (size + 3) & ~3
    return found


def number(data: bytes | None) -> int:
    """Read a number of any size in network order; what is not there counts as 0."""
    return int.from_bytes(data or b"", "big")


def word(data: bytes | None) -> str:
    """Read a name; bytes that are not UTF-8 stay what they are (surrogates)."""
    return (data or b"").split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def attribute(kind: int, payload: bytes) -> bytes:
    """Write an attribute."""
    size = 4 + len(payload)
    return _HEAD.pack(size, kind) + payload + b"\0" * (-size % 4)


def nest(kind: int, payload: bytes) -> bytes:
    """Write an attribute that holds attributes."""
    return attribute(kind | NESTED, payload)


def text(kind: int, value: str) -> bytes:
    """Write a name."""
    return attribute(kind, value.encode("utf-8", "surrogateescape") + b"\0")


def u32(kind: int, value: int) -> bytes:
    """Write a number; nf_tables takes all of its own in network order."""
    return attribute(kind, _U32.pack(value))


def frame(kind: int, flags: int, sequence: int, family: int, resource: int, body: bytes) -> bytes:
    """Write a whole message."""
    return _FRAME.pack(HEADER + len(body), kind, flags, sequence, 0, family, 0, socket.htons(resource)) + body
