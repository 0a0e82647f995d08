"""What a drained server's sessions will do next, in a line for the operator who waits for them."""

from __future__ import annotations

from collections.abc import Mapping

from lvstui.core.model import RealServer
from lvstui.core.numbers import compact
from lvstui.core.observed import ServerStats


def outlook(server: RealServer, seen: ServerStats, sysctl: Mapping[str, str]) -> str:
    """Say what is left on a drained server and what the kernel's settings mean for it; empty for any other.

    A persistence entry brings its client back in spite of weight 0, unless expire_quiescent_template is set
    (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_check_template); settings that are not known are not spoken of.
    """
    if server.weight:
        return ""
    connections = seen.active + seen.inactive
    if not connections and not seen.sticky:
        return "drained, nothing left: it can be worked on or deleted"
    parts = [f"{compact(connections)} conn {compact(seen.sticky)} sticky left"]
    if seen.sticky:
        parts.append(_about_entries(sysctl.get("expire_quiescent_template")))
    if connections:
        parts.append(_about_deletion(sysctl.get("expire_nodest_conn")))
    return "; ".join(filter(None, parts))


def _about_entries(setting: str | None) -> str:
    match setting:
        case None:
            return ""
        case "0":
            return "sticky clients return (expire_quiescent_template 0)"
        case _:
            return "sticky clients move on (expire_quiescent_template 1)"


def _about_deletion(setting: str | None) -> str:
    match setting:
        case None:
            return ""
        case "0":
            return "deleting it leaves connections hanging (expire_nodest_conn 0)"
        case _:
            return "deleting it ends connections at once (expire_nodest_conn 1)"
