"""How two directors differ: a profile and a reading of the kernel, each completed with what only the other has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from lvstui.core import sysctls
from lvstui.core.attributes import with_weight
from lvstui.core.change import Change, DirectorField, Target, Value, change_server, lookup, with_profile_values
from lvstui.core.model import (
    UNKNOWN_FAMILY,
    Director,
    Endpoint,
    Family,
    MarkGroupKey,
    MarkKey,
    Pool,
    RealServer,
    ServerKey,
    ServiceKey,
    SyncRole,
    SysctlKey,
)

_K = TypeVar("_K")
_V = TypeVar("_V", bound=Value)


def diff(have: Director, want: Director) -> tuple[Change, ...]:
    """List the changes that lead from one director to another, in an order that a kernel can follow.

    Daemons stop first and start last (the kernel refuses servers of another family while one runs). In a pool
    servers are added before others are removed, so that no pool stands empty meanwhile. Packets are marked only while
    there is a service for them: rules go before services and come after them.
    """
    return tuple(_differences(have, want))


def _differences(have: Director, want: Director) -> Iterator[Change]:
    yield from _removals(have.daemons, want.daemons, SyncRole)
    for field in DirectorField:
        before, after = lookup(have, field), lookup(want, field)
        if before != after:
            yield Change(field, before, after)
    yield from _removals(have.sysctl, want.sysctl, SysctlKey)
    yield from _settings(have.sysctl, want.sysctl, SysctlKey)
    yield from _removals(have.groups, want.groups, MarkGroupKey)
    for key, pool in have.pools.items():
        if key not in want.pools:
            yield from remove_pool(pool)
    for key, pool in want.pools.items():
        yield from _pool_differences(have.pools.get(key), pool)
    yield from _settings(have.groups, want.groups, MarkGroupKey)
    yield from _settings(have.daemons, want.daemons, SyncRole)


def _removals(have: Mapping[_K, _V], want: Mapping[_K, _V], target: Callable[[_K], Target]) -> Iterator[Change]:
    return (Change(target(key), value, None) for key, value in have.items() if key not in want)


def _settings(have: Mapping[_K, _V], want: Mapping[_K, _V], target: Callable[[_K], Target]) -> Iterator[Change]:
    """List the additions and the edits."""
    return (Change(target(key), have.get(key), value) for key, value in want.items() if have.get(key) != value)


def remove_pool(pool: Pool) -> Iterator[Change]:
    """Return the changes that remove a service: its servers one by one, so that undo brings them back."""
    key = pool.service.key
    for server in pool.servers.values():
        yield change_server(key, server, None)
    yield Change(key, pool.service, None)


def _pool_differences(have: Pool | None, want: Pool) -> Iterator[Change]:
    if have is want:
        return
    key = want.service.key
    service = have.service if have else None
    servers: Mapping[Endpoint, RealServer] = have.servers if have else {}
    if service != want.service:
        yield Change(key, service, want.service)
    if servers != want.servers:
        yield from _settings(servers, want.servers, partial(ServerKey, key))
        yield from _removals(servers, want.servers, partial(ServerKey, key))


def add_profile_values(running: Director, profile: Director) -> Director:
    """Return a reading with the names, notes, probes and resume weights that the profile keeps for it.

    Afterwards `diff` against the profile lists only what really differs.
    """
    pools = _with_families(running.pools, profile.pools)
    for key, saved in profile.pools.items():
        pool = pools.get(key)
        if pool is not None:
            pools[key] = _add_to_pool(pool, saved)
    groups = profile.marks or {}
    marks = running.marks and {mark: with_profile_values(own, groups.get(mark)) for mark, own in running.marks.items()}
    return replace(running, pools=pools, name=profile.name, marks=marks)


def _with_families(held: Mapping[ServiceKey, Pool], saved: Mapping[ServiceKey, Pool]) -> dict[ServiceKey, Pool]:
    """Return services, those on marks of unknown family with the one that the profile knows, if it knows one only."""
    pools: dict[ServiceKey, Pool] = {}
    for key, pool in held.items():
        if isinstance(key, MarkKey) and key.family is UNKNOWN_FAMILY:
            known = [MarkKey(key.mark, family) for family in Family if MarkKey(key.mark, family) in saved]
            if len(known) == 1:
                pools[known[0]] = replace(pool, service=replace(pool.service, key=known[0]))
                continue
        pools[key] = pool
    return pools


def _add_to_pool(pool: Pool, saved: Pool) -> Pool:
    service = with_profile_values(pool.service, saved.service)
    named = {
        endpoint: with_profile_values(pool.servers[endpoint], server)
        for endpoint, server in saved.servers.items()
        if (server.name or server.resume is not None) and endpoint in pool.servers
    }
    if not named and service is pool.service:
        return pool
    return Pool(service, {**pool.servers, **named})


def complete_profile(profile: Director, running: Director) -> Director:
    """Return a profile with what it leaves to the kernel: timeouts, daemons, a datagram length, settings left out.

    What the reading lacks (timeouts and daemons in /proc, marks without the packet filter) is left out: what
    cannot be seen is not drift. A setting that the kernel has moved within its mode is as it should be.
    """
    sync, settings = running.sync, running.sysctl
    if sync is not None and profile.sync is not None:
        held = sync
        sync = {
            role: daemon if daemon.max_length or role not in held else replace(daemon, max_length=held[role].max_length)
            for role, daemon in profile.sync.items()
        }
    if settings:
        wanted = profile.sysctl.items()
        moved = {name: settings[name] for name, text in wanted if sysctls.same(name, text, settings.get(name))}
        settings = {**settings, **profile.sysctl, **moved}
    return replace(
        profile,
        timeouts=running.timeouts and (profile.timeouts or running.timeouts),
        sync=sync,
        sysctl=settings,
        marks=None if running.marks is None else profile.marks,
    )


def keep_managed(director: Director, profile: Director) -> Director:
    """Return a reading with only those settings of net.ipv4.vs that a profile manages: what it saves of them.

    Marks that could not be read stay as the profile has them.
    """
    held = director.sysctl
    kept = {
        name: text if sysctls.same(name, text, held.get(name)) else held.get(name, text)
        for name, text in profile.sysctl.items()
    }
    return replace(director, sysctl=kept, marks=profile.marks if director.marks is None else director.marks)


def keep_weights(profile: Director, running: Director) -> Director:
    """Return a profile with the weights of those servers that run; it remembers its own of those that are drained."""
    pools = dict(profile.pools)
    for key, pool in profile.pools.items():
        held = running.pools[key].servers if key in running.pools else {}
        servers = {
            endpoint: with_weight(server, held[endpoint].weight) if endpoint in held else server
            for endpoint, server in pool.servers.items()
        }
        pools[key] = replace(pool, servers=servers)
    return replace(profile, pools=pools)


def keep_unseen(profile: Director, running: Director) -> Director:
    """Return a profile with what /proc/net/ip_vs does not tell of those services and servers that run, as it is there.

    These are thresholds, tunnels, flags of schedulers and persistence engines.
    """
    pools = dict(profile.pools)
    for key, pool in profile.pools.items():
        held = running.pools.get(key)
        if held is None:
            continue
        servers = {
            endpoint: replace(server, upper=seen.upper, lower=seen.lower, tunnel=seen.tunnel)
            if (seen := held.servers.get(endpoint))
            else server
            for endpoint, server in pool.servers.items()
        }
        service, own = pool.service, held.service
        if service.persistence and own.persistence:
            engine = own.persistence.engine
            service = replace(service, persistence=replace(service.persistence, engine=engine))
        pools[key] = Pool(replace(service, flags=own.flags), servers)
    return replace(profile, pools=pools)


def find_drift(running: Director, profile: Director) -> tuple[Change, ...]:
    """List what would have to change in the kernel to make it equal the profile."""
    return diff(add_profile_values(running, profile), complete_profile(profile, running))
