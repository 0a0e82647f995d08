"""The bytes of probes: packets that ask, as IPVS would send them on, and what an answer to one looks like."""

from __future__ import annotations

import os
import struct
from enum import Enum
from ipaddress import ip_address
from typing import Final, NamedTuple

from lvstui.core.model import Address, Endpoint, Family, Protocol, Tunnel, TunnelType
from lvstui.kernel.network.packets import ETHERTYPES, HEADS, HOPS, checksum, ip_packet

_ICMP, _IPIP, _IPV6, _GRE, _ICMPV6 = 1, 4, 41, 47, 58
"""Numbers of protocols inside of IP (include/uapi/linux/in.h)."""

_INNER: Final = {Family.IPV4: _IPIP, Family.IPV6: _IPV6}
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_WINDOW: Final = 64240
_MSS: Final = struct.pack(">BBH", 2, 4, 1400)
_GRE_CHECKSUM: Final = 0x8000
_WITH_CHECKSUM: Final = 0x3
"""A tunnel's bits for a checksum (IP_VS_TUNNEL_ENCAP_FLAG_CSUM, _REMCSUM): forwarded packets get it by either."""


class Flow(NamedTuple):
    """Which packets ask: protocol and both ends; over TCP what an answer has to acknowledge, over UDP what is said."""

    protocol: Protocol
    source: Endpoint
    destination: Endpoint
    sequence: int = 0
    payload: bytes = b""


class Complaint(Enum):
    """What a router or a host says of a packet that it does not take; the value is how people say it."""

    NETWORK = "network unreachable"
    HOST = "host unreachable"
    PROTOCOL = "protocol unreachable"
    PORT = "port unreachable"
    TOO_BIG = "packet too big"
    PROHIBITED = "prohibited by a filter"
    EXPIRED = "not for it, and too many hops"
    OTHER = "destination unreachable"


_COMPLAINTS: Final = {
    (3, 0): Complaint.NETWORK,
    (3, 1): Complaint.HOST,
    (3, 2): Complaint.PROTOCOL,
    (3, 3): Complaint.PORT,
    (3, 4): Complaint.TOO_BIG,
    (3, 9): Complaint.PROHIBITED,
    (3, 10): Complaint.PROHIBITED,
    (3, 13): Complaint.PROHIBITED,
    (11, 0): Complaint.EXPIRED,
}
"""What types and codes of ICMP mean (RFC 792, 1812)."""

_COMPLAINTS_V6: Final = {
    (1, 0): Complaint.NETWORK,
    (1, 1): Complaint.PROHIBITED,
    (1, 3): Complaint.HOST,
    (1, 4): Complaint.PORT,
    (1, 5): Complaint.PROHIBITED,
    (1, 6): Complaint.PROHIBITED,
    (2, 0): Complaint.TOO_BIG,
    (3, 0): Complaint.EXPIRED,
    (4, 1): Complaint.PROTOCOL,
}
"""What types and codes of ICMPv6 mean (RFC 4443)."""

_ERRORS: Final = {4: frozenset((3, 11, 12)), 6: frozenset((1, 2, 3, 4))}
"""Types of ICMP and ICMPv6 that are about a packet."""


class Accepted(NamedTuple):
    """The server takes the connection, or answers the datagram with this."""

    data: bytes = b""


class Refused(NamedTuple):
    """The server resets the connection."""


class Returned(NamedTuple):
    """The packet that asked came back unanswered."""


class Complained(NamedTuple):
    """A host says why it does not take the packet; `inner` is what was in a tunnel, and has come out of it."""

    by: Address
    complaint: Complaint
    inner: bool = False


Reply = Accepted | Refused | Returned | Complained


def new_sequence() -> int:
    """Return a number for a flow that nobody guesses."""
    return int.from_bytes(os.urandom(4), "big")


def asking(flow: Flow, hops: int = HOPS) -> bytes:
    """Return the packet that asks: a SYN, or a datagram."""
    if flow.protocol is Protocol.UDP:
        return ip_packet(flow.source.address, flow.destination.address, Protocol.UDP, _udp(flow), hops)
    return _tcp_packet(flow, _SYN, flow.sequence, hops)


def ending(flow: Flow) -> bytes:
    """Return the packet that takes back a SYN, whether it was answered or not."""
    return _tcp_packet(flow, _RST, (flow.sequence + 1) & 0xFFFFFFFF, HOPS)


