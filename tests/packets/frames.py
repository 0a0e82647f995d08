"""The bytes of packets: the first of a connection, an answer to it, and the next one."""

from __future__ import annotations

import struct
from enum import Enum
from ipaddress import ip_address
from typing import Final, NamedTuple

from lvstui.core.model import Address, Protocol

DIRECTOR_MAC: Final = bytes.fromhex("020000000001")
CLIENT_MAC: Final = bytes.fromhex("020000000002")

_TAG: Final = 0x01020304
"""The verification tag of both sides of an association of SCTP."""

_ETHERTYPES: Final = {4: 0x0800, 6: 0x86DD}


class Turn(Enum):
    """Which packet of a connection."""

    FIRST = 0
    ANSWER = 1
    NEXT = 2


class Flow(NamedTuple):
    """A packet's protocol, addresses and ports."""

    protocol: Protocol
    source: Address
    source_port: int
    destination: Address
    destination_port: int

    @property
    def back(self) -> Flow:
        """The way back."""
        return Flow(self.protocol, self.destination, self.destination_port, self.source, self.source_port)


def packet(flow: Flow, turn: Turn) -> bytes:
    """Return the bytes of an IP packet, its checksums right, as connection tracking wants them."""
    inner = _transport(flow, turn)
    source, destination = flow.source.packed, flow.destination.packed
    if flow.destination.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(inner), flow.protocol, 64) + source + destination + inner
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inner), 1, 0, 64, flow.protocol, 0) + source + destination
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + inner


def frame(flow: Flow, turn: Turn) -> bytes:
    """Return the same on Ethernet, from the client to the director."""
    kind = struct.pack(">H", _ETHERTYPES[flow.destination.version])
    return DIRECTOR_MAC + CLIENT_MAC + kind + packet(flow, turn)


def address(text: str) -> Address:
    """Read an address."""
    return ip_address(text)


def _transport(flow: Flow, turn: Turn) -> bytes:
    ports = struct.pack(">HH", flow.source_port, flow.destination_port)
    match flow.protocol:
        case Protocol.TCP:
            sequence, acknowledged, flags = {
                Turn.FIRST: (1000, 0, 0x02),
                Turn.ANSWER: (2000, 1001, 0x12),
                Turn.NEXT: (1001, 2001, 0x10),
            }[turn]
            data = ports + struct.pack(">IIBBHHH", sequence, acknowledged, 0x50, flags, 0xFFFF, 0, 0)
            return _with_checksum(flow, data, 16)
        case Protocol.UDP:
            return _with_checksum(flow, ports + struct.pack(">HH", 12, 0) + b"ping", 6)
        case Protocol.SCTP:
            return _sctp(ports, turn)
        case _:
            raise AssertionError(flow.protocol)


def _with_checksum(flow: Flow, data: bytes, place: int) -> bytes:
    pseudo = flow.source.packed + flow.destination.packed + struct.pack(">II", len(data), flow.protocol)
    return data[:place] + struct.pack(">H", _checksum(pseudo + data) or 0xFFFF) + data[place + 2 :]


def _sctp(ports: bytes, turn: Turn) -> bytes:
    start = struct.pack(">IIHHI", _TAG, 0xFFFF, 1, 1, 1)
    tag, chunk = {
        Turn.FIRST: (0, struct.pack(">BBH", 1, 0, 20) + start),  # INIT
        Turn.ANSWER: (_TAG, struct.pack(">BBH", 2, 0, 20) + start),  # INIT ACK
        Turn.NEXT: (_TAG, struct.pack(">BBH", 10, 0, 8) + b"cook"),  # COOKIE ECHO
    }[turn]
    head = ports + struct.pack(">I", tag)
    return head + struct.pack("<I", _crc32c(head + b"\0\0\0\0" + chunk)) + chunk


def _checksum(data: bytes) -> int:
    """Return the sum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _crc32c(data: bytes) -> int:
    """Return the sum of RFC 3309, a bit at a time."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return ~value & 0xFFFFFFFF
