"""Rows, columns and filter fields of the persistence view, each in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, server_names, service_names
from lvstui.core.entries.resolve import STATES, EntryKey, ResolvedEntry, mask_client
from lvstui.core.model import Address, AddressKey, Director, MarkKey, Network, ServerKey, ServiceKey
from lvstui.core.observed import Origin
from lvstui.core.view.brief import whole
from lvstui.core.view.filter import Filter, Language, Number, Text
from lvstui.core.view.table import Arranged, Cell, RowColumn, SortValue, Tone, Whole, natural, sortable, text_column

_NETWORKS: Final = 50_000


class EntryGrouping(Enum):
    """What entries stand under."""

    SERVICE = "service"
    SERVER = "server"
    NETWORK = "client network"
    NONE = "client"


class Group(NamedTuple):
    """What entries of a group have in common: a client network, a service, a server of it, or a machine's address."""

    of: Network | ServiceKey | ServerKey | Address


EntryRowKey: TypeAlias = EntryKey | Group


@dataclass(frozen=True, slots=True)
class EntryLook(Arranged):
    """How an operator looks at the entries; `prefixes` are the lengths of client networks, IPv4's and IPv6's.

    Groups that are not as they are at first, folded or not, are in `turned`. `room` are the cells of the table.
    """

    sort: str = "client"
    filter: Filter[EntryRow] = field(default_factory=Filter)
    grouping: EntryGrouping = EntryGrouping.NONE
    turned: frozenset[Group] = field(default_factory=frozenset)
    prefixes: tuple[int, int] = (24, 64)
    room: int = 80


class EntryRow(NamedTuple):
    """An entry with the director that names its service and server; `now` is a moment of the monotonic clock."""

    resolved: ResolvedEntry
    director: Director
    now: float
    look: EntryLook


def entries_text(number: int) -> str:
    """Write how many persistence entries there are."""
    return f"{number:,} entr{'y' if number == 1 else 'ies'}"


def seconds_left(ends: float, now: float) -> int:
    """Return the seconds that are left until an end; both are moments of the monotonic clock."""
    return max(0, int(ends - now))


def left_text(seconds: int) -> str:
    """Write seconds as they count down: `48s`, `4:59`, `1h02m`, `12d`."""
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
    """Create a network once: that takes longer than all else that is done to an entry."""
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


_TONES: Final = {"ok": Tone.SECONDARY, "drain": Tone.WARN, "ending": Tone.WARN, "void": Tone.DIM, "off": Tone.DIM}


def place(row: EntryRow) -> SortValue:
    """Return where an entry stands by itself: by its client."""
    client = row.resolved.entry.client
    return client.version, int(client)


def _client(row: EntryRow) -> Cell:
    return Whole(masked_client_text(row.resolved.entry.client, row.resolved.width), Tone.STRONG)


def _left(row: EntryRow) -> Cell:
    seconds = seconds_left(row.resolved.entry.ends, row.now)
    return Cell(left_text(seconds), Tone.WARN if seconds < 10 else Tone.PLAIN)


def connections_cell(row: EntryRow) -> Cell:
    """Show how many connections hang on an entry, with a ~ where that is not sure."""
    count = whole(row.resolved.children)
    certain = row.resolved.sure or not row.resolved.children
    return Cell(count if certain else f"~{count}", Tone.PLAIN if row.resolved.children else Tone.DIM)


def state_cell(row: EntryRow) -> Cell:
    """Show the state of an entry."""
    return Cell(row.resolved.state, _TONES.get(row.resolved.state, Tone.BAD))


def _server_pair(row: EntryRow) -> tuple[str, str]:
    """Return a server's name and its address; without a name the address in its place."""
    name, _, address = server_text(row.resolved, row.director).rpartition(" ")
    return (name, address) if name else (address, "")


def _exact_server(row: EntryRow) -> str:
    names = _servers(row)
    return f"{names[0]} {names[1]}" if len(names) > 2 else names[0]