def wrapped(tunnel: Tunnel, source: Address, server: Address, port: int, inner: bytes) -> bytes:
    """Return a packet inside of the tunnel to a server, as IPVS wraps those that it forwards.

    `port` is the source of gue's datagrams. See ip_vs_tunnel_xmit in net/netfilter/ipvs/ip_vs_xmit.c: the header of
    gue has no fields (remcsum is for packets of the director itself only), and csum and remcsum both ask for the
    checksum of UDP.
    """
    family = Family.IPV4 if inner[0] >> 4 == 4 else Family.IPV6
    match tunnel.type:
        case TunnelType.GUE:
            payload = struct.pack(">BBH", 0, _INNER[family], 0) + inner
            head = struct.pack(">HHHH", port, tunnel.port, 8 + len(payload), 0)
            datagram = head + payload
            if tunnel.checksum & _WITH_CHECKSUM:
                datagram = _summed(source, server, Protocol.UDP, datagram, 6)
            return ip_packet(source, server, Protocol.UDP, datagram)
        case TunnelType.GRE:
            flags = _GRE_CHECKSUM if tunnel.checksum & _WITH_CHECKSUM else 0
            head = struct.pack(">HH", flags, ETHERTYPES[family])
            if flags:
                summed = checksum(head + bytes(4) + inner)
                head += struct.pack(">HH", summed, 0)
            return ip_packet(source, server, _GRE, head + inner)
        case _:
            return ip_packet(source, server, _INNER[family], inner)


def read_reply(packet: bytes, flow: Flow, sent: bytes) -> Reply | None:
    """Return what a packet that came in says of a flow; None where it is about something else.

    `sent` is what was sent to ask, tunnel and all: complaints repeat its start, or that of what was in the tunnel.
    """
    found = _open(packet)
    if found is None:
        return None
    source, destination, protocol, payload = found
    if protocol in (_ICMP, _ICMPV6):
        return _complaint(source, payload, 4 if protocol == _ICMP else 6, flow, sent)
    if protocol != flow.protocol or len(payload) < 8:
        return None
    ports = struct.unpack_from(">HH", payload)
    ends = Endpoint(source, ports[0]), Endpoint(destination, ports[1])
    if ends == (flow.source, flow.destination):
        return Returned()
    if ends != (flow.destination, flow.source):
        return None
    if protocol == Protocol.UDP:
        (length,) = struct.unpack_from(">H", payload, 4)
        return Accepted(payload[8:length])
    return _tcp_reply(payload, flow)


def _tcp_reply(payload: bytes, flow: Flow) -> Reply | None:
    if len(payload) < 20:
        return None
    acknowledged, flags = struct.unpack_from(">I", payload, 8)[0], payload[13]
    if acknowledged != (flow.sequence + 1) & 0xFFFFFFFF:
        return None
    if flags & _RST:
        return Refused()
    return Accepted() if flags & (_SYN | _ACK) == _SYN | _ACK else None


def _complaint(by: Address, payload: bytes, version: int, flow: Flow, sent: bytes) -> Reply | None:
    """Return what ICMP says of our packet, which it repeats the start of behind eight bytes of its own."""
    if len(payload) < 8 or payload[0] not in _ERRORS[version]:
        return None
    repeated, inner = payload[8:], sent[-len(asking(flow)) :]
    is_outer = _repeats(repeated, sent)
    if not is_outer and not _repeats(repeated, inner):
        return None
    known = _COMPLAINTS if version == 4 else _COMPLAINTS_V6
    return Complained(by, known.get((payload[0], payload[1]), Complaint.OTHER), not is_outer)


def _repeats(repeated: bytes, packet: bytes) -> bool:
    """Return whether a complaint repeats a packet: its addresses and what follows them, as routers change the rest."""
    version = packet[0] >> 4
    if not repeated or repeated[0] >> 4 != version:
        return False
    addresses = 12 if version == 4 else 8
    length = min(len(repeated), len(packet))
    return length >= HEADS[version] + 8 and repeated[addresses:length] == packet[addresses:length]


def _open(packet: bytes) -> tuple[Address, Address, int, bytes] | None:
    """Return source, destination, protocol and content of a packet; None for one that is cut off."""
    if len(packet) < 20:
        return None
    if packet[0] >> 4 == 4:
        head = (packet[0] & 0xF) * 4
        return ip_address(packet[12:16]), ip_address(packet[16:20]), packet[9], packet[head:]
    if packet[0] >> 4 == 6 and len(packet) >= HEADS[6]:
        return ip_address(packet[8:24]), ip_address(packet[24:40]), packet[6], packet[40:]
    return None


def _tcp_packet(flow: Flow, flags: int, sequence: int, hops: int) -> bytes:
    options = _MSS if flags == _SYN else b""
    offset = (20 + len(options)) << 2
    head = struct.pack(">HHIIBBHHH", flow.source.port, flow.destination.port, sequence, 0, offset, flags, _WINDOW, 0, 0)
    source, destination = flow.source.address, flow.destination.address
    segment = _summed(source, destination, Protocol.TCP, head + options, 16)
    return ip_packet(source, destination, Protocol.TCP, segment, hops)


def _udp(flow: Flow) -> bytes:
    head = struct.pack(">HHHH", flow.source.port, flow.destination.port, 8 + len(flow.payload), 0)
    return _summed(flow.source.address, flow.destination.address, Protocol.UDP, head + flow.payload, 6)


def _summed(source: Address, destination: Address, protocol: int, data: bytes, place: int) -> bytes:
    """Return data with its checksum at a place; 0 means none to UDP, and is written as what equals it."""
    pseudo = source.packed + destination.packed + struct.pack(">II", len(data), protocol)
    return data[:place] + struct.pack(">H", checksum(pseudo + data) or 0xFFFF) + data[place + 2 :]
