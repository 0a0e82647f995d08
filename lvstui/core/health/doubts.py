"""Servers whose answers pass the director by: counters raise a doubt, the connection table settles it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from lvstui.core.health.account import FEW
from lvstui.core.health.arrivals import Arrivals
from lvstui.core.health.counted import Span, Traffic, between, opens
from lvstui.core.health.table import OLD, Before, Tallies, Tally, judge, lasts_one_way, pair_of, tallies
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import Scan, ServerStats

_REST: Final = 2.0
"""Seconds between two readings of the table, at least."""

_SHARE: Final = 30
"""How many times as long as the last reading took nothing is read."""

_CHANCES: Final = 2
"""Readings of the table that may leave a doubt: connections have to be some seconds old to say something."""

_MINUTE: Final = 60.0
"""Seconds for which connections in vain stand in the table."""

_COMPARED: Final = 0.75
"""Of a part of the table, the share that a later part surely has too: the kernel may come less far."""

_NOTHING: Final = Tally()

_STALE: Final = 30.0
"""Seconds for which what the table showed is worth something."""


@dataclass(slots=True)
class _Doubt:
    """What a server counted when doubt arose; the table has to settle ripe ones, `weighed` is how often it did not."""

    base: ServerStats
    ripe: bool = False
    weighed: int = 0


class Doubts:
    """The servers that are in doubt, and what the table said when it was read last.

    Only what clients send passes the director: a handshake that fails looks like connections of few, short packets that
    stay active. So do those of slow clients. The connection table tells them apart, for SYN_RECV is left with the
    client's ACK; as it may be large, it is read only where there is a doubt.
    """

    def __init__(self) -> None:
        self._open: dict[ServerKey, _Doubt] = {}
        self._well: dict[ServerKey, float] = {}  # since when those are that were in trouble a while ago
        self._before: dict[ServerKey, tuple[Before, float]] = {}  # until when it is worth something
        self._rested = 0.0
        self._weighed = 0.0
        self.arrivals = Arrivals()
        """The servers whose answers pass the director, and whose old connections hide what becomes of new ones."""
        self.tallies: Tallies = {}
        """What the newest reading of the table had of each server."""
        self.found: dict[ServerKey, Verdict] = {}
        """The servers that the table showed to be in trouble."""

    def take(self, key: ServerKey, then: ServerStats, now: ServerStats, kind: Traffic) -> None:
        """Take the counters of a server that moved."""
        doubt = self._open.get(key) if self._open else None
        if doubt is None:
            span = between(then, now)
            if span.connections > 0 and opens(span, kind):
                self._open[key] = _Doubt(then)
            return
        total = between(doubt.base, now)
        if min(total.connections, total.in_packets) < 0:
            doubt.base = now
        elif total.connections >= FEW:
            doubt.ripe = doubt.ripe or _fails(total, kind)
            doubt.base = then  # so that a long past does not hide what began just now
            if not doubt.ripe:
                del self._open[key]

    def asks(self, now: float) -> bool:
        """Return whether the table should be read."""
        return now >= self._rested and (
            self.arrivals.asks or bool(self.found) or any(doubt.ripe for doubt in self._open.values())
        )

    def weigh(self, scan: Scan, director: Director, now: float) -> None:
        """Take a reading of the table, or a part of one."""
        self._rested = now + max(_REST, _SHARE * (scan.taken - scan.began))
        if scan.trouble:
            return
        self._weighed = now
        self.arrivals.weigh(scan, director, now)
        counted = self.tallies = tallies(scan, director)
        ages = lasts_one_way(director)
        for key, (before, _) in self._before.items():
            if key in self.found and key in counted:
                counted[key].leave_out(before, ages, scan.began)
        for key, moment in self._well.items():
            if key in counted:
                counted[key].begin(scan.began - moment)
        found: dict[ServerKey, Verdict] = {}
        for key, verdict in judge(counted, scan, director, now).items():
            if verdict.trouble is not Trouble.NO_HANDSHAKE:
                continue  # counters show more of those that answer through the director
            known = self.found.get(key)
            found[key] = verdict if known is None else verdict._replace(since=known.since)
        for key, verdict in self.found.items():
            if key not in found and self._goes_on(key, scan, now):
                found[key] = verdict
        for key in self.found.keys() - found.keys():
            self._well[key] = scan.began - min(counted.get(key, _NOTHING).since, OLD)
        self._well = {key: moment for key, moment in self._well.items() if now - moment < _MINUTE}
        self.found = found
        self._keep_before(scan, now)
        for key, doubt in [*self._open.items()]:
            doubt.weighed += doubt.ripe and key not in found
            if doubt.weighed > _CHANCES:
                del self._open[key]

    def _goes_on(self, key: ServerKey, scan: Scan, now: float) -> bool:
        """Return whether a server that was in trouble still is: a part of the table may have nothing of it."""
        tally = self.tallies.get(key, _NOTHING)
        if tally.waits or tally.fresh or scan.complete:
            return tally.is_still_in_trouble
        return now < self._before[key][1]

    def _keep_before(self, scan: Scan, now: float) -> None:
        """Keep which connections had got through to each server when its trouble began: they may go on."""
        kept = {key: held for key, held in self._before.items() if key in self.found}
        for key in self.found:
            tally = self.tallies.get(key, _NOTHING)
            if key not in kept:
                places = inf if scan.complete else _COMPARED * len(scan.connections)
                kept[key] = Before(frozenset(pair_of(row) for _, row in tally.passed), places), now + _MINUTE
            elif tally.waits:
                kept[key] = kept[key][0], now + _MINUTE
        self._before = kept

    def drop(self, key: ServerKey) -> None:
        """Forget a server that is another one now."""
        self.arrivals.drop(key)
        self._before.pop(key, None)
        self._well.pop(key, None)
        if self._open or self.found:
            self._open.pop(key, None)
            self.found.pop(key, None)

    def lapse(self, director: Director, now: float) -> None:
        """Forget what is too old, and servers that are gone."""
        if now - self._weighed > _STALE:
            self.found, self.tallies = {}, {}
            self.arrivals.found.clear()
        self.arrivals.forget(director)
        for held in (self._open, self.found):
            for key in [key for key in held if _is_gone(key, director)]:
                del held[key]


def _fails(total: Span, kind: Traffic) -> bool:
    """Return whether connections may have failed: they stay active, or had hardly more than one packet each."""
    stays = total.active * 4 >= total.connections  # others, of before, may leave meanwhile
    return opens(total, kind) and (stays or total.in_packets * 2 <= total.connections * 3)


def _is_gone(key: ServerKey, director: Director) -> bool:
    pool = director.pools.get(key.service)
    return pool is None or key.endpoint not in pool.servers
