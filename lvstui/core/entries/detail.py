"""Everything about one row of the persistence view: an entry, or a group of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, service_names
from lvstui.core.entries.columns import (
    EntryLook,
    EntryRow,
    EntryRowKey,
    Group,
    entries_text,
    left_text,
    seconds_left,
    server_text,
    service_text,
    state_cell,
)
from lvstui.core.entries.groups import GroupRow, group_state, percent, server_group, sticking
from lvstui.core.entries.resolve import STATES, ResolvedEntry, children_of, group_children
from lvstui.core.entries.rows import NO_SCAN, group_row, resolved_entries
from lvstui.core.model import AddressKey, MarkKey, Pool, RealServer, ServerKey
from lvstui.core.observed import Connection, Origin
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.bars import NARROW, bar, parts
from lvstui.core.view.brief import duration, seen_on, server_state, whole
from lvstui.core.view.detail import LABEL, Block, Line, labelled, noted, pairs, stated, under
from lvstui.core.view.table import Cell, Tone, cell_count, fit
from lvstui.core.words import count

_FIRST: Final = 10
"""Connections of an entry, and clients of a group, that are listed."""

_NEWEST: Final = 5
"""Changes that are listed."""

_NAME: Final = 16
"""Cells of the names before bars."""

_STATE, _LEFT = 12, 6
"""Cells of the state and the time left of a connection, which stand before its addresses: those may be cut."""

ORIGIN_MEANINGS: Final = {
    Origin.LOCAL: "made by this director's own traffic",
    Origin.SYNC: "came in a sync message of another director",
    Origin.UNKNOWN: "not known while persistence engines are read",
}
"""What it means where a row of the connection table is from."""

_KEYS: Final = (
    ("M", "moves this client to another server, after asking; its connections stay or are reset, as you choose"),
    ("P", "pins a client to a server, also one that has no entry"),
    ("t", "sets the time left, which each new connection of the client restarts from then on"),
    ("x", "lets the entry run out now: the client's next connection is scheduled freely"),
)


def detail(snapshot: Snapshot, look: EntryLook, key: EntryRowKey, width: int) -> Sequence[Block]:
    """Return what is known of a row; nothing where it is gone."""
    if isinstance(key, Group):
        return [*_of_group(group_row(snapshot, look, key), width)]
    entry = resolved_entries(snapshot).get(key)
    return [*_of_entry(snapshot, look, entry, width)] if entry is not None else ()


def _of_entry(snapshot: Snapshot, look: EntryLook, resolved: ResolvedEntry, width: int) -> Iterator[Block]:
    director, entry = snapshot.reading.director, resolved.entry
    pool = director.pools.get(resolved.service) if resolved.service is not None else None
    client = masked_client_text(entry.client, resolved.width)
    yield Block(client, "", f"of {service_text(resolved, director)}", _note(pool, width))
    row = EntryRow(resolved, director, snapshot.reading.taken, look)
    lines = [*stated(state_cell(row), STATES[resolved.state], width)]
    lines += labelled("Left", _left(resolved, pool, snapshot.reading.taken), width)
    names = "  ".join(map(fields.visible, service_names(director, resolved.service_key)))
    lines += labelled("Service", f"{names}  {sticking(pool)}", width)
    lines += _server(snapshot, resolved, pool, width)
    lines += labelled("Kernel", f"template {entry.state}, {ORIGIN_MEANINGS[entry.origin]}", width)
    if entry.engine:
        lines += labelled("Engine", f"{entry.engine} {entry.identity}", width)
    yield Block(lines=lines)
    yield _connections(snapshot, resolved)
    yield from _changes(snapshot, str(entry.client))
    yield Block("Keys", lines=[line for sign, text in _KEYS for line in _key(sign, text, width)])


def _left(resolved: ResolvedEntry, pool: Pool | None, now: float) -> str:
    persistence = pool.service.persistence if pool else None
    left = left_text(seconds_left(resolved.entry.ends, now))
    restarts = "each new connection of the client restarts it"
    return f"{left} of {duration(persistence.timeout)}; {restarts}" if persistence else left


def _server(snapshot: Snapshot, resolved: ResolvedEntry, pool: Pool | None, width: int) -> Iterator[Line]:
    """Yield the server that an entry leads to, how it is, and what shows that."""
    server = pool.servers.get(resolved.server) if pool is not None and resolved.server is not None else None
    name = server_text(resolved, snapshot.reading.director)
    if pool is None or server is None:
        yield from labelled("Server", f"{name}  not in the service now", width, Tone.WARN)
        return
    yield from server_lines(snapshot, pool, server, name, width)


def server_lines(snapshot: Snapshot, pool: Pool, server: RealServer, name: str, width: int) -> Iterator[Line]:
    """Yield a real server by its name, with how it is, and what shows that it is in trouble."""
    key = ServerKey(pool.service.key, server.endpoint)
    seen, verdict = seen_on(snapshot, key), snapshot.health.get(key)
    state = server_state(server, seen, verdict)
    how = f"{fields.forwarding_text(server.forwarding)}, weight {server.weight}, {whole(seen.active)} active"
    yield from labelled("Server", f"{name}  {how}, {state.text}", width)
    if verdict is not None:
        yield from under(verdict.evidence, width)


def _connections(snapshot: Snapshot, resolved: ResolvedEntry) -> Block:
    """Return the connections on an entry, the established ones first."""
    director = snapshot.reading.director
    grouped = snapshot.derive(group_children, snapshot.scan or NO_SCAN, director)
    found = sorted(children_of(resolved.entry, grouped, director), key=lambda child: child.state != "ESTABLISHED")
    doubt = "" if resolved.sure or not found else "may be of another mark"
    states = Counter(child.state for child in found)
    by_state = ", ".join(f"{number:,} {state}" for state, number in states.most_common())
    lines: list[Line] = [_connection(child, snapshot.reading.taken) for child in found[:_FIRST]]
    if len(found) > _FIRST:
        lines.append((Cell(f"and {len(found) - _FIRST:,} more", Tone.DIM),))
    return Block(count(len(found), "connection"), doubt, by_state, lines)


def _connection(child: Connection, now: float) -> Line:
    ends = f"{fields.server_text(child.client)} -> {fields.server_text(child.virtual)}"
    tone = Tone.PLAIN if child.state == "ESTABLISHED" else Tone.SECONDARY
    left = left_text(seconds_left(child.ends, now))
    return Cell(f"{child.state:<{_STATE}}", tone), Cell(f"{left:>{_LEFT}}  ", Tone.SECONDARY), Cell(ends)


def _changes(snapshot: Snapshot, client: str) -> Iterator[Block]:
    """Yield what was done lately to the entries of a client."""
    lines: list[Line] = []
    for record in reversed(snapshot.changes):
        for sentence in record.entries:
            if client in sentence.replace("/", " ").split():
                head = f"{record.time:%m-%d %H:%M}  {record.user}  "
                lines.append((Cell(head, Tone.SECONDARY), Cell(sentence)))
    if lines:
        yield Block(f"Changes of {client}", "", "UTC", lines[:_NEWEST])


def _key(sign: str, text: str, width: int) -> list[Line]:
    (_, first), *others = labelled("", text, width)
    return [(Cell(fit(sign, LABEL), Tone.ACCENT), first), *others]


def _note(pool: Pool | None, width: int) -> Sequence[Line]:
    return noted(pool.service.note, width) if pool is not None else ()


def _of_group(row: GroupRow, width: int) -> Iterator[Block]:
    name, address = row.names
    of = row.group.of
    yield Block(name, address, entries_text(len(row.members)), _note(row.pool, width))
    lines: list[Line] = []
    state = group_state(row)
    if state.text:
        lines += stated(state, "", width)
    if isinstance(of, ServerKey) and (verdict := row.snapshot.health.get(of)) is not None:
        lines += under(verdict.evidence, width)
    if isinstance(of, AddressKey | MarkKey) and row.pool is not None:
        lines += labelled("Sticks", sticking(row.pool) or "its service is not persistent now", width)
    yield Block(lines=[*lines, *_figures(row, width)])
    if not isinstance(of, ServerKey):
        yield from _shares(row, width)
    yield from _who(row, width)


def _figures(row: GroupRow, width: int) -> list[Line]:
    left = "" if row.ends is None else left_text(seconds_left(row.ends, row.snapshot.reading.taken))
    sure = all(resolved.sure for resolved in row.members)
    found = [
        ("entries", f"{len(row.members):,}"),
        ("share", percent(row.part)),
        ("by weight", percent(row.by_weight)),
        ("connections", f"{'' if sure else '~'}{row.connections:,}"),
        ("last ends", left),
    ]
    return pairs([(word, text) for word, text in found if text], width)


def _shares(row: GroupRow, width: int) -> Iterator[Block]:
    """Yield how the entries spread over real servers, a bar each; of a service with the share by weight."""
    groups = Counter(map(server_group, row.members))
    if isinstance(row.group.of, AddressKey | MarkKey) and row.pool is not None:
        groups.update({Group(ServerKey(row.group.of, end)): 0 for end in row.pool.servers})
    by_weight = isinstance(row.group.of, AddressKey | MarkKey)
    room = max(0, min(NARROW, width - _NAME - 8))
    lines: list[Line] = []
    for group, number in groups.most_common(_FIRST):
        below = GroupRow(row.snapshot, row.look, group, (), 0)
        part = number / len(row.members) if row.members else 0.0
        drawn = bar(part, room, row.look.glyphs, below.by_weight if by_weight else None)
        pieces = (Cell(text, tone) for text, tone in parts(Cell(drawn, Tone.BAR)))
        lines.append((Cell(fit(below.names[0], _NAME)), *pieces, Cell(f"  {percent(part):>5}")))
    if lines:
        remark = f"{row.look.glyphs.tick} is the share by weight" if by_weight else ""
        yield Block("Share of entries", "", remark, lines)


def _who(row: GroupRow, width: int) -> Iterator[Block]:
    """Yield the clients with the most connections."""
    found = sorted(row.members, key=lambda entry: (-entry.children, -entry.entry.ends))[:_FIRST]
    now = row.snapshot.reading.taken
    lines: list[Line] = []
    for resolved in found:
        client = masked_client_text(resolved.entry.client, resolved.width)
        left = f"{left_text(seconds_left(resolved.entry.ends, now)):>7} left"
        held = f"{'' if resolved.sure else '~'}{count(resolved.children, 'connection')}"
        room = max(0, width - cell_count(client) - len(left))
        lines.append((Cell(client), Cell(fit(held, room, right=True), Tone.SECONDARY), Cell(left, Tone.SECONDARY)))
    if lines:
        yield Block("Who sticks", "", f"{len(found)} of {entries_text(len(row.members))}", lines)
