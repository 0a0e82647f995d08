"""Why a scheduler goes on sending clients to a server that does not serve them."""

from __future__ import annotations

from typing import Final

from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Service

_COUNTING: Final = frozenset({"lc", "wlc", "sed", "nq", "lblc", "lblcr", "ovf"})
"""Schedulers that look at how many connections a server has."""


def feeding(service: Service, trouble: Trouble) -> str:
    """Return in a sentence why the scheduler keeps sending new clients to a server in trouble.

    A refused connection is inactive at once and gone after ten seconds, while one that waits for its handshake counts
    as active for a minute (net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_timeouts and tcp_state_active_table).
    """
    scheduler = service.scheduler
    if scheduler in _COUNTING and trouble is Trouble.REFUSING:
        how = "prefers it: nothing stays open on it, so it looks idle"
    elif scheduler in _COUNTING:
        how = "sends it fewer, as each attempt counts as active for a minute, but never stops"
    elif scheduler in ("sh", "mh"):
        how = "goes by the client's address and never looks at the server"
    elif scheduler == "dh":
        how = "goes by the destination and never looks at the server"
    elif scheduler == "fo":
        how = "sends everybody to the server of the highest weight, whatever becomes of them"
    else:
        how = "goes by weight and never looks at the server"
    sticks = "; clients that stick to it come back in any case" if service.persistence is not None else ""
    return f"{scheduler} {how}{sticks}"
