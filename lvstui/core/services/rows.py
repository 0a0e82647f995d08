"""What the services view shows: its columns, its rows and their order, by service or by machine; all of it pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache, partial
from typing import TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.change import Change
from lvstui.core.model import AddressKey, Director, MarkKey, ServerKey, ServiceKey
from lvstui.core.observed import GroupKey, MachineKey, RowKey, ServerStats
from lvstui.core.services import cells as row
from lvstui.core.services.filter import EVERYTHING, Filter, Subject
from lvstui.core.services.machines import machines
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.servers import seen_on, server_options, server_state
from lvstui.core.view.table import Arranged, Cell, Column

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
    Column("history", "History", row.HISTORY_WIDTH, 8),
    Column("state", "State", 5, 1),
)

MACHINE_COLUMNS = (replace(SERVICE_COLUMNS[0], title="Machine / service"), *SERVICE_COLUMNS[1:])

SORTABLE = tuple(column.id for column in SERVICE_COLUMNS if column.id != "history")
"""The columns by which rows can be put in order."""

_TEXTS = ("name", "method", "options", "state")

SortValue: TypeAlias = tuple[float | str, ...]

_Words: TypeAlias = Callable[[ServiceKey], str]
"""What a service shows of what it is, put together once for all of its servers."""

_K = TypeVar("_K")


class Grouping(Enum):
    """What the real servers stand under."""

    SERVICE = "service"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Look(Arranged):
    """How an operator looks at the services: grouping, order, filter, what is hidden, and edits not yet applied."""

    sort: str = "target"
    filter: Filter = EVERYTHING
    folded: frozenset[GroupKey] = frozenset()
    staged: Mapping[RowKey, Change] = field(default_factory=dict)
    ascii_only: bool = False
    grouping: Grouping = Grouping.SERVICE


def columns(look: Look) -> tuple[Column, ...]:
    """Give the columns that are not hidden."""
    every = MACHINE_COLUMNS if look.grouping is Grouping.MACHINE else SERVICE_COLUMNS
    return tuple(column for column in every if column.id not in look.hidden) if look.hidden else every


def groups(director: Director, grouping: Grouping) -> Mapping[GroupKey, Sequence[ServerKey]]:
    """Give the rows that have real servers under them, each with its servers."""
    if grouping is Grouping.MACHINE:
        return machines(director)
    return {key: [ServerKey(key, endpoint) for endpoint in pool.servers] for key, pool in director.pools.items()}


def group_of(key: RowKey, grouping: Grouping) -> GroupKey:
    """Tell what a row stands under; a row with others under it is told itself."""
    if not isinstance(key, ServerKey):
        return key
    return MachineKey(key.endpoint.address) if grouping is Grouping.MACHINE else key.service


def rows(snapshot: Snapshot, look: Look) -> list[RowKey]:
    """List the rows to show, in order: each service or machine, its real servers under it unless folded.

    A filter keeps the rows for which it holds. A server that it holds for comes with its service or machine, also
    when that is folded.
    """
    shown: list[RowKey] = []
    director = snapshot.reading.director
    every = groups(director, look.grouping)
    words = cache(lambda key: row.service_words(director.pools[key].service).casefold())
    for key in _ordered(every, lambda key: _group_sort(snapshot, look.sort, key, every[key]), look):
        servers = _shown_servers(snapshot, key, every[key], look, words)
        if servers is not None:
            shown.append(key)
            shown.extend(_ordered(servers, partial(_server_sort, snapshot, look), look))
    return shown


def cells(snapshot: Snapshot, look: Look, key: RowKey) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of the `columns`."""
    every = _cells(snapshot, look, key)
    if not look.hidden:
        return every
    pairs = zip(every, SERVICE_COLUMNS, strict=True)
    return tuple(cell for cell, column in pairs if column.id not in look.hidden)


def _cells(snapshot: Snapshot, look: Look, key: RowKey) -> tuple[Cell, ...]:
    match key:
        case ServerKey():
            under_machine = look.grouping is Grouping.MACHINE
            return row.server_cells(snapshot, key, look.staged.get(key), under_machine=under_machine)
        case MachineKey():
            servers = machines(snapshot.reading.director)[key]
            staged = {each: look.staged[each] for each in servers if each in look.staged} if look.staged else {}
            return row.machine_cells(snapshot, key, servers, staged, key in look.folded)
        case _:
            return row.service_cells(snapshot, key, folded=key in look.folded, ascii_only=look.ascii_only)


