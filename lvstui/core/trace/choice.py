"""Which real server a scheduler takes for a new connection, or may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lvstui.core.model import Endpoint, Pool, RealServer, ServiceFlags
from lvstui.core.observed import ServerStats
from lvstui.core.packets.packet import Packet
from lvstui.core.trace.hashing import destination_probes, maglev_probes, source_probes

HASHING: Final = frozenset({"sh", "dh", "mh"})
"""Schedulers that follow from addresses, weights and the order of the servers alone."""

_FALLBACK, _PORT = ServiceFlags.SCHED_1, ServiceFlags.SCHED_2
"""The flags that sh and mh call their own."""


class Choice(NamedTuple):
    """What a scheduler does with a new connection.

    `servers` are all that it may take, `assigned` the one that it would take if that can serve. `nobody` says whether
    it may find none. It is not `certain` where that depends on what the kernel does not show.
    """

    servers: tuple[Endpoint, ...]
    assigned: Endpoint | None = None
    nobody: bool = False
    certain: bool = True


def is_overloaded(server: RealServer, seen: ServerStats | None) -> bool | None:
    """Return whether a server takes no new connections because of its thresholds; None where that is not known.

    The kernel sets a flag at the upper threshold, and takes it back below the lower one, or below three quarters of the
    upper one (ip_vs_bind_dest, ip_vs_unbind_dest); between the two nothing shows it.
    """
    if not server.upper:
        return False
    if seen is None:
        return None
    connections = seen.active + seen.inactive
    if connections >= server.upper:
        return True
    is_below = connections < server.lower if server.lower else connections * 4 < server.upper * 3
    return False if is_below else None


def can_serve(server: RealServer, seen: ServerStats | None) -> bool | None:
    """Return whether a scheduler may take a server; None where that is not known."""
    if server.weight == 0:
        return False
    overloaded = is_overloaded(server, seen)
    return None if overloaded is None else not overloaded


def choose(pool: Pool, packet: Packet, counts: Mapping[Endpoint, ServerStats]) -> Choice:
    """Return what a service's scheduler does with the first packet of a connection.

    The packet's destination is the one that IPVS sees. `counts` are the connections of the servers.
    """
    able = {endpoint: can_serve(server, counts.get(endpoint)) for endpoint, server in pool.servers.items()}
    scheduler, servers = pool.service.scheduler, list(pool.servers.values())
    if scheduler == "fo":  # the highest weight, the first of those that have it (ip_vs_fo.c)
        return _first_able(sorted(pool.servers, key=lambda endpoint: -pool.servers[endpoint].weight), able)
    if scheduler not in HASHING:
        found = tuple(endpoint for endpoint, can in able.items() if can is not False and scheduler != "none")
        nobody = not any(able[endpoint] for endpoint in found)
        return Choice(found, nobody=nobody, certain=not (found and nobody))
    family, flags = pool.service.key.family, pool.service.flags
    if scheduler == "dh":
        return _first_able(destination_probes(servers, family, packet.destination), able)
    # A drained server keeps its places in mh's table, as many as its last weight gave it, which nothing shows.
    unknown = scheduler == "mh" and any(server.weight == 0 for server in servers)
    if unknown or (flags & _PORT and packet.source_port is None):
        some = tuple(endpoint for endpoint, can in able.items() if can is not False)
        return Choice(some, nobody=not flags & _FALLBACK and len(some) < len(servers), certain=False)
    probes = source_probes if scheduler == "sh" else maglev_probes
    port = packet.source_port if flags & _PORT and packet.source_port else 0
    tried = probes(servers, family, packet.source, port, fallback=bool(flags & _FALLBACK))
    return _first_able(tried, able)


def _first_able(tried: Iterable[Endpoint], able: Mapping[Endpoint, bool | None]) -> Choice:
    """Return the choice of a scheduler that tries servers in this order and takes the first that can serve."""
    assigned: Endpoint | None = None
    found: dict[Endpoint, None] = {}
    for endpoint in tried:
        assigned = assigned or endpoint
        if able[endpoint] is not False:
            found[endpoint] = None
        if able[endpoint]:
            return Choice(tuple(found), assigned, certain=len(found) == 1)
    return Choice(tuple(found), assigned, nobody=True, certain=not found)
