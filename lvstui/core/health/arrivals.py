"""Masqueraded servers that complete no new connection while old ones go on, whose packets hide it from the counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from lvstui.core.health.account import FEW
from lvstui.core.health.counted import Span, Traffic, between, traffic
from lvstui.core.health.table import CLOSE, OLD, PATIENCE, SYN_RECV, is_unlikely, lasts, placed
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Address, Director, Endpoint, Protocol, ServerKey, ServiceKey
from lvstui.core.observed import Connection, Scan, ServerStats

_ANSWERED: Final = 3
"""Packets of a server that the shortest connection has if it gets through: SYN and ACK, data or its ACK, FIN."""

_FLAT: Final = 3.0
"""Seconds in which none of those that came stayed active: the counters are brought up to date every two."""

_GROWS: Final = 20.0
"""Seconds of nothing but connections that stay active after which they may wait for their handshake."""

_CHANCES: Final = 6
"""Readings of the table that may leave a doubt."""

_SLOW: Final = 1.0
"""Seconds for a reading from which on its rows are of too many moments to be compared."""

_GAP: Final = 30.0
"""Seconds between two readings after which what became of connections meanwhile is not known."""

_WHOLE: Final = 1.0
"""By how many seconds a row may seem older than it is: the table shows whole ones, rounded down."""

_MINUTE: Final = 60.0
_PARTS: Final = int(_MINUTE / CLOSE)
"""How many times as long as those that were reset connections are counted that ended well."""

_CLIENTS: Final = 3
"""Clients that must have come in vain where one or two may end all that they open with a reset."""

_CHANCE: Final = 1e-5
"""How likely as many in vain may be at most, as it is asked every few seconds."""

_STALE: Final = 30.0
"""Seconds without another connection in vain after which nothing is claimed any more."""

_Pair: TypeAlias = tuple[Endpoint, Endpoint]
"""A connection, by its client's end and the virtual one."""

_Rows: TypeAlias = Mapping[_Pair, tuple[Endpoint, Connection]]
"""Connections of a service with their servers, in the order of the table."""


@dataclass(slots=True)
class _Doubt:
    """What a server had counted, `seen` at last, when its active connections last rose, at `flat_since`, and before
    connections came that nearly all stay active, at `since`, which others before did not where it `changed`. The table
    has to settle it when it is `ripe`; `weighed` is how often it did not.
    """

    seen: ServerStats
    flat: ServerStats
    flat_since: float
    base: ServerStats
    since: float
    changed: bool = False
    ripe: bool = False
    weighed: int = 0

    def add(self, step: Span, now: ServerStats, moment: float) -> None:
        """Go on with counters that moved by `step`."""
        self.seen = now
        if step.active > 0:
            self.flat, self.flat_since = now, moment
        elif between(self.flat, now).connections >= FEW and moment - self.flat_since > _FLAT:
            self.ripe = True
        total = between(self.base, now)
        if total.connections < FEW:
            return
        if total.active * 4 < total.connections * 3:
            self.base, self.since, self.changed = now, moment, True
        elif self.changed or total.out_packets < total.connections * _ANSWERED or moment - self.since > _GROWS:
            self.ripe = True

    def restart(self, now: float) -> None:
        """Begin anew, as the table showed no trouble."""
        self.flat = self.base = self.seen
        self.flat_since = self.since = now
        self.ripe, self.weighed = False, 0


@dataclass(frozen=True, slots=True)
class _Known:
    """The connections of a service at the newest reading, in `read`: whether each had got through.

    Those of the reading `before` are kept too, as the kernel may leave out some rows while others come and go.
    `through` are the moments since which nothing is known to have got through to each server. Of a part of the table
    that is not `whole` only what both readings came to can be compared.
    """

    read: float
    connections: Mapping[_Pair, bool]
    before: Mapping[_Pair, bool]
    through: Mapping[Endpoint, float]
    whole: bool

    def got_through(self, pair: _Pair) -> bool:
        """Return whether a connection was seen that had got through."""
        return self.connections.get(pair, False) or self.before.get(pair, False)


