"""What services, real servers and the whole director did lately: rates of some minutes, an hour and a day.

A reading becomes one sample: a number of each service or server, all in one compact array, as that is what a reading
costs least. Samples of a finer step become one of the next by their mean. What happened so long ago that a ring is full
falls out, so memory is bounded: with 1,000 services of 20 servers each, a day takes some 105 MB, of which 80 are the
servers'. These have coarser rings for that: a second for a minute and a half, ten seconds for a quarter of an hour, a
minute for an hour, 16 minutes for a day.

The numbers are the kernel's own estimates: the kernel brings its counters up to date every 2 seconds only
(net/netfilter/ipvs/ip_vs_est.c), so that what two readings a second apart differ by is nothing, then double.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from math import floor
from operator import is_
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from lvstui.core.model import Endpoint, ServerKey, ServiceKey
from lvstui.core.observed import Reading, ServerStats, Stats, sum_stats

GAP: Final = -1.0
"""What an array holds where nothing was read, or the counters began anew."""

_BRIDGED: Final = 15.0
"""Seconds between two readings that are no gap: the longest interval between readings is 10."""


class Measure(IntEnum):
    """What is kept of each, by its place in a sample."""

    CONNECTIONS = 0
    IN_BYTES = 1
    OUT_BYTES = 2


_RATES: Final = tuple(Stats._fields.index(name) for name in ("connection_rate", "in_byte_rate", "out_byte_rate"))
_PACKETS: Final = Stats._fields.index("in_packets")
"""What gets smaller only where the counters begin anew."""


class Step(NamedTuple):
    """A ring of so many samples, one every so many seconds."""

    seconds: int
    length: int


SERVICE_STEPS: Final = (Step(1, 300), Step(10, 360), Step(60, 1440))
SERVER_STEPS: Final = (Step(1, 90), Step(10, 90), Step(60, 60), Step(960, 90))

_P = TypeVar("_P")
"""What the numbers of a sample are of, in their order."""

Members: TypeAlias = tuple[ServiceKey, tuple[Endpoint, ...]]
"""A service with its servers."""


class Sample(NamedTuple, Generic[_P]):
    """The rates from one moment to another (seconds of the monotonic clock), an array for each measure.

    `broken` says that some are gaps. Samples of the same things share one `of`.
    """

    begin: float
    end: float
    of: _P
    rates: tuple[array[float], ...]
    broken: bool


class _Rings(Generic[_P]):
    """The samples of some things, from the finest step to the coarsest."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._rings: list[deque[Sample[_P]]] = [deque(maxlen=step.length) for step in steps]
        self._last: list[Stats | None] = []

    @property
    def newest(self) -> Sample[_P] | None:
        """The newest sample of the finest step."""
        return self._rings[0][-1] if self._rings[0] else None

    def freeze(self) -> tuple[tuple[Sample[_P], ...], ...]:
        """Return the samples as they are now, which never change."""
        return tuple(map(tuple, self._rings))

    def take(self, of: _P, counted: list[Stats | None], end: float) -> None:
        """Add what was counted of these things."""
        last = self.newest
        begin = last.end if last and 0 < end - last.end <= _BRIDGED else end - self._steps[0].seconds
        gaps = {place for place, stats in enumerate(counted) if stats is None}
        if last is not None and last.of is of:
            pairs = zip(self._last, counted, strict=True)
            gaps |= {
                place for place, (then, now) in enumerate(pairs) if then and now and now[_PACKETS] < then[_PACKETS]
            }
        self._last = counted
        known = [stats or _NOTHING for stats in counted] if gaps else counted
        rates = tuple(array("f", [stats[rate] for stats in known if stats is not None]) for rate in _RATES)
        for numbers in rates if gaps else ():
            for place in gaps:
                numbers[place] = GAP
        self._add(0, Sample(begin, end, of, rates, bool(gaps)))

    def _add(self, level: int, sample: Sample[_P]) -> None:
        """Add a sample to a ring; the first one of a longer step closes the one before."""
        ring = self._rings[level]
        if ring and level + 1 < len(self._rings):
            seconds = self._steps[level + 1].seconds
            slot = floor(ring[-1].end / seconds)
            if floor(sample.end / seconds) != slot:
                self._add(level + 1, _merged([one for one in ring if floor(one.end / seconds) == slot]))
        ring.append(sample)


_NOTHING: Final = Stats()


def _merged(samples: Sequence[Sample[_P]]) -> Sample[_P]:
    """Return the mean of samples, of those that are of the same things as the newest."""
    newest = samples[-1]
    alike = [one for one in samples if one.of is newest.of]
    number = len(alike)
    broken = any(one.broken for one in alike)
    rates: list[array[float]] = []
    for measure in Measure:
        columns = zip(*(one.rates[measure] for one in alike), strict=True)
        means = map(_mean, columns) if broken else (sum(column) / number for column in columns)
        rates.append(array("f", means))
    still = broken and any(GAP in numbers for numbers in rates)
    return Sample(alike[0].begin, newest.end, newest.of, tuple(rates), still)


def _mean(numbers: Sequence[float]) -> float:
    known = [number for number in numbers if number >= 0]
    return sum(known) / len(known) if known else GAP


