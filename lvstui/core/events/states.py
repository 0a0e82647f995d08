"""States that change by themselves: who serves, what a drained server has left, thresholds, marks that nobody sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lvstui.core.change import EMPTY
from lvstui.core.describe import service_name
from lvstui.core.events.event import Found, Happening
from lvstui.core.events.foreign import FEW
from lvstui.core.fields import server_text, service_text, visible
from lvstui.core.health.verdict import NO_TROUBLE, Health
from lvstui.core.model import Director, MarkGroupKey, MarkKey, RealServer, ServerKey
from lvstui.core.observed import Reading, ServerStats
from lvstui.core.words import count


class Sight(NamedTuple):
    """What is known of states: servers in trouble, and the marks of services that no rule sets (None: not known)."""

    health: Health = NO_TROUBLE
    unset: frozenset[int] | None = None


class States:
    """The states at the last look; only servers that are drained or have thresholds are looked at each time."""

    def __init__(self) -> None:
        self._director: Director = EMPTY
        self._sight: Sight | None = None
        self._drained: tuple[ServerKey, ...] = ()
        self._limited: tuple[tuple[ServerKey, RealServer], ...] = ()
        self._left: set[ServerKey] = set()
        self._over: set[ServerKey] = set()

    def look(self, sight: Sight, reading: Reading) -> list[Found]:
        """Return what has changed since the last look, nothing at the first."""
        if reading.director is not self._director:
            self._director = reading.director
            self._sort()
        found = [*self._drains(reading), *self._thresholds(reading)]
        last = self._sight
        if last is not None and sight.unset is None:
            sight = sight._replace(unset=last.unset)
        self._sight = sight
        if last is None:
            return []
        return sum_up([*self._health(last.health, sight.health), *self._marks(last.unset, sight.unset), *found])

    def _sort(self) -> None:
        """Find the servers that have to be looked at: again only when something was configured."""
        servers = [
            (ServerKey(key, endpoint), server)
            for key, pool in self._director.pools.items()
            for endpoint, server in pool.servers.items()
            if not server.weight or server.upper
        ]
        self._drained = tuple(key for key, server in servers if not server.weight)
        self._limited = tuple((key, server) for key, server in servers if server.upper)
        self._left.intersection_update(self._drained)
        self._over.intersection_update(key for key, _ in self._limited)

    def _drains(self, reading: Reading) -> Iterator[Found]:
        for key in self._drained:
            seen = _seen(reading, key)
            if seen is None or seen.sticky is None:
                continue
            if seen.active or seen.inactive or seen.sticky:
                self._left.add(key)
            elif key in self._left:
                self._left.discard(key)
                text = f"{self._place(key)}: drained, no connection and no client is left on it"
                yield Found(Happening.DRAINED, self._name(key), text, key, old="drain", new="done")

    def _thresholds(self, reading: Reading) -> Iterator[Found]:
        """Find servers that get no new connections any more, as ip_vs_dest_upper_threshold decides, or do again.

        The kernel waits for the lower threshold, or where there is none for three quarters of the upper one
        (ip_vs_unbind_dest in net/netfilter/ipvs/ip_vs_conn.c).
        """
        for key, server in self._limited:
            seen = _seen(reading, key)
            if seen is None:
                continue
            connections = seen.active + seen.inactive
            if connections >= server.upper:
                if key not in self._over:
                    self._over.add(key)
                    text = f"{self._place(key)}: has reached its upper threshold of {server.upper}: no new connections"
                    yield Found(Happening.THRESHOLD, self._name(key), text, key, old="ok", new="over")
            elif key in self._over and connections < (server.lower or server.upper * 3 / 4):
                self._over.discard(key)
                text = f"{self._place(key)}: below its thresholds, takes new connections again"
                yield Found(Happening.THRESHOLD, self._name(key), text, key, old="over", new="ok")

    def _health(self, last: Health, health: Health) -> Iterator[Found]:
        if health is last:
            return
        for key, verdict in health.items():
            old = last[key].trouble.value if key in last else "ok"
            new = verdict.trouble.value
            if old != new:
                text = f"{self._place(key)}: {old} -> {new}, {visible(verdict.evidence)}"
                yield Found(Happening.HEALTH, self._name(key), text, key, old=old, new=new)
        for key, verdict in last.items():
            if key not in health and (server := self._server(key)) is not None:
                new, old = "ok" if server.weight else "drain", verdict.trouble.value
                text = f"{self._place(key)}: no longer {old}"
                yield Found(Happening.HEALTH, self._name(key), text, key, old=old, new=new)

    def _marks(self, last: frozenset[int] | None, unset: frozenset[int] | None) -> Iterator[Found]:
        if last is None or unset is None or last == unset:
            return
        served = {key.mark for key in self._director.pools if isinstance(key, MarkKey)}
        for mark in sorted(unset - last):
            text = f"mark {mark} is set by no rule any more: its services see no traffic"
            yield Found(Happening.MARK, f"mark {mark}", text, MarkGroupKey(mark), old="", new="no rule")
        for mark in sorted(last - unset):
            if mark in served:
                text = f"mark {mark} is set by a rule again"
                yield Found(Happening.MARK, f"mark {mark}", text, MarkGroupKey(mark), old="no rule", new="")

    def _server(self, key: ServerKey) -> RealServer | None:
        pool = self._director.pools.get(key.service)
        return pool.servers.get(key.endpoint) if pool else None

    def _name(self, key: ServerKey) -> str:
        server = self._server(key)
        return visible(server.name) if server and server.name else server_text(key.endpoint)

    def _place(self, key: ServerKey) -> str:
        pool = self._director.pools.get(key.service)
        return f"{service_name(pool.service) if pool else service_text(key.service)} / {self._name(key)}"


def sum_up(states: Iterable[Found]) -> list[Found]:
    """Return states, those of more than a `FEW` servers that changed alike as one."""
    alike: dict[tuple[Happening, str], list[Found]] = {}
    for state in states:
        alike.setdefault((state.happening, state.new), []).append(state)
    found: list[Found] = []
    for (happening, new), same in alike.items():
        if len(same) <= FEW:
            found += same
        else:
            noun = "mark" if happening is Happening.MARK else "server"
            many = count(len(same), noun)
            text = f"{many}: now {new or 'set again'}; the first: {same[0].text}"
            found.append(Found(happening, many, text, new=new))
    return found


def _seen(reading: Reading, key: ServerKey) -> ServerStats | None:
    return reading.servers.get(key.service, {}).get(key.endpoint)
