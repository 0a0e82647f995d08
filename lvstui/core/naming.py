"""Names of clients, services and servers, from the profile where it has any."""

from __future__ import annotations

from lvstui.core import fields
from lvstui.core.model import Address, Director, Endpoint, Service, ServiceKey


def network_text(client: Address, width: int | None) -> str:
    """Write a client as its service remembers it: `10.1.0.9`, `10.1.5.0/24`."""
    return str(client) if width in (None, client.max_prefixlen) else f"{client}/{width}"


def service_name(service: Service) -> str:
    """Return a service's name, or what it is where it has none; what is strange in it is escaped."""
    return fields.visible(service.name) or fields.service_text(service.key)


def service_names(director: Director, key: ServiceKey | None) -> tuple[str, ...]:
    """Return the name of a service, if it has one, and its text."""
    if key is None:
        return ()
    pool = director.pools.get(key)
    name = pool.service.name if pool else ""
    return (name, fields.service_text(key)) if name else (fields.service_text(key),)


def server_names(director: Director, key: ServiceKey | None, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the name of a server, if it has one, its text and its address."""
    pool = director.pools.get(key) if key is not None else None
    server = pool.servers.get(endpoint) if pool else None
    texts = (fields.server_text(endpoint), str(endpoint.address))
    return (server.name, *texts) if server and server.name else texts
