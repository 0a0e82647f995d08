"""The rows of the persistence view in order, alone or in groups, how complete that is, and everything about one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, service_names
from lvstui.core.entries.columns import (
    ENTRY_COLUMNS,
    EntryGrouping,
    EntryLook,
    EntryRow,
    EntryRowKey,
    Group,
    group_cells,
    group_of,
    left_text,
    place,
    seconds_left,
)
from lvstui.core.entries.edits import server_name
from lvstui.core.entries.resolve import STATES, EntryKey, ResolvedEntry, children_of, group_children, resolve
from lvstui.core.health.verdict import troubled
from lvstui.core.model import Director, MarkKey
from lvstui.core.observed import Reading, Scan, sum_known
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell, RowColumn, shown_columns, sort_key
from lvstui.core.view.table import cells as row_cells

NO_SCAN: Final = Scan()


def resolved_entries(snapshot: Snapshot) -> Mapping[EntryKey, ResolvedEntry]:
    """Return all entries of the newest scan with what they belong to."""
    return snapshot.derive(resolve, snapshot.scan or NO_SCAN, snapshot.reading.director, troubled(snapshot.health))


def columns(look: EntryLook) -> tuple[RowColumn[EntryRow], ...]:
    """Return the columns that are not hidden."""
    return shown_columns(ENTRY_COLUMNS, look)


def rows(snapshot: Snapshot, look: EntryLook) -> Sequence[EntryRowKey]:
    """List the rows to show, in order; computed again only for another scan, director or look."""
    return snapshot.derive(_arrange, matching_entries(snapshot, look), snapshot.reading.director, look)


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


def _arrange(entries: Mapping[EntryKey, ResolvedEntry], director: Director, look: EntryLook) -> Sequence[EntryRowKey]:
    order = sort_key(ENTRY_COLUMNS, look, place)
    keys = sorted(entries, key=lambda key: order(EntryRow(entries[key], director, 0, look)), reverse=look.descending)
    if look.grouping is EntryGrouping.NONE:
        return keys
    groups: dict[Group, list[EntryKey]] = {}
    for key in keys:
        groups.setdefault(group_of(entries[key], look), []).append(key)
    arranged: list[EntryRowKey] = []
    for group, members in sorted(groups.items(), key=lambda item: -len(item[1])):
        arranged += [group, *(members if group in look.unfolded else ())]
    return arranged


def members(snapshot: Snapshot, look: EntryLook, group: Group) -> Sequence[ResolvedEntry]:
    """Return the entries under a group, as far as the filter finds them."""
    return snapshot.derive(_group, matching_entries(snapshot, look), look).get(group, ())


def _group(entries: Mapping[EntryKey, ResolvedEntry], look: EntryLook) -> Mapping[Group, Sequence[ResolvedEntry]]:
    groups: dict[Group, list[ResolvedEntry]] = {}
    for entry in entries.values():
        groups.setdefault(group_of(entry, look), []).append(entry)
    return groups


def cells(snapshot: Snapshot, look: EntryLook, key: EntryRowKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    director = snapshot.reading.director
    if isinstance(key, Group):
        here = group_cells(key, members(snapshot, look, key), len(matching_entries(snapshot, look)), director, look)
        return tuple(here.get(column.id, Cell("")) for column in columns(look))
    entry = resolved_entries(snapshot).get(key)
    return row_cells(ENTRY_COLUMNS, look, EntryRow(entry, director, snapshot.reading.taken, look) if entry else None)


def summary(snapshot: Snapshot, look: EntryLook, width: int = 200) -> str:
    """Say in a line how much was found, of how much, as of when, and how complete that is."""
    scan = snapshot.scan
    if scan is None:
        return "the connection table is not being read"
    if scan.trouble:
        return scan.trouble
    here = matching_entries(snapshot, look)
    number, total = len(here), len(scan.entries)
    count = f"{number:,} of {total:,} entries" if look.filter else f"{total:,} entr{'y' if total == 1 else 'ies'}"
    last = max((entry.entry.ends for entry in here.values()), default=None)
    more = "" if last is None else f"the last ends in {left_text(seconds_left(last, snapshot.reading.taken))}"
    return completeness(count, scan, snapshot.reading, width, more)


def completeness(count: str, scan: Scan, reading: Reading, width: int, more: str = "") -> str:
    """Add to what was found as of when it is true, and how much of the table was read.

    That it is partial is said first, and whatever there is no room for is left out from the end.
    """
    expected = expected_rows(reading)
    about = "" if expected is None else f" of about {max(expected, scan.rows):,}"
    age = max(0.0, reading.taken - scan.taken)
    if scan.complete:
        kept = f"kept of {scan.rows:,} rows" if scan.left_out else ""
        parts = [kept, more, f"read {age:.0f} s ago", f"in {scan.taken - scan.began:.1f} s"]
    else:
        spent = scan.taken - scan.began
        now = [f"reading {spent:.0f} s"] if scan.running else [f"read {age:.0f} s ago", f"stopped after {spent:.0f} s"]
        parts = [f"partial: {scan.rows:,}{about} rows", *now, more]
        if scan.left_out:
            parts.insert(1, f"{scan.rows - scan.left_out:,} kept")
    line = count
    for part in filter(None, parts):
        if len(line) + len(part) + 2 > width:
            break
        line += f", {part}"
    return line


def expected_rows(reading: Reading) -> int | None:
    """Return about how many rows the connection table has, by what is counted of real servers; None if unknown."""
    return sum_known((reading.connections, reading.sticky))


_SHOWN: Final = 50


def details(snapshot: Snapshot, resolved: ResolvedEntry) -> Iterator[str]:
    """Return everything about an entry in lines, its connections below."""
    director, entry = snapshot.reading.director, resolved.entry
    pool = director.pools.get(resolved.service) if resolved.service is not None else None
    persistence = pool.service.persistence if pool else None
    yield f"client      {masked_client_text(entry.client, resolved.width)}"
    named = service_names(director, resolved.service_key)
    yield f"service     {'  '.join(map(fields.visible, named))}"
    yield f"server      {server_name(director, resolved.service, resolved.server or entry.server)}"
    yield f"left        {left_text(seconds_left(entry.ends, snapshot.reading.taken))}"
    if persistence is not None:
        yield f"            restarted by each new connection; the service sets {persistence.timeout} s"
    yield f"state       {resolved.state}: {STATES[resolved.state]}"
    yield f"origin      {entry.origin.value or 'unknown while persistence engines are read'}"
    if entry.engine:
        yield f"engine      {fields.visible(entry.engine)} {fields.visible(entry.identity)}"
    children = children_of(entry, snapshot.derive(group_children, snapshot.scan or NO_SCAN, director), director)
    doubt = " that may belong to it (the kernel shows no mark on connections)" if not resolved.sure else ""
    yield f"connections {len(children)}{doubt}"
    for child in children[:_SHOWN]:
        seconds = left_text(seconds_left(child.ends, snapshot.reading.taken))
        yield f"    {fields.server_text(child.client)} -> {fields.server_text(child.virtual)}  {child.state}  {seconds}"
    if len(children) > _SHOWN:
        yield f"    and {len(children) - _SHOWN} more"


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
