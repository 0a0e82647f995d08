"""The connections view: its rows, columns and filter fields, and the entry that decides where a client goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
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
    Whole,
    natural,
    row_text,
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
    `texts` knows the words of rows that were asked for them before.
    """

    connection: Connection
    service: ServiceKey | None
    director: Director
    now: float
    entry: ResolvedEntry | None = None
    texts: Texts | None = None


class ConnectionGrouping(Enum):
    """What connections stand under."""

    NONE = "none"
    STATE = "server and state"
    SERVICE = "service"
    CLIENT = "client"


class ConnectionGroup(NamedTuple):
    """What the connections of a group have in common: a server and a state, a service, or a client, as it is shown."""

    name: str
    address: str = ""
    state: str = ""


RowKey: TypeAlias = ConnectionKey | ConnectionGroup


@dataclass(frozen=True, slots=True)
class ConnectionLook(Arranged):
    """How an operator looks at the connections; groups are folded unless they are in `unfolded`."""

    sort: str = "client"
    filter: Filter[ConnectionRow] = field(default_factory=Filter)
    grouping: ConnectionGrouping = ConnectionGrouping.NONE
    unfolded: frozenset[ConnectionGroup] = frozenset()


def _place(row: ConnectionRow) -> SortValue:
    client = row.connection.client
    return client.address.version, int(client.address), client.port


def _service(row: ConnectionRow) -> str:
    return " ".join(_service_pair(row)).rstrip()


def _service_pair(row: ConnectionRow) -> tuple[str, str]:
    """Return the name of the service and the virtual end; without a name the end in its place."""
    names = service_names(row.director, row.service)
    virtual = fields.server_text(row.connection.virtual)
    return (names[0], virtual) if len(names) > 1 else (f"{fields.protocol_text(row.connection.protocol)}:{virtual}", "")


def _server_pair(row: ConnectionRow) -> tuple[str, str]:
    names = _servers(row)
    return (names[0], names[1]) if len(names) > 2 else (names[0], "")


def _servers(row: ConnectionRow) -> tuple[str, ...]:
    """Return the names of the real server; one that serves all ports has no port of its own."""
    end = row.connection.server
    pool = row.director.pools.get(row.service) if row.service is not None else None
    if pool is not None and end not in pool.servers and (every := pool.servers.get(end._replace(port=0))):
        name = (every.name,) if every.name else ()
        return (*name, fields.server_text(end), str(end.address))
    return server_names(row.director, row.service, end)


def _entry(row: ConnectionRow) -> Cell:
    if row.entry is None:
        return Cell("", Tone.DIM)
    client = masked_client_text(row.entry.entry.client, row.entry.width)
    seconds = left_text(seconds_left(row.entry.entry.ends, row.now))
    return Whole(f"{'' if row.entry.sure else '~'}{client} {seconds}", Tone.DIM)


CONNECTION_COLUMNS: Final[tuple[RowColumn[ConnectionRow], ...]] = (
    RowColumn(
        "client",
        "Client",
        21,
        1,
        grow=1,
        least=21,
        cell=lambda row: Whole(fields.server_text(row.connection.client), Tone.STRONG),
        sort=_place,
        value=lambda row: fields.server_text(row.connection.client),
    ),
    RowColumn(
        "service",
        "Service",
        18,
        1,
        grow=1,
        most=26,
        cell=lambda row: Cell(_service_pair(row)[0]),
        sort=lambda row: natural(_service(row)),
        value=_service,
    ),
    RowColumn(
        "virtual",
        "Virtual",
        18,
        4,
        grow=1,
        most=46,
        behind=True,
        cell=lambda row: Cell(_service_pair(row)[1], Tone.SECONDARY),
    ),
    RowColumn(
        "server",
        "Real server",
        18,
        1,
        grow=1,
        most=26,
        cell=lambda row: Cell(_server_pair(row)[0]),
        sort=lambda row: (row.connection.server.address.version, int(row.connection.server.address)),
        value=lambda row: " ".join(_server_pair(row)).rstrip(),
        heading="SERVER",
    ),
    RowColumn(
        "address",
        "Address",
        18,
        4,
        grow=1,
        most=46,
        behind=True,
        cell=lambda row: Cell(_server_pair(row)[1], Tone.SECONDARY),
    ),
    RowColumn(
        "state",
        "State",
        11,
        1,
        least=11,
        cell=lambda row: Cell(
            row.connection.state, Tone.SECONDARY if row.connection.state == "ESTABLISHED" else Tone.DIM
        ),
        sort=lambda row: (row.connection.state,),
        value=lambda row: row.connection.state,
    ),
    RowColumn(
        "left",
        "Left",
        6,
        2,
        right=True,
        cell=lambda row: Cell(left_text(seconds_left(row.connection.ends, row.now))),
        sort=lambda row: (row.connection.ends,),
        value=lambda row: seconds_left(row.connection.ends, row.now),
    ),
    RowColumn("entry", "Entry", 16, 3, grow=1, cell=_entry),
    text_column("origin", "From", 5, 5, lambda row: row.connection.origin.value, Tone.DIM),
)