_ServiceSample: TypeAlias = Sample[tuple[ServiceKey, ...]]
_ServerSample: TypeAlias = Sample[tuple[Members, ...]]


@dataclass(frozen=True, slots=True)
class History:
    """The samples at one moment; it never changes, and may be read by another thread than the one that goes on."""

    services: tuple[tuple[_ServiceSample, ...], ...] = ()
    servers: tuple[tuple[_ServerSample, ...], ...] = ()

    def of_director(self, measure: Measure, seconds: int, columns: int) -> list[float | None]:
        """Return the rates of all services together, as `of` does."""
        return _series(self.services, SERVICE_STEPS, lambda of: len(of), measure, seconds, columns)

    def of(self, key: ServiceKey | ServerKey, measure: Measure, seconds: int, columns: int) -> list[float | None]:
        """Return the mean rates in so many columns of some seconds each, the oldest first; None for a gap.

        Columns stand at multiples of their seconds, so that they stay what they are; the last one is not full yet.
        """
        if isinstance(key, ServerKey):
            return _series(self.servers, SERVER_STEPS, lambda of: _server_place(of, key), measure, seconds, columns)
        return _series(self.services, SERVICE_STEPS, lambda of: _place(of, key), measure, seconds, columns)

    def most(self, measure: Measure, columns: int) -> float:
        """Return the highest rate that any service had at its last readings; 0 where none is known."""
        samples = self.services[0][-columns:] if self.services else ()
        return max((max(one.rates[measure][:-1], default=0.0) for one in samples), default=0.0)


NO_HISTORY: Final = History()
"""What is known before anything was read."""


def _place(of: tuple[ServiceKey, ...], key: ServiceKey) -> int | None:
    return of.index(key) if key in of else None


def _server_place(of: tuple[Members, ...], key: ServerKey) -> int | None:
    before = 0
    for service, endpoints in of:
        if service == key.service:
            return before + endpoints.index(key.endpoint) if key.endpoint in endpoints else None
        before += len(endpoints)
    return None


def _series(
    rings: Sequence[Sequence[Sample[_P]]],
    steps: Sequence[Step],
    place: Callable[[_P], int | None],
    measure: Measure,
    seconds: int,
    columns: int,
) -> list[float | None]:
    """Return the means of one thing in columns, from the finest ring that reaches as far back, and finer ones after."""
    if not rings or not rings[0]:
        return [None] * columns
    reaching = (level for level, step in enumerate(steps) if step.seconds * step.length >= seconds * columns)
    level = next(reaching, len(steps) - 1)
    first = floor(rings[0][-1].end / seconds) - columns + 1
    found: list[list[float]] = [[] for _ in range(columns)]
    places: dict[int, int | None] = {}
    until = float("-inf")
    for sample in chain.from_iterable(reversed(rings[: level + 1])):
        if sample.end <= until:
            continue
        until = sample.end
        if id(sample.of) not in places:
            places[id(sample.of)] = place(sample.of)
        at = places[id(sample.of)]
        if at is None or (rate := sample.rates[measure][at]) < 0:
            continue
        last = floor(sample.end / seconds)
        for slot in range(min(last, floor(sample.begin / seconds) + 1), last + 1):
            if 0 <= slot - first < columns:
                found[slot - first].append(rate)
    return [sum(rates) / len(rates) if rates else None for rates in found]


class Recorder:
    """Takes one reading after the other."""

    def __init__(self) -> None:
        self._services: _Rings[tuple[ServiceKey, ...]] = _Rings(SERVICE_STEPS)
        self._servers: _Rings[tuple[Members, ...]] = _Rings(SERVER_STEPS)

    def take(self, reading: Reading) -> History:
        """Add a reading and return what is known with it; one that is not newer than the last changes nothing."""
        last = self._services.newest
        if last is None or reading.taken > last.end:
            services = _unchanged(last.of if last else (), tuple(reading.services))
            counted: list[Stats | None] = list(reading.services.values())
            self._services.take(services, [*counted, sum_stats(counted)], reading.taken)
            newest = self._servers.newest
            members = _members(reading.servers, newest.of if newest else ())
            seen = [server.stats for servers in reading.servers.values() for server in servers.values()]
            self._servers.take(members, seen, reading.taken)
        return History(self._services.freeze(), self._servers.freeze())


def _unchanged(old: tuple[ServiceKey, ...], new: tuple[ServiceKey, ...]) -> tuple[ServiceKey, ...]:
    """Return the old ones where the new ones are the same, so that samples share them."""
    return old if old == new else new


def _members(
    servers: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]], old: tuple[Members, ...]
) -> tuple[Members, ...]:
    """Return which servers were counted; what is the same as before is the same object."""
    before = {one[0]: one for one in old} if len(old) != len(servers) else None
    found: list[Members] = []
    for place, (service, counted) in enumerate(servers.items()):
        was = before.get(service) if before is not None else old[place]
        now = service, tuple(counted)
        found.append(was if was is not None and was == now else now)
    return old if len(found) == len(old) and all(map(is_, found, old)) else tuple(found)
