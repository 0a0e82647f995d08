"""The network of the memory kernel: virtual addresses are its own, real servers on eth1, all others behind eth0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from lvstui.core.doctor.facts import Claim, Hearing, Link, Local, NetworkFacts
from lvstui.core.model import Address, AddressKey, Director, Family, Network, SyncDaemon
from lvstui.core.observed import Rule
from lvstui.core.trace.route import Route, RouteQuestion

_INSIDE, _OUTSIDE, _LOOPBACK = "eth1", "eth0", "lo"

INTERFACES: Final = (_OUTSIDE, _INSIDE, _LOOPBACK)
"""The network interfaces of the machine that the memory kernel plays."""

_LINKS: Final = {
    _LOOPBACK: Link(_LOOPBACK, 65536, asks=False),
    _OUTSIDE: Link(_OUTSIDE, 1500, "52:54:00:00:02:02"),
    _INSIDE: Link(_INSIDE, 9000, "52:54:00:00:00:02"),
}
_OWN: Final = {
    "192.0.2.2": Local(_OUTSIDE, 24),
    "2001:db8::2": Local(_OUTSIDE, 64),
    "10.0.0.2": Local(_INSIDE, 24),
    "fd00::ff": Local(_INSIDE, 64),
}
_ROUTERS: Final = {Family.IPV4: ip_address("192.0.2.1"), Family.IPV6: ip_address("2001:db8::1")}
_CLIENTS: Final = (ip_address("198.51.100.1"), ip_address("2001:db8:51::1"))

_SETTINGS: Final = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/conf/all/rp_filter": "0",
    **{f"ipv4/conf/{name}/forwarding": "1" for name in INTERFACES},
    **{f"ipv4/conf/{name}/rp_filter": "0" for name in INTERFACES},
    "netfilter/nf_conntrack_count": "1204",
    "netfilter/nf_conntrack_max": "262144",
}


class MemoryNetwork:
    """The network that fits a director, and what rules of others mark there: nothing is wrong with it."""

    def __init__(self, director: Director, rules: Sequence[Rule]) -> None:
        virtual = frozenset(_virtual(director, rules))
        self._hosts = {network[0] for network in virtual if network.prefixlen == network.max_prefixlen}
        self._networks = [network for network in virtual if network.prefixlen < network.max_prefixlen]
        self._servers = {endpoint.address for pool in director.pools.values() for endpoint in pool.servers}

    def read(self) -> NetworkFacts:
        """Return links, addresses and settings."""
        addresses: dict[Address, Local] = {ip_address(text): local for text, local in _OWN.items()}
        addresses |= {address: Local(_OUTSIDE, address.max_prefixlen) for address in self._hosts}
        modules = frozenset({"ip_vs", "ip_vs_ftp"})
        return NetworkFacts(_LINKS, addresses, _SETTINGS, modules, _CLIENTS, filtered=0)

    def filtered(self) -> int | None:
        """Return that rp_filter has dropped nothing."""
        return 0

    def index(self, name: str) -> int | None:
        """Return the place of an interface among ours."""
        return INTERFACES.index(name) + 1 if name in INTERFACES else None

    def routes(self, questions: Sequence[RouteQuestion]) -> Sequence[Route]:
        """Return where packets are sent."""
        return [self.route(question) for question in questions]

    def owners(self, asked: Mapping[Address, str]) -> Mapping[Address, Claim]:
        """Return that nobody else has an address."""
        return {address: Claim(interface) for address, interface in asked.items()}

    def masters(self, daemon: SyncDaemon) -> Hearing:  # noqa: ARG002 - nobody is heard in any group
        """Return that there is no other master."""
        return Hearing(0.0)

    def route(self, question: RouteQuestion) -> Route:
        """Return where a packet is sent."""
        destination = question.destination
        if question.interface and question.interface not in INTERFACES:
            return Route(trouble=f"there is no interface {question.interface}")
        is_virtual = destination in self._hosts or any(destination in network for network in self._networks)
        if destination.is_loopback or is_virtual:
            return Route("local", _LOOPBACK, mtu=_LINKS[_LOOPBACK].mtu)
        if destination in self._servers:
            return Route("unicast", _INSIDE, None, _link_address(destination), "reachable", mtu=_LINKS[_INSIDE].mtu)
        router = _ROUTERS[Family.of(destination)]
        return Route("unicast", _OUTSIDE, router, _link_address(router), "reachable", mtu=_LINKS[_OUTSIDE].mtu)


def _virtual(director: Director, rules: Iterable[Rule]) -> Iterator[Network]:
    """Yield the addresses of services and of what gets a mark."""
    for key in director.pools:
        if isinstance(key, AddressKey):
            yield IPv4Network(key.address) if key.address.version == 4 else IPv6Network(key.address)
    groups = (selector for group in director.groups.values() for selector in group.selectors)
    for selector in (*groups, *(rule.selector for rule in rules if rule.selector)):
        yield from selector.addresses


def _link_address(address: Address) -> str:
    """Return the address that a virtual machine with this IP address might have on its link."""
    return ":".join(("52", "54", "00", *(f"{byte:02x}" for byte in address.packed[-3:])))
