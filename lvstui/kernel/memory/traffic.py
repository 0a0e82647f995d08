"""Believable traffic for the memory kernel: the same clock and the same edits always result in the same counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import exp, sin
from operator import sub
from typing import Final, NamedTuple
from zlib import crc32

from lvstui.core.health.verdict import Trouble
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    Pool,
    Protocol,
    RealServer,
    ServerKey,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.observed import ServerStats, Stats

_WEIGHTLESS: Final = frozenset({"rr", "lc", "lblc", "lblcr", "dh", "sh", "nq"})
"""Schedulers that treat all servers alike as long as their weight is not 0."""

_NEW_CLIENTS: Final = 0.3
"""Share of a persistent service's connections that come from clients without an entry."""

_CLIENTS_PER_CONNECTION: Final = 0.02
_OVERLOAD_ENDS: Final = 0.75
"""A server without a lower threshold takes connections again below this part of the upper one (ip_vs.h)."""

_DAY: Final = 86400
_SYN: Final = 60
_RESET: Final = 40
"""Bytes of a SYN and of a reset in IPv4; twenty more in IPv6, which does not matter here."""

_TRIES: Final = 3
"""SYNs that a client sends before it gives up, where nothing answers: after one and two more seconds."""

_UP_TO: Final = tuple(accumulate((31, 27, 22, 20)))
"""Percent of the packets that arrive up to each CPU: queues of a network card never share evenly."""


class _Habits(NamedTuple):
    """What connections to one sort of service are like; one without duration is never active (UDP).

    `rates` are the slowest and the fastest mean of new connections per second, `duration` the seconds that a
    connection is active, `linger` those that it is inactive afterwards; then packets per connection, and their mean
    sizes in bytes.
    """

    rates: tuple[float, float]
    duration: float
    linger: float
    in_packets: float
    out_packets: float
    in_size: float
    out_size: float


def _habits(key: ServiceKey) -> _Habits:
    """Guess the habits of a service from its protocol and port, as an operator would."""
    match key:
        case AddressKey(Protocol.UDP, _, 53):
            return _Habits((50, 600), 0, 60, 1, 1, 72, 180)
        case AddressKey(Protocol.UDP):
            return _Habits((1, 40), 0, 60, 20, 40, 200, 900)
        case AddressKey(Protocol.SCTP):
            return _Habits((0.05, 0.3), 600, 30, 400, 380, 180, 170)
        case AddressKey(Protocol.TCP, _, 80):
            return _Habits((2, 15), 2, 60, 5, 4, 90, 210)
        case AddressKey(Protocol.TCP, _, port) if port not in (0, 443, 8080, 8443):
            return _Habits((1, 40), 90, 60, 40, 60, 150, 900)
        case _:
            return _Habits((20, 200), 25, 60, 9, 14, 110, 1150)


class _Flow(NamedTuple):
    """Connections that begin, those whose packets pass, and those whose answers pass: per second, or summed up.

    `tried` are the packets that try in vain to open one, `reset` the resets that answer them.
    """

    begun: float = 0.0
    served: float = 0.0
    answered: float = 0.0
    tried: float = 0.0
    reset: float = 0.0

    def plus(self, other: _Flow, times: float = 1.0) -> _Flow:
        """Return the sum with another flow, multiplied by `times` (seconds that it lasted)."""
        return _Flow(*(mine + part * times for mine, part in zip(self, other, strict=True)))


_NO_FLOW: Final = _Flow()


@dataclass(slots=True)
class _Server:
    """One real server: what is open on it, what it counted and what flows."""

    phase: float = 0.0
    active: float = 0.0
    inactive: float = 0.0
    sticky: float = 0.0
    overloaded: bool = False
    trouble: Trouble | None = None
    counted: _Flow = _NO_FLOW
    flow: _Flow = _NO_FLOW

    def stats(self, habits: _Habits) -> ServerStats:
        """Return the counters of the kernel, with whole connections."""
        active, inactive, sticky = (int(number + 0.5) for number in (self.active, self.inactive, self.sticky))
        return ServerStats(active, inactive, sticky, _stats(habits, self.counted, self.flow))


@dataclass(slots=True)
class _Service:
    """One service: its habits, its servers, what it counted and what flows."""

    pool: Pool
    habits: _Habits
    mean: float
    phase: float
    servers: dict[Endpoint, _Server] = field(default_factory=dict)
    counted: _Flow = _NO_FLOW
    flow: _Flow = _NO_FLOW

    @property
    def memory(self) -> float:
        """The mean seconds that an entry lasts: it is renewed by each new connection."""
        persistence = self.pool.service.persistence
        return max(1.0, 1.3 * persistence.timeout) if persistence else 60.0

    def pairs(self) -> list[tuple[_Server, RealServer]]:
        """Return the servers beside their configuration."""
        return list(zip(self.servers.values(), self.pool.servers.values(), strict=True))


