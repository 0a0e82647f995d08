"""The connections view: every connection through the director, and the entry that decides where its client goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from lvstui.core import fields
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
from lvstui.core.model import AddressKey, Protocol
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import only_address
from lvstui.core.view.table import Cell, Tone
from lvstui.tui.commands import Command, bindings
from lvstui.tui.views.editing import arranging, editing, filtering
from lvstui.tui.views.tracing import tracing
from lvstui.tui.views.view import Rows, TableView, View

_NOTES = f"""\
Entry is the persistence entry that decides where the client's next connections go; Enter shows it.
A ~ marks what is uncertain: the kernel does not show the firewall mark of a connection.

What / finds (all terms must match)
  10.1.0.9             connections from or to this address
  10.1.0.0/16          clients of a network
  server=web2 service=shop state=ESTABLISHED left<60 port=443 proto=udp
  !web !state=TIME     the opposite of any of these
Fields  {LANGUAGE.help}"""

Connections: TypeAlias = TableView[ConnectionKey, ConnectionLook]


def scan_tone(snapshot: Snapshot) -> Tone:
    """Return the tone of a summary of the connection table: a warning where it was read in part only."""
    return Tone.DIM if snapshot.scan is None or snapshot.scan.whole else Tone.WARN


def _open(view: Connections) -> None:
    """Go to the persistence entry of the connection's client."""
    if (key := view.table.cursor_key) is None:
        return
    entry = entry_of(view.snapshot, key)
    if entry is None:
        view.say("no known persistence entry decides where this client goes")
    else:
        view.post_message(View.Wanted("persistence", filter=str(entry.entry.client)))


def _question(view: Connections) -> str:
    """Propose a packet of the connection under the cursor."""
    if (key := view.table.cursor_key) is None:
        return ""
    protocol, client, virtual, _ = key
    target = AddressKey(Protocol(protocol), virtual.address, virtual.port)
    return f"{fields.service_text(target)} {fields.server_text(client)} established"


_ARRANGING: tuple[Command[Connections], ...] = arranging("s sort")

_COMMANDS: tuple[Command[Connections], ...] = (
    tracing(_question, "T trace"),
    filtering(),
    *_ARRANGING,
    *editing(_open),
)


class ConnectionsView(TableView[ConnectionKey, ConnectionLook]):
    """All connections, read and filtered like the persistence entries."""

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
        wanted_client=only_address,
    )
