"""Which values the conditions of rules tell apart, so that few packets can stand for many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from lvstui.core.packets.program import (
    Base,
    Branch,
    Check,
    Compare,
    Contents,
    Header,
    Instruction,
    Line,
    Load,
    Map,
    Mask,
    Member,
    Named,
    Nat,
    Program,
    Range,
    Source,
    Within,
)


class Field(Enum):
    """What packets are told apart by; the value is how many bits it has."""

    SOURCE4 = ("source4", 32)
    SOURCE6 = ("source6", 128)
    DESTINATION4 = ("destination4", 32)
    DESTINATION6 = ("destination6", 128)
    PORT = ("port", 16)
    INTERFACE = ("interface", 128)

    @property
    def last(self) -> int:
        """The largest value."""
        return (1 << self.value[1]) - 1


_WORDS: Final = {
    "ip saddr": Field.SOURCE4,
    "ip6 saddr": Field.SOURCE6,
    "ip daddr": Field.DESTINATION4,
    "ip6 daddr": Field.DESTINATION6,
    "iifname": Field.INTERFACE,
    "meta iifname": Field.INTERFACE,
} | {f"{protocol} dport": Field.PORT for protocol in ("tcp", "udp", "sctp", "dccp", "udplite", "th")}

_PLACES: Final = {
    (Base.NETWORK, 12): Field.SOURCE4,
    (Base.NETWORK, 16): Field.DESTINATION4,
    (Base.NETWORK, 8): Field.SOURCE6,
    (Base.NETWORK, 24): Field.DESTINATION6,
    (Base.TRANSPORT, 2): Field.PORT,
}

_TRIED: Final = 6
"""So many values of a range that are mentioned one by one are tried beside those that are not."""


class Mentions:
    """The ranges of one field that conditions ask for."""

    def __init__(self, field: Field, conditions: Iterable[tuple[Range, ...]]) -> None:
        self._field = field
        self._single: dict[int, list[int]] = {}
        self._wide: list[tuple[int, Range]] = []
        self._samples: dict[Range, tuple[int, ...]] = {}
        for number, ranges in enumerate(conditions):
            for first, last in ranges:
                if first == last:
                    self._single.setdefault(first, []).append(number)
                else:
                    self._wide.append((number, (first, last)))

    @property
    def values(self) -> tuple[int, ...]:
        """The first value of each range that is mentioned."""
        return (*self._single, *(first for _, (first, _) in self._wide))

    def kind(self, value: int) -> frozenset[int]:
        """Return what is the same for values that no condition tells apart."""
        wide = (number for number, (first, last) in self._wide if first <= value <= last)
        return frozenset((*self._single.get(value, ()), *wide))

    def samples(self, wanted: Range) -> tuple[int, ...]:
        """Return values of a range that stand for the others: first one that no narrower range mentions, if any."""
        if wanted[0] == wanted[1]:
            return (wanted[0],)
        found = self._samples.get(wanted)
        if found is None:
            found = self._samples[wanted] = self._sampled(wanted)
        return found

    def _sampled(self, wanted: Range) -> tuple[int, ...]:
        first, last = wanted
        singles = [(value, value) for value in self._single if first <= value <= last]
        wide = [
            (max(low, first), min(high, last))
            for _, (low, high) in self._wide
            if low <= last and high >= first and not (low <= first and high >= last)
        ]
        inside = sorted({*singles, *wide})
        gap = first
        for low, high in inside:
            if low > gap:
                break
            gap = max(gap, high + 1)
        gaps = [gap] if gap <= last else []
        ends = [low for low, _ in inside[:_TRIED]]
        return tuple(dict.fromkeys((*gaps, first, last, *ends)))


def mentions(program: Program) -> dict[Field, Mentions]:
    """Return for each field what the rules of a program mention of it."""
    found: dict[Field, dict[tuple[Range, ...], None]] = {field: {} for field in Field}
    tables = {id(stop.table): stop.table for stops in program.hooks.values() for stop in stops}
    for table in tables.values():
        for chain in table.chains.values():
            for line in chain.lines:
                for field, ranges in _of_line(line):
                    found[field][ranges] = None
    return {field: Mentions(field, conditions) for field, conditions in found.items()}


def redirects(program: Program) -> bool:
    """Return whether a rule sends packets to an address of the interface that they come in by."""
    tables = {id(stop.table): stop.table for stops in program.hooks.values() for stop in stops}
    return any(
        isinstance(step, Nat) and step.redirect
        for table in tables.values()
        if any(chain.kind == "nat" for chain in table.chains.values())
        for chain in table.chains.values()
        for line in chain.lines
        for step in line.code
    )


def _of_line(line: Line) -> Iterator[tuple[Field, tuple[Range, ...]]]:
    held: dict[int, Source] = {}
    masks: dict[int, int] = {}
    for step in line.code:
        match step:
            case Check():
                yield from _of_check(step)
            case Load(slot, source):
                held[slot] = source
                masks.pop(slot, None)
            case Mask(slot, target, mask, flip) if slot == target and not any(flip):
                masks[slot] = int.from_bytes(mask, "big")
            case Compare(slot) | Within(slot) if slot in held:
                yield from _of_test(step, held[slot], masks.get(slot))
            case Member(slot, contents) | Map(slot, contents) | Branch(slot, contents):
                yield from _of_contents(slot, contents, held)
            case _:
                pass


def _of_check(test: Check) -> Iterator[tuple[Field, tuple[Range, ...]]]:
    for name in test.fields:
        if (field := _WORDS.get(name)) is not None:
            spare = 0 if test.mask is None else field.last & ~test.mask
            yield field, tuple((first, last | spare) for first, last in test.ranges)


def _of_test(test: Instruction, source: Source, mask: int | None) -> Iterator[tuple[Field, tuple[Range, ...]]]:
    field, width = _field_of(source), source.size
    if field is None:
        return
    full = (1 << 8 * width) - 1
    match test:
        case Within(_, first, last):
            ends = int.from_bytes(first, "big"), int.from_bytes(last, "big")
        case Compare(_, "==" | "!=", data):
            low = int.from_bytes(data, "big")
            ends = low, low | (full & ~(full if mask is None else mask))
        case Compare(_, "<" | ">=", data):
            ends = 0, max(int.from_bytes(data, "big") - 1, 0)
        case Compare(_, _, data):
            ends = 0, int.from_bytes(data, "big")
        case _:
            return
    yield field, (_widened(field, width, ends),)


def _of_contents(slot: int, contents: Contents, held: dict[int, Source]) -> Iterator[tuple[Field, tuple[Range, ...]]]:
    """Yield what a set mentions of each of the fields that are looked up in it."""
    at = 0
    for size in contents.parts or (contents.size,):
        source = held.get(slot + at // 4)
        field = None if source is None else _field_of(source)
        if source is not None and field is not None:
            ranges = {
                _widened(field, source.size, (_cut(one.first, at, source.size), _cut(one.last, at, source.size)))
                for one in contents.elements
                if not one.rest
            }
            if ranges:
                yield field, tuple(sorted(ranges))
        at += -(-size // 4) * 4


def _cut(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "big")


def _field_of(source: Source) -> Field | None:
    match source:
        case Header(base, offset, size):
            field = _PLACES.get((base, offset))
            return field if field is not None and 8 * size <= field.value[1] else None
        case Named(name):
            return _WORDS.get(name)


def _widened(field: Field, width: int, ends: Range) -> Range:
    """Return a range of whole values for one of their first bytes, as nft compares prefixes."""
    spare = field.value[1] - 8 * width
    return ends[0] << spare, (ends[1] << spare) | ((1 << spare) - 1)
