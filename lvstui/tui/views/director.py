"""The director view: timeouts, sync daemons and settings edited in place, and how busy table and host are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.widget import Widget
from textual.widgets import Static

from lvstui.core.change import Change
from lvstui.core.director.edits import Question, keep, question, release, removal
from lvstui.core.director.rows import DIRECTOR_COLUMNS, Look, Part, Row, cells, rows, sentence, touches
from lvstui.core.fields import ROLE_WORDS
from lvstui.core.model import SyncDaemon
from lvstui.core.rules import problems
from lvstui.core.snapshot import Snapshot
from lvstui.core.staging import merge
from lvstui.core.view.table import Tone, escape
from lvstui.engine.messages import Edit
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.views.view import View
from lvstui.tui.widgets.table import VirtualTable


class DirectorView(View):
    """What belongs to the director as a whole; Enter on a row edits it, the row's sentence stands below."""

    BINDINGS = commands.bindings(commands.DIRECTOR)
    COMMANDS = (*commands.DIRECTOR, *commands.EDITING)

    DEFAULT_CSS = """
    DirectorView #sentence { height: 4; padding: 0 1; color: $text-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = Look()

    def body(self) -> Sequence[Widget]:
        """Give the table of settings, and the place for the sentence of the row under the cursor."""
        return (VirtualTable[Row](), Static(id="sentence", markup=False))

    @property
    def table(self) -> VirtualTable[Row]:
        """The table of settings."""
        return self.query_one(VirtualTable)

    def focus_body(self) -> None:
        """Put the focus on the table."""
        self.table.focus()

    def show(self, snapshot: Snapshot) -> None:
        """Show the rows of this state."""
        look = replace(self._look, staged=self.staged.changes)
        self.table.show(DIRECTOR_COLUMNS, rows(snapshot, look), lambda row: cells(snapshot, look, row))
        self._explain()

    def stage(self, edit: Edit) -> None:
        """Stay with a daemon whose options vanish until it runs."""
        row = self.table.cursor_key
        if row and row.part is Part.SYNC and "." in row.name and not edit.changes and self._removal(row) is None:
            self.table.move_to(Row(Part.SYNC, row.name.partition(".")[0]))
        super().stage(edit)

    @property
    def found(self) -> str:
        """The filter."""
        return f"filter {self._look.filter}" if self._look.filter else ""

    def offered(self) -> Sequence[Command]:
        """Leave out what the row under the cursor has nothing for."""
        row = self.table.cursor_key
        able = {
            "director.edit": row is not None and self._question(row) is not None,
            "director.add": self._stopped() is not None,
            "delete": row is not None and self._removal(row) is not None,
            "director.release": row is not None and self._release(row) is not None,
        }
        return [each for each in self.COMMANDS if able.get(each.id, True)]

    def on_virtual_table_cursor_moved(self) -> None:
        """Say what the row is about, and which keys act on it."""
        self._explain()
        self.offer()

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does, but never applies."""
        if not self.pending:
            self.open_row()

    def open_row(self) -> None:
        """Ask for the row's value, or fold a part."""
        row = self.table.cursor_key
        if row is not None and not row.name:
            self.action_fold(row.part not in self._look.folded)
        else:
            self.action_edit()

    def action_edit(self) -> None:
        """Ask for the value of the row under the cursor."""
        row = self.table.cursor_key
        if row is None or self._question(row) is None:
            self.say("nothing can be edited in this row")
        elif self.editable():
            self._ask(row)

    def action_add(self) -> None:
        """Ask on which interface to start the sync daemon under the cursor, or the first that does not run."""
        row = self._stopped()
        if row is None:
            self.say("both sync daemons run already")
        elif self.editable():
            self.table.move_to(row)
            self._ask(row)

    def action_delete(self) -> None:
        """Ask, then stop the sync daemon under the cursor."""
        row = self.table.cursor_key
        change = self._removal(row) if row else None
        if change is None:
            self.say("only a running sync daemon can be stopped; x lets the profile leave a setting alone")
        elif isinstance(change.before, SyncDaemon) and self.editable() and self.nothing_pending():
            self.confirm(f"Stop the sync {ROLE_WORDS[change.before.role]}?", [change], "Stop")

    def action_release(self) -> None:
        """Stage that the profile no longer manages this row; the kernel keeps the value it has."""
        row = self.table.cursor_key
        change = self._release(row) if row else None
        if change is None:
            self.say("the profile leaves this row to the kernel already")
        elif self.editable():
            self.stage(Edit(merge(self.staged.changes, [change])))
            self.say("the kernel keeps what it has; the profile no longer says anything about it")

    def action_filter(self) -> None:
        """Filter while typing; Enter keeps the filter, Esc takes it off."""

        def typed(text: str) -> str:
            self._narrow(replace(self._look, filter=text))
            return ""

        def done(text: str | None) -> None:
            self._narrow(replace(self._look, filter=text or ""))
            self.table.focus()

        self.prompt.ask("/", self._look.filter, done, typed)

    def action_fold(self, folded: bool) -> None:
        """Fold or unfold the part that the cursor is in."""
        row = self.table.cursor_key
        if row is None:
            return
        if folded:
            self.table.move_to(Row(row.part))
        parts = self._look.folded
        self._narrow(replace(self._look, folded=parts | {row.part} if folded else parts - {row.part}))

    def action_drop(self) -> None:
        """Drop what is staged; with nothing staged, the filter."""
        if self.pending:
            super().action_drop()
        elif self._look.filter:
            self._narrow(replace(self._look, filter=""))

    def _narrow(self, look: Look) -> None:
        self._look = look
        self.redraw()

    def _question(self, row: Row) -> Question | None:
        if self.snapshot is None:
            return None
        return question(self.snapshot.reading.director, self.staged.changes, row, self.snapshot.interfaces)

    def _removal(self, row: Row) -> Change | None:
        return removal(self.snapshot.reading.director, row) if self.snapshot else None

    def _release(self, row: Row) -> Change | None:
        if self.snapshot is None:
            return None
        return release(self.snapshot.reading.director, self.snapshot.profile.saved, row)

    def _stopped(self) -> Row | None:
        """Find a sync daemon that could be started, the one under the cursor first."""
        if self.snapshot is None or self.snapshot.reading.director.sync is None:
            return None
        stopped = [
            Row(Part.SYNC, word) for role, word in ROLE_WORDS.items() if role not in self.snapshot.reading.director.sync
        ]
        here = self.table.cursor_key
        return here if here in stopped else next(iter(stopped), None)

    def _ask(self, row: Row) -> None:
        snapshot, found = self.snapshot, self._question(row)
        if snapshot is None or found is None:
            return

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                self._take(row, found.change(text))

        director = snapshot.reading.director
        self.prompt.ask(found.label, found.text, done, lambda text: found.wrong(text, director))

    def _take(self, row: Row, change: Change) -> None:
        """Stage an answer; the same value again is for a profile that does not hold it yet."""
        same = change.before == change.after
        if same and (row.part is Part.SYNC or self._release(row)):
            self.say("that is its value already")
        elif same:
            self.stage(Edit(merge(self.staged.changes, [keep(change)])))
        else:
            self.stage(Edit(merge(self.staged.changes, [change])))
            self._warn(change)

    def _warn(self, change: Change) -> None:
        """Say what is strange about a change that can be made all the same."""
        if self.snapshot is not None:
            found = problems(change, self.snapshot.reading.director)
            self.say(" ".join(str(problem) for problem in found), Tone.WARN)

    def _explain(self) -> None:
        row = self.table.cursor_key
        if self.snapshot is None or row is None:
            return
        look = replace(self._look, staged=self.staged.changes)
        lines = (sentence(self.snapshot, look, row), touches(self.snapshot, row))
        self.query_one("#sentence", Static).update("\n".join(map(escape, lines)))
