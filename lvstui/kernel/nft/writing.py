"""Our own table of the packet filter, written whole in one transaction; no other table is ever named."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple

from lvstui.core.marks.script import CHAINS, PREROUTING, PRIORITY, TABLE, counter_name, rules
from lvstui.core.model import Family, MarkGroup, Network, Selector
from lvstui.core.selectors import family_of, selector_text
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import APPEND, CREATE
from lvstui.kernel.nft.nfnetlink import (
    DELOBJ,
    DELRULE,
    DELTABLE,
    NEWCHAIN,
    NEWOBJ,
    NEWRULE,
    NEWSET,
    NEWSETELEM,
    NEWTABLE,
    text,
    u32,
)
from lvstui.kernel.nft.transaction import Message, send

_HOOKS: Final = {PREROUTING: 0, CHAINS[1]: 3}
_COUNTER: Final = 1  # NFT_OBJECT_COUNTER
_REGISTER: Final = 1  # NFT_REG_1
_META_MARK, _META_IIFNAME, _META_NFPROTO, _META_L4PROTO = 3, 6, 15, 16
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_ANONYMOUS_CONSTANT_INTERVALS: Final = 0x1 | 0x2 | 0x4
_INTERVAL_END: Final = 1
_ELEMENTS_MAX: Final = 1000
"""Elements in one message: their list is an attribute, and so 64 KiB at most."""
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


class _Interval(NamedTuple):
    first: bytes
    last: bytes


def write(netns: str | None, groups: Mapping[int, MarkGroup], held: Held) -> None:
    """Write our table, so that it holds just these groups; counters of marks that stay keep their values.

    Raises `Stale` where the ruleset is no longer that of `held`, `NoRight`, or `Refused` with the reason.
    In each case nothing was changed.
    """
    messages = list(_transaction(groups, held))
    if messages:
        call_in(netns, lambda: send(messages, held.generation))


def _transaction(groups: Mapping[int, MarkGroup], held: Held) -> Iterator[Message]:
    if not groups:
        if held.exists:
            yield _message(DELTABLE, 0, text(1, TABLE))
        return
    yield _message(NEWTABLE, CREATE, text(1, TABLE))
    for chain in CHAINS:
        yield _message(NEWCHAIN, CREATE, _chain(chain))
        yield _message(DELRULE, 0, text(1, TABLE) + text(2, chain))
    wanted = [counter_name(mark) for mark in sorted(groups)]
    for name in sorted(held.counters.difference(wanted)):
        yield _message(DELOBJ, 0, text(1, TABLE) + text(2, name) + u32(3, _COUNTER))
    for name in (name for name in wanted if name not in held.counters):
        yield _message(NEWOBJ, CREATE, text(1, TABLE) + text(2, name) + u32(3, _COUNTER) + NATIVE.nest(4, b""))
    numbers = count(1)
    for chain in CHAINS:
        for mark, selector in rules(groups, chain):
            yield from _rule(chain, mark, selector, numbers)


def _chain(name: str) -> bytes:
    hook = NATIVE.nest(4, u32(1, _HOOKS[name]) + NATIVE.attribute(2, struct.pack(">i", PRIORITY)))
    return text(1, TABLE) + text(3, name) + hook + u32(5, 1) + text(7, "filter")


def _rule(chain: str, mark: int, selector: Selector, numbers: Iterator[int]) -> Iterator[Message]:
    """Yield the sets that a rule needs, then the rule."""
    sets: list[Message] = []
    expressions = [
        *_matches(selector, sets, numbers),
        _expression("objref", u32(1, _COUNTER) + text(2, counter_name(mark))),
        _expression("immediate", u32(1, _REGISTER) + _value(2, struct.pack("=I", mark))),
        _expression("meta", u32(2, _META_MARK) + u32(3, _REGISTER)),
    ]
    yield from sets
    body = text(1, TABLE) + text(2, chain) + NATIVE.nest(4, b"".join(expressions))
    yield _message(NEWRULE, CREATE | APPEND, body, f"the rule for `{selector_text(selector)}` of mark {mark}")


def _matches(selector: Selector, sets: list[Message], numbers: Iterator[int]) -> Iterator[bytes]:
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
    networks: Sequence[Network], family: Family, sets: list[Message], numbers: Iterator[int]
) -> Iterator[bytes]:
    size = networks[0].max_prefixlen // 8
    yield _payload(_NETWORK_HEADER, _DESTINATION[family], size)
    if len(networks) == 1 and networks[0].prefixlen < networks[0].max_prefixlen:
        mask, nothing = networks[0].netmask.packed, bytes(size)
        parts = u32(1, _REGISTER) + u32(2, _REGISTER) + u32(3, size) + _value(4, mask) + _value(5, nothing)
        yield _expression("bitwise", parts)
        yield _equals(networks[0].network_address.packed)
        return
    ranges = [_Interval(network[0].packed, network[-1].packed) for network in networks]
    yield from _among(ranges, _ADDRESS_TYPES[family], sets, numbers)


def _among(intervals: Sequence[_Interval], kind: int, sets: list[Message], numbers: Iterator[int]) -> Iterator[bytes]:
    """Yield a match of the register with these intervals: with a set of the rule's own where there are several."""
    first, last = intervals[0]
    if len(intervals) == 1 and first == last:
        yield _equals(first)
    elif len(intervals) == 1:
        yield _expression("range", u32(1, _REGISTER) + u32(2, 0) + _value(3, first) + _value(4, last))
    else:
        number = next(numbers)
        sets += _set(intervals, kind, number)
        yield _expression("lookup", text(1, "__set%d") + u32(2, _REGISTER) + u32(4, number))


