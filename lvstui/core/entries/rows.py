"""The rows of the persistence view in order, alone or in groups, and how complete that is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from lvstui.core import fields
from lvstui.core.describe import masked_client_text
from lvstui.core.entries.columns import (
    ENTRY_COLUMNS,
    SORTABLE,
    EntryGrouping,
    EntryLook,
    EntryRow,
    EntryRowKey,
    Group,
    entries_text,
    group_of,
    left_text,
    place,
    seconds_left,
)
from lvstui.core.entries.groups import (
    GROUP_COLUMNS,
    GROUPS_SORTABLE,
    GroupRow,
    MemberRow,
    Row,
    by_name,
    group_columns,
    opens,
    server_group,
    servers_below,
)
from lvstui.core.entries.resolve import EntryKey, ResolvedEntry, children_of, group_children, resolve
from lvstui.core.health.verdict import troubled
from lvstui.core.model import AddressKey, Director, MarkKey, ServerKey
from lvstui.core.observed import Reading, Scan, sum_known
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import whole
from lvstui.core.view.table import Cell, RowColumn, shown_columns, sort_key
from lvstui.core.view.table import cells as row_cells
from lvstui.core.words import count

NO_SCAN: Final = Scan()


def resolved_entries(snapshot: Snapshot) -> Mapping[EntryKey, ResolvedEntry]:
    """Return all entries of the newest scan with what they belong to."""
    return snapshot.derive(resolve, snapshot.scan or NO_SCAN, snapshot.reading.director, troubled(snapshot.health))


Column: TypeAlias = RowColumn[EntryRow] | RowColumn[Row]

EVERY_COLUMN: Final[tuple[Column, ...]] = (
    *ENTRY_COLUMNS,
    *(column for column in GROUP_COLUMNS if column.id not in {known.id for known in ENTRY_COLUMNS}),
)
"""The columns of entries and of groups, each once."""

EVERY_SORTABLE: Final = tuple(dict.fromkeys((*SORTABLE, *GROUPS_SORTABLE)))


def columns(look: EntryLook) -> Sequence[Column]:
    """Return the columns that are not hidden."""
    if look.grouping is EntryGrouping.NONE:
        return shown_columns(ENTRY_COLUMNS, look)
    return shown_columns(group_columns(look), look)


def rows(snapshot: Snapshot, look: EntryLook) -> Sequence[EntryRowKey]:
    """List the rows to show, in order; computed again only for another scan, director or look."""
    found = matching_entries(snapshot, look)
    depends = found, snapshot.reading.director, look, _moment(look, snapshot)
    return snapshot.derived.get_for(_arrange, depends, lambda: _arrange(snapshot, look))


def _moment(look: EntryLook, snapshot: Snapshot) -> object:
    """Return what else the order depends on: by state, on that of servers."""
    return snapshot.reading if look.sort == "state" and look.grouping is not EntryGrouping.NONE else None


def matching_entries(snapshot: Snapshot, look: EntryLook) -> Mapping[EntryKey, ResolvedEntry]:
    """Return the entries for which the filter holds."""
    moment = int(snapshot.reading.taken) if "left" in look.filter.text else 0
    return snapshot.derive(_find, resolved_entries(snapshot), snapshot.reading.director, look, moment)


def _find(
    entries: Mapping[EntryKey, ResolvedEntry], director: Director, look: EntryLook, now: int
) -> Mapping[EntryKey, ResolvedEntry]:
    if not look.filter:
        return entries
    return {key: entry for key, entry in entries.items() if look.filter.holds(EntryRow(entry, director, now, look))}


def _arrange(snapshot: Snapshot, look: EntryLook) -> Sequence[EntryRowKey]:
    entries, director = matching_entries(snapshot, look), snapshot.reading.director
    order = sort_key(ENTRY_COLUMNS, look, place)
    keys = sorted(entries, key=lambda key: order(EntryRow(entries[key], director, 0, look)), reverse=look.descending)
    if look.grouping is EntryGrouping.NONE:
        return keys
    below: dict[Group, list[EntryKey]] = {}
    for key in keys:
        resolved = entries[key]
        group = server_group(resolved) if look.grouping is EntryGrouping.SERVICE else group_of(resolved, look)
        below.setdefault(group, []).append(key)
    arranged: list[EntryRowKey] = []
    for head in _ordered(snapshot, look, _groups(snapshot, look)):
        arranged.append(head)
        if isinstance(head.of, AddressKey | MarkKey):
            pool, found = director.pools.get(head.of), members(snapshot, look, head)
            servers = servers_below(pool, found, every=not look.filter) if opens(look, head) else []
            for group in _ordered(snapshot, look, servers):
                arranged += [group, *(below.get(group, ()) if opens(look, group) else ())]
        elif opens(look, head):
            arranged += below.get(head, ())
    return arranged


def _ordered(snapshot: Snapshot, look: EntryLook, groups: Iterable[Group]) -> list[Group]:
    """Put groups into the order of the column that is sorted by, or of their names."""
    order = sort_key(GROUP_COLUMNS, look, by_name)
    return sorted(groups, key=lambda group: order(group_row(snapshot, look, group)), reverse=look.descending)


def _groups(snapshot: Snapshot, look: EntryLook) -> Iterable[Group]:
    """Return the groups of the first level."""
    return [group for group in every_group(snapshot, look) if not isinstance(group.of, ServerKey)]


def members(snapshot: Snapshot, look: EntryLook, group: Group) -> Sequence[ResolvedEntry]:
    """Return the entries under a group, as far as the filter finds them."""
    return every_group(snapshot, look).get(group, ())


def every_group(snapshot: Snapshot, look: EntryLook) -> Mapping[Group, Sequence[ResolvedEntry]]:
    """Return all groups with the entries in them, as far as the filter finds them."""
    return snapshot.derive(_grouped, matching_entries(snapshot, look), look.grouping.value, *look.prefixes)


def _grouped(
    entries: Mapping[EntryKey, ResolvedEntry], grouping: str, four: int, six: int
) -> Mapping[Group, Sequence[ResolvedEntry]]:
    look = EntryLook(grouping=EntryGrouping(grouping), prefixes=(four, six))
    groups: dict[Group, list[ResolvedEntry]] = {}
    for entry in entries.values():
        groups.setdefault(group_of(entry, look), []).append(entry)
        if look.grouping is EntryGrouping.SERVICE:
            groups.setdefault(server_group(entry), []).append(entry)
    return groups


def group_row(snapshot: Snapshot, look: EntryLook, group: Group) -> GroupRow:
    """Return a group with its entries, as far as the filter finds them."""
    above = Group(group.of.service) if isinstance(group.of, ServerKey) else None
    total = len(members(snapshot, look, above)) if above else len(matching_entries(snapshot, look))
    return GroupRow(snapshot, look, group, members(snapshot, look, group), total)


def group_above(key: EntryRowKey, snapshot: Snapshot, look: EntryLook) -> Group | None:
    """Return what a row stands under, or for a group the group itself; None where nothing is grouped."""
    if isinstance(key, Group):
        return key
    if look.grouping is EntryGrouping.NONE:
        return None
    resolved = resolved_entries(snapshot)[key]
    return server_group(resolved) if look.grouping is EntryGrouping.SERVICE else group_of(resolved, look)


def cells(snapshot: Snapshot, look: EntryLook, key: EntryRowKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    director, taken = snapshot.reading.director, snapshot.reading.taken
    if isinstance(key, Group):
        return row_cells(group_columns(look), look, group_row(snapshot, look, key))
    entry = resolved_entries(snapshot).get(key)
    row = EntryRow(entry, director, taken, look) if entry else None
    if look.grouping is EntryGrouping.NONE:
        return row_cells(ENTRY_COLUMNS, look, row)
    if row is None or entry is None:
        return row_cells(group_columns(look), look, None)
    connections = snapshot.derive(group_children, snapshot.scan or NO_SCAN, director)
    return row_cells(group_columns(look), look, MemberRow(row, children_of(entry.entry, connections, director)))


def summary(snapshot: Snapshot, look: EntryLook, width: int = 200) -> str:
    """Say in a line how much was found, of how much, as of when, and how complete that is."""
    scan = snapshot.scan
    if scan is None:
        return "not read yet"
    if scan.trouble:
        return scan.trouble
    here = matching_entries(snapshot, look)
    number, total = len(here), len(scan.entries)
    found = f"{number:,} of {total:,} entries" if look.filter else entries_text(total)
    services = len({entry.service_key for entry in here.values()})
    last = max((entry.entry.ends for entry in here.values()), default=None)
    more: tuple[str, ...] = ()
    where = ""
    if last is not None:
        where = f" of {count(services, 'service')}"
        held = sum(entry.children for entry in here.values())
        left = left_text(seconds_left(last, snapshot.reading.taken))
        clients = len({entry.entry.client for entry in here.values()})
        more = (
            f"{whole(held)} connections on {'it' if number == 1 else 'them'}",
            count(clients, "client"),
            f"{left} until the last ends",
        )
    return completeness(found, scan, snapshot.reading, width, *more, where=where)


def completeness(found: str, scan: Scan, reading: Reading, width: int, *more: str, where: str = "") -> str:
    """Add to what was found as of when it is true, and how much of the table was read.

    That it is partial is said first, and whether it is still read: for that, `where` it was found and of how much it
    is part are left out. What else there is no room for is left out from the end.
    """
    age = max(0.0, reading.taken - scan.taken)
    if scan.complete:
        kept = f"kept of {scan.rows:,} rows" if scan.left_out else ""
        when = f"read {age:.0f} s ago", f"in {scan.taken - scan.began:.1f} s"
        return _as_fits(width, found + where, kept, *more, *when)
    expected, spent = expected_rows(reading), scan.taken - scan.began
    about = "" if expected is None else f" of about {max(expected, scan.rows):,}"
    kept = f"{scan.rows - scan.left_out:,} kept" if scan.left_out else ""
    now = [f"reading {spent:.0f} s"] if scan.running else [f"read {age:.0f} s ago", f"stopped after {spent:.0f} s"]
    ways = ((found + where, about), (found, about), (found, ""))
    lines = [_as_fits(width, first, f"partial: {scan.rows:,}{of} rows", kept, *now, *more) for first, of in ways]
    return next((line for line in lines if now[0] in line), lines[-1])


def _as_fits(width: int, *parts: str) -> str:
    """Write parts in a line, the first one whole, as many of the others as there is room for."""
    line, *others = filter(None, parts)
    for part in others:
        if len(line) + len(part) + 2 > width:
            break
        line += f"  {part}"
    return line


def expected_rows(reading: Reading) -> int | None:
    """Return about how many rows the connection table has, by what is counted of real servers; None if unknown."""
    return sum_known((reading.connections, reading.sticky))


def commands_for(snapshot: Snapshot, chosen: Sequence[ResolvedEntry]) -> list[str]:
    """Write the commands that would move or expire entries; the server to move to stands last."""
    director = snapshot.reading.director
    lines = []
    for resolved in chosen:
        service = resolved.service_key
        text = fields.service_text(service)
        client = masked_client_text(resolved.entry.client, None if isinstance(service, MarkKey) else resolved.width)
        call = f" --call-id {shlex.quote(resolved.entry.identity)}" if resolved.entry.identity else ""
        pool = director.pools.get(service)
        others = [end for end in (pool.servers if pool else ()) if end.address != resolved.entry.server.address]
        if others:
            lines.append(f"lvstui entry move {client} {text} {fields.server_text(others[0])}{call}")
        lines.append(f"lvstui entry expire {client} {text}{call}")
    return lines
