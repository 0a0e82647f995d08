"""Our own table of the packet filter, written whole in one transaction; no other table is ever named."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple

from lvstui.core.model import Family, MarkGroup, Network, Selector
from lvstui.core.nft_script import CHAINS, PREROUTING, PRIORITY, TABLE, counter_name, rules
from lvstui.core.selectors import family_of
from lvstui.kernel.namespace import call_in
from lvstui.kernel.port import KernelError, NoRight, Refused

NO_RIGHT: Final = (
    "the right to write mark rules is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"
)
NO_TABLES: Final = "this kernel has no nf_tables: write the mark rules with iptables"
NO_FAMILY: Final = "this kernel's nf_tables knows no family inet: write the mark rules with iptables"

_PATIENCE: Final = struct.pack("=qq", 5, 0)
_BUFFER: Final = 1 << 20
_SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES
_NETFILTER: Final = 12  # NETLINK_NETFILTER
_INET: Final = 1  # NFPROTO_INET
_BEGIN, _END, _ERROR = 0x10, 0x11, 2
_REQUEST, _ACK, _CREATE, _APPEND = 0x001, 0x004, 0x400, 0x800
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE, _DELRULE = 0, 2, 3, 6, 8
_NEWSET, _NEWSETELEM, _NEWOBJ, _DELOBJ = 9, 12, 18, 20
"""Messages of include/uapi/linux/netfilter/nf_tables.h (enum nf_tables_msg_types)."""

_NESTED: Final = 0x8000
_HOOKS: Final = {PREROUTING: 0, CHAINS[1]: 3}
_COUNTER: Final = 1  # NFT_OBJECT_COUNTER
_REGISTER: Final = 1  # NFT_REG_1
_META_MARK, _META_IIFNAME, _META_NFPROTO, _META_L4PROTO = 3, 6, 15, 16
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_ANONYMOUS_CONSTANT_INTERVALS: Final = 0x1 | 0x2 | 0x4
_INTERVAL_END: Final = 1
_ADDRESS_TYPES: Final = {Family.IPV4: 7, Family.IPV6: 8}
_PORT_TYPE: Final = 13
_PORT_MAX: Final = 65535
_NFPROTO: Final = {Family.IPV4: 2, Family.IPV6: 10}
_DESTINATION: Final = {Family.IPV4: 16, Family.IPV6: 24}
_NAME_SIZE: Final = 16  # IFNAMSIZ


class Held(NamedTuple):
    """What our table holds as it was read at one generation of the ruleset: whether it is there, and its counters."""

    generation: int
    exists: bool
    counters: frozenset[str]


class Stale(Exception):
    """The ruleset has changed since the generation that a transaction was made for; nothing was written."""


class _Interval(NamedTuple):
    first: bytes
    last: bytes


def write(netns: str | None, groups: Mapping[int, MarkGroup], held: Held) -> None:
    """Make our table hold just these groups; counters of marks that stay keep their values.

    Raises `Stale` where the ruleset is no longer the one that `held` tells, `NoRight`, or `Refused` with the reason.
    In each case nothing was changed.
    """
    messages = list(_transaction(groups, held))
    if messages:
        call_in(netns, lambda: _send(messages, held.generation))


def _transaction(groups: Mapping[int, MarkGroup], held: Held) -> Iterator[bytes]:
    if not groups:
        if held.exists:
            yield _message(_DELTABLE, 0, _text(1, TABLE))
        return
    yield _message(_NEWTABLE, _CREATE, _text(1, TABLE))
    for chain in CHAINS:
        yield _message(_NEWCHAIN, _CREATE, _chain(chain))
        yield _message(_DELRULE, 0, _text(1, TABLE) + _text(2, chain))
    wanted = [counter_name(mark) for mark in sorted(groups)]
    for name in sorted(held.counters.difference(wanted)):
        yield _message(_DELOBJ, 0, _text(1, TABLE) + _text(2, name) + _u32(3, _COUNTER))
    for name in (name for name in wanted if name not in held.counters):
        yield _message(_NEWOBJ, _CREATE, _text(1, TABLE) + _text(2, name) + _u32(3, _COUNTER) + _nest(4, b""))
    numbers = count(1)
    for chain in CHAINS:
        for mark, selector in rules(groups, chain):
            yield from _rule(chain, mark, selector, numbers)


def _chain(name: str) -> bytes:
    hook = _nest(4, _u32(1, _HOOKS[name]) + _attribute(2, struct.pack(">i", PRIORITY)))
    return _text(1, TABLE) + _text(3, name) + hook + _u32(5, 1) + _text(7, "filter")


def _rule(chain: str, mark: int, selector: Selector, numbers: Iterator[int]) -> Iterator[bytes]:
    """Give the sets that a rule needs, then the rule."""
    sets: list[bytes] = []
    expressions = [
        *_matches(selector, sets, numbers),
        _expression("objref", _u32(1, _COUNTER) + _text(2, counter_name(mark))),
        _expression("immediate", _u32(1, _REGISTER) + _value(2, struct.pack("=I", mark))),
        _expression("meta", _u32(2, _META_MARK) + _u32(3, _REGISTER)),
    ]
    yield from sets
    body = _text(1, TABLE) + _text(2, chain) + _nest(4, b"".join(expressions))
    yield _message(_NEWRULE, _CREATE | _APPEND, body)


def _matches(selector: Selector, sets: list[bytes], numbers: Iterator[int]) -> Iterator[bytes]:
    if selector.interface:
        name = os.fsencode(selector.interface)
        yield from _meta_equals(_META_IIFNAME, name.ljust(_NAME_SIZE, b"\0"))
    family = family_of(selector)
    if family is not None:
        yield from _meta_equals(_META_NFPROTO, bytes([_NFPROTO[family]]))
        if not any(network.prefixlen == 0 for network in selector.addresses):
            yield from _addresses(selector.addresses, family, sets, numbers)
    if selector.protocol is not None:
        yield from _meta_equals(_META_L4PROTO, bytes([int(selector.protocol)]))
    if selector.ports:
        yield _payload(_TRANSPORT_HEADER, 2, 2)
        intervals = [_Interval(struct.pack(">H", first), struct.pack(">H", last)) for first, last in selector.ports]
        yield from _among(intervals, _PORT_TYPE, sets, numbers)


def _addresses(
    networks: Sequence[Network], family: Family, sets: list[bytes], numbers: Iterator[int]
) -> Iterator[bytes]:
    size = networks[0].max_prefixlen // 8
    yield _payload(_NETWORK_HEADER, _DESTINATION[family], size)
    if len(networks) == 1 and networks[0].prefixlen < networks[0].max_prefixlen:
        mask, nothing = networks[0].netmask.packed, bytes(size)
        parts = _u32(1, _REGISTER) + _u32(2, _REGISTER) + _u32(3, size) + _value(4, mask) + _value(5, nothing)
        yield _expression("bitwise", parts)
        yield _equals(networks[0].network_address.packed)
        return
    ranges = [_Interval(network[0].packed, network[-1].packed) for network in networks]
    yield from _among(ranges, _ADDRESS_TYPES[family], sets, numbers)


def _among(intervals: Sequence[_Interval], kind: int, sets: list[bytes], numbers: Iterator[int]) -> Iterator[bytes]:
    """Ask whether the register is in one of these intervals: of several, with a set of the rule's own."""
    first, last = intervals[0]
    if len(intervals) == 1 and first == last:
        yield _equals(first)
    elif len(intervals) == 1:
        yield _expression("range", _u32(1, _REGISTER) + _u32(2, 0) + _value(3, first) + _value(4, last))
    else:
        number = next(numbers)
        sets += _set(intervals, kind, number)
        yield _expression("lookup", _text(1, "__set%d") + _u32(2, _REGISTER) + _u32(4, number))


