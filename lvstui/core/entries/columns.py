"""Rows, columns and filter fields of the persistence view, each in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.describe import network_text, server_names, service_names
from lvstui.core.entries.resolve import STATES, EntryKey, ResolvedEntry, masked
from lvstui.core.model import Address, AddressKey, Director, MarkKey, Network, ServiceKey
from lvstui.core.observed import Origin
from lvstui.core.view.brief import compact
from lvstui.core.view.filter import Filter, Language, Number, Text
from lvstui.core.view.table import Arranged, Cell, RowColumn, SortValue, Tone, Value, sortable

_NETWORKS: Final = 50_000


class EntryGrouping(Enum):
    """What entries stand under."""

    NONE = "none"
    NETWORK = "client network"
    SERVICE = "service"
    SERVER = "server"


class Group(NamedTuple):
    """What entries of a group have in common: a client network, a service, or a server's address."""

    of: Network | ServiceKey | Address


EntryRowKey: TypeAlias = EntryKey | Group


@dataclass(frozen=True, slots=True)
class EntryLook(Arranged):
    """How an operator looks at the entries; `prefixes` are the lengths of client networks, IPv4's and IPv6's.

    Groups are folded unless they are in `unfolded`.
    """

    sort: str = "client"
    filter: Filter[EntryRow] = field(default_factory=Filter)
    grouping: EntryGrouping = EntryGrouping.NONE
    unfolded: frozenset[Group] = field(default_factory=frozenset)
    prefixes: tuple[int, int] = (24, 64)


class EntryRow(NamedTuple):
    """An entry with the director that names its service and server; `now` is a moment of the monotonic clock."""

    resolved: ResolvedEntry
    director: Director
    now: float
    look: EntryLook

    @property
    def left(self) -> int:
        """Seconds that the entry has left, counted down from when it was read."""
        return left(self.resolved, self.now)


class EntryGroupRow(NamedTuple):
    """A group with its entries, as far as the filter finds them; `total` is how many it finds in all groups."""

    group: Group
    members: Sequence[ResolvedEntry]
    total: int
    director: Director
    look: EntryLook


def left(resolved: ResolvedEntry, now: float) -> int:
    """Return the seconds that an entry has left at a moment of the monotonic clock."""
    return max(0, int(resolved.entry.ends - now))


def left_text(seconds: int) -> str:
    """Write seconds as they count down: `48s`, `4:59`, `1:02:07`, `12d`."""
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    if seconds < 100 * 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 86400}d"


def group_of(resolved: ResolvedEntry, look: EntryLook) -> Group:
    """Return what an entry stands under."""
    match look.grouping:
        case EntryGrouping.SERVICE:
            return Group(resolved.service_key)
        case EntryGrouping.SERVER:
            return Group(resolved.entry.server.address)
        case EntryGrouping.NETWORK | EntryGrouping.NONE:
            return Group(network_of(resolved.entry.client, look.prefixes))
        case _:
            assert_never(look.grouping)


def network_of(client: Address, prefixes: tuple[int, int]) -> Network:
    """Return the network of a client at the chosen prefix lengths."""
    prefix = prefixes[0] if client.version == 4 else prefixes[1]
    bits = client.max_prefixlen - prefix
    return _network(client.version, int(client) >> bits << bits, prefix)


@lru_cache(maxsize=_NETWORKS)
def _network(version: int, number: int, prefix: int) -> Network:
    """Make a network once: that takes longer than all else that is done to an entry."""
    return IPv4Network((number, prefix)) if version == 4 else IPv6Network((number, prefix))


def service_text(resolved: ResolvedEntry, director: Director) -> str:
    """Return an entry's service by its name, or by what it is where it has none."""
    return service_names(director, resolved.service_key)[0]


def server_text(resolved: ResolvedEntry, director: Director) -> str:
    """Return an entry's server by its address, its name before that where it has one."""
    endpoint = resolved.server or resolved.entry.server
    pool = director.pools.get(resolved.service) if resolved.service is not None else None
    server = pool.servers.get(endpoint) if pool else None
    place = fields.server_text(endpoint) if endpoint.port else str(endpoint.address)
    return f"{server.name} {place}" if server and server.name else place


def group_text(group: Group, director: Director) -> str:
    """Name a group."""
    match group.of:
        case tuple() as key:
            return service_names(director, key)[0]
        case other:
            return str(other)


