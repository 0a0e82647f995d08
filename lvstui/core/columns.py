"""What the services view shows: its columns, the order of its rows, and the cells of one row; all of it pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.change import Change, ServerChange
from lvstui.core.model import (
    AddressKey,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    RealServer,
    Service,
    ServiceKey,
)
from lvstui.core.numbers import compact, duration, sparkline
from lvstui.core.observed import RowKey, ServerKey, ServerStats, Stats
from lvstui.core.snapshot import Snapshot
from lvstui.core.table import Cell, Column, Tone

HISTORY_WIDTH = 12

_IDENTITY = 4
"""How many of the first columns say what a service is, rather than how it does."""

SERVICE_COLUMNS = (
    Column("target", "Service / real server", 26, 1, grow=2),
    Column("name", "Name", 8, 3, grow=1),
    Column("method", "Method", 6, 5),
    Column("options", "Options", 12, 6, grow=2),
    Column("weight", "Weight", 8, 1, right=True),
    Column("active", "Active", 6, 1, right=True),
    Column("inactive", "InAct", 6, 2, right=True),
    Column("sticky", "Sticky", 6, 2, right=True),
    Column("connections", "Conn/s", 6, 2, right=True),
    Column("in", "In B/s", 6, 7, right=True),
    Column("out", "Out B/s", 7, 7, right=True),
    Column("history", "History", HISTORY_WIDTH, 8),
    Column("state", "State", 5, 1),
)

_NO_STATS = ServerStats()

SortValue: TypeAlias = tuple[float | str, ...]

_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class Look:
    """How an operator looks at the services: order, filter, folded services, and edits not yet applied."""

    sort: str = "target"
    descending: bool = False
    filter: str = ""
    folded: frozenset[ServiceKey] = frozenset()
    staged: Mapping[RowKey, Change] = field(default_factory=dict)
    ascii_only: bool = False


def rows(snapshot: Snapshot, look: Look) -> list[RowKey]:
    """List the rows to show, in order: each service, its real servers under it unless folded.

    A filter keeps the rows that show every one of its words (`!word`: do not show it); a server counts as showing
    also what its service is. A server that matches comes with its service, also when that is folded.
    """
    shown: list[RowKey] = []
    pools = snapshot.reading.director.pools
    for key in _ordered(pools, partial(_service_sort, snapshot, look.sort), look):
        servers = _shown_servers(snapshot, pools[key], look)
        if servers is not None:
            shown.append(key)
            shown.extend(_ordered(servers, partial(_server_sort, snapshot, look.sort), look))
    return shown


def cells(snapshot: Snapshot, look: Look, key: RowKey) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of SERVICE_COLUMNS."""
    if isinstance(key, ServerKey):
        return _server_cells(snapshot, look, key)
    return _service_cells(snapshot, look, key)


def server_state(server: RealServer, seen: ServerStats) -> Cell:
    """Say a real server's state in a word: `drain` at weight 0, `over` at its upper threshold, else `ok`."""
    if server.weight == 0:
        return Cell("drain", Tone.WARN)
    if server.upper and seen.active + seen.inactive >= server.upper:
        return Cell("over", Tone.BAD)
    return Cell("ok", Tone.GOOD)


def service_state(pool: Pool) -> Cell:
    """Say a service's state in a word: `empty` without servers, `down` when all are drained, else `ok`."""
    if not pool.servers:
        return Cell("empty", Tone.BAD)
    if not any(server.weight for server in pool.servers.values()):
        return Cell("down", Tone.BAD)
    return Cell("ok", Tone.GOOD)


def _ordered(keys: Iterable[_K], value: Callable[[_K], SortValue], look: Look) -> list[_K]:
    return sorted(keys, key=value, reverse=look.descending)


def _shown_servers(snapshot: Snapshot, pool: Pool, look: Look) -> Sequence[ServerKey] | None:
    """Choose the servers shown under a service; None hides the service as well."""
    key = pool.service.key
    servers = [ServerKey(key, endpoint) for endpoint in pool.servers]
    if not look.filter:
        return () if key in look.folded else servers
    service = _service_cells(snapshot, look, key)
    found = [s for s in servers if _matches(look.filter, (*service[:_IDENTITY], *_server_cells(snapshot, look, s)))]
    return found if found or _matches(look.filter, service) else None


def _matches(wanted: str, shown: Iterable[Cell]) -> bool:
    text = " ".join(cell.text for cell in shown).casefold()
    return all(
        (word[1:] not in text) if len(word) > 1 and word.startswith("!") else word in text
        for word in wanted.casefold().split()
    )


def _service_sort(snapshot: Snapshot, column: str, key: ServiceKey) -> SortValue:
    place = _place(key)
    pool = snapshot.reading.director.pools[key]
    if column == "target":
        return place
    if column in ("name", "method", "options", "state"):
        shown = _service_cells(snapshot, Look(), key)
        return (_text_of(shown, column), *place)
    total = _total(snapshot, pool)
    numbers = _numbers(total)
    numbers["weight"] = sum(server.weight for server in pool.servers.values())
    return (numbers.get(column, 0.0), *place)


def _server_sort(snapshot: Snapshot, column: str, key: ServerKey) -> SortValue:
    address, port = key.endpoint
    place = (address.version, int(address), port)
    if column == "target":
        return place
    server = snapshot.reading.director.pools[key.service].servers[key.endpoint]
    if column in ("name", "method", "options", "state"):
        return (_text_of(_server_cells(snapshot, Look(), key), column), *place)
    numbers = _numbers(_seen(snapshot, key))
    numbers["weight"] = server.weight
    return (numbers.get(column, 0.0), *place)


