"""The dialog that chooses the columns: which are shown, and by which the rows are sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from lvstui.core.view.table import Arranged, Cell, Column, Tone
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.table import VirtualTable

_COLUMNS = (Column("shown", "", 3, 1), Column("title", "Column", 22, 1, grow=1), Column("sorted", "Sorted", 10, 1))


class ChooseColumns(Dialog[Arranged | None]):
    """Ask for the columns and the order; return the choice on Enter, None on Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,o", "dismiss(None)", show=False),
        Binding("enter", "accept", show=False),
        Binding("x,h", "show_or_hide", show=False),
        Binding("s", "sort", show=False),
    ]

    DEFAULT_CSS = """
    ChooseColumns { align: center middle; background: $background 60%; }
    ChooseColumns > Vertical {
        width: 50; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        border: solid $primary; background: $surface;
    }
    ChooseColumns VirtualTable { height: 15; }
    """

    def __init__(self, columns: Sequence[Column], sortable: Sequence[str], choice: Arranged) -> None:
        super().__init__()
        self._columns = {column.id: column for column in columns}
        self._fixed = columns[0].id
        self._sortable = sortable
        self._choice = choice

    def compose(self) -> ComposeResult:
        """Lay out the columns and what the keys do."""
        with Vertical():
            yield _Columns()
            yield Static("Space show or hide   s sort, again: reverse", markup=False)
            yield Static("Enter accepts   Esc cancels", markup=False)

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
        self.query_one(_Columns).show(_COLUMNS, tuple(self._columns), self._cells)

    def _cells(self, key: str) -> Sequence[Cell]:
        shown = key not in self._choice.hidden
        order = ("descending" if self._choice.descending else "ascending") if key == self._choice.sort else ""
        mark = "[x]" if shown else "[ ]"
        return Cell(mark), Cell(self._columns[key].title, Tone.PLAIN if shown else Tone.DIM), Cell(order, Tone.DIM)


class _Columns(VirtualTable[str]):
    """The columns to choose from; Space shows or hides one instead of marking it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "screen.show_or_hide", show=False)]
