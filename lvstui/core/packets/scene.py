"""Where a packet is on its way, and what is known there of it and of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Network
from typing import Final, NamedTuple

from lvstui.core.model import Address
from lvstui.core.packets.bits import Bits, ones
from lvstui.core.packets.headers import DESTINATION, DESTINATION_PORT, WITH_PORTS, Headers
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import ByteOrder

_LOOPBACK: Final = {4: 0x7F000001, 6: 1}
_SCOPES: Final = tuple(map(IPv6Network, ("::1/128", "fe80::/10", "fec0::/10")))
"""Addresses of IPv6 that are not global (IPV6_ADDR_LOOPBACK, _LINKLOCAL, _SITELOCAL)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is asked of the machine on the way.

    `address_type` is the kind of an address (`local`, `unicast` ...) and `interface_index` the kernel's number of an
    interface; `addresses` are those in use of an interface, in the kernel's order (of IPv4 the first is enough). They
    `leaves_by` is the interface that packets from the second address with a mark leave by to the first one. They
    return None where it is not known. `balanced` says that IPVS took the packet's connection, which goes no further in
    then. `tracked` says whether connection tracking keeps it: without net.ipv4.vs.conntrack it forgets what IPVS took
    with each packet (ip_vs_notrack), so that even a later packet is the first of a new connection for it.
    """

    address_type: Callable[[Address], str | None] = lambda _: None
    interface_index: Callable[[str], int | None] = lambda _: None
    addresses: Callable[[str], Sequence[Address] | None] = lambda _: None
    leaves_by: Callable[[Address, Address, int], str | None] = lambda *_: None
    tracked: bool = True
    balanced: bool = False


class Tracking(Enum):
    """What connection tracking knows of a packet: of one with a template it is not yet asked, but will be."""

    NOT_YET = "not yet"
    TEMPLATE = "template"
    NEVER = "untracked"
    NEW = "new"
    ESTABLISHED = "established"


NO_CONNECTION: Final = frozenset((Tracking.NOT_YET, Tracking.TEMPLATE, Tracking.NEVER))
"""Where a packet has no connection; what rules see and write of a template does not come to the connection."""


class Target(NamedTuple):
    """Where NAT sends a connection; None for a part that stays."""

    address: Bits | None = None
    port: Bits | None = None


class Scene(NamedTuple):
    """Where a packet is, and what has become of all but its marks.

    `target` is where NAT sends its connection; `bound` says that NAT has decided, so that it asks no more rules.
    `tracked` are the headers that connection tracking saw, which later rules may have written to. One that `answers`
    goes the other way than the first packet of its connection.
    """

    packet: Packet
    around: Surroundings
    order: ByteOrder
    headers: Headers
    hook: str = "prerouting"
    family: str = "inet"
    tracking: Tracking = Tracking.NOT_YET
    target: Target | None = None
    bound: bool = False
    tracked: Headers | None = None
    answers: bool = False

    def joined(self, other: Scene) -> Scene:
        """Return what is known of a packet that may be in either of two scenes of one situation."""
        target = self.target
        if target != other.target:
            size = 4 if self.headers.version == 4 else 16
            target = Target(Bits(0, ones(size)), Bits(0, ones(2)))
        tracked = self.tracked.joined(other.tracked) if self.tracked and other.tracked else None
        return self._replace(headers=self.headers.joined(other.headers), target=target, tracked=tracked)

    @property
    def destination(self) -> Target:
        """The destination that its connection began with; no port where its protocol has none."""
        headers = self.tracked or self.headers
        port = headers.read(DESTINATION_PORT) if headers.protocol in WITH_PORTS else None
        return Target(headers.read(DESTINATION[headers.version]), port)

    def comes_back(self, mark: int) -> bool:
        """Return whether the route to its source surely leads back to the interface that it came in by.

        Where another one is named, a route with several next hops may lead there too (fib_info_nh_uses_dev).
        """
        name, destination = self.packet.interface, self.headers.destination
        if self.packet.local or not name or destination is None:
            return False
        return self.around.leaves_by(self.packet.source, destination, mark) == name

    def redirected(self) -> Bits | None:
        """Return where `redirect` sends the packet; None where it is dropped, as its interface has no fit address.

        Such is the first one of the interface (nf_nat_redirect.c). Of IPv6 it is none that stands for one of IPv4, and
        for a destination of the link one of the link too (since Linux 6.7, and in stable ones since 6.1.63).
        """
        version = self.headers.version
        if self.packet.local:
            return Bits(_LOOPBACK[version])
        held, destination = self.around.addresses(self.packet.interface), self.headers.destination
        if held is None or (destination is None and version == 6):
            return Bits(0, ones(4 if version == 4 else 16))
        fit = (address for address in held if address.version == version and _is_fit(address, destination))
        first = next(fit, None)
        return None if first is None else Bits(int(first))

    @property
    def is_sent_elsewhere(self) -> bool | None:
        """Whether NAT leads to another destination, None where that is not known."""
        if self.target is None:
            return False
        parts = [
            (new, old)
            for new, old in zip(self.target, self.destination, strict=True)
            if new is not None and old is not None
        ]
        if any((new.value ^ old.value) & ~(new.unknown | old.unknown) for new, old in parts):
            return True
        return None if any(new.unknown | old.unknown for new, old in parts) else False

    def sent(self) -> Scene:
        """Return the scene after NAT has sent the packet where its connection goes.

        Where that is elsewhere the kernel writes the whole destination (nf_nat_manip_pkt): what NAT leaves alone of it
        is what the connection began with, whatever rules have written to the packet since.
        """
        elsewhere = self.is_sent_elsewhere
        if self.target is None or elsewhere is False:
            return self
        old = self.destination
        sent = self.headers.sent_to(self.target.address or old.address, self.target.port or old.port)
        return self._replace(headers=sent if elsewhere else self.headers.joined(sent))


def _is_fit(address: Address, destination: Address | None) -> bool:
    """Return whether `redirect` may choose an address: always for IPv4 (nf_nat_redirect_ipv6_usable)."""
    if isinstance(address, IPv4Address):
        return True
    scopes = [scope for scope in _SCOPES if destination in scope]
    return address.ipv4_mapped is None and (not scopes or any(address in scope for scope in scopes))
