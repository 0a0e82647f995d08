"""Believable traffic for the memory kernel: the same clock and the same edits always give the same counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, sin
from typing import NamedTuple
from zlib import crc32

from lvstui.core.model import (
    Director,
    Endpoint,
    Forwarding,
    Pool,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.observed import ServerStats, Stats
from lvstui.kernel.memory.habits import Habits, habits_of

_WEIGHTLESS = frozenset({"rr", "lc", "lblc", "lblcr", "dh", "sh", "nq"})
"""Schedulers that treat all servers alike as long as their weight is not 0."""

_NEW_CLIENTS = 0.3
"""Share of a persistent service's connections that come from clients without an entry."""

_CLIENTS_PER_CONNECTION = 0.02
_OVERLOAD_ENDS = 0.75
"""A server without a lower threshold takes connections again below this part of the upper one (ip_vs.h)."""

_DAY = 86400


class _Flow(NamedTuple):
    """What happens per second: connections that begin, those whose packets pass, and those whose answers pass."""

    begun: float
    served: float
    answered: float


_NO_FLOW = _Flow(0.0, 0.0, 0.0)


@dataclass(slots=True)
class _Counters:
    """What a flow has summed up to, fractions included."""

    begun: float = 0.0
    served: float = 0.0
    answered: float = 0.0

    def add(self, flow: _Flow, seconds: float) -> None:
        self.begun += flow.begun * seconds
        self.served += flow.served * seconds
        self.answered += flow.answered * seconds

    def shown(self, habits: Habits, flow: _Flow) -> Stats:
        """Give the counters and estimates of the kernel."""
        in_packets, out_packets = int(self.served * habits.in_packets), int(self.answered * habits.out_packets)
        in_rate, out_rate = flow.served * habits.in_packets, flow.answered * habits.out_packets
        return Stats(
            int(self.begun),
            in_packets,
            out_packets,
            int(in_packets * habits.in_size),
            int(out_packets * habits.out_size),
            int(flow.begun + 0.5),
            int(in_rate + 0.5),
            int(out_rate + 0.5),
            int(in_rate * habits.in_size),
            int(out_rate * habits.out_size),
        )


@dataclass(slots=True)
class _Server:
    """One real server: what is open on it and what it counted."""

    phase: float
    active: float = 0.0
    inactive: float = 0.0
    sticky: float = 0.0
    overloaded: bool = False
    counters: _Counters = field(default_factory=_Counters)
    flow: _Flow = _NO_FLOW


@dataclass(slots=True)
class _Service:
    """One service: its habits, its servers and what it counted."""

    pool: Pool
    habits: Habits
    mean: float
    phase: float
    servers: dict[Endpoint, _Server] = field(default_factory=dict)
    counters: _Counters = field(default_factory=_Counters)
    flow: _Flow = _NO_FLOW


