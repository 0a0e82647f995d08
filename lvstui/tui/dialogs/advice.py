"""All advice, as a list: Enter stages the edit that follows the advice under the cursor, T traces its packet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from textwrap import wrap
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from lvstui.core.advice import Advice, Alike
from lvstui.core.model import ServiceKey
from lvstui.core.trace.request import packet_text
from lvstui.core.view.table import Cell, Column, Tone, escape
from lvstui.formats.equivalent import change_lines
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks, Line
from lvstui.tui.widgets.table import VirtualTable

_COLUMNS = (
    Column("severity", "", 7, 1),
    Column("about", "About", 20, 1, grow=1),
    Column("sentence", "Advice", 36, 1, grow=3),
)

_WRONG, _WARNING = Cell("wrong", Tone.BAD), Cell("warning", Tone.WARN)
"""What keeps clients from being served, and what may; the doctor has the same words."""


class Wish(Enum):
    """What is to be done about an advice."""

    EDIT = "edit"
    GO = "go"
    TRACE = "trace"


class AdviceAnswer(NamedTuple):
    """What the operator wants: the edit of an advice, to be shown what it is about, or the way of its packet."""

    advice: Advice
    wish: Wish


class _Row(NamedTuple):
    """A row: of an advice, or of so `many` that say the same, which stand below it once it is unfolded."""

    advice: Advice
    place: int
    many: int = 0


class AdviceScreen(Dialog[AdviceAnswer | None]):
    """Show all advice, with the reason and remedy of one below; return what to do about that one, None for nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,i", "dismiss(None)", show=False),
        Binding("enter", "accept", show=False),
        Binding("J", "go", show=False),
        Binding("T", "trace", show=False),
        Binding("right_square_bracket", "turn(1)", show=False),
        Binding("left_square_bracket", "turn(-1)", show=False),
    ]

    DEFAULT_CSS = """
    AdviceScreen { background: $background; }
    AdviceScreen > Vertical { width: 100%; height: 100%; }
    AdviceScreen #title { text-style: bold; padding: 0 1; background: $panel; }
    AdviceScreen Chunks { height: 1fr; padding: 0 1; background: $panel; }
    AdviceScreen #foot { padding: 0 1; background: $panel; color: $text-muted; }
    """

    def __init__(self, found: Sequence[Alike], about: ServiceKey | None = None) -> None:
        """Show what was found; the cursor starts on the first that concerns `about`."""
        super().__init__()
        self._found = found
        self._unfolded: set[int] = set()
        self._rows = list(self._listed())
        self._start = next((n for n, row in enumerate(self._rows) if about and self._concerns(row, about)), 0)
        self._table = VirtualTable[int](marks=False)

    def compose(self) -> ComposeResult:
        """Lay out the title, the list, the reason and remedy of one advice, and the keys."""
        count, pieces = len(self._found), sum(len(alike.pieces) for alike in self._found)
        places = f" at {pieces:,} places" if pieces > count else ""
        harm = sum(alike.wrong for alike in self._found)
        served = f"; {harm} keep{'s' if harm == 1 else ''} clients from being served" if harm else ""
        title = f"Advice: {count} problem{'' if count == 1 else 's'}{places}{served}"
        with Vertical():
            yield Static(title, id="title", markup=False)
            yield self._table
            yield Chunks(text_id="reason")
            yield Line("foot")

    def on_mount(self) -> None:
        """Start on what concerns the row that the operator came from."""
        self._show()
        self._table.move_to(self._start)
        self._table.focus()
        self._explain()

    def on_resize(self) -> None:
        """Make the list as high as it has lines, up to a half; the rest is for the advice under the cursor."""
        self._show()
        self._explain()

    def on_virtual_table_cursor_moved(self) -> None:
        """Explain the advice under the cursor."""
        self._explain()

    @property
    def chosen(self) -> Advice:
        """The advice under the cursor."""
        return self._row.advice

    def action_accept(self) -> None:
        """Take the edit; without one, go to what it is about; unfold what stands for many."""
        row = self._row
        if row.many:
            self._unfolded ^= {row.place}
            self._rows = list(self._listed())
            self._show()
            self._explain()
        else:
            self.dismiss(AdviceAnswer(row.advice, Wish.EDIT if row.advice.changes else Wish.GO))

    def action_go(self) -> None:
        """Go to what it is about."""
        self.dismiss(AdviceAnswer(self.chosen, Wish.GO))

    def action_trace(self) -> None:
        """Show the way of the packet that shows what is wrong."""
        if self.chosen.packet is not None:
            self.dismiss(AdviceAnswer(self.chosen, Wish.TRACE))

    @property
    def _row(self) -> _Row:
        return self._rows[self._table.cursor_key or 0]

    def _listed(self) -> Iterator[_Row]:
        for place, alike in enumerate(self._found):
            many = len(alike.pieces)
            yield _Row(alike.pieces[0], place, many if many > 1 else 0)
            if place in self._unfolded:
                yield from (_Row(piece, place) for piece in alike.pieces)

    def _concerns(self, row: _Row, about: ServiceKey) -> bool:
        return any(piece.concerns(about) for piece in (self._found[row.place].pieces if row.many else (row.advice,)))

    def _show(self) -> None:
        self._table.styles.height = min(len(self._rows) + 1, max(4, self.size.height // 2 - 1))
        self._table.show(_COLUMNS, range(len(self._rows)), self._cells)

    def action_turn(self, pages: int) -> None:
        """Read on, where there is more than fits."""
        self.query_one(Chunks).turn(pages)

    def _cells(self, number: int) -> Sequence[Cell]:
        advice, place, many = self._rows[number]
        alike = self._found[place]
        severity = _WRONG if advice.wrong else _WARNING
        if many:
            return severity, Cell(alike.about, Tone.PLAIN), Cell(alike.sentence)
        indent = "  " if len(alike.pieces) > 1 else ""
        return severity, Cell(indent + advice.about, Tone.PLAIN), Cell(advice.sentence)

    def _explain(self) -> None:
        advice, place, many = self._row
        alike = self._found[place]
        said = alike if many else advice
        lines = self._wrapped(f"{said.about}: {said.sentence}")
        lines += [*self._wrapped(f"why     {advice.reason}", 8), *self._wrapped(f"remedy  {advice.remedy}", 8)]
        keys = "Enter goes there"
        if advice.packet is not None:
            lines += self._wrapped(f"packet  {packet_text(advice.packet)}", 8)
        if many:
            lines += self._wrapped(f"about   {', '.join(piece.about for piece in alike.pieces)}", 8)
            keys = "Enter unfolds"
        elif advice.changes:
            enter = "Enter asks, then makes this edit" if advice.destroys else "Enter stages this edit"
            lines += ["", f"{enter}:", *(f"  {line}" for line in change_lines(advice.changes))]
            keys = f"{enter}   J goes there"
        trace = "   T traces the packet" if advice.packet is not None else ""
        self.query_one(Chunks).show("", len(lines), lambda line: (lines[line],))
        self.query_one("#foot", Line).say(f"{keys}{trace}   [ ] scroll   Esc closes")

    def _wrapped(self, text: str, indent: int = 0) -> list[str]:
        return wrap(escape(text), max(20, self.size.width - 3), subsequent_indent=" " * indent)
