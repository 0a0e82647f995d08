"""Rules made ready to be run many times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from lvstui.core.packets.bits import Bits
from lvstui.core.packets.index import Index
from lvstui.core.packets.operations import Compiler, needs_nothing
from lvstui.core.packets.predicates import Predicate, Reader, Test, check, is_of_state, reader, size_of
from lvstui.core.packets.program import (
    ByteOrder,
    Check,
    Compare,
    Instruction,
    Line,
    Load,
    Mask,
    Member,
    Table,
    Within,
)
from lvstui.core.packets.sight import Sight, index_of
from lvstui.core.packets.state import Operation, State


class Ready:
    """A rule that can be run.

    `gate` is False for packets that it surely leaves alone, which is found out without registers: most rules do not
    match most packets.
    """

    __slots__ = ("_compiler", "_gated", "_operations", "chain", "gate", "line")

    def __init__(self, line: Line, chain: str, compiler: Compiler) -> None:
        self.line = line
        self.chain = chain
        self._compiler = compiler
        self.gate, self._gated = _gate(line.code, compiler)
        self._operations: dict[bool, Sequence[Operation]] = {}

    def operations(self, opened: bool) -> Sequence[Operation]:
        """Return the rule's operations, without what its gate has asked where that is surely `opened`."""
        found = self._operations.get(opened)
        if found is None:
            code = self.line.code
            rest = code[self._gated :] if opened else code
            found = self._operations[opened] = self._compiler.operations(rest if needs_nothing(rest) else code)
        return found


class ReadyChain:
    """The rules of a chain, each made ready when a packet first may match it."""

    __slots__ = ("_compiler", "_index", "_lines", "_name", "_ready")

    def __init__(self, lines: Sequence[Line], name: str, compiler: Compiler) -> None:
        self._lines = lines
        self._name = name
        self._compiler = compiler
        self._ready: list[Ready | None] = [None] * len(lines)
        self._index = Index(lines)

    def places(self, sights: Iterable[Sight]) -> Sequence[int]:
        """Return the places of those rules that may match packets, in order."""
        return self._index.places(sights)

    def __getitem__(self, place: int) -> Ready:
        """Return a rule."""
        found = self._ready[place]
        if found is None:
            found = self._ready[place] = Ready(self._lines[place], self._name, self._compiler)
        return found


class Rules:
    """The chains of a table, each made ready when a packet first comes to it."""

    __slots__ = ("_chains", "_compiler", "_ready")

    def __init__(self, table: Table, order: ByteOrder) -> None:
        self._chains = table.chains
        self._compiler = Compiler(order)
        self._ready: dict[str, ReadyChain] = {}

    def __contains__(self, name: str) -> bool:
        """Return whether there is such a chain."""
        return name in self._chains

    def __getitem__(self, name: str) -> ReadyChain:
        """Return the rules of a chain."""
        found = self._ready.get(name)
        if found is None:
            found = self._ready[name] = ReadyChain(self._chains[name].lines, name, self._compiler)
        return found

    def __len__(self) -> int:
        """Return how many chains there are."""
        return len(self._chains)


_compiled: Final[WeakKeyDictionary[Table, dict[ByteOrder, Rules]]] = WeakKeyDictionary()


def compiled(table: Table, order: ByteOrder) -> Rules:
    """Return the rules of a table, which are made ready once."""
    orders = _compiled.setdefault(table, {})
    found = orders.get(order)
    if found is None:
        found = orders[order] = Rules(table, order)
    return found


def _gate(code: Sequence[Instruction], compiler: Compiler) -> tuple[Test | None, int]:
    """Return what the first instructions ask together, None where they ask nothing, and how many they are."""
    tests: list[Test] = []
    at = 0
    while at < len(code):
        test, used = _first_test(code[at:], compiler)
        if test is None:
            break
        tests.append(test)
        at += used
    match tests:
        case []:
            return None, 0
        case [test]:
            return test, at
        case [first, second]:
            return _both(first, second), at
        case _:
            return _every(tests), at


def _both(first: Test, second: Test) -> Test:
    def gate(state: State) -> bool | None:
        answer = first(state)
        if answer is False:
            return False
        other = second(state)
        return False if other is False else answer and other

    return gate


def _every(tests: Sequence[Test]) -> Test:
    def gate(state: State) -> bool | None:
        certain: bool | None = True
        for test in tests:
            answer = test(state)
            if answer is not True:
                if answer is False:
                    return False
                certain = None
        return certain

    return gate


def _first_test(code: Sequence[Instruction], compiler: Compiler) -> tuple[Test | None, int]:
    """Return the test that code begins with, and how many instructions it is."""
    match code:
        case [Check() as test, *_]:
            return check(test), 1
        case [Load(slot, source), (Compare() | Within() | Member()) as test, *_] if (
            test.slot == slot and size_of(test) == source.size
        ):
            look = reader(source, compiler.order)
            if isinstance(test, Compare) and test.sign == "==" and not is_of_state(source):
                return _equal(index_of(source), int.from_bytes(test.data, "big")), 2
            return _asked(look, compiler.predicate(test)), 2
        case [Load(slot, source), Mask(a, b, mask, flip), (Compare() | Within() | Member()) as test, *_] if (
            slot == a == b == test.slot and size_of(test) == source.size == len(mask)
        ):
            look = _masked(reader(source, compiler.order), int.from_bytes(mask, "big"), int.from_bytes(flip, "big"))
            return _asked(look, compiler.predicate(test)), 3
        case [Load(), Load(), *_]:
            return _joined(code, compiler)
        case _:
            return None, 0


def _equal(index: int, value: int) -> Test:
    """Return whether a field has a value: what most rules begin with."""
    wanted = Bits(value)

    def test(state: State) -> bool | None:
        found = state.sight[index]
        if found == wanted:
            return True
        if found is None or not found.unknown:
            return False
        return None if not (found.value ^ value) & ~found.unknown else False

    return test


def _asked(look: Reader, holds: Predicate) -> Test:
    def test(state: State) -> bool | None:
        found = look(state)
        if found is None:
            return False
        answer = holds(found)
        return answer if found.sure or answer is False else None

    return test


def _masked(look: Reader, mask: int, flip: int) -> Reader:
    def read(state: State) -> Bits | None:
        found = look(state)
        if found is None:
            return None
        unknown = found.unknown & mask
        return Bits((found.value & mask ^ flip) & ~unknown, unknown, found.sure)

    return read


def _joined(code: Sequence[Instruction], compiler: Compiler) -> tuple[Test | None, int]:
    """Return the test of several fields that are looked up together, each filled up to whole slots."""
    looks: list[tuple[Reader, int, int]] = []
    first = end = -1
    for instruction in code:
        match instruction:
            case Load(slot, source) if end in (-1, slot):
                words = -(-source.size // 4)
                looks.append((reader(source, compiler.order), 32 * words, 8 * (4 * words - source.size)))
                first, end = slot if first < 0 else first, slot + words
            case Member(slot, contents) if slot == first and contents.size == 4 * (end - first):
                return _asked(_row(looks), compiler.predicate(instruction)), len(looks) + 1
            case _:
                break
    return None, 0


def _row(looks: Sequence[tuple[Reader, int, int]]) -> Reader:
    def read(state: State) -> Bits | None:
        value = unknown = 0
        sure = True
        for look, bits, spare in looks:
            found = look(state)
            if found is None:
                return None
            value = value << bits | found.value << spare
            unknown = unknown << bits | found.unknown << spare
            sure = sure and found.sure
        return Bits(value, unknown, sure)

    return read
