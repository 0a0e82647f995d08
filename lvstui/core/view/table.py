"""What a table is before anything draws it: columns, cells with a meaning, and text that fits a cell exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, pairwise
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from lvstui.core.view.glyphs import UNICODE, Glyphs

K = TypeVar("K", bound=Hashable)

# Printable, but blank, or of a width on which terminals and Unicode versions disagree: half jamo, fillers, hexagrams,
# pictographs.
_UNSURE = re.compile(
    "[\u115f-\u11ff\u2600-\u27bf\u2800\u3164\u4dc0-\u4dff\ud7b0-\ud7ff\uffa0\U0001d300-\U0001d37f\U0001f000-\U0001ffff]"
)
SMALLEST = 3
"""Cells below which a column is not made narrower."""

_INDENT = " +-▸▾"
_PORT = re.compile(r":\d+$")
_PORT_OF_ADDRESS = re.compile(r"(?:\]|\.\d+)(:\d+)$")


class Tone(Enum):
    """What a cell's text means; the theme gives the colour, the text itself always says it as well.

    `SECONDARY` is the second rank: addresses, units, and what is as it should be (`ok`, `done`, `saved`); `DIM` the
    third: zeros, explanations, what is off. `ACCENT` is for where one is, what one marked, and keys, `STAGED` for what
    waits for Enter, `SELECTED` for what is painted with the accent; none is ever a state. `WARN` is what a person chose
    or must end, `BAD` what clients suffer from. `BAR`, `TRACK` and `CHART` are graphics and never text.
    """

    PLAIN = "plain"
    STRONG = "strong"
    SECONDARY = "secondary"
    DIM = "dim"
    ACCENT = "accent"
    STAGED = "staged"
    SELECTED = "selected"
    WARN = "warn"
    BAD = "bad"
    BAR = "bar"
    TRACK = "track"
    CHART = "chart"


class Cell(NamedTuple):
    """Text for one cell of a row; it may hold anything, `fit` escapes it."""

    text: str
    tone: Tone = Tone.PLAIN


class Whole(Cell):
    """A cell that is not cut while those behind it have room to give, and then at its end: a client's address."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Arranged:
    """How rows are looked at: in the order of a column, by its id, without those that are hidden, in which signs."""

    sort: str = ""
    descending: bool = False
    hidden: frozenset[str] = frozenset()
    glyphs: Glyphs = UNICODE


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    `width` is in terminal cells. Priority 1 is never dropped; on a narrow screen the highest number goes first.
    `grow` is the column's share of the width that is left over, `most` the width to which it grows (0: any), `least`
    that to which it is narrowed only after others. A column that stands `behind` another holds the address of what that
    one names: dropped, its text follows the name there.
    """

    id: str
    title: str
    width: int
    priority: int
    right: bool = False
    grow: int = 0
    most: int = field(default=0, kw_only=True)
    least: int = field(default=SMALLEST, kw_only=True)
    behind: bool = field(default=False, kw_only=True)


def layout(columns: Sequence[Column], width: int) -> tuple[tuple[Column, int], ...]:
    """Choose the columns that fit into `width` cells, each with the width it gets, `gap` blanks before it.

    A column that stands behind another is kept with no width in place of being dropped. Where even the columns of
    priority 1 do not fit, the widest are made narrower, then the last are left out.
    """
    chosen = [(column, column.width) for column in columns]
    while _total(chosen) > width:
        place = max(range(len(chosen)), key=lambda index: (_drops(*chosen[index]), index), default=-1)
        if place < 0 or _drops(*chosen[place]) <= 1:
            break
        column, _ = chosen[place]
        chosen[place : place + 1] = [(column, 0)] if column.behind and place else []
    while chosen and _total(chosen) > width and max(cells for _, cells in chosen) > SMALLEST:
        place = max(range(len(chosen)), key=lambda index: _yields(*chosen[index]))
        chosen[place] = chosen[place][0], chosen[place][1] - 1
    while chosen and _total(chosen) > max(0, width):
        chosen.pop()
    return tuple(_grown(chosen, width - _total(chosen)))


def gap(before: Column, column: Column, cells: int) -> int:
    """Return how many blanks stand between two columns, the second one of so many cells.

    There are two where words follow numbers, which touch the end of their column.
    """
    if not cells:
        return 0
    return 2 if before.right and not column.right else 1


def _drops(column: Column, cells: int) -> int:
    """Return how soon a column is dropped; one that has no width any more is not."""
    return column.priority if cells else 1


def _yields(column: Column, cells: int) -> tuple[bool, int]:
    """Return how soon a column is made narrower: the widest first, of those that have more than they need."""
    return cells > max(column.least, SMALLEST), cells


def _grown(chosen: Sequence[tuple[Column, int]], spare: int) -> Iterator[tuple[Column, int]]:
    """Share the cells that are left among the columns that grow, none beyond the most that it takes."""
    growing = [column for column, cells in chosen if column.grow and cells]
    shares = sum(column.grow for column in growing)
    for column, cells in chosen:
        more = 0
        if column.grow and cells:
            more = spare * column.grow // shares
            if column.most:
                more = min(more, max(0, column.most - cells))
            spare, shares = spare - more, shares - column.grow
        yield column, cells + more


def reseat(old: Sequence[K], at: int, new: Sequence[K]) -> int:
    """Find the place in `new` of the row at `old[at]`, or of its nearest surviving neighbour: below, then above.

    Without a row to start from (`at` < 0) or a survivor it is the first row; -1 where there are no rows.
    """
    if not new:
        return -1
    if at < 0:
        return 0
    if at < len(new) and new[at] == old[at]:
        return at
    places = {key: place for place, key in enumerate(new)}
    survivors = (places[key] for key in chain(old[at:], reversed(old[:at])) if key in places)
    return next(survivors, 0)


def escape(text: str) -> str:
    r"""Show what `fields.visible` escapes, and all else without a sure width, as \xNN, \uNNNN or \UNNNNNNNN.

    In the cells of a screen no mark stays that is not composed: terminals disagree on what it takes.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in unicodedata.normalize("NFC", text))


