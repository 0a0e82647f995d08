"""What the words of a command name: services and servers, by notation or by name, and values for their fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from lvstui.commands.place import Failure, Status
from lvstui.core import fields
from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.model import Address, AddressKey, Director, Pool, RealServer, ServiceKey
from lvstui.core.words import did_you_mean

ASSIGNMENT: Final = re.compile(r"([a-z][a-z0-9_.]*)=(.*)", re.DOTALL)
"""A word that gives a field a value."""


def split_words(words: Sequence[str], most: int) -> tuple[list[str], dict[str, str]]:
    """Separate words that name something, of which there may be some, from values for fields. Raises `Failure`."""
    names: list[str] = []
    values: dict[str, str] = {}
    for word in words:
        match = ASSIGNMENT.fullmatch(word)
        if match is None:
            if len(names) == most:
                raise Failure(f"{quote(word)} is one word too many; write values as FIELD=VALUE", Status.USAGE)
            names.append(word)
        elif match[1] in values:
            raise Failure(f"{match[1]}: is given twice; leave one out", Status.USAGE)
        else:
            values[match[1]] = match[2]
    return names, values


def find_pool(text: str, director: Director) -> Pool:
    """Find a service by its notation or by its name; raises `Failure`."""
    key: ServiceKey | None = None
    with suppress(FieldError):
        key = fields.service(text)
    found = [pool for pool in director.pools.values() if pool.service.key == key or pool.service.name == text]
    if len(found) > 1:
        meant = ", ".join(fields.service_text(pool.service.key) for pool in found)
        raise Failure(f"{quote(text)} may mean any of {meant}; rename one of them first")
    if not found:
        near = [pool for pool in director.pools.values() if key is None or _is_beside(key, pool.service.key)]
        raise Failure(
            f"no service is {quote(text)}; {_meant(text, (w for pool in near for w in _service_words(pool)))}"
        )
    return found[0]


def _is_beside(key: ServiceKey, other: ServiceKey) -> bool:
    """Return whether two services differ in port or protocol alone: a slip; another address is another service."""
    return isinstance(key, AddressKey) and isinstance(other, AddressKey) and key.address == other.address


def _meant(text: str, known: Iterable[str]) -> str:
    """Return what leads on from a name that nothing has."""
    return did_you_mean(text, known) or "`lvstui show` lists them"


def _service_words(pool: Pool) -> Iterator[str]:
    """Yield what a service may be called by: its notation, and its name."""
    yield fields.service_text(pool.service.key)
    if pool.service.name:
        yield visible(pool.service.name)


def find_server(text: str, among: Pool) -> RealServer:
    """Find a real server of a service by its notation, by its name, or by its address where that is enough.

    Raises `Failure`.
    """
    found = [server for server in among.servers.values() if text in (server.name, fields.server_text(server.endpoint))]
    if not found:
        found = [server for server in among.servers.values() if _is_at(server, text)]
    where = fields.service_text(among.service.key)
    if len(found) > 1:
        meant = ", ".join(fields.server_text(server.endpoint) for server in found)
        raise Failure(f"{quote(text)} may mean any of {meant} in {where}; write the one with its port")
    if not found:
        address = _address_in(text)
        near = [server for server in among.servers.values() if address in (None, server.endpoint.address)]
        known = (word for server in near for word in _server_words(server))
        raise Failure(f"no server of {where} is {quote(text)}; {_meant(text, known)}")
    return found[0]


def _server_words(server: RealServer) -> Iterator[str]:
    """Yield what a server may be called by: its notation, its address, and its name."""
    yield fields.server_text(server.endpoint)
    yield str(server.endpoint.address)
    if server.name:
        yield visible(server.name)


def _address_in(text: str) -> Address | None:
    """Return the address that a text names, with a port or without; None for a name."""
    with suppress(FieldError):
        return fields.server(text).address
    with suppress(FieldError):
        return fields.address("server", text)
    return None


def _is_at(server: RealServer, text: str) -> bool:
    with suppress(FieldError):
        return fields.server(text) == server.endpoint
    with suppress(FieldError):
        return fields.address("server", text) == server.endpoint.address
    return False