class Traffic:
    """Traffic that flows over a director as time passes.

    Rates are a function of time: a slow wave, a quicker one and a tremble. Counters sum them up. What is seen first has
    been running for days; what comes later starts at zero.
    """

    def __init__(self) -> None:
        self._services: dict[ServiceKey, _Service] = {}
        self._now: float | None = None

    def advance(
        self, director: Director, now: float
    ) -> tuple[Mapping[ServiceKey, Stats], Mapping[ServiceKey, Mapping[Endpoint, ServerStats]]]:
        """Advance to `now` (seconds of the kernel's clock) and return all counters."""
        first = self._now is None
        last = now if self._now is None else self._now
        self._now = now = max(now, last)
        self._follow(director)
        for service in self._services.values():
            if first:
                _settle(service, now)
            elif now > last:
                _pass(service, now, now - last)
        services = {key: _stats(item.habits, item.counted, item.flow) for key, item in self._services.items()}
        servers = {
            key: {endpoint: server.stats(item.habits) for endpoint, server in item.servers.items()}
            for key, item in self._services.items()
        }
        return services, servers

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service with its servers, or of all."""
        for service in self._services.values() if key is None else (self._services[key],):
            service.counted = _NO_FLOW
            for server in service.servers.values():
                server.counted = _NO_FLOW

    def afflict(self, key: ServerKey, trouble: Trouble | None) -> None:
        """Bring a server into trouble, or (None) out of it."""
        self._services[key.service].servers[key.endpoint].trouble = trouble

    def move_entries(self, gained: Mapping[ServerKey, int]) -> None:
        """Count entries that came to servers, or (negative) left them, otherwise than by traffic."""
        for key, number in gained.items():
            service = self._services.get(key.service)
            server = service.servers.get(key.endpoint) if service else None
            if server is not None:
                server.sticky = max(0.0, int(server.sticky + 0.5) + number)

    def _follow(self, director: Director) -> None:
        """Take up what was configured since, and forget what is gone."""
        services: dict[ServiceKey, _Service] = {}
        for key, pool in director.pools.items():
            service = self._services.get(key)
            if service is None:
                habits = _habits(key)
                slow, fast = habits.rates
                mean = slow * (fast / slow) ** _chance(key, "mean")
                service = _Service(pool, habits, mean, 6.28 * _chance(key, "phase"))
            services[key] = service
            if service.pool is not pool or not service.servers:
                known = service.servers
                service.pool = pool
                service.servers = {
                    endpoint: known.get(endpoint) or _Server(6.28 * _chance(key, endpoint)) for endpoint in pool.servers
                }
        self._services = services


def by_cpu(total: Stats) -> tuple[Stats, ...]:
    """Share the counters of the whole among four CPUs, without rates, as the kernel shows them."""
    parts = [[count * percent // 100 for count in total[:5]] for percent in (0, *_UP_TO)]
    return tuple(Stats(*map(sub, upto, before)) for before, upto in pairwise(parts))


def _stats(habits: _Habits, counted: _Flow, flow: _Flow) -> Stats:
    """Return the counters and estimates of the kernel."""
    in_packets, out_packets = int(counted.served * habits.in_packets), int(counted.answered * habits.out_packets)
    in_rate, out_rate = flow.served * habits.in_packets, flow.answered * habits.out_packets
    tried, reset = int(counted.tried), int(counted.reset)
    return Stats(
        int(counted.begun),
        in_packets + tried,
        out_packets + reset,
        int(in_packets * habits.in_size) + tried * _SYN,
        int(out_packets * habits.out_size) + reset * _RESET,
        int(flow.begun + 0.5),
        int(in_rate + flow.tried + 0.5),
        int(out_rate + flow.reset + 0.5),
        int(in_rate * habits.in_size + flow.tried * _SYN),
        int(out_rate * habits.out_size + flow.reset * _RESET),
    )


def _chance(*of: object) -> float:
    """Return a number from 0 to 1 that is always the same for the same things."""
    return crc32(repr((0, *of)).encode()) / 2**32


def _rate(service: _Service, now: float) -> float:
    """Return the service's new connections per second at one moment."""
    phase = service.phase
    wave = 1 + 0.35 * sin(now / 290 + phase) + 0.12 * sin(now / 17 + 3 * phase) + 0.08 * sin(now * 1.9 + 7 * phase)
    return service.mean * wave