def fit(text: str, width: int, right: bool = False, *, beginning: bool = False) -> str:
    """Make `text` exactly `width` terminal cells: escaped, padded, and cut with a sign at its end where it is too long.

    What ends in a port is cut at its start instead, as without the port services look alike, unless its `beginning`
    counts.
    """
    text = escape(text)
    missing = width - (len(text) if text.isascii() else sum(map(_cells, text)))
    if missing < 0 and width > 1 and not beginning and _PORT.search(text):
        return _cut_address(text, width)
    if missing < 0:
        text, missing = _cut(text, width)
        return text + " " * missing
    return " " * missing + text if right else text + " " * missing


def pair(name: str, address: str, first: int, between: int, second: int) -> tuple[str, str]:
    """Fit a name and its address into two columns of a table with so many blanks between, together exactly as wide.

    Without an address the name takes the room of both. An address that is too long takes what it needs from the name;
    one that has no column of its own leaves its port alone to a name that would be cut: `mail-in :25`. Blanks and fold
    marks before a name stay.
    """
    if not address:
        return fit(name, first + between + second), ""
    size = cell_count(address)
    if size <= second:
        return fit(name, first), " " * between + fit(address, second)
    room, indent = first + between + second, len(name) - len(name.lstrip(_INDENT))
    if not second and cell_count(name) + 1 + size > room and (port := _PORT_OF_ADDRESS.search(address)):
        address, size = port[1], len(port[1])
    left = min(room - size - 1, cell_count(name) if not second else room)
    if left < min(cell_count(name), indent + SMALLEST):
        return fit(name[:indent], min(indent, room)), fit(address, max(0, room - indent))
    return fit(name, left), " " + fit(address, room - left - 1)


def cell_count(text: str) -> int:
    """Return how many terminal cells a text takes once it is escaped."""
    text = escape(text)
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cut(text: str, width: int) -> tuple[str, int]:
    """Cut to `width` cells, the last one a sign; also say how many are missing because a wide character fell out."""
    if width < 1:
        return "", 0
    room = width - 1
    for place, character in enumerate(text):
        if (cells := _cells(character)) > room:
            return text[:place] + UNICODE.cut, room
        room -= cells
    return text, room + 1


def _cut_address(text: str, width: int) -> str:
    """Cut the start of what ends in a port, the first cell a sign."""
    place, room = len(text), width - 1
    while place and _cells(text[place - 1]) <= room:
        place -= 1
        room -= _cells(text[place])
    return " " * room + UNICODE.cut + text[place:]


