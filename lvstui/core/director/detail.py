"""Everything about one row of the director view, and what the director did lately."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from lvstui.core import fields, sysctls
from lvstui.core.attributes import TIMEOUTS
from lvstui.core.change import Change, DirectorField, Target, change_sysctl, change_timeouts
from lvstui.core.director.lines import DirectorLine
from lvstui.core.director.rows import LINK, DirectorLook, DirectorRow, Part, line_of, removal, rows_of, touches
from lvstui.core.history import Measure
from lvstui.core.keys import with_keys
from lvstui.core.model import SysctlKey, Timeouts
from lvstui.core.observed import Stats
from lvstui.core.snapshot import Link, Snapshot
from lvstui.core.view.brief import compact
from lvstui.core.view.chart import Chart
from lvstui.core.view.detail import Block, Commands, Line, labelled, pairs, paragraph
from lvstui.core.view.past import changes
from lvstui.core.view.table import Tone
from lvstui.core.words import count

_AROUND: Final = 2
"""Lines of the block of the whole director besides its charts: the title and the axis."""


def detail(snapshot: Snapshot, look: DirectorLook, row: DirectorRow, width: int, commands: Commands) -> Sequence[Block]:
    """Return what is known of a row."""
    if not row.name:
        return [*_of_part(snapshot, look, row.part, width)]
    line = line_of(snapshot, look, row)
    return [*_of_row(snapshot, row, line, width, commands), *_numbers(snapshot, row, width)]


def whole(snapshot: Snapshot, _look: DirectorLook, _width: int, height: int) -> Sequence[Block]:
    """Return the charts of what all services did together, as high as fits into so many lines."""
    total = snapshot.reading.total
    if total is None:
        return ()
    title = "All services, connections/s and bytes/s out"
    return (Block(title, charts=_charts(snapshot, total, max(2, (height - _AROUND) // 2))),)


def _charts(snapshot: Snapshot, total: Stats, rows: int) -> Sequence[Chart]:
    samples = snapshot.history.of_director
    return (
        Chart(partial(samples, Measure.CONNECTIONS), total.connection_rate, "conn", rows),
        Chart(partial(samples, Measure.OUT_BYTES), total.out_byte_rate, "out", rows),
    )


def _of_part(snapshot: Snapshot, look: DirectorLook, part: Part, width: int) -> Iterator[Block]:
    """Yield how many rows a part has, and which of them are not at their default."""
    lines = [line_of(snapshot, look, row) for row in rows_of(snapshot, look, part)]
    changed = [line for line in lines if line.default and line.value.text != line.default]
    yield Block(part.value, "", count(len(lines), "row"))
    if any(line.default for line in lines):
        shown: list[Line] = []
        for line in changed:
            shown += paragraph(f"{line.title} {line.value.text}, default {line.default}", width)
        yield Block("Not at their default", "", "" if changed else "none", shown)


def _of_row(
    snapshot: Snapshot, row: DirectorRow, line: DirectorLine, width: int, commands: Commands
) -> Iterator[Block]:
    """Yield a row's value beside its default and the profile, what it is, what it touches, and the way back."""
    found = [("value", line.value.text), ("default", line.default), ("profile", _profile(snapshot, row, line))]
    lines: list[Line] = [*pairs([(word, text) for word, text in found if text], width)]
    lines += paragraph(line.sentence, width)
    if scope := touches(snapshot, row):
        lines += paragraph(scope, width)
    yield Block(line.title, row.part.value, lines=lines)
    if way := _to_default(snapshot, row):
        title = "Stop it" if row.part is Part.SYNC else "To the default"
        yield Block(
            title,
            "",
            with_keys("{Del:delete} asks first") if row.part is Part.SYNC else with_keys("{e:director.edit} edits"),
            [*_command(way, width, commands)],
        )
    if (target := target_of(row)) is not None:
        yield from changes(snapshot, target, "the timeouts" if row.part is Part.TIMEOUTS else line.title)


def _command(change: Change, width: int, commands: Commands) -> Iterator[Line]:
    for text in commands(change):
        yield from paragraph(text, width, Tone.SECONDARY)


