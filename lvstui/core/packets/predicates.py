"""What tests of rules ask, as functions of the bytes that they read, or of a packet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, assert_never

from lvstui.core.packets.bits import Bits, may_be, ones, swapped, within
from lvstui.core.packets.program import ByteOrder, Check, Compare, Contents, Member, Named, Source, Within
from lvstui.core.packets.sets import Lookup
from lvstui.core.packets.sight import index_of
from lvstui.core.packets.state import State

Reader: TypeAlias = Callable[[State], Bits | None]
"""What reads something of a packet; None where the packet lacks it."""

Predicate: TypeAlias = Callable[[Bits], bool | None]
"""What is asked of bytes: yes, no, or None where that is not known."""

Test: TypeAlias = Callable[[State], bool | None]
"""What is asked of a packet, likewise."""


def predicate(test: Compare | Within | Member, lookup: Callable[[Contents], Lookup]) -> Predicate:
    """Return what a test asks of the bytes that it reads; `lookup` makes a set ready to be asked."""
    match test:
        case Compare(sign=sign, data=data):
            return _comparison(sign, int.from_bytes(data, "big"), ones(len(data)))
        case Within(first=first, last=last, negated=negated):
            ranges = ((int.from_bytes(first, "big"), int.from_bytes(last, "big")),)
            return lambda found: _turned(within(found, ranges), negated)
        case Member(contents=contents, negated=negated):
            return _membership(lookup(contents), negated)
        case _:
            assert_never(test)


def size_of(test: Compare | Within | Member) -> int:
    """Return how many bytes a test reads."""
    match test:
        case Compare(data=data):
            return len(data)
        case Within(first=first):
            return len(first)
        case Member(contents=contents):
            return contents.size
        case _:
            assert_never(test)


def _turned(answer: bool | None, negated: bool) -> bool | None:
    return answer if answer is None else answer != negated


def _comparison(sign: str, data: int, most: int) -> Predicate:
    """Return a comparison with bytes, of which a smaller one comes first (memcmp)."""
    match sign:
        case "==":
            return lambda found: found.value == data if not found.unknown else may_be(found, data) and None
        case "!=":
            return lambda found: found.value != data if not found.unknown else None if may_be(found, data) else True
        case "<" | "<=":
            ranges = ((0, data - (sign == "<")),)
        case _:
            ranges = ((data + (sign == ">"), most),)
    return lambda found: within(found, ranges)


def _membership(lookup: Lookup, negated: bool) -> Predicate:
    has = lookup.has

    def holds(key: Bits) -> bool | None:
        if not key.unknown and has(key.value):
            return not negated
        found = lookup.find(key)
        answer = None if found.elements and found.nowhere else bool(found.elements)
        return _turned(answer, negated)

    return holds


_WAYS_BACK: Final = frozenset(("fib saddr . iif oif", "fib saddr . mark . iif oif"))


def is_of_state(source: Source) -> bool:
    """Return whether something follows from more than what is seen of a packet: from its marks."""
    return isinstance(source, Named) and source.name in ("meta mark", "mark", "ct mark", *_WAYS_BACK)


def reader(source: Source | str, order: ByteOrder) -> Reader:
    """Return what reads something of a packet: the bytes of a source, or the number of a field by its name."""
    name = source.name if isinstance(source, Named) else source
    in_memory = isinstance(source, Named) and source.host
    match name:
        case "meta mark" | "mark":
            return (lambda state: _memory(Bits(state.mark, state.unknown), order)) if in_memory else _mark_of
        case "ct mark":
            return (lambda state: _memory(state.connection_mark, order)) if in_memory else _saved_mark_of
        case _ if name in _WAYS_BACK:
            return partial(_way_back, source, order)
        case _:
            index = index_of(source)
            return lambda state: state.sight[index]


def _way_back(source: Source | str, order: ByteOrder, state: State) -> Bits:
    """Return the number of the interface that a packet came in by, if its way back leads there (nft_fib_ipv4.c).

    Of one byte, and by its name alone, it is whether there is one: 1 or 0.
    """
    name, size = (source.name, source.size) if isinstance(source, Named) else (str(source), 1)
    marked = " mark " in name
    scene = state.sight.scene
    known = not (marked and state.unknown) and scene.comes_back(state.mark if marked else 0)
    if size == 1:
        return Bits(1) if known else Bits(0, 1)
    number = scene.around.interface_index(scene.packet.interface) if known else None
    return Bits(0, ones(size)) if number is None else Bits(swapped(number, size, order))


def _memory(mark: Bits | None, order: ByteOrder) -> Bits | None:
    """Return a mark as it lies in memory."""
    return None if mark is None else Bits(swapped(mark.value, 4, order), swapped(mark.unknown, 4, order))


def _mark_of(state: State) -> Bits | None:
    return Bits(state.mark, state.unknown)


def _saved_mark_of(state: State) -> Bits | None:
    return state.connection_mark


def check(test: Check) -> Test:
    """Return what a test of iptables asks of a packet."""
    readers = [reader(field, "big") for field in test.fields]
    ranges, negated, mask = test.ranges, test.negated, test.mask
    if len(readers) == 1:
        return _check_one(readers[0], test)

    def holds(state: State) -> bool | None:
        answer: bool | None = False
        lacking = False
        for look in readers:
            found = look(state)
            if found is None:
                lacking = True
                continue
            if mask is not None:
                found = Bits(found.value & mask, found.unknown & mask, found.sure)
            held = within(found, ranges)
            if not found.sure:
                held = None
            if held:
                answer = True
            elif held is None and answer is False:
                answer = None
        return False if lacking and answer is False else _turned(answer, negated)

    return holds


def _check_one(look: Reader, test: Check) -> Test:
    """Return what a test of one field asks."""
    ranges, negated = test.ranges, test.negated
    mask = -1 if test.mask is None else test.mask

    def holds(state: State) -> bool | None:
        found = look(state)
        if found is None:
            return False
        if found.unknown:
            held = within(Bits(found.value & mask, found.unknown & mask), ranges) if found.sure else None
            return held if held is None else held != negated
        value = found.value & mask
        for first, last in ranges:
            if first <= value <= last:
                return not negated
        return negated

    return holds
