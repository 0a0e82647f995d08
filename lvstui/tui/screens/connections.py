"""The connections view: every connection through the director, and the entry that decides where its client goes."""

from __future__ import annotations

from dataclasses import replace

from textual.message import Message

from lvstui.core import fields
from lvstui.core.connection_rows import (
    CONNECTION_COLUMNS,
    SORTABLE,
    ConnectionKey,
    ConnectionLook,
    cells,
    columns,
    entry_of,
    rows,
    summary,
)
from lvstui.core.entry_filter import CONNECTION_FIELDS, NO_CONNECTION_FILTER, address_searched, parse_connections
from lvstui.core.snapshot import Snapshot
from lvstui.tui import commands
from lvstui.tui.scan_view import ScanView
from lvstui.tui.screens.choose_columns import Choice, ChooseColumns

_NOTES = f"""\
Entry is the persistence entry that decides where the client's next connections go; Enter goes to it.
A ~ stands before what cannot be told for sure: the kernel shows no firewall mark on connections.

What / finds (all of the terms must hold)
  10.1.0.9             connections from or to this address
  10.1.0.0/16          clients of a network
  server=web2 service=shop state=ESTABLISHED left<60 port=443 proto=udp
  !web !state=TIME     the opposite of any of these
Fields: {" ".join(CONNECTION_FIELDS)}"""


class ConnectionsView(ScanView[ConnectionKey]):
    """All connections, with the same reading, filters and honesty as the entries."""

    BINDINGS = commands.bindings(commands.CONNECTIONS)
    COMMANDS = (*commands.CONNECTIONS, *commands.EDITING)
    NOTES = _NOTES

    class EntryWanted(Message):
        """The operator wants to see the entry of one client."""

        def __init__(self, wanted: str) -> None:
            super().__init__()
            self.wanted = wanted

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = ConnectionLook()

    def show(self, snapshot: Snapshot) -> None:
        """Show the connections of this state in their order."""
        look = self._look
        self.table.sort = (look.sort, look.descending)
        self.table.show(columns(look), rows(snapshot, look), lambda key: cells(snapshot, look, key))
        self.tell(summary(snapshot, look, self.size.width - 2))

    @property
    def found(self) -> str:
        """The filter."""
        return f"filter {self._look.filter.text}" if self._look.filter else ""

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does."""
        self.open_row()

    def open_row(self) -> None:
        """Go to the entry that the connection hangs on."""
        key = self.table.cursor_key
        if key is None or self.snapshot is None:
            return
        entry = entry_of(self.snapshot, key)
        if entry is None:
            self.say("no persistence entry decides about this connection, as far as can be told")
        else:
            self.post_message(self.EntryWanted(str(entry.entry.client)))

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        wanted = parse_connections(text) if text.strip() else NO_CONNECTION_FILTER
        self._look = replace(self._look, filter=wanted)
        self.seek(address_searched(wanted.text))
        self.redraw()

    def action_drop(self) -> None:
        """Drop what is staged; with nothing staged, the filter."""
        if self.pending:
            super().action_drop()
        elif self._look.filter:
            self.narrow("")

    def action_filter(self) -> None:
        """Filter while typing (a large table after Enter); Enter keeps the filter, Esc takes it off."""

        def typed(text: str) -> str:
            try:
                parse_connections(text) if self.large else self.narrow(text)
            except fields.FieldError as error:
                return str(error)
            return ""

        def done(text: str | None) -> None:
            self.narrow(text or "")
            self.table.focus()

        self.prompt.ask("/", self._look.filter.text, done, typed)

    def action_sort(self) -> None:
        """Sort by the next column that is shown."""
        names = [name for name in SORTABLE if name not in self._look.hidden]
        place = names.index(self._look.sort) if self._look.sort in names else -1
        self._look = replace(self._look, sort=names[(place + 1) % len(names)], descending=False)
        self.redraw()

    def action_invert(self) -> None:
        """Turn the order round."""
        self._look = replace(self._look, descending=not self._look.descending)
        self.redraw()

    def action_columns(self) -> None:
        """Choose the columns."""

        def chosen(choice: Choice | None) -> None:
            if choice is not None:
                self._look = replace(self._look, hidden=choice.hidden, sort=choice.sort, descending=choice.descending)
                self.redraw()

        choice = Choice(self._look.hidden, self._look.sort, self._look.descending)
        self.app.push_screen(ChooseColumns(CONNECTION_COLUMNS, SORTABLE, choice), chosen)
