"""The connection table of the memory kernel: entries and connections that come, stay and run out as a kernel's do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import nsmallest
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Final, NamedTuple

from lvstui.core.entries.resolve import FTP, mask_client
from lvstui.core.entries.sync_message import ASSURED, TCP_STATES, TEMPLATE, Message, mark_end
from lvstui.core.model import (
    PERSISTENCE_MAX,
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
from lvstui.core.observed import Connection, Entry, Origin, ServerStats
from lvstui.kernel.port import Piece

_RENEWED: Final = 60
"""Seconds that an entry gets anew while connections hang on it (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_conn_expire)."""

_DEFAULT_TIMEOUT: Final = 180
_PIECE: Final = 62
"""IPv4 rows in a page of /proc."""

_CLIENTS_V4: Final = int(IPv4Address("100.64.0.0")), 22
_CLIENTS_V6: Final = int(IPv6Address("2001:db8:c::")), 80
"""Networks of the clients, with the number of bits that are theirs."""

_STATES: Final = TCP_STATES[:7]
"""TCP's states by their number (enum in include/net/ip_vs.h), as far as anybody sends them."""

_OPEN_SECONDS: Final = 900.0
_CLOSED_SECONDS: Final = 120.0
_TRIES: Final = 8
_MARK_PORTS: Final = (80, 443)
_MARK_ADDRESSES: Final[Mapping[Family, Address]] = {
    Family.IPV4: IPv4Address("192.0.2.20"),
    Family.IPV6: IPv6Address("2001:db8::20"),
}
"""What the packets with a mark were sent to, which the mark itself does not say."""


class _Key(NamedTuple):
    """What distinguishes a row (ip_vs_conn_in_get, ip_vs_ct_in_get); only templates have `mark` and `identity`."""

    protocol: int
    client: Endpoint
    virtual: Endpoint
    mark: int = 0
    identity: bytes = b""
    template: bool = False


class _Kind(Enum):
    """How a real server counts a row."""

    ENTRY = "entry"
    ACTIVE = "active"
    INACTIVE = "inactive"


class _Group(NamedTuple):
    """The rows of one kind that one real server counts."""

    place: ServerKey
    kind: _Kind


@dataclass(slots=True)
class _Row:
    """One row; `group` is where it is counted (None: nowhere), `synced` says that it comes from a sync message."""

    server: Endpoint
    state: str
    ends: float
    group: _Group | None
    engine: str = ""
    synced: bool = False