@dataclass(slots=True)
class _Arrived:
    """What became of a server's connections.

    `refused` and `waiting` are the clients of those in vain since the moment `through`, `before` how many were in vain
    until then. `ended` ones ended well within a minute, `opened` ones are open since the last reading; `served` are the
    clients of all that got through.
    """

    through: float
    passed: bool = False
    refused: list[Address] = field(default_factory=list)
    waiting: list[Address] = field(default_factory=list)
    before: int = 0
    ended: int = 0
    opened: int = 0
    served: set[Address] = field(default_factory=set)

    @property
    def in_vain(self) -> list[Address]:
        """The clients of all that are in vain since the last that was not."""
        return [*self.refused, *self.waiting]

    @property
    def usual(self) -> tuple[int, int]:
        """How many are in vain in a minute, and how many not, without those in question."""
        return self.before * _PARTS, self.ended + self.opened

    @property
    def all(self) -> tuple[int, int]:
        """The same with all that are in vain."""
        return (self.before + len(self.in_vain)) * _PARTS, self.ended + self.opened


class Arrivals:
    """The servers whose new connections may all fail: counters raise the doubt, readings of the table settle it.

    A refused connection is never active, and one without an answer is for a minute (SYN_RECV). So there is a doubt
    where connections come while those that are active do not grow, or by nearly all that came. In the table one that
    failed is in CLOSE and was not seen open before, or in SYN_RECV. Clients and servers end connections with a reset
    too: nothing is claimed but where most ended otherwise, on this server before and on its siblings.
    """

    def __init__(self) -> None:
        self._doubts: dict[ServerKey, _Doubt] = {}
        self._known: dict[ServiceKey, _Known] = {}
        self._last: dict[ServerKey, float] = {}
        self._director: Director | None = None
        self.found: dict[ServerKey, Verdict] = {}
        """The servers that the table showed to be in trouble."""

    def take(self, key: ServerKey, then: ServerStats, now: ServerStats, kind: Traffic, moment: float) -> None:
        """Take the counters of a server that moved and answered, of a service that has others."""
        doubt, step = self._doubts.get(key), between(then, now)
        if kind.protocol not in (Protocol.TCP, None) or kind.any_port or not now.active or step.connections < 0:
            self._doubts.pop(key, None)  # where none is open, all answers are to new ones
            return
        if doubt is None and step.connections:
            doubt = self._doubts[key] = _Doubt(then, then, moment, then, moment)
        if doubt is not None:
            doubt.add(step, now, moment)

    @property
    def asks(self) -> bool:
        """Whether the table has to settle something."""
        return bool(self.found) or any(doubt.ripe for doubt in self._doubts.values())

    def weigh(self, scan: Scan, director: Director, now: float) -> None:
        """Take a reading of the table, or its first part."""
        asked = self._doubts.keys() | self.found.keys()
        if not asked or scan.left_out or scan.taken - scan.began > _SLOW:
            return
        services: dict[ServiceKey, dict[_Pair, tuple[Endpoint, Connection]]] = {key.service: {} for key in asked}
        for key, row in placed(scan, director):
            if key.service in services:
                services[key.service][row.client, row.virtual] = key.endpoint, row
        ages = lasts(director)
        for service, rows in services.items():
            known = self._known.get(service)
            if known is not None and scan.began - known.read > _GAP:
                known = None
            compared = rows if known is None or known.whole else _up_to_last(rows, known)
            arrived = _sort(compared, known, ages, scan.began)
            through = {end: one.through for end, one in arrived.items()}
            connections = {
                pair: row.state in ages or (row.state == "CLOSE" and (pair not in compared or _is_old(pair, known)))
                for pair, (_, row) in rows.items()
            }
            before = known.connections if known else {}
            self._known[service] = _Known(scan.began, connections, before, through, scan.complete)
            for key in asked:
                if key.service == service:
                    self._settle(key, arrived, director, now)

    def _settle(self, key: ServerKey, arrived: Mapping[Endpoint, _Arrived], director: Director, now: float) -> None:
        own = arrived.get(key.endpoint, _Arrived(now))
        others = [one for end, one in arrived.items() if end != key.endpoint]
        known, doubt = self.found.get(key), self._doubts.get(key)
        goes_on = known is not None and own.through <= known.since
        trouble = _trouble(key, own, others, director, goes_on=goes_on)
        if trouble is not None:
            self._last[key] = now
            self.found[key] = Verdict(trouble, _evidence(own, others, now), own.through)
        elif known is not None and not (goes_on and now - self._last[key] <= _STALE):
            self.drop(key)
        elif doubt is not None:
            doubt.weighed += doubt.ripe
            if doubt.weighed > _CHANCES or (own.passed and not own.in_vain):
                doubt.restart(now)

    def forget(self, director: Director) -> None:
        """Forget services and servers that are gone."""
        if director is self._director:
            return
        self._director = director
        for service in [service for service in self._known if service not in director.pools]:
            del self._known[service]
        for key in [*self._doubts, *self.found]:
            pool = director.pools.get(key.service)
            if pool is None or key.endpoint not in pool.servers:
                self.drop(key)

    def drop(self, key: ServerKey) -> None:
        """Forget a server."""
        self._doubts.pop(key, None)
        self._last.pop(key, None)
        self.found.pop(key, None)


