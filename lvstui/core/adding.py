"""The additions that make a running director hold what another program's file says."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.change import Change
from lvstui.core.drift import complete_profile, diff
from lvstui.core.model import Director, Endpoint, Pool, RealServer


def additions(running: Director, wanted: Director) -> tuple[Change, ...]:
    """List what makes a running director hold what is wanted of it; services that are not wanted are left alone.

    So is all that other programs have no word for: names, notes, probes and resume weights of what runs already.
    """
    pools = dict(running.pools)
    for key, pool in wanted.pools.items():
        pools[key] = _with_values_of(pool, running.pools.get(key))
    daemons = {**running.daemons, **wanted.daemons} if wanted.daemons else running.sync
    added = replace(running, pools=pools, timeouts=wanted.timeouts, sync=daemons)
    return diff(running, complete_profile(added, running))


def _with_values_of(pool: Pool, held: Pool | None) -> Pool:
    if held is None:
        return pool
    service, own = pool.service, held.service
    kept = replace(service, name=service.name or own.name, note=service.note or own.note)
    servers = {end: _with_value_of(server, held.servers.get(end)) for end, server in pool.servers.items()}
    return Pool(replace(kept, probe=service.probe or own.probe), _in_order(servers, held))


def _with_value_of(server: RealServer, held: RealServer | None) -> RealServer:
    return replace(server, name=server.name or held.name, resume=held.resume) if held else server


def _in_order(servers: dict[Endpoint, RealServer], held: Pool) -> dict[Endpoint, RealServer]:
    """Return servers in the order in which they run, new ones last."""
    there = {end: servers[end] for end in held.servers if end in servers}
    return {**there, **servers}
