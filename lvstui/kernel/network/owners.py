"""Who else has an address: one ARP request or neighbour solicitation for each."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.doctor.facts import Claim
from lvstui.core.model import Address
from lvstui.kernel.network.packets import ADVERTISEMENT, ARP, ARP_PACKET, ETHERNET, HEADS, IPV4, IPV6, REPLY, who_has
from lvstui.kernel.network.sockets import NO_RIGHT, Test, open_on

WAIT: Final = 0.5
"""Seconds in which hosts on a link have answered."""

_PACE: Final = 64
"""Requests that are sent between two looks for answers."""

_LINK_ADDRESS: Final = 6
_ICMPV6: Final = 58
_TARGET_OPTION: Final = 2
_ADVERTISED: Final = (Test(6, _ICMPV6), Test(HEADS[6], ADVERTISEMENT))

_OWN: Final = Path("/proc/thread-self/net/if_inet6")
_LINK_SCOPE: Final = 0x20


class _Place(NamedTuple):
    """An open socket, the interface and the link address that it is on, and whom requests come from there."""

    socket: socket.socket
    interface: str
    link_address: bytes
    sender: Address


def ask_owners(asked: Mapping[Address, str], wait: float = WAIT) -> Mapping[Address, Claim]:
    """Ask once on the link of each address who has it, and take what is answered within `wait` seconds.

    ARP requests come from 0.0.0.0, as RFC 5227 has it, so that nobody's neighbour table changes.
    """
    found: dict[Address, Claim] = {}
    with ExitStack() as opened:
        places: dict[tuple[str, int], _Place] = {}
        answers: dict[Address, dict[str, None]] = {}
        for number, (address, interface) in enumerate(asked.items()):
            try:
                place = places.get((interface, address.version))
                if place is None:
                    place = _open(interface, address)
                    opened.enter_context(place.socket)
                    places[interface, address.version] = place
                _send(place, address)
            except OSError as problem:
                found[address] = Claim(interface, trouble=_why_not(problem, interface))
            else:
                answers[address] = {}
            if number % _PACE == _PACE - 1:
                _listen(list(places.values()), answers, 0.0)
        _listen(list(places.values()), answers, wait)
    claims = {address: Claim(asked[address], tuple(hosts)) for address, hosts in answers.items()}
    return {**claims, **found}


def _why_not(problem: OSError, interface: str) -> str:
    if isinstance(problem, PermissionError):
        return NO_RIGHT
    return f"nobody could be asked on {interface}: {problem.strerror or problem}"


def _open(interface: str, address: Address) -> _Place:
    six = isinstance(address, IPv6Address)
    opened = open_on(interface, IPV6, _ADVERTISED) if six else open_on(interface, ARP)
    own = opened.getsockname()[4]
    if len(own) != _LINK_ADDRESS:
        opened.close()
        raise OSError(0, "it has no link addresses of Ethernet")
    return _Place(opened, interface, own, _link_local(interface) if six else IPv4Address(0))


def _link_local(interface: str) -> IPv6Address:
    """Return the address of an interface for its own link; the unspecified one where there is none."""
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        lines = []
    for words in (line.split() for line in lines):
        if len(words) == 6 and words[5] == interface and int(words[3], 16) == _LINK_SCOPE:
            return IPv6Address(bytes.fromhex(words[0]))
    return IPv6Address(0)


def _send(place: _Place, address: Address) -> None:
    packet, receiver = who_has(address, place.sender, place.link_address)
    place.socket.sendto(packet, (place.interface, ARP if address.version == 4 else IPV6, 0, 0, receiver))


def _listen(places: Sequence[_Place], answers: Mapping[Address, dict[str, None]], wait: float) -> None:
    """Take answers for some seconds, at least those that have come already."""
    ends = time.monotonic() + wait
    while places:
        ready, _, _ = select.select([place.socket for place in places], [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            return
        for opened in ready:
            packet, sender = opened.recvfrom(2048)
            for address, host in answered(packet, bytes(sender[4])):
                if address in answers:
                    answers[address][host] = None


def answered(packet: bytes, sender: bytes) -> Iterator[tuple[Address, str]]:
    """Yield the address that a packet says a host has, and that host's link address."""
    if len(packet) > HEADS[6] and packet[0] >> 4 == 6:
        body = packet[HEADS[6] :]
        if len(body) >= 24 and body[0] == ADVERTISEMENT:
            named = len(body) >= 32 and body[24:26] == bytes((_TARGET_OPTION, 1))
            yield ip_address(body[8:24]), _text(body[26:32] if named else sender)
    elif len(packet) >= ARP_PACKET.size:
        hardware, kind, _, _, does, host, address, _, _ = ARP_PACKET.unpack_from(packet)
        if (hardware, kind, does) == (ETHERNET, IPV4, REPLY):
            yield ip_address(address), _text(host)


def _text(link_address: bytes) -> str:
    return link_address.hex(":")
