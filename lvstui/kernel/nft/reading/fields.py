"""What nf_tables reads of a packet, by its names: fields of headers, of the packet and of its connection."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

PROTOCOLS: Final = {
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "ipv6-icmp",
    108: "comp",
    132: "sctp",
    136: "udplite",
}

STATES: Final = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
STATUS: Final = {1: "expected", 2: "seen-reply", 4: "assured", 8: "confirmed", 16: "snat", 32: "dnat"}
TYPES: Final = (
    *("unspec", "unicast", "local", "broadcast", "anycast", "multicast"),
    *("blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"),
)
"""Kinds of addresses by the kernel's numbers (RTN_*)."""
FLAGS: Final = {"state": STATES, "status": STATUS}
NAMED: Final = {
    "protocol": PROTOCOLS,
    "nfproto": {2: "ipv4", 10: "ipv6"},
    "ethertype": {0x0800: "ip", 0x0806: "arp", 0x86DD: "ip6", 0x8100: "8021q"},
    "addrtype": dict(enumerate(TYPES)),
    "direction": {0: "original", 1: "reply"},
    "packets": {0: "host", 1: "broadcast", 2: "multicast", 3: "other"},
    "present": {0: "missing", 1: "exists"},
}
"""Words for the values of a field, by its kind; of `FLAGS` for their bits."""

REGISTERS: Final = 64
"""Bytes of all registers together: nothing that is read into them is larger (NFT_DATA_VALUE_MAXLEN)."""


class PacketField(NamedTuple):
    """Something that a packet has: its name in nft's words, its size in bytes, and how its values are written.

    `host` is true for numbers that the kernel keeps in the machine's own order. `layer` is the layer that its name
    implies: `(4, 6)` for tcp's fields, `(3, 2)` for those of IPv4.
    """

    name: str
    size: int
    kind: str = "number"
    host: bool = False
    layer: tuple[int, int] | None = None

    @property
    def most(self) -> int:
        """The largest value."""
        return (1 << (8 * self.size)) - 1


PROTOCOL: Final = PacketField("meta l4proto", 1, "protocol")
NFPROTO: Final = PacketField("meta nfproto", 1, "nfproto")
IIFNAME: Final = PacketField("iifname", 16, "interface")
OIFNAME: Final = PacketField("oifname", 16, "interface")
MARK: Final = PacketField("meta mark", 4, "mark", host=True)
CONNECTION_MARK: Final = PacketField("ct mark", 4, "mark", host=True)
STATE: Final = PacketField("ct state", 4, "state", host=True)
CONNECTION_STATUS: Final = PacketField("ct status", 4, "status", host=True)
TCP_FLAGS: Final = PacketField("tcp flags", 1, "bits", layer=(4, 6))


def address_field(version: int, which: str) -> PacketField:
    """Return the field of an address: `saddr` or `daddr` of IPv4 (4) or IPv6 (6)."""
    if version == 4:
        return PacketField(f"ip {which}", 4, "ipv4", layer=(3, 2))
    return PacketField(f"ip6 {which}", 16, "ipv6", layer=(3, 10))


def port_field(protocol: int | None, which: str) -> PacketField:
    """Return the field of a port, `sport`, `dport` or either; `th dport` where the protocol is not known."""
    name = PROTOCOLS.get(protocol, "th") if protocol is not None else "th"
    return PacketField(f"{name} {which}", 2, "port", layer=None if name == "th" else (4, protocol or 0))


LINK, NETWORK, TRANSPORT = 0, 1, 2
"""Headers (enum nft_payload_bases)."""

NETWORKS: Final = {0x0800: 2, 0x86DD: 10}
"""The families of IP (NFPROTO_*) by their Ethernet types."""

_LINK: Final = {
    0: PacketField("ether daddr", 6, "ether"),
    6: PacketField("ether saddr", 6, "ether"),
    12: PacketField("meta protocol", 2, "ethertype"),
}
_IPV4: Final = {
    0: PacketField("@nh,0,8", 1, "bits", layer=(3, 2)),
    1: PacketField("ip tos", 1, "bits", layer=(3, 2)),
    2: PacketField("ip length", 2, layer=(3, 2)),
    4: PacketField("ip id", 2, layer=(3, 2)),
    6: PacketField("ip frag-off", 2, "bits", layer=(3, 2)),
    8: PacketField("ip ttl", 1, layer=(3, 2)),
    9: PacketField("ip protocol", 1, "protocol", layer=(3, 2)),
    10: PacketField("ip checksum", 2, layer=(3, 2)),
    12: address_field(4, "saddr"),
    16: address_field(4, "daddr"),
}
_IPV6: Final = {
    4: PacketField("ip6 length", 2, layer=(3, 10)),
    6: PacketField("ip6 nexthdr", 1, "next", layer=(3, 10)),
    7: PacketField("ip6 hoplimit", 1, layer=(3, 10)),
    8: address_field(6, "saddr"),
    24: address_field(6, "daddr"),
}
_MORE: Final[Mapping[int, tuple[tuple[int, int, str, str], ...]]] = {
    6: (
        (4, 4, "sequence", "number"),
        (8, 4, "ackseq", "number"),
        (13, 1, "flags", "bits"),
        (14, 2, "window", "number"),
        (16, 2, "checksum", "number"),
        (18, 2, "urgptr", "number"),
    ),
    17: ((4, 2, "length", "number"), (6, 2, "checksum", "number")),
    132: ((4, 4, "vtag", "number"), (8, 4, "checksum", "number")),
    136: ((4, 2, "csumcov", "number"), (6, 2, "checksum", "number")),
}
_ICMP: Final = {1: "icmp", 58: "icmpv6"}
_PORTED: Final = frozenset((6, 17, 33, 132, 136))