_TONES: Final = {"ok": Tone.GOOD, "drain": Tone.WARN, "ending": Tone.WARN, "void": Tone.DIM, "off": Tone.DIM}


def place(row: EntryRow | EntryGroupRow) -> SortValue:
    """Return where a row stands by itself: by its client; the largest group first."""
    if isinstance(row, EntryGroupRow):
        return (-len(row.members),)
    client = row.resolved.entry.client
    return client.version, int(client)


def _cell(
    of_entry: Callable[[EntryRow], Cell], of_group: Callable[[EntryGroupRow], Cell] = lambda _: Cell("")
) -> Callable[[EntryRow | EntryGroupRow], Cell]:
    return lambda row: of_group(row) if isinstance(row, EntryGroupRow) else of_entry(row)


def _exact(value: Callable[[EntryRow], Value]) -> Callable[[EntryRow | EntryGroupRow], Value]:
    return lambda row: None if isinstance(row, EntryGroupRow) else value(row)


def _by(value: Callable[[EntryRow], float | str]) -> Callable[[EntryRow | EntryGroupRow], SortValue]:
    return lambda row: () if isinstance(row, EntryGroupRow) else (value(row),)


def _client(row: EntryRow) -> Cell:
    indent = "" if row.look.grouping is EntryGrouping.NONE else "  "
    return Cell(f"{indent}{_client_text(row)}", Tone.STRONG)


def _client_text(row: EntryRow) -> str:
    return network_text(row.resolved.entry.client, row.resolved.width)


def _group(row: EntryGroupRow) -> Cell:
    sign = "-" if row.group in row.look.unfolded else "+"
    return Cell(f"{sign} {group_text(row.group, row.director)}", Tone.STRONG)


def _group_services(row: EntryGroupRow) -> Cell:
    count = f"{compact(len(row.members))} entr{'y' if len(row.members) == 1 else 'ies'}"
    services = {resolved.service_key for resolved in row.members}
    of = service_text(row.members[0], row.director) if len(services) == 1 else f"{len(services)} services"
    return Cell(count if row.look.grouping is EntryGrouping.SERVICE else f"{count} / {of}", Tone.NAME)


def _group_servers(row: EntryGroupRow) -> Cell:
    servers = {resolved.entry.server.address for resolved in row.members}
    return Cell(server_text(row.members[0], row.director) if len(servers) == 1 else f"{len(servers)} servers")


def _exact_server(row: EntryRow) -> str:
    names = _servers(row)
    return f"{names[0]} {names[1]}" if len(names) > 2 else names[0]


def _identity(row: EntryRow) -> str:
    return f"{row.resolved.entry.engine} {row.resolved.entry.identity}".strip()


def _connections(row: EntryRow) -> Cell:
    count = compact(row.resolved.children)
    certain = row.resolved.sure or not row.resolved.children
    return Cell(count if certain else f"~{count}", Tone.PLAIN if row.resolved.children else Tone.DIM)


def _share(row: EntryGroupRow) -> Cell:
    return Cell(f"{len(row.members) * 100 / row.total:.0f}%" if row.total else "")


ENTRY_COLUMNS: Final[tuple[RowColumn[EntryRow | EntryGroupRow], ...]] = (
    RowColumn(
        "client",
        "Client",
        18,
        1,
        grow=1,
        cell=_cell(_client, _group),
        sort=place,
        value=_exact(lambda row: network_text(row.resolved.entry.client, row.resolved.width)),
    ),
    RowColumn(
        "service",
        "Service",
        14,
        1,
        grow=2,
        cell=_cell(lambda row: Cell(service_text(row.resolved, row.director), Tone.NAME), _group_services),
        sort=_by(lambda row: service_text(row.resolved, row.director)),
        value=_exact(lambda row: service_text(row.resolved, row.director)),
    ),
    RowColumn(
        "server",
        "Real server",
        18,
        1,
        grow=2,
        cell=_cell(lambda row: Cell(server_text(row.resolved, row.director)), _group_servers),
        sort=_by(lambda row: server_text(row.resolved, row.director)),
        value=_exact(_exact_server),
        heading="SERVER",
    ),
    RowColumn(
        "left",
        "Left",
        6,
        1,
        right=True,
        cell=_cell(lambda row: Cell(left_text(row.left), Tone.WARN if row.left < 10 else Tone.PLAIN)),
        sort=_by(lambda row: row.resolved.entry.ends),
        value=_exact(lambda row: row.left),
    ),
    RowColumn(
        "connections",
        "Conns",
        5,
        2,
        right=True,
        cell=_cell(_connections, lambda row: Cell(compact(sum(resolved.children for resolved in row.members)))),
        sort=_by(lambda row: row.resolved.children),
        value=_exact(lambda row: f"{'' if row.resolved.sure else '~'}{row.resolved.children}"),
    ),
    RowColumn(
        "state",
        "State",
        8,
        1,
        cell=_cell(lambda row: Cell(row.resolved.state, _TONES.get(row.resolved.state, Tone.BAD)), _share),
        sort=_by(lambda row: row.resolved.state),
        value=_exact(lambda row: row.resolved.state),
    ),
    RowColumn(
        "origin",
        "From",
        5,
        4,
        cell=_cell(lambda row: Cell(row.resolved.entry.origin.value, Tone.DIM)),
        sort=_by(lambda row: row.resolved.entry.origin.value),
        value=_exact(lambda row: row.resolved.entry.origin.value),
    ),
    RowColumn(
        "identity",
        "Engine",
        10,
        5,
        grow=1,
        cell=_cell(lambda row: Cell(_identity(row), Tone.DIM)),
        sort=_by(lambda row: f"{row.resolved.entry.engine}\0{row.resolved.entry.identity}"),
        value=_exact(_identity),
    ),
)

