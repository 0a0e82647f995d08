"""The changes view: what differs between kernel and profile, taken either way, and what was done before, taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from textual.widget import Widget
from textual.widgets import Static

from lvstui.core.change import Change, Target, undo
from lvstui.core.changes.rows import (
    CHANGE_COLUMNS,
    DriftKey,
    Key,
    Look,
    RecordKey,
    by_target,
    cells,
    chosen,
    details,
    find,
    restored,
    rows,
    sentence,
)
from lvstui.core.describe import describe
from lvstui.core.record import Record
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import escape
from lvstui.engine.messages import Adopt, Edit
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.view import View
from lvstui.tui.widgets.table import VirtualTable


class ChangesView(View):
    """The drift, line by line, above the history; whatever a key does is staged or asked first."""

    BINDINGS = commands.bindings(commands.CHANGES)
    COMMANDS = (*commands.CHANGES, *commands.EDITING)

    DEFAULT_CSS = """
    ChangesView #sentence { height: 2; padding: 0 1; color: $text-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = Look()
        self._drift: tuple[Change, ...] = ()
        self._found: Mapping[Target, Change] = {}

    def body(self) -> Sequence[Widget]:
        """Give the table of changes, and the place for what its lines have no room for."""
        return (VirtualTable[Key](), Static(id="sentence", markup=False))

    @property
    def table(self) -> VirtualTable[Key]:
        """The table of changes."""
        return self.query_one(VirtualTable)

    def focus_body(self) -> None:
        """Put the focus on the table."""
        self.table.focus()

    def show(self, snapshot: Snapshot) -> None:
        """Show drift and history as they are now."""
        if snapshot.profile.drift is not self._drift:
            self._drift = snapshot.profile.drift
            self._found = by_target(self._drift)
        found = self._found
        self.table.show(CHANGE_COLUMNS, rows(snapshot, found, self._look), lambda key: cells(snapshot, found, key))
        self._explain()

    @property
    def found(self) -> str:
        """The filter."""
        return f"filter {self._look.filter}" if self._look.filter else ""

    def offered(self) -> Sequence[Command]:
        """Leave out what neither the row under the cursor nor the marked ones have anything for."""
        lines = (*self.table.marked, self.table.cursor_key)
        drift = bool(self._drift) and any(isinstance(key, DriftKey) for key in lines)
        able = {
            "changes.restore": drift,
            "changes.adopt": drift,
            "changes.undo": self._record() is not None,
        }
        return [each for each in self.COMMANDS if able.get(each.id, True)]

    def on_virtual_table_cursor_moved(self) -> None:
        """Say the line in full, and which keys act on it."""
        self._explain()
        self.offer()

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does, but never applies."""
        if not self.pending:
            self.open_row()

    def open_row(self) -> None:
        """Show every line of a record."""
        if self.snapshot is None:
            return
        if record := self._record():
            self.app.push_screen(Listing(record.title, details(record, self.snapshot.reading.director)))
        elif isinstance(self.table.cursor_key, DriftKey):
            self.say("r stages the profile's side, s saves the kernel's side")

    def action_restore(self) -> None:
        """Stage the profile's side of what is marked or under the cursor; on the heading, of everything."""
        if self.snapshot is None or not self.editable() or not self.nothing_pending():
            return
        changes = chosen(self.snapshot, self.table.marked, self.table.cursor_key)
        if changes:
            self.stage(Edit(restored(self.snapshot, changes)))
        else:
            self.say("put the cursor on a difference, or on the heading for all of them")

    def action_adopt(self) -> None:
        """Ask, then save the kernel's side of the same into the profile."""
        if self.snapshot is None or not self.editable() or not self.nothing_pending():
            return
        changes = chosen(self.snapshot, self.table.marked, self.table.cursor_key)
        if not changes:
            self.say("put the cursor on a difference, or on the heading for all of them")
            return
        director = self.snapshot.reading.director
        lines = [describe(change, director) for change in undo(changes)]
        title = f"Save the kernel's side into {self.snapshot.profile.path}?"
        self._confirm(title, lines, "Save", lambda: self.ask(Adopt(changes)))

    def action_take_back(self) -> None:
        """Stage taking a record of the history back; the worker refuses what no longer fits."""
        record = self._record()
        if record is None:
            self.say("put the cursor on a record of the history")
        elif self.editable() and self.nothing_pending():
            self.stage(Edit(undo(record.changes)))

    def action_filter(self) -> None:
        """Filter while typing; Enter keeps the filter, Esc takes it off."""

        def typed(text: str) -> str:
            self._filter(text)
            return ""

        def done(text: str | None) -> None:
            self._filter(text or "")
            self.table.focus()

        self.prompt.ask("/", self._look.filter, done, typed)

    def action_drop(self) -> None:
        """Drop what is staged; with nothing staged, the filter."""
        if self.pending:
            super().action_drop()
        elif self._look.filter:
            self._filter("")

    def _filter(self, text: str) -> None:
        self._look = replace(self._look, filter=text)
        self.redraw()

    def _record(self) -> Record | None:
        key = self.table.cursor_key
        return find(self.snapshot, key.number) if self.snapshot and isinstance(key, RecordKey) else None

    def _explain(self) -> None:
        key = self.table.cursor_key
        if self.snapshot is not None and key is not None:
            self.query_one("#sentence", Static).update(escape(sentence(self.snapshot, self._found, key)))