ENTRY_COLUMNS: Final[tuple[RowColumn[EntryRow], ...]] = (
    RowColumn(
        "client",
        "Client",
        18,
        1,
        grow=1,
        cell=_client,
        sort=place,
        value=lambda row: masked_client_text(row.resolved.entry.client, row.resolved.width),
    ),
    text_column("service", "Service", 18, 1, lambda row: service_text(row.resolved, row.director), grow=1),
    RowColumn(
        "server",
        "Real server",
        20,
        1,
        grow=1,
        most=30,
        cell=lambda row: Cell(_server_pair(row)[0]),
        sort=lambda row: natural(server_text(row.resolved, row.director)),
        value=_exact_server,
        heading="SERVER",
    ),
    RowColumn(
        "address",
        "Address",
        20,
        4,
        grow=1,
        most=46,
        behind=True,
        cell=lambda row: Cell(_server_pair(row)[1], Tone.SECONDARY),
    ),
    RowColumn(
        "left",
        "Left",
        6,
        1,
        right=True,
        cell=_left,
        sort=lambda row: (row.resolved.entry.ends,),
        value=lambda row: seconds_left(row.resolved.entry.ends, row.now),
    ),
    RowColumn(
        "connections",
        "Conns",
        5,
        2,
        right=True,
        cell=connections_cell,
        sort=lambda row: (row.resolved.children,),
        value=lambda row: f"{'' if row.resolved.sure else '~'}{row.resolved.children}",
    ),
    RowColumn(
        "state",
        "State",
        12,
        1,
        least=12,
        cell=state_cell,
        sort=lambda row: (row.resolved.state,),
        value=lambda row: row.resolved.state,
    ),
    text_column("origin", "From", 5, 4, lambda row: row.resolved.entry.origin.value, Tone.DIM),
    text_column(
        "identity",
        "Engine",
        10,
        5,
        lambda row: f"{row.resolved.entry.engine} {row.resolved.entry.identity}".strip(),
        Tone.DIM,
        grow=1,
    ),
)

SORTABLE: Final = sortable(ENTRY_COLUMNS)


def _servers(row: EntryRow) -> tuple[str, ...]:
    resolved = row.resolved
    return server_names(row.director, resolved.service, resolved.server or resolved.entry.server)


def _text(row: EntryRow) -> str:
    resolved, entry = row.resolved, row.resolved.entry
    words = (
        masked_client_text(entry.client, resolved.width),
        *service_names(row.director, resolved.service_key),
        *_servers(row),
        resolved.state,
        entry.engine,
        entry.identity,
    )
    return " ".join(words).casefold()


def _at(row: EntryRow, address: Address) -> bool:
    """Return whether an entry is the one of a client: of its address, or of the network that it is in."""
    resolved, client = row.resolved, row.resolved.entry.client
    pool = row.director.pools.get(resolved.service) if resolved.service is not None else None
    persistence = pool.service.persistence if pool else None
    network = (
        persistence is not None and client.version == address.version and mask_client(address, persistence) == client
    )
    return network or address in (client, resolved.entry.server.address)


def marks_of(key: ServiceKey | None) -> Iterable[float]:
    """Return the mark of a service on one."""
    return (key.mark,) if isinstance(key, MarkKey) else ()


def _ports(row: EntryRow) -> Iterable[float]:
    key = row.resolved.service_key
    return (key.port,) if isinstance(key, AddressKey) else ()


def _protocols(row: EntryRow) -> Iterable[str]:
    key = row.resolved.entry.service
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
        Number("port", "of its service", _ports),
        Text("service", "name, or as it is written", lambda row: service_names(row.director, row.resolved.service_key)),
        Text("server", "name, address, or with the port", _servers),
        Text("state", "as in the column State", lambda row: (row.resolved.state,), words=tuple(STATES)),
        Text("origin", "local or sync", lambda row: origins(row.resolved.entry.origin), words=ORIGINS),
        Text("proto", "tcp, udp, sctp", _protocols, aliases=("protocol",), words=PROTOCOLS),
        Text("engine", "the persistence engine, such as sip", lambda row: (row.resolved.entry.engine,)),
    ),
)
"""What a filter can ask of entries."""