def _set(intervals: Sequence[_Interval], kind: int, number: int) -> Iterator[bytes]:
    elements = list(_elements(intervals))
    named = _text(1, TABLE) + _text(2, "__set%d")
    size = len(intervals[0].first)
    description = _nest(9, _u32(1, len(elements)))
    head = _u32(3, _ANONYMOUS_CONSTANT_INTERVALS) + _u32(4, kind) + _u32(5, size) + description + _u32(10, number)
    yield _message(_NEWSET, _CREATE, named + head)
    listed = b"".join(_nest(1, element) for element in elements)
    yield _message(_NEWSETELEM, _CREATE, named + _u32(4, number) + _nest(3, listed))


def _elements(intervals: Iterable[_Interval]) -> Iterator[bytes]:
    """Give the ends of intervals as nft does: each starts at an element and ends before one with that flag."""
    ordered = sorted(intervals)
    size = len(ordered[0].first)
    if any(ordered[0].first):
        yield _u32(3, _INTERVAL_END) + _value(1, bytes(size))
    for first, last in ordered:
        yield _value(1, first)
        after = int.from_bytes(last, "big") + 1
        if after < 1 << (8 * size):
            yield _u32(3, _INTERVAL_END) + _value(1, after.to_bytes(size, "big"))


def _meta_equals(key: int, value: bytes) -> Iterator[bytes]:
    yield _expression("meta", _u32(1, _REGISTER) + _u32(2, key))
    yield _equals(value)


