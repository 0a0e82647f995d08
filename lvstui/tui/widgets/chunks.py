"""Lines about many things, of which only some are laid out at a time: thousands would keep the terminal waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from lvstui.core.view.table import escape

CHUNK = 100
"""How many things are laid out at a time."""


class Chunks(VerticalScroll, can_focus=False):
    """Scrolls through all lines; at the end of one chunk comes the next."""

    DEFAULT_CSS = "Chunks { height: auto; scrollbar-size-vertical: 1; } Chunks > Static { height: auto; }"

    def __init__(self, *, id: str | None = None, text_id: str | None = None) -> None:
        super().__init__(id=id)
        self._text_id = text_id
        self._head = ""
        self._count = 0
        self._lines: Callable[[int], Iterable[str]] = lambda _: ()
        self._first = 0

    def compose(self) -> ComposeResult:
        """Lay out the chunk."""
        yield Static(self._text(), id=self._text_id, markup=False)

    def show(self, head: str, count: int, lines: Callable[[int], Iterable[str]]) -> None:
        """Show the lines of things 0 to `count` - 1, each in one line or several, below a head (empty: none)."""
        self._head, self._count, self._lines, self._first = head, count, lines, 0
        self._draw()

    def turn(self, pages: int) -> None:
        """Go on by pages, and from the last page of a chunk to the next chunk."""
        end = self.max_scroll_y if pages > 0 else 0
        following = self._first + pages * CHUNK
        if self.scroll_y != end:
            self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)
        elif 0 <= following < self._count:
            self._first = following
            self._draw()
            if pages < 0:
                self.call_after_refresh(self.scroll_end, animate=False)

    def _draw(self) -> None:
        if self.is_mounted:
            self.query_one(Static).update(self._text())
            self.scroll_home(animate=False)

    def _text(self) -> str:
        last = min(self._first + CHUNK, self._count)
        lines = [self._head] if self._head else []
        if self._count > CHUNK:
            lines.append(f"{self._first + 1} to {last} of {self._count}:")
        for thing in range(self._first, last):
            lines += self._lines(thing)
        return "\n".join(escape(line) for line in lines)
