"""The next machine on the way to a server: its link address, whether it is there, and the address that asks it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from lvstui.core.model import Address, Family
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.kernel.network.packets import ADVERTISEMENT, ARP, ETHERNET, IPV6, REPLY, who_has
from lvstui.kernel.routes import find_route

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_DISCARD: Final = 9
"""The port to which an empty datagram does no harm (RFC 863)."""

_LOST: Final = ("", "failed", "incomplete", "unknown")
"""States of a neighbour whose link address is not known."""

_PAUSE: Final = 0.03
_UNUSABLE: Final = 0x20 | 0x40
"""An address of IPv6 that is not settled or is going (IFA_F_DEPRECATED, IFA_F_TENTATIVE)."""


class Link(NamedTuple):
    """An interface: its name, its kind (ARPHRD_*), and its own address."""

    name: str
    kind: int
    address: bytes

    @property
    def is_ethernet(self) -> bool:
        """Whether neighbours are found by ARP or neighbour discovery."""
        return self.kind == ETHERNET and any(self.address)


def may_send_raw() -> bool:
    """Return whether this thread may send packets past our own network stack (CAP_NET_RAW)."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
    except PermissionError:
        return False
    return True


def find_link(name: str) -> Link:
    """Return an interface of the namespace that the thread is in; needs CAP_NET_RAW. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as probe:
        probe.bind((name, 0))
        _, _, _, kind, address = probe.getsockname()
        return Link(name, kind, address)


def resolve(server: Address, route: Route, deadline: float) -> Route:
    """Return a server's route with the link address of its next hop; without one where nobody answered in time.

    An empty datagram to the server makes the kernel ask for it.
    """
    with socket.socket(_family(server), socket.SOCK_DGRAM) as nudge, suppress(OSError):
        nudge.connect((str(server), _DISCARD))
        nudge.send(b"")
    while not is_resolved(route) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        route = find_route(RouteQuestion(server), None)
    return route


def is_resolved(route: Route) -> bool:
    """Return whether packets can be sent by a route; on some interfaces nobody has to be asked for an address."""
    return not route.neighbour or route.neighbour == "noarp" or route.neighbour not in _LOST


def is_there(link: Link, hop: Address, source: Address, patience: float) -> bool | None:
    """Ask for a neighbour's link address, whatever the kernel remembers; None where nobody can be asked like that."""
    if not link.is_ethernet or source.version != hop.version:
        return None
    kind = ARP if hop.version == 4 else IPV6
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as wire:
        wire.bind((link.name, kind))
        end = time.monotonic() + patience
        for request, receiver in (who_has(hop, source, link.address),) * 2:  # once more, as either may be lost
            wire.sendto(request, (link.name, kind, 0, link.kind, receiver))
            pause = min(end, time.monotonic() + patience / 2)
            while (left := pause - time.monotonic()) > 0:
                if select.select([wire], [], [], left)[0] and _is_answer(wire.recv(256), hop):
                    return True
    return False


def _is_answer(packet: bytes, hop: Address) -> bool:
    if hop.version == 4:
        return packet[6:8] == REPLY.to_bytes(2) and packet[14:18] == hop.packed
    kinds = bytes((socket.IPPROTO_ICMPV6, ADVERTISEMENT))
    return packet[6:7] + packet[40:41] == kinds and packet[48:64] == hop.packed


def find_source(server: Address, interface: str, family: Family, avoided: Collection[Address]) -> Address | None:
    """Return an address of this machine that a server can answer to; None where there is none.

    It is the one that the kernel would take, else another one of that interface, else any.
    """
    if Family.of(server) is family:
        with socket.socket(_family(server), socket.SOCK_DGRAM) as asked, suppress(OSError):
            asked.connect((str(server), _DISCARD))
            usual = ip_address(asked.getsockname()[0].partition("%")[0])
            if usual not in avoided:
                return usual
    from pyroute2 import IPRoute

    with IPRoute() as kernel:
        numbers = kernel.link_lookup(ifname=interface)
        held = list(_addresses(kernel, family))
    fit = [(number, address) for number, address in held if address not in avoided]
    return next((address for number, address in fit if number in numbers), None) or next(
        (address for _, address in fit), None
    )


def _addresses(kernel: IPRoute, family: Family) -> Iterator[tuple[int, Address]]:
    """Yield the addresses of a family that packets can come from, each with the number of its interface."""
    for found in kernel.get_addr(family=int(family)):
        text = found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS")
        flags = found.get_attr("IFA_FLAGS") or found["flags"]
        address = ip_address(text)
        if not (address.is_loopback or address.is_link_local or flags & _UNUSABLE):
            yield found["index"], address


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6
