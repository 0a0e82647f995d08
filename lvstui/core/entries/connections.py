"""The connections view: its rows, columns and filter fields, and the entry that decides where a client goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, server_names, service_names
from lvstui.core.entries.columns import ORIGINS, PROTOCOLS, left_text, marks_of, origins, seconds_left
from lvstui.core.entries.resolve import Parents, ResolvedEntry, controlling_entry, pool_at
from lvstui.core.entries.rows import NO_SCAN, completeness, resolved_entries
from lvstui.core.model import Director, Endpoint, Family, MarkKey, Protocol, ServiceKey
from lvstui.core.observed import Connection, Scan
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import Filter, Language, Number, Text
from lvstui.core.view.table import (
    Arranged,
    Cell,
    RowColumn,
    SortValue,
    Tone,
    shown_columns,
    sort_key,
    sortable,
    text_column,
)
from lvstui.core.view.table import cells as row_cells

ConnectionKey: TypeAlias = tuple[int, Endpoint, Endpoint, Endpoint]
"""Protocol, client, virtual end and server, which identify a connection."""


class ConnectionRow(NamedTuple):
    """A connection with its service, where that is known, and the director that names it.

    `now` is a moment of the monotonic clock; `entry` is the one that the connection hangs on, for its cell only.
    """

    connection: Connection
    service: ServiceKey | None
    director: Director
    now: float
    entry: ResolvedEntry | None = None


@dataclass(frozen=True, slots=True)
class ConnectionLook(Arranged):
    """How an operator looks at the connections."""

    sort: str = "client"
    filter: Filter[ConnectionRow] = field(default_factory=Filter)


def _place(row: ConnectionRow) -> SortValue:
    client = row.connection.client
    return client.address.version, int(client.address), client.port


def _service(row: ConnectionRow) -> str:
    names = service_names(row.director, row.service)
    virtual = fields.server_text(row.connection.virtual)
    return f"{names[0]} {virtual}" if len(names) > 1 else f"{fields.protocol_text(row.connection.protocol)}:{virtual}"


def _server(row: ConnectionRow) -> Cell:
    names = _servers(row)
    return Cell(f"{names[0]} {names[1]}" if len(names) > 2 else names[0])


def _servers(row: ConnectionRow) -> tuple[str, ...]:
    return server_names(row.director, row.service, row.connection.server)


def _entry(row: ConnectionRow) -> Cell:
    if row.entry is None:
        return Cell("", Tone.DIM)
    client = masked_client_text(row.entry.entry.client, row.entry.width)
    seconds = left_text(seconds_left(row.entry.entry.ends, row.now))
    return Cell(f"{'' if row.entry.sure else '~'}{client} {seconds}", Tone.DIM)


CONNECTION_COLUMNS: Final[tuple[RowColumn[ConnectionRow], ...]] = (
    RowColumn(
        "client",
        "Client",
        21,
        1,
        grow=1,
        cell=lambda row: Cell(fields.server_text(row.connection.client), Tone.STRONG),
        sort=_place,
    ),
    text_column("service", "Service", 18, 1, _service, Tone.NAME, grow=2),
    RowColumn(
        "server",
        "Real server",
        17,
        1,
        grow=2,
        cell=_server,
        sort=lambda row: (row.connection.server.address.version, int(row.connection.server.address)),
    ),
    RowColumn(
        "state",
        "State",
        11,
        1,
        cell=lambda row: Cell(row.connection.state, Tone.GOOD if row.connection.state == "ESTABLISHED" else Tone.DIM),
        sort=lambda row: (row.connection.state,),
    ),
    RowColumn(
        "left",
        "Left",
        6,
        2,
        right=True,
        cell=lambda row: Cell(left_text(seconds_left(row.connection.ends, row.now))),
        sort=lambda row: (row.connection.ends,),
    ),
    RowColumn("entry", "Entry", 16, 3, grow=1, cell=_entry),
    text_column("origin", "From", 5, 5, lambda row: row.connection.origin.value, Tone.DIM),
)

SORTABLE: Final = sortable(CONNECTION_COLUMNS)


def _text(row: ConnectionRow) -> str:
    client, virtual = fields.server_text(row.connection.client), fields.server_text(row.connection.virtual)
    words = (client, virtual, *service_names(row.director, row.service), *_servers(row))
    return " ".join((*words, row.connection.state, *_protocol(row))).casefold()


def _protocol(row: ConnectionRow) -> tuple[str, ...]:
    return (fields.protocol_text(row.connection.protocol),)


LANGUAGE: Final[Language[ConnectionRow]] = Language(
    text=_text,
    addresses=lambda row: (row.connection.client.address,),
    at=lambda row, address: (
        address in (row.connection.client.address, row.connection.virtual.address, row.connection.server.address)
    ),
    operators=(
        Number("left", "seconds until it runs out", lambda r: (max(0.0, r.connection.ends - r.now),), seconds=True),
        Number(
            "port", "virtual, or the client's", lambda row: (row.connection.virtual.port, row.connection.client.port)
        ),
        Number("mark", "the firewall mark of its service", lambda row: marks_of(row.service)),
        Text(
            "service",
            "name, or as it is written",
            lambda row: (*service_names(row.director, row.service), fields.server_text(row.connection.virtual)),
        ),
        Text("server", "name, address, or with the port", _servers),
        Text("state", "the kernel's word; a part is enough", lambda row: (row.connection.state,), part=True),
        Text("origin", "local or sync", lambda row: origins(row.connection.origin), words=ORIGINS),
        Text("proto", "tcp, udp, sctp", _protocol, aliases=("protocol",), words=PROTOCOLS),
    ),
)
"""What a filter can ask of connections."""


def key_of(connection: Connection) -> ConnectionKey:
    """Return what the kernel finds a connection by."""
    return int(connection.protocol), connection.client, connection.virtual, connection.server


def columns(look: ConnectionLook) -> tuple[RowColumn[ConnectionRow], ...]:
    """Return the columns that are not hidden."""
    return shown_columns(CONNECTION_COLUMNS, look)


def connections(snapshot: Snapshot) -> Mapping[ConnectionKey, Connection]:
    """Return all connections of the newest scan."""
    return snapshot.derive(_by_key, snapshot.scan or NO_SCAN)


def _by_key(scan: Scan) -> Mapping[ConnectionKey, Connection]:
    return {key_of(connection): connection for connection in scan.connections}


class Services:
    """Finds the services of connections, each virtual end looked up once."""

    def __init__(self, director: Director) -> None:
        self._director = director
        self._known: dict[tuple[Protocol, Endpoint], ServiceKey | None] = {}

    def of(self, connection: Connection) -> ServiceKey | None:
        """Return the service of a connection, where its virtual end or a single mark says it."""
        virtual = connection.protocol, connection.virtual
        if virtual not in self._known:
            pool, family = pool_at(*virtual, self._director), Family.of(connection.virtual.address)
            if pool is None:
                marks = [key for key in self._director.pools if isinstance(key, MarkKey) and key.family is family]
                self._known[virtual] = marks[0] if len(marks) == 1 else None
            else:
                self._known[virtual] = pool.service.key
        return self._known[virtual]


def rows(snapshot: Snapshot, look: ConnectionLook) -> Sequence[ConnectionKey]:
    """List the rows to show, in order; computed again only for another scan, director or look."""
    moment = int(snapshot.reading.taken) if "left" in look.filter.text else 0
    director = snapshot.reading.director
    return snapshot.derive(_arrange, connections(snapshot), director, snapshot.derive(Services, director), look, moment)


def _arrange(
    every: Mapping[ConnectionKey, Connection], director: Director, services: Services, look: ConnectionLook, now: int
) -> Sequence[ConnectionKey]:
    found = {
        key: ConnectionRow(connection, services.of(connection), director, now) for key, connection in every.items()
    }
    keys = [key for key, row in found.items() if look.filter.holds(row)]
    order = sort_key(CONNECTION_COLUMNS, look, _place)
    return sorted(keys, key=lambda key: order(found[key]), reverse=look.descending)


def entry_of(snapshot: Snapshot, key: ConnectionKey) -> ResolvedEntry | None:
    """Find the entry that a connection hangs on, as far as that is known."""
    connection = connections(snapshot).get(key)
    if connection is None:
        return None
    return controlling_entry(
        connection, resolved_entries(snapshot), snapshot.derive(Parents, snapshot.reading.director)
    )


def cells(snapshot: Snapshot, look: ConnectionLook, key: ConnectionKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    connection, director = connections(snapshot).get(key), snapshot.reading.director
    if connection is None:
        return row_cells(CONNECTION_COLUMNS, look, None)
    service = snapshot.derive(Services, director).of(connection)
    row = ConnectionRow(connection, service, director, snapshot.reading.taken, entry_of(snapshot, key))
    return row_cells(CONNECTION_COLUMNS, look, row)


def summary(snapshot: Snapshot, look: ConnectionLook, width: int = 200) -> str:
    """Return a line about how much was found, of how much, as of when, and how complete that is."""
    scan = snapshot.scan
    if scan is None:
        return "the connection table is not being read"
    if scan.trouble:
        return scan.trouble
    total = len(scan.connections)
    count = f"{len(rows(snapshot, look)):,} of {total:,} connections" if look.filter else f"{total:,} connections"
    return completeness(count, scan, snapshot.reading, width)
