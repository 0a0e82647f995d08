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
from lvstui.core.view.bars import NARROW, WIDE, bar
from lvstui.core.view.brief import compact, whole
from lvstui.core.view.table import Cell, Tone, cell_count, fit

_NAME: Final = 30
"""Cells of the longest name that is shown whole."""

_ROOM: Final = 110
"""Cells of the view from which on the bars are wide."""

_HEAVIEST: Final = 3
_CROWD: Final = 20
"""Fewer entries say nothing about their distribution."""

_LION_SHARE: Final = 0.9
"""The part of all entries that one server has when a mask is too wide."""

S = TypeVar("S")

Line = tuple[Cell, ...]


def distribution(snapshot: Snapshot, look: EntryLook) -> list[Line]:
    """Draw a block of lines for each service with entries: its servers as bars, its heaviest client networks.

    Only what the filter finds counts. The tick on a bar is the part that a server has by its weight.
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
    names = {end: server.name or fields.server_text(end) for end, server in pool.servers.items()}
    longest = min(_NAME, max(map(cell_count, names.values()), default=0))
    width = WIDE if look.room >= _ROOM else NARROW
    # By address, as in the services view.
    for endpoint in sorted(pool.servers, key=lambda end: (end.address.version, int(end.address), end.port)):
        share, weight = counts[endpoint] / len(entries), pool.servers[endpoint].weight
        by_weight = weight / weights if weights else None
        yield (
            Cell(f"  {fit(names[endpoint], longest)}"),
            Cell(bar(share, width, look.glyphs, by_weight), Tone.BAR),
            Cell(f"{share * 100:3.0f} %"),
            Cell(f"{whole(counts[endpoint]):>6}"),
            Cell(f"{by_weight * 100:.0f} % by weight" if by_weight is not None else "no weight", Tone.DIM),
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
    return (Cell(f"{counts[server] * 100 // len(entries)} % are on {server.address}{wide}", Tone.WARN),)


def crowded_server(counts: Mapping[S, int]) -> S | None:
    """Return the server that has nearly all of many entries; None where they spread, and for few."""
    total = sum(counts.values())
    server = max(counts, key=lambda endpoint: counts[endpoint], default=None)
    return server if total >= _CROWD and server is not None and counts[server] >= _LION_SHARE * total else None
