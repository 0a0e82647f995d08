"""Instructions as functions that run them, made once for each rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from lvstui.core.packets.bits import (
    FULL,
    UNSET,
    Bits,
    Registers,
    between,
    join_all,
    masked,
    ones,
    read,
    shifted,
    swapped,
    write,
)
from lvstui.core.packets.calculations import calculate
from lvstui.core.packets.predicates import Predicate, Test, check, predicate, reader, size_of
from lvstui.core.packets.program import (
    SLOT,
    Ask,
    Branch,
    ByteOrder,
    Check,
    Choose,
    Combine,
    Compare,
    Contents,
    CopyMark,
    Header,
    Immediate,
    Instruction,
    Load,
    Map,
    Mark,
    Mask,
    Member,
    Named,
    Nat,
    Outcome,
    Prepare,
    Shift,
    Source,
    Swap,
    Unread,
    Untrack,
    Verdict,
    Within,
    Write,
)
from lvstui.core.packets.scene import NO_CONNECTION, Target, Tracking
from lvstui.core.packets.sets import Lookup
from lvstui.core.packets.state import Fork, Operation, Result, State, maybe

FEW: Final = 16
"""So many values that cannot be foretold are each followed; of more, the bits that differ are unknown."""

_PASSED: Final = Verdict(Outcome.ACCEPT)
_LOST: Final = Verdict(Outcome.DROP)


class Compiler:
    """Makes instructions of one table into functions, for a machine of a byte order."""

    __slots__ = ("_lookups", "order")

    def __init__(self, order: ByteOrder) -> None:
        self.order: ByteOrder = order
        self._lookups: dict[int, tuple[Contents, Lookup]] = {}

    def lookup(self, contents: Contents) -> Lookup:
        """Return a set ready to be asked; one that many rules use is made ready once."""
        found = self._lookups.get(id(contents))
        if found is None:
            found = self._lookups[id(contents)] = (contents, Lookup(contents))
        return found[1]

    def operations(self, code: Sequence[Instruction]) -> list[Operation]:
        """Return the functions of instructions; a mark that is set to a constant, as most are, is but one."""
        match code:
            case [*rest, Immediate(slot, data), Write(source, Named(name="meta mark", host=True))] if (
                slot == source and len(data) == SLOT
            ):
                mark = swapped(int.from_bytes(data, "big"), SLOT, self.order)
                return [*map(self.operation, rest), lambda state, _: state.marked(Bits(mark))]
            case _:
                return [self.operation(instruction) for instruction in code]

    def operation(self, instruction: Instruction) -> Operation:
        """Return the function of an instruction."""
        match instruction:
            case Load(slot, source):
                return _load(slot, source, self.order)
            case Choose():
                return _choose(instruction, self.order)
            case Immediate(slot, data):
                return _immediate(slot, data)
            case Compare() | Within() | Member():
                return self._test(instruction)
            case Mask() | Combine() | Shift() | Swap():
                return calculate(instruction, self.order)
            case Map():
                return _map(instruction, self.lookup(instruction.contents))
            case Branch():
                return _branch(instruction, self.lookup(instruction.contents))
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
                return _seen_as(Tracking.NEVER)
            case Prepare():
                return _seen_as(Tracking.TEMPLATE)
            case Ask():
                return maybe
            case Unread():
                return _unread if instruction.marks else maybe
            case Verdict():
                return lambda state, _: (Fork(state, verdict=instruction),)
            case _:
                assert_never(instruction)

    def _test(self, test: Compare | Within | Member) -> Operation:
        slot, size, holds = test.slot, size_of(test), self.predicate(test)

        def run(state: State, registers: Registers) -> Result:
            answer = holds(read(registers, slot, size))
            return state if answer else None if answer is False else maybe(state, registers)

        return run

    def predicate(self, test: Compare | Within | Member) -> Predicate:
        """Return what a test asks of the bytes that it reads."""
        return predicate(test, self.lookup)


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
        case Immediate(slot, data):
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


def _load(slot: int, source: Source, order: ByteOrder) -> Operation:
    look, size = reader(source, order), source.size

    def run(state: State, registers: Registers) -> Result:
        found = look(state)
        if found is None:
            return None
        write(registers, slot, size, found)
        return state if found.sure else maybe(state, registers)

    return run


def _immediate(slot: int, data: bytes) -> Operation:
    number, size = Bits(int.from_bytes(data, "big")), len(data)

    def run(state: State, registers: Registers) -> Result:
        write(registers, slot, size, number)
        return state

    return run


def _choose(choice: Choose, order: ByteOrder) -> Operation:
    slot, first, last, _ = choice
    if last - first >= FEW:
        found = between(first, last)
        anything = Bits(swapped(found.value, 4, order), swapped(found.unknown, 4, order))

        def run(state: State, registers: Registers) -> Result:
            write(registers, slot, 4, anything)
            return state

        return run

    words = [(swapped(number, 4, order), 0) for number in range(first, last + 1)]
    return lambda state, registers: tuple(Fork(state, {**registers, slot: word}) for word in words)


def _map(instruction: Map, lookup: Lookup) -> Operation:
    slot, contents, target = instruction

    def run(state: State, registers: Registers) -> Result:
        found = lookup.find(read(registers, slot, contents.size))
        values = list(dict.fromkeys(element.data for element in found.elements))
        forks = [Fork(state)] if found.nowhere else []
        if not contents.known:
            forks.append(Fork(state, {**registers, **{target + at: UNSET for at in range(4)}}))
        elif len(values) > FEW:
            forks.append(_filled(state, registers, target, values))
        else:
            forks.extend(_filled(state, registers, target, [value]) for value in values)
        return tuple(forks) or None

    return run


def _filled(state: State, registers: Registers, slot: int, values: list[bytes]) -> Fork:
    """Return the way on with one of some values in a register."""
    found = dict(registers)
    size = max(map(len, values))
    write(found, slot, size, join_all(Bits(int.from_bytes(value.ljust(size, b"\0"), "big")) for value in values))
    return Fork(state, found)


def _branch(instruction: Branch, lookup: Lookup) -> Operation:
    slot, contents = instruction

    def run(state: State, registers: Registers) -> Result:
        found = lookup.find(read(registers, slot, contents.size))
        verdicts = dict.fromkeys(element.verdict for element in found.elements if element.verdict is not None)
        forks = [Fork(state)] if found.nowhere else []
        for verdict in verdicts:
            on = verdict.outcome is Outcome.CONTINUE
            forks.append(Fork(state, registers) if on else Fork(state, verdict=verdict))
        return tuple(forks) or None

    return run


def _write(slot: int, target: Source, order: ByteOrder) -> Operation:
    def run(state: State, registers: Registers) -> Result:
        found = read(registers, slot, target.size)
        match target:
            case Header():
                scene = state.sight.scene
                return state.at(scene._replace(headers=scene.headers.written(target, found)))
            case Named(name="meta mark" | "mark"):
                return state.marked(Bits(swapped(found.value, 4, order), swapped(found.unknown, 4, order)))
            case Named(name="ct zone") if state.sight.scene.tracking in NO_CONNECTION:  # nft_ct_set_zone_eval
                return state.at(state.sight.scene._replace(tracking=Tracking.TEMPLATE))
            case Named(name="ct mark"):
                return state.saving(Bits(swapped(found.value, 4, order), swapped(found.unknown, 4, order)))
            case _:
                return state

    return run


def _check(holds: Test) -> Operation:
    def run(state: State, registers: Registers) -> Result:
        answer = holds(state)
        return state if answer else None if answer is False else maybe(state, registers)

    return run


def _mark(instruction: Mark) -> Operation:
    value, mask, connection, shift = instruction

    def run(state: State, _: Registers) -> Result:
        old = state.connection_mark if connection else Bits(state.mark, state.unknown)
        if old is None:
            return state
        new = shifted(masked(old, mask, Bits(value)), shift)
        return state.saving(new) if connection else state.marked(new)

    return run


def _copy(instruction: CopyMark) -> Operation:
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


def _nat(instruction: Nat) -> Operation:
    def run(state: State, registers: Registers) -> Result:
        scene = state.sight.scene
        version = scene.headers.version
        if instruction.version not in (0, version):
            return state
        size = 4 if version == 4 else 16
        port = _one_of(instruction.ports, 2, registers if instruction.registers else None)
        if instruction.redirect:
            address = scene.redirected()
            if address is None:
                return (Fork(state, verdict=_LOST),)
        else:
            address = _one_of(instruction.addresses, size, registers if instruction.registers else None)
        target = Target(address, port)
        return (Fork(state.at(scene._replace(target=target, bound=True)), verdict=_PASSED),)

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


def _seen_as(tracking: Tracking) -> Operation:
    """Return what keeps a packet out of tracking, or gives it a template, unless it has either already (xt_CT.c)."""

    def run(state: State, _: Registers) -> Result:
        scene = state.sight.scene
        return state.at(scene._replace(tracking=tracking)) if scene.tracking is Tracking.NOT_YET else state

    return run


def _unread(state: State, registers: Registers) -> Result:
    anything = Bits(0, FULL)
    return (Fork(state), Fork(state.marked(anything).saving(anything), registers))