def _place(key: ServiceKey) -> SortValue:
    """Where a service stands by itself: by address, port and protocol; marks after all addresses."""
    match key:
        case AddressKey(protocol, address, port):
            return (0, address.version, int(address), port, int(protocol))
        case MarkKey(mark, family):
            return (1, int(family), mark)


def _text_of(shown: Sequence[Cell], column: str) -> str:
    names = [each.id for each in SERVICE_COLUMNS]
    return shown[names.index(column)].text


def _numbers(seen: ServerStats) -> dict[str, float]:
    stats = seen.stats
    return {
        "active": seen.active,
        "inactive": seen.inactive,
        "sticky": seen.sticky,
        "connections": stats.connection_rate,
        "history": stats.connection_rate,
        "in": stats.in_byte_rate,
        "out": stats.out_byte_rate,
    }


def _seen(snapshot: Snapshot, key: ServerKey) -> ServerStats:
    return snapshot.reading.servers.get(key.service, {}).get(key.endpoint, _NO_STATS)


def _total(snapshot: Snapshot, pool: Pool) -> ServerStats:
    """Add up what the servers of a service hold; the kernel keeps these gauges for servers only."""
    seen = snapshot.reading.servers.get(pool.service.key, {}).values()
    return ServerStats(
        active=sum(server.active for server in seen),
        inactive=sum(server.inactive for server in seen),
        sticky=sum(server.sticky for server in seen),
        stats=snapshot.reading.services.get(pool.service.key, Stats()),
    )


def _service_cells(snapshot: Snapshot, look: Look, key: ServiceKey) -> tuple[Cell, ...]:
    pool = snapshot.reading.director.pools[key]
    total = _total(snapshot, pool)
    fold = "+" if key in look.folded else "-"
    history = snapshot.history.get(key, ())
    return (
        Cell(f"{fold} {fields.service_text(key)}", Tone.STRONG),
        Cell(pool.service.name, Tone.NAME),
        Cell(pool.service.scheduler),
        Cell(_service_options(pool.service), Tone.DIM),
        Cell(""),
        *_gauges(total, sticky=pool.service.persistence is not None),
        *_rates(total, told=key in snapshot.reading.services),
        Cell(sparkline(history, HISTORY_WIDTH, ascii_only=look.ascii_only) if history else "", Tone.DIM),
        service_state(pool),
    )


def _server_cells(snapshot: Snapshot, look: Look, key: ServerKey) -> tuple[Cell, ...]:
    pool = snapshot.reading.director.pools[key.service]
    server = pool.servers[key.endpoint]
    seen = _seen(snapshot, key)
    return (
        Cell(f"    {fields.server_text(key.endpoint)}"),
        Cell(server.name, Tone.NAME),
        Cell(fields.forwarding_text(server.forwarding)),
        Cell(_server_options(server), Tone.DIM),
        _weight(server, look.staged.get(key)),
        *_gauges(seen, sticky=pool.service.persistence is not None),
        *_rates(seen, told=key.service in snapshot.reading.services),
        Cell(""),
        server_state(server, seen),
    )


def _weight(server: RealServer, staged: Change | None) -> Cell:
    """Show the weight, and where an edit of it waits for Enter, the old and the new one."""
    match staged:
        case ServerChange(_, RealServer(weight=old), RealServer(weight=new)) if old != new:
            return Cell(f"{old}->{new}", Tone.STAGED)
        case ServerChange(_, _, None):
            return Cell("delete", Tone.STAGED)
        case _:
            return Cell(str(server.weight), Tone.WARN if server.weight == 0 else Tone.PLAIN)


def _gauges(seen: ServerStats, *, sticky: bool) -> tuple[Cell, Cell, Cell]:
    return (
        _count(seen.active),
        _count(seen.inactive),
        _count(seen.sticky) if sticky or seen.sticky else Cell(""),
    )


def _count(value: float) -> Cell:
    return Cell(compact(value), Tone.PLAIN if value else Tone.DIM)


def _rates(seen: ServerStats, *, told: bool) -> tuple[Cell, Cell, Cell]:
    """Show the kernel's rates; /proc tells none."""
    if not told:
        return (Cell(""), Cell(""), Cell(""))
    stats = seen.stats
    return (_count(stats.connection_rate), _count(stats.in_byte_rate), _count(stats.out_byte_rate))


def _service_options(service: Service) -> str:
    parts = [_persistence(service.persistence)] if service.persistence else []
    return " ".join([*parts, *fields.flag_words(service.flags, service.scheduler)])


def _persistence(persistence: Persistence) -> str:
    """Write persistence short: `5m`, `5m/24`, `10m/24 sip`; a netmask with holes is written out."""
    mask = f"/{persistence.prefix or persistence.mask}" if persistence.wide else ""
    return " ".join(filter(None, (f"{duration(persistence.timeout)}{mask}", persistence.engine)))


def _server_options(server: RealServer) -> str:
    parts = []
    if server.forwarding is Forwarding.TUNNEL:
        tunnel = server.tunnel
        port = f":{tunnel.port}" if tunnel.port else ""
        checksum = [fields.checksum_text(tunnel.checksum)] if tunnel.checksum else []
        parts += [f"{fields.tunnel_type_text(tunnel.type)}{port}", *checksum]
    if server.upper:
        parts.append(f"max {server.upper}")
    return " ".join(parts)
