"""What is shown of one row beside its table: blocks of lines, and the ways in which most of them are laid out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from lvstui.core.change import Change
from lvstui.core.view.chart import Chart
from lvstui.core.view.table import Cell, Tone, cell_count, escape, fit

Line: TypeAlias = Sequence[Cell]
"""Pieces of text side by side, with nothing between them."""

Commands: TypeAlias = Callable[[Change], Sequence[str]]
"""Returns the lines of ipvsadm, sysctl or nft that do the same as a change."""

LABEL: Final = 8
"""Cells of a word at the left that says what the text beside it is."""

_APART: Final = 2


@dataclass(frozen=True, slots=True)
class Block:
    """A section of a detail.

    `title` stands at the left above it (empty: no such line), `aside` behind the title in grey, `remark` at the right
    end of that line. Texts may hold anything; they are escaped, and cut at the end of the line. Below the lines stand
    the `charts`, which have an axis together; without a remark their span stands in its place.
    """

    title: str = ""
    aside: str = ""
    remark: str = ""
    lines: Sequence[Line] = ()
    charts: Sequence[Chart] = ()


def labelled(label: str, text: str, width: int, tone: Tone = Tone.PLAIN, room: int = LABEL) -> list[Line]:
    """Return a text of any length beside a word that says what it is, in `room` cells, on lines of `width` cells."""
    first, *others = textwrap.wrap(escape(text), max(1, width - room)) or [""]
    head = (Cell(fit(label, room), Tone.SECONDARY), Cell(first, tone))
    return [head, *((Cell(" " * room), Cell(other, tone)) for other in others)]


def noted(note: str, width: int) -> list[Line]:
    """Return the note of a service; nothing where it has none."""
    return labelled("Note", note, width) if note else []


def stated(state: Cell, more: str, width: int) -> list[Line]:
    """Return a state in its tone, with what it means or what shows it."""
    (label, text), *others = labelled("State", f"{state.text}  {more}", width)
    return [(label, Cell(state.text, state.tone), Cell(text.text.removeprefix(state.text))), *others]


def under(text: str, width: int) -> list[Line]:
    """Return what explains a text that stands beside a label, below it; nothing for nothing."""
    return labelled("", text, width, Tone.SECONDARY) if text else []


def paragraph(text: str, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """Return a text of any length on lines of `width` cells; what is indented goes on two cells deeper."""
    indent = len(text) - len(text.lstrip(" "))
    deeper = " " * (indent + 2 if indent and indent + 2 < width else 0)
    lines = textwrap.wrap(escape(text), max(1, width), subsequent_indent=deeper)
    return [(Cell(line, tone),) for line in lines]


def pairs(found: Sequence[tuple[str, str]], width: int, columns: int = 3) -> list[Line]:
    """Return words with their values, as many beside each other as fit into `width` cells, up to `columns`.

    They are read line by line. What is longer than its place takes a line of its own.
    """
    if not found:
        return []
    label = max(cell_count(word) for word, _ in found) + _APART
    value = max(min(cell_count(text), width // columns - label - _APART) for _, text in found)
    count = max(1, min(columns, (width + _APART) // (label + max(value, 1) + _APART)))
    room = (width + _APART) // count - label - _APART
    lines: list[Line] = []
    line: list[Cell] = []
    for word, text in found:
        if cell_count(text) > room:
            lines += [line] if line else []
            line = []
            lines += labelled(word, text, width, room=label)
            continue
        line += [Cell(" " * _APART)] if line else []
        line += [Cell(fit(word, label), Tone.SECONDARY), Cell(fit(text, room))]
        if len(line) == 3 * count - 1:
            lines.append(line)
            line = []
    return [*lines, line] if line else lines


def columns(head: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> tuple[str, list[Line]]:
    """Return the heads of some columns as the remark of a block, and its lines: words at the left, numbers below heads.

    Each row is a word and as many numbers as there are heads, all as wide as the widest of them; where there is no room
    for all, the last columns are left out.
    """
    words = max((cell_count(row[0].text) for row in rows), default=0)
    widths = [
        max(len(title), *(cell_count(row[place].text) for row in rows)) if rows else len(title)
        for place, title in enumerate(head, 1)
    ]
    while widths and words + sum(widths) + _APART * len(widths) > width:
        widths.pop()
    lines: list[Line] = []
    numbers = sum(widths) + _APART * len(widths)
    for row in rows:
        line = [Cell(fit(row[0].text, max(0, width - numbers)), row[0].tone)]
        for cell, room in zip(row[1:], widths, strict=False):
            line.append(Cell(" " * _APART + fit(cell.text, room, right=True), cell.tone))
        lines.append(line)
    titles = (title.rjust(room) for title, room in zip(head, widths, strict=False))
    return (" " * _APART).join(titles), lines
