"""The lines of a table: cells in columns, what of them changed since they were painted, and their strips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from lvstui.core.view.bars import parts
from lvstui.core.view.glyphs import ASCII, UNICODE, Glyphs
from lvstui.core.view.table import (
    SMALLEST,
    Cell,
    Column,
    Tone,
    Whole,
    cell_count,
    fit,
    gap,
    layout,
    pair,
)

HEADER = 1
GUTTER = 1
"""Cells before the columns, for the sign of a mark."""
EDGE = 1
"""Cells behind them, where a scroll bar is shown if there are more rows than room."""


_WORTH = 8
"""Cells that are left to a name and its port, below which they say nothing: `api :443`."""

UNFOLDED = (UNICODE.unfolded, ASCII.unfolded)
_FOLDS = (*UNFOLDED, UNICODE.folded, ASCII.folded)


class Bar(Enum):
    """The kinds of lines; `AWAY` is the cursor's while keys go elsewhere."""

    ROW = "row"
    CURSOR = "cursor"
    AWAY = "away"
    HEADER = "header"
    EMPTY = "empty"


class TableLine(NamedTuple):
    """What one line shows: the sign in the gutter, and its cells, each exactly as wide as its column."""

    bar: Bar
    sign: str
    cells: tuple[Cell, ...]


EMPTY = TableLine(Bar.ROW, " ", ())

Styles = Mapping[tuple[Bar, Tone], Style]


class _Place(NamedTuple):
    """A visible column: its index among all columns, its first cell on the line and its width."""

    source: int
    x: int
    width: int
    column: Column


