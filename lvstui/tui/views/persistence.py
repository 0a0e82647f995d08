"""The persistence view: which client sticks to which real server, live, and edited in place."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core import fields
from lvstui.core.entries.request import Deed, Wish, pin_of, pin_text, usual_seconds
from lvstui.core.entries.rows import found
from lvstui.core.entries.rules import closed
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.engine.messages import EditEntries, StopEntries
from lvstui.tui import commands
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.views.entry_rows import EntriesView


class PersistenceView(EntriesView):
    """Persistence entries, alone or in groups; every edit asks first and says afterwards what was seen."""

    BINDINGS = commands.bindings(commands.PERSISTENCE)
    COMMANDS = (*commands.PERSISTENCE, *commands.ENTRIES, *commands.EDITING)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._editing_entries = False
        self._moving_all = False

    def show(self, snapshot: Snapshot) -> None:
        """Show the entries of this state; ask about all of them where that was wanted and they are known now."""
        super().show(snapshot)
        if self._moving_all and snapshot.scan is not None:
            self._moving_all = False
            self._move_all(snapshot)

    def action_drop(self) -> None:
        """Stop edits that are under way; else drop the filter."""
        if self._editing_entries:
            self.ask(StopEntries())
            self.say("stopping after the entries in hand", Tone.WARN)
        else:
            super().action_drop()

    @property
    def busy(self) -> str:
        """Edits of entries that have not ended."""
        return (
            "edits of entries are under way: those that are not in hand are not made" if self._editing_entries else ""
        )

    def action_expire(self) -> None:
        """Ask, then let the chosen entries run out."""
        self._wish(Deed.EXPIRE)

    def action_move(self) -> None:
        """Ask where to, then move the chosen clients."""
        self._wish(Deed.MOVE)

    def move_all(self) -> None:
        """Ask where to, then move everybody that the filter finds; asked once the entries are known."""
        self._moving_all = True
        self.redraw()

    def _move_all(self, snapshot: Snapshot) -> None:
        chosen = tuple(each for each in found(snapshot, self._look).values() if each.state != "void")
        if not chosen:
            self.say("no client sticks there, as far as the table was read")
        elif self._able():
            self._open(Wish(Deed.MOVE, chosen))
            if snapshot.scan is not None and not snapshot.scan.whole:
                self.say("the table is known in part only: these are the clients found so far", Tone.WARN)

    def action_time(self) -> None:
        """Ask for the time that the chosen entries are to have left."""
        self._wish(Deed.TIME)

    def action_pin(self) -> None:
        """Ask for a client, with or without an entry, and for the server that it is to stick to."""
        if self.snapshot is None or not self._able():
            return
        chosen, director = self.chosen(), self.snapshot.reading.director

        def typed(text: str) -> str:
            try:
                pin_of(text, director)
            except fields.FieldError as error:
                return error.sentence
            return ""

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                self._open(pin_of(text, director))

        self.prompt.ask("pin CLIENT SERVICE", pin_text(chosen[0], director) if chosen else "", done, typed)

    def _wish(self, deed: Deed) -> None:
        chosen = self.chosen()
        if chosen and self._able():
            self._open(Wish(deed, chosen))

    def _able(self) -> bool:
        """Tell whether entries can be edited now, and say why not."""
        if self.snapshot is None or not self.editable():
            return False
        if reason := closed(self.snapshot.reading.director):
            self.say(reason, Tone.WARN)
            return False
        if self._editing_entries:
            self.say("edits of entries are under way: Esc stops them", Tone.WARN)
        return not self._editing_entries

    def _open(self, wish: Wish) -> None:
        if self.snapshot is None:
            return
        wish = replace(wish, seconds=usual_seconds(self.snapshot, wish))
        self.app.push_screen(EntryDialog(self.snapshot, wish), self._asked)

    def _asked(self, request: EditEntries | None) -> None:
        if request is not None:
            self._editing_entries = True
            self.table.clear_marks()
            self.say(f"editing {len(request.edits)} entr{'y' if len(request.edits) == 1 else 'ies'} ...")
            self.ask(request)

    def ended(self) -> None:
        """Take note that no edits are under way any more."""
        self._editing_entries = False
