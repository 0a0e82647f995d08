"""What the connection table says of real servers: which connections wait for their handshake, which got through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import islice
from math import exp, inf, lgamma, log
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.health.account import FEW
from lvstui.core.health.counted import traffic
from lvstui.core.health.verdict import Health, Trouble, Verdict
from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    MarkKey,
    Ports,
    Protocol,
    Selector,
    ServerKey,
    Timeouts,
)
from lvstui.core.observed import Connection, Scan
from lvstui.core.selectors import overlap

_AT_MOST: Final = 50_000
"""Connections that are looked at: any part of the table is as good as another, as it is in no order."""

PATIENCE: Final = 1.5
"""Seconds since a SYN after which its handshake should have come about; the table shows whole ones, rounded down."""

OLD: Final = 12.0
"""Seconds after which a client that repeats itself no more says little about the server as it is now."""

_MINUTE: Final = 60.0
"""Seconds for which it still says something, where another one waits now and nobody got through meanwhile."""

_FRESH: Final = 4.0
_LATELY: Final = 8.0
_RECENT: Final = 15.0
"""Seconds in which a connection had a packet."""

_RATIO: Final = 2
"""How many times as many connections have to be in vain as get through; those from before may still look so."""

_CHANCE: Final = 0.0005
"""How likely as many in vain may be at most, if a server were as well as the others of its service."""

_CLIENTS: Final = 3
"""Clients from which on it says something that nobody gets through: monitors may reset what they only begin."""

_FTP: Final = 21

SYN_RECV: Final = 60.0
"""Seconds that a connection is left in SYN_RECV, since the last SYN."""

_LASTS: Final[Mapping[str, float]] = {"TIME_WAIT": 120, "CLOSE_WAIT": 60, "LAST_ACK": 30}
"""Seconds that a state lasts since the last packet (net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_timeouts)."""

CLOSE: Final = 10.0
"""The same of CLOSE. Where only clients are heard, a reset leads there from a handshake that came about, and leaves
SYN_RECV as it is (tcp_states, INPUT-ONLY)."""


@dataclass(slots=True)
class Tally:
    """The TCP connections of a server by what becomes of them.

    `waits` are those in SYN_RECV, as the seconds since the last SYN of each; `refused` ones are in CLOSE, with masq.
    `passed` ones got through, each with its place in the table, and had a packet in the last seconds: `fresh` 4,
    `lately` 8, `recent` 15, `minute` 60; the last one `since` seconds ago. `clients` are those of waiting and refused
    ones, `served` those of recent ones. `established` ones are open, however long ago they had a packet.
    """

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    passed: list[tuple[int, Connection]] = field(default_factory=list)
    established: int = 0
    fresh: int = 0
    lately: int = 0
    recent: int = 0
    minute: int = 0
    since: float = inf
    clients: set[Address] = field(default_factory=set)
    served: set[Address] = field(default_factory=set)

    @property
    def waiting(self) -> int:
        """How many have waited for a while; where some have, also those who came before and after the last that
        got through."""
        lately = sum(age <= OLD for age in self.waits)
        return lately + sum(OLD < age < self.since for age in self.waits) if lately else 0

    @property
    def is_rare(self) -> bool:
        """Whether so few come that those of a whole minute have to be counted."""
        return any(OLD < age < self.since for age in self.waits)

    @property
    def is_still_in_trouble(self) -> bool:
        """Whether a server that was in trouble shows nothing else yet, and that it is."""
        return bool(self.waits) and self.fresh * _RATIO <= len(self.waits)

    @property
    def is_well_again(self) -> bool:
        """Whether what still waits came before some got through."""
        return self.fresh >= FEW and not any(age <= PATIENCE + _FRESH for age in self.waits)

    def begin(self, age: float) -> None:
        """Ignore who waits for longer than so many seconds."""
        self.waits = [one for one in self.waits if one < age]

    def leave_out(self, before: Before, ages: Mapping[str, float], now: float) -> None:
        """Ignore connections that got through `before`, and who waited before one did: they show nothing of others."""
        rows = (row for place, row in self.passed if place < before.places and pair_of(row) not in before.pairs)
        new = [ages[row.state] - (row.ends - now) for row in rows]
        self.since, self.fresh = min(new, default=inf), sum(age <= _FRESH for age in new)
        self.waits = [age for age in self.waits if age < self.since]

    @property
    def in_vain(self) -> str:
        """What is there of connections in vain, in the kernel's words for their states; empty without any."""
        words = [(self.refused, "CLOSE"), (self.waiting, "SYN_RECV")]
        return ", ".join(f"{number} {word}" for number, word in words if number)


