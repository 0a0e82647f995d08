"""All advice, as a list: Enter stages the edit that follows the advice under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from lvstui.core.advice import Advice
from lvstui.core.model import ServiceKey
from lvstui.core.view.table import Cell, Column, Tone, escape
from lvstui.formats.equivalent import change_lines
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks, Line
from lvstui.tui.widgets.table import VirtualTable

_COLUMNS = (
    Column("about", "About", 20, 1, grow=1),
    Column("sentence", "Advice", 36, 1, grow=3),
    Column("edit", "Edit", 4, 1),
)


class AdviceAnswer(NamedTuple):
    """What the operator wants: the edit of an advice, or (`go`) to be shown what it is about."""

    advice: Advice
    go: bool


class AdviceScreen(Dialog[AdviceAnswer | None]):
    """Show all advice, with the reason and remedy of one below; return what to do about that one, None for nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,i", "dismiss(None)", show=False),
        Binding("enter", "accept", show=False),
        Binding("J", "go", show=False),
        Binding("right_square_bracket", "turn(1)", show=False),
        Binding("left_square_bracket", "turn(-1)", show=False),
    ]

    DEFAULT_CSS = """
    AdviceScreen { background: $background; }
    AdviceScreen > Vertical { width: 100%; height: 100%; }
    AdviceScreen #title { text-style: bold; padding: 0 1; background: $panel; }
    AdviceScreen VirtualTable { height: 1fr; min-height: 4; }
    AdviceScreen Chunks { height: auto; max-height: 55%; padding: 0 1; background: $panel; }
    AdviceScreen #foot { padding: 0 1; background: $panel; color: $text-muted; }
    """

    def __init__(self, found: Sequence[Advice], about: ServiceKey | None = None) -> None:
        """Show what was found; the cursor starts on the first that concerns `about`."""
        super().__init__()
        self._found = found
        self._start = next((n for n, advice in enumerate(found) if about and advice.concerns(about)), 0)
        self._table = VirtualTable[int](marks=False)

    def compose(self) -> ComposeResult:
        """Lay out the title, the list, the reason and remedy of one advice, and the keys."""
        count = len(self._found)
        with Vertical():
            yield Static(f"Advice: {count} problem{'' if count == 1 else 's'}", id="title", markup=False)
            yield self._table
            yield Chunks(text_id="reason")
            yield Line("foot")

    def on_mount(self) -> None:
        """Start on what concerns the row that the operator came from."""
        self._table.show(_COLUMNS, range(len(self._found)), self._cells)
        self._table.move_to(self._start)
        self._table.focus()
        self._explain()

    def on_virtual_table_cursor_moved(self) -> None:
        """Explain the advice under the cursor."""
        self._explain()

    @property
    def chosen(self) -> Advice:
        """The advice under the cursor."""
        return self._found[self._table.cursor_key or 0]

    def action_accept(self) -> None:
        """Take the edit; without one, go to what it is about."""
        self.dismiss(AdviceAnswer(self.chosen, go=not self.chosen.changes))

    def action_go(self) -> None:
        """Go to what it is about."""
        self.dismiss(AdviceAnswer(self.chosen, go=True))

    def action_turn(self, pages: int) -> None:
        """Read on, where there is more than fits."""
        self.query_one(Chunks).turn(pages)

    def _cells(self, number: int) -> Sequence[Cell]:
        advice = self._found[number]
        return Cell(advice.about, Tone.NAME), Cell(advice.sentence), Cell("edit" if advice.changes else "", Tone.DIM)

    def _explain(self) -> None:
        advice = self.chosen
        lines = self._wrapped(f"{advice.about}: {advice.sentence}")
        lines += [*self._wrapped(f"why     {advice.reason}", 8), *self._wrapped(f"remedy  {advice.remedy}", 8)]
        keys = "Enter goes there"
        if advice.changes:
            enter = "Enter asks, then makes this edit" if advice.destroys else "Enter stages this edit"
            lines += ["", f"{enter}:", *(f"  {line}" for line in change_lines(advice.changes))]
            keys = f"{enter}   J goes there"
        self.query_one(Chunks).show("", len(lines), lambda line: (lines[line],))
        self.query_one("#foot", Line).say(f"{keys}   [ ] scroll   Esc closes")

    def _wrapped(self, text: str, indent: int = 0) -> list[str]:
        return wrap(escape(text), max(20, self.size.width - 3), subsequent_indent=" " * indent)
