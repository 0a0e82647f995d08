"""Entries by the million: kept in some twenty bytes each, and the connections that hang on them as mere numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lvstui.core.entries.resolve import Parents, mask_client
from lvstui.core.model import Address, Director, ServiceKey
from lvstui.core.observed import Connection, Entry

_SIZES: Final = {4: 4, 6: 16}


class PackedEntries:
    """Entries in their order: those that differ by client and time only share all the rest."""

    def __init__(self) -> None:
        self._models: list[Entry] = []
        self._numbers: dict[tuple[int, int, int, str], int] = {}
        self._kinds = array("I")
        self._ends = array("d")
        self._clients = bytearray()
        self._identities: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, entries: Iterable[Entry]) -> None:
        """Append entries."""
        for entry in entries:
            service, client, server, state, ends, engine, identity, origin = entry
            # As long as the first of a kind is kept, no other object has the identity of its service or server.
            kind = id(service), id(server), id(origin), state + engine
            number = self._numbers.get(kind)
            if number is None:
                number = self._numbers[kind] = len(self._models)
                self._models.append(entry)
            if identity:
                self._identities[len(self._kinds)] = identity
            self._kinds.append(number)
            self._ends.append(ends)
            self._clients += client.packed

    def __iter__(self) -> Iterator[Entry]:
        make, clients, position = tuple.__new__, memoryview(self._clients), 0
        identities = self._identities.get
        for place, (number, ends) in enumerate(zip(self._kinds, self._ends, strict=True)):
            service, old, server, state, _, engine, _, origin = self._models[number]
            end = position + _SIZES[old.version]
            packed = bytes(clients[position:end])
            client = IPv4Address(packed) if old.version == 4 else IPv6Address(packed)
            position = end
            yield make(Entry, (service, client, server, state, ends, engine, identities(place, ""), origin))


class Hanging:
    """How many connections hang on the entries of each client, service and server's address."""

    def __init__(self, director: Director) -> None:
        self._parents = Parents(director)
        self._numbers: dict[ServiceKey | Address, int] = {}
        self._found: dict[tuple[int, int, int], int] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, connections: Iterable[Connection]) -> None:
        """Count connections; those that may belong to several marks count for all of them."""
        found = self._found
        for connection in connections:
            for service, persistence in self._parents(connection):
                client = connection.client.address
                if persistence.wide:
                    client = mask_client(client, persistence)
                key = self._number(service), int(client), self._number(connection.server.address)
                found[key] = found.get(key, 0) + 1

    def on(self, service: ServiceKey | None, client: Address, server: Address) -> int:
        """Return how many connections hang on an entry."""
        if service is None:
            return 0
        return self._found.get((self._number(service), int(client), self._number(server)), 0)

    def _number(self, what: ServiceKey | Address) -> int:
        return self._numbers.setdefault(what, len(self._numbers))
