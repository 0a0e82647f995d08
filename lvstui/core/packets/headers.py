"""The headers of a packet, with the bits of them that are surely known."""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple

from lvstui.core.model import Address
from lvstui.core.packets.bits import Bits, ones
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Base, Header

TCP: Final = 6
UDP: Final = 17
SCTP: Final = 132
WITH_PORTS: Final = frozenset((TCP, UDP, 33, SCTP, 136))
"""Protocols whose header begins with ports: also DCCP (33) and UDP-Lite (136)."""

SOURCE: Final = {4: Header(Base.NETWORK, 12, 4), 6: Header(Base.NETWORK, 8, 16)}
DESTINATION: Final = {4: Header(Base.NETWORK, 16, 4), 6: Header(Base.NETWORK, 24, 16)}
SOURCE_PORT: Final = Header(Base.TRANSPORT, 0, 2)
DESTINATION_PORT: Final = Header(Base.TRANSPORT, 2, 2)
TCP_FLAGS: Final = Header(Base.TRANSPORT, 13, 1)
"""Where addresses, by the version of IP, ports, and the flags of TCP stand."""

_SYN: Final = 0x02
_RST: Final = 0x04
_ACK: Final = 0x10
SYN_ACK: Final = _SYN | _ACK
"""The flags of what answers a SYN."""

_MAY_FRAGMENT_NOT: Final = 0x4000


class _Bytes(NamedTuple):
    """Bytes in a row as one number, and those of its bits that are not known."""

    value: int = 0
    unknown: int = 0
    size: int = 0

    def then(self, size: int, value: int = 0, unknown: int = 0) -> _Bytes:
        """Add bytes at the end."""
        return _Bytes(self.value << 8 * size | value, self.unknown << 8 * size | unknown, self.size + size)

    def open(self, size: int) -> _Bytes:
        """Add bytes that are not known."""
        return self.then(size, 0, ones(size))

    def read(self, offset: int, size: int) -> Bits:
        """Return some of the bytes; those beyond the end may not be there."""
        after = self.size - offset - size
        if after < 0:
            return Bits(0, ones(size), sure=False)
        full = ones(size)
        return Bits(self.value >> 8 * after & full, self.unknown >> 8 * after & full)

    def changed(self, offset: int, size: int, found: Bits) -> _Bytes:
        """Return these bytes with some of them replaced; what lies beyond the end is let go."""
        after = self.size - offset - size
        if after < 0:
            beyond = min(-after, size)
            found = Bits(found.value >> 8 * beyond, found.unknown >> 8 * beyond)
            size, after = size - beyond, 0
        keep = ~(ones(size) << 8 * after)
        return _Bytes(
            self.value & keep | found.value << 8 * after, self.unknown & keep | found.unknown << 8 * after, self.size
        )

    def joined(self, other: _Bytes) -> _Bytes:
        """Return what is known of bytes that may be these or others."""
        unknown = self.unknown | other.unknown | (self.value ^ other.value)
        return _Bytes(self.value & ~unknown, unknown, self.size)


class Headers(NamedTuple):
    """The network and the transport header of a packet of `protocol`."""

    version: int
    protocol: int
    network: _Bytes
    transport: _Bytes

    def read(self, header: Header) -> Bits | None:
        """Return bytes of a header, None where the packet surely has none there.

        Link headers are not known; the payload is that of TCP and UDP only (nft_payload_inner_offset).
        """
        match header.base:
            case Base.NETWORK:
                return self.network.read(header.offset, header.size)
            case Base.TRANSPORT:
                return self.transport.read(header.offset, header.size)
            case Base.INNER if self.protocol not in (TCP, UDP):
                return None
            case _:
                return Bits(0, ones(header.size), sure=False)

    def written(self, header: Header, found: Bits) -> Headers:
        """Return these headers after bytes were written, with the checksums unknown as they always are."""
        match header.base:
            case Base.NETWORK:
                return self._replace(network=self.network.changed(header.offset, header.size, found))
            case Base.TRANSPORT:
                return self._replace(transport=self.transport.changed(header.offset, header.size, found))
            case _:
                return self

    def sent_to(self, address: Bits | None, port: Bits | None) -> Headers:
        """Return these headers with another destination; None for a part that stays."""
        where = self
        if address is not None:
            where = where.written(DESTINATION[self.version], address)
        if port is not None and self.protocol in WITH_PORTS:
            where = where.written(DESTINATION_PORT, port)
        return where

    @property
    def destination(self) -> Address | None:
        """The destination address, None where it is not known."""
        _, offset, size = DESTINATION[self.version]
        found = self.network.read(offset, size)
        if found.unknown:
            return None
        return ipaddress.IPv4Address(found.value) if self.version == 4 else ipaddress.IPv6Address(found.value)

    def joined(self, other: Headers) -> Headers:
        """Return what is known of headers that may be these or others."""
        return self._replace(
            network=self.network.joined(other.network), transport=self.transport.joined(other.transport)
        )


def headers(packet: Packet) -> Headers:
    """Return the headers of a packet as far as they are surely known."""
    version = packet.destination.version
    source, destination = int(packet.source), int(packet.destination)
    protocol = int(packet.protocol) & 0xFF
    network = _Bytes()
    if version == 4:
        network = network.then(1, 0x45).open(5).then(2, 0, _MAY_FRAGMENT_NOT).open(1).then(1, protocol).open(2)
        network = network.then(4, source).then(4, destination)
    else:
        network = network.then(4, 0x60000000, 0x0FFFFFFF).open(2).then(1, protocol).open(1)
        network = network.then(16, source).then(16, destination)
    return Headers(version, protocol, network, _transport(packet, protocol))


def _transport(packet: Packet, protocol: int) -> _Bytes:
    """Return the transport header."""
    if protocol not in WITH_PORTS:
        return _Bytes()
    found = _Bytes().open(2) if packet.source_port is None else _Bytes().then(2, packet.source_port)
    found = found.then(2, packet.destination_port)
    match protocol:
        case _ if protocol == TCP and packet.established:
            return found.open(9).then(1, _ACK, 0xFF & ~(_SYN | _RST | _ACK)).open(6)
        case _ if protocol == TCP:
            return found.open(4).then(4).open(1).then(1, _SYN).open(6)
        case _ if protocol == SCTP and not packet.established:
            return found.open(8).then(1, 1)  # a chunk INIT
        case _ if protocol == SCTP:
            return found.open(8)
        case _:
            return found.open(4)
