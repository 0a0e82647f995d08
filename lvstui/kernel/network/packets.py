"""Packets as bytes: what every one is made of, and those that ask the hosts of a link who has an address."""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lvstui.core.model import Address, Family

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
"""Kinds of packets (include/uapi/linux/if_ether.h)."""

ETHERTYPES: Final = {Family.IPV4: IPV4, Family.IPV6: IPV6}

HEADS: Final = {4: 20, 6: 40}
"""Bytes of an IP header without options, by version."""

HOPS: Final = 64

ETHERNET: Final = 1
"""The kind of an interface with addresses of six bytes (ARPHRD_ETHER): bridges, bonds and VLANs too."""

REQUEST, REPLY = 1, 2
SOLICITATION, ADVERTISEMENT = 135, 136
ARP_PACKET: Final = struct.Struct("!HHBBH6s4s6s4s")

_EVERYBODY: Final = b"\xff" * 6
_NOT_ROUTED: Final = 255
"""The hops that neighbour discovery has to come with, as no router can have sent it on."""


def ip_packet(source: Address, destination: Address, protocol: int, payload: bytes, hops: int = HOPS) -> bytes:
    """Return a packet of IPv4 or IPv6."""
    if source.version == 6:
        head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, hops)
        return head + source.packed + destination.packed + payload
    length = HEADS[4] + len(payload)
    ident = int.from_bytes(os.urandom(2), "big")
    head = struct.pack(">BBHHHBBH", 0x45, 0, length, ident, 0, hops, protocol, 0) + source.packed + destination.packed
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def who_has(target: Address, sender: Address, link_address: bytes) -> tuple[bytes, bytes]:
    """Return the packet that asks who has an address, and the link address that it goes to.

    That is an ARP request (RFC 826) or a neighbour solicitation (RFC 4861). A sender of zeros is nobody: no host notes
    who asked, and all get the answer to a solicitation, which then names no link address.
    """
    if isinstance(target, IPv4Address):
        ends = link_address, sender.packed, bytes(6), target.packed
        return ARP_PACKET.pack(ETHERNET, IPV4, 6, 4, REQUEST, *ends), _EVERYBODY
    group = IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + target.packed[-3:])
    option = struct.pack("!BB6s", 1, 1, link_address) if int(sender) else b""
    body = struct.pack("!BBHI16s", SOLICITATION, 0, 0, 0, target.packed) + option
    pseudo = sender.packed + group.packed + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    packet = ip_packet(sender, group, socket.IPPROTO_ICMPV6, body, _NOT_ROUTED)
    return packet, b"\x33\x33" + group.packed[-4:]


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    total: int = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
