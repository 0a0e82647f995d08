"""Servers in trouble, found in readings as they come: each that does not answer has an account until it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from lvstui.core.health.account import Account, Case, serving
from lvstui.core.health.counted import Answers, Span, Traffic, answers, between, counters, may_be_errors, traffic
from lvstui.core.health.doubts import Doubts
from lvstui.core.health.reach import Hop, Reach
from lvstui.core.health.verdict import NO_TROUBLE, Health, Verdict
from lvstui.core.model import Address, Endpoint, Forwarding, RealServer, ServerKey, ServiceKey
from lvstui.core.observed import Reading, Scan, ServerStats

_LAPSE: Final = 120.0
"""Seconds without a new connection after which nothing is claimed any more: the server may be well again."""

_LAPSE_DRAINED: Final = 15.0
"""The same for a drained server, to which no new client goes anyway."""


class Watch:
    """Looks at one reading after the other; a server whose counters stand still costs next to nothing.

    The kernel brings its counters up to date every two seconds (net/netfilter/ipvs/ip_vs_est.c), so most readings a
    second apart show nothing new.
    """

    def __init__(self) -> None:
        self._last: Reading | None = None
        self._accounts: dict[ServerKey, Account] = {}
        self._counted: dict[ServerKey, Verdict] = {}
        self._doubts = Doubts()
        self._reach = Reach()
        self.found: Health = NO_TROUBLE
        """The servers that are in trouble; the same object while nothing changed."""

    def look(self, reading: Reading) -> Health:
        """Take a reading and return the servers that are in trouble now."""
        last, self._last = self._last, reading
        if last is not None:
            look = _Look(last, reading)
            for move in look.moves():
                if self._take(look, move):
                    self._judge(look, move)
        for key in [*self._accounts]:
            if _has_lapsed(key, self._accounts[key].newest, reading):
                self._close(key)
        for key, newest in self._reach.newest():
            if _has_lapsed(key, newest, reading):
                self._reach.drop(key)
        self._doubts.lapse(reading.director, reading.taken)
        return self._sum_up()

    def asks(self, now: float) -> bool:
        """Return whether the connection table should be read, as the counters alone leave a doubt."""
        return self._doubts.asks(now)

    def weigh(self, scan: Scan, now: float) -> Health:
        """Take a reading of the connection table, or a part of one, and return the servers that are in trouble now."""
        if self._last is not None:
            self._doubts.weigh(scan, self._last.director, now)
        return self._sum_up()

    def asks_hops(self, now: float) -> tuple[Address, ...]:
        """Return the servers' addresses whose next hops should be looked up in the neighbour table, mostly none."""
        return self._reach.asks(now)

    def hear(self, hops: Mapping[Address, Hop | None], now: float) -> Health:
        """Take the next hops that were asked for, None where there is none; return the servers in trouble now."""
        for key in self._reach.hear(hops, now):
            self._close(key)  # what came meanwhile was no answer
        return self._sum_up()

    def _sum_up(self) -> Health:
        found = {**self._doubts.found, **self._doubts.arrivals.found}
        for key, verdict in self._counted.items():
            tally = self._doubts.tallies.get(key)
            states = f"; {tally.in_vain}" if tally and tally.in_vain else ""
            found[key] = verdict._replace(evidence=f"{verdict.evidence}{states}")
        for key, verdict in self._reach.found():
            known = found.get(key)
            found[key] = verdict if known is None else verdict._replace(since=min(known.since, verdict.since))
        if found != self.found:
            self.found = found
        return self.found

    def _take(self, look: _Look, move: _Move) -> bool:
        """Open, continue or close the account of a server whose counters moved; return whether there is one."""
        key, kind, then, now = move
        known = self._accounts.get(key) if self._accounts else None
        if kind is None or look.is_another(key):
            self._doubts.drop(key)
            self._reach.drop(key)
            return self._close(key)
        if not kind.masq:
            self._doubts.take(key, then, now, kind)
            return self._close(key)
        span = between(then, now)
        counted, moment = look.reading.servers[key.service], look.reading.taken
        self._reach.take(key, span, now, kind, moment, troubled=key in self._counted)
        if min(span.connections, span.in_packets, span.out_packets) < 0:  # they were zeroed
            if known is not None:
                known.restart(counted, moment)
        elif answers(span, kind) is Answers.SOME:
            may_be = key in self._counted and not self._reach.is_near(key, moment) and may_be_errors(span, kind)
            if known is None or not may_be:
                if len(counted) > 1:
                    self._doubts.arrivals.take(key, then, now, kind, moment)
                return self._close(key)
            known.add(span, then, counted, moment)
            return False  # what the verdict rests on stays
        elif known is not None:
            known.add(span, then, counted, moment)
        elif span.connections:
            base = look.last.servers[key.service]
            self._accounts[key] = Account(look.last.taken, base, counters(then).connections, moment, counted, moment)
        return True

    def _close(self, key: ServerKey) -> bool:
        """Forget what a server did; return that it has no account."""
        if self._accounts:
            self._accounts.pop(key, None)
            self._counted.pop(key, None)
        return False

    def _judge(self, look: _Look, move: _Move) -> None:
        """Bring the verdict on a server up to date with its account; what is not certain again stays as it was."""
        key, kind = move.key, move.kind
        account = self._accounts.get(key)
        if account is None or kind is None:
            return
        others = look.serving(key.service, account.base, kind)
        case = Case(account, kind, key.endpoint, look.reading.servers[key.service], others, look.reading.taken)
        if (trouble := case.trouble()) is not None:
            self._counted[key] = Verdict(trouble, case.evidence(), account.since)


