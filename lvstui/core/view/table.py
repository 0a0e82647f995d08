"""What a table is before anything draws it: columns, cells with a meaning, and text that fits a cell exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

# Printable, but terminals and Unicode versions disagree on how wide: half jamo, fillers, hexagrams, pictographs.
_UNSURE = re.compile(
    "[\u1160-\u11ff\u2600-\u27bf\u3164\u4dc0-\u4dff\ud7b0-\ud7ff\uffa0\U0001d300-\U0001d37f\U0001f000-\U0001ffff]"
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
    r"""Show control characters, bidi overrides and all else without a sure width as \xNN, \uNNNN or \UNNNNNNNN."""
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
