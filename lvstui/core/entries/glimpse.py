"""Who sticks to real servers, as far as one short reading of the connection table shows it."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from typing import Final

from lvstui.core.describe import masked_client_text
from lvstui.core.entries.resolve import is_invalidated, server_of, service_of
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import Entry, Glimpse, Scan, Sticker

FEW: Final = 10
"""Clients of a real server that are kept: what a detail has room for."""

_LASTING: Final = 10.0
_PART_LASTING: Final = 4.0
"""Seconds for which a glimpse is good enough, one of a part of the table less: it is not read more often for that."""


def is_fresh(known: Glimpse | None, now: float) -> bool:
    """Return whether a glimpse is good enough."""
    return known is not None and now - known.taken < (_LASTING if known.whole else _PART_LASTING)


def glimpse(scan: Scan, director: Director, now: float) -> Glimpse:
    """Return some clients of each real server, and no more of the reading: nothing of a huge one stays in memory."""
    # Entries of one service on one server share both as objects, so that each pair is looked up once.
    found: dict[tuple[int, int], list[Entry]] = {}
    for entry in scan.entries:
        found.setdefault((id(entry.service), id(entry.server)), []).append(entry)
    by_server: dict[ServerKey, list[Entry]] = {}
    for entries in found.values():
        if (key := _place(entries[0], director)) is not None:
            by_server.setdefault(key, []).extend(entries)
    clients: Mapping[ServerKey, list[Sticker]] = {
        key: [
            Sticker(_client(entry, key, director), max(0, int(entry.ends - scan.taken)))
            for entry in nlargest(FEW, entries, key=lambda entry: entry.ends)
        ]
        for key, entries in by_server.items()
    }
    return Glimpse(scan.taken or now, scan.whole, clients)  # one that failed is not tried again at once


def _place(entry: Entry, director: Director) -> ServerKey | None:
    service = None if is_invalidated(entry) else service_of(entry, director)
    end = server_of(entry, director.pools[service]) if service is not None else None
    return ServerKey(service, end) if service is not None and end is not None else None


def _client(entry: Entry, key: ServerKey, director: Director) -> str:
    persistence = director.pools[key.service].service.persistence
    return masked_client_text(entry.client, persistence.prefix if persistence is not None else None)
