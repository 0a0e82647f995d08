"""Our own table of the packet filter, written whole in one transaction; no other table is ever named.

The kernel takes all messages of a transaction or none of them.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.marks.script import CHAINS, PREROUTING, PRIORITY, counter_name, rules
from lvstui.core.model import Family, MarkGroup, Network, Selector
from lvstui.core.packets.program import NAME_SIZE
from lvstui.core.selectors import family_of, selector_text
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import ACK, APPEND, CREATE
from lvstui.kernel.nft.encoding import (
    META_IIFNAME,
    META_L4PROTO,
    META_MARK,
    META_NFPROTO,
    NETWORK_HEADER,
    REGISTER,
    TRANSPORT_HEADER,
    data,
    equals,
    expression,
    meta_equals,
    payload,
)
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
from lvstui.kernel.nft.reading.tables import OURS
from lvstui.kernel.nft.transaction import Failure, TableMessage, transact
from lvstui.kernel.port import KernelError, NoRight, Refused

NO_RIGHT: Final = (
    "the right to write mark rules is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"
)
NO_TABLES: Final = "this kernel has no nf_tables: write the mark rules with iptables"
TOO_LARGE: Final = (
    "match: the rules do not fit into one transaction here: raise net.core.wmem_max, or use fewer addresses in a group"
)
NO_FAMILY: Final = "this kernel's nf_tables knows no family inet: write the mark rules with iptables"

_HOOKS: Final = {PREROUTING: 0, CHAINS[1]: 3}
_COUNTER: Final = 1  # NFT_OBJECT_COUNTER
_ANONYMOUS_CONSTANT_INTERVALS: Final = 0x1 | 0x2 | 0x4
_INTERVAL_END: Final = 1
_ELEMENTS_MAX: Final = 1000
"""Elements in one message: their list is an attribute, and so 64 KiB at most."""
_ADDRESS_TYPES: Final = {Family.IPV4: 7, Family.IPV6: 8}
_PORT_TYPE: Final = 13
_PORT_MAX: Final = 65535
_NFPROTO: Final = {Family.IPV4: 2, Family.IPV6: 10}
_DESTINATION: Final = {Family.IPV4: 16, Family.IPV6: 24}


class Stale(Exception):
    """The ruleset has changed since the generation that a transaction was meant for; nothing was written."""


class Held(NamedTuple):
    """What our table holds as it was read at one generation of the ruleset: whether it is there, and its counters."""

    generation: int
    exists: bool
    counters: frozenset[str]


_Interval: TypeAlias = tuple[bytes, bytes]


def write(netns: str | None, groups: Mapping[int, MarkGroup], held: Held) -> None:
    """Write our table, so that it holds exactly these groups; counters of marks that stay keep their values.

    Raises `Stale` where the ruleset is no longer that of `held`, `NoRight`, or `Refused` with the reason.
    In each case nothing was changed.
    """
    messages = list(_messages(groups, held))
    if messages:
        call_in(netns, lambda: _send(messages, held.generation))


def _messages(groups: Mapping[int, MarkGroup], held: Held) -> Iterator[TableMessage]:
    if not groups:
        if held.exists:
            yield TableMessage(DELTABLE, 0, b"")
        return
    yield TableMessage(NEWTABLE, CREATE, b"")
    for chain in CHAINS:
        hook = NATIVE.nest(4, u32(1, _HOOKS[chain]), NATIVE.attribute(2, struct.pack(">i", PRIORITY)))
        yield TableMessage(NEWCHAIN, CREATE, text(3, chain) + hook + u32(5, 1) + text(7, "filter"))
        yield TableMessage(DELRULE, 0, text(2, chain))
    wanted = [counter_name(mark) for mark in sorted(groups)]
    for name in sorted(held.counters.difference(wanted)):
        yield TableMessage(DELOBJ, 0, text(2, name) + u32(3, _COUNTER))
    for name in (name for name in wanted if name not in held.counters):
        yield TableMessage(NEWOBJ, CREATE, text(2, name) + u32(3, _COUNTER) + NATIVE.nest(4))
    numbers = count(1)
    for chain in CHAINS:
        for mark, selector in rules(groups, chain):
            yield from _rule(chain, mark, selector, numbers)


def _rule(chain: str, mark: int, selector: Selector, numbers: Iterator[int]) -> Iterator[TableMessage]:
    """Yield the sets that a rule needs, then the rule."""
    sets: list[TableMessage] = []
    expressions = [
        *_matches(selector, sets, numbers),
        expression("objref", u32(1, _COUNTER) + text(2, counter_name(mark))),
        expression("immediate", u32(1, REGISTER) + data(2, struct.pack("=I", mark))),
        expression("meta", u32(2, META_MARK) + u32(3, REGISTER)),
    ]
    yield from sets
    body = text(2, chain) + NATIVE.nest(4, *expressions)
    yield TableMessage(NEWRULE, CREATE | APPEND, body, f"the rule for `{selector_text(selector)}` of mark {mark}")


def _matches(selector: Selector, sets: list[TableMessage], numbers: Iterator[int]) -> Iterator[bytes]:
    if selector.interface:
        name = os.fsencode(selector.interface)
        yield from meta_equals(META_IIFNAME, name.ljust(NAME_SIZE, b"\0"))
    family = family_of(selector)
    if family is not None:
        yield from meta_equals(META_NFPROTO, bytes([_NFPROTO[family]]))
        if not any(network.prefixlen == 0 for network in selector.addresses):
            yield from _addresses(selector.addresses, family, sets, numbers)
    if selector.protocol is not None:
        yield from meta_equals(META_L4PROTO, bytes([int(selector.protocol)]))
    if selector.ports:
        yield payload(TRANSPORT_HEADER, 2, 2)
        intervals = [(struct.pack(">H", first), struct.pack(">H", last)) for first, last in selector.ports]
        yield from _among(intervals, _PORT_TYPE, sets, numbers)


def _addresses(
    networks: Sequence[Network], family: Family, sets: list[TableMessage], numbers: Iterator[int]
) -> Iterator[bytes]:
    size = networks[0].max_prefixlen // 8
    yield payload(NETWORK_HEADER, _DESTINATION[family], size)
    if len(networks) == 1 and networks[0].prefixlen < networks[0].max_prefixlen:
        mask = u32(3, size) + data(4, networks[0].netmask.packed) + data(5, bytes(size))
        yield expression("bitwise", u32(1, REGISTER) + u32(2, REGISTER) + mask)
        yield equals(networks[0].network_address.packed)
        return
    ranges = [(network[0].packed, network[-1].packed) for network in networks]
    yield from _among(ranges, _ADDRESS_TYPES[family], sets, numbers)


def _among(
    intervals: Sequence[_Interval], kind: int, sets: list[TableMessage], numbers: Iterator[int]
) -> Iterator[bytes]:
    """Yield a match of the register with these intervals: with a set of the rule's own where there are several."""
    first, last = intervals[0]
    if len(intervals) == 1 and first == last:
        yield equals(first)
    elif len(intervals) == 1:
        yield expression("range", u32(1, REGISTER) + u32(2, 0) + data(3, first) + data(4, last))
    else:
        number = next(numbers)
        sets += _set(intervals, kind, number)
        yield expression("lookup", text(1, "__set%d") + u32(2, REGISTER) + u32(4, number))


