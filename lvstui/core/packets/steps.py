"""Instructions as functions that run them, made once for each rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias, assert_never

from lvstui.core.packets.bits import (
    FULL,
    UNSET,
    Bits,
    Registers,
    between,
    join_all,
    may_be,
    ones,
    read,
    swapped,
    within,
    write,
)
from lvstui.core.packets.program import (
    SLOT,
    Ask,
    Branch,
    ByteOrder,
    Check,
    Choose,
    Combine,
    Compare,
    Constant,
    Contents,
    CopyMark,
    Header,
    Instruction,
    Load,
    Map,
    Mark,
    Mask,
    Member,
    Named,
    Nat,
    Outcome,
    Shift,
    Source,
    Swap,
    Unread,
    Untrack,
    Verdict,
    Within,
    Write,
)
from lvstui.core.packets.scene import Target, Tracking
from lvstui.core.packets.sets import Index
from lvstui.core.packets.sight import index_of
from lvstui.core.packets.state import Result, State, Way, masked, maybe, shifted

Step: TypeAlias = Callable[[State, Registers], Result]
Reader: TypeAlias = Callable[[State], Bits | None]
Predicate: TypeAlias = Callable[[Bits], bool | None]

FEW: Final = 16
"""So many values that cannot be foretold are each followed; of more, the bits that differ are unknown."""

_LOOPBACK: Final = {4: 0x7F000001, 6: 1}
_PASSED: Final = Verdict(Outcome.ACCEPT)


class Compiler:
    """Makes instructions of one table into functions, for a machine of a byte order."""

    __slots__ = ("_indexes", "order")

    def __init__(self, order: ByteOrder) -> None:
        self.order: ByteOrder = order
        self._indexes: dict[int, tuple[Contents, Index]] = {}

    def index(self, contents: Contents) -> Index:
        """Return a set ready to be asked; one that many rules use is made ready once."""
        found = self._indexes.get(id(contents))
        if found is None:
            found = self._indexes[id(contents)] = (contents, Index(contents))
        return found[1]

    def steps(self, code: Sequence[Instruction]) -> list[Step]:
        """Return the functions of instructions; a mark that is set to a constant, as most are, is but one."""
        match code:
            case [*rest, Constant(slot, data), Write(source, Named(name="meta mark", host=True))] if (
                slot == source and len(data) == SLOT
            ):
                mark = swapped(int.from_bytes(data, "big"), SLOT, self.order)
                return [*map(self.step, rest), lambda state, _: state.marked(Bits(mark))]
            case _:
                return [self.step(instruction) for instruction in code]

    def step(self, instruction: Instruction) -> Step:
        """Return the function of an instruction."""
        match instruction:
            case Load(slot, source):
                return _load(slot, source, self.order)
            case Choose():
                return _choose(instruction, self.order)
            case Constant(slot, data):
                return _constant(slot, data)
            case Compare() | Within() | Member():
                return self._test(instruction)
            case Mask() | Combine() | Shift() | Swap():
                return _calculate(instruction, self.order)
            case Map():
                return _map(instruction, self.index(instruction.contents))
            case Branch():
                return _branch(instruction, self.index(instruction.contents))
            case Write(slot, target):
                return _write(slot, target, self.order)
            case Check():
                return _check(check(instruction))
            case Mark():
                return _mark(instruction)
            case CopyMark():
                return _copy(instruction)
            case Nat():
                return _nat(instruction)
            case Untrack():
                return _untrack
            case Ask():
                return maybe
            case Unread():
                return _unread if instruction.marks else maybe
            case Verdict():
                return lambda state, _: (Way(state, verdict=instruction),)
            case _:
                assert_never(instruction)

    def _test(self, test: Compare | Within | Member) -> Step:
        slot, size, holds = test.slot, size_of(test), self.predicate(test)

        def run(state: State, registers: Registers) -> Result:
            answer = holds(read(registers, slot, size))
            return state if answer else None if answer is False else maybe(state, registers)

        return run

    def predicate(self, test: Compare | Within | Member) -> Predicate:
        """Return what a test asks of the bytes that it reads."""
        match test:
            case Compare(sign=sign, data=data):
                return _comparison(sign, int.from_bytes(data, "big"), ones(len(data)))
            case Within(first=first, last=last, negated=negated):
                ranges = ((int.from_bytes(first, "big"), int.from_bytes(last, "big")),)
                return lambda found: _turned(within(found, ranges), negated)
            case Member(contents=contents, negated=negated):
                return _membership(self.index(contents), negated)
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


def needs_nothing(code: Sequence[Instruction]) -> bool:
    """Return whether code reads no register that it has not filled itself."""
    filled: set[int] = set()
    for instruction in code:
        reads, writes = _slots(instruction)
        if not filled.issuperset(reads):
            return False
        filled.update(writes)
    return True


def _slots(instruction: Instruction) -> tuple[Iterable[int], Iterable[int]]:
    """Return the slots that an instruction reads, and those that it fills."""
    match instruction:
        case Load(slot, source):
            return (), _row(slot, source.size)
        case Choose(slot=slot):
            return (), (slot,)
        case Constant(slot, data):
            return (), _row(slot, len(data))
        case Compare() | Within() | Member():
            return _row(instruction.slot, size_of(instruction)), ()
        case Mask(source, slot, mask):
            return _row(source, len(mask)), _row(slot, len(mask))
        case Combine(source, other, slot, size):
            return (*_row(source, size), *_row(other, size)), _row(slot, size)
        case Shift(source, slot, size) | Swap(source, slot, size):
            return _row(source, size), _row(slot, size)
        case Map(slot, contents, target):
            size = max((len(element.data) for element in contents.elements), default=0)
            return _row(slot, contents.size), _row(target, size)
        case Branch(slot, contents):
            return _row(slot, contents.size), ()
        case Write(slot, target):
            return _row(slot, target.size), ()
        case Nat(addresses, ports, registers=True):
            return (*(addresses or ()), *(ports or ())), ()
        case _:
            return (), ()


def _row(slot: int, size: int) -> range:
    return range(slot, slot - (-size // SLOT))


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


def _membership(index: Index, negated: bool) -> Predicate:
    has = index.has

    def holds(key: Bits) -> bool | None:
        if not key.unknown and has(key.value):
            return not negated
        found = index.find(key)
        answer = None if found.elements and found.nowhere else bool(found.elements)
        return _turned(answer, negated)

    return holds


def reader(source: Source | str, order: ByteOrder) -> Reader:
    """Return what reads something of a packet: the bytes of a source, or the number of a field by its name."""
    name = source.name if isinstance(source, Named) else source
    in_memory = isinstance(source, Named) and source.host
    match name:
        case "meta mark" | "mark":
            return (lambda state: _memory(Bits(state.mark, state.unknown), order)) if in_memory else _mark_of
        case "ct mark":
            return (lambda state: _memory(state.connection_mark, order)) if in_memory else _saved_mark_of
        case _:
            index = index_of(source)
            return lambda state: state.sight[index]


def _memory(mark: Bits | None, order: ByteOrder) -> Bits | None:
    """Return a mark as it lies in memory."""
    return None if mark is None else Bits(swapped(mark.value, 4, order), swapped(mark.unknown, 4, order))


def _mark_of(state: State) -> Bits | None:
    return Bits(state.mark, state.unknown)


def _saved_mark_of(state: State) -> Bits | None:
    return state.connection_mark


def _load(slot: int, source: Source, order: ByteOrder) -> Step:
    look, size = reader(source, order), source.size

    def run(state: State, registers: Registers) -> Result:
        found = look(state)
        if found is None:
            return None
        write(registers, slot, size, found)
        return state if found.sure else maybe(state, registers)

    return run


def _constant(slot: int, data: bytes) -> Step:
    number, size = Bits(int.from_bytes(data, "big")), len(data)

    def run(state: State, registers: Registers) -> Result:
        write(registers, slot, size, number)
        return state

    return run


def _choose(choice: Choose, order: ByteOrder) -> Step:
    slot, first, last, _ = choice
    if last - first >= FEW:
        found = between(first, last)
        anything = Bits(swapped(found.value, 4, order), swapped(found.unknown, 4, order))

        def run(state: State, registers: Registers) -> Result:
            write(registers, slot, 4, anything)
            return state

        return run

    words = [(swapped(number, 4, order), 0) for number in range(first, last + 1)]
    return lambda state, registers: tuple(Way(state, {**registers, slot: word}) for word in words)


def _calculate(instruction: Mask | Combine | Shift | Swap, order: ByteOrder) -> Step:
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


def _mask(source: int, slot: int, mask: bytes, flip: bytes) -> Step:
    size = -(-len(mask) // 4) * 4
    bits = int.from_bytes(mask.ljust(size, b"\0"), "big")
    flipped = int.from_bytes(flip.ljust(size, b"\0"), "big")

    def run(state: State, registers: Registers) -> Result:
        found = read(registers, source, size)
        unknown = found.unknown & bits
        write(registers, slot, size, Bits((found.value & bits ^ flipped) & ~unknown, unknown))
        return state

    return run


def _combine(instruction: Combine) -> Step:
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


def _shift(instruction: Shift, order: ByteOrder) -> Step:
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


def _swap(instruction: Swap, order: ByteOrder) -> Step:
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


def _map(instruction: Map, index: Index) -> Step:
    slot, contents, target = instruction

    def run(state: State, registers: Registers) -> Result:
        found = index.find(read(registers, slot, contents.size))
        values = list(dict.fromkeys(element.data for element in found.elements))
        ways = [Way(state)] if found.nowhere else []
        if not contents.known:
            ways.append(Way(state, {**registers, **{target + at: UNSET for at in range(4)}}))
        elif len(values) > FEW:
            ways.append(_filled(state, registers, target, values))
        else:
            ways.extend(_filled(state, registers, target, [value]) for value in values)
        return tuple(ways) or None

    return run


def _filled(state: State, registers: Registers, slot: int, values: list[bytes]) -> Way:
    """Return the way on with one of some values in a register."""
    found = dict(registers)
    size = max(map(len, values))
    write(found, slot, size, join_all(Bits(int.from_bytes(value.ljust(size, b"\0"), "big")) for value in values))
    return Way(state, found)


def _branch(instruction: Branch, index: Index) -> Step:
    slot, contents = instruction

    def run(state: State, registers: Registers) -> Result:
        found = index.find(read(registers, slot, contents.size))
        verdicts = dict.fromkeys(element.verdict for element in found.elements if element.verdict is not None)
        ways = [Way(state)] if found.nowhere else []
        for verdict in verdicts:
            on = verdict.outcome is Outcome.CONTINUE
            ways.append(Way(state, registers) if on else Way(state, verdict=verdict))
        return tuple(ways) or None

    return run


def _write(slot: int, target: Source, order: ByteOrder) -> Step:
    def run(state: State, registers: Registers) -> Result:
        found = read(registers, slot, target.size)
        match target:
            case Header():
                scene = state.sight.scene
                return state.at(scene._replace(headers=scene.headers.written(target, found)))
            case Named(name="meta mark" | "mark"):
                return state.marked(Bits(swapped(found.value, 4, order), swapped(found.unknown, 4, order)))
            case Named(name="ct mark"):
                return state.saving(Bits(swapped(found.value, 4, order), swapped(found.unknown, 4, order)))
            case _:
                return state

    return run


def check(test: Check) -> Callable[[State], bool | None]:
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


def _check_one(look: Reader, test: Check) -> Callable[[State], bool | None]:
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


def _check(holds: Callable[[State], bool | None]) -> Step:
    def run(state: State, registers: Registers) -> Result:
        answer = holds(state)
        return state if answer else None if answer is False else maybe(state, registers)

    return run


def _mark(instruction: Mark) -> Step:
    value, mask, connection, shift = instruction

    def run(state: State, _: Registers) -> Result:
        old = state.connection_mark if connection else Bits(state.mark, state.unknown)
        if old is None:
            return state
        new = shifted(masked(old, mask, Bits(value)), shift)
        return state.saving(new) if connection else state.marked(new)

    return run


def _copy(instruction: CopyMark) -> Step:
    save, mask, bits, shift = instruction

    def run(state: State, _: Registers) -> Result:
        saved = state.connection_mark
        if saved is None:
            return state
        marked = Bits(state.mark, state.unknown)
        old, other = (saved, marked) if save else (marked, saved)
        new = masked(old, mask, shifted(Bits(other.value & bits, other.unknown & bits), shift))
        return state.saving(new) if save else state.marked(new)

    return run


def _nat(instruction: Nat) -> Step:
    def run(state: State, registers: Registers) -> Result:
        scene = state.sight.scene
        version = scene.headers.version
        if instruction.version not in (0, version):
            return state
        size = 4 if version == 4 else 16
        port = _one_of(instruction.ports, 2, registers if instruction.registers else None)
        if instruction.redirect:
            address: Bits | None = Bits(_LOOPBACK[version]) if scene.packet.local else Bits(0, ones(size))
        else:
            address = _one_of(instruction.addresses, size, registers if instruction.registers else None)
        target = Target(address, port)
        return (Way(state.at(scene._replace(target=target, bound=True)), verdict=_PASSED),)

    return run


def _one_of(ends: tuple[int, int] | None, size: int, registers: Registers | None) -> Bits | None:
    """Return what is known of an address or port of a range; with registers the ends are slots."""
    if ends is None:
        return None
    if registers is None:
        return between(*ends)
    first, last = (read(registers, slot, size) for slot in ends)
    if first.unknown or last.unknown:
        return first if ends[0] == ends[1] else Bits(0, ones(size))
    return between(first.value, last.value)


def _untrack(state: State, _: Registers) -> Result:
    scene = state.sight.scene
    return state.at(scene._replace(tracking=Tracking.NEVER)) if scene.tracking is Tracking.NOT_YET else state


def _unread(state: State, registers: Registers) -> Result:
    anything = Bits(0, FULL)
    return (Way(state), Way(state.marked(anything).saving(anything), registers))
