"""A profile beside a reading of the kernel: each is completed with what only the other has, then they are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lvstui.core import sysctls
from lvstui.core.change import Change, diff, with_profile_values
from lvstui.core.model import Director, Pool, SyncDaemon, SyncRole, Timeouts


def add_profile_values(running: Director, profile: Director) -> Director:
    """Return a reading with the names, notes and resume weights that the profile keeps for it.

    Afterwards `diff` against the profile lists only what really differs.
    """
    pools = dict(running.pools)
    for key, saved in profile.pools.items():
        pool = pools.get(key)
        if pool is not None:
            pools[key] = _add_to_pool(pool, saved)
    groups = profile.marks or {}
    marks = running.marks and {mark: with_profile_values(own, groups.get(mark)) for mark, own in running.marks.items()}
    return replace(running, pools=pools, name=profile.name, marks=marks)


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
    cannot be seen is not drift.
    """
    return replace(
        profile,
        timeouts=_complete_timeouts(profile, running),
        sync=_complete_sync(profile, running),
        sysctl=_complete_sysctl(profile, running),
        marks=None if running.marks is None else profile.marks,
    )


def _complete_timeouts(profile: Director, running: Director) -> Timeouts | None:
    return running.timeouts and (profile.timeouts or running.timeouts)


def _complete_sync(profile: Director, running: Director) -> Mapping[SyncRole, SyncDaemon] | None:
    held = running.sync
    if held is None or profile.sync is None:
        return held
    return {
        role: daemon if daemon.max_length or role not in held else replace(daemon, max_length=held[role].max_length)
        for role, daemon in profile.sync.items()
    }


def _complete_sysctl(profile: Director, running: Director) -> Mapping[str, str]:
    """Return the settings as they should be; one that the kernel has moved within its mode is as it should be."""
    held = running.sysctl
    if not held:
        return {}
    moved = {name: held[name] for name, text in profile.sysctl.items() if sysctls.same(name, text, held.get(name))}
    return {**held, **profile.sysctl, **moved}


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


def find_drift(running: Director, profile: Director) -> tuple[Change, ...]:
    """List what would have to change in the kernel to make it equal the profile."""
    return diff(add_profile_values(running, profile), complete_profile(profile, running))
