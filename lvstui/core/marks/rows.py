"""The rows of the marks view in their order: each mark, below it its rules and the servers that its packets reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, assert_never

from lvstui.core.marks.columns import MARK_COLUMNS, MarkRow, MarkServerRow, Row, place
from lvstui.core.marks.mark import Mark, MarkRule, mark_at, marks
from lvstui.core.model import MarkKey, ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.columns import RowColumn, shown, sort_key
from lvstui.core.view.columns import cells as row_cells
from lvstui.core.view.filter import Filter
from lvstui.core.view.servers import seen_on
from lvstui.core.view.table import Arranged, Cell


class GroupRow(NamedTuple):
    """A mark; 0 stands for rules that set no mark that can be told."""

    mark: int


class RuleRow(NamedTuple):
    """A rule below its mark, known by where it stands.

    `place` tells rules without a handle apart, and the several that are read of one that is reachable by several paths.
    """

    mark: int
    tool: str
    family: str
    table: str
    chain: str
    handle: int
    place: int


MarkRowKey: TypeAlias = GroupRow | RuleRow | ServerKey


@dataclass(frozen=True, slots=True)
class MarkLook(Arranged):
    """How an operator looks at the marks: what to find, in which order, and what is unfolded."""

    filter: Filter[Mark] = field(default_factory=Filter)
    unfolded: frozenset[int] = frozenset()
    sort: str = "mark"


def columns(look: MarkLook) -> tuple[RowColumn[Row], ...]:
    """Return the columns that are not hidden."""
    return shown(MARK_COLUMNS, look)


def rows(snapshot: Snapshot, look: MarkLook) -> list[MarkRowKey]:
    """List the marks that the filter finds in order, below an unfolded one its rules and its real servers."""
    found = [MarkRow(mark) for mark in marks(snapshot).values() if look.filter.holds(mark)]
    keys: list[MarkRowKey] = []
    order = sort_key(MARK_COLUMNS, look, place)
    for row in sorted(found, key=order, reverse=look.descending):
        mark = row.mark
        keys.append(GroupRow(mark.number))
        if mark.number in look.unfolded:
            keys += rule_rows(mark)
            keys += [ServerKey(pool.service.key, endpoint) for pool in mark.pools for endpoint in pool.servers]
    return keys


def rule_rows(mark: Mark) -> Mapping[RuleRow, MarkRule]:
    """Return the rules of a mark by their rows."""
    places: dict[RuleRow, int] = {}
    found: dict[RuleRow, MarkRule] = {}
    for known in mark.rules:
        rule = known.rule
        row = RuleRow(mark.number, rule.tool, rule.family, rule.table, rule.chain, rule.handle, 0)
        number = places[row] = places.get(row, -1) + 1
        found[row._replace(place=number)] = known
    return found


def mark_of(key: MarkRowKey) -> int:
    """Return the mark that a row is, or stands below."""
    match key:
        case GroupRow(mark) | RuleRow(mark):
            return mark
        case ServerKey(MarkKey(mark)):
            return mark
        case _:
            return 0


def find(snapshot: Snapshot, key: RuleRow) -> MarkRule | None:
    """Find the rule of a row in the newest reading."""
    return snapshot.derive(_rules_by_row, marks(snapshot)).get(key)


def _rules_by_row(every: Mapping[int, Mark]) -> Mapping[RuleRow, MarkRule]:
    return {row: rule for mark in every.values() for row, rule in rule_rows(mark).items()}


def cells(snapshot: Snapshot, look: MarkLook, key: MarkRowKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    return row_cells(MARK_COLUMNS, look, _row(snapshot, look, key))


def _row(snapshot: Snapshot, look: MarkLook, key: MarkRowKey) -> Row | None:
    match key:
        case GroupRow(mark):
            return MarkRow(mark_at(snapshot, mark), mark not in look.unfolded)
        case RuleRow():
            return find(snapshot, key)
        case ServerKey(service, endpoint):
            pool = snapshot.reading.director.pools[service]
            return MarkServerRow(pool, pool.servers[endpoint], seen_on(snapshot, key))
        case _:
            assert_never(key)
