"""Persistence entries, and what became of edits of them, as objects of JSON."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lvstui.core import fields
from lvstui.core.describe import masked_client_text
from lvstui.core.entries.columns import seconds_left
from lvstui.core.entries.edits import EntryReport
from lvstui.core.entries.resolve import ResolvedEntry, resolve
from lvstui.core.model import Director
from lvstui.core.observed import Scan
from lvstui.formats.json import Table


def entry_table(director: Director, resolved: ResolvedEntry, now: float) -> Table:
    """Name what is known of an entry; times in seconds.

    A name is null where no such service or server is configured.
    """
    entry, key = resolved.entry, resolved.service_key
    endpoint = resolved.server or entry.server
    pool = director.pools.get(key)
    server = pool.servers.get(endpoint) if pool else None
    return {
        "client": masked_client_text(entry.client, resolved.width),
        "service": fields.service_text(key),
        "service_name": pool.service.name if pool else None,
        "server": fields.server_text(endpoint),
        "server_name": server.name if server else None,
        "state": resolved.state,
        "left": seconds_left(resolved.entry.ends, now),
        "origin": entry.origin.value or None,
        "children": resolved.children,
        "children_sure": resolved.sure,
        "engine": entry.engine,
        "call_id": entry.identity if entry.engine else None,
    }


def report_table(report: EntryReport, director: Director) -> Table:
    """Name what became of an edit, with the entry as it was read back."""
    after = report.after
    seen = resolve(Scan(entries=(after,)), director) if after is not None else {}
    entry = next((entry_table(director, resolved, time.monotonic()) for resolved in seen.values()), None)
    return {**planned_table(report.sentence, entry=entry), "dry_run": False, "outcome": report.outcome.value}


def planned_table(text: str, consequences: Sequence[str] = (), entry: Table | None = None) -> Table:
    """Name what an edit of an entry would do."""
    return {"dry_run": True, "outcome": None, "text": text, "consequence": [*consequences], "entry": entry}
