"""Which service and real server a persistence entry belongs to, how many connections hang on it, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.health.verdict import Trouble, Troubled
from lvstui.core.model import (
    FULL_PREFIX_V6,
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    ServerKey,
    ServiceKey,
)
from lvstui.core.observed import Connection, Entry, Scan

INVALID_PORT: Final = 0xFFFF
"""The port of an entry that the kernel has invalidated (ip_vs_check_template)."""

FTP: Final = 21
"""The kernel keeps the entries of a service on this TCP port as if it were on port 0."""

STATES: Final[Mapping[str, str]] = {
    "ok": "brings its client to its real server",
    "drain": "brings its client to a server with weight 0",
    "refusing": "brings its client to a server that answers with a reset, or an error",
    "silent": "brings its client to a server that does not answer",
    "no handshake": "brings its client to a server on which no connection comes about",
    "ending": "not honoured: weight 0, and expire_quiescent_template is set",
    "void": "invalidated: its server was gone when the client connected; it waits for its timer",
    "unserved": "its service is gone, the entry waits for its timer",
    "orphan": "its real server is gone from the service",
    "off": "its service is not persistent now; effective again when it is",
    "masked": "its client does not fit the service's mask; effective again with the old mask",
}
"""The words for the state of an entry, each with what it means."""


class EntryKey(NamedTuple):
    """What identifies an entry; `server` is set for invalidated ones only, which may share the rest."""

    service: ServiceKey
    client: Address
    identity: str = ""
    server: Endpoint | None = None


class ResolvedEntry(NamedTuple):
    """An entry with what it belongs to: the configured service and server, None where there is none any more.

    `state` is a word of `STATES`. `children` are the connections that hang on it; for a firewall mark it is not `sure`,
    as the kernel shows no mark on connections. `width` is the client's prefix length, None for a mask with holes.
    """

    entry: Entry
    service: ServiceKey | None
    server: Endpoint | None
    state: str
    children: int
    sure: bool
    width: int | None

    @property
    def service_key(self) -> ServiceKey:
        """The configured service, else what the entry itself says."""
        return self.service if self.service is not None else self.entry.service


def key_of(entry: Entry) -> EntryKey:
    """Return what the kernel finds an entry by."""
    return EntryKey(entry.service, entry.client, entry.identity, entry.server if is_invalidated(entry) else None)


def is_invalidated(entry: Entry) -> bool:
    """Return whether the kernel has invalidated an entry: on every kernel its server's port says so."""
    return entry.server.port == INVALID_PORT


def service_of(entry: Entry, director: Director) -> ServiceKey | None:
    """Find the configured service of an entry: its own key; for port 0 also FTP's."""
    key = entry.service
    if key in director.pools:
        return key
    if isinstance(key, AddressKey) and key.port == 0 and key.protocol is Protocol.TCP:
        control = AddressKey(key.protocol, key.address, FTP)
        return control if control in director.pools else None
    return None


def is_ftp(service: ServiceKey) -> bool:
    """Return whether the kernel keeps a service's entries in FTP's own way."""
    return isinstance(service, AddressKey) and service.port == FTP and service.protocol is Protocol.TCP


def server_of(entry: Entry, pool: Pool) -> Endpoint | None:
    """Find the configured real server of an entry: the kernel shows port 0 where the service has none of its own."""
    if entry.server in pool.servers:
        return entry.server
    if entry.server.port:
        return None
    return next((endpoint for endpoint in pool.servers if endpoint.address == entry.server.address), None)


def mask_client(client: Address, persistence: Persistence) -> Address:
    """Return the address under which a service remembers a client; an IPv4 mask may have holes."""
    mask = persistence.mask
    if isinstance(client, IPv4Address):
        return IPv4Address(int(client) & int(mask)) if isinstance(mask, IPv4Address) else client
    if isinstance(mask, int) and mask < FULL_PREFIX_V6:
        bits = FULL_PREFIX_V6 - mask
        return IPv6Address(int(client) >> bits << bits)
    return client


def has_engine(director: Director) -> bool:
    """Return whether some service identifies its clients by a persistence engine, whose data have to be read then."""
    return any(pool.service.engine for pool in director.pools.values())


def resolve(scan: Scan, director: Director, bad: Troubled = frozenset()) -> Mapping[EntryKey, ResolvedEntry]:
    """Return every entry of a scan with what it belongs to, in the order of the scan; `bad` servers do not serve."""
    connections = group_children(scan, director)
    # Entries of one service on one server share both as objects: comparing those by value would take most of the time.
    places: dict[tuple[int, int], Place] = {}
    resolved: dict[EntryKey, ResolvedEntry] = {}
    for entry in scan.entries:
        both = id(entry.service), id(entry.server)
        place = places.get(both)
        if place is None:
            place = places[both] = place_of(entry, director, dict(bad))
        service, server, state, mask, width, sure = place
        client = entry.client
        if mask is not None and mask_client(client, mask) != client:
            state = "masked"
        children = len(connections.get((service, client, entry.server.address), ())) if connections and service else 0
        resolved[key_of(entry)] = ResolvedEntry(entry, service, server, state, children, sure, width)
    return resolved


class Place(NamedTuple):
    """What entries of one service on one server have in common; `mask` where it may not be that of a client."""

    service: ServiceKey | None
    server: Endpoint | None
    state: str
    mask: Persistence | None
    width: int | None
    sure: bool


