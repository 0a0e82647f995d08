"""How full the connection table is, how busy the machine: as bars, or in one line where there is no room for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from lvstui.core.snapshot import Host, Snapshot
from lvstui.core.view.bars import bar
from lvstui.core.view.brief import compact, whole
from lvstui.core.view.glyphs import Glyphs
from lvstui.core.view.table import Cell, Tone, fit

_FULL: Final = 8.0
"""Connections a bucket at which the gauge is full."""

_BUSY: Final = 60.0
"""Percent of a CPU from which on packets may be lost for want of it."""

_FULL_PERCENT: Final = 80.0
"""Percent of all CPUs, of memory and of nf_conntrack's table from which on there is little left."""

_CPUS: Final = 4
"""CPUs that have a gauge: the busiest."""

_BAR: Final = 20
_LABEL, _VALUE, _REMARK = 12, 8, 14
_COLUMN: Final = _LABEL + _VALUE + _BAR + _REMARK + 6
BOTH: Final = 110
"""Cells from which on there are two columns of gauges."""


class Gauge(NamedTuple):
    """What is measured, how much of it there is, the part of what there could be, and a word about it."""

    label: str
    value: str
    part: float
    remark: str = ""
    tick: float | None = None
    alarm: bool = False


def gauges(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Sequence[Sequence[Cell]]:
    """Return the gauges in lines, two columns of them where `width` allows."""
    left, right = [*_of_table(snapshot), *_of_machine(snapshot.host)], [*_of_cpus(snapshot.host)]
    if width < BOTH:
        return [_line(gauge, glyphs) for gauge in (*left, *right)]
    blank = [Cell(" " * (_COLUMN - 6)), Cell(""), Cell(""), Cell("")]
    pairs = zip_longest(left, right)
    return [[*(_line(one, glyphs) if one else blank), *(_line(other, glyphs) if other else ())] for one, other in pairs]


def in_one_line(snapshot: Snapshot, width: int) -> Sequence[Cell]:
    """Return as many gauges as fit, as words; what is full or busy comes first and in the tone of a warning."""
    found = sorted(
        (*_of_table(snapshot), *_of_cpus(snapshot.host), *_of_machine(snapshot.host)), key=lambda gauge: not gauge.alarm
    )
    cells: list[Cell] = []
    for gauge in found:
        text = f"{gauge.label} {gauge.value} {gauge.remark}".rstrip()
        if sum(len(cell.text) + 2 for cell in cells) + len(text) <= width:
            cells.append(Cell(text, Tone.WARN if gauge.alarm else Tone.SECONDARY))
    return cells


def _line(gauge: Gauge, glyphs: Glyphs) -> list[Cell]:
    tone = Tone.WARN if gauge.alarm else Tone.SECONDARY
    return [
        Cell(fit(gauge.label, _LABEL), Tone.SECONDARY),
        Cell(fit(gauge.value, _VALUE, right=True)),
        Cell(bar(gauge.part, _BAR, glyphs, gauge.tick), Tone.BAR),
        Cell(fit(gauge.remark, _REMARK), tone),
    ]


def _of_table(snapshot: Snapshot) -> Iterator[Gauge]:
    reading = snapshot.reading
    rows = reading.rows if reading.rows is not None else reading.connections
    buckets = reading.table.buckets if reading.table else reading.info.table_size
    chain = rows / buckets if buckets else 0.0
    alarm = chain > _FULL / 2
    yield Gauge("connections", whole(rows), chain / _FULL, f"{chain:.1f} a bucket", 1 / _FULL, alarm)
    if reading.sticky is not None:
        yield Gauge("entries", whole(reading.sticky), reading.sticky / rows if rows else 0.0, "of the above")


def _of_cpus(host: Host) -> Iterator[Gauge]:
    if host.cpu is not None:
        yield _of_cpu("cpu", host.cpu, _FULL_PERCENT)
    if host.softirqs:
        busiest = sorted(range(len(host.softirqs)), key=lambda number: -host.softirqs[number])[:_CPUS]
        for number in sorted(busiest):
            yield _of_cpu(f"softirq {number}", host.softirqs[number], _BUSY)
    elif host.softirq is not None:
        yield _of_cpu("softirq", host.softirq, _BUSY)


def _of_machine(host: Host) -> Iterator[Gauge]:
    if host.memory is not None:
        full = host.memory >= _FULL_PERCENT
        yield Gauge("memory", f"{host.memory:.0f} %", host.memory / 100, "nearly full" if full else "", alarm=full)
    if host.conntrack is not None and host.conntrack.most:
        part = host.conntrack.held / host.conntrack.most
        full = 100 * part >= _FULL_PERCENT
        remark = "nearly full" if full else f"of {compact(host.conntrack.most)}"
        yield Gauge("conntrack", whole(host.conntrack.held), part, remark, alarm=full)
    for link in host.links:
        most = max(link.in_bytes, link.out_bytes)
        drops = link.in_drops + link.out_drops
        speed = f"of {link.speed / 1000:g} Gbit/s" if link.speed else ""
        remark = f"{compact(drops)} drops/s" if drops else speed
        part = most * 8 / (link.speed * 1e6) if link.speed else 0.0
        yield Gauge(f"link {link.name}", f"{compact(most)}B/s", part, remark, alarm=bool(drops))


def _of_cpu(label: str, percent: float, limit: float) -> Gauge:
    busy = percent >= limit
    return Gauge(label, f"{percent:.0f} %", percent / 100, "busy" if busy else "", alarm=busy)
