"""The connections view: every connection through the director, and the entry that decides where its client goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

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
from lvstui.core.view.table import Cell, Tone
from lvstui.tui.commands import Command, bindings
from lvstui.tui.views.editing import choosing_columns, editing, filtering, inverting, sorting
from lvstui.tui.views.view import Rows, TableView, View

_NOTES = f"""\
Entry is the persistence entry that decides where the client's next connections go; Enter goes to it.
A ~ stands before what cannot be told for sure: the kernel shows no firewall mark on connections.

What / finds (all of the terms must hold)
  10.1.0.9             connections from or to this address
  10.1.0.0/16          clients of a network
  server=web2 service=shop state=ESTABLISHED left<60 port=443 proto=udp
  !web !state=TIME     the opposite of any of these
Fields  {LANGUAGE.help}"""

Connections: TypeAlias = TableView[ConnectionKey, ConnectionLook]


def scan_tone(snapshot: Snapshot) -> Tone:
    """Return the tone for what was read of the connection table: a warning where that is a part only."""
    return Tone.DIM if snapshot.scan is None or snapshot.scan.whole else Tone.WARN


def _open(view: Connections) -> None:
    """Go to the entry that the connection hangs on."""
    if (key := view.table.cursor_key) is None:
        return
    entry = entry_of(view.snapshot, key)
    if entry is None:
        view.say("no persistence entry decides about this connection, as far as can be told")
    else:
        view.post_message(View.Wanted("persistence", filter=str(entry.entry.client)))


_COMMANDS: tuple[Command[Connections], ...] = (
    filtering(),
    sorting("s sort"),
    inverting(),
    choosing_columns(),
    *editing(_open),
)


class ConnectionsView(TableView[ConnectionKey, ConnectionLook]):
    """All connections, with the same reading, filters and honesty as the entries."""

    NAME = "connections"
    NOTES = _NOTES
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    SCANS = True
    ROWS = Rows(
        columns,
        rows,
        cells,
        look=ConnectionLook(),
        filtered=lambda look, text: replace(look, filter=LANGUAGE.parse(text)),
        every_column=CONNECTION_COLUMNS,
        sortable=SORTABLE,
        summary=lambda snapshot, look, width: Cell(summary(snapshot, look, width), scan_tone(snapshot)),
        sought=only_address,
    )
