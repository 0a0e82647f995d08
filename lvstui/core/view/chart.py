"""Charts in text: filled from a zero baseline, with a scale, a span in words, and what happened under the axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil, floor, log10
from typing import Final, TypeAlias

from lvstui.core.view.brief import compact
from lvstui.core.view.glyphs import Glyphs
from lvstui.core.view.table import Cell, Tone

_TOPS: Final = (1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0)

_SCALE, _WORD, _NUMBER = 5, 6, 6
"""Cells before a chart for its scale, and behind it for a word and a number."""

_WIDEST: Final = 45
"""Cells of a chart: 15 minutes at ten seconds a column."""

_SMALLEST: Final = 10

_HOUR, _DAY = 3600, 86400

Line: TypeAlias = tuple[Cell, ...]

Samples: TypeAlias = Sequence[float | None]
"""Numbers of columns side by side, the oldest first; None where nothing was read."""


class Span(Enum):
    """How far charts go back."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOUR = "hour"
    DAY = "day"

    def seconds(self, columns: int) -> int:
        """Return how many seconds each of so many columns stands for."""
        match self:
            case Span.SECONDS:
                return 1
            case Span.MINUTES:
                return 10
            case Span.HOUR:
                return ceil(_HOUR / columns)
            case Span.DAY:
                return ceil(_DAY / columns / 60) * 60

    def whole(self, columns: int) -> int:
        """Return how many seconds all columns together stand for, as one says it."""
        return {Span.HOUR: _HOUR, Span.DAY: _DAY}.get(self, self.seconds(columns) * columns)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart to be drawn: `samples` returns what each of so many columns of so many seconds holds.

    `now` is the number at this moment and `word` what it is called; with `rows` of at least 3 the mean and the top of
    the span stand below it, else the top. `marks` are what happened: how many seconds ago, and what it is called.
    """

    samples: Callable[[int, int], Samples]
    now: float | None
    word: str = "now"
    rows: int = 4
    marks: Sequence[tuple[float, str]] = ()


def scale_top(most: float) -> float:
    """Return the next round number that holds a value: 1 1.2 1.6 2 2.4 3.2 4 5 6 8, times a power of ten, from 1 on."""
    if most <= 1:
        return 1.0
    power = 10.0 ** floor(log10(most))
    return next(power * top for top in _TOPS if power * top >= most * (1 - 1e-9))


def columns_in(width: int, glyphs: Glyphs, widest: int = _WIDEST) -> int:
    """Return how many samples a chart has within `width` cells: whole minutes at ten seconds; 0 without room."""
    cells = min(widest, width - _SCALE - _WORD - _NUMBER)
    return cells * glyphs.samples // 6 * 6 if cells >= _SMALLEST else 0


def span_words(span: Span, columns: int) -> str:
    """Return in words what a chart shows: `last 15 min, 10 s a column`."""
    seconds = span.seconds(columns)
    return f"last {_time(span.whole(columns))}, {_time(seconds)} a column"


def draw(charts: Sequence[Chart], span: Span, width: int, glyphs: Glyphs, widest: int = _WIDEST) -> list[Line]:
    """Return the lines of charts of the same span one below the other, and of their axis; none where there is no room.

    What happened stands once, below the last one.
    """
    columns = columns_in(width, glyphs, widest)
    if not columns:
        return []
    lines: list[Line] = []
    for chart in charts:
        lines += _drawn(chart, chart.samples(span.seconds(columns), columns), glyphs)
    marks = [mark for chart in charts for mark in chart.marks]
    lines.append(_axis(marks, span, columns, glyphs))
    return lines


def _drawn(chart: Chart, samples: Samples, glyphs: Glyphs) -> list[Line]:
    """Return the lines of a chart.

    Its scale grows at once, and shrinks when the last number that needed it has passed by: after a whole span.
    """
    known = [sample for sample in samples if sample is not None]
    top = scale_top(max(known, default=0.0))
    dots = [_dots(sample, top, chart.rows * glyphs.levels) for sample in samples]
    facts = (
        [(chart.word, chart.now), ("mean", sum(known) / len(known)), ("top", max([*known, chart.now or 0]))]
        if known
        else []
    )
    if chart.rows < len(facts):
        del facts[1]
    lines: list[Line] = []
    for row in range(chart.rows):
        below = (chart.rows - 1 - row) * glyphs.levels
        levels = [max(0, min(glyphs.levels, number - below)) for number in dots]
        each = glyphs.samples
        drawn = "".join(glyphs.column(levels[at : at + each]) for at in range(0, len(levels), each))
        label = compact(top).replace(".0", "") if row == 0 else "0" if row == chart.rows - 1 else ""
        word, number = facts[row] if row < len(facts) else ("", None)
        lines.append(
            (
                Cell(f"{label:>{_SCALE - 1}} ", Tone.SECONDARY),
                Cell(drawn, Tone.CHART),
                Cell(f"  {word:<{_WORD - 2}}", Tone.SECONDARY),
                Cell(f"{'' if number is None else compact(number):>{_NUMBER}}"),
            )
        )
    return lines


def _dots(sample: float | None, top: float, most: int) -> int:
    """Return how high a sample stands: not at all where nothing was read, one dot for zero."""
    return 0 if sample is None else max(1, min(most, round(sample / top * most)))


def _axis(marks: Sequence[tuple[float, str]], span: Span, columns: int, glyphs: Glyphs) -> Line:
    """Return the line under charts: how long ago, with what happened at its place before all else."""
    cells, whole = columns // glyphs.samples, span.seconds(columns) * columns
    line = [" "] * cells

    def put(at: int, text: str) -> None:
        at = max(0, min(at, cells - len(text)))
        if len(text) <= cells and not "".join(line[max(0, at - 1) : at + len(text) + 1]).strip():
            line[at : at + len(text)] = text

    put(cells, "now")
    for ago, text in marks:
        if ago < whole:
            put(round((whole - ago) / whole * cells), f"^ {text}")
    shown = span.whole(columns)
    word, unit = ("h", _HOUR) if shown > _HOUR else ("min", 60) if shown % 60 == 0 else ("s", 1)
    put(0, f"{shown // unit} {word} ago")
    for third in (1, 2) if shown % (3 * unit) == 0 else ():
        put(cells * third // 3, str(shown * (3 - third) // (3 * unit)))
    return Cell(" " * _SCALE), Cell("".join(line), Tone.SECONDARY)


def _time(seconds: int) -> str:
    """Write a time in the largest unit that it is many of: `90 s`, `15 min`, `24 h`."""
    unit, size = next(((u, s) for u, s in (("h", _HOUR), ("min", 60)) if seconds % s == 0), ("s", 1))
    return f"{seconds // size} {unit}"
