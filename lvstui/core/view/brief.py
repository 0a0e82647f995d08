"""Numbers as people read them at a glance: four or five characters, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence

from lvstui.core import fields
from lvstui.core.health.verdict import Verdict
from lvstui.core.model import Forwarding, Persistence, RealServer, ServerKey
from lvstui.core.observed import ServerStats
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.glyphs import UNICODE, Glyphs
from lvstui.core.view.table import Cell, Tone

_DECIMAL = ("", "k", "M", "G", "T", "P")


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


def whole(count: float) -> str:
    """Write a count as it is up to 9,999, and a larger one short: `1,549`, `17.3k`."""
    return f"{count:,.0f}" if count < 9_999.5 else compact(count)


def duration(seconds: int) -> str:
    """Write seconds in the largest unit that divides them: `90s`, `5m`, `2h`, `1d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def sparkline(values: Sequence[float | None], width: int, glyphs: Glyphs = UNICODE, *, top: float | None = None) -> str:
    """Draw the newest values as a small chart from zero to `top` (else their maximum), a gap for None and zero."""
    room = width * glyphs.samples
    shown = [*([None] * (room - len(values))), *values[-room:]]
    top = top or max((value for value in shown if value), default=0.0)
    levels = [0 if not value else max(1, min(glyphs.levels, round(value / top * glyphs.levels))) for value in shown]
    return "".join(glyphs.column(levels[at : at + glyphs.samples]) for at in range(0, room, glyphs.samples))


_NO_STATS = ServerStats()


def server_state(server: RealServer, seen: ServerStats, verdict: Verdict | None = None) -> Cell:
    """Return a real server's state in a word: what trouble it is in, if any.

    Else it is `drain` and then `done` at weight 0, `over` at a threshold, or `ok`.
    """
    if verdict is not None:
        return Cell(verdict.trouble.value, Tone.BAD)
    if server.weight == 0:
        left = seen.active or seen.inactive or seen.sticky != 0  # entries that are not known may be there
        return Cell("drain", Tone.WARN) if left else Cell("done", Tone.SECONDARY)
    if server.upper and seen.active + seen.inactive >= server.upper:
        return Cell("over", Tone.WARN)
    return Cell("ok", Tone.SECONDARY)


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
