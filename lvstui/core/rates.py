"""Rates out of two readings, and a bounded history of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lvstui.core.model import ServiceKey
from lvstui.core.observed import Reading, RowKey, ServerKey, Stats

HISTORY_LENGTH = 60
"""Readings that a service's history goes back."""


class Rates(NamedTuple):
    """What happened per second between two readings, on average."""

    connections: float
    in_packets: float
    out_packets: float
    in_bytes: float
    out_bytes: float


def between(before: Reading, after: Reading) -> Mapping[RowKey, Rates]:
    """Give the rate of each row that both readings have counters for.

    There is a gap, and no rate, where a counter went backwards (zeroed, or the row was made anew) and where no time
    has passed.
    """
    return _Between(before, after)


class _Between(Mapping[RowKey, Rates]):
    """Rates worked out when they are asked for: of 20,000 rows a screen shows forty."""

    __slots__ = ("_after", "_before", "_seconds")

    def __init__(self, before: Reading, after: Reading) -> None:
        self._before = before
        self._after = after
        self._seconds = after.taken - before.taken

    def __getitem__(self, key: RowKey) -> Rates:
        old, new = _counted(self._before, key), _counted(self._after, key)
        if old is None or new is None or self._seconds <= 0:
            raise KeyError(key)
        steps = (new[0] - old[0], new[1] - old[1], new[2] - old[2], new[3] - old[3], new[4] - old[4])
        if min(steps) < 0:
            raise KeyError(key)
        seconds = self._seconds
        return Rates(*(step / seconds for step in steps)) if any(steps) else _IDLE

    def __iter__(self) -> Iterator[RowKey]:
        for key in self._after.services:
            if key in self:
                yield key
        for service, servers in self._after.servers.items():
            for endpoint in servers:
                if (row := ServerKey(service, endpoint)) in self:
                    yield row

    def __len__(self) -> int:
        return sum(1 for _ in self)


_IDLE = Rates(0.0, 0.0, 0.0, 0.0, 0.0)


def _counted(reading: Reading, key: RowKey) -> Stats | None:
    if isinstance(key, ServerKey):
        server = reading.servers.get(key.service, {}).get(key.endpoint)
        return server.stats if server else None
    return reading.services.get(key)


@dataclass(frozen=True, slots=True)
class History:
    """New connections per second of each service at its last readings, oldest first; None is a gap."""

    services: Mapping[ServiceKey, tuple[float | None, ...]] = field(default_factory=dict)

    def extended(self, rates: Mapping[RowKey, Rates], reading: Reading) -> History:
        """Add one reading; services that are gone are forgotten, and a history begins with a rate."""
        services: dict[ServiceKey, tuple[float | None, ...]] = {}
        for key in reading.services:
            past = self.services.get(key, ())
            rate = rates.get(key)
            if rate is not None or past:
                services[key] = (*past[1 - HISTORY_LENGTH :], None if rate is None else rate.connections)
        return History(services)
