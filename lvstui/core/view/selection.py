"""The rows of a table by key, the cursor on one of them, and those that are marked."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from lvstui.core.view.table import reseat

K = TypeVar("K", bound=Hashable)


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
        """Take other rows; the cursor stays on its row or goes to the nearest one left, the marks stay on theirs."""
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