def _set(intervals: Sequence[_Interval], kind: int, number: int) -> Iterator[Message]:
    elements = list(_elements(intervals))
    named = text(1, TABLE) + text(2, "__set%d")
    size = len(intervals[0].first)
    description = NATIVE.nest(9, u32(1, len(elements)))
    head = u32(3, _ANONYMOUS_CONSTANT_INTERVALS) + u32(4, kind) + u32(5, size) + description + u32(10, number)
    yield _message(NEWSET, CREATE, named + head)
    for start in range(0, len(elements), _ELEMENTS_MAX):
        listed = b"".join(NATIVE.nest(1, element) for element in elements[start : start + _ELEMENTS_MAX])
        yield _message(NEWSETELEM, CREATE, named + u32(4, number) + NATIVE.nest(3, listed))


def _elements(intervals: Iterable[_Interval]) -> Iterator[bytes]:
    """Yield the ends of intervals as nft does: each starts at an element and ends before one with that flag."""
    ordered = sorted(intervals)
    size = len(ordered[0].first)
    if any(ordered[0].first):
        yield u32(3, _INTERVAL_END) + _value(1, bytes(size))
    for first, last in ordered:
        yield _value(1, first)
        after = int.from_bytes(last, "big") + 1
        if after < 1 << (8 * size):
            yield u32(3, _INTERVAL_END) + _value(1, after.to_bytes(size, "big"))


def _meta_equals(key: int, value: bytes) -> Iterator[bytes]:
    yield _expression("meta", u32(1, _REGISTER) + u32(2, key))
    yield _equals(value)


def _payload(base: int, offset: int, length: int) -> bytes:
    parts = u32(1, _REGISTER) + u32(2, base) + u32(3, offset) + u32(4, length)
    return _expression("payload", parts)


def _equals(value: bytes) -> bytes:
    return _expression("cmp", u32(1, _REGISTER) + u32(2, 0) + _value(3, value))


def _expression(name: str, parts: bytes) -> bytes:
    return NATIVE.nest(1, text(1, name) + NATIVE.nest(2, parts))


def _value(kind: int, value: bytes) -> bytes:
    return NATIVE.nest(kind, NATIVE.attribute(1, value))


def _message(kind: int, flags: int, body: bytes, about: str = "our table") -> Message:
    return Message(kind, flags, body, about)
