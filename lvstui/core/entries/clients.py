"""The clients that somebody looks for in a connection table of which not every row can be kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lvstui.core.entries.resolve import masked
from lvstui.core.model import Address, Director, Persistence


@dataclass(frozen=True, slots=True)
class WantedClients:
    """Clients by their own addresses and by those under which services remember them; `masks` make them so."""

    clients: frozenset[Address] = frozenset()
    masks: tuple[Persistence, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.clients)

    def __contains__(self, client: Address) -> bool:
        """Return whether a client, or the network that a service takes it for, is one of them."""
        return client in self.clients or any(masked(client, mask) in self.clients for mask in self.masks)


NOBODY: Final = WantedClients()


def wanted_clients(clients: Iterable[Address], director: Director) -> WantedClients:
    """Look for clients on a director."""
    given = frozenset(clients)
    found = (pool.service.persistence for pool in director.pools.values())
    masks = tuple(
        {
            persistence.mask: persistence for persistence in found if persistence is not None and persistence.wide
        }.values()
    )
    return WantedClients(given | {masked(client, mask) for client in given for mask in masks}, masks)
