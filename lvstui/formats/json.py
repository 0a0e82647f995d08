"""A director and what was counted on it as JSON: the profile's field names, every field always there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from lvstui.core import sysctls
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.model import Director, Pool
from lvstui.core.observed import Reading, Stats

Json: TypeAlias = "str | int | Sequence[Json] | Mapping[str, Json] | None"
Table: TypeAlias = dict[str, Json]


def configuration(director: Director) -> Table:
    """Return everything that is configured, what a profile holds, as one document."""
    pools: list[Json] = [
        {
            **SERVICE.table(pool.service, whole=True),
            "server": [SERVER.table(server, whole=True) for server in pool.servers.values()],
        }
        for pool in director.pools.values()
    ]
    return {**director_settings(director), "service": pools, "mark": marks(director)}


def director_settings(director: Director) -> Table:
    """Return the director's own settings as a document; null means left to the kernel."""
    return {
        "director": {"name": director.name, "host": director.home.host, "netns": director.home.netns},
        "timeouts": TIMEOUTS.table(director.timeouts) if director.timeouts else None,
        "sysctl": {name: sysctls.number_or_text(text) for name, text in director.sysctl.items()},
        "sync": None
        if director.sync is None
        else [DAEMON.table(daemon, whole=True) for daemon in director.sync.values()],
    }


def marks(director: Director) -> Json:
    """Return our groups of the packet filter as a document; null means that they are not known."""
    if director.marks is None:
        return None
    return [GROUP.table(group, whole=True) for group in director.marks.values()]


def services(reading: Reading) -> Table:
    """Return the services with their servers and what was counted as a document; null stands for not counted."""
    return {"service": [observed_service(reading, pool) for pool in reading.director.pools.values()]}


def director(reading: Reading, origin: str, profile: Director) -> Table:
    """Return the director's own settings, what it counts as a whole and the kernel's facts as a document.

    `managed` names the settings of net.ipv4.vs that the profile manages.
    """
    kernel: Table = {"origin": origin, "version": reading.info.version, "table_size": reading.info.table_size}
    return {
        "kernel": kernel,
        **director_settings(reading.director),
        "managed": [*sorted(profile.sysctl)],
        "connections": reading.connections,
        "sticky": reading.sticky,
        "table_rows": reading.rows,
        **_counters(reading.total),
        "cpu": [_counters(stats)["stats"] for stats in reading.cpus],
    }


def observed_service(reading: Reading, pool: Pool) -> Table:
    """Return one service with its servers and what was counted as a document."""
    key = pool.service.key
    counted = reading.servers.get(key, {})
    servers: list[Json] = []
    for endpoint, server in pool.servers.items():
        seen = counted.get(endpoint)
        connections: Table = {
            "active": seen.active if seen else None,
            "inactive": seen.inactive if seen else None,
            "sticky": seen.sticky if seen else None,
        }
        servers.append({**SERVER.table(server, whole=True), **connections, **_counters(seen.stats if seen else None)})
    return {**SERVICE.table(pool.service, whole=True), **_counters(reading.services.get(key)), "server": servers}


def _counters(stats: Stats | None) -> Table:
    """Return the counters, and the kernel's own estimates per second."""
    if stats is None:
        return {"stats": None, "rates": None}
    names = ("connections", "in_packets", "out_packets", "in_bytes", "out_bytes")
    return {"stats": dict(zip(names, stats[:5], strict=True)), "rates": dict(zip(names, stats[5:], strict=True))}