def _shares(service: _Service) -> list[float]:
    """Spread new connections as the scheduler would; all zero where no server takes any."""
    scheduler = service.pool.service.scheduler
    weights = [0 if server.overloaded else real.weight for server, real in service.pairs()]
    if scheduler == "none":
        weights = [0] * len(weights)
    elif scheduler in _WEIGHTLESS:
        weights = [min(weight, 1) for weight in weights]
    elif scheduler in ("fo", "ovf") and weights:
        best = weights.index(max(weights))
        weights = [weight if place == best else 0 for place, weight in enumerate(weights)]
    total = sum(weights)
    return [weight / total if total else 0.0 for weight in weights]


def _pass(service: _Service, now: float, seconds: float) -> None:
    """Pass `seconds` of traffic that end at `now`; the answers of a routed or tunnelled server pass elsewhere."""
    habits, memory, persistent = service.habits, service.memory, service.pool.service.persistence is not None
    arriving = _rate(service, now)
    entries = sum(server.sticky for server in service.servers.values())
    per_entry = arriving * (1 - _NEW_CLIENTS) / entries if persistent and entries >= 1 else 0.0
    to_new = arriving * _NEW_CLIENTS if per_entry else arriving
    clients = _NEW_CLIENTS * _CLIENTS_PER_CONNECTION * memory if persistent else 0.0
    flow = _NO_FLOW
    for (server, real), share in zip(service.pairs(), _shares(service), strict=True):
        share *= 1 + 0.08 * sin(now / 11 + server.phase)
        fresh = to_new * share + per_entry * server.sticky
        server.sticky = _towards(arriving * share * clients, server.sticky, exp(-seconds / memory))
        if not service.pool.service.flags & ServiceFlags.ONE_PACKET:
            _hold(server, real, _troubled(habits, server.trouble), fresh, seconds)
        server.flow = _flow_of(server, real, habits, fresh)
        server.counted = server.counted.plus(server.flow, seconds)
        flow = flow.plus(server.flow)
    service.flow = flow
    service.counted = service.counted.plus(flow, seconds)


def _flow_of(server: _Server, real: RealServer, habits: _Habits, fresh: float) -> _Flow:
    """Return what flows to and from a server; of one in trouble only what tries to open connections."""
    masq = real.forwarding is Forwarding.MASQ
    served = server.active / habits.duration if habits.duration else fresh
    if server.trouble is None:
        return _Flow(fresh, served, served if masq else 0.0)
    if not habits.duration:
        return _Flow(fresh, served)
    refuses = server.trouble is Trouble.REFUSING
    return _Flow(fresh, tried=fresh * (1 if refuses else _TRIES), reset=fresh if refuses and masq else 0.0)


def _troubled(habits: _Habits, trouble: Trouble | None) -> _Habits:
    """Return how long connections stay on a server: refused ones ten seconds, unanswered ones a minute, as active."""
    if trouble is None or not habits.duration:
        return habits
    refuses = trouble is Trouble.REFUSING
    return habits._replace(duration=0.2 if refuses else 63, linger=10 if refuses else 1)


def _towards(settled: float, value: float, left: float) -> float:
    """Move a value towards where it settles; `left` is the part of the distance that is left."""
    return settled + (value - settled) * left


def _hold(server: _Server, real: RealServer, habits: _Habits, fresh: float, seconds: float) -> None:
    """Move active and inactive connections towards where the present rate would bring them.

    Then see whether the thresholds keep new ones away (ip_vs_dest_update_overload).
    """
    ending = fresh
    if habits.duration:
        ending = server.active / habits.duration
        server.active = _towards(fresh * habits.duration, server.active, exp(-seconds / habits.duration))
    server.inactive = _towards(ending * habits.linger, server.inactive, exp(-seconds / habits.linger))
    connections, ends = server.active + server.inactive, real.lower or real.upper * _OVERLOAD_ENDS
    server.overloaded = real.upper > 0 and (connections >= ends if server.overloaded else connections > real.upper)


def _settle(service: _Service, now: float) -> None:
    """Put a service where days of running have brought it.

    Drained servers still have something to lose; one that would hold more than its upper threshold is just above it.
    """
    for _ in range(3):
        _pass(service, now, 600.0)
        for server in service.servers.values():
            server.overloaded = False
    service.counted = _NO_FLOW
    busiest = max(service.servers.values(), key=lambda server: server.active, default=_Server())
    active, sticky, drained = busiest.active, busiest.sticky, _NO_FLOW.plus(busiest.flow, 0.8)
    age = _DAY * (0.2 + 9 * _chance(service.pool.service.key, "age"))
    for server, real in service.pairs():
        if real.weight == 0:
            server.active, server.sticky = active * 0.3, sticky * 0.4
        server.counted = _NO_FLOW.plus(server.flow if real.weight else drained, age)
        service.counted = service.counted.plus(server.counted)
        connections = server.active + server.inactive
        if real.upper and connections > real.upper:
            part = 1.03 * (real.upper + 1) / connections
            server.active *= part
            server.inactive *= part
            server.overloaded = True
