"""Everything about one row of the services view: a service, a real server, or a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lvstui.core import fields
from lvstui.core.attribute import NONE
from lvstui.core.attributes import SERVER, SERVICE
from lvstui.core.change import Target
from lvstui.core.describe import service_name
from lvstui.core.health.feeding import feeding
from lvstui.core.keys import with_keys
from lvstui.core.model import Pool, ServerKey
from lvstui.core.observed import MachineKey, RowKey, ServerStats
from lvstui.core.services.past import charts, marks, seen_at
from lvstui.core.services.row import (
    STATES,
    MachineRow,
    ServerRow,
    ServiceLook,
    ServiceRow,
    keys_of,
    machines,
    outlook,
    row_of,
    service_state,
)
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.core.view.brief import compact, server_state
from lvstui.core.view.detail import Block, Line, columns, labelled, noted, pairs, stated, under
from lvstui.core.view.past import changes
from lvstui.core.view.table import Cell, Tone, fit
from lvstui.core.words import count, span

_CLIENTS = 10
"""Clients that are listed."""

_FRESH = 15.0
"""Seconds for which a reading of the connection table counts as of this moment."""

_HEADS = ("conns", "pkts in", "pkts out", "bytes in", "bytes out")


def detail(snapshot: Snapshot, look: ServiceLook, key: RowKey, width: int) -> Sequence[Block]:
    """Return what is known of a row; nothing where it is gone."""
    if not _is_there(snapshot, key):
        return ()
    match row_of(snapshot, look, key):
        case ServerRow() as row:
            return [*_of_server(row, width)]
        case ServiceRow() as row:
            return [*_of_service(row, width)]
        case MachineRow() as row:
            return [*_of_machine(row, width)]


def _is_there(snapshot: Snapshot, key: RowKey) -> bool:
    director = snapshot.reading.director
    match key:
        case MachineKey():
            return key in snapshot.derive(machines, director)
        case ServerKey(service, endpoint):
            return service in director.pools and endpoint in director.pools[service].servers
        case _:
            return key in director.pools


def _of_server(row: ServerRow, width: int) -> Iterator[Block]:
    snapshot, pool, server, key = row.snapshot, row.pool, row.server, row.key
    text, service = fields.server_text(key.endpoint), pool.service
    of = f"of {service.name}, {fields.service_text(service.key)}" if service.name else f"of {service_name(service)}"
    yield Block(server.name or text, text if server.name else "", of, noted(service.note, width))
    yield Block(lines=[*_server_state(row, width)])
    yield _configuration(snapshot.profile, [key], SERVER.describe(server), width)
    yield from _counted(row.seen, width)
    yield from charts(snapshot, [key], row.seen.stats, marks(snapshot, [key]))
    yield from _who(row, [key], width)
    yield from changes(snapshot, key, server.name or text)


def _of_service(row: ServiceRow, width: int) -> Iterator[Block]:
    snapshot, pool, key = row.snapshot, row.pool, row.key
    service, text = pool.service, fields.service_text(row.key)
    servers = count(len(pool.servers), "server")
    yield Block(service.name or text, text if service.name else "", servers, noted(service.note, width))
    yield Block(lines=[*_service_state(snapshot, pool, width)])
    whole = [key, *(server for server, _ in keys_of(pool))]
    yield _configuration(snapshot.profile, whole, SERVICE.describe(service), width)
    yield from _counted(row.seen, width)
    yield from charts(snapshot, [key], row.seen.stats, marks(snapshot, [server for server, _ in keys_of(pool)]))
    yield from _who(row, [server for server, _ in keys_of(pool)], width)
    yield from changes(snapshot, key, service.name or text)


def _of_machine(row: MachineRow, width: int) -> Iterator[Block]:
    snapshot = row.snapshot
    names = ", ".join(dict.fromkeys(part.server.name for part in row.servers if part.server.name))
    text = str(row.key.address)
    yield Block(names or text, text if names else "", f"in {len({part.key.service for part in row.servers})} services")
    lines: list[Line] = []
    for part in row.servers:
        state = _state_of(part)
        lines += labelled(state.text, f"{service_name(part.pool.service)}, weight {part.server.weight}", width)
    yield Block("Services", lines=lines)
    yield from _counted(row.seen, width)
    keys = [part.key for part in row.servers]
    yield from charts(snapshot, keys, row.seen.stats, marks(snapshot, keys))


def _state_of(row: ServerRow) -> Cell:
    return server_state(row.server, row.seen, row.snapshot.health.get(row.key))


def _server_state(row: ServerRow, width: int) -> Iterator[Line]:
    """Yield the state of a server, what shows it, and what follows from it."""
    snapshot, state = row.snapshot, _state_of(row)
    verdict = snapshot.health.get(row.key)
    if verdict is None:
        yield from _state(state, width)
        reading = snapshot.reading
        left = outlook(row.server, row.seen, reading.director.sysctl, row.pool.service.persistence, 1000)
        yield from under(left, width)
    else:
        seconds = max(0, round(snapshot.reading.taken - verdict.since))
        yield from _state(state, width, f"for {span(seconds)}{seen_at(snapshot, row.key)}")
        yield from under(verdict.evidence, width)
        if row.server.weight:
            yield from under(feeding(row.pool.service, verdict.trouble), width)
    yield from _answered(snapshot, row.key, width)


def _answered(snapshot: Snapshot, key: ServerKey, width: int) -> Iterator[Line]:
    """Yield what a server answered when it was asked last."""
    finding = snapshot.findings.get(key)
    for probed in finding.probed if finding else ():
        ago = span(max(0, round(snapshot.reading.taken - finding.at))) if finding else ""
        tone = Tone.BAD if probed.answer.outcome.is_bad else Tone.PLAIN
        yield from labelled("Asked", f"{probed.answer.outcome.value}, {ago} ago", width, tone)
        yield from under(probed.answer.sentence, width)


def _service_state(snapshot: Snapshot, pool: Pool, width: int) -> Iterator[Line]:
    """Yield the state of a service, with every server that is in trouble."""
    yield from _state(service_state(pool, snapshot.health), width, "serve" if _partly(snapshot, pool) else "")
    for key, server in keys_of(pool):
        if (verdict := snapshot.health.get(key)) is not None:
            name = server.name or fields.server_text(key.endpoint)
            yield from under(f"{name} {verdict.trouble.value}: {verdict.evidence}", width)


def _partly(snapshot: Snapshot, pool: Pool) -> bool:
    return any(key in snapshot.health for key, _ in keys_of(pool))


def _state(state: Cell, width: int, more: str = "") -> Sequence[Line]:
    return stated(state, more or STATES.get(state.text, ""), width)


def _configuration(profile: ProfileState, targets: Sequence[Target], described: Mapping[str, str], width: int) -> Block:
    """Return everything configured, and whether the profile says the same."""
    found = [(word, text) for word, text in described.items() if text != NONE and word not in ("name", "note")]
    return Block("Configuration", "", _beside_profile(profile, targets), pairs(found, width))


def _beside_profile(profile: ProfileState, targets: Sequence[Target]) -> str:
    if not profile.path or not profile.exists or profile.saved is None:
        return "no profile"
    wanted = frozenset(targets)
    differing = sum(change.target in wanted for change in profile.drift)
    return f"profile: {differing} differ{'s' if differing == 1 else ''}" if differing else "profile: the same"


def _who(row: ServerRow | ServiceRow, servers: Sequence[ServerKey], width: int) -> Iterator[Block]:
    """Yield the clients that stick longest, by the last reading of the connection table, and how many there are."""
    number, known = row.seen.sticky or 0, row.snapshot.glimpse
    if not number or row.pool.service.persistence is None:
        return
    if known is None:
        yield Block("Who sticks", "", f"{number:,}; the table is being read")
        return
    found = sorted((client for key in servers for client in known.clients.get(key, ())), key=lambda one: -one.left)
    shown = found[:_CLIENTS]
    lines: list[Line] = []
    for client in shown:
        left = f"{span(client.left)} left"
        lines.append((Cell(fit(client.client, max(0, width - len(left)))), Cell(left, Tone.SECONDARY)))
    if not shown:
        lines.append((Cell("none of them was in the part that was read: E reads on", Tone.DIM),))
    age = row.snapshot.reading.taken - known.taken
    ago = f", {span(age)} ago" if age > _FRESH else ""
    yield Block("Who sticks", "", f"{len(shown):,} of {max(number, len(shown)):,}{ago}; E shows all", lines)


def _counted(seen: ServerStats, width: int) -> Iterator[Block]:
    """Yield what is held now, and what was counted as `ipvsadm --stats` and `--rate` print it."""
    sticky = "" if seen.sticky is None else f"{seen.sticky:,}"
    held = [("active", f"{seen.active:,}"), ("inactive", f"{seen.inactive:,}"), ("sticky", sticky)]
    yield Block("Connections", "", with_keys("{E:entries} shows who sticks") if seen.sticky else "", pairs(held, width))
    stats = seen.stats
    if stats is None:
        yield Block("Totals", remark="the kernel shows them to root only")
        return
    totals = stats[:5]
    rates = stats[5:]
    rows = [
        [Cell("since zeroed", Tone.SECONDARY), *(Cell(compact(number)) for number in totals)],
        [Cell("a second", Tone.SECONDARY), *(Cell(compact(number)) for number in rates)],
    ]
    remark, lines = columns(_HEADS, rows, width)
    yield Block("Totals", "", remark, lines)
