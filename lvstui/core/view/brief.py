"""Numbers as people read them at a glance: four or five characters, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lvstui.core import fields
from lvstui.core.health.verdict import Health, Trouble, Verdict
from lvstui.core.home import home_text, is_foreign
from lvstui.core.model import Forwarding, Home, Persistence, RealServer, ServerKey
from lvstui.core.observed import ServerStats, sum_stats
from lvstui.core.record import OWN_NAME
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.core.view.table import Cell, Tone

_LONGEST = 36
"""Characters of a piece of the head line that holds names of others: what fits on the narrowest screen."""

_DECIMAL = ("", "k", "M", "G", "T", "P")

_BRAILLE_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_BRAILLE_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
_ASCII_LEVELS = " .:|#"


def compact(value: float) -> str:
    """Shorten a count or a rate to at most five characters: `950`, `1.2k`, `34.5M`.

    Below ten, a fraction shows one digit, so that a slow but living service never reads as idle.
    """
    if 0 < value < 9.95 and value != int(value):
        return f"{max(value, 0.1):.1f}"
    step = 0
    while value >= 999.5 and step < len(_DECIMAL) - 1:
        value /= 1000
        step += 1
    return f"{value:.1f}{_DECIMAL[step]}" if step and value < 99.95 else f"{value:.0f}{_DECIMAL[step]}"


def duration(seconds: int) -> str:
    """Write seconds in the largest unit that divides them: `90s`, `5m`, `2h`, `1d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def sparkline(values: Sequence[float | None], width: int, *, ascii_only: bool = False) -> str:
    """Draw the newest values as a small chart from zero to their maximum, a gap where a value is None.

    Braille holds two values in a character and is narrow in every terminal; ASCII holds one. What is empty is a blank,
    since the Braille cell without dots counts as a disguise of one.
    """
    room = width if ascii_only else width * 2
    shown = [*([None] * (room - len(values))), *values[-room:]]
    top = max((value for value in shown if value), default=0.0)
    levels = [0 if not value else max(1, min(4, round(value / top * 4))) for value in shown]
    if ascii_only:
        return "".join(_ASCII_LEVELS[level] for level in levels)
    pairs = zip(levels[::2], levels[1::2], strict=True)
    dots = (_BRAILLE_LEFT[left] + _BRAILLE_RIGHT[right] for left, right in pairs)
    return "".join(chr(0x2800 + dot) if dot else " " for dot in dots)


_NO_STATS = ServerStats()


def server_state(server: RealServer, seen: ServerStats, verdict: Verdict | None = None) -> Cell:
    """Return a real server's state in a word: what trouble it is in, if any.

    Else it is `drain` and then `done` at weight 0, `over` at a threshold, or `ok`.
    """
    if verdict is not None:
        return Cell(verdict.trouble.value, Tone.BAD)
    if server.weight == 0:
        left = seen.active or seen.inactive or seen.sticky != 0  # entries that are not known may be there
        return Cell("drain", Tone.WARN) if left else Cell("done", Tone.DIM)
    if server.upper and seen.active + seen.inactive >= server.upper:
        return Cell("over", Tone.BAD)
    return Cell("ok", Tone.DIM)


def seen_on(snapshot: Snapshot, key: ServerKey) -> ServerStats:
    """Return what the kernel counts of a real server; zeros where it counts nothing."""
    return snapshot.reading.servers.get(key.service, {}).get(key.endpoint, _NO_STATS)


def persistence_short(persistence: Persistence) -> str:
    """Write persistence short: `5m`, `5m/24`, `10m/24 sip`; a netmask with holes is written out."""
    mask = f"/{persistence.prefix or persistence.mask}" if persistence.wide else ""
    return " ".join(filter(None, (f"{duration(persistence.timeout)}{mask}", persistence.engine)))


def server_options(server: RealServer) -> str:
    """Write tunnel and upper threshold short."""
    parts = []
    if server.forwarding is Forwarding.TUNNEL:
        tunnel = server.tunnel
        port = f":{tunnel.port}" if tunnel.port else ""
        checksum = [fields.checksum_text(tunnel.checksum)] if tunnel.checksum else []
        parts += [f"{fields.tunnel_type_text(tunnel.type)}{port}", *checksum]
    if server.upper:
        parts.append(f"max {server.upper}")
    return " ".join(parts)


class _Part(NamedTuple):
    """A piece of the line; the highest priority number is left out first on a narrow screen."""

    priority: int
    cell: Cell


def headline(snapshot: Snapshot, width: int, narrowing: str = "", advised: int = 0) -> tuple[Cell, ...]:
    """Return the pieces of the line that fit into `width` cells with two blanks between, in order.

    `narrowing` is how the view is narrowed down, `advised` how many pieces of advice there are.
    """
    if not snapshot.origin:  # nothing was read yet
        return ()
    parts = [part for part in _parts(snapshot, narrowing, advised) if part.cell.text]
    while parts and sum(len(part.cell.text) + 2 for part in parts) - 2 > width:
        parts.remove(max(parts, key=lambda part: part.priority))
    return tuple(part.cell for part in parts)


def troubles(health: Health) -> str:
    """Count the real servers in trouble by what it is: `1 refusing 2 silent`."""
    words = [verdict.trouble.value for verdict in health.values()]
    return " ".join(f"{words.count(trouble.value)} {trouble.value}" for trouble in Trouble if trouble.value in words)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}%"


def _parts(snapshot: Snapshot, narrowing: str, advised: int) -> tuple[_Part, ...]:
    reading = snapshot.reading
    director = reading.director
    servers = sum(len(pool.servers) for pool in director.pools.values())
    flow = sum_stats(reading.services.get(key) for key in director.pools)
    host, here = snapshot.host, snapshot.here
    # Each once; another lvstui is counted as a person.
    owners = dict.fromkeys(owner.program for owner in snapshot.owners if owner.program != OWN_NAME)
    return (
        _Part(1, Cell(director.name or host.name, Tone.STRONG)),
        _Part(2, Cell("demo, not a kernel" if snapshot.origin == "demo" else snapshot.origin, Tone.NAME)),
        _Part(-1, Cell(_cut(f"netns {fields.visible(here.netns)}") if here.netns else "", Tone.WARN)),
        _Part(9, Cell(f"IPVS {reading.info.version} table {reading.info.table_size}" if reading.info.version else "")),
        _Part(5, Cell(f"{len(director.pools)} services {servers} servers")),
        _Part(6, Cell(f"{compact(flow.connection_rate)} conn/s" if flow else "")),
        _Part(7, Cell(f"in {compact(flow.in_byte_rate)}B/s out {compact(flow.out_byte_rate)}B/s" if flow else "")),
        _Part(8, Cell(f"cpu {_percent(host.cpu)} softirq {_percent(host.softirq)}")),
        _Part(-1, Cell(troubles(snapshot.health), Tone.BAD)),
        _Part(2, Cell(narrowing, Tone.DIM)),
        _Part(4, Cell(f"advice {advised}" if advised else "", Tone.NAME)),
        _Part(0, _profile(snapshot.profile, here)),
        _Part(3, Cell(f"{len(snapshot.others) + 1} here" if snapshot.others else "", Tone.WARN)),
        _Part(3, Cell(" ".join(owners), Tone.WARN)),
        _Part(0, Cell("read-only" if snapshot.read_only else "", Tone.WARN)),
        _Part(0, Cell("paused" if snapshot.paused else "", Tone.WARN)),
        _Part(0, Cell("not fresh" if snapshot.trouble else "", Tone.BAD)),
    )


def _cut(text: str) -> str:
    """Cut what names of others make long, so that the line stays one."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _profile(state: ProfileState, here: Home) -> Cell:
    if not state.path:
        return Cell("no profile", Tone.DIM)
    if state.saved and is_foreign(state.saved.home, here):
        return Cell(_cut(f"profile of {home_text(state.saved.home)}"), Tone.BAD)
    if state.unsaved:
        return Cell(f"{state.unsaved} unsaved", Tone.BAD)
    if state.trouble:
        return Cell("profile unreadable", Tone.BAD)
    if not state.exists:
        return Cell("no profile yet", Tone.DIM)
    return Cell(f"drift {len(state.drift)}", Tone.WARN) if state.drift else Cell("saved", Tone.GOOD)
