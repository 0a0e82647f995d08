"""nfnetlink: the numbers of its messages, and a conversation with nf_tables and ipset over one socket."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Final, NamedTuple

from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE, Attributes
from lvstui.kernel.netlink.channel import DUMP, HEADER, REQUEST, Answer, Channel, Interrupted, frame
from lvstui.kernel.port import Garbled

NETFILTER: Final = 12
"""NETLINK_NETFILTER."""

TABLES: Final = 10
"""NFNL_SUBSYS_NFTABLES."""

BEGIN, END = 0x10, 0x11
"""Messages that are not of a subsystem (NFNL_MSG_BATCH_*)."""

NEWTABLE, GETTABLE, DELTABLE, NEWCHAIN, GETCHAIN, NEWRULE, GETRULE, DELRULE = 0, 1, 2, 3, 4, 6, 7, 8
NEWSET, GETSET, NEWSETELEM, GETSETELEM, GETGEN, NEWOBJ, GETOBJ, DELOBJ = 9, 10, 12, 13, 16, 18, 19, 20
"""Messages of include/uapi/linux/netfilter/nf_tables.h (enum nf_tables_msg_types)."""

FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
"""The families of tables by the kernel's numbers (NFPROTO_*)."""

NUMBERS: Final = {name: number for number, name in FAMILIES.items()}
NETWORK_FAMILIES: Final = ("ip", "ip6", "arp")
"""Families of tables whose packets are all of one protocol."""

_HOOKS: Final = 12  # NFNL_SUBSYS_HOOK, whose only message lists them
_IPSETS: Final = 6  # NFNL_SUBSYS_IPSET
_LIST: Final = 7  # IPSET_CMD_LIST
_HEAD: Final = 1 << 2  # IPSET_FLAG_LIST_HEADER
_OLD_PROTOCOL: Final = b"\6"
"""What every kernel understands; version 7 brought no other lists."""

_BY_INDEX: Final = 15  # IPSET_CMD_GET_BYINDEX, since Linux 4.20
_IPSET_PROTOCOL: Final = b"\7"
_INDEX: Final = 11 | 0x4000  # IPSET_ATTR_INDEX, in network order

_FAMILY: Final = struct.Struct(">BBH")
_U32: Final = struct.Struct(">I")


def number(data: bytes | None) -> int:
    """Read a number of any size in network order; what is not there counts as 0."""
    return int.from_bytes(data or b"", "big")


def word(data: bytes | None) -> str:
    """Read a name; bytes that are not UTF-8 stay what they are (surrogates)."""
    return (data or b"").split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def text(kind: int, value: str) -> bytes:
    """Encode a name."""
    return NATIVE.attribute(kind, value.encode("utf-8", "surrogateescape") + b"\0")


def u32(kind: int, value: int) -> bytes:
    """Encode a number; nf_tables takes all of its own in network order."""
    return NATIVE.attribute(kind, _U32.pack(value))


def nfnetlink(family: int, resource: int, attributes: bytes) -> bytes:
    """Write the body of a message: struct nfgenmsg, whose resource is in network order, and attributes."""
    return _FAMILY.pack(family, 0, resource) + attributes


class Item(NamedTuple):
    """One message of an answer: its family's number and its attributes."""

    family: int
    body: bytes


class Hooked(NamedTuple):
    """What is registered with a hook of a family: a function, or a chain of nf_tables, named with its table."""

    family: int
    priority: int
    function: str
    table_family: int = 0
    table: str = ""
    chain: str = ""


