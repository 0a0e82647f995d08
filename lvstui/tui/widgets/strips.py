"""The lines of a table: what they show, what differs from what they showed before, and their strips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from lvstui.core.view.table import Cell, Column, Tone, fit, layout

GUTTER = 1


class Bar(Enum):
    """The kinds of lines."""

    ROW = "row"
    CURSOR = "cursor"
    HEADER = "header"


class Place(NamedTuple):
    """Where a column stands: its place among all columns, its first cell on the line and its width."""

    source: int
    x: int
    width: int
    column: Column


class Line(NamedTuple):
    """What one line shows: its cells, each exactly as wide as its place, and the sign in the gutter."""

    bar: Bar
    sign: str
    cells: tuple[Cell, ...]


Styles = Mapping[tuple[Bar, Tone], Style]

EMPTY = Line(Bar.ROW, " ", ())


def places(columns: Sequence[Column], width: int) -> tuple[Place, ...]:
    """Return the places of the columns that fit on a line of `width` cells, behind the gutter."""
    order = {id(column): index for index, column in enumerate(columns)}
    x = GUTTER
    placed: list[Place] = []
    for column, cells in layout(columns, width - GUTTER):
        placed.append(Place(order[id(column)], x, cells, column))
        x += cells + 1
    return tuple(placed)


def header(placed: Sequence[Place], sort: tuple[str, bool] | None) -> Line:
    """Return the line of titles; the sorted column's has `^` (upwards) or `v` (downwards) behind it."""
    cells: list[Cell] = []
    for _, _, width, column in placed:
        text = fit(column.title, width, column.right)
        if sort and sort[0] == column.id:
            sign = "v" if sort[1] else "^"
            text = fit(column.title[: max(0, width - 2)] + " " + sign, width, column.right)
        cells.append(Cell(text))
    return Line(Bar.HEADER, " ", tuple(cells))


def fitted(cells: Sequence[Cell], placed: Sequence[Place]) -> tuple[Cell, ...]:
    """Return a row's cells as wide as their places; columns that are not placed are left out."""
    return tuple(
        Cell(fit(cells[source].text, width, column.right), cells[source].tone) for source, _, width, column in placed
    )


def difference(old: Line, new: Line, placed: Sequence[Place], width: int) -> tuple[int, int] | None:
    """Return the first cell in which lines differ and the one behind the last; None where they do not differ."""
    if old == new:
        return None
    if old.bar is not new.bar or len(old.cells) != len(new.cells):
        return 0, width
    changed = [place for place, before, after in zip(placed, old.cells, new.cells, strict=True) if before != after]
    start = 0 if old.sign != new.sign else changed[0].x
    # A cell's tone also colours the blank behind it.
    stop = changed[-1].x + changed[-1].width + 1 if changed else GUTTER
    return start, min(stop, width)


def strip(line: Line, placed: Sequence[Place], width: int, styles: Styles) -> Strip:
    """Return the strip of a line over `width` cells, text of the same style in one piece."""
    plain = styles[line.bar, Tone.PLAIN]
    used = GUTTER
    pieces = [(line.sign, plain)]
    for cell, place in zip(line.cells, placed, strict=False):
        used = min(place.x + place.width + 1, width)
        pieces.append((cell.text + " " * (used - place.x - place.width), styles[line.bar, cell.tone]))
    if used < width:
        pieces.append((" " * (width - used), plain))
    runs = groupby(pieces, key=itemgetter(1))
    return Strip([Segment("".join(text for text, _ in run), style) for style, run in runs], max(used, width))


class Sheet:
    """What the lines of a table show now, so that only the cells that changed are painted again."""

    def __init__(self) -> None:
        self.columns: tuple[Column, ...] = ()
        self.lines: list[Line] = []
        self._places: tuple[Place, ...] = ()
        self._width = 0
        self._fitted: dict[int, tuple[Cell, ...]] = {}

    def place(self, columns: Sequence[Column], width: int) -> None:
        """Place the columns on lines of `width` cells; everything is painted anew."""
        self.columns = tuple(columns)
        self._width = width
        self._places = places(self.columns, width)
        self._fitted.clear()
        self.lines = []

    def forget(self) -> None:
        """Ask for the cells of every row again: there is another state."""
        self._fitted.clear()

    def header(self, sort: tuple[str, bool] | None) -> Line:
        """Return the line of titles."""
        return header(self._places, sort)

    def row(self, index: int, cells: Callable[[], Sequence[Cell]], bar: Bar, sign: str) -> Line:
        """Return the line of a row, whose cells are asked for once a state."""
        shown = self._fitted.get(index)
        if shown is None:
            shown = self._fitted[index] = fitted(cells(), self._places)
        return Line(bar, sign, shown)

    def take(self, lines: list[Line]) -> Sequence[Region] | None:
        """Take the lines as they are now; return what differs from before, None where that is everything."""
        old, self.lines = self.lines, lines
        if len(lines) != len(old):
            return None
        return [
            Region(span[0], y, span[1] - span[0], 1)
            for y, (before, after) in enumerate(zip(old, lines, strict=True))
            if (span := difference(before, after, self._places, self._width))
        ]

    def strip(self, line: Line, styles: Styles) -> Strip:
        """Return the strip of a line."""
        return strip(line, self._places, self._width, styles)
