"""What a real server is asked, and by which way: as clients' packets go to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Probe,
    ProbeType,
    Protocol,
    Selector,
    ServerKey,
    Tunnel,
)
from lvstui.core.probe_fields import payload
from lvstui.core.probes.answer import Answer, Outcome

PATIENCE: Final = 1.5
"""Seconds that an answer is waited for, where nobody wants it otherwise."""

MOST: Final = 4
"""How many addresses and ports of one mark service are asked for on each of its servers."""

NAME_ONE: Final = "name one with --at PROTOCOL:ADDRESS:PORT"


class Question(NamedTuple):
    """One try to reach a real server by the way of its clients' packets.

    `endpoint` is the server's own address with the port that is asked there. `virtual` is what clients send to, which
    is still the destination of packets that are routed or tunnelled when they come to the server; None where it is
    not needed and not known. `shared` are addresses that servers may have as their own too: an answer to one of them
    would never leave the server. `patience` is how long an answer is waited for, in seconds. `probe` is what the
    service's servers are asked beyond that they are there.
    """

    key: ServerKey
    forwarding: Forwarding
    tunnel: Tunnel
    protocol: Protocol
    endpoint: Endpoint
    virtual: Endpoint | None = None
    shared: frozenset[Address] = frozenset()
    patience: float = PATIENCE
    probe: Probe | None = None

    @property
    def speaks(self) -> bool:
        """Whether there is more to ask than whether clients' packets are answered."""
        return self.probe is not None and not (self.probe.type is ProbeType.TCP and self.speaks_there)

    @property
    def speaks_there(self) -> bool:
        """Whether the probe is for the very port that clients' packets come to."""
        probe = self.probe
        return probe is not None and probe.type.carrier is self.protocol and probe.port in (0, self.endpoint.port)

    @property
    def speaks_at_once(self) -> bool:
        """Whether all that the probe asks is one datagram, which takes the way of clients' packets."""
        return self.speaks_there and self.protocol is Protocol.UDP

    @property
    def spoken_at(self) -> Endpoint:
        """The server's own address, with the port that the probe is for."""
        return Endpoint(self.endpoint.address, (self.probe.port if self.probe else 0) or self.endpoint.port)


def question_text(probe: Probe) -> str:
    """Return what a server is asked: `GET /health`, `a TLS handshake`."""
    match probe.type:
        case ProbeType.HTTP | ProbeType.HTTPS:
            return f"GET {probe.path}{f' of {probe.name}' if probe.name else ''}"
        case ProbeType.TLS:
            return "a TLS handshake"
        case ProbeType.DNS:
            return f"a query ({probe.record.name} of {probe.name or '.'})"
        case ProbeType.SMTP:
            return "a new client"
        case ProbeType.UDP:
            size = len(payload(probe.send))
            return f"a datagram of {size} byte{'' if size == 1 else 's'}"
        case ProbeType.TCP:
            return "a connection"


class _Target(NamedTuple):
    """What clients send to; an address that is not known is None, a port 0."""

    protocol: Protocol
    address: Address | None
    port: int


def questions(
    director: Director,
    key: ServerKey,
    selectors: Iterable[Selector] = (),
    *,
    shared: frozenset[Address] = frozenset(),
    at: AddressKey | None = None,
    patience: float | None = None,
) -> Sequence[Question] | Answer:
    """Return what to ask a server of the director, or why it cannot be asked.

    `selectors` are the packets that get the mark of a service on a mark, `shared` the `virtual_addresses`; `at` is what
    the operator names instead: an address and a port of a service for which several are possible. `patience` None
    leaves it to the service's probe.
    """
    probe = director.pools[key.service].service.probe
    wait = patience or (probe.timeout if probe else PATIENCE)
    server = director.pools[key.service].servers[key.endpoint]
    if server.forwarding is Forwarding.BYPASS:
        return Answer(Outcome.UNASKED, "packets that bypass IPVS go to where their client sends them, not to a server")
    translates = server.forwarding is Forwarding.MASQ
    found: list[Question] = []
    for target in _targets(key, selectors, at):
        port = (server.endpoint.port if translates else 0) or target.port or server.endpoint.port
        virtual = None if target.address is None else Endpoint(target.address, target.port or port)
        if not port or (virtual is None and not translates):
            continue
        endpoint = Endpoint(server.endpoint.address, port)
        if virtual is not None and virtual.address not in shared:
            shared |= {virtual.address}
        way = server.forwarding, server.tunnel, target.protocol
        found.append(Question(key, *way, endpoint, virtual, shared, wait, probe))
    return found[:MOST] or Answer(Outcome.UNASKED, _unknown(key))


def virtual_addresses(director: Director) -> frozenset[Address]:
    """Return what clients send to, as far as that are single addresses: those of services, and of our mark groups."""
    found = {key.address for key in director.pools if isinstance(key, AddressKey)}
    selectors = (selector for group in director.groups.values() for selector in group.selectors)
    networks = (network for selector in selectors for network in selector.addresses)
    return frozenset(found | {one.network_address for one in networks if one.prefixlen == one.max_prefixlen})


def _targets(key: ServerKey, selectors: Iterable[Selector], at: AddressKey | None) -> Iterator[_Target]:
    """Yield what clients of a service send to."""
    match key.service:
        case MarkKey() if at is not None:
            yield _Target(at.protocol, at.address, at.port)
        case MarkKey(_, family):
            yield from dict.fromkeys(_selected(selectors, family))
        case AddressKey(protocol, address, port):
            yield _Target(protocol, address, port or (at.port if at is not None else 0))


def _selected(selectors: Iterable[Selector], family: Family) -> Iterator[_Target]:
    """Yield the single addresses and ports that get a mark, and last what is known of the others."""
    vague = []
    for selector in selectors:
        protocol = Protocol.TCP if selector.protocol is None else selector.protocol
        ports = [first for first, last in selector.ports if first == last] or [0]
        ours = [network for network in selector.addresses if Family.of(network.network_address) is family]
        if selector.addresses and not ours:
            continue
        for port in ports:
            single = [network for network in ours if network.prefixlen == network.max_prefixlen]
            for network in single:
                yield _Target(protocol, network.network_address, port)
            if not single:
                vague.append(_Target(protocol, None, port))
    yield from vague


def _unknown(key: ServerKey) -> str:
    if isinstance(key.service, AddressKey):
        return f"the service takes every port, and which one its servers serve is not known; {NAME_ONE}"
    return f"which address and port clients of this mark send to is not known from its rules; {NAME_ONE}"
