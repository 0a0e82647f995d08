"""Connections on the command line: `connections` lists those that a filter finds, as the connections view does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lvstui.commands.place import OpenPlace, Status, columns_of, complain, print_json, read_snapshot
from lvstui.core import fields
from lvstui.core.describe import masked_client_text
from lvstui.core.entries.columns import seconds_left
from lvstui.core.entries.connections import (
    CONNECTION_COLUMNS,
    LANGUAGE,
    ConnectionLook,
    ConnectionRow,
    Services,
    connections,
    entry_of,
    found,
)
from lvstui.core.entries.resolve import ResolvedEntry, has_engine
from lvstui.core.entries.rows import completeness
from lvstui.core.observed import Scan
from lvstui.core.snapshot import Snapshot
from lvstui.engine.scanner import read_table
from lvstui.formats.json import Table

_BUDGET: Final = 60.0
"""Seconds that reading the connection table may take; what was read by then is printed, and that it is not all."""


def show(options: Namespace, open_place: OpenPlace) -> int:
    """Print the connections that a filter finds, in the order of their clients."""
    look = ConnectionLook(filter=LANGUAGE.parse(options.filter))
    with open_place() as place:
        snapshot = read_snapshot(place)
        scan = read_table(place.kernel, _BUDGET, engines=has_engine(snapshot.reading.director))
    snapshot = replace(snapshot, scan=scan, reading=replace(snapshot.reading, taken=scan.taken))
    rows = list(_rows(snapshot, look))
    if options.json:
        listed = (_object(row) for row in rows)
        about = {"complete": scan.whole, "rows": scan.rows, "left_out": scan.left_out}
        print_json({**about, "connection": listed})
    elif rows:
        print("\n".join(columns_of(CONNECTION_COLUMNS, rows)))
    else:
        print("There is no such connection." if look.filter else "There is no connection.")
    return _conclude(len(rows), scan, snapshot)


def _conclude(listed: int, scan: Scan, snapshot: Snapshot) -> int:
    """Return the exit status, and say where that is not all."""
    if scan.trouble:
        complain(scan.trouble)
    elif not scan.whole:
        about = f"{listed:,} of {len(scan.connections):,} connections"
        complain(completeness(about, scan, snapshot.reading, 500))
    return Status.OK if scan.whole else Status.ERROR


def _rows(snapshot: Snapshot, look: ConnectionLook) -> Iterator[ConnectionRow]:
    director, every = snapshot.reading.director, connections(snapshot)
    services = Services(director)
    for key in found(snapshot, look):
        held = every[key]
        yield ConnectionRow(held, services.of(held), director, snapshot.reading.taken, entry_of(snapshot, key))


def _object(row: ConnectionRow) -> Table:
    """Name what is known of a connection; times in seconds, null for what is not known or not configured."""
    connection, key = row.connection, row.service
    pool = row.director.pools.get(key) if key is not None else None
    server = pool.servers.get(connection.server) if pool else None
    return {
        "protocol": fields.protocol_text(connection.protocol),
        "client": fields.server_text(connection.client),
        "virtual": fields.server_text(connection.virtual),
        "service": None if key is None else fields.service_text(key),
        "service_name": pool.service.name if pool else None,
        "server": fields.server_text(connection.server),
        "server_name": server.name if server else None,
        "state": connection.state,
        "left": seconds_left(connection.ends, row.now),
        "origin": connection.origin.value or None,
        "entry": None if row.entry is None else _entry(row.entry, row.now),
    }


def _entry(resolved: ResolvedEntry, now: float) -> Table:
    """Name the entry that a connection hangs on; not `sure` where another could be it as well."""
    return {
        "client": masked_client_text(resolved.entry.client, resolved.width),
        "left": seconds_left(resolved.entry.ends, now),
        "sure": resolved.sure,
    }