def place_of(entry: Entry, director: Director, bad: Mapping[ServerKey, Trouble]) -> Place:
    """Find what an entry has in common with all others of its service on its server, which may be a `bad` one."""
    expires = director.sysctl.get("expire_quiescent_template", "0") != "0"
    service = service_of(entry, director)
    pool = director.pools[service] if service is not None else None
    persistence = pool.service.persistence if pool is not None else None
    server = server_of(entry, pool) if pool is not None else None
    if server is None and is_invalidated(entry):
        state = "void"
    elif pool is None:
        state = "unserved"
    elif persistence is None:
        state = "off"
    elif server is None:
        state = "orphan"
    elif pool.servers[server].weight == 0 and expires:
        state = "ending"
    elif (trouble := bad.get(ServerKey(pool.service.key, server))) is not None:
        state = trouble.value
    elif pool.servers[server].weight == 0:
        state = "drain"
    else:
        state = "ok"
    checked = persistence if persistence is not None and persistence.wide and state != "void" else None
    width: int | None = FULL_PREFIX_V6
    if entry.client.version == 4:
        width = (persistence or Persistence()).prefix
    elif persistence and isinstance(persistence.mask, int):
        width = persistence.mask
    return Place(service, server, state, checked, width, not isinstance(entry.service, MarkKey))


Child: TypeAlias = tuple[ServiceKey, Address, Address]
"""A service, a client masked as there, and the address of a server: what connections of one entry have in common."""

_Parents: TypeAlias = tuple[tuple[ServiceKey, Persistence], ...]


def group_children(scan: Scan, director: Director) -> Mapping[Child, Sequence[Connection]]:
    """Group the connections that hang on one entry; those that may belong to several marks are in all their groups."""
    parents_of = Parents(director)
    found: dict[Child, list[Connection]] = {}
    for connection in scan.connections:
        for key, persistence in parents_of(connection):
            client = connection.client.address
            if persistence.wide:
                client = mask_client(client, persistence)
            child = key, client, connection.server.address
            if child in found:
                found[child].append(connection)
            else:
                found[child] = [connection]
    return found


def children_of(
    entry: Entry, connections: Mapping[Child, Sequence[Connection]], director: Director
) -> Sequence[Connection]:
    """Return the connections that hang on an entry; for a firewall mark those that may."""
    service = service_of(entry, director)
    return connections.get((service, entry.client, entry.server.address), ()) if service is not None else ()


class Parents:
    """Finds the persistent services that connections may have come through, once for each virtual end.

    That is the service of its own port, else FTP's or the one on port 0; where no service is on its address, any mark
    of its family, as the kernel shows no mark on connections.
    """

    def __init__(self, director: Director) -> None:
        self._director = director
        self._known: dict[tuple[Protocol, Endpoint], _Parents] = {}
        self._marks = [
            (key, pool.service.persistence)
            for key, pool in director.pools.items()
            if isinstance(key, MarkKey) and pool.service.persistence is not None
        ]

    def __call__(self, connection: Connection) -> _Parents:
        """Return the services, each with its persistence."""
        virtual = connection.protocol, connection.virtual
        known = self._known.get(virtual)
        if known is None:
            pool = pool_at(*virtual, self._director)
            if pool is None:
                family = Family.of(connection.virtual.address)
                known = tuple(mark for mark in self._marks if mark[0].family is family)
            else:
                persistence = pool.service.persistence
                known = ((pool.service.key, persistence),) if persistence is not None else ()
            self._known[virtual] = known
        return known


def pool_at(protocol: Protocol, virtual: Endpoint, director: Director) -> Pool | None:
    """Find the service on a virtual end: that of its own port, else FTP's or the one on port 0."""
    address, port = virtual
    ports = (port, FTP, 0) if protocol is Protocol.TCP else (port, 0)
    pools = (director.pools.get(AddressKey(protocol, address, other)) for other in ports)
    return next((pool for pool in pools if pool is not None), None)


def controlling_entry(
    connection: Connection, resolved: Mapping[EntryKey, ResolvedEntry], parents_of: Parents
) -> ResolvedEntry | None:
    """Find the entry that a connection hangs on, as far as that is known."""
    for key, persistence in parents_of(connection):
        client = mask_client(connection.client.address, persistence)
        row_key = AddressKey(key.protocol, key.address, 0) if isinstance(key, AddressKey) and key.port == FTP else key
        found = resolved.get(EntryKey(row_key, client))
        if found is not None and found.entry.server.address == connection.server.address:
            return found
    return None


@dataclass(frozen=True, slots=True)
class WantedClients:
    """Clients by their own addresses and by those under which services remember them; `masks` make them so."""

    clients: frozenset[Address] = frozenset()
    masks: tuple[Persistence, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.clients)

    def __contains__(self, client: Address) -> bool:
        """Return whether a client, or the network that a service takes it for, is one of them."""
        return client in self.clients or any(mask_client(client, mask) in self.clients for mask in self.masks)


NOBODY: Final = WantedClients()


def wanted_clients(clients: Iterable[Address], director: Director) -> WantedClients:
    """Return clients of a director as wanted ones."""
    wanted = frozenset(clients)
    found = (pool.service.persistence for pool in director.pools.values())
    masks = tuple({mask.mask: mask for mask in found if mask is not None and mask.wide}.values())
    return WantedClients(wanted | {mask_client(client, mask) for client in wanted for mask in masks}, masks)
