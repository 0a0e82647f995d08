"""The dialog that chooses the columns: which are shown, and by which the rows are sorted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from lvstui.core.view.table import Arranged, Cell, Column, Tone
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Line
from lvstui.tui.widgets.table import VirtualTable

_COLUMNS = (
    Column("shown", "", 3, 1),
    Column("title", "Column", 12, 1, grow=1),
    Column("room", "", 11, 1),
    Column("sorted", "Sorted", 10, 1),
)


class ChooseColumns(Dialog[Arranged | None]):
    """Ask for the columns and the order; return the choice on Enter, None on Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,o", "dismiss(None)", show=False),
        Binding("enter", "accept", show=False),
        Binding("x,h", "show_or_hide", show=False),
        Binding("s", "sort", show=False),
    ]

    DEFAULT_CSS = """
    ChooseColumns { align: center middle; background: transparent; }
    ChooseColumns > Vertical {
        width: 50; max-width: 100%; height: auto; max-height: 100%; padding: 0 0 1 0; background: $dialog;
    }
    ChooseColumns #title { width: 100%; padding: 0 1; text-style: bold; background: $accent; color: $text-on-accent; }
    ChooseColumns #room, ChooseColumns .keys { padding: 0 1; color: $secondary; }
    ChooseColumns VirtualTable { height: 15; background: $dialog; }
    """

    def __init__(
        self,
        columns: Sequence[Column],
        sortable: Sequence[str],
        choice: Arranged,
        room: Callable[[Arranged], Collection[str]],
    ) -> None:
        """Ask about columns; `room` returns those that there is room for with a choice."""
        super().__init__()
        self._columns = {column.id: column for column in columns}
        self._fixed = columns[0].id
        self._sortable = sortable
        self._choice = choice
        self._room = room
        self._fits: Collection[str] = ()

    def compose(self) -> ComposeResult:
        """Lay out the columns and what the keys do."""
        with Vertical():
            yield Static("Columns, and the order of the rows", id="title", markup=False)
            yield _Columns()
            yield Line("room")
            yield Static("Space show or hide   s sort, again: reverse", classes="keys", markup=False)
            yield Static("Enter accepts   Esc cancels", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Start on the first column."""
        self._show()
        self.query_one(_Columns).focus()

    def action_show_or_hide(self) -> None:
        """Show or hide the column; the first one says what a row is and is always shown."""
        key = self.query_one(_Columns).cursor_key
        if key is not None and key != self._fixed:
            self._choice = replace(self._choice, hidden=self._choice.hidden ^ {key})
            self._show()

    def action_sort(self) -> None:
        """Sort by the column, or reverse the order where it is sorted by already."""
        key = self.query_one(_Columns).cursor_key
        if key is not None and key in self._sortable:
            again = key == self._choice.sort
            self._choice = replace(self._choice, sort=key, descending=again and not self._choice.descending)
            self._show()

    def action_accept(self) -> None:
        """Return the choice."""
        self.dismiss(self._choice)

    def _show(self) -> None:
        self._fits = self._room(self._choice)
        without = [key for key in self._columns if key not in self._choice.hidden and key not in self._fits]
        many = f"{len(without)} of those shown {'has' if len(without) == 1 else 'have'} no room: hide others"
        self.query_one("#room", Line).say(many if without else "all of those shown have room", Tone.SECONDARY)
        self.query_one(_Columns).show(_COLUMNS, tuple(self._columns), self._cells)

    def _cells(self, key: str) -> Sequence[Cell]:
        shown = key not in self._choice.hidden
        order = ("descending" if self._choice.descending else "ascending") if key == self._choice.sort else ""
        mark = "[x]" if shown else "[ ]"
        room = Cell("no room now", Tone.WARN) if shown and key not in self._fits else Cell("")
        title = Cell(self._columns[key].title, Tone.PLAIN if shown else Tone.DIM)
        return Cell(mark), title, room, Cell(order, Tone.DIM)


class _Columns(VirtualTable[str]):
    """The columns to choose from; Space shows or hides one instead of marking it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "screen.show_or_hide", show=False)]
