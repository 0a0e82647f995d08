"""What a table is before anything draws it: columns, cells with a meaning, and text that fits a cell exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Generic, NamedTuple, TypeAlias, TypeVar

K = TypeVar("K", bound=Hashable)

# Printable, but blank, or of a width on which terminals and Unicode versions disagree: half jamo, fillers, hexagrams,
# pictographs.
_UNSURE = re.compile(
    "[\u115f-\u11ff\u2600-\u27bf\u2800\u3164\u4dc0-\u4dff\ud7b0-\ud7ff\uffa0\U0001d300-\U0001d37f\U0001f000-\U0001ffff]"
)
_SMALLEST = 3


class Tone(Enum):
    """What a cell's text means; the theme gives the colour, the text itself always says it as well."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    STAGED = "staged"
    NAME = "name"


class Cell(NamedTuple):
    """Text for one cell of a row; it may hold anything, `fit` escapes it."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Arranged:
    """How rows are looked at: in the order of a column, by its id, and without the columns that are hidden."""

    sort: str = ""
    descending: bool = False
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    `width` is in terminal cells. Priority 1 is never dropped; on a narrow screen the highest number goes first.
    `grow` is the column's share of the width that is left over.
    """

    id: str
    title: str
    width: int
    priority: int
    right: bool = False
    grow: int = 0


def layout(columns: Sequence[Column], width: int) -> tuple[tuple[Column, int], ...]:
    """Choose the columns that fit into `width` cells, one blank between two, each with the width it gets.

    Where even the columns of priority 1 do not fit, the widest are made narrower, then the last are left out.
    """
    chosen = list(columns)
    width = max(0, width)
    while _total([column.width for column in chosen]) > width:
        place = max(range(len(chosen)), key=lambda index: (chosen[index].priority, index))
        if chosen[place].priority <= 1:
            break
        del chosen[place]
    widths = [column.width for column in chosen]
    while _total(widths) > width and max(widths) > _SMALLEST:
        widths[widths.index(max(widths))] -= 1
    while widths and _total(widths) > width:
        widths.pop()
    chosen = chosen[: len(widths)]
    shares = sum(column.grow for column in chosen)
    spare = width - _total(widths)
    for place, column in enumerate(chosen):
        if column.grow:
            part = spare * column.grow // shares
            widths[place] += part
            spare -= part
            shares -= column.grow
    return tuple(zip(chosen, widths, strict=True))


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


def fit(text: str, width: int, right: bool = False) -> str:
    """Make `text` exactly `width` terminal cells: escaped, padded, and cut with a final `~` where it is too long."""
    text = escape(text)
    missing = width - (len(text) if text.isascii() else sum(map(_cells, text)))
    if missing < 0:
        text, missing = _cut(text, width)
        return text + " " * missing
    return " " * missing + text if right else text + " " * missing


def _cut(text: str, width: int) -> tuple[str, int]:
    """Cut to `width` cells, the last one `~`; also say how many are missing because a wide character fell out."""
    if width < 1:
        return "", 0
    room = width - 1
    for place, character in enumerate(text):
        if (cells := _cells(character)) > room:
            return text[:place] + "~", room
        room -= cells
    return text, room + 1


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


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + max(0, len(widths) - 1)


R = TypeVar("R")
"""A row with all that is known of it."""

SortValue: TypeAlias = tuple[float | str, ...]

Value: TypeAlias = str | int | None
"""What a column holds exactly, for text and JSON; None where it is not known."""


@dataclass(frozen=True, slots=True)
class RowColumn(Column, Generic[R]):
    """One column of a view.

    Rows are put in order by `sort`, and not by this column where it is None. A column with a `value` stands in what
    `show` prints too, under `heading` (empty: the title in capitals); with `last` behind the others.
    """

    cell: Callable[[R], Cell] = field(kw_only=True)
    sort: Callable[[R], SortValue] | None = field(default=None, kw_only=True)
    value: Callable[[R], Value] | None = field(default=None, kw_only=True)
    heading: str = field(default="", kw_only=True)
    last: bool = field(default=False, kw_only=True)


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
    return sorted((column for column in columns if column.value is not None), key=lambda column: column.last)


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
