"""What the doctor looks at: this machine's network, the ways of packets, and what others answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lvstui.core.entries.resolve import FTP
from lvstui.core.fields import visible
from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    Family,
    Forwarding,
    Pool,
    RealServer,
    ServerKey,
    ServiceKey,
    SyncRole,
)
from lvstui.core.observed import Reading, Scan, Stats
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import Fate, Way
from lvstui.core.probes.answer import Answer
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.route import Route
from lvstui.core.trace.trace import NO_TABLE, Trace

_SOME: Final = 3
"""Packets, all of them without an answer, from which it is said that none comes."""

_STEADY: Final = 2
"""Packets each second from which a server that answers is seen to."""


ANYBODY: Final[Mapping[Family, Address]] = {
    Family.IPV4: IPv4Address("198.51.100.1"),
    Family.IPV6: IPv6Address("2001:db8:51::1"),
}
"""Clients that stand for those behind a default route, and for all where no router is known."""


class Link(NamedTuple):
    """A network interface: its MTU in bytes, its own link address (empty for none), and whether it is up.

    `asks` says whether hosts on it ask each other for link addresses, as they do on Ethernet, not in a tunnel.
    """

    name: str
    mtu: int
    link_address: str = ""
    up: bool = True
    asks: bool = True


class Local(NamedTuple):
    """Where an address of this machine stands: its interface, and the length of its prefix."""

    interface: str
    prefix: int


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The network of this machine, or of the network namespace that is looked at.

    `settings` are files below /proc/sys/net by their path there (`ipv4/conf/eth0/rp_filter`), as far as they exist.
    `modules` are those of the kernel that belong to IPVS, None where that is not known. `beyond` has an address of each
    of the first networks that are reached through a router: where clients may be. `filtered` counts the packets that
    rp_filter has dropped since boot, None where that is not counted. `classified` are the interfaces where filters of
    tc may see what comes in. `trouble` says what could not be read.
    """

    links: Mapping[str, Link] = field(default_factory=dict)
    addresses: Mapping[Address, Local] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] | None = None
    beyond: tuple[Address, ...] = ()
    filtered: int | None = None
    classified: tuple[str, ...] = ()
    trouble: str = ""

    def number(self, path: str) -> int | None:
        """Return a setting that is a number; None where there is none."""
        text = self.settings.get(path, "")
        return int(text) if text.lstrip("-").isdigit() else None

    def link_of(self, address: Address) -> Link | None:
        """Return the interface on whose link other hosts ask for an address; None where there is no such link."""
        held = self.addresses.get(address)
        if held is not None and (link := self.links.get(held.interface)) is not None and link.asks:
            return link
        near = [
            (local.prefix, local.interface)
            for other, local in self.addresses.items()
            if other.version == address.version and _shares(other, address, local.prefix)
        ]
        links = (self.links.get(interface) for _, interface in sorted(near, reverse=True))
        return next((link for link in links if link is not None and link.asks), None)


def _shares(one: Address, other: Address, prefix: int) -> bool:
    """Return whether two addresses of one family are in one network, which is more than an address alone."""
    shift = one.max_prefixlen - prefix
    return shift > 0 and int(one) >> shift == int(other) >> shift


class Claim(NamedTuple):
    """Who else answers for an address: the link addresses of other hosts that did when they were asked once.

    `trouble` says why nobody could be asked.
    """

    interface: str
    answers: tuple[str, ...] = ()
    trouble: str = ""


class Hearing(NamedTuple):
    """The masters of sync daemons on other hosts that were heard for some seconds, with their ids.

    `trouble` says why nobody could listen.
    """

    seconds: float
    masters: tuple[tuple[Address, int], ...] = ()
    trouble: str = ""


_DROPS: Final = frozenset({Outcome.DROP, Outcome.REJECT})


def _place(fate: Fate) -> str:
    """Return in words which rule ended a way."""
    step = fate.steps[-1]
    return f"chain {visible(step.chain)} of {visible(step.table)} ({visible(step.text)})"