def _cells(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escaped(character: str) -> str:
    combining = unicodedata.category(character).startswith("M")
    if character.isprintable() and not combining and not _UNSURE.match(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _total(chosen: Sequence[tuple[Column, int]]) -> int:
    gaps = sum(gap(before, column, cells) for (before, _), (column, cells) in pairwise(chosen))
    return sum(cells for _, cells in chosen) + gaps


R = TypeVar("R")
"""A row with all that is known of it."""

SortValue: TypeAlias = tuple[float | str, ...]

Value: TypeAlias = str | int | None
"""What a column holds exactly, for text and JSON; None where it is not known."""


@dataclass(frozen=True, slots=True)
class RowColumn(Column, Generic[R]):
    """One column of a view.

    Rows are put in order by `sort`, and not by this column where it is None. A column with a `value` stands in what
    `show` prints too, under `heading` (empty: the title in capitals); with `first` before, with `last` behind the
    others.
    """

    cell: Callable[[R], Cell] = field(kw_only=True)
    sort: Callable[[R], SortValue] | None = field(default=None, kw_only=True)
    value: Callable[[R], Value] | None = field(default=None, kw_only=True)
    heading: str = field(default="", kw_only=True)
    first: bool = field(default=False, kw_only=True)
    last: bool = field(default=False, kw_only=True)


_DIGITS = re.compile(r"(\d+)")


def natural(text: str) -> SortValue:
    """Return what to sort a name by, as one value: web2 stands before web10, and case does not matter."""
    parts = _DIGITS.split(text.casefold())
    return ("".join(part.zfill(20) if part.isdecimal() else part for part in parts),)


def text_column(
    id: str,
    title: str,
    width: int,
    priority: int,
    text: Callable[[R], str],
    tone: Tone = Tone.PLAIN,
    *,
    grow: int = 0,
) -> RowColumn[R]:
    """Return a column that shows a text, is sorted by it, and prints it as it is."""
    return RowColumn(
        id,
        title,
        width,
        priority,
        grow=grow,
        cell=lambda row: Cell(text(row), tone),
        sort=lambda row: (text(row),),
        value=text,
    )


def sortable(columns: Iterable[RowColumn[R]]) -> tuple[str, ...]:
    """Return the ids of the columns by which rows can be put in order."""
    return tuple(column.id for column in columns if column.sort is not None)


def shown_columns(columns: Sequence[RowColumn[R]], look: Arranged) -> tuple[RowColumn[R], ...]:
    """Return the columns that are not hidden."""
    return tuple(column for column in columns if column.id not in look.hidden)


def cells(columns: Sequence[RowColumn[R]], look: Arranged, row: R | None) -> tuple[Cell, ...]:
    """Return a row's cells, one for each column that is not hidden; empty ones for a row that is gone."""
    if row is None:
        return tuple(Cell("") for _ in shown_columns(columns, look))
    return tuple(column.cell(row) for column in columns if column.id not in look.hidden)


def row_text(found: Iterable[Cell]) -> str:
    """Return what a row's cells say in lower case, for a search."""
    return " ".join(cell.text for cell in found).casefold()


def sort_key(
    columns: Sequence[RowColumn[R]], look: Arranged, place: Callable[[R], SortValue]
) -> Callable[[R], SortValue]:
    """Return what rows are sorted by: the value in the column of `look`, and their own place where that is equal."""
    sort = next((column.sort for column in columns if column.id == look.sort), None)
    if sort is None or sort is place:
        return place
    chosen = sort
    return lambda row: (*chosen(row), *place(row))


def printed_columns(columns: Sequence[RowColumn[R]]) -> list[RowColumn[R]]:
    """Return the columns that `show` prints, in its order."""
    return sorted(
        (column for column in columns if column.value is not None), key=lambda column: column.last - column.first
    )


class Selection(Generic[K]):
    """What an operator means in a table; it stays on its rows while others come and go around them."""

    def __init__(self) -> None:
        self.keys: tuple[K, ...] = ()
        self.cursor = -1
        """The place of the row under the cursor; -1 only while there are no rows."""
        self.marked: frozenset[K] = frozenset()
        self._range_start: K | None = None

    @property
    def key(self) -> K | None:
        """The row that the cursor is on; None only while there are no rows."""
        return self.keys[self.cursor] if self.cursor >= 0 else None

    @property
    def chosen(self) -> list[K]:
        """The marked rows in their order; without marks, the row under the cursor."""
        if self.marked:
            return [key for key in self.keys if key in self.marked]
        return [] if self.key is None else [self.key]

    def show(self, keys: Sequence[K]) -> None:
        """Take other rows; the cursor stays on its row or goes to the nearest one left, marks stay on their rows."""
        old, self.keys = self.keys, tuple(keys)
        self.cursor = reseat(old, self.cursor, self.keys)
        if self.marked:
            self.marked = self.marked.intersection(self.keys)

    def move(self, place: int) -> None:
        """Put the cursor on a place, or as near to it as there is a row."""
        self.cursor = max(min(place, len(self.keys) - 1), 0 if self.keys else -1)

    def toggle(self) -> None:
        """Mark or unmark the row under the cursor."""
        if (key := self.key) is not None:
            self._range_start = key
            self.marked ^= {key}

    def mark_range(self) -> None:
        """Mark all rows from the last one marked or unmarked to the cursor."""
        if (key := self.key) is not None:
            start = self.keys.index(self._range_start) if self._range_start in self.keys else self.cursor
            first, last = sorted((start, self.cursor))
            self._range_start = key
            self.marked = self.marked.union(self.keys[first : last + 1])

    def clear(self) -> None:
        """Unmark all rows."""
        self._range_start = None
        self.marked = frozenset()
