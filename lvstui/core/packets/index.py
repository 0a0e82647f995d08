"""Which rules of a long chain may match a packet, found by what they ask of its headers instead of one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lvstui.core.packets.program import Check, Compare, Header, Instruction, Line, Load, Mask, Member, Named, Source
from lvstui.core.packets.sight import Sight, index_of

_SHORT: Final = 16
"""Chains of fewer rules are gone through one by one."""

_VALUES: Final = 64
"""A rule that asks for one of more values than this is tried with every packet."""

_PROTOCOL: Final = Named("meta l4proto", 1)


class Key(NamedTuple):
    """What a rule asks of a field, by the number of the field: that it has one of these values."""

    field: int
    values: frozenset[int]


class Index:
    """The rules of a chain, by the values that they ask a field for."""

    __slots__ = ("_all", "_rest", "_tables", "_total")

    def __init__(self, lines: Sequence[Line]) -> None:
        self._total = len(lines)
        self._tables: dict[int, dict[int, list[int]]] = {}
        self._all: dict[int, list[int]] = {}
        self._rest: list[int] = []
        if len(lines) < _SHORT:
            return
        keys = [list(_keys(line.code)) for line in lines]
        seen: defaultdict[int, set[int]] = defaultdict(set)
        for key in (key for held in keys for key in held):
            seen[key.field] |= key.values
        for place, held in enumerate(keys):
            best = max(held, key=lambda key: len(seen[key.field]), default=None)
            if best is None:
                self._rest.append(place)
                continue
            self._all.setdefault(best.field, []).append(place)
            table = self._tables.setdefault(best.field, {})
            for value in best.values:
                table.setdefault(value, []).append(place)

    def places(self, sights: Iterable[Sight]) -> Sequence[int]:
        """Return the places of those rules that may match packets, in order."""
        if not self._tables:
            return range(self._total)
        found = set(self._rest)
        for sight in sights:
            for field, table in self._tables.items():
                bits = sight[field]
                if bits is not None:  # one that lacks a field matches no rule that asks for it
                    found.update(self._all[field] if bits.unknown else table.get(bits.value, ()))
        return sorted(found)


def _keys(code: Sequence[Instruction]) -> Iterator[Key]:
    """Yield what a rule asks before it does anything."""
    at = 0
    while at < len(code):
        match code[at : at + 3]:
            case [Check(fields=(field,), ranges=ranges, negated=False, mask=None), *_]:
                at += 1
                if _is_of_header(field) and len(ranges) <= _VALUES and all(first == last for first, last in ranges):
                    yield Key(index_of(field), frozenset(first for first, _ in ranges))
            case [Check(), *_]:
                at += 1
            case [Load(slot, source), Compare(other, "==", data), *_] if slot == other and len(data) == source.size:
                at += 2
                if _is_steady(source):
                    yield Key(index_of(source), frozenset((int.from_bytes(data, "big"),)))
            case [Load(slot, source), Member(other, contents, False), *_] if slot == other:
                if contents.size != source.size:
                    return
                at += 2
                elements = contents.elements
                known = contents.known and len(elements) <= _VALUES and not any(one.rest for one in elements)
                if _is_steady(source) and known and all(one.first == one.last for one in elements):
                    yield Key(index_of(source), frozenset(int.from_bytes(one.first, "big") for one in elements))
            case [Load(slot), Mask(source, target), Compare(other), *_] if slot == source == target == other:
                at += 3
            case _:
                return


def _is_steady(source: Source) -> bool:
    """Return whether something stays as it is for all of a packet's way but for NAT, which makes it another sight."""
    return isinstance(source, Header) or source == _PROTOCOL


def _is_of_header(field: str) -> bool:
    return field == _PROTOCOL.name or field.endswith(("saddr", "daddr", "sport", "dport"))