Pair: TypeAlias = tuple[Endpoint, Endpoint]
"""A connection, by its client's end and the virtual one."""


def pair_of(row: Connection) -> Pair:
    """Return what a connection is known by."""
    return row.client, row.virtual


class Before(NamedTuple):
    """The connections of a server that had got through when its trouble was found.

    Of later readings of the table only the first `places` can be compared with that one, which may have been a part.
    """

    pairs: Set[Pair]
    places: float


Tallies: TypeAlias = Mapping[ServerKey, Tally]


def tallies(scan: Scan, director: Director) -> Tallies:
    """Count the connections of each server; those that may have come by several marks are left out."""
    both_ways, one_way = lasts(director), lasts_one_way(director)
    found: dict[ServerKey, Tally] = {}
    for place, (key, connection) in enumerate(placed(scan, director)):
        masq = director.pools[key.service].servers[key.endpoint].forwarding is Forwarding.MASQ
        _count(found.setdefault(key, Tally()), place, connection, both_ways if masq else one_way, scan.began)
    return found


def lasts(director: Director) -> Mapping[str, float]:
    """Return how many seconds after its last packet a connection that got through is forgotten, by its state."""
    timeouts = director.timeouts or Timeouts()
    return {**_LASTS, "ESTABLISHED": timeouts.tcp, "FIN_WAIT": timeouts.tcp_fin}


def lasts_one_way(director: Director) -> Mapping[str, float]:
    """Return the same where only clients are heard."""
    return {**lasts(director), "CLOSE": CLOSE}


def placed(scan: Scan, director: Director) -> Iterator[tuple[ServerKey, Connection]]:
    """Yield TCP connections with their servers, except those that may have come by several marks."""
    places: dict[tuple[Endpoint, Endpoint], ServerKey | None] = {}
    for connection in islice(scan.connections, _AT_MOST):
        if connection.protocol is not Protocol.TCP:
            continue
        both = connection.virtual, connection.server
        key = places[both] if both in places else places.setdefault(both, _place(connection, director))
        if key is not None:
            yield key, connection


def _count(tally: Tally, place: int, connection: Connection, ages: Mapping[str, float], now: float) -> None:
    state, left = connection.state, connection.ends - now
    if state == "SYN_RECV":
        if PATIENCE <= SYN_RECV - left <= _MINUTE:
            tally.waits.append(SYN_RECV - left)
            tally.clients.add(connection.client.address)
    elif state in ages:
        age = ages[state] - left
        tally.passed.append((place, connection))
        tally.since = min(tally.since, age)
        tally.minute += age <= _MINUTE
        tally.established += state == "ESTABLISHED"
        tally.fresh += age <= _FRESH
        tally.lately += age <= _LATELY
        if age <= _RECENT:
            tally.recent += 1
            tally.served.add(connection.client.address)
    elif state == "CLOSE":
        tally.refused += 1
        tally.clients.add(connection.client.address)


def _place(connection: Connection, director: Director) -> ServerKey | None:
    """Find the server of a connection: in the service on its virtual end, else in the only mark that may have it."""
    address, port = connection.virtual
    for other in (port, _FTP, 0):
        pool = director.pools.get(AddressKey(connection.protocol, address, other))
        if pool is not None:
            end = _end(connection.server, pool.servers)
            return ServerKey(pool.service.key, end) if end else None
    marks = [
        ServerKey(key, end)
        for key, pool in director.pools.items()
        if isinstance(key, MarkKey)
        and (end := _end(connection.server, pool.servers)) is not None
        and _may_get(key.mark, connection, director)
    ]
    return marks[0] if len(marks) == 1 else None


def _may_get(mark: int, connection: Connection, director: Director) -> bool:
    """Return whether packets of a connection may get a mark; only that of our own rules is known."""
    group, (address, port) = director.groups.get(mark), connection.virtual
    sent = Selector(connection.protocol, (ip_network(address),), (Ports(port, port),))
    return group is None or any(overlap(sent, selector) for selector in group.selectors)


