"""What the connections view shows: every connection, and the entry that decides where its client goes; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from lvstui.core import fields
from lvstui.core.entries.filter import NO_CONNECTION_FILTER, ConnectionFilter, ConnectionSubject
from lvstui.core.entries.resolve import Parents, Tied, controlling, pool_at
from lvstui.core.entries.rows import completeness, left_text, tied
from lvstui.core.model import Director, Endpoint, Family, MarkKey, Protocol, ServiceKey
from lvstui.core.naming import network_text, server_names, service_names
from lvstui.core.observed import Connection, Scan
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.memo import Remembered
from lvstui.core.view.table import Arranged, Cell, Column, Tone

CONNECTION_COLUMNS: Final = (
    Column("client", "Client", 21, 1, grow=1),
    Column("service", "Service", 18, 1, grow=2),
    Column("server", "Real server", 17, 1, grow=2),
    Column("state", "State", 11, 1),
    Column("left", "Left", 6, 2, right=True),
    Column("entry", "Entry", 16, 3, grow=1),
    Column("origin", "From", 5, 5),
)

SORTABLE: Final = tuple(column.id for column in CONNECTION_COLUMNS if column.id != "entry")

ConnectionKey: TypeAlias = tuple[int, Endpoint, Endpoint, Endpoint]
"""Protocol, client, virtual end and server: what tells a connection from others."""

_NOTHING: Final = Scan()


@dataclass(frozen=True, slots=True)
class ConnectionLook(Arranged):
    """How an operator looks at the connections."""

    sort: str = "client"
    filter: ConnectionFilter = NO_CONNECTION_FILTER


def key_of(connection: Connection) -> ConnectionKey:
    """Tell a connection by what the kernel finds it by."""
    return int(connection.protocol), connection.client, connection.virtual, connection.server


def columns(look: ConnectionLook) -> tuple[Column, ...]:
    """Give the columns that are not hidden."""
    return tuple(column for column in CONNECTION_COLUMNS if column.id not in look.hidden)


def _keyed(scan: Scan) -> Mapping[ConnectionKey, Connection]:
    return {key_of(connection): connection for connection in scan.connections}


_by_key: Final = Remembered(_keyed)
_parents: Final = Remembered(Parents)


def connections(snapshot: Snapshot) -> Mapping[ConnectionKey, Connection]:
    """Give all connections of the newest scan."""
    return _by_key(snapshot.scan or _NOTHING)


def service_of(connection: Connection, director: Director) -> ServiceKey | None:
    """Tell the service of a connection, where its virtual end or a single mark tells it."""
    return _services(director)(connection)


class _Services:
    """Tells the services of connections, each virtual end looked up once."""

    def __init__(self, director: Director) -> None:
        self._director = director
        self._known: dict[tuple[Protocol, Endpoint], ServiceKey | None] = {}

    def __call__(self, connection: Connection) -> ServiceKey | None:
        virtual = connection.protocol, connection.virtual
        if virtual not in self._known:
            self._known[virtual] = self._find(*virtual)
        return self._known[virtual]

    def _find(self, protocol: Protocol, virtual: Endpoint) -> ServiceKey | None:
        pool = pool_at(protocol, virtual, self._director)
        if pool is not None:
            return pool.service.key
        family = Family.of(virtual.address)
        marks = [key for key in self._director.pools if isinstance(key, MarkKey) and key.family is family]
        return marks[0] if len(marks) == 1 else None


_services: Final = Remembered(_Services)


def rows(snapshot: Snapshot, look: ConnectionLook) -> Sequence[ConnectionKey]:
    """List the rows to show, in order; worked out anew only when there is another scan, director or look."""
    moment = int(snapshot.reading.taken) if "left" in look.filter.text else 0
    return _rows(connections(snapshot), snapshot.reading.director, look, moment)


def _arrange(
    every: Mapping[ConnectionKey, Connection], director: Director, look: ConnectionLook, now: int
) -> Sequence[ConnectionKey]:
    value = _value(look.sort, director)
    found = [
        key
        for key, connection in every.items()
        if not look.filter
        or look.filter.holds(ConnectionSubject(connection, service_of(connection, director), director, now))
    ]
    return sorted(found, key=lambda key: value(every[key]), reverse=look.descending)


_rows: Final = Remembered(_arrange)

_Value: TypeAlias = tuple[float | str, ...]


def _value(column: str, director: Director) -> Callable[[Connection], _Value]:
    match column:
        case "left":
            return lambda each: (each.ends,)
        case "state":
            return lambda each: (each.state, *_client(each))
        case "service":
            return lambda each: (_service(each, director), *_client(each))
        case "server":
            return lambda each: (each.server.address.version, int(each.server.address), *_client(each))
        case "origin":
            return lambda each: (each.origin.value, *_client(each))
        case _:
            return _client


def _client(each: Connection) -> _Value:
    return each.client.address.version, int(each.client.address), each.client.port


def _service(each: Connection, director: Director) -> str:
    service = service_of(each, director)
    named = service_names(director, service)
    place = fields.server_text(each.virtual)
    return f"{named[0]} {place}" if len(named) > 1 else f"{fields.protocol_text(each.protocol)}:{place}"


def entry_of(snapshot: Snapshot, key: ConnectionKey) -> Tied | None:
    """Find the entry that a connection hangs on, as far as that can be told."""
    connection = connections(snapshot).get(key)
    if connection is None:
        return None
    return controlling(connection, tied(snapshot), _parents(snapshot.reading.director))


def cells(snapshot: Snapshot, look: ConnectionLook, key: ConnectionKey) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of the `columns`."""
    connection = connections(snapshot).get(key)
    if connection is None:
        return tuple(Cell("") for _ in columns(look))
    director = snapshot.reading.director
    entry = entry_of(snapshot, key)
    server = server_names(director, service_of(connection, director), connection.server)
    every = (
        Cell(fields.server_text(connection.client), Tone.STRONG),
        Cell(_service(connection, director), Tone.NAME),
        Cell(f"{server[0]} {server[1]}" if len(server) > 2 else server[0]),
        Cell(connection.state, Tone.GOOD if connection.state == "ESTABLISHED" else Tone.DIM),
        Cell(left_text(max(0, int(connection.ends - snapshot.reading.taken)))),
        Cell(_entry(entry, snapshot), Tone.DIM),
        Cell(connection.origin.value, Tone.DIM),
    )
    pairs = zip(every, CONNECTION_COLUMNS, strict=True)
    return tuple(cell for cell, column in pairs if column.id not in look.hidden)


def _entry(entry: Tied | None, snapshot: Snapshot) -> str:
    if entry is None:
        return ""
    seconds = max(0, int(entry.entry.ends - snapshot.reading.taken))
    return f"{'' if entry.sure else '~'}{network_text(entry.entry.client, entry.width)} {left_text(seconds)}"


def summary(snapshot: Snapshot, look: ConnectionLook, width: int = 200) -> str:
    """Say in a line how much was found, of how much, as of when, and how complete that is."""
    scan = snapshot.scan
    if scan is None:
        return "the connection table is not being read"
    if scan.trouble:
        return scan.trouble
    every = len(scan.connections)
    told = f"{len(rows(snapshot, look)):,} of {every:,} connections" if look.filter else f"{every:,} connections"
    return completeness(told, scan, snapshot.reading, width)
