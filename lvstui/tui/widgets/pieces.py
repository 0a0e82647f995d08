"""Pieces of text at their places in a line, each with what a click on it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from textual.content import Content

M = TypeVar("M")
"""What a click on a piece means."""


class Piece(NamedTuple, Generic[M]):
    """A piece of a line: the cell where it starts, its text and style, and what a click on it means."""

    x: int
    text: str
    style: str
    meaning: M

    @property
    def end(self) -> int:
        """The cell behind it."""
        return self.x + len(self.text)


def drawn(lines: Sequence[Sequence[Piece[M]]]) -> Content:
    """Return lines of pieces in their places."""
    parts: list[str | tuple[str, str]] = []
    for line in lines:
        parts += ["\n"] if parts else []
        x = 0
        for piece in line:
            parts += [" " * (piece.x - x), (piece.text, piece.style)]
            x = piece.end
    return Content.assemble(*parts)


def clicked(line: Sequence[Piece[M]], x: int) -> M | None:
    """Return what a click on a cell of a line means; None where there is no piece."""
    return next((piece.meaning for piece in line if piece.x <= x < piece.end), None)
