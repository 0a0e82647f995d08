"""What is staged before Enter applies it: weights by a key, and one edit on top of another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lvstui.core.change import Change, MarkChange, ServerChange, ServiceChange
from lvstui.core.model import INT_MAX, MarkGroup, RealServer, Service, ServiceKey


def set_weight(service: ServiceKey, server: RealServer, weight: int) -> ServerChange | None:
    """Stage a weight (limited to 0..2^31-1) on a server as it is now; None where nothing would change."""
    weight = max(0, min(INT_MAX, weight))
    if weight == server.weight:
        return None
    return ServerChange(service, server, weighed(server, weight))


def weighed(server: RealServer, weight: int) -> RealServer:
    """Give a server another weight; a drain remembers the weight to go back to, any other weight ends the drain."""
    if weight == server.weight:
        return server
    return replace(server, weight=weight, resume=server.weight if weight == 0 else None)


def merge(staged: Sequence[Change], changes: Iterable[Change]) -> tuple[Change, ...]:
    """Add changes to those that are staged; what is done twice to one object becomes one change from its start.

    A removal goes to the end, behind what must be there before; what comes to nothing falls out.
    """
    merged = list(staged)
    for change in changes:
        found = next(((at, joined) for at, each in enumerate(merged) if (joined := _join(each, change))), None)
        if found is None:
            merged.append(change)
            continue
        at, joined = found
        del merged[at]
        if joined.before == joined.after:
            continue
        merged.insert(len(merged) if joined.after is None else at, joined)
    return tuple(merged)


def _join(first: Change, then: Change) -> ServiceChange | ServerChange | MarkChange | None:
    """Make one change of two that follow each other on one service, server or mark; None where they do not."""
    match first, then:
        case ServiceChange(before, Service(key)), ServiceChange(_, after) if key == then.key:
            return ServiceChange(before, after)
        case MarkChange(group, MarkGroup(mark)), MarkChange(_, changed) if mark == then.mark:
            return MarkChange(group, changed)
        case ServerChange(service, server, RealServer(endpoint)), ServerChange(_, _, other) if (
            service == then.service and endpoint == then.endpoint
        ):
            return ServerChange(service, server, _resuming(server, other))
        case _:
            return None


def _resuming(before: RealServer | None, after: RealServer | None) -> RealServer | None:
    """Let a drain go back to the weight that the server has, not to one that was only staged."""
    if before and after and after.weight == 0:
        return replace(after, resume=weighed(before, 0).resume)
    return after