SORTABLE: Final = sortable(CONNECTION_COLUMNS)


def _text(row: ConnectionRow) -> str:
    return (row.texts or Texts()).of(row)


class Texts:
    """The words of connections in lower case, put together once for a reading: each key typed at `/` asks for all.

    Those of both ends of the director are the same for many connections. Of more connections than a filter is tried on
    at each key only those are kept: texts of a million would take more memory than the connections.
    """

    def __init__(self, connections: Mapping[ConnectionKey, Connection] | None = None, _: object = None) -> None:
        self._connections = connections or {}
        self._keeps = 0 < len(self._connections) <= LARGE
        self._known: dict[int, str] = {}  # by the connections, which stay the same objects
        self._ends: dict[tuple[Protocol, Endpoint, Endpoint], str] = {}

    def of(self, row: ConnectionRow) -> str:
        """Return the words of a connection."""
        connection = row.connection
        text = self._known.get(id(connection))
        if text is None:
            both = connection.protocol, connection.virtual, connection.server
            ends = self._ends.get(both)
            if ends is None:
                virtual = fields.server_text(connection.virtual)
                words = (virtual, *service_names(row.director, row.service), *_servers(row), *_protocol(row))
                ends = self._ends[both] = " ".join(words).casefold()
            text = f"{fields.server_text(connection.client)} {ends} {connection.state.casefold()}"
            if self._keeps:
                self._known[id(connection)] = text
        return text


LARGE: Final = 30_000
"""Rows of the connection table above which searching them at each key would be too slow."""


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


class GroupRow(NamedTuple):
    """A group with how many connections are in it, and of how many, and whether it is folded."""

    group: ConnectionGroup
    size: int
    total: int
    folded: bool
    look: ConnectionLook


def _group_name(row: GroupRow) -> Cell:
    glyphs = row.look.glyphs
    name = f"{glyphs.folded if row.folded else glyphs.unfolded} {row.group.name}"
    return (Whole if _is_client(row) else Cell)(name, Tone.STRONG)


def _is_client(row: GroupRow) -> bool:
    """Return whether a group is one of a client, whose address may need the room of the service."""
    return row.look.grouping is ConnectionGrouping.CLIENT


def _group_size(row: GroupRow) -> Cell:
    return Cell(f"{row.size:,} of {row.total:,}")


_GROUP_CELLS: Final[Mapping[str, Callable[[GroupRow], Cell]]] = {
    "client": _group_name,
    "service": lambda row: Cell("") if _is_client(row) else _group_size(row),
    "server": lambda row: _group_size(row) if _is_client(row) else Cell(row.group.address, Tone.SECONDARY),
    "state": lambda row: Cell(row.group.state, Tone.STRONG),
    "left": lambda row: Cell(f"{row.size / row.total:.0%}" if row.total else "", Tone.SECONDARY),
}
"""What stands in the row of a group, by column."""


def columns(look: ConnectionLook) -> tuple[RowColumn[ConnectionRow], ...]:
    """Return the columns that are not hidden; their heads say what stands in the rows of groups."""
    titles = {
        ConnectionGrouping.NONE: {},
        ConnectionGrouping.STATE: {"client": "Server, client", "left": "Share"},
        ConnectionGrouping.SERVICE: {"client": "Service, client", "left": "Share"},
        ConnectionGrouping.CLIENT: {"client": "Client", "left": "Share"},
    }[look.grouping]
    return tuple(
        replace(column, title=titles.get(column.id, column.title)) for column in shown_columns(CONNECTION_COLUMNS, look)
    )


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


def rows(snapshot: Snapshot, look: ConnectionLook) -> Sequence[RowKey]:
    """List the rows to show, in order: connections, or groups of them, the largest first, with what is unfolded."""
    if look.grouping is ConnectionGrouping.NONE:
        return found(snapshot, look)
    listed: list[RowKey] = []
    for group, below in sorted(grouped(snapshot, look).items(), key=lambda item: (-len(item[1]), item[0])):
        listed += [group, *(below if group in look.unfolded else ())]
    return listed


def grouped(snapshot: Snapshot, look: ConnectionLook) -> Mapping[ConnectionGroup, Sequence[ConnectionKey]]:
    """Return the connections of each group."""
    return snapshot.derive(
        _group, found(snapshot, look), connections(snapshot), snapshot.reading.director, look.grouping.value
    )


def _group(
    keys: Sequence[ConnectionKey], every: Mapping[ConnectionKey, Connection], director: Director, grouping: str
) -> Mapping[ConnectionGroup, Sequence[ConnectionKey]]:
    services = Services(director)
    groups: dict[ConnectionGroup, list[ConnectionKey]] = {}
    known: dict[tuple[object, ...], ConnectionGroup] = {}
    for key in keys:
        connection = every[key]
        row = ConnectionRow(connection, services.of(connection), director, 0)
        match ConnectionGrouping(grouping):
            case ConnectionGrouping.STATE:
                common: tuple[object, ...] = row.service, connection.server, connection.state
            case ConnectionGrouping.SERVICE:
                common = row.service, connection.virtual
            case _:
                common = (connection.client.address,)
        if common not in known:
            known[common] = _named_group(row, ConnectionGrouping(grouping))
        groups.setdefault(known[common], []).append(key)
    return groups


