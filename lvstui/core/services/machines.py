"""Real servers by machine: all places in the table that one address serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from lvstui.core.change import EMPTY
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import GroupKey, MachineKey

Machines: TypeAlias = Mapping[GroupKey, Sequence[ServerKey]]

# A director is the same object until something changes, and a table of 20,000 servers is asked for it row by row.
_latest: tuple[Director, Machines] = (EMPTY, {})


def machines(director: Director) -> Machines:
    """Group the real servers of all services by their address."""
    global _latest
    if _latest[0] is not director:
        _latest = director, _grouped(director)
    return _latest[1]


def _grouped(director: Director) -> Machines:
    found: dict[GroupKey, list[ServerKey]] = {}
    for service, pool in director.pools.items():
        for endpoint in pool.servers:
            found.setdefault(MachineKey(endpoint.address), []).append(ServerKey(service, endpoint))
    return found