class Sheet:
    """What the lines of a table show now, so that only the cells that changed are painted again."""

    def __init__(self) -> None:
        self.columns: tuple[Column, ...] = ()
        self.lines: list[TableLine] = []
        self._places: tuple[_Place, ...] = ()
        self._width = 0
        self._fitted: dict[int, tuple[Cell, ...]] = {}

    def place(self, columns: Sequence[Column], width: int) -> None:
        """Place the columns that fit on lines of `width` cells, whose first and last stay free; paint all anew."""
        self.columns, self._width = tuple(columns), width
        sources = {id(column): index for index, column in enumerate(self.columns)}
        placed: list[_Place] = []
        x = GUTTER
        for column, cells in layout(self.columns, max(0, width - GUTTER - EDGE)):
            x += gap(placed[-1].column, column, cells) if placed else 0
            placed.append(_Place(sources[id(column)], x, cells, column))
            x += cells
        self._places = tuple(placed)
        self._fitted.clear()
        self.lines = []

    @property
    def shown(self) -> Sequence[Column]:
        """The columns that have a place."""
        return [place.column for place in self._places]

    def forget(self) -> None:
        """Ask for the cells of every row again: there is another state."""
        self._fitted.clear()

    def header(self, sort: tuple[str, bool] | None, glyphs: Glyphs) -> TableLine:
        """Return the line of titles; the sorted column's stands out, and ends in a sign for the order.

        In a narrow column the sign takes the blank behind that, so that the word is whole.
        """
        titles: list[Cell] = []
        beyond, sign = -1, glyphs.descending if sort and sort[1] else glyphs.ascending
        for at, (_, _, width, column) in enumerate(self._places):
            title, tone = column.title, Tone.SECONDARY
            if sort and sort[0] == column.id:
                tone = Tone.ACCENT
                if 0 < width < len(title) + 1:
                    beyond = at
                else:
                    title += f" {sign}" if not width or width > len(title) + 1 else sign
            if titles and not width and cell_count(f"{titles[-1].text} {title}") > self._places[at - 1].width:
                # There is room for one head: that of the name, unless rows are in the order of the address.
                title, titles[-1] = "", Cell(title, tone) if tone is Tone.ACCENT else titles[-1]
            titles.append(Cell(title, tone))
        cells = list(self._fit(titles))
        if beyond >= 0:
            cells[beyond] = Cell(cells[beyond].text + sign, Tone.ACCENT)
        return TableLine(Bar.HEADER, " ", tuple(cells))

    def column_at(self, x: int) -> str:
        """Return the id of the column at a place of the line; empty where there is none."""
        return next((place.column.id for place in self._places if place.x <= x <= place.x + place.width), "")

    def fold_sign_at(self, x: int, y: int) -> str:
        """Return the sign of a row with parts, where that stands at this place; empty where something else does."""
        if y >= len(self.lines) or not self._places:
            return ""
        place = x - self._places[0].x
        text = self.lines[y].cells[0].text if self.lines[y].cells else ""
        sign = text[place : place + 1] if place >= 0 else ""
        return sign if sign in _FOLDS and not text[:place].strip() else ""

    def row(self, index: int, cells: Callable[[], Sequence[Cell]], bar: Bar, sign: str) -> TableLine:
        """Return the line of a row, whose cells are asked for once a state and made as wide as their columns."""
        shown = self._fitted.get(index)
        if shown is None:
            found = cells()
            shown = self._fitted[index] = tuple(self._fit([found[place.source] for place in self._places]))
        return TableLine(bar, sign, shown)

    def _fit(self, found: Sequence[Cell]) -> Iterator[Cell]:
        """Make cells as wide as their columns; a name and the address behind it share the room of theirs.

        An address that needs more runs over into the blanks behind it, so that it starts below the others.
        """
        widths = self._widths(found)
        at, last = 0, len(found) - 1
        while at <= last:
            place, cell, width = self._places[at], found[at], widths[at]
            beginning = isinstance(cell, Whole)
            if at < last and self._places[at + 1].column.behind:
                behind, address = self._places[at + 1], found[at + 1]
                blanks = behind.x - place.x - place.width
                over = 0
                if at + 2 <= last and behind.width and not beginning:
                    over = min(max(0, cell_count(address.text) - behind.width), self._blanks_before(at + 2, found))
                if beginning and address.text:
                    texts = fit(cell.text, width, beginning=True), " " * blanks + fit(address.text, widths[at + 1])
                else:
                    if width + widths[at + 1] < place.width + behind.width:
                        # What is left is shared anew, where it is worth anything: no address is cut.
                        width, blanks, widths[at + 1] = width + blanks + widths[at + 1], 0, 0
                        cell, address = (cell, address) if width >= _WORTH else (Cell(""), Cell(""))
                    texts = pair(cell.text, address.text, width, blanks, widths[at + 1] + over)
                yield cell._replace(text=texts[0])
                yield Cell(texts[1], address.tone)
                at += 2
                if over:
                    yield Cell(fit(found[at].text, widths[at] - over, right=True), found[at].tone)
                    at += 1
            else:
                worth = width == place.width or width >= _WORTH or place.column.right or beginning
                text = fit(cell.text if worth else "", width, place.column.right, beginning=beginning)
                yield cell._replace(text=text)
                at += 1

    def _widths(self, found: Sequence[Cell]) -> list[int]:
        """Return how wide the cells of a row are: one that must be whole takes what it needs from those behind it.

        Numbers give their blanks only, and words of state nothing: these have a least width.
        """
        widths = [place.width for place in self._places]
        if not found or not isinstance(found[0], Whole):
            return widths
        free = len(found) > 1 and self._places[1].column.behind and not found[1].text
        room = self._places[1].x + widths[1] - self._places[0].x if free else widths[0]
        needed = cell_count(found[0].text) - room
        for at in range(2 if free else 1, len(found)):
            column = self._places[at].column
            if needed <= 0 or column.least > SMALLEST:
                break
            given = min(needed, self._blanks_before(at, found) if column.right else widths[at])
            widths[at] -= given
            widths[0] += given
            needed -= given
        return widths

    def _blanks_before(self, at: int, found: Sequence[Cell]) -> int:
        """Return how many cells of a column are free before the text in it."""
        place, text = self._places[at], found[at].text
        return max(0, place.width - cell_count(text)) if place.column.right or not text else 0

    def take(self, lines: list[TableLine]) -> Sequence[Region] | None:
        """Take the lines as they are now; return what differs from before, None where that is everything."""
        old, self.lines = self.lines, lines
        if len(lines) != len(old):
            return None
        return [
            self._difference(y, before, after)
            for y, (before, after) in enumerate(zip(old, lines, strict=True))
            if before != after
        ]

    def _difference(self, y: int, old: TableLine, new: TableLine) -> Region:
        """Return the region of line `y` from the first cell that changed to the last."""
        if old.bar is not new.bar or len(old.cells) != len(new.cells):
            return Region(0, y, self._width, 1)
        changed = [at for at, (before, after) in enumerate(zip(old.cells, new.cells, strict=True)) if before != after]
        if any(self._is_shifted(at, line) for line in (old, new) for at in changed):
            return Region(0, y, self._width, 1)
        start = 0 if old.sign != new.sign or not changed else self._places[self._first_of_pair(changed[0])].x
        # A cell's tone also colours the blanks behind it.
        runs_over = bool(changed) and self._places[changed[-1]].column.behind and changed[-1] + 1 < len(new.cells)
        stop = self._end(changed[-1] + runs_over) if changed else GUTTER
        return Region(start, y, min(stop, self._width) - start, 1)

    def _is_shifted(self, at: int, line: TableLine) -> bool:
        """Return whether a cell does not stand where its column does, as one before it had to be whole."""
        if not isinstance(line.cells[0], Whole):
            return False
        at = self._first_of_pair(at)
        end = at + 1 if at + 1 < len(line.cells) and self._places[at + 1].column.behind else at
        room = self._places[end].x + self._places[end].width - self._places[at].x
        return at > 0 and sum(cell_count(cell.text) for cell in line.cells[at : end + 1]) != room

    def _first_of_pair(self, at: int) -> int:
        """Return the place from which a cell is painted: an address from where its name begins."""
        return at - 1 if at and self._places[at].column.behind else at

    def _end(self, at: int) -> int:
        """Return where the cell behind a place starts, its address counted to it."""
        if at + 1 < len(self._places) and self._places[at + 1].column.behind:
            at += 1
        return self._places[at + 1].x if at + 1 < len(self._places) else self._places[at].x + self._places[at].width + 1

    def strip(self, line: TableLine, styles: Styles) -> Strip:
        """Return the strip of a line over its whole width, text of the same style in one piece."""
        if line.bar is Bar.EMPTY:
            text = line.sign + "".join(cell.text for cell in line.cells)
            return Strip([Segment(text, styles[Bar.ROW, Tone.SECONDARY])])
        plain, width = styles[line.bar, Tone.PLAIN], self._width
        used = GUTTER
        pieces = [(line.sign, styles[line.bar, _sign_tone(line)])]
        for at, cell in enumerate(line.cells):
            place = self._places[at]
            behind = at + 1 < len(line.cells) and self._places[at + 1].column.behind  # whose text has the blanks
            used = place.x + place.width if behind else min(self._end(at), width)
            taken = place.width
            if line.bar is Bar.HEADER and not (behind or place.column.behind):
                taken = max(taken, cell_count(cell.text))  # the sign of the order may stand in the blank behind
            blanks = " " * (used - place.x - taken)
            for text, tone in parts(cell):
                pieces += _painted(text, line.bar, tone, styles)
            pieces += _painted(blanks, line.bar, cell.tone, styles)
        if used < width:
            pieces.append((" " * (width - used), plain))
        runs = groupby(pieces, key=itemgetter(1))
        return Strip([Segment("".join(text for text, _ in run), style) for style, run in runs], max(used, width))


def _sign_tone(line: TableLine) -> Tone:
    """Return the tone of the first cell: where the keys go it is the accent itself."""
    if line.bar is Bar.CURSOR:
        return Tone.SELECTED
    return Tone.PLAIN if line.sign == " " else Tone.ACCENT


def _painted(text: str, bar: Bar, tone: Tone, styles: Styles) -> Iterator[tuple[str, Style]]:
    """Yield a text with its style: blanks around it have the ground of the line, and the sign of a cut stands out."""
    style, plain = styles[bar, tone], styles[bar, Tone.PLAIN]
    words = text
    if bar is Bar.HEADER or style.bgcolor != plain.bgcolor:
        words = text.strip()
        yield text[: text.index(words)], plain
    cut = words.rstrip()
    if cut.endswith(UNICODE.cut):
        yield cut[:-1], style
        yield UNICODE.cut, styles[bar, Tone.ACCENT]
        yield words[len(cut) :], style
    elif words.startswith(UNICODE.cut):
        yield UNICODE.cut, styles[bar, Tone.ACCENT]
        yield words[1:], style
    else:
        yield words, style
    if words is not text:
        yield text[text.index(words) + len(words) :], plain
