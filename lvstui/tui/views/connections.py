"""The connections view: every connection through the director, and the entry that decides where its client goes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lvstui.core import fields
from lvstui.core.entries.connection_detail import detail
from lvstui.core.entries.connections import (
    CONNECTION_COLUMNS,
    LANGUAGE,
    SORTABLE,
    ConnectionGroup,
    ConnectionGrouping,
    ConnectionKey,
    ConnectionLook,
    RowKey,
    cells,
    columns,
    connections,
    entry_of,
    group_of,
    grouped,
    rows,
    summary,
    words_of,
)
from lvstui.core.keys import with_keys
from lvstui.core.model import AddressKey, Protocol
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import only_address
from lvstui.core.view.table import Cell, Tone
from lvstui.tui.commands import Arguments, Command, bindings
from lvstui.tui.dialogs.listing import Copied
from lvstui.tui.views.editing import arranging, copying, editing
from lvstui.tui.views.finding import filtering
from lvstui.tui.views.lines import grouping
from lvstui.tui.views.table_view import Rows, TableView
from lvstui.tui.views.tracing import tracing
from lvstui.tui.views.view import View

_NOTES = f"""\
Entry is the persistence entry that decides where the client's next connections go; {{E:entries}} shows it.
A ~ marks what is uncertain: the kernel does not show the firewall mark of a connection.

What / finds (all terms must match)
  10.1.0.9             connections from or to this address
  10.1.0.0/16          clients of a network
  server=web2 service=shop state=ESTABLISHED left<60 port=443 proto=udp
  !web !state=TIME     the opposite of any of these
Fields  {LANGUAGE.help}"""

WIDE = 190
"""Columns from which on the detail stands beside the table of entries or connections, which needs most of a screen."""

Connections: TypeAlias = TableView[RowKey, ConnectionLook]


def scan_tone(snapshot: Snapshot) -> Tone:
    """Return the tone of a summary of the connection table: a warning where it was read in part only."""
    return Tone.DIM if snapshot.scan is None or snapshot.scan.whole else Tone.WARN


def _show_entry(view: Connections) -> None:
    """Go to the persistence entry of the connection's client."""
    if (key := _connection(view)) is None:
        return
    entry = entry_of(view.snapshot, key)
    if entry is None:
        view.say("no known persistence entry decides where this client goes")
    else:
        view.post_message(View.Wanted("persistence", filter=str(entry.entry.client)))


def _connection(view: Connections) -> ConnectionKey | None:
    """Return the connection under the cursor, or the first of a group."""
    key = view.table.cursor_key
    if isinstance(key, ConnectionGroup):
        return next(iter(grouped(view.snapshot, view.look).get(key, ())), None)
    return key


def _question(view: Connections) -> str:
    """Propose a packet of the connection under the cursor."""
    if (key := _connection(view)) is None:
        return ""
    protocol, client, virtual, _ = key
    target = AddressKey(Protocol(protocol), virtual.address, virtual.port)
    return f"{fields.service_text(target)} {fields.server_text(client)} established"


def _regroup(view: Connections) -> None:
    every = list(ConnectionGrouping)
    grouping = every[(every.index(view.look.grouping) + 1) % len(every)]
    view.rearrange(replace(view.look, grouping=grouping, unfolded=frozenset()))
    view.say("" if grouping is ConnectionGrouping.NONE else with_keys(f"by {grouping.value}; {{right:unfold}} unfolds"))


def _fold(view: Connections, *, folded: bool) -> None:
    """Fold or unfold the group that the cursor is in."""
    key, look = view.table.cursor_key, view.look
    group = group_of(view.snapshot, look, key) if key is not None and look.grouping is not _PLAIN else None
    if group is None:
        return
    if folded:
        view.table.move_to(group)
    view.look = replace(look, unfolded=look.unfolded - {group} if folded else look.unfolded | {group})
    view.redraw()


def _excerpt(view: Connections) -> None:
    """Copy the connection under the cursor, or all of a group, a line each as in the table."""
    key = view.table.cursor_key
    keys = grouped(view.snapshot, view.look).get(key, ()) if isinstance(key, ConnectionGroup) else [key]
    every = connections(view.snapshot)
    found = [every[one] for one in keys if one is not None and one in every]
    lines = [
        f"{fields.protocol_text(one.protocol)} {fields.server_text(one.client)} {fields.server_text(one.virtual)} "
        f"{fields.server_text(one.server)} {one.state}"
        for one in found
    ]
    if lines:
        view.app.push_screen(
            Copied("Connections: protocol, client, virtual end, server, state", {"lines": "\n".join(lines)})
        )


_PLAIN = ConnectionGrouping.NONE

_GROUPINGS = {grouping.value: grouping for grouping in ConnectionGrouping}

_ARRANGING: tuple[Command[Connections], ...] = arranging("s sort")

_EVERYWHERE: tuple[Command[Connections], ...] = editing()

_GROUP: Arguments[Connections] = grouping(tuple(_GROUPINGS))

_COMMANDS: tuple[Command[Connections], ...] = (
    tracing(_question, "T trace"),
    Command("entries", "E", "go to the persistence entry of this client", _show_entry, "E entry"),
    filtering(),
    Command("regroup", "m", "group by server and state, service or client", _regroup, "m group", arguments=_GROUP),
    *_ARRANGING,
    copying("copy this connection, or all of this group", _excerpt),
    Command("fold", "left", "fold this group", partial(_fold, folded=True)),
    Command("unfold", "right", "unfold this group", partial(_fold, folded=False)),
    *_EVERYWHERE,
)


def _empty(snapshot: Snapshot) -> str:
    if snapshot.scan is None or snapshot.scan.running:
        return "The connection table is being read ..."
    return "There is no connection now."


class ConnectionsView(TableView[RowKey, ConnectionLook]):
    """All connections, read and filtered like the persistence entries."""

    NAME = "connections"
    NOTES = _NOTES
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    SCANS = True
    BESIDE = WIDE
    ROWS = Rows(
        columns,
        rows,
        cells,
        look=ConnectionLook(),
        filtered=lambda look, text: replace(look, filter=LANGUAGE.parse(text)),
        every_column=CONNECTION_COLUMNS,
        sortable=SORTABLE,
        grouping=lambda look: look.grouping.value,
        regrouped=lambda look, word: replace(look, grouping=_GROUPINGS.get(word, _PLAIN)),
        empty=_empty,
        words=words_of,
        summary=lambda snapshot, look, width: Cell(summary(snapshot, look, width), scan_tone(snapshot)),
        detail=detail,
        wanted_client=only_address,
        path=lambda _, key: (key.name if isinstance(key, ConnectionGroup) else fields.server_text(key[1]),),
        terms=LANGUAGE.terms,
    )
