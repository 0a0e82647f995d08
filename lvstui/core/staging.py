"""Weights being edited: what a key stages on a real server before Enter applies it."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.change import ServerChange
from lvstui.core.model import INT_MAX, RealServer, ServiceKey


def set_weight(service: ServiceKey, server: RealServer, weight: int) -> ServerChange | None:
    """Stage a weight (limited to 0..2^31-1) on a server as it is now; None where nothing would change.

    A drain remembers the weight to go back to; any other weight ends the drain.
    """
    weight = max(0, min(INT_MAX, weight))
    if weight == server.weight:
        return None
    resume = server.weight if weight == 0 else None
    return ServerChange(service, server, replace(server, weight=weight, resume=resume))


def step_weight(service: ServiceKey, server: RealServer, staged: ServerChange | None, step: int) -> ServerChange | None:
    """Stage one step more or less than what is staged, or than what the server has."""
    return set_weight(service, server, _weight(server, staged) + step)


def toggle_drain(service: ServiceKey, server: RealServer, staged: ServerChange | None) -> ServerChange | None:
    """Stage weight 0; on a drained server the weight it had before; on a staged drain, nothing."""
    if _weight(server, staged):
        return set_weight(service, server, 0)
    return set_weight(service, server, server.resume or 1) if server.weight == 0 and staged is None else None


def _weight(server: RealServer, staged: ServerChange | None) -> int:
    return staged.after.weight if staged and staged.after else server.weight
