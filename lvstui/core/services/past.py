"""What services and servers did lately: charts, and since when one is in trouble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from lvstui.core.events.event import Happening
from lvstui.core.history import History, Measure
from lvstui.core.model import ServerKey, ServiceKey
from lvstui.core.observed import Stats, sum_stats
from lvstui.core.services.row import ServiceLook
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import compact
from lvstui.core.view.chart import Chart, Samples
from lvstui.core.view.detail import Block, Line
from lvstui.core.view.table import Cell, Tone

_AROUND: Final = 3
"""Lines of the block of the whole view besides its chart: the title, numbers, and the axis."""


def charts(
    snapshot: Snapshot, keys: Sequence[ServiceKey | ServerKey], now: Stats | None, marks: Sequence[tuple[float, str]]
) -> Iterator[Block]:
    """Yield the charts of what some services or servers did together."""
    if now is None:
        return
    samples = partial(_samples, snapshot.history, keys)
    connections = Chart(partial(samples, Measure.CONNECTIONS), now.connection_rate, marks=marks)
    yield Block("Connections/s", charts=[connections])
    into = Chart(partial(samples, Measure.IN_BYTES), now.in_byte_rate, "in", 2)
    out = Chart(partial(samples, Measure.OUT_BYTES), now.out_byte_rate, "out", 2, marks)
    yield Block("Bytes/s", "", "in and out, each to its own scale", charts=[into, out])


def whole(snapshot: Snapshot, _look: ServiceLook, _width: int, height: int) -> Sequence[Block]:
    """Return the chart of all services, as high as fits into so many lines, with what passes now."""
    flow = sum_stats(snapshot.reading.services.values())
    if flow is None or not snapshot.reading.services:
        return ()
    now: Line = (
        *_figure("in", flow.in_byte_rate, "B/s"),
        *_figure("out", flow.out_byte_rate, "B/s"),
        *_figure("in", flow.in_packet_rate, "packets/s"),
        *_figure("out", flow.out_packet_rate, "packets/s"),
    )
    samples = partial(snapshot.history.of_director, Measure.CONNECTIONS)
    chart = Chart(samples, flow.connection_rate, rows=max(2, height - _AROUND))
    return (Block("All services, connections/s", lines=[now], charts=[chart]),)


def _figure(word: str, number: int, unit: str) -> Line:
    digits = compact(number)
    if unit == "B/s":  # kB/s is a unit, kpackets is no word
        unit, digits = f"{compact(number).lstrip('0123456789.')}{unit}", compact(number).rstrip("kMGTP")
    return Cell(f"{word} ", Tone.SECONDARY), Cell(digits), Cell(f" {unit}  ", Tone.SECONDARY)


def _samples(
    history: History, keys: Sequence[ServiceKey | ServerKey], measure: Measure, seconds: int, columns: int
) -> Samples:
    found = [history.of(key, measure, seconds, columns) for key in keys]
    return [_sum(rates) for rates in zip(*found, strict=True)]


def _sum(rates: Iterable[float | None]) -> float | None:
    """Return the sum of those that are known."""
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def marks(snapshot: Snapshot, keys: Iterable[ServerKey]) -> list[tuple[float, str]]:
    """Return how many seconds ago servers got into trouble, each time once."""
    found = (snapshot.health.get(key) for key in keys)
    since = ((snapshot.reading.taken - verdict.since, verdict.trouble.value) for verdict in found if verdict)
    return list(dict.fromkeys(since))


def seen_at(snapshot: Snapshot, key: ServerKey) -> str:
    """Return when a server was first seen in the trouble that it is in: `, seen at 02:11:40 UTC`, if that is known."""
    for event in reversed(snapshot.events):
        if event.found.happening is Happening.HEALTH and event.found.target == key:
            return f", seen at {event.time:%H:%M:%S} UTC"
    return ""
