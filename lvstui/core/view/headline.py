"""The one line above the table: where this is, how much goes on, and whether anything is wrong or unsaved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lvstui.core.owners import OWN_NAME
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.core.view.numbers import compact
from lvstui.core.view.table import Cell, Tone


class _Part(NamedTuple):
    """A piece of the line; the highest priority number is left out first on a narrow screen."""

    priority: int
    cell: Cell


def headline(snapshot: Snapshot, width: int, found: str = "", advised: int = 0) -> tuple[Cell, ...]:
    """Return the pieces of the line that fit into `width` cells with two blanks between, in order.

    `found` is how the view is narrowed down, `advised` how many things there are to point out.
    """
    if not snapshot.origin:  # nothing was read yet
        return ()
    parts = [part for part in _parts(snapshot, found, advised) if part.cell.text]
    while parts and sum(len(part.cell.text) + 2 for part in parts) - 2 > width:
        parts.remove(max(parts, key=lambda part: part.priority))
    return tuple(part.cell for part in parts)


def _parts(snapshot: Snapshot, found: str, advised: int) -> tuple[_Part, ...]:
    reading = snapshot.reading
    director = reading.director
    servers = sum(len(pool.servers) for pool in director.pools.values())
    services = reading.services.values()
    connections = sum(stats.connection_rate for stats in services)
    traffic = sum(stats.in_byte_rate for stats in services), sum(stats.out_byte_rate for stats in services)
    host = snapshot.host
    return (
        _Part(1, Cell(director.name or host.name, Tone.STRONG)),
        _Part(2, Cell("demo, not a kernel" if snapshot.origin == "demo" else snapshot.origin, Tone.NAME)),
        _Part(9, Cell(f"IPVS {reading.info.version} table {reading.info.table_size}" if reading.info.version else "")),
        _Part(5, Cell(f"{len(director.pools)} services {servers} servers")),
        _Part(6, Cell(f"{compact(connections)} conn/s")),
        _Part(7, Cell(f"in {compact(traffic[0])}B/s out {compact(traffic[1])}B/s")),
        _Part(8, Cell(f"cpu {host.cpu:.0f}% softirq {host.softirq:.0f}%")),
        _Part(2, Cell(found, Tone.DIM)),
        _Part(4, Cell(f"advice {advised}" if advised else "", Tone.NAME)),
        _Part(0, _profile(snapshot.profile)),
        _Part(3, Cell(f"{len(snapshot.others) + 1} here" if snapshot.others else "", Tone.WARN)),
        _Part(3, Cell(" ".join(_owners(snapshot)), Tone.WARN)),
        _Part(0, Cell("read-only" if snapshot.read_only else "", Tone.WARN)),
        _Part(0, Cell("paused" if snapshot.paused else "", Tone.WARN)),
        _Part(0, Cell("not fresh" if snapshot.trouble else "", Tone.BAD)),
    )


def _owners(snapshot: Snapshot) -> Iterable[str]:
    """Name the other programs that write to this table, each once; other lvstui are counted as people."""
    return dict.fromkeys(owner.program for owner in snapshot.owners if owner.program != OWN_NAME)


def _profile(state: ProfileState) -> Cell:
    if not state.path:
        return Cell("no profile", Tone.DIM)
    if state.unsaved:
        return Cell(f"{state.unsaved} unsaved", Tone.BAD)
    if state.trouble:
        return Cell("profile unreadable", Tone.BAD)
    if not state.exists:
        return Cell("no profile yet", Tone.DIM)
    return Cell(f"drift {len(state.drift)}", Tone.WARN) if state.drift else Cell("saved", Tone.GOOD)