def _named_group(row: ConnectionRow, grouping: ConnectionGrouping) -> ConnectionGroup:
    match grouping:
        case ConnectionGrouping.STATE:
            return ConnectionGroup(*_server_pair(row), row.connection.state)
        case ConnectionGrouping.SERVICE:
            return ConnectionGroup(*_service_pair(row))
        case _:
            return ConnectionGroup(str(row.connection.client.address))


def group_of(snapshot: Snapshot, look: ConnectionLook, key: RowKey) -> ConnectionGroup | None:
    """Return the group that a row is, or stands in; None where nothing is grouped."""
    if isinstance(key, ConnectionGroup):
        return key
    return snapshot.derive(_groups_by_row, grouped(snapshot, look)).get(key)


def _groups_by_row(
    groups: Mapping[ConnectionGroup, Sequence[ConnectionKey]],
) -> Mapping[ConnectionKey, ConnectionGroup]:
    return {key: group for group, below in groups.items() for key in below}


def found(snapshot: Snapshot, look: ConnectionLook) -> Sequence[ConnectionKey]:
    """List the connections that the filter finds, in order; again only for another scan, director, filter or order."""
    known, _ = _known_now(snapshot, look)
    return snapshot.derive(_arrange, known, look.filter, look.sort, look.descending)


def _known_now(snapshot: Snapshot, look: ConnectionLook) -> tuple[_Known, Texts]:
    """Return all connections with what is known of them, and their words."""
    moment = int(snapshot.reading.taken) if "left" in look.filter.text else 0
    every, director = connections(snapshot), snapshot.reading.director
    services, texts = snapshot.derive(Services, director), snapshot.derive(Texts, every, director)
    return snapshot.derive(_known, every, director, services, texts, moment), texts


_Known: TypeAlias = Mapping[ConnectionKey, ConnectionRow]


def _known(
    every: Mapping[ConnectionKey, Connection], director: Director, services: Services, texts: Texts, now: float
) -> _Known:
    return {
        key: ConnectionRow(connection, services.of(connection), director, now, texts=texts)
        for key, connection in every.items()
    }


def _arrange(known: _Known, wanted: Filter[ConnectionRow], sort: str, descending: bool) -> Sequence[ConnectionKey]:
    keys = [key for key, row in known.items() if wanted.holds(row)] if wanted else list(known)
    order = sort_key(CONNECTION_COLUMNS, Arranged(sort), _place)
    return sorted(keys, key=lambda key: order(known[key]), reverse=descending)


def entry_of(snapshot: Snapshot, key: ConnectionKey) -> ResolvedEntry | None:
    """Find the entry that a connection hangs on, as far as that is known."""
    connection = connections(snapshot).get(key)
    if connection is None:
        return None
    return controlling_entry(
        connection, resolved_entries(snapshot), snapshot.derive(Parents, snapshot.reading.director)
    )


def words_of(snapshot: Snapshot, look: ConnectionLook) -> Callable[[RowKey], str]:
    """Return what gets the words by which a search finds a row: what it shows, but for time left and entry."""
    known, texts = _known_now(snapshot, look)

    def words(key: RowKey) -> str:
        row = None if isinstance(key, ConnectionGroup) else known.get(key)
        return texts.of(row) if row is not None else row_text(cells(snapshot, look, key))

    return words


def cells(snapshot: Snapshot, look: ConnectionLook, key: RowKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    if isinstance(key, ConnectionGroup):
        total = len(found(snapshot, look))
        row_of = GroupRow(key, len(grouped(snapshot, look).get(key, ())), total, key not in look.unfolded, look)
        shown = (column.id for column in shown_columns(CONNECTION_COLUMNS, look))
        return tuple(_GROUP_CELLS[id](row_of) if id in _GROUP_CELLS else Cell("") for id in shown)
    connection, director = connections(snapshot).get(key), snapshot.reading.director
    if connection is None:
        return row_cells(CONNECTION_COLUMNS, look, None)
    service = snapshot.derive(Services, director).of(connection)
    row = ConnectionRow(connection, service, director, snapshot.reading.taken, entry_of(snapshot, key))
    shown_cells = row_cells(CONNECTION_COLUMNS, look, row)
    if look.grouping is ConnectionGrouping.NONE:
        return shown_cells
    return (shown_cells[0]._replace(text=f"    {shown_cells[0].text}", tone=Tone.PLAIN), *shown_cells[1:])


def summary(snapshot: Snapshot, look: ConnectionLook, width: int = 200) -> str:
    """Return a line about how much was found, of how much, as of when, and how complete that is."""
    scan = snapshot.scan
    if scan is None:
        return "not read yet"
    if scan.trouble:
        return scan.trouble
    total = len(scan.connections)
    count = f"{len(found(snapshot, look)):,} of {total:,} connections" if look.filter else f"{total:,} connections"
    return completeness(count, scan, snapshot.reading, width)