def _is_old(pair: _Pair, known: _Known | None) -> bool:
    return known is not None and known.got_through(pair)


def _up_to_last(rows: _Rows, known: _Known) -> _Rows:
    """Return the rows up to which the earlier reading came: a part of the table is always its first one."""
    last = max((place for place, pair in enumerate(rows, 1) if pair in known.connections), default=0)
    return dict(islice(rows.items(), last))


def _sort(rows: _Rows, known: _Known | None, ages: Mapping[str, float], at: float) -> Mapping[Endpoint, _Arrived]:
    """Sort connections by server and by what became of them; the first reading only shows which there are."""
    found: dict[Endpoint, _Arrived] = {}
    closed: list[tuple[_Arrived, Connection]] = []
    for pair, (end, row) in rows.items():
        own = found.get(end)
        if own is None:
            own = found[end] = _Arrived(known.through.get(end, known.read) if known else at)
        left = row.ends - at
        if row.state == "SYN_RECV":
            waited = SYN_RECV - PATIENCE - _WHOLE
            if known is not None and known.connections.get(pair) is False and at - known.read >= PATIENCE:
                waited = SYN_RECV  # the SYN was repeated meanwhile
            if SYN_RECV - OLD <= left <= waited:
                closed.append((own, row))
        elif row.state == "CLOSE":
            if not _is_old(pair, known):
                closed.append((own, row))
        elif row.state in ages:
            age, is_open = ages[row.state] - left, row.state == "ESTABLISHED"
            own.served.add(row.client.address)
            own.ended += not is_open and age <= _MINUTE
            if known is not None and not known.got_through(pair):
                own.passed = True
                own.opened += is_open
                own.through = max(own.through, at - age + _WHOLE)  # it began before its last packet
    for own, row in closed:
        lasted = (CLOSE if row.state == "CLOSE" else SYN_RECV) - (row.ends - at)
        if at - lasted <= own.through:
            own.before += 1
        else:
            (own.refused if row.state == "CLOSE" else own.waiting).append(row.client.address)
    return found


def _trouble(
    key: ServerKey, own: _Arrived, others: list[_Arrived], director: Director, *, goes_on: bool
) -> Trouble | None:
    """Return what a server does to new connections, None where it may be well or all are alike."""
    pool = director.pools.get(key.service)
    server = pool.servers.get(key.endpoint) if pool else None
    kind = traffic(pool, server.forwarding, director) if pool and server else None
    if kind is None or not kind.masq or not own.in_vain:
        return None
    if not goes_on and not _is_certain(own, others, sticky=kind.sticky):
        return None
    return Trouble.REFUSING if len(own.refused) >= len(own.waiting) else Trouble.SILENT


def _is_certain(own: _Arrived, others: list[_Arrived], *, sticky: bool) -> bool:
    """Return whether so many in vain cannot be clients, or a server, that end all connections with a reset."""
    missed, got = own.usual
    if got < FEW or missed * 2 >= got:
        return False
    # Where clients keep to a server, one that resets what it opens may be all there is: who comes in vain got through.
    vain = [client for client in own.in_vain if not sticky or client in own.served]
    elsewhere = () if sticky else (client for other in others for client in other.served)
    if len(set(vain)) < _CLIENTS and set(vain).isdisjoint(elsewhere):
        return False
    siblings = [other.all for other in others]
    return is_unlikely(len(vain), 0, siblings, _CHANCE) and is_unlikely(len(vain), 0, [*siblings, own.usual], _CHANCE)


def _evidence(own: _Arrived, others: list[_Arrived], now: float) -> str:
    states = [(len(own.refused), "CLOSE"), (len(own.waiting), "SYN_RECV")]
    words = ", ".join(f"{number} {word}" for number, word in states if number)
    siblings = sum(other.ended + other.opened for other in others)
    seconds = max(1, round(now - own.through))
    new = f"{len(own.in_vain)} new in {seconds} s, 0 got through, {siblings} on its siblings in a minute"
    return f"{new}; {words}; older ones go on"
