"""What is staged before Enter applies it: weights by a key, and one edit on top of another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lvstui.core.attributes import weighed
from lvstui.core.change import Change, change_server, is_optional
from lvstui.core.model import INT_MAX, RealServer, ServiceKey, SyncDaemon


def set_weight(service: ServiceKey, server: RealServer, weight: int) -> Change | None:
    """Return the change to a weight (limited to 0..2^31-1) of a server as it is now; None where nothing changes."""
    weight = max(0, min(INT_MAX, weight))
    if weight == server.weight:
        return None
    return change_server(service, server, weighed(server, weight))


def merge(staged: Sequence[Change], changes: Iterable[Change]) -> tuple[Change, ...]:
    """Add changes to those that are staged; what is done twice to one object becomes one change from its start.

    A removal goes to the end, behind what must be there before; what comes to nothing falls out. It comes to
    something that the profile manages a value from now on, even as it is.
    """
    merged = list(staged)
    for change in changes:
        at = next((at for at, earlier in enumerate(merged) if _leads_to(earlier, change)), None)
        if at is None:
            merged.append(change)
            continue
        joined = _join(merged.pop(at), change)
        if joined.before != joined.after or is_optional(joined.target):
            merged.insert(len(merged) if joined.after is None else at, joined)
    return tuple(merged)


def _leads_to(first: Change, then: Change) -> bool:
    """Return whether two changes of one object are one; what is removed and then added anew starts from nothing."""
    anew = first.after is None and not is_optional(first.target) and not isinstance(first.before, SyncDaemon)
    return first.target == then.target and not anew


def _join(first: Change, then: Change) -> Change:
    before, after = first.before, then.after
    if before is None and is_optional(first.target):
        before = then.before  # the profile did not manage it, so it is here that the kernel's value was seen
    if isinstance(before, RealServer) and isinstance(after, RealServer) and after.weight == 0:
        # A drain goes back to the weight that the server has, not to one that was only staged.
        after = replace(after, resume=weighed(before, 0).resume)
    return Change(first.target, before, after)