class Entries:
    """Entries and connections of a director in memory; the same clock and edits always lead to the same ones."""

    def __init__(self) -> None:
        self._random = Random(0)
        self._rows: dict[_Key, _Row] = {}
        self._groups: dict[_Group, dict[_Key, None]] = {}
        self._gained: Counter[ServerKey] = Counter()

    def bound(self) -> Mapping[ServerKey, int]:
        """Count the entries of each real server."""
        return {group.place: len(keys) for group, keys in self._groups.items() if group.kind is _Kind.ENTRY and keys}

    def take_gained(self) -> Mapping[ServerKey, int]:
        """Return, once, how many entries messages have brought to a server, or (negative) taken from it."""
        gained, self._gained = self._gained, Counter()
        return gained

    def take(self, messages: Iterable[Message], director: Director, now: float) -> None:
        """Take sync messages as a kernel's daemon does (ip_vs_proc_conn): a row that is there keeps its server.

        A new one is counted only where service and real server are configured just so.
        """
        self.expire(director, now)
        for message in messages:
            template = bool(message.flags & TEMPLATE)
            mark, identity = (message.mark, message.identity) if template else (0, b"")
            key = _Key(message.protocol, message.client, message.virtual, mark, identity, template)
            row = self._rows.get(key)
            if row is None:
                service, group = _service(message, director), None
                if service is not None and message.server in director.pools[service].servers:
                    active = _Kind.ACTIVE if message.state == ASSURED else _Kind.INACTIVE
                    group = _Group(ServerKey(service, message.server), _Kind.ENTRY if template else active)
                row = _Row(message.server, "", 0.0, group, message.engine)
                self._add(key, row)
                if group is not None and template:
                    self._gained[group.place] += 1
            row.state = _state(message)
            row.ends = now + min(message.timeout or _DEFAULT_TIMEOUT, PERSISTENCE_MAX)
            row.synced = True

    def _add(self, key: _Key, row: _Row) -> None:
        self._rows[key] = row
        if row.group is not None:
            self._groups.setdefault(row.group, {})[key] = None

    def _remove(self, key: _Key) -> None:
        row = self._rows.pop(key)
        if row.group is not None:
            del self._groups[row.group][key]

    def expire(self, director: Director, now: float) -> None:
        """Remove what has run out: connections first, as an entry on which some hang gets another minute."""
        over = [key for key, row in self._rows.items() if row.ends <= now]
        for key in sorted(over, key=lambda key: key.template):
            row = self._rows[key]
            if row.group is not None and key.template and self._has_children(key, row.group.place, director):
                row.ends = now + _RENEWED
            elif row.group is not None and not row.synced:
                row.ends = now + self._time_left(row.group, director)  # its client came back meanwhile
            else:
                if row.group is not None and row.group.kind is _Kind.ENTRY:
                    self._gained[row.group.place] -= 1
                self._remove(key)

    def _has_children(self, key: _Key, place: ServerKey, director: Director) -> bool:
        persistence = _persistence(director, place.service)
        if persistence is None:
            return False
        children = (self._groups.get(_Group(place, kind), {}) for kind in (_Kind.ACTIVE, _Kind.INACTIVE))
        return any(
            mask_client(child.client.address, persistence) == key.client.address
            for group in children
            for child in group
        )

    def _time_left(self, group: _Group, director: Director) -> float:
        """Draw the seconds that a row has left at some moment of its life."""
        persistence = _persistence(director, group.place.service)
        whole = {
            _Kind.ENTRY: float(persistence.timeout if persistence else _RENEWED),
            _Kind.ACTIVE: _OPEN_SECONDS,
            _Kind.INACTIVE: _CLOSED_SECONDS,
        }[group.kind]
        return 1.0 + whole * self._random.random()

    def follow(
        self, director: Director, counts: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]], now: float
    ) -> None:
        """Add or remove entries and connections, until there are as many as traffic counted: first what ends first."""
        wanted = {
            _Group(ServerKey(key, endpoint), kind): number
            for key, servers in counts.items()
            for endpoint, seen in servers.items()
            for kind, number in zip(_Kind, (seen.sticky or 0, seen.active, seen.inactive), strict=True)
        }
        for group in self._groups.keys() - wanted.keys():
            for key in list(self._groups.pop(group)):
                del self._rows[key]
        self.expire(director, now)
        for group, number in wanted.items():
            keys = self._groups.setdefault(group, {})
            for key in nsmallest(len(keys) - number, keys, key=lambda key: self._rows[key].ends):
                self._remove(key)
            if number > len(keys):
                known = [key.client.address for key in self._groups.get(_Group(group.place, _Kind.ENTRY), ())]
                for _ in range(number - len(keys)):
                    self._add_client(group, director, now, known)

    def _add_client(self, group: _Group, director: Director, now: float, known: Sequence[Address]) -> None:
        """Add a client who is not there yet; connections come from the `known` ones that stick to the server."""
        pool = director.pools[group.place.service]
        tries = (
            self._entry_key(pool) if group.kind is _Kind.ENTRY else self._connection_key(pool, known)
            for _ in range(_TRIES)
        )
        key = next((key for key in tries if key not in self._rows), None)
        if key is None:
            return  # a wide mask leaves only few networks
        states = {_Kind.ENTRY: "ASSURED", _Kind.ACTIVE: "ESTABLISHED", _Kind.INACTIVE: "TIME_WAIT"}
        state = states[group.kind] if key.protocol in (0, Protocol.TCP) or key.template else "UDP"
        engine = pool.service.engine if key.template else ""
        endpoint = group.place.endpoint
        if isinstance(pool.service.key, MarkKey) and not key.template:
            endpoint = Endpoint(endpoint.address, endpoint.port or key.virtual.port)
        self._add(key, _Row(endpoint, state, now + self._time_left(group, director), group, engine))

    def _entry_key(self, pool: Pool) -> _Key:
        service, persistence = pool.service.key, pool.service.persistence or Persistence()
        client = mask_client(self._client(service.family), persistence)
        identity = f"{self._random.getrandbits(40):010x}@{client}".encode() if persistence.engine else b""
        protocol, virtual, mark = _virtual(service)
        return _Key(protocol, Endpoint(client, 0), virtual, mark, identity, template=True)

    def _connection_key(self, pool: Pool, known: Sequence[Address]) -> _Key:
        service = pool.service.key
        client = self._client(service.family)
        if known and pool.service.persistence is not None:
            client = _host(self._random.choice(known), pool.service.persistence, self._random)
        virtual = _virtual(service)[1]
        protocol = int(service.protocol) if isinstance(service, AddressKey) else int(Protocol.TCP)
        if isinstance(service, MarkKey):
            virtual = Endpoint(_MARK_ADDRESSES[service.family], self._random.choice(_MARK_PORTS))
        return _Key(protocol, Endpoint(client, self._random.randrange(1024, 65536)), virtual)

    def _client(self, family: Family) -> Address:
        if family is Family.IPV4:
            return IPv4Address(_CLIENTS_V4[0] | self._random.getrandbits(_CLIENTS_V4[1]))
        return IPv6Address(_CLIENTS_V6[0] | self._random.getrandbits(_CLIENTS_V6[1]))

    def pieces(self, now: float) -> Iterator[Piece]:
        """Yield the table as it stands, a page at a time."""
        rows = list(self._rows.items())
        for start in range(0, len(rows), _PIECE):
            entries: list[Entry] = []
            connections: list[Connection] = []
            for key, row in rows[start : start + _PIECE]:
                client, virtual, server = key.client, key.virtual, row.server
                ends = now + int(row.ends - now)
                origin = Origin.SYNC if row.synced else Origin.LOCAL
                if not key.template:
                    number = Protocol(key.protocol)
                    connections.append(Connection(number, client, virtual, server, row.state, ends, origin))
                    continue
                service: ServiceKey
                if key.protocol == 0:
                    service = MarkKey(key.mark, Family.of(client.address))
                else:
                    service = AddressKey(Protocol(key.protocol), virtual.address, virtual.port)
                    server = Endpoint(server.address, server.port if virtual.port else 0)
                identity = key.identity.decode("latin-1")
                entries.append(Entry(service, client.address, server, row.state, ends, row.engine, identity, origin))
            yield Piece(entries, connections)