def _profile(snapshot: Snapshot, row: DirectorRow, line: DirectorLine) -> str:
    """Return how the profile stands to a row that it can manage, in words."""
    if target_of(row) is None:
        return ""
    if snapshot.profile.saved is None:
        return "none"
    match line.profile.text:
        case "saved":
            return "saved, the same"
        case "":
            return "leaves it to the kernel"
        case text:
            return f"says {text}"


def target_of(row: DirectorRow) -> Target | None:
    """Return what a change of a row is about; None where nothing is edited there."""
    match row:
        case DirectorRow(Part.TIMEOUTS):
            return DirectorField.TIMEOUTS
        case DirectorRow(Part.SYSCTL, name):
            return SysctlKey(name)
        case DirectorRow(Part.SYNC, name):
            return fields.role(name.partition(".")[0])
        case _:
            return None


def _to_default(snapshot: Snapshot, row: DirectorRow) -> Change | None:
    """Return the change that brings a row to its default; None where it is there, or has none."""
    running = snapshot.reading.director
    match row:
        case DirectorRow(Part.TIMEOUTS, name) if running.timeouts:
            default = TIMEOUTS.assign(running.timeouts, {name: TIMEOUTS[name].text(Timeouts())})
            return change_timeouts(running.timeouts, default) if default != running.timeouts else None
        case DirectorRow(Part.SYSCTL, name) if name in sysctls.SETTINGS and sysctls.writable(name):
            value, default_text = running.sysctl.get(name), sysctls.SETTINGS[name].default
            if value is None or not default_text or sysctls.same(name, value, default_text):
                return None
            return change_sysctl(name, value, default_text)
        case DirectorRow(Part.SYNC, name) if "." not in name:
            return removal(running, row)
        case _:
            return None


def _numbers(snapshot: Snapshot, row: DirectorRow, width: int) -> Iterator[Block]:
    """Yield the numbers of what is only counted, with charts of what the history has."""
    reading = snapshot.reading
    match row:
        case DirectorRow(Part.TABLE, "all services") if reading.total is not None:
            yield Block("Totals", "", "since IPVS was loaded", pairs(_counted(reading.total), width))
            yield Block("Connections/s and bytes/s out", charts=_charts(snapshot, reading.total, 4))
        case DirectorRow(Part.CPUS, name):
            yield Block("Totals", "", "since IPVS was loaded", pairs(_counted(reading.cpus[int(name)]), width))
        case DirectorRow(Part.HOST, "softirq") if snapshot.host.softirqs:
            each = [(f"cpu {number}", f"{percent:.0f}%") for number, percent in enumerate(snapshot.host.softirqs)]
            yield Block("By CPU", "", "since the reading before", pairs(each, width, 6))
        case DirectorRow(Part.HOST, name) if name.startswith(LINK):
            link = next(link for link in snapshot.host.links if LINK + link.name == name)
            yield Block("A second", lines=[*_of_link(link, width)])
        case _:
            return


def _of_link(link: Link, width: int) -> Iterator[Line]:
    """Yield what passes a network interface each second, and the part of its speed that this is."""
    found = [
        ("bytes in", compact(link.in_bytes)),
        ("packets in", compact(link.in_packets)),
        ("drops in", compact(link.in_drops)),
        ("bytes out", compact(link.out_bytes)),
        ("packets out", compact(link.out_packets)),
        ("drops out", compact(link.out_drops)),
    ]
    yield from pairs(found, width)
    if link.speed:
        part = max(link.in_bytes, link.out_bytes) * 8 / (link.speed * 1e6)
        yield from labelled("Speed", f"{link.speed / 1000:g} Gbit/s, {part:.0%} of it in use", width)


def _counted(stats: Stats) -> list[tuple[str, str]]:
    """Return what the kernel counted, words with numbers."""
    return [
        ("connections", compact(stats.connections)),
        ("packets in", compact(stats.in_packets)),
        ("packets out", compact(stats.out_packets)),
        ("bytes in", compact(stats.in_bytes)),
        ("bytes out", compact(stats.out_bytes)),
    ]
