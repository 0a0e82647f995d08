"""Marks as rows: finding, ordering and unfolding them; what is edited stands in marks.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.widget import Widget

from lvstui.core.advice.services import mark_lines
from lvstui.core.marks.columns import LANGUAGE, MARK_COLUMNS, SORTABLE
from lvstui.core.marks.details import details, title
from lvstui.core.marks.mark import STATES, mark_at, marks, summary
from lvstui.core.marks.rows import GroupRow, MarkLook, MarkRowKey, cells, columns, mark_of, rows
from lvstui.core.model import Family, MarkKey, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell, Tone
from lvstui.formats.mark_excerpt import excerpt
from lvstui.tui import commands
from lvstui.tui.dialogs.listing import Copied, Listing
from lvstui.tui.views.arranged import ArrangedView
from lvstui.tui.views.view import View
from lvstui.tui.widgets.lines import Line
from lvstui.tui.widgets.table import VirtualTable

_STATES = "\n        ".join(f"{word:<11} {meaning}" for word, meaning in STATES.items())

_NOTES = f"""\
A mark bundles ports into one service: rules of the packet filter set it, a service on it takes the packets.
Only our own table, inet lvstui, is ever written; rules of others are shown, and C adopts a copy.

What / finds (all of the terms must hold)
  web 192.0.2.10       what a mark, its rules or its servers show
  192.0.2.0/24         an address in there
  mark=80 port=443 proto=tcp table=firewalld state=no-rule packets=0
  !lvstui !state=ok    the opposite of any of these
Fields  {LANGUAGE.help}

State   {_STATES}"""


class MarkListView(ArrangedView[MarkRowKey, MarkLook]):
    """The table of marks with their rules and real servers under them, in the order that the operator wants."""

    BINDINGS = commands.bindings(commands.MARK_FINDING)
    NOTES = _NOTES
    EVERY_COLUMN = MARK_COLUMNS
    SORTABLE = SORTABLE

    DEFAULT_CSS = "MarkListView #summary { padding: 0 1; color: $text-muted; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = MarkLook()
        self.arriving: int | None = None
        """A mark that was added and is not there yet; the cursor goes to it, unless it was moved meanwhile."""

    def body(self) -> Sequence[Widget]:
        """Give the line that says what is known of rules, and the table."""
        return (Line("summary"), VirtualTable[MarkRowKey]())

    def show(self, snapshot: Snapshot) -> None:
        """Show the marks of this state in their order."""
        look = self._look
        self.table.sort = (look.sort, look.descending)
        self.table.show(columns(look), rows(snapshot, look), lambda key: cells(snapshot, look, key))
        ruleset = snapshot.reading.rules
        wrong = ruleset is None or bool(ruleset.trouble or ruleset.missing)
        self.query_one("#summary", Line).put([Cell(summary(snapshot), Tone.WARN if wrong else Tone.DIM)])
        if self.arriving is not None and self.table.move_to(GroupRow(self.arriving)):
            self.arriving = None

    @property
    def found(self) -> str:
        """Filter and marked rows."""
        marked = len(self.table.marked)
        parts = (f"filter {self._look.filter.text}" if self._look.filter else "", f"{marked} marked" if marked else "")
        return "  ".join(filter(None, parts))

    @property
    def mark(self) -> int | None:
        """The mark that the cursor is on or below; None where there is none that can be told."""
        key = self.table.cursor_key
        return (mark_of(key) or None) if key is not None else None

    def chosen(self) -> Sequence[int]:
        """Give the marks of the marked rows, else that of the row under the cursor."""
        marked, key = self.table.marked, self.table.cursor_key
        keys = [each for each in self.table.keys if each in marked] or ([key] if key is not None else [])
        return list(dict.fromkeys(mark for each in keys if (mark := mark_of(each))))

    @property
    def about(self) -> ServiceKey | None:
        """The service on the mark that the cursor is on or below, be there one or not."""
        return MarkKey(self.mark, Family.IPV4) if self.mark else None

    def find(self, wanted: View.Wanted) -> None:
        """Put the cursor on a mark, out of a filter that hides it."""
        if isinstance(wanted.row, MarkKey) and not self.table.move_to(GroupRow(wanted.row.mark)):
            self.narrow("")
            self.table.move_to(GroupRow(wanted.row.mark))

    @property
    def filter_text(self) -> str:
        """The filter as it was typed."""
        return self._look.filter.text

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        self._look = replace(self._look, filter=LANGUAGE.parse(text))
        self.redraw()

    def on_virtual_table_cursor_moved(self) -> None:
        """Other keys may act on this row."""
        self.arriving = None
        self.offer()

    def on_virtual_table_marks_changed(self) -> None:
        """Say how many are marked."""
        self.offer()

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does, but never applies."""
        if not self.pending:
            self.open_row()

    def open_row(self) -> None:
        """Tell everything about the mark."""
        key = self.table.cursor_key
        if self.snapshot is not None and key is not None:
            mark = mark_of(key)
            self.app.push_screen(
                Listing(
                    title(mark_at(self.snapshot, mark)), details(self.snapshot, mark, mark_lines(self.snapshot, mark))
                )
            )

    def action_fold(self, folded: bool) -> None:
        """Fold or unfold the mark that the cursor is on or below."""
        key = self.table.cursor_key
        if key is not None:
            mark = mark_of(key)
            if folded:
                self.table.move_to(GroupRow(mark))
            self._unfold(self._look.unfolded - {mark} if folded else self._look.unfolded | {mark})

    def action_fold_all(self) -> None:
        """Unfold all marks, or fold them when all are unfolded."""
        if self.snapshot is None:
            return
        if (key := self.table.cursor_key) is not None:
            self.table.move_to(GroupRow(mark_of(key)))
        every = frozenset(marks(self.snapshot))
        self._unfold(frozenset() if every <= self._look.unfolded else every)

    def _unfold(self, unfolded: frozenset[int]) -> None:
        self._look = replace(self._look, unfolded=unfolded)
        self.redraw()

    def action_excerpt(self) -> None:
        """Show the chosen groups as text, and send it to the terminal's clipboard."""
        if self.snapshot is not None and (lines := excerpt(self.snapshot, self.chosen())):
            self.app.push_screen(Copied("As a script for nft, and as ipvsadm commands", lines))
