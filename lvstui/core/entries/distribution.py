"""How the entries of each service spread over its real servers, and which client networks are the heaviest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from lvstui.core import fields
from lvstui.core.describe import service_names
from lvstui.core.entries.columns import EntryLook, network_of
from lvstui.core.entries.resolve import ResolvedEntry
from lvstui.core.entries.rows import matching_entries
from lvstui.core.model import Endpoint, Network, Pool, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import compact
from lvstui.core.view.table import Cell, Tone

_BAR: Final = 20
_HEAVIEST: Final = 3
_CROWD: Final = 20
"""Fewer entries say nothing about their distribution."""

_LION_SHARE: Final = 0.9
"""The part of all entries that one server has when a mask is too wide."""

S = TypeVar("S")

Line = tuple[Cell, ...]


def distribution(snapshot: Snapshot, look: EntryLook) -> list[Line]:
    """Draw a block of lines for each service with entries: its servers as bars, its heaviest client networks.

    Only what the filter finds counts. The part that a server has by its weight stands behind the part that it has.
    """
    by_service: dict[ServiceKey, list[ResolvedEntry]] = {}
    for resolved in matching_entries(snapshot, look).values():
        if resolved.service is not None:
            by_service.setdefault(resolved.service, []).append(resolved)
    lines: list[Line] = []
    for key, entries in sorted(by_service.items(), key=lambda item: -len(item[1])):
        lines += _block(snapshot, look, key, entries)
    return lines or [(Cell("no entries", Tone.DIM),)]


def _block(snapshot: Snapshot, look: EntryLook, key: ServiceKey, entries: Sequence[ResolvedEntry]) -> Iterator[Line]:
    pool = snapshot.reading.director.pools[key]
    name = service_names(snapshot.reading.director, key)[0]
    yield (Cell(name, Tone.STRONG), Cell(f"{compact(len(entries))} entries", Tone.DIM), *_warning(pool, entries))
    counts = Counter(resolved.server for resolved in entries if resolved.server is not None)
    weights = sum(server.weight for server in pool.servers.values())
    most = max(counts.values(), default=0)
    # By address, as in the services view.
    for endpoint in sorted(pool.servers, key=lambda end: (end.address.version, int(end.address), end.port)):
        server = pool.servers[endpoint]
        count = counts[endpoint]
        filled = max(round(count * _BAR / most) if most else 0, 1 if count else 0)
        label = f"  {server.name or fields.server_text(endpoint)}"
        yield (
            Cell(f"{label:<20.20}"),
            Cell(f"{'=' * filled:<{_BAR}}", Tone.NAME),
            Cell(f"{compact(count):>5} {count * 100 / len(entries):3.0f}%"),
            Cell(f"{server.weight * 100 / weights:.0f}% by weight" if weights else "no weight", Tone.DIM),
        )
    heaviest = Counter(_networks(entries, look.prefixes)).most_common(_HEAVIEST)
    if heaviest and heaviest[0][1] > 1:
        networks = ", ".join(f"{network} {compact(count)}" for network, count in heaviest)
        yield (Cell(f"  heaviest networks: {networks}", Tone.DIM),)


def _networks(entries: Sequence[ResolvedEntry], prefixes: tuple[int, int]) -> Iterator[Network]:
    """Return the network of each entry; one that is wider by its mask stands for itself."""
    for resolved in entries:
        width = resolved.width if resolved.width is not None else resolved.entry.client.max_prefixlen
        narrow = (min(prefixes[0], width), prefixes[1]) if resolved.entry.client.version == 4 else prefixes
        yield network_of(resolved.entry.client, narrow)


def _warning(pool: Pool, entries: Sequence[ResolvedEntry]) -> Line:
    """Return a warning where one server has nearly all entries although others have a weight too."""
    weighted = sum(1 for server in pool.servers.values() if server.weight)
    counts: Mapping[Endpoint | None, int] = Counter(resolved.server for resolved in entries)
    server = crowded_server(counts)
    if server is None or weighted < 2:
        return ()
    persistence = pool.service.persistence
    wide = f": the mask /{persistence.prefix} is wide" if persistence and persistence.wide else ""
    return (Cell(f"{counts[server] * 100 // len(entries)}% are on {server.address}{wide}", Tone.WARN),)


def crowded_server(counts: Mapping[S, int]) -> S | None:
    """Return the server that has nearly all of many entries; None where they spread, and for few."""
    total = sum(counts.values())
    server = max(counts, key=lambda endpoint: counts[endpoint], default=None)
    return server if total >= _CROWD and server is not None and counts[server] >= _LION_SHARE * total else None
