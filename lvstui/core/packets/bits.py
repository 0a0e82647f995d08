"""Numbers of which some bits are not known, and registers that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.packets.program import SLOT, ByteOrder, Range


class Bits(NamedTuple):
    """A number whose `unknown` bits are zero in `value`; one that is not `sure` may not be there at all."""

    value: int
    unknown: int = 0
    sure: bool = True


Word: TypeAlias = tuple[int, int]
"""The value of a slot as it lies in memory, first byte first, and its unknown bits."""

Registers: TypeAlias = dict[int, Word]
"""Slots that a rule has filled; the others hold anything."""

FULL: Final = 0xFFFFFFFF
UNSET: Final[Word] = (0, FULL)


def ones(size: int) -> int:
    """Return a number of `size` bytes that has all bits set."""
    return (1 << 8 * size) - 1


def join(one: Bits, other: Bits) -> Bits:
    """Return what is known of a number that may be either."""
    unknown = one.unknown | other.unknown | (one.value ^ other.value)
    return Bits(one.value & ~unknown, unknown, one.sure and other.sure)


def join_all(these: Iterable[Bits]) -> Bits:
    """Return what is known of a number that may be any of these; at least one must be given."""
    first, *others = these
    for other in others:
        first = join(first, other)
    return first


def between(first: int, last: int) -> Bits:
    """Return what is known of a number from `first` to `last`: the bits before the first that differs."""
    unknown = (1 << (first ^ last).bit_length()) - 1
    return Bits(first & ~unknown, unknown)


def may_be(found: Bits, value: int) -> bool:
    """Return whether a number may have this value."""
    return not (found.value ^ value) & ~found.unknown


def within(found: Bits, ranges: Iterable[Range]) -> bool | None:
    """Return whether a number is in one of these ranges, None where it may be."""
    lowest, highest = found.value, found.value | found.unknown
    possible = False
    for first, last in ranges:
        if first <= lowest and highest <= last:
            return True
        if first <= highest and lowest <= last and (first != last or may_be(found, first)):
            possible = True
    return None if possible else False


def masked(old: Bits, mask: int, other: Bits) -> Bits:
    """Return `(old & ~mask) ^ other`, 32 bits."""
    unknown = (old.unknown & ~mask | other.unknown) & FULL
    return Bits((old.value & ~mask ^ other.value) & ~unknown & FULL, unknown)


def shifted(number: Bits, bits: int) -> Bits:
    """Return a number of 32 bits shifted to the left, or to the right where `bits` is negative."""
    if bits >= 0:
        return Bits(number.value << bits & FULL, number.unknown << bits & FULL)
    return Bits(number.value >> -bits, number.unknown >> -bits)


def swapped(number: int, size: int, order: ByteOrder) -> int:
    """Return a number of the machine as it lies in memory, or the other way round."""
    if order == "big" or size == 1:
        return number
    return int.from_bytes(number.to_bytes(size, "little"), "big")


def read(registers: Registers, slot: int, size: int) -> Bits:
    """Return `size` bytes from a slot on."""
    value = unknown = 0
    words = -(-size // SLOT)
    for at in range(slot, slot + words):
        word, holes = registers.get(at, UNSET)
        value = value << 32 | word
        unknown = unknown << 32 | holes
    spare = 8 * (words * SLOT - size)
    return Bits(value >> spare, unknown >> spare)


def write(registers: Registers, slot: int, size: int, found: Bits) -> None:
    """Put `size` bytes into slots, and zeros after them up to the end of the last one."""
    words = -(-size // SLOT)
    spare = 8 * (words * SLOT - size)
    value, unknown = found.value << spare, found.unknown << spare
    for at in range(slot + words - 1, slot - 1, -1):
        registers[at] = (value & FULL, unknown & FULL)
        value >>= 32
        unknown >>= 32


def either(many: Iterable[Registers]) -> Registers:
    """Return what is known of registers that may be any of these; a slot that one has not filled holds anything."""
    first, *others = many
    found = dict(first)
    for other in others:
        for slot in found.keys() & other.keys():
            bits = join(Bits(*found[slot]), Bits(*other[slot]))
            found[slot] = (bits.value, bits.unknown)
        for slot in found.keys() - other.keys():
            del found[slot]
    return found
