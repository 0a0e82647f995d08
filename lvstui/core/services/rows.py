"""The rows of the services view in their order, by service or by machine, and their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import GroupKey, MachineKey, RowKey
from lvstui.core.services.columns import MACHINE_COLUMNS, SERVICE_COLUMNS, place
from lvstui.core.services.row import Grouping, Row, ServerRow, ServiceLook, machines, row_of
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import compact
from lvstui.core.view.table import Cell, RowColumn, shown_columns, sort_key
from lvstui.core.view.table import cells as row_cells


def columns(look: ServiceLook) -> Sequence[RowColumn[Row]]:
    """Return the columns that are not hidden; the head of the small charts names their scale."""
    shown = shown_columns(MACHINE_COLUMNS if look.grouping is Grouping.MACHINE else SERVICE_COLUMNS, look)
    title = f"24 s to {compact(look.top)}"
    return [replace(column, title=title) if column.id == "history" else column for column in shown]


def by_service(director: Director) -> Mapping[GroupKey, Sequence[ServerKey]]:
    """Return the real servers of each service."""
    return {key: [ServerKey(key, endpoint) for endpoint in pool.servers] for key, pool in director.pools.items()}


def groups(snapshot: Snapshot, grouping: Grouping) -> Mapping[GroupKey, Sequence[ServerKey]]:
    """Return the rows that have real servers under them, each with its servers."""
    grouped = machines if grouping is Grouping.MACHINE else by_service
    return snapshot.derive(grouped, snapshot.reading.director)


def group_of(key: RowKey, grouping: Grouping) -> GroupKey:
    """Return what a row stands under; for a row with others under it, the row itself."""
    if not isinstance(key, ServerKey):
        return key
    return MachineKey(key.endpoint.address) if grouping is Grouping.MACHINE else key.service


def rows(snapshot: Snapshot, look: ServiceLook) -> list[RowKey]:
    """List the rows to show, in order: each service or machine, its real servers under it unless folded.

    A filter keeps the rows for which it holds. A server that it holds for comes with its service or machine, also
    when that is folded.
    """
    found: list[RowKey] = []
    order = sort_key(SERVICE_COLUMNS, look, place)
    members = groups(snapshot, look.grouping)
    heads = sorted((row_of(snapshot, look, key) for key in members), key=order, reverse=look.descending)
    for head in heads:
        group = group_of(head.key, look.grouping)
        opens = look.filter or group not in look.folded
        servers = [ServerRow(snapshot, look, key) for key in members[group]] if opens else []
        if look.filter:
            servers = [row for row in servers if look.filter.holds(row)]
            if not servers and not look.filter.holds(head):
                continue
        found.append(head.key)
        found.extend(row.key for row in sorted(servers, key=order, reverse=look.descending))
    return found


def cells(snapshot: Snapshot, look: ServiceLook, key: RowKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    return row_cells(SERVICE_COLUMNS, look, row_of(snapshot, look, key))