class Passage(NamedTuple):
    """A packet between this machine and a real server, and all that its own rules may do to it.

    `seen` says that its client has a connection; any other one stands for clients that nobody has seen.
    `tracking_helps` says that it would pass if connection tracking knew its connection (net.ipv4.vs.conntrack).
    """

    packet: Packet
    way: Way
    seen: bool
    tracking_helps: bool = False

    @property
    def dropped(self) -> str | None:
        """The rule that drops it on every way that it may take, in words; None where some way leads on, or may."""
        if self.way.trouble or not all(fate.outcome in _DROPS for fate in self.way.fates):
            return None
        return _place(self.way.fates[0])

    @property
    def may_be_dropped(self) -> str | None:
        """The first rule that drops it where something holds that is not known; None where none does."""
        return next((_place(fate) for fate in self.way.fates if fate.outcome in _DROPS), None)

    @property
    def client(self) -> Address:
        """The client's address."""
        return self.packet.source if self.packet.local else self.packet.destination

    @property
    def remedy(self) -> str:
        """How it comes through the rules that drop it."""
        packet = self.packet
        what = f"what goes to {packet.destination}, port {packet.destination_port}"
        if not packet.local:
            what = f"what comes from {packet.source}, source port {packet.source_port}"
        accept = f"accept there {what}"
        if not self.tracking_helps:
            return accept
        return f"set conntrack to 1 in the director view, so that answers count as ESTABLISHED, or {accept}"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was looked at, before any question is answered.

    `pools` are the services that it is about. `routes` lead to their real servers, `back` to clients, by family. `ways`
    has what becomes of packets that open a connection to each service. `claims` say who else answers for a virtual
    address. `filtered` packets were dropped by rp_filter while the facts were gathered. `heard` is None where nobody
    listened, as there is no master here. `probes` has the servers that were probed. `sent` has what IPVS sends on to
    some servers, `answered` what some masqueraded ones answer. `scan` is what was read of the connection table, not all
    of it where that took too long.
    """

    snapshot: Snapshot
    pools: tuple[Pool, ...] = ()
    network: NetworkFacts = NetworkFacts()
    routes: Mapping[Address, Route] = field(default_factory=dict)
    back: Mapping[Family, Route] = field(default_factory=dict)
    ways: Mapping[ServiceKey, tuple[Trace, ...]] = field(default_factory=dict)
    claims: Mapping[Address, Claim] = field(default_factory=dict)
    filtered: int = 0
    heard: Hearing | None = None
    probes: Mapping[ServerKey, tuple[Answer, ...]] = field(default_factory=dict)
    sent: Mapping[ServerKey, Passage] = field(default_factory=dict)
    answered: Mapping[ServerKey, Passage] = field(default_factory=dict)
    scan: Scan = NO_TABLE

    @property
    def reading(self) -> Reading:
        """The look at the kernel that all this is about."""
        return self.snapshot.reading

    @property
    def director(self) -> Director:
        """What is configured."""
        return self.snapshot.reading.director

    def setting(self, name: str) -> str:
        """Return a setting of net.ipv4.vs; empty where there is none."""
        return self.director.sysctl.get(name, "")

    def packets(self, key: ServiceKey) -> tuple[Packet, ...]:
        """Return the packets to a service that were followed."""
        return tuple(trace.packet for trace in self.ways.get(key, ()))

    def addresses(self, pool: Pool) -> tuple[Address, ...]:
        """Return the virtual addresses of a service, of a mark those that packets were followed to."""
        key = pool.service.key
        if isinstance(key, AddressKey):
            return (key.address,)
        return tuple(dict.fromkeys(packet.destination for packet in self.packets(key)))


def servers_by(pool: Pool, *methods: Forwarding) -> list[RealServer]:
    """Return the real servers of a service that packets reach by one of these methods."""
    return [server for server in pool.servers.values() if server.forwarding in methods]


def is_standing_aside(facts: Facts) -> bool:
    """Return whether IPVS passes every packet by, as a backup daemon runs."""
    return facts.setting("backup_only") not in ("", "0") and SyncRole.BACKUP in facts.director.daemons


def is_unanswered(stats: Stats | None) -> bool:
    """Return whether packets go to a masqueraded server, and none come back: never, or not now."""
    if stats is None:
        return False
    never = stats.in_packets >= _SOME and not stats.out_packets
    return never or (stats.in_packet_rate >= _STEADY and not stats.out_packet_rate)


def is_remote(facts: Facts, server: RealServer) -> bool:
    """Return whether a server is another machine: what is local is answered without coming in by an interface."""
    route = facts.routes.get(server.endpoint.address)
    return route is None or route.kind != "local"


def is_ftp(pool: Pool) -> bool:
    """Return whether a service is that of FTP, whose data needs help."""
    key = pool.service.key
    return isinstance(key, AddressKey) and key.port == FTP
