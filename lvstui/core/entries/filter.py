"""What can be asked of persistence entries and of connections in a filter; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.entries.resolve import STATES, Tied, masked
from lvstui.core.model import Address, AddressKey, Director, MarkKey, Protocol, ServiceKey
from lvstui.core.naming import network_text, server_names, service_names
from lvstui.core.observed import Connection, Origin
from lvstui.core.view import filter as filtering


class EntrySubject(NamedTuple):
    """An entry with the director that names its service and server; `now` is a moment of the monotonic clock."""

    tied: Tied
    director: Director
    now: float


class ConnectionSubject(NamedTuple):
    """A connection with the director that names its service and server; `now` is a moment of the monotonic clock."""

    connection: Connection
    service: ServiceKey | None
    director: Director
    now: float


EntryFilter: TypeAlias = filtering.Filter[EntrySubject]
ConnectionFilter: TypeAlias = filtering.Filter[ConnectionSubject]

NO_ENTRY_FILTER: Final[EntryFilter] = filtering.Filter()
NO_CONNECTION_FILTER: Final[ConnectionFilter] = filtering.Filter()


def _entry_text(subject: EntrySubject) -> str:
    tied, director, _ = subject
    entry = tied.entry
    words = (
        network_text(entry.client, tied.width),
        *service_names(director, tied.service or entry.service),
        *server_names(director, tied.service, tied.server or entry.server),
        tied.state,
        entry.engine,
        entry.identity,
    )
    return " ".join(words).casefold()


def _at(subject: EntrySubject, address: Address) -> bool:
    """Tell whether an entry is the one of a client: of its address, or of the network that it is in."""
    tied, director, _ = subject
    client = tied.entry.client
    pool = director.pools.get(tied.service) if tied.service is not None else None
    persistence = pool.service.persistence if pool else None
    if client.version == address.version and persistence is not None and masked(address, persistence) == client:
        return True
    return address in (client, tied.entry.server.address)


def _key_ports(key: ServiceKey) -> Iterable[float]:
    return (key.port,) if isinstance(key, AddressKey) else ()


def _key_marks(key: ServiceKey) -> Iterable[float]:
    return (key.mark,) if isinstance(key, MarkKey) else ()


def _protocols(key: ServiceKey) -> Iterable[str]:
    return (fields.protocol_text(key.protocol),) if isinstance(key, AddressKey) else ()


def _origin(origin: Origin) -> Iterable[str] | None:
    return None if origin is Origin.UNKNOWN else (origin.value,)


_ORIGINS: Final = tuple(origin.value for origin in Origin if origin.value)
_PROTOCOLS: Final = tuple(fields.PROTOCOL_WORDS.values())
_ALIASES: Final = {"protocol": "proto", "connections": "conns"}

_ENTRIES: Final[filtering.Language[EntrySubject]] = filtering.Language(
    text=_entry_text,
    addresses=lambda subject: (subject.tied.entry.client,),
    at=_at,
    numbers={
        "left": lambda subject: (max(0.0, subject.tied.entry.ends - subject.now),),
        "conns": lambda subject: (subject.tied.children,),
        "mark": lambda subject: _key_marks(subject.tied.entry.service),
        "port": lambda subject: _key_ports(subject.tied.service or subject.tied.entry.service),
    },
    texts={
        "service": lambda subject: service_names(subject.director, subject.tied.service or subject.tied.entry.service),
        "server": lambda subject: server_names(
            subject.director, subject.tied.service, subject.tied.server or subject.tied.entry.server
        ),
        "state": lambda subject: (subject.tied.state,),
        "origin": lambda subject: _origin(subject.tied.entry.origin),
        "proto": lambda subject: _protocols(subject.tied.entry.service),
        "engine": lambda subject: (subject.tied.entry.engine,),
    },
    aliases=_ALIASES,
    parts=(),
    words={"origin": _ORIGINS, "proto": _PROTOCOLS, "state": tuple(STATES)},
    seconds=("left",),
)


def _connection_text(subject: ConnectionSubject) -> str:
    connection, service, director, _ = subject
    words = (
        fields.server_text(connection.client),
        fields.server_text(connection.virtual),
        *service_names(director, service),
        *server_names(director, service, connection.server),
        connection.state,
        fields.protocol_text(connection.protocol),
    )
    return " ".join(words).casefold()


_CONNECTIONS: Final[filtering.Language[ConnectionSubject]] = filtering.Language(
    text=_connection_text,
    addresses=lambda subject: (subject.connection.client.address,),
    at=lambda subject, address: (
        address
        in (
            subject.connection.client.address,
            subject.connection.virtual.address,
            subject.connection.server.address,
        )
    ),
    numbers={
        "left": lambda subject: (max(0.0, subject.connection.ends - subject.now),),
        "port": lambda subject: (subject.connection.virtual.port, subject.connection.client.port),
        "mark": lambda subject: () if subject.service is None else _key_marks(subject.service),
    },
    texts={
        "service": lambda subject: (
            *service_names(subject.director, subject.service),
            fields.server_text(subject.connection.virtual),
        ),
        "server": lambda subject: server_names(subject.director, subject.service, subject.connection.server),
        "state": lambda subject: (subject.connection.state,),
        "origin": lambda subject: _origin(subject.connection.origin),
        "proto": lambda subject: (fields.protocol_text(Protocol(subject.connection.protocol)),),
    },
    aliases=_ALIASES,
    parts=("state",),
    words={"origin": _ORIGINS, "proto": _PROTOCOLS},
    seconds=("left",),
)

ENTRY_FIELDS: Final = _ENTRIES.fields
CONNECTION_FIELDS: Final = _CONNECTIONS.fields
"""What a term can ask for, for help."""

parse_entries: Final = _ENTRIES.parse
parse_connections: Final = _CONNECTIONS.parse
"""Read a filter; raise `FieldError` with a sentence about the first term that is wrong."""


def address_searched(text: str) -> Address | None:
    """Give the one client that a filter is about, if it is about one: a whole address among its words."""
    found = [address for word in text.split() if (address := filtering.whole_address(word)) is not None]
    return found[0] if len(found) == 1 else None
