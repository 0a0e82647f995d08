"""The connections view: every connection through the director, and the entry that decides where its client goes."""

from __future__ import annotations

from dataclasses import replace

from textual.message import Message

from lvstui.core.entries.connections import (
    CONNECTION_COLUMNS,
    LANGUAGE,
    SORTABLE,
    ConnectionKey,
    ConnectionLook,
    cells,
    columns,
    entry_of,
    rows,
    summary,
)
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import only_address
from lvstui.tui import commands
from lvstui.tui.views.scan import ScanView

_NOTES = f"""\
Entry is the persistence entry that decides where the client's next connections go; Enter goes to it.
A ~ stands before what cannot be told for sure: the kernel shows no firewall mark on connections.

What / finds (all of the terms must hold)
  10.1.0.9             connections from or to this address
  10.1.0.0/16          clients of a network
  server=web2 service=shop state=ESTABLISHED left<60 port=443 proto=udp
  !web !state=TIME     the opposite of any of these
Fields  {LANGUAGE.help}"""


class ConnectionsView(ScanView[ConnectionKey, ConnectionLook]):
    """All connections, with the same reading, filters and honesty as the entries."""

    BINDINGS = commands.bindings(commands.CONNECTIONS)
    COMMANDS = (*commands.CONNECTIONS, *commands.EDITING)
    NOTES = _NOTES
    EVERY_COLUMN = CONNECTION_COLUMNS
    SORTABLE = SORTABLE

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

    @property
    def filter_text(self) -> str:
        """The filter as it was typed."""
        return self._look.filter.text

    def tried(self, text: str) -> None:
        """Filter while typing; a large table after Enter."""
        LANGUAGE.parse(text) if self.large else self.narrow(text)

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        self._look = replace(self._look, filter=LANGUAGE.parse(text))
        self.seek(only_address(text))
        self.redraw()
