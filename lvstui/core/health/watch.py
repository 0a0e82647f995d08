"""Servers in trouble, found in readings as they come: each that does not answer has an account until it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lvstui.core.health.account import Account, Case, serving
from lvstui.core.health.counted import Answers, Span, Traffic, answers, between, counters, traffic
from lvstui.core.health.doubts import Doubts
from lvstui.core.health.verdict import NO_TROUBLE, Health, Verdict
from lvstui.core.model import Endpoint, RealServer, ServerKey, ServiceKey
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
        self.found: Health = NO_TROUBLE
        """The servers that are in trouble; the same object while nothing changed."""

    def look(self, reading: Reading) -> Health:
        """Take a reading and return the servers that are in trouble now."""
        last, self._last = self._last, reading
        if last is not None:
            look = _Look(last, reading)
            for key, then, now in look.moved():
                self._take(look, key, then, now)
                self._judge(look, key)
        for key in [*self._accounts]:
            if self._has_lapsed(key, reading):
                del self._accounts[key]
                self._counted.pop(key, None)
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

    def _sum_up(self) -> Health:
        found = {**self._doubts.found, **self._counted}
        if found != self.found:
            self.found = found
        return self.found

    def _take(self, look: _Look, key: ServerKey, then: ServerStats, now: ServerStats) -> None:
        """Open, continue or close the account of a server whose counters moved."""
        kind, known = look.traffic(key), self._accounts.get(key)
        counted, moment = look.reading.servers[key.service], look.reading.taken
        span = between(then, now)
        if kind is None or look.is_another(key):
            self._accounts.pop(key, None)
            self._doubts.drop(key)
        elif not kind.masq:
            self._doubts.take(key, then, now, kind)
        elif min(span.connections, span.in_packets, span.out_packets) < 0:  # they were zeroed
            if known is not None:
                known.restart(counted, moment)
        elif span.in_packets + span.out_packets and answers(span, kind) is Answers.SOME:
            self._accounts.pop(key, None)
        elif known is not None:
            known.add(span, then, counted, moment)
        elif span.connections:
            base = look.last.servers[key.service]
            self._accounts[key] = Account(look.last.taken, base, counters(then).connections, moment, counted, moment)

    def _judge(self, look: _Look, key: ServerKey) -> None:
        """Bring the verdict on a server up to date with its account; what is not certain again stays as it was."""
        account, kind = self._accounts.get(key), look.traffic(key)
        if account is None or kind is None:
            self._counted.pop(key, None)
            return
        others = look.serving(key.service, account.base, kind)
        case = Case(account, kind, key.endpoint, look.reading.servers[key.service], others, look.reading.taken)
        if (trouble := case.trouble()) is not None:
            self._counted[key] = Verdict(trouble, case.evidence(), account.since)

    def _has_lapsed(self, key: ServerKey, reading: Reading) -> bool:
        """Return whether a server has gone, or got nothing for so long that what was seen says nothing any more."""
        server = _server(reading, key)
        if server is None or key.endpoint not in reading.servers.get(key.service, {}):
            return True
        return reading.taken - self._accounts[key].newest > (_LAPSE if server.weight else _LAPSE_DRAINED)


class _Look:
    """Two readings side by side; what several servers of a service ask for is worked out once."""

    def __init__(self, last: Reading, reading: Reading) -> None:
        self.last = last
        self.reading = reading
        self._serving: dict[tuple[ServiceKey, int], Mapping[Endpoint, Span]] = {}

    def moved(self) -> Iterator[tuple[ServerKey, ServerStats, ServerStats]]:
        """Yield the servers whose counters moved, with what these were and are."""
        for service, counted in self.reading.servers.items():
            before = self.last.servers.get(service)
            if before is None or before is counted:
                continue
            for endpoint, now in counted.items():
                then = before.get(endpoint)
                if then is not None and now.stats and then.stats and now.stats[:5] != then.stats[:5]:
                    yield ServerKey(service, endpoint), then, now

    def traffic(self, key: ServerKey) -> Traffic | None:
        """Return what is known of a server's traffic."""
        server, director = _server(self.reading, key), self.reading.director
        return traffic(director.pools[key.service], server.forwarding, director) if server else None

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


def _server(reading: Reading, key: ServerKey) -> RealServer | None:
    pool = reading.director.pools.get(key.service)
    return pool.servers.get(key.endpoint) if pool else None
