"""What nf_tables reads of a packet, by its names: fields of headers, of the packet and of its connection."""

from __future__ import annotations

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
STATUS: Final = {
    1: "expected",
    2: "seen-reply",
    4: "assured",
    8: "confirmed",
    16: "snat",
    32: "dnat",
    512: "dying",
}
NETWORKS: Final = {0x0800: 2, 0x0806: 3, 0x86DD: 10}
"""The families of IP and ARP (NFPROTO_*) by their Ethernet types."""

TYPES: Final = (
    *("unspec", "unicast", "local", "broadcast", "anycast", "multicast"),
    *("blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"),
)
"""Kinds of addresses by the kernel's numbers (RTN_*)."""
FLAGS: Final = {"state": STATES, "status": STATUS, "label": {1 << bit: str(bit) for bit in range(128)}}
NAMED: Final = {
    "protocol": PROTOCOLS,
    "nfproto": {2: "ipv4", 10: "ipv6"},
    "ethertype": {0x0800: "ip", 0x0806: "arp", 0x86DD: "ip6", 0x8100: "8021q"},
    "addrtype": dict(enumerate(TYPES)),
    "direction": {0: "original", 1: "reply"},
    "packets": {0: "host", 1: "broadcast", 2: "multicast", 3: "other"},
    "present": {0: "missing", 1: "exists"},
    "protocols": PROTOCOLS,
    "next": PROTOCOLS,
    "ptype": {0x0800: "ip", 0x0806: "arp", 0x86DD: "ip6", 0x8100: "8021q"},
    "day": dict(enumerate(("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"))),
}
"""Words for the values of a field, by its kind; of `FLAGS` for their bits."""

REGISTERS: Final = 64
"""Bytes of all registers together: nothing that is read into them is larger (NFT_DATA_VALUE_MAXLEN)."""


class PacketField(NamedTuple):
    """Something that a packet has: its name in nft's words, its size in bytes, and how its values are written.

    `host` is true for numbers that the kernel keeps in the machine's own order. `layer` is the layer that its name
    implies: `(4, 6)` for tcp's fields, `(3, 2)` for those of IPv4. `parts` are fields of some of its bits, by the mask.
    """

    name: str
    size: int
    kind: str = "number"
    host: bool = False
    layer: tuple[int, int] | None = None
    parts: tuple[tuple[int, PacketField], ...] = ()

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
CONNECTION_EXPIRATION: Final = PacketField("ct expiration", 4, "milliseconds", host=True)
EXPIRATION_SECONDS: Final = PacketField("ct expiration", 4, "seconds", host=True)
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
    14: PacketField("meta secmark", 4, host=True),
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
    28: PacketField("meta ibrpvid", 2, host=True),
    29: PacketField("meta ibrvproto", 2, "ethertype"),
    30: PacketField("meta time", 8, "time", host=True),
    31: PacketField("meta day", 1, "day", host=True),
    32: PacketField("meta hour", 4, "hour", host=True),
    33: PacketField("meta sdif", 4, "index", host=True),
    34: PacketField("meta sdifname", 16, "interface"),
}
"""By enum nft_meta_keys."""

_CT: Final = {
    0: STATE,
    1: PacketField("ct direction", 1, "direction", host=True),
    2: CONNECTION_STATUS,
    3: CONNECTION_MARK,
    4: PacketField("ct secmark", 4, host=True),
    5: CONNECTION_EXPIRATION,
    6: PacketField("ct helper", 16, "interface"),
    7: PacketField("ct l3proto", 1, "nfproto"),
    10: PacketField("ct protocol", 1, "protocols"),
    11: PacketField("ct proto-src", 2, "port"),
    12: PacketField("ct proto-dst", 2, "port"),
    13: PacketField("ct label", 16, "label", host=True),
    14: PacketField("ct packets", 8, host=True),
    15: PacketField("ct bytes", 8, host=True),
    16: PacketField("ct avgpkt", 8, host=True),
    17: PacketField("ct zone", 2, host=True),
    18: PacketField("ct event", 4, "bits", host=True),
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
    3: PacketField("socket cgroupv2", 8, host=True),
}
"""By enum nft_socket_keys."""

ROUTE: Final = {
    0: PacketField("rt classid", 4, host=True),
    1: PacketField("rt ip nexthop", 4, "ipv4"),
    2: PacketField("rt ip6 nexthop", 16, "ipv6"),
    3: PacketField("rt mtu", 2, host=True),
    4: PacketField("rt ipsec", 1, "present", host=True),
}
"""By enum nft_rt_keys."""


IPSEC: Final = {
    1: PacketField("ip daddr", 4, "ipv4"),
    2: PacketField("ip6 daddr", 16, "ipv6"),
    3: PacketField("ip saddr", 4, "ipv4"),
    4: PacketField("ip6 saddr", 16, "ipv6"),
    5: PacketField("reqid", 4, host=True),
    6: PacketField("spi", 4),
}
"""By enum nft_xfrm_keys."""


def meta(key: int) -> PacketField:
    """Return the field of a packet by enum nft_meta_keys; by its number where it has no name here."""
    return _META.get(key) or PacketField(f"meta key {key}", 4, "unknown", host=True)


def connection(key: int, direction: int | None) -> PacketField:
    """Return the field of a connection by enum nft_ct_keys, of a direction where it has two."""
    field = _CT.get(key) or PacketField(f"ct key {key}", 4, "unknown", host=True)
    if direction is None:
        return field
    return field._replace(name=f"ct {('original', 'reply')[direction & 1]}{field.name.removeprefix('ct')}")