def _payload(base: int, offset: int, length: int) -> bytes:
    parts = _u32(1, _REGISTER) + _u32(2, base) + _u32(3, offset) + _u32(4, length)
    return _expression("payload", parts)


def _equals(value: bytes) -> bytes:
    return _expression("cmp", _u32(1, _REGISTER) + _u32(2, 0) + _value(3, value))


def _expression(name: str, parts: bytes) -> bytes:
    return _nest(1, _text(1, name) + _nest(2, parts))


def _value(kind: int, value: bytes) -> bytes:
    return _nest(kind, _attribute(1, value))


def _attribute(kind: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + b"\0" * (-size % 4)


def _nest(kind: int, payload: bytes) -> bytes:
    return _attribute(kind | _NESTED, payload)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _u32(kind: int, value: int) -> bytes:
    """Write a number; nf_tables takes all of its own in network order."""
    return _attribute(kind, struct.pack(">I", value))


def _message(kind: int, flags: int, body: bytes) -> bytes:
    """Write a message for our table without its sequence number, which `_send` fills in."""
    return _framed(_SUBSYSTEM << 8 | kind, _REQUEST | flags, _INET, 0, body)


def _framed(kind: int, flags: int, family: int, resource: int, body: bytes) -> bytes:
    return struct.pack("=IHHIIBBH", 20 + len(body), kind, flags, 0, 0, family, 0, socket.htons(resource)) + body


def _send(messages: Sequence[bytes], generation: int) -> None:
    """Send a transaction for one generation of the ruleset, and wait for the kernel's word on it."""
    begin = _framed(_BEGIN, _REQUEST, 0, _SUBSYSTEM, _u32(1, generation))
    end = _framed(_END, _REQUEST, 0, _SUBSYSTEM, b"")
    # An answer for the last message says that all were looked at; those before it answer only when they fail.
    last = bytearray(messages[-1])
    struct.pack_into("=H", last, 6, struct.unpack_from("=H", last, 6)[0] | _ACK)
    numbered = bytearray()
    for number, message in enumerate((begin, *messages[:-1], bytes(last), end)):
        numbered += message[:8] + struct.pack("=I", number) + message[12:]
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as channel:
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
            channel.bind((0, 0))
            channel.send(numbered)
            failure = _answer(channel, len(messages))
    except OSError as problem:
        if problem.errno == errno.EPROTONOSUPPORT:
            raise Refused(NO_TABLES, "match") from None
        raise KernelError(f"the packet filter did not answer: {problem.strerror}") from problem
    if failure:
        raise _refusal(failure)


def _answer(channel: socket.socket, last: int) -> int:
    """Receive until the message number `last`, or the whole transaction, was answered; give the first errno."""
    failure = 0
    while True:
        part = channel.recv(_BUFFER)
        position = 0
        while position + 16 <= len(part):
            size, kind, _, number = struct.unpack_from("=IHHI", part, position)
            if kind == _ERROR:
                (status,) = struct.unpack_from("=i", part, position + 16)
                failure = failure or -status
                if number in (0, last):
                    return failure
            position += (size + 3) & ~3


def _refusal(code: int) -> Exception:
    match code:
        case errno.ERESTART:
            return Stale()
        case errno.EPERM:
            return NoRight(NO_RIGHT)
        case errno.EINVAL:
            return Refused(f"match: the packet filter refused the rules: {os.strerror(code)}", "match")
        case errno.EOPNOTSUPP | errno.EAFNOSUPPORT:
            return Refused(NO_FAMILY, "match")
        case _:
            return Refused(f"match: the packet filter refused the rules: {os.strerror(code)}", "match")
