"""One row of the persistence view: an entry with what belongs to it, or a group of entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.entries.resolve import EntryKey, ResolvedEntry
from lvstui.core.model import Address, Director, Network, ServiceKey
from lvstui.core.naming import service_names
from lvstui.core.view.filter import Filter
from lvstui.core.view.table import Arranged

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
