"""One line of a table: what it shows, what differs from what it showed before, and its strip for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lvstui.core.view.table import Cell, Column, Tone, fit, layout

GUTTER = 1


class Bar(Enum):
    """What a whole line is."""

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
    """Place the columns that fit on a line of `width` cells, behind the gutter."""
    order = {id(column): index for index, column in enumerate(columns)}
    x = GUTTER
    placed: list[Place] = []
    for column, cells in layout(columns, width - GUTTER):
        placed.append(Place(order[id(column)], x, cells, column))
        x += cells + 1
    return tuple(placed)


def header(placed: Sequence[Place], sort: tuple[str, bool] | None) -> Line:
    """Make the line of titles; the sorted column's has `^` (upwards) or `v` (downwards) behind it."""
    cells: list[Cell] = []
    for _, _, width, column in placed:
        text = fit(column.title, width, column.right)
        if sort and sort[0] == column.id:
            sign = "v" if sort[1] else "^"
            text = fit(column.title[: max(0, width - 2)] + " " + sign, width, column.right)
        cells.append(Cell(text))
    return Line(Bar.HEADER, " ", tuple(cells))


def fitted(cells: Sequence[Cell], placed: Sequence[Place]) -> tuple[Cell, ...]:
    """Make a row's cells fit their places; columns that are not placed are left out."""
    return tuple(
        Cell(fit(cells[source].text, width, column.right), cells[source].tone) for source, _, width, column in placed
    )


def difference(old: Line, new: Line, placed: Sequence[Place], width: int) -> tuple[int, int] | None:
    """Say from which cell to before which one the lines differ; None where they do not."""
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
    """Draw a line over `width` cells, text of the same style in one piece."""
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