class _Move(NamedTuple):
    """A server whose counters moved: what is known of its traffic, and what it had counted before and has now."""

    key: ServerKey
    kind: Traffic | None
    then: ServerStats
    now: ServerStats


class _Look:
    """Two readings side by side; what several servers of a service ask for is worked out once."""

    def __init__(self, last: Reading, reading: Reading) -> None:
        self.last = last
        self.reading = reading
        self._serving: dict[tuple[ServiceKey, int], Mapping[Endpoint, Span]] = {}

    def moves(self) -> Iterator[_Move]:
        """Yield the servers whose counters moved: no connection begins without a packet."""
        director = self.reading.director
        for service, counted in self.reading.servers.items():
            before, pool = self.last.servers.get(service), director.pools.get(service)
            if before is None or pool is None:
                continue
            kinds: dict[Forwarding, Traffic | None] = {}
            for endpoint, then, now in _pairs(before, counted):
                was, stats = then.stats, now.stats
                if was is None or stats is None:
                    continue
                if was.in_packets == stats.in_packets and was.out_packets == stats.out_packets:
                    continue
                server = pool.servers.get(endpoint)
                if server is not None:
                    if server.forwarding not in kinds:
                        kinds[server.forwarding] = traffic(pool, server.forwarding, director)
                    yield _Move(ServerKey(service, endpoint), kinds[server.forwarding], then, now)

    def is_another(self, key: ServerKey) -> bool:
        """Return whether a server was made since the last reading, or answers another way now."""
        if self.last.director is self.reading.director:
            return False
        before, now = _server(self.last, key), _server(self.reading, key)
        return before is None or now is None or before.forwarding is not now.forwarding

    def serving(
        self, service: ServiceKey, base: Mapping[Endpoint, ServerStats], kind: Traffic
    ) -> Mapping[Endpoint, Span]:
        """Return the servers of a service that answered since `base`."""
        name = service, id(base)
        found = self._serving.get(name)
        if found is None:
            found = self._serving[name] = serving(base, self.reading.servers[service], kind)
        return found


def _pairs(
    before: Mapping[Endpoint, ServerStats], now: Mapping[Endpoint, ServerStats]
) -> Iterator[tuple[Endpoint, ServerStats, ServerStats]]:
    """Yield the servers that are in both readings: mostly in the same order, as hashes of addresses cost."""
    same = 0
    for (endpoint, seen), (other, then) in zip(now.items(), before.items(), strict=False):
        if endpoint != other:
            break
        same += 1
        yield endpoint, then, seen
    for endpoint, seen in islice(now.items(), same, None):
        if (held := before.get(endpoint)) is not None:
            yield endpoint, held, seen


def _server(reading: Reading, key: ServerKey) -> RealServer | None:
    pool = reading.director.pools.get(key.service)
    return pool.servers.get(key.endpoint) if pool else None


def _has_lapsed(key: ServerKey, newest: float, reading: Reading) -> bool:
    """Return whether a server has gone, or got nothing for so long that what was seen says nothing any more."""
    server = _server(reading, key)
    if server is None or key.endpoint not in reading.servers.get(key.service, {}):
        return True
    return reading.taken - newest > (_LAPSE if server.weight else _LAPSE_DRAINED)
