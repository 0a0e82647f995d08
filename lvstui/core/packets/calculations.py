"""Calculations on registers, as functions that do them."""

from __future__ import annotations

from typing import assert_never

from lvstui.core.packets.bits import FULL, UNSET, Bits, Registers, ones, read, swapped, write
from lvstui.core.packets.program import ByteOrder, Combine, Mask, Shift, Swap
from lvstui.core.packets.state import Operation, Result, State


def calculate(instruction: Mask | Combine | Shift | Swap, order: ByteOrder) -> Operation:
    """Return a calculation on registers; all but `Swap` work on whole slots (nft_bitwise.c)."""
    match instruction:
        case Mask(source, slot, mask, flip):
            return _mask(source, slot, mask, flip)
        case Combine():
            return _combine(instruction)
        case Shift():
            return _shift(instruction, order)
        case Swap():
            return _swap(instruction, order)
        case _:
            assert_never(instruction)


def _mask(source: int, slot: int, mask: bytes, flip: bytes) -> Operation:
    size = -(-len(mask) // 4) * 4
    bits = int.from_bytes(mask.ljust(size, b"\0"), "big")
    flipped = int.from_bytes(flip.ljust(size, b"\0"), "big")

    def run(state: State, registers: Registers) -> Result:
        found = read(registers, source, size)
        unknown = found.unknown & bits
        write(registers, slot, size, Bits((found.value & bits ^ flipped) & ~unknown, unknown))
        return state

    return run


def _combine(instruction: Combine) -> Operation:
    source, other, slot, size, sign = instruction
    size = -(-size // 4) * 4

    def run(state: State, registers: Registers) -> Result:
        one, two = read(registers, source, size), read(registers, other, size)
        may_one, may_two = one.value | one.unknown, two.value | two.unknown
        match sign:
            case "&":
                found = Bits(one.value & two.value, may_one & may_two & ~(one.value & two.value))
            case "|":
                found = Bits(one.value | two.value, (may_one | may_two) & ~(one.value | two.value))
            case _:
                unknown = one.unknown | two.unknown
                found = Bits((one.value ^ two.value) & ~unknown, unknown)
        write(registers, slot, size, found)
        return state

    return run


def _shift(instruction: Shift, order: ByteOrder) -> Operation:
    """Return a shift of 32-bit numbers of the machine, with what falls out of one put into the next.

    To the left the last slot comes first, to the right the first one (nft_bitwise_eval_lshift, _rshift).
    """
    source, slot, size, bits, left = instruction
    slots = list(range(-(-size // 4)))

    def shift(numbers: list[int]) -> list[int]:
        """Shift the numbers of all slots."""
        found, carry = [0] * len(numbers), 0
        for at in reversed(slots) if left else slots:
            number = numbers[at]
            if left:
                found[at], carry = number << bits & FULL | carry, number >> 32 - bits
            else:
                found[at], carry = carry | number >> bits, number << 32 - bits & FULL
        return found

    def run(state: State, registers: Registers) -> Result:
        words = [registers.get(source + at, UNSET) for at in slots]
        if bits:
            values, unknown = (shift([swapped(word[part], 4, order) for word in words]) for part in (0, 1))
            words = [(swapped(a, 4, order), swapped(b, 4, order)) for a, b in zip(values, unknown, strict=True)]
        registers.update((slot + at, word) for at, word in enumerate(words))
        return state

    return run


def _swap(instruction: Swap, order: ByteOrder) -> Operation:
    """Return what turns the bytes of numbers; of the last slot, bytes that it does not reach stay (nft_byteorder)."""
    source, slot, size, unit = instruction
    size = size // unit * unit
    spare = -size % 4

    def turn(number: int) -> int:
        data = number.to_bytes(size, "big")
        units = (data[at : at + unit] for at in range(0, size, unit))
        return int.from_bytes(b"".join(one if order == "big" else one[::-1] for one in units), "big")

    def run(state: State, registers: Registers) -> Result:
        found = read(registers, source, size)
        behind = read(registers, slot, size + spare)
        value, unknown = turn(found.value), turn(found.unknown)
        full = ones(spare)
        write(
            registers,
            slot,
            size + spare,
            Bits(value << 8 * spare | behind.value & full, unknown << 8 * spare | behind.unknown & full),
        )
        return state

    return run