def _end(server: Endpoint, servers: Mapping[Endpoint, object]) -> Endpoint | None:
    """Find a server as it is configured: with its port, or with none, where it keeps that of the packet."""
    found = server if server in servers else Endpoint(server.address, 0)
    return found if found in servers else None


def of_table(scan: Scan, director: Director, now: float) -> Health:
    """Return the servers that a single reading of the table shows to be in trouble."""
    return judge(tallies(scan, director), scan, director, now)


def judge(found: Tallies, scan: Scan, director: Director, now: float) -> Health:
    """Return the servers in trouble, each beside the others of its service."""
    health: dict[ServerKey, Verdict] = {}
    for key, own in found.items():
        if own.waiting < FEW and own.refused < FEW:
            continue
        pool = director.pools[key.service]
        kind = traffic(pool, pool.servers[key.endpoint].forwarding, director)
        if kind is None:
            continue
        others = [
            found[other]
            for other in (ServerKey(key.service, endpoint) for endpoint in pool.servers if endpoint != key.endpoint)
            if other in found
        ]
        # One client that gets through nowhere may have its own trouble.
        is_the_clients = len(own.clients) == 1 and not any(own.clients & other.served for other in others)
        trouble = None if is_the_clients else _trouble(own, others, masq=kind.masq)
        if trouble is not None:
            seen = min(len(scan.connections), _AT_MOST)
            age = max(0, round(now - scan.taken))
            health[key] = Verdict(trouble, _evidence(own, others, seen, age), scan.began)
    return health


def _trouble(own: Tally, others: list[Tally], *, masq: bool) -> Trouble | None:
    """Return what a server does, None where it may be well or all are alike, as in a flood of SYNs."""
    # Clients that end their connections with a reset leave CLOSE too, but some of them were just open, or are.
    if masq and own.refused >= FEW and not own.established + own.lately:
        vain = [(other.refused, other.recent) for other in others]
        return Trouble.REFUSING if is_unlikely(own.refused, 0, vain) else None
    waiting = own.waiting
    if waiting < FEW or own.fresh * _RATIO > waiting or own.is_well_again:
        return None
    clients = own.clients.union(*(other.clients for other in others))
    nobody = waiting >= 2 * FEW and len(clients) >= _CLIENTS and not any(one.recent for one in (own, *others))
    vain = [(other.waiting, other.recent) for other in others]
    if own.is_rare:
        vain = [(len(other.waits), other.minute) for other in others]
    if not nobody and not is_unlikely(waiting, own.fresh, vain):
        return None
    return Trouble.SILENT if masq else Trouble.NO_HANDSHAKE


def is_unlikely(vain: int, through: int, others: list[tuple[int, int]], chance: float = _CHANCE) -> bool:
    """Return whether so many connections in vain are more than chance, if it is as elsewhere.

    The others are those servers where most get through; without any, nothing is known of chance.
    """
    well = [(one, other) for one, other in others if one < FEW or one * _RATIO < other]
    missed, got = sum(one for one, _ in well), sum(other for _, other in well)
    if not got:
        return False
    return _tail(vain, vain + through, (missed + 1) / (missed + got + 2)) <= chance


def _tail(least: int, total: int, share: float) -> float:
    """Return how likely at least so many of all are, if each is with this share; 1 where no less was to be expected.

    Each summand is made from the one before: the coefficients of a thousand connections are larger than any float.
    """
    if least <= total * share:
        return 1.0
    ways = lgamma(total + 1) - lgamma(least + 1) - lgamma(total - least + 1)
    summand = exp(ways + least * log(share) + (total - least) * log(1 - share))
    tail = summand
    for many in range(least, total):
        summand *= (total - many) / (many + 1) * share / (1 - share)
        tail += summand
    return tail


def _evidence(own: Tally, others: list[Tally], seen: int, age: int) -> str:
    parts = [f"{own.waiting} left in SYN_RECV"] if own.waiting else []
    parts += [f"{own.refused} in CLOSE"] if own.refused else []
    passed, elsewhere, seconds = own.recent, sum(other.recent for other in others), _RECENT
    if own.is_rare:
        passed, elsewhere, seconds = own.minute, sum(other.minute for other in others), _MINUTE
    parts += [f"{passed} got through in {seconds:.0f} s"]
    siblings = f", {elsewhere} on its siblings" if others else ""
    return f"{', '.join(parts)}{siblings}; of {seen:,} connections seen {age} s ago"
