"""What every view says of a real server: its state, what the kernel counts of it, its options in short."""

from __future__ import annotations

from lvstui.core import fields
from lvstui.core.model import Forwarding, Persistence, RealServer, ServerKey
from lvstui.core.observed import ServerStats
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.numbers import duration
from lvstui.core.view.table import Cell, Tone

_NO_STATS = ServerStats()


def server_state(server: RealServer, seen: ServerStats) -> Cell:
    """Say a real server's state in a word: `drain` and then `done` at weight 0, `over` at its threshold, else `ok`."""
    if server.weight == 0:
        return Cell("drain", Tone.WARN) if seen.active or seen.inactive or seen.sticky else Cell("done", Tone.DIM)
    if server.upper and seen.active + seen.inactive >= server.upper:
        return Cell("over", Tone.BAD)
    return Cell("ok", Tone.GOOD)


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