SORTABLE: Final = sortable(ENTRY_COLUMNS)


def _servers(row: EntryRow) -> tuple[str, ...]:
    resolved = row.resolved
    return server_names(row.director, resolved.service, resolved.server or resolved.entry.server)


def _text(row: EntryRow) -> str:
    resolved, entry = row.resolved, row.resolved.entry
    words = (
        network_text(entry.client, resolved.width),
        *service_names(row.director, resolved.service_key),
        *_servers(row),
        resolved.state,
        entry.engine,
        entry.identity,
    )
    return " ".join(words).casefold()


def _at(row: EntryRow, address: Address) -> bool:
    """Return whether an entry is the one of a client: of its address, or of the network that it is in."""
    client = row.resolved.entry.client
    pool = row.director.pools.get(row.resolved.service) if row.resolved.service is not None else None
    persistence = pool.service.persistence if pool else None
    if client.version == address.version and persistence is not None and masked(address, persistence) == client:
        return True
    return address in (client, row.resolved.entry.server.address)


def marks_of(key: ServiceKey | None) -> Iterable[float]:
    """Return the mark of a service on one."""
    return (key.mark,) if isinstance(key, MarkKey) else ()


def _ports(key: ServiceKey) -> Iterable[float]:
    return (key.port,) if isinstance(key, AddressKey) else ()


def _protocols(key: ServiceKey) -> Iterable[str]:
    return (fields.protocol_text(key.protocol),) if isinstance(key, AddressKey) else ()


def origins(origin: Origin) -> Iterable[str] | None:
    """Return where a row of the connection table comes from; None where that is not known."""
    return None if origin is Origin.UNKNOWN else (origin.value,)


ORIGINS: Final = tuple(origin.value for origin in Origin if origin.value)
PROTOCOLS: Final = tuple(fields.PROTOCOL_WORDS.values())

LANGUAGE: Final[Language[EntryRow]] = Language(
    text=_text,
    addresses=lambda row: (row.resolved.entry.client,),
    at=_at,
    operators=(
        Number("left", "seconds until it runs out", lambda r: (max(0.0, r.resolved.entry.ends - r.now),), seconds=True),
        Number("conns", "connections that hang on it", lambda row: (row.resolved.children,), aliases=("connections",)),
        Number("mark", "the firewall mark of its service", lambda row: marks_of(row.resolved.entry.service)),
        Number("port", "of its service", lambda row: _ports(row.resolved.service_key)),
        Text("service", "name, or as it is written", lambda row: service_names(row.director, row.resolved.service_key)),
        Text("server", "name, address, or with the port", _servers),
        Text("state", "as in the column State", lambda row: (row.resolved.state,), words=tuple(STATES)),
        Text("origin", "local or sync", lambda row: origins(row.resolved.entry.origin), words=ORIGINS),
        Text(
            "proto",
            "tcp, udp, sctp",
            lambda row: _protocols(row.resolved.entry.service),
            aliases=("protocol",),
            words=PROTOCOLS,
        ),
        Text("engine", "the persistence engine, such as sip", lambda row: (row.resolved.entry.engine,)),
    ),
)
"""What a filter can ask of entries."""
