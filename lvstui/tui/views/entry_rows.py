"""Persistence entries as rows: finding, ordering and grouping them; what is edited stands in persistence.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.widget import Widget

from lvstui.core import fields
from lvstui.core.entries.columns import ENTRY_COLUMNS, LANGUAGE, SORTABLE
from lvstui.core.entries.details import commands_for, details
from lvstui.core.entries.distribution import distribution
from lvstui.core.entries.resolve import STATES, Tied
from lvstui.core.entries.row import EntryGrouping, EntryLook, EntryRowKey, Group, group_of
from lvstui.core.entries.rows import cells, columns, members, rows, summary, tied
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import only_address
from lvstui.store.view_memory import Arrangement
from lvstui.tui import commands
from lvstui.tui.dialogs.listing import Copied, Listing
from lvstui.tui.views.scan import ScanView
from lvstui.tui.widgets.panel import Panel

_STATES = "\n        ".join(f"{word:<9} {meaning}" for word, meaning in STATES.items())

_NOTES = f"""\
An entry decides where its client's next connections go; Left counts down to when it runs out.
With rows marked, x M t act on all of them; a group stands for all of its entries.
On a kernel before 6.14 a large table takes long to read: the line above says how much was read.

What / finds (all of the terms must hold)
  10.1.0.9             the entry of this client, also where a mask widens it
  10.1.0.0/16          clients of a network
  server=web2 service=shop mark=80 left<60 left>5m conns>3 state=drain origin=sync
  !web !state=ok       the opposite of any of these
Fields  {LANGUAGE.help}

State   {_STATES}"""


class EntriesView(ScanView[EntryRowKey, EntryLook]):
    """The table of entries, in the order and in the groups that the operator wants."""

    BINDINGS = commands.bindings(commands.ENTRIES)
    NOTES = _NOTES
    EVERY_COLUMN = ENTRY_COLUMNS
    SORTABLE = SORTABLE

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = EntryLook()

    def body(self) -> Sequence[Widget]:
        """Give the line that says what is shown, the table, and the panel for the distribution."""
        return (*super().body(), Panel(id="distribution"))

    def show(self, snapshot: Snapshot) -> None:
        """Show the entries of this state in their order."""
        look = self._look
        self.table.sort = (look.sort, look.descending)
        self.table.show(columns(look), rows(snapshot, look), lambda key: cells(snapshot, look, key))
        self.tell(summary(snapshot, look, self.size.width - 2))
        panel = self.query_one("#distribution", Panel)
        if panel.display:
            panel.put(distribution(snapshot, look))

    @property
    def found(self) -> str:
        """Grouping, filter and marks, as far as they are not what one expects."""
        marked = len(self.table.marked)
        parts = (
            f"by {self._look.grouping.value}" if self._look.grouping is not EntryGrouping.NONE else "",
            f"filter {self._look.filter.text}" if self._look.filter else "",
            f"{marked} marked" if marked else "",
        )
        return "  ".join(filter(None, parts))

    @property
    def filter_text(self) -> str:
        """The filter as it was typed."""
        return self._look.filter.text

    @property
    def grouping(self) -> str:
        """Not grouped, or by what."""
        return self._look.grouping.value

    def recalled(self, last: Arrangement) -> EntryLook:
        """Arrange as last time, in the same groups."""
        grouping = next((each for each in EntryGrouping if each.value == last.grouping), EntryGrouping.NONE)
        return replace(super().recalled(last), grouping=grouping)

    def tried(self, text: str) -> None:
        """Filter while typing; a large table after Enter."""
        LANGUAGE.parse(text) if self.large else self.narrow(text)

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        self._look = replace(self._look, filter=LANGUAGE.parse(text))
        self.seek(only_address(text))
        self.redraw()

    def chosen(self) -> tuple[Tied, ...]:
        """Give the entries that are meant: the marked ones, else those of the row under the cursor."""
        if self.snapshot is None:
            return ()
        marked, cursor = self.table.marked, self.table.cursor_key
        keys = [key for key in rows(self.snapshot, self._look) if key in marked] if marked else []
        if not keys and cursor is not None:
            keys = [cursor]
        found: dict[int, Tied] = {}
        every = tied(self.snapshot)
        for key in keys:
            if isinstance(key, Group):
                found.update((id(each), each) for each in members(self.snapshot, self._look, key))
            elif key in every:
                found[id(every[key])] = every[key]
        return tuple(found.values())

    def on_virtual_table_cursor_moved(self) -> None:
        """Other keys may act on this row."""
        self.offer()

    def on_virtual_table_marks_changed(self) -> None:
        """Say how many are marked."""
        self.offer()

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does."""
        self.open_row()

    def open_row(self) -> None:
        """Unfold a group; tell everything about an entry."""
        key = self.table.cursor_key
        if isinstance(key, Group):
            self.action_fold(key in self._look.unfolded)
        elif self.snapshot is not None and (chosen := self.chosen()):
            self.app.push_screen(Listing("Persistence entry", details(self.snapshot, chosen[0])))

    def action_regroup(self) -> None:
        """Go to the next grouping: none, client network, service, server."""
        every = list(EntryGrouping)
        grouping = every[(every.index(self._look.grouping) + 1) % len(every)]
        self.rearrange(replace(self._look, grouping=grouping, unfolded=frozenset()))
        self.say("" if grouping is EntryGrouping.NONE else f"by {grouping.value}; Enter or f unfolds")

    def action_prefix(self) -> None:
        """Ask for the prefix lengths of client networks."""

        def read(text: str) -> tuple[int, int]:
            words = text.replace("/", " ").split()
            four = fields.number("prefix", words[0]) if words else 24
            six = fields.number("prefix", words[1]) if len(words) > 1 else self._look.prefixes[1]
            if four > 32:
                raise fields.FieldError("prefix", "must be 1 to 32 for IPv4; a second number is for IPv6")
            return four, six

        def typed(text: str) -> str:
            try:
                read(text)
            except fields.FieldError as error:
                return error.sentence
            return ""

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                self.rearrange(replace(self._look, prefixes=read(text), unfolded=frozenset()))

        now = " ".join(map(str, self._look.prefixes))
        self.prompt.ask("prefix length of client networks, IPv4 and IPv6", now, done, typed)

    def action_fold(self, folded: bool) -> None:
        """Fold or unfold the group that the cursor is in."""
        key = self.table.cursor_key
        if key is None or self.snapshot is None or self._look.grouping is EntryGrouping.NONE:
            return
        group = key if isinstance(key, Group) else group_of(tied(self.snapshot)[key], self._look)
        if folded:
            self.table.move_to(group)
        unfolded = self._look.unfolded
        self._look = replace(self._look, unfolded=unfolded - {group} if folded else unfolded | {group})
        self.redraw()

    def action_distribution(self) -> None:
        """Show or hide how the entries spread over the servers."""
        panel = self.query_one("#distribution", Panel)
        panel.display = not panel.display
        self.redraw()

    def action_excerpt(self) -> None:
        """Show the commands that would do what can be done here, and send them to the terminal's clipboard."""
        if self.snapshot is not None and (chosen := self.chosen()):
            self.app.push_screen(Copied("As lvstui commands", commands_for(self.snapshot, chosen)))
