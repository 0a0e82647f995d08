"""The routes of the memory kernel: virtual addresses are its own, real servers on eth1, all others behind eth0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from lvstui.core.model import Address, AddressKey, Director, Family, Network
from lvstui.core.observed import Rule
from lvstui.core.trace.route import Route, RouteQuestion

_INSIDE, _OUTSIDE, _LOOPBACK = "eth1", "eth0", "lo"
_ROUTERS: Final = {Family.IPV4: ip_address("192.0.2.1"), Family.IPV6: ip_address("2001:db8::1")}


def route(question: RouteQuestion, director: Director, rules: Iterable[Rule], interfaces: tuple[str, ...]) -> Route:
    """Return where a packet is sent."""
    destination = question.destination
    if question.interface and question.interface not in interfaces:
        return Route(trouble=f"there is no interface {question.interface}")
    if destination.is_loopback or any(destination in network for network in _virtual(director, rules)):
        return Route("local", _LOOPBACK)
    if any(endpoint.address == destination for pool in director.pools.values() for endpoint in pool.servers):
        return Route("unicast", _INSIDE, None, _link_address(destination), "reachable")
    router = _ROUTERS[Family.of(destination)]
    return Route("unicast", _OUTSIDE, router, _link_address(router), "reachable")


def _virtual(director: Director, rules: Iterable[Rule]) -> Iterator[Network | tuple[Address]]:
    """Yield the addresses of services and of what gets a mark."""
    for key in director.pools:
        if isinstance(key, AddressKey):
            yield (key.address,)
    groups = (selector for group in director.groups.values() for selector in group.selectors)
    for selector in (*groups, *(rule.selector for rule in rules if rule.selector)):
        yield from selector.addresses


def _link_address(address: Address) -> str:
    """Return the address that a virtual machine with this IP address might have on its link."""
    return ":".join(("52", "54", "00", *(f"{byte:02x}" for byte in address.packed[-3:])))
