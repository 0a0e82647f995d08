"""A panel of toned lines under a table, hidden until it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lvstui.core.view.table import Cell, escape
from lvstui.tui.widgets.lines import STYLES


class Panel(VerticalScroll, can_focus=False):
    """Lines of cells, two blanks between; as many as half of the view shows, the rest is scrolled to."""

    DEFAULT_CSS = """
    Panel { display: none; height: auto; max-height: 50%; padding: 0 1; background: $panel; }
    Panel > Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """Lay out one text."""
        yield Static(markup=False)

    def put(self, lines: Sequence[Sequence[Cell]]) -> None:
        """Show these lines."""
        parts: list[str | tuple[str, str]] = []
        for line in lines:
            for place, cell in enumerate(line):
                parts += ["  "] if place else []
                parts.append((escape(cell.text), STYLES[cell.tone]))
            parts.append("\n")
        self.query_one(Static).update(Content.assemble(*parts[:-1]))
