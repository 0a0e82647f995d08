"""The headers that nf_tables reads bytes of: what stands where, in nft's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from lvstui.kernel.nft.reading.fields import PROTOCOLS, TCP_FLAGS, PacketField, address_field, port_field

LINK, NETWORK, TRANSPORT = 0, 1, 2
"""Headers (enum nft_payload_bases)."""

_ADDRESSES: Final = ("ipv4", "ipv6")
"""Kinds of fields of which the first bytes may be read alone, for a network."""

_BASES: Final = {LINK: "ll", NETWORK: "nh", TRANSPORT: "th"}
_Layer: TypeAlias = tuple[int, int]
_IP4: Final = (3, 2)
_ARP_LAYER: Final = (3, 3)
_IP6: Final = (3, 10)


_KINDS: Final = {"ip dscp": "bits", "ip6 dscp": "bits"}
"""Kinds of parts of bytes that are no plain numbers."""


def _bits(name: str, size: int, layer: _Layer | None, *parts: tuple[int, str]) -> PacketField:
    """Return bytes that are several fields, each with the mask of its bits."""
    fields = tuple((mask, PacketField(part, size, _KINDS.get(part, "number"), layer=layer)) for mask, part in parts)
    return PacketField(name, size, "bits", parts=fields)


_VLAN: Final = ((0xE000, "vlan pcp"), (0x1000, "vlan dei"), (0x0FFF, "vlan id"))
_LINK: Final = {
    (0, 6): PacketField("ether daddr", 6, "ether"),
    (6, 6): PacketField("ether saddr", 6, "ether"),
    (12, 2): PacketField("ether type", 2, "ethertype"),
    (14, 1): _bits("@ll,112,8", 1, None, (0xE0, "vlan pcp"), (0x10, "vlan dei")),
    (14, 2): _bits("@ll,112,16", 2, None, *_VLAN),
    (16, 2): PacketField("vlan type", 2, "ethertype"),
}
_IPV4: Final = {
    (0, 1): _bits("@nh,0,8", 1, _IP4, (0xF0, "ip version"), (0x0F, "ip hdrlength")),
    (1, 1): _bits("@nh,8,8", 1, _IP4, (0xFC, "ip dscp"), (0x03, "ip ecn")),
    (2, 2): PacketField("ip length", 2, layer=_IP4),
    (4, 2): PacketField("ip id", 2, layer=_IP4),
    (6, 2): PacketField("ip frag-off", 2, "bits", layer=_IP4),
    (8, 1): PacketField("ip ttl", 1, layer=_IP4),
    (9, 1): PacketField("ip protocol", 1, "protocol", layer=_IP4),
    (10, 2): PacketField("ip checksum", 2, layer=_IP4),
    (12, 4): address_field(4, "saddr"),
    (16, 4): address_field(4, "daddr"),
}
_IPV6: Final = {
    (0, 1): _bits("@nh,0,8", 1, _IP6, (0xF0, "ip6 version")),
    (0, 2): _bits("@nh,0,16", 2, _IP6, (0x0FC0, "ip6 dscp")),
    (1, 1): _bits("@nh,8,8", 1, _IP6, (0x30, "ip6 ecn")),
    (1, 3): _bits("@nh,8,24", 3, _IP6, (0x0FFFFF, "ip6 flowlabel")),
    (4, 2): PacketField("ip6 length", 2, layer=_IP6),
    (6, 1): PacketField("ip6 nexthdr", 1, "next", layer=_IP6),
    (7, 1): PacketField("ip6 hoplimit", 1, layer=_IP6),
    (8, 16): address_field(6, "saddr"),
    (24, 16): address_field(6, "daddr"),
}
_ARP: Final = {
    (0, 2): PacketField("arp htype", 2, layer=_ARP_LAYER),
    (2, 2): PacketField("arp ptype", 2, "ptype", layer=_ARP_LAYER),
    (4, 1): PacketField("arp hlen", 1, layer=_ARP_LAYER),
    (5, 1): PacketField("arp plen", 1, layer=_ARP_LAYER),
    (6, 2): PacketField("arp operation", 2, layer=_ARP_LAYER),
    (8, 6): PacketField("arp saddr ether", 6, "ether", layer=_ARP_LAYER),
    (14, 4): PacketField("arp saddr ip", 4, "ipv4", layer=_ARP_LAYER),
    (18, 6): PacketField("arp daddr ether", 6, "ether", layer=_ARP_LAYER),
    (24, 4): PacketField("arp daddr ip", 4, "ipv4", layer=_ARP_LAYER),
}
_NETWORKS: Final = {2: _IPV4, 3: _ARP, 10: _IPV6}
_TCP, _DCCP, _GRE = 6, 33, 47
_PORTED: Final = frozenset((_TCP, 17, _DCCP, 132, 136))
_NAMES: Final = {58: "icmpv6"}
"""Protocols that nft calls otherwise than /etc/protocols does."""

_MORE: Final[Mapping[int, tuple[tuple[int, int, str, str], ...]]] = {
    1: (
        (0, 1, "type", "number"),
        (1, 1, "code", "number"),
        (2, 2, "checksum", "number"),
    ),
    2: (
        (0, 1, "type", "number"),
        (1, 1, "mrt", "number"),
        (2, 2, "checksum", "number"),
        (4, 4, "group", "ipv4"),
    ),
    _TCP: (
        (4, 4, "sequence", "number"),
        (8, 4, "ackseq", "number"),
        (14, 2, "window", "number"),
        (16, 2, "checksum", "number"),
        (18, 2, "urgptr", "number"),
    ),
    17: ((4, 2, "length", "number"), (6, 2, "checksum", "number")),
    50: ((0, 4, "spi", "number"), (4, 4, "sequence", "number")),
    51: (
        (0, 1, "nexthdr", "protocols"),
        (1, 1, "hdrlength", "number"),
        (2, 2, "reserved", "number"),
        (4, 4, "spi", "number"),
        (8, 4, "sequence", "number"),
    ),
    58: (
        (0, 1, "type", "number"),
        (1, 1, "code", "number"),
        (2, 2, "checksum", "number"),
    ),
    108: ((0, 1, "nexthdr", "protocols"), (1, 1, "flags", "bits"), (2, 2, "cpi", "number")),
    132: ((4, 4, "vtag", "number"), (8, 4, "checksum", "number")),
    136: ((4, 2, "csumcov", "number"), (6, 2, "checksum", "number")),
}
"""Fields of transport headers by their protocol: offset, size, name and kind."""


_ECHO: Final = ((4, 2, "id", "number"), (6, 2, "sequence", "number"))
_MESSAGES: Final[Mapping[int, tuple[tuple[frozenset[int], tuple[tuple[int, int, str, str], ...]], ...]]] = {
    1: (
        (frozenset((0, 8)), _ECHO),
        (frozenset((3,)), ((6, 2, "mtu", "number"),)),
        (frozenset((5,)), ((4, 4, "gateway", "number"),)),
    ),
    58: (
        (frozenset((128, 129)), _ECHO),
        (frozenset((2,)), ((4, 4, "mtu", "number"),)),
        (frozenset((4,)), ((4, 4, "parameter-problem", "number"),)),
        (frozenset((130, 131, 132)), ((4, 2, "max-delay", "number"), (8, 16, "taddr", "ipv6"))),
        (frozenset((137,)), ((8, 16, "taddr", "ipv6"), (24, 16, "daddr", "ipv6"))),
        (frozenset((135, 136)), ((8, 16, "taddr", "ipv6"),)),
    ),
}
"""Fields of ICMP that only messages of some types have."""


class Layers(NamedTuple):
    """The protocols of the network and of the transport layer, None where not known, and the types of ICMP."""

    network: int | None = None
    transport: int | None = None
    messages: frozenset[int] = frozenset()


def read_header(base: int, layers: Layers, offset: int, size: int) -> tuple[PacketField, ...]:
    """Return the neighbouring fields that stand at a place of a header; of the last one maybe the first bytes only.

    What has no name is one field, which is called by its place.
    """
    fields = _header(base, layers)
    whole = fields.get((offset, size))
    if whole is not None:
        return (whole,)
    found: list[PacketField] = []
    position = offset
    while position < offset + size:
        field = _longest(fields, position)
        if field is None:
            break
        found.append(field)
        position += field.size
    begins = len(found) == 1 and found[0].size > size and found[0].kind in _ADDRESSES
    if position == offset + size or begins:
        return tuple(found)
    return (PacketField(f"@{_BASES.get(base, 'ih')},{offset * 8},{size * 8}", size, "bits"),)


def _longest(fields: Mapping[tuple[int, int], PacketField], offset: int) -> PacketField | None:
    """Return the longest field with a name of its own at an offset."""
    sizes = [size for start, size in fields if start == offset and not fields[start, size].parts]
    return fields[offset, max(sizes)] if sizes else None


def _header(base: int, layers: Layers) -> Mapping[tuple[int, int], PacketField]:
    """Return the fields of a header by offset and size; none where the protocol of its layer is not known."""
    if base == LINK:
        return _LINK
    if base == NETWORK:
        return _NETWORKS.get(layers.network or 0, {})
    return _transport(layers.transport, layers.messages) if base == TRANSPORT else {}


@cache
def _transport(protocol: int | None, messages: frozenset[int]) -> Mapping[tuple[int, int], PacketField]:
    found: dict[tuple[int, int], PacketField] = {}
    if protocol is None or protocol in _PORTED:
        found |= {(0, 2): port_field(protocol, "sport"), (2, 2): port_field(protocol, "dport")}
    known = protocol or 0
    layer = (4, known)
    of_types = [fields for types, fields in _MESSAGES.get(known, ()) if messages and messages <= types]
    for offset, size, name, kind in (*_MORE.get(known, ()), *(of_types[0] if of_types else ())):
        found[offset, size] = PacketField(f"{_NAMES.get(known) or PROTOCOLS[known]} {name}", size, kind, layer=layer)
    return found | dict(_of_bits(known, layer))


def _of_bits(protocol: int, layer: _Layer) -> Iterable[tuple[tuple[int, int], PacketField]]:
    """Yield the bytes of transport headers that are several fields, and the flags of tcp."""
    match protocol:
        case 6:
            yield (12, 1), _bits("@th,96,8", 1, layer, (0xF0, "tcp doff"), (0x0F, "tcp reserved"))
            yield (13, 1), TCP_FLAGS
        case 33:
            yield (8, 1), _bits("@th,64,8", 1, layer, (0x1E, "dccp type"))
        case 47:
            yield (0, 1), _bits("@th,0,8", 1, layer, (0xF8, "gre flags"))
            yield (1, 1), _bits("@th,8,8", 1, layer, (0x07, "gre version"))
            yield (2, 2), PacketField("gre protocol", 2, "ptype", layer=layer)
