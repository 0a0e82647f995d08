"""Lists that the forms of mark groups ask for: virtual addresses, and real servers with weight and method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.attributes import METHODS, SERVER
from lvstui.core.fields import FieldError, quoted
from lvstui.core.model import Address, AddressKey, Director, Endpoint, Forwarding, MarkGroup, Network, RealServer
from lvstui.core.selectors import network, network_text

_METHODS: Final = {word: fields.forwarding(word) for word in METHODS}


def items(text: str) -> list[str]:
    """Cut a list at its commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks of both families, with commas between; raises `FieldError` for `addresses`."""
    found = tuple(network(item, "addresses") for item in items(text.replace(" ", ",")))
    if not found:
        raise FieldError("addresses", "is needed, such as 192.0.2.10, 2001:db8::10")
    return found


class Machine(NamedTuple):
    """A machine that serves already: its address, and the name that it goes by."""

    address: Address
    name: str


def machines(director: Director) -> Mapping[str, Machine]:
    """Return the machines that serve already, by the name they go by and by their address."""
    names: dict[Address, str] = {}
    for pool in director.pools.values():
        for endpoint, server in pool.servers.items():
            names[endpoint.address] = names.get(endpoint.address) or server.name
    found: dict[str, Machine] = {}
    for address, name in names.items():
        if name:
            found.setdefault(name, Machine(address, name))
    found.update((str(address), Machine(address, name)) for address, name in names.items())
    return found


def servers(text: str, known: Mapping[str, Machine], weight: int, forwarding: Forwarding) -> tuple[RealServer, ...]:
    """Read `10.0.0.11, web2 3, fd00::13 2 tunnel`: address or known name, then weight and method where they differ.

    Blanks part servers as well. A mark keeps ports as they are, so the servers have none. Raises `FieldError` for the
    field `servers`.
    """
    found: dict[Endpoint, RealServer] = {}
    for words in (words for item in items(text) for words in _apart(item.split(), known)):
        server = _server(words, known, weight, forwarding)
        if server.endpoint in found:
            raise FieldError("servers", f"{server.endpoint.address} is named twice")
        found[server.endpoint] = server
    return tuple(found.values())


def _apart(words: Iterable[str], known: Mapping[str, Machine]) -> Iterable[Sequence[str]]:
    """Begin anew at each word that names a server."""
    found: list[list[str]] = []
    for word in words:
        if not found or (_names(word, known) and word not in _METHODS and not word.isdigit()):
            found.append([])
        found[-1].append(word)
    return found


def _names(word: str, known: Mapping[str, Machine]) -> bool:
    try:
        return word in known or bool(fields.address("servers", word))
    except FieldError:
        return False


def _server(words: Sequence[str], known: Mapping[str, Machine], weight: int, forwarding: Forwarding) -> RealServer:
    machine = known.get(words[0])
    try:
        address = machine.address if machine else fields.address("servers", words[0])
    except FieldError:
        raise FieldError("servers", f"{quoted(words[0])} is no address, and no server here has that name") from None
    for word in words[1:]:
        if word.isascii() and word.isdigit():
            weight = _weight(word)
        elif word in _METHODS:
            forwarding = _METHODS[word]
        else:
            raise FieldError("servers", f"{quoted(word)} is no weight and none of {', '.join(_METHODS)}")
    return RealServer(Endpoint(address, 0), forwarding, weight, name=machine.name if machine else "")


def _weight(text: str) -> int:
    try:
        return SERVER.number("weight", text)
    except FieldError as error:
        raise FieldError("servers", f"weight {error.sentence}") from None


def virtual_addresses(director: Director) -> tuple[str, ...]:
    """List the virtual addresses that are served or marked here, to be proposed."""
    served = [str(key.address) for key in director.pools if isinstance(key, AddressKey)]
    groups: Iterable[MarkGroup] = director.groups.values()
    marked = [network_text(one) for group in groups for selector in group.selectors for one in selector.addresses]
    return tuple(dict.fromkeys((*served, *marked)))


def usual_forwarding(director: Director) -> Forwarding:
    """Return the method that most servers here have; masq where there are none."""
    methods = [server.forwarding for pool in director.pools.values() for server in pool.servers.values()]
    usual = [method for method in methods if method in _METHODS.values()]
    return max(usual, key=usual.count, default=Forwarding.MASQ)
