"""The one order of services, servers and all else in profiles, listings and exports; the kernel's is by its hashes."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.model import Address, AddressKey, Director, Endpoint, Pool, ServiceKey, SyncRole


def arranged(director: Director) -> Director:
    """Return the same director with everything in order."""
    pools = {key: _arranged_pool(director.pools[key]) for key in ordered_pools(director)}
    daemons = director.daemons
    return replace(
        director,
        pools=pools,
        sync=None if director.sync is None else {role: daemons[role] for role in ordered_daemons(director)},
        sysctl=dict(sorted(director.sysctl.items())),
        marks=None if director.marks is None else dict(sorted(director.marks.items())),
    )


def _arranged_pool(pool: Pool) -> Pool:
    servers = pool.servers
    return pool if len(servers) < 2 else replace(pool, servers={at: servers[at] for at in ordered_servers(pool)})


def ordered_daemons(director: Director) -> list[SyncRole]:
    """Return the roles of the sync daemons in order."""
    return sorted(director.daemons)


def ordered_pools(director: Director) -> list[ServiceKey]:
    """Return the services in order."""
    pools = director.pools
    return sorted(pools, key=lambda key: _service_order(pools[key]))


def ordered_servers(pool: Pool) -> list[Endpoint]:
    """Return the servers of a service in order."""
    return sorted(pool.servers, key=lambda endpoint: (*_address_order(endpoint.address), endpoint.port))


def _service_order(pool: Pool) -> tuple[str, bool, int, int, int, int]:
    """Sort services by name, then addresses before marks, IPv4 before IPv6, and by number."""
    key = pool.service.key
    if isinstance(key, AddressKey):
        return (pool.service.name, False, *_address_order(key.address), key.port, key.protocol)
    return (pool.service.name, True, key.family, key.mark, 0, 0)


def _address_order(address: Address) -> tuple[int, int]:
    return address.version, int(address)