_META: Final = {
    0: PacketField("meta length", 4, host=True),
    1: PacketField("meta protocol", 2, "ethertype"),
    2: PacketField("meta priority", 4, "bits", host=True),
    3: MARK,
    4: PacketField("iif", 4, "index", host=True),
    5: PacketField("oif", 4, "index", host=True),
    6: IIFNAME,
    7: OIFNAME,
    8: PacketField("iiftype", 2, host=True),
    9: PacketField("oiftype", 2, host=True),
    10: PacketField("meta skuid", 4, host=True),
    11: PacketField("meta skgid", 4, host=True),
    13: PacketField("meta rtclassid", 4, host=True),
    15: NFPROTO,
    16: PROTOCOL,
    17: PacketField("meta ibrname", 16, "interface"),
    18: PacketField("meta obrname", 16, "interface"),
    19: PacketField("meta pkttype", 1, "packets", host=True),
    20: PacketField("meta cpu", 4, host=True),
    21: PacketField("meta iifgroup", 4, host=True),
    22: PacketField("meta oifgroup", 4, host=True),
    23: PacketField("meta cgroup", 4, host=True),
    24: PacketField("meta random", 4),
    25: PacketField("meta ipsec", 1, "present", host=True),
    26: PacketField("meta iifkind", 16, "interface"),
    27: PacketField("meta oifkind", 16, "interface"),
    30: PacketField("meta time", 8, host=True),
    31: PacketField("meta day", 1, host=True),
    32: PacketField("meta hour", 4, host=True),
    33: PacketField("sdif", 4, "index", host=True),
    34: PacketField("sdifname", 16, "interface"),
}
"""By enum nft_meta_keys."""

_CT: Final = {
    0: STATE,
    1: PacketField("ct direction", 1, "direction", host=True),
    2: CONNECTION_STATUS,
    3: CONNECTION_MARK,
    5: PacketField("ct expiration", 4, host=True),
    6: PacketField("ct helper", 16, "interface"),
    7: PacketField("ct l3proto", 1, "nfproto"),
    10: PacketField("ct protocol", 1, "protocols"),
    11: PacketField("ct proto-src", 2, "port"),
    12: PacketField("ct proto-dst", 2, "port"),
    14: PacketField("ct packets", 8, host=True),
    15: PacketField("ct bytes", 8, host=True),
    16: PacketField("ct avgpkt", 8, host=True),
    17: PacketField("ct zone", 2, host=True),
    19: PacketField("ct ip saddr", 4, "ipv4"),
    20: PacketField("ct ip daddr", 4, "ipv4"),
    21: PacketField("ct ip6 saddr", 16, "ipv6"),
    22: PacketField("ct ip6 daddr", 16, "ipv6"),
    23: PacketField("ct id", 4),
}
"""By enum nft_ct_keys."""


SOCKET: Final = {
    0: PacketField("socket transparent", 1, host=True),
    1: PacketField("socket mark", 4, "mark", host=True),
    2: PacketField("socket wildcard", 1, host=True),
}
"""By enum nft_socket_keys."""

ROUTE: Final = {
    0: PacketField("rt classid", 4, host=True),
    1: PacketField("rt ip nexthop", 4, "ipv4"),
    2: PacketField("rt ip6 nexthop", 16, "ipv6"),
}
"""By enum nft_rt_keys."""


def header(base: int, network: int | None, transport: int | None) -> Mapping[int, PacketField]:
    """Return the fields of a header by their offset; none where the protocol of its layer is not known."""
    if base == LINK:
        return _LINK
    if base == NETWORK:
        return {2: _IPV4, 10: _IPV6}.get(network or 0, {})
    return _transport(transport) if base == TRANSPORT else {}


@cache
def _transport(protocol: int | None) -> Mapping[int, PacketField]:
    found: dict[int, PacketField] = {}
    if protocol is None or protocol in _PORTED:
        found |= {0: port_field(protocol, "sport"), 2: port_field(protocol, "dport")}
    if protocol in _ICMP:
        name, layer = _ICMP[protocol], (4, protocol)
        found |= {0: PacketField(f"{name} type", 1, layer=layer), 1: PacketField(f"{name} code", 1, layer=layer)}
    for offset, size, name, kind in _MORE.get(protocol or 0, ()):
        found[offset] = PacketField(f"{PROTOCOLS[protocol or 0]} {name}", size, kind, layer=(4, protocol or 0))
    return found


def meta(key: int) -> PacketField:
    """Return the field of a packet by enum nft_meta_keys; by its number where it has no name here."""
    return _META.get(key) or PacketField(f"meta key {key}", 4, "unknown", host=True)


def connection(key: int, direction: int | None) -> PacketField:
    """Return the field of a connection by enum nft_ct_keys, of a direction where it has two."""
    field = _CT.get(key) or PacketField(f"ct key {key}", 4, "unknown", host=True)
    if direction is None:
        return field
    return field._replace(name=f"ct {('original', 'reply')[direction & 1]}{field.name.removeprefix('ct')}")
