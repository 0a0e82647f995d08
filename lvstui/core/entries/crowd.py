"""Entries by the million: kept in some twenty bytes each, and the connections that hang on them as mere numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lvstui.core.entries.resolve import Parents, mask_client
from lvstui.core.model import Address, Director, ServiceKey
from lvstui.core.observed import Alike, Connection, Entry

_SIZES: Final = {4: 4, 6: 16}


def unpack(alike: Alike) -> Entry:
    """Return an entry that is given by its likeness to another one."""
    like, client, ends = alike
    address = IPv4Address(client) if len(client) == 4 else IPv6Address(client)
    return like._replace(client=address, ends=ends)


class PackedEntries:
    """Entries in their order: those that differ by client and time only share all the rest."""

    def __init__(self) -> None:
        self._models: list[Entry] = []
        self._numbers: dict[int, int] = {}
        self._kinds: dict[tuple[int, int, int, str, str], Entry] = {}
        self._order = array("I")
        self._ends = array("d")
        self._clients = bytearray()

    def add(self, entries: Iterable[Entry]) -> None:
        """Append entries."""
        kinds = self._kinds
        self.add_alike(
            # As long as the first of a kind is kept, no other object has the identity of its service or server.
            (
                kinds.setdefault((id(entry.service), id(entry.server), id(entry.origin), *entry[5:7]), entry),
                entry.client.packed,
                entry.ends,
            )
            for entry in entries
        )

    def add_alike(self, entries: Iterable[Alike]) -> None:
        """Append entries that come as alike."""
        for like, client, ends in entries:
            number = self._numbers.get(id(like))
            if number is None:
                number = self._numbers[id(like)] = len(self._models)
                self._models.append(like)
            self._order.append(number)
            self._ends.append(ends)
            self._clients += client

    def __iter__(self) -> Iterator[Alike]:
        clients, position = memoryview(self._clients), 0
        for number, ends in zip(self._order, self._ends, strict=True):
            like = self._models[number]
            end = position + _SIZES[like.client.version]
            yield like, bytes(clients[position:end]), ends
            position = end


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