class Netfilter:
    """A conversation in one network namespace, from one thread at a time.

    Every method raises OSError: `Answer` with the kernel's errno, EPROTONOSUPPORT where there is no nfnetlink; and
    `Garbled`.
    """

    codec = NATIVE
    """What the attributes of the answers are read with."""

    def __init__(self, netns: str | None) -> None:
        self._channel = Channel(call_in(netns, open_socket))

    def close(self) -> None:
        """Close the socket."""
        self._channel.close()

    def generation(self) -> int:
        """Return the number of the ruleset's generation, which every transaction raises."""
        found = self._one(TABLES << 8 | GETGEN)[1]
        if len(found) != _U32.size:
            raise Garbled(f"a generation of {len(found)} bytes")
        return number(found)

    def settle(self, generation: int) -> None:
        """Wait until a generation stands as a whole; raises `Interrupted` where it is no longer the newest one.

        A transaction raises the number first and then puts its changes in place, which a dump does not wait for
        (net/netfilter/nf_tables_api.c, nf_tables_commit). A transaction does wait, and an empty one changes nothing.
        """
        begin = frame(BEGIN, REQUEST, 0, nfnetlink(0, TABLES, u32(1, generation)))
        end = frame(END, REQUEST, 1, nfnetlink(0, TABLES, b""))
        self._channel.send_raw(begin + end)
        try:
            refusals = self._channel.receive(socket.MSG_DONTWAIT).statuses
        except BlockingIOError:
            return  # only a refusal is answered, and that before the message is sent
        if not refusals:
            raise Garbled("a transaction was answered with something else than a refusal")
        (_, code), *_ = refusals
        if code == errno.ERESTART:
            raise Interrupted
        raise Answer(code)

    def dump(self, kind: int, family: int = 0, attributes: bytes = b"") -> list[Item]:
        """Read all objects of a kind, of one family or (0) of all; raises `Interrupted` where they are a mixture."""
        return self._request(TABLES << 8 | kind, REQUEST | DUMP, family, attributes)

    def ipset(self, index: int) -> str:
        """Return the name of the ipset with this number, which is all that xtables knows; `#4` where it is unknown."""
        request = NATIVE.attribute(1, _IPSET_PROTOCOL) + NATIVE.attribute(_INDEX, index.to_bytes(2, "big"))
        try:
            found = self._one(_IPSETS << 8 | _BY_INDEX, socket.AF_INET, request)
        except Answer:
            return f"#{index}"
        return word(found.get(2)) or f"#{index}"

    def hooks(self, family: int, hook: int, device: str = "") -> list[Hooked]:
        """List what is registered with a hook, in the order in which packets come to it (since Linux 5.14).

        A hook at ingress is that of a device. Raises `Interrupted` where it changed meanwhile.
        """
        asked = u32(1, hook) + (text(3, device) if device else b"")
        items = self._request(_HOOKS << 8, REQUEST | DUMP, family, asked)
        return [self._hooked(item) for item in items]

    def _hooked(self, item: Item) -> Hooked:
        body = self.codec.attributes(item.body)
        priority = int.from_bytes(body[2], "big", signed=True)
        chain = self.codec.attributes(self.codec.attributes(body.get(6, b"")).get(1, b""))
        owner = number(chain.get(2)), word(chain.get(1)), word(chain.get(3))
        return Hooked(item.family, priority, word(body.get(4)), *owner)

    def ipset_list(self, name: str, *, head: bool = False) -> list[Item]:
        """List what an ipset holds, or (`head`) only what it is; raises `Answer` where there is none of this name."""
        request = NATIVE.attribute(1, _OLD_PROTOCOL) + text(2, name) + (u32(6, _HEAD) if head else b"")
        return self._request(_IPSETS << 8 | _LIST, REQUEST | DUMP, socket.AF_INET, request)

    def _one(self, kind: int, family: int = 0, attributes: bytes = b"") -> Attributes:
        """Return the attributes of an answer that is one message."""
        item, *_ = (*self._request(kind, REQUEST, family, attributes), Item(family, b""))
        return self.codec.attributes(item.body)

    def _request(self, kind: int, flags: int, family: int = 0, attributes: bytes = b"") -> list[Item]:
        items: list[Item] = []
        for datagram in self._channel.request(kind, flags, nfnetlink(family, 0, attributes)):
            data = datagram.data()
            items += [Item(data[start + HEADER - 4], data[start + HEADER : end]) for start, end in datagram.spans]
        return items


def open_socket() -> socket.socket:
    """Open a socket to nfnetlink in this thread's network namespace."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
    opened.bind((0, 0))
    return opened