class Traffic:
    """Traffic that flows over a director as time passes.

    Rates are a function of time and `seed`: a slow wave, a quicker one and a tremble. Counters sum them up. What
    is seen first has been running for days; what comes later starts at zero.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._services: dict[ServiceKey, _Service] = {}
        self._now: float | None = None

    def advance(
        self, director: Director, now: float
    ) -> tuple[Mapping[ServiceKey, Stats], Mapping[ServiceKey, Mapping[Endpoint, ServerStats]]]:
        """Let traffic flow until `now` (seconds of the kernel's clock) and give all counters."""
        first = self._now is None
        last = now if self._now is None else self._now
        self._now = now = max(now, last)
        seconds = now - last
        self._follow(director)
        services: dict[ServiceKey, Stats] = {}
        servers: dict[ServiceKey, Mapping[Endpoint, ServerStats]] = {}
        for key, service in self._services.items():
            if first:
                _settle(service, now, self._seed)
            elif seconds:
                _flow(service, now, seconds)
            services[key] = service.counters.shown(service.habits, service.flow)
            servers[key] = {endpoint: _shown(server, service.habits) for endpoint, server in service.servers.items()}
        return services, servers

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service with its servers, or of all."""
        for service in self._services.values() if key is None else (self._services[key],):
            service.counters = _Counters()
            for server in service.servers.values():
                server.counters = _Counters()

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
            service = self._services.get(key) or self._begin(key, pool)
            if service.pool is not pool or not service.servers:
                known = service.servers
                service.pool = pool
                service.servers = {
                    endpoint: known.get(endpoint) or _Server(6.28 * _chance(self._seed, key, endpoint))
                    for endpoint in pool.servers
                }
            services[key] = service
        self._services = services

    def _begin(self, key: ServiceKey, pool: Pool) -> _Service:
        habits = habits_of(key)
        slow, fast = habits.rates
        mean = slow * (fast / slow) ** _chance(self._seed, key, "mean")
        return _Service(pool, habits, mean, 6.28 * _chance(self._seed, key, "phase"))


def _chance(*of: object) -> float:
    """Give a number from 0 to 1 that is always the same for the same things."""
    return crc32(repr(of).encode()) / 2**32


def _rate(service: _Service, now: float) -> float:
    """Give the service's new connections per second at one moment."""
    phase = service.phase
    wave = 1 + 0.35 * sin(now / 290 + phase) + 0.12 * sin(now / 17 + 3 * phase) + 0.08 * sin(now * 1.9 + 7 * phase)
    return service.mean * wave


def _shares(service: _Service) -> list[float]:
    """Spread new connections as the scheduler would; all zero where no server takes any."""
    scheduler = service.pool.service.scheduler
    weights = [
        0 if server.overloaded else configured.weight
        for server, configured in zip(service.servers.values(), service.pool.servers.values(), strict=True)
    ]
    if scheduler == "none":
        weights = [0] * len(weights)
    elif scheduler in _WEIGHTLESS:
        weights = [min(weight, 1) for weight in weights]
    elif scheduler in ("fo", "ovf") and weights:
        best = weights.index(max(weights))
        weights = [weight if place == best else 0 for place, weight in enumerate(weights)]
    total = sum(weights)
    return [weight / total if total else 0.0 for weight in weights]


def _flow(service: _Service, now: float, seconds: float) -> None:
    """Let `seconds` of traffic pass that end at `now`."""
    habits, memory = service.habits, _memory(service.pool.service)
    arriving = _rate(service, now)
    to_known = _to_known_clients(service, arriving)
    to_new = arriving * _NEW_CLIENTS if to_known else arriving
    clients = _NEW_CLIENTS * _CLIENTS_PER_CONNECTION * memory if service.pool.service.persistence else 0.0
    stays = exp(-seconds / habits.duration) if habits.duration else 0.0
    lingers, remembered = exp(-seconds / habits.linger), exp(-seconds / memory)
    one_packet = bool(service.pool.service.flags & ServiceFlags.ONE_PACKET)
    begun = served = answered = 0.0
    for server, real, share in zip(
        service.servers.values(), service.pool.servers.values(), _shares(service), strict=True
    ):
        share *= 1 + 0.08 * sin(now / 11 + server.phase)
        fresh = to_new * share + to_known * server.sticky
        server.sticky = _towards(arriving * share * clients, server.sticky, remembered)
        if not one_packet:
            _hold(server, habits, fresh, stays, lingers)
            server.overloaded = _overloaded(server, real)
        server.flow = flow = _passing(server, real, habits, fresh)
        server.counters.add(flow, seconds)
        begun += flow.begun
        served += flow.served
        answered += flow.answered
    service.flow = _Flow(begun, served, answered)
    service.counters.add(service.flow, seconds)


def _to_known_clients(service: _Service, arriving: float) -> float:
    """Give the connections per second that each entry of a persistent service draws to its server."""
    entries = sum(server.sticky for server in service.servers.values())
    return arriving * (1 - _NEW_CLIENTS) / entries if service.pool.service.persistence and entries >= 1 else 0.0


def _towards(settled: float, value: float, left: float) -> float:
    """Move a value towards where it settles; `left` is the part of the distance that is left."""
    return settled + (value - settled) * left


def _memory(service: Service) -> float:
    """Give the mean seconds that an entry lasts: it is renewed by each new connection."""
    return max(1.0, 1.3 * service.persistence.timeout) if service.persistence else 60.0


def _hold(server: _Server, habits: Habits, fresh: float, stays: float, lingers: float) -> None:
    """Move active and inactive connections towards where the present rate would bring them."""
    ending = fresh
    if habits.duration:
        ending = server.active / habits.duration
        server.active = _towards(fresh * habits.duration, server.active, stays)
    server.inactive = _towards(ending * habits.linger, server.inactive, lingers)


def _overloaded(server: _Server, real: RealServer) -> bool:
    """Tell whether the thresholds keep new connections away (ip_vs_dest_update_overload)."""
    if not real.upper:
        return False
    connections = server.active + server.inactive
    ends = real.lower or real.upper * _OVERLOAD_ENDS
    return connections >= ends if server.overloaded else connections > real.upper


def _passing(server: _Server, real: RealServer, habits: Habits, fresh: float) -> _Flow:
    """Give a server's flow; the answers of a routed or tunnelled one do not pass the director."""
    served = server.active / habits.duration if habits.duration else fresh
    return _Flow(fresh, served, served if real.forwarding is Forwarding.MASQ else 0.0)


def _settle(service: _Service, now: float, seed: int) -> None:
    """Put a service where days of running have brought it; drained servers still have something to lose."""
    for _ in range(3):
        _flow(service, now, 600.0)
        for server in service.servers.values():
            server.overloaded = False
    service.counters = _Counters()
    busiest = max(service.servers.values(), key=lambda server: server.active, default=_Server(0.0))
    active, sticky, drained = busiest.active, busiest.sticky, _Flow(*(0.8 * part for part in busiest.flow))
    age = _DAY * (0.2 + 9 * _chance(seed, service.pool.service.key, "age"))
    for server, real in zip(service.servers.values(), service.pool.servers.values(), strict=True):
        if real.weight == 0:
            server.active, server.sticky = active * 0.3, sticky * 0.4
        flow = server.flow if real.weight else drained
        server.counters = _Counters()
        server.counters.add(flow, age)
        service.counters.add(flow, age)
        _fill(server, real)


def _fill(server: _Server, real: RealServer) -> None:
    """Leave a server that would hold more than its upper threshold just above it."""
    connections = server.active + server.inactive
    if real.upper and connections > real.upper:
        part = 1.03 * (real.upper + 1) / connections
        server.active *= part
        server.inactive *= part
        server.overloaded = True


def _shown(server: _Server, habits: Habits) -> ServerStats:
    counters = server.counters.shown(habits, server.flow)
    return ServerStats(int(server.active + 0.5), int(server.inactive + 0.5), int(server.sticky + 0.5), counters)
