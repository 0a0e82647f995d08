"""What a drained server's sessions will do next, in a line for the operator who waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvstui.core.model import Persistence, RealServer
from lvstui.core.observed import ServerStats
from lvstui.core.view.numbers import compact, duration


def outlook(
    server: RealServer,
    seen: ServerStats,
    sysctl: Mapping[str, str],
    persistence: Persistence | None = None,
    width: int = 78,
) -> str:
    """Return what is left on a drained server, until when, and what the settings mean for it; empty for any other.

    What matters least is left out where the line would not fit the width. Settings that are not known are not
    spoken of.
    """
    if server.weight:
        return ""
    if not seen.active and not seen.inactive and not seen.sticky:
        return "drained, nothing left: it can be worked on or deleted"
    line = ""
    for part in _parts(seen, sysctl, persistence):
        if line and len(line) + len(part) > width:
            break
        line += part
    return line


def _parts(seen: ServerStats, sysctl: Mapping[str, str], persistence: Persistence | None) -> Iterator[str]:
    """List the parts of the line, what matters most first."""
    connections = seen.active + seen.inactive
    yield f"{compact(connections)} conn {compact(seen.sticky)} sticky left"
    if seen.sticky:
        if sysctl:  # whoever cannot read the settings has no right to move anybody either
            yield "; M moves them"
        yield from _about_entries(sysctl.get("expire_quiescent_template"), persistence)
        if connections:
            yield "; open connections keep theirs"
    if connections:
        yield from _about_deletion(sysctl.get("expire_nodest_conn"))
    if seen.sticky:
        yield "; Enter shows when the last entry ends"


def _about_entries(setting: str | None, persistence: Persistence | None) -> Iterator[str]:
    """Write whether clients come back, and for how long at most their entries stay.

    An entry ends its timeout after the client's last new connection, or when its connections do, looked at every 60
    seconds (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_conn_expire). It brings its client back in spite of weight 0, unless
    expire_quiescent_template is set: then none is renewed any more (ip_vs_check_template).
    """
    timeout = duration(persistence.timeout) if persistence else ""
    match setting:
        case None:
            yield f"; each ends {timeout} after its client's last connection" if timeout else ""
        case "0":
            yield "; clients return"
            yield f", entries last {timeout}" if timeout else ""
            yield " (expire_quiescent_template 0)"
        case _:
            yield "; clients move on"
            yield f", idle end in {timeout}" if timeout else ""
            yield f" (expire_quiescent_template {setting})"


def _about_deletion(setting: str | None) -> Iterator[str]:
    match setting:
        case None:
            pass
        case "0":
            yield "; deleting it leaves connections hanging (expire_nodest_conn 0)"
        case _:
            yield "; deleting it ends connections at once (expire_nodest_conn 1)"