def _ordered(keys: Iterable[_K], value: Callable[[_K], SortValue], look: Look) -> list[_K]:
    return sorted(keys, key=value, reverse=look.descending)


def _shown_servers(
    snapshot: Snapshot, key: GroupKey, servers: Sequence[ServerKey], look: Look, words: _Words
) -> Sequence[ServerKey] | None:
    """Choose the servers shown under a service or machine; None hides that as well."""
    if not look.filter:
        return () if key in look.folded else servers
    found = [server for server in servers if look.filter.holds(_server_subject(snapshot, server, words))]
    return found if found or look.filter.holds(_group_subject(snapshot, key, servers, words)) else None


def _server_subject(snapshot: Snapshot, key: ServerKey, words: _Words) -> Subject:
    """Show a server to the filter; it counts as showing also what its service is."""
    pool = snapshot.reading.director.pools[key.service]
    server = pool.servers[key.endpoint]
    seen = seen_on(snapshot, key)

    def state() -> str:
        return server_state(server, seen).text

    def text() -> str:
        return f"{words(key.service)} {row.server_words(server).casefold()} {state()}"

    service_address = (key.service.address,) if isinstance(key.service, AddressKey) else ()
    return Subject(pool.service, server, (*service_address, key.endpoint.address), seen, state, text)


def _group_subject(snapshot: Snapshot, key: GroupKey, servers: Sequence[ServerKey], words: _Words) -> Subject:
    def state() -> str:
        return _cells(snapshot, Look(), key)[-1].text

    def text() -> str:
        if not isinstance(key, MachineKey):
            return f"{words(key)} {state()}"
        name = _text_of(_cells(snapshot, Look(), key), "name")
        return f"{key.address} {name.casefold()} {state()}"

    service = None if isinstance(key, MachineKey) else snapshot.reading.director.pools[key].service
    addresses = () if isinstance(key, MarkKey) else (key.address,)
    return Subject(service, None, addresses, _group_total(snapshot, key, servers), state, text)


def _group_total(snapshot: Snapshot, key: GroupKey, servers: Sequence[ServerKey]) -> ServerStats:
    if isinstance(key, MachineKey):
        return row.machine_total(snapshot, servers)
    return row.service_total(snapshot, key)


def _group_sort(snapshot: Snapshot, column: str, key: GroupKey, servers: Sequence[ServerKey]) -> SortValue:
    place = _place(key)
    if column == "target":
        return place
    if column in _TEXTS:
        return (_text_of(_cells(snapshot, Look(), key), column), *place)
    if column == "weight":
        pools = snapshot.reading.director.pools
        return (sum(pools[each.service].servers[each.endpoint].weight for each in servers), *place)
    return (_number(_group_total(snapshot, key, servers), column), *place)


def _server_sort(snapshot: Snapshot, look: Look, key: ServerKey) -> SortValue:
    address, port = key.endpoint
    place: SortValue = (address.version, int(address), port)
    if look.grouping is Grouping.MACHINE:
        place = (*_place(key.service), port)
    if look.sort == "target":
        return place
    pool = snapshot.reading.director.pools[key.service]
    server = pool.servers[key.endpoint]
    match look.sort:
        case "name":
            return (pool.service.name if look.grouping is Grouping.MACHINE else server.name, *place)
        case "method":
            return (fields.forwarding_text(server.forwarding), *place)
        case "options":
            return (server_options(server), *place)
        case "state":
            return (server_state(server, seen_on(snapshot, key)).text, *place)
        case "weight":
            return (server.weight, *place)
        case _:
            return (_number(seen_on(snapshot, key), look.sort), *place)


def _place(key: GroupKey) -> SortValue:
    """Where a service or machine stands by itself: by address, port and protocol; marks after all addresses."""
    match key:
        case AddressKey(protocol, address, port):
            return (0, address.version, int(address), port, int(protocol))
        case MarkKey(mark, family):
            return (1, int(family), mark)
        case MachineKey(address):
            return (0, address.version, int(address))


def _text_of(shown: Sequence[Cell], column: str) -> str:
    names = [each.id for each in SERVICE_COLUMNS]
    return shown[names.index(column)].text


def _number(seen: ServerStats, column: str) -> float:
    match column:
        case "active":
            return seen.active
        case "inactive":
            return seen.inactive
        case "sticky":
            return seen.sticky
        case "in":
            return seen.stats.in_byte_rate
        case "out":
            return seen.stats.out_byte_rate
        case _:
            return seen.stats.connection_rate
