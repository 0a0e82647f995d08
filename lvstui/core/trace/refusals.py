"""Which part of the new connections a scheduler refuses because it looks for no other server than its own choice.

sh, dh and mh take a server from a table by a hash of an address. Where that server has weight 0 or is full they find
nobody, unless sh or mh have their flag to look further (net/netfilter/ipvs/ip_vs_sh.c, ip_vs_dh.c, ip_vs_mh.c); every
other scheduler passes such a server over. A client that has an entry never comes to the scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat
from typing import Final

from lvstui.core.model import AddressKey, Endpoint, Pool, RealServer, ServiceFlags
from lvstui.core.observed import ServerStats
from lvstui.core.trace.choice import HASHING, can_serve
from lvstui.core.trace.hashing import destination_probes, maglev_turns, source_table

FALLBACK: Final = ServiceFlags.SCHED_1
"""The flag of sh and of mh to look for another server where theirs cannot serve; dh has none."""

FALLBACKS: Final = ("sh", "mh")
"""The schedulers that have it."""

Counts = Mapping[Endpoint, ServerStats]


def can_fall_back(pool: Pool) -> bool:
    """Return whether the scheduler of a service has the flag to look further, and does not have it set."""
    return pool.service.scheduler in FALLBACKS and not pool.service.flags & FALLBACK


def unable(pool: Pool, counts: Counts) -> tuple[RealServer, ...]:
    """Return the real servers that are known to take no new connection."""
    return tuple(
        server for endpoint, server in pool.servers.items() if can_serve(server, counts.get(endpoint)) is False
    )


def refused_part(pool: Pool, counts: Counts, before: Pool | None = None) -> float:
    """Return the part (0 to 1) of the connections without an entry that a service refuses.

    A drained server keeps its places in mh's table by the last weight that it had: that of `before`, else the one to
    resume. Of one that had none of either the part is not known, and it counts as without places.
    """
    full = {server.endpoint for server in unable(pool, counts)}
    if len(full) == len(pool.servers):
        return 1.0
    service = pool.service
    if not full or service.scheduler not in HASHING or (service.scheduler in FALLBACKS and service.flags & FALLBACK):
        return 0.0
    if service.scheduler == "mh":
        turns = maglev_turns(tuple((end, _last_weight(end, pool, before)) for end in pool.servers))
        table = list(chain.from_iterable(repeat(end, number) for end, number in turns.items()))
    elif service.scheduler == "sh":
        table = list(source_table(tuple((end, server.weight) for end, server in pool.servers.items())))
    elif isinstance(service.key, AddressKey):  # all packets have one destination, and so one server
        table = list(destination_probes(list(pool.servers.values()), service.key.family, service.key.address))
    else:
        table = list(pool.servers)
    return sum(end in full for end in table) / len(table) if table else 0.0


def _last_weight(endpoint: Endpoint, pool: Pool, before: Pool | None) -> int:
    old = before.servers.get(endpoint) if before else None
    return pool.servers[endpoint].weight or (old.weight if old else 0) or pool.servers[endpoint].resume or 0