def _host(network: Address, persistence: Persistence, random: Random) -> Address:
    """Draw a client of a masked network."""
    host = type(network)(int(network) | random.getrandbits(network.max_prefixlen))
    return type(network)(int(network) | int(host) & ~int(mask_client(host, persistence)))


def _persistence(director: Director, key: ServiceKey) -> Persistence | None:
    pool = director.pools.get(key)
    return pool.service.persistence if pool else None


def _virtual(service: ServiceKey) -> tuple[int, Endpoint, int]:
    """Return protocol, virtual end and mark of a service's templates."""
    if isinstance(service, AddressKey):
        port = 0 if service.port == FTP else service.port
        return int(service.protocol), Endpoint(service.address, port), 0
    return 0, mark_end(service), service.mark


def _service(message: Message, director: Director) -> ServiceKey | None:
    """Return the service that a message is about (ip_vs_find_dest): by its mark, by its port, or on port 0."""
    keys: list[ServiceKey] = [MarkKey(message.mark, Family.of(message.client.address))] if message.mark else []
    if message.protocol:
        protocol, (address, port) = Protocol(message.protocol), message.virtual
        keys += [AddressKey(protocol, address, port), AddressKey(protocol, address, 0)]
    return next((key for key in keys if key in director.pools), None)


def _state(message: Message) -> str:
    if message.flags & TEMPLATE:
        return "ASSURED" if message.state == ASSURED else "NONE"
    if message.protocol != Protocol.TCP:
        return "UDP"
    return _STATES[message.state] if message.state < len(_STATES) else "CLOSE"
