"""What the marks view shows, in its order: each mark, below it its rules and the servers its packets reach; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core.marks.cells import MARK_COLUMNS, group_cells, rule_cells, server_cells
from lvstui.core.marks.filter import NO_MARK_FILTER, MarkFilter, MarkSubject
from lvstui.core.marks.mark import marks, packets, pools_of, rules_of, sticky
from lvstui.core.model import MarkKey, ServerKey
from lvstui.core.observed import Rule
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.memo import Remembered
from lvstui.core.view.table import Arranged, Cell, Column

MARK_SORTABLE: Final = tuple(column.id for column in MARK_COLUMNS)
"""The columns by which marks can be put in order."""


class GroupRow(NamedTuple):
    """A mark; 0 stands for rules that set no mark that can be told."""

    mark: int


class RuleRow(NamedTuple):
    """A rule below its mark, told by where it stands.

    `place` tells rules without a handle apart, and the several that are told of one that is come to on several ways.
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

    filter: MarkFilter = NO_MARK_FILTER
    unfolded: frozenset[int] = frozenset()
    sort: str = "mark"


def rows(snapshot: Snapshot, look: MarkLook) -> list[MarkRowKey]:
    """List the marks that the filter finds in order, below an unfolded one its rules and its real servers."""
    every = [mark for mark in marks(snapshot) if not look.filter or look.filter.holds(MarkSubject(snapshot, mark))]
    ordered = sorted(every, key=_order(snapshot, look), reverse=look.descending)
    shown: list[MarkRowKey] = []
    for mark in ordered:
        shown.append(GroupRow(mark))
        if mark in look.unfolded:
            shown += _rule_rows(snapshot, mark)
            shown += [
                ServerKey(pool.service.key, endpoint) for pool in pools_of(snapshot, mark) for endpoint in pool.servers
            ]
    return shown


def _rule_rows(snapshot: Snapshot, mark: int) -> Mapping[RuleRow, Rule]:
    return _by_row(rules_of(snapshot, mark), mark)


def _keyed(rules: Sequence[Rule], mark: int) -> Mapping[RuleRow, Rule]:
    seen: dict[RuleRow, int] = {}
    found: dict[RuleRow, Rule] = {}
    for rule in rules:
        row = RuleRow(mark, rule.tool, rule.family, rule.table, rule.chain, rule.handle, 0)
        place = seen[row] = seen.get(row, -1) + 1
        found[row._replace(place=place)] = rule
    return found


_by_row: Final = Remembered(_keyed)


def mark_of(key: MarkRowKey) -> int:
    """Tell the mark that a row is, or stands below."""
    match key:
        case GroupRow(mark) | RuleRow(mark):
            return mark
        case ServerKey(MarkKey(mark)):
            return mark
        case _:
            return 0


def find(snapshot: Snapshot, key: RuleRow) -> Rule | None:
    """Find the rule of a row in the newest reading."""
    return _rule_rows(snapshot, key.mark).get(key)


def _order(snapshot: Snapshot, look: MarkLook) -> Callable[[int], tuple[float, str, int]]:
    def value(mark: int) -> tuple[float, str, int]:
        match look.sort:
            case "packets":
                return packets(snapshot, mark) or 0, "", mark
            case "sticky":
                return sticky(snapshot, mark), "", mark
            case "servers":
                return sum(len(pool.servers) for pool in pools_of(snapshot, mark)), "", mark
            case "persist":
                sticks = (pool.service.persistence for pool in pools_of(snapshot, mark))
                return max((each.timeout if each else 0 for each in sticks), default=-1), "", mark
            case "mark":
                return 0, "", mark or 2**32
            case column:
                place = MARK_SORTABLE.index(column)
                return 0, group_cells(snapshot, mark, folded=True)[place].text, mark

    return value


def cells(snapshot: Snapshot, look: MarkLook, key: MarkRowKey) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of the `columns`."""
    match key:
        case GroupRow(mark):
            every = group_cells(snapshot, mark, folded=mark not in look.unfolded)
        case RuleRow():
            rule = find(snapshot, key)
            every = rule_cells(snapshot, rule) if rule else tuple(Cell("") for _ in MARK_COLUMNS)
        case ServerKey():
            every = server_cells(snapshot, key)
        case _:
            assert_never(key)
    pairs = zip(every, MARK_COLUMNS, strict=True)
    return tuple(cell for cell, column in pairs if column.id not in look.hidden)


def columns(look: MarkLook) -> Sequence[Column]:
    """Give the columns that are not hidden."""
    return tuple(column for column in MARK_COLUMNS if column.id not in look.hidden)