def _set(intervals: Sequence[_Interval], kind: int, number: int) -> Iterator[TableMessage]:
    elements = list(_elements(intervals))
    named = text(2, "__set%d")
    head = u32(3, _ANONYMOUS_CONSTANT_INTERVALS) + u32(4, kind) + u32(5, len(intervals[0][0]))
    yield TableMessage(NEWSET, CREATE, named + head + NATIVE.nest(9, u32(1, len(elements))) + u32(10, number))
    for start in range(0, len(elements), _ELEMENTS_MAX):
        listed = (NATIVE.nest(1, element) for element in elements[start : start + _ELEMENTS_MAX])
        yield TableMessage(NEWSETELEM, CREATE, named + u32(4, number) + NATIVE.nest(3, *listed))


def _elements(intervals: Iterable[_Interval]) -> Iterator[bytes]:
    """Yield the ends of intervals as nft does: one starts at an element and ends before an element with that flag."""
    ordered = sorted(intervals)
    size = len(ordered[0][0])
    if any(ordered[0][0]):
        yield u32(3, _INTERVAL_END) + data(1, bytes(size))
    for first, last in ordered:
        yield data(1, first)
        after = int.from_bytes(last, "big") + 1
        if after < 1 << (8 * size):
            yield u32(3, _INTERVAL_END) + data(1, after.to_bytes(size, "big"))


def what_is_missing(netns: str | None) -> str:
    """Return why no rules could be written here, as a sentence; empty where they could.

    Our table is created in a transaction that is never finished, which the kernel takes back at its end.
    """
    test = TableMessage(NEWTABLE, CREATE | ACK, b"")
    try:
        failure = call_in(netns, lambda: _transact([test], None))
    except KernelError as problem:
        return str(problem)
    return "" if failure is None else str(_refusal(failure, [test])).removeprefix("match: ")


def _send(messages: Sequence[TableMessage], generation: int) -> None:
    """Send a transaction for one generation of the ruleset, and wait for the kernel's answer."""
    *others, last = messages
    # An answer for the last message says that all were looked at; those before it answer only when they fail.
    asking = [*others, last._replace(flags=last.flags | ACK)]
    failure = _transact(asking, generation)
    if failure is not None:
        raise _refusal(failure, asking)


def _transact(messages: Sequence[TableMessage], generation: int | None) -> Failure | None:
    """Send messages as one transaction; without a generation it is not finished, and so taken back."""
    try:
        return transact(OURS, messages, generation)
    except OSError as problem:
        if problem.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            raise Refused(NO_TABLES, "match") from None
        if problem.errno == errno.EMSGSIZE:
            raise Refused(TOO_LARGE, "match") from None
        raise KernelError(f"the packet filter did not answer: {problem.strerror}") from problem


def _refusal(failure: Failure, messages: Sequence[TableMessage]) -> Exception:
    """Explain a failure: that of message 0 is about the transaction as a whole, that of 1 about our table."""
    number, code = failure
    match code, number:
        case errno.ERESTART, _:
            return Stale()
        case errno.EPERM, _:
            return NoRight(NO_RIGHT)
        case ((errno.EINVAL | errno.EOPNOTSUPP), 0):
            return Refused(NO_TABLES, "match")
        case ((errno.EOPNOTSUPP | errno.EAFNOSUPPORT), 1):
            return Refused(NO_FAMILY, "match")
        case _:
            about = messages[number - 1].about if 0 < number <= len(messages) else "the rules"
            return Refused(f"match: the packet filter refused {about}: {os.strerror(code)}", "match")
