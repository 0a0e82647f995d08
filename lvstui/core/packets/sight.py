"""What rules see of a packet in a scene: its fields, by the names that rules have for them."""

from __future__ import annotations

from itertools import count
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.packets.bits import Bits, ones, swapped
from lvstui.core.packets.headers import (
    DESTINATION,
    DESTINATION_PORT,
    SOURCE,
    SOURCE_PORT,
    TCP,
    WITH_PORTS,
)
from lvstui.core.packets.program import NAME_SIZE, Base, Header, Named, interface_number
from lvstui.core.packets.scene import Scene, Tracking

Field: TypeAlias = Header | Named | str
"""What a register is loaded with, as it lies there; by its name alone the number that it is."""

_TYPES: Final = {
    word: number
    for number, word in enumerate(
        (
            *("unspec", "unicast", "local", "broadcast", "anycast", "multicast"),
            *("blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"),
        )
    )
}
"""Kinds of addresses by the kernel's numbers (RTN_*)."""

_NETDEV: Final = 5
_STATES: Final = {Tracking.NOT_YET: 1, Tracking.NEVER: 64, Tracking.ESTABLISHED: 2} | dict.fromkeys(
    (Tracking.TEMPLATE, Tracking.NEW), 8
)

_count: Final = count()
_numbers: Final[dict[Field, int]] = {}
_fields: Final[dict[int, Field]] = {}


def index_of(field: Field) -> int:
    """Return the number under which sights hold a field; any thread may ask."""
    found = _numbers.get(field)
    if found is None:
        found = next(_count)
        _fields[found] = field
        found = _numbers.setdefault(field, found)
    return found


class Sight(dict[int, Bits | None]):
    """The fields of a packet in a scene, each found when it is first asked for; None for one that it lacks."""

    __slots__ = ("_siblings", "scene")

    def __init__(self, scene: Scene, siblings: dict[Scene, Sight] | None = None) -> None:
        super().__init__()
        self.scene = scene
        self._siblings = {scene: self} if siblings is None else siblings

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Of one scene there is one sight."""
        return self is other

    def __missing__(self, index: int) -> Bits | None:
        """Find a field."""
        found = self[index] = look(self.scene, _fields[index])
        return found

    def at(self, scene: Scene) -> Sight:
        """Return the sight of another scene on the way of the same packet."""
        found = self._siblings.get(scene)
        if found is None:
            found = self._siblings[scene] = Sight(scene, self._siblings)
        return found


def look(scene: Scene, field: Field) -> Bits | None:
    """Return a field of a packet, None where it surely lacks it."""
    match field:
        case Header(base=Base.LINK) if scene.packet.local:
            return None
        case Header():
            return scene.headers.read(field)
        case Named(name=name, size=size, host=host):
            found = _number(scene, name.removeprefix("meta "), size)
            if found is None or not host:
                return found
            return found._replace(
                value=swapped(found.value, size, scene.order), unknown=swapped(found.unknown, size, scene.order)
            )
        case str():
            if field in HEADER_WORDS:
                return _in_header(scene, HEADER_WORDS[field])
            return _number(scene, field.removeprefix("meta "), _SIZES.get(field.removeprefix("meta "), 32))


class Part(NamedTuple):
    """Bits of a header by their offset: of one version of IP, or of a set of protocols; the first that fits."""

    base: Base
    bit: int
    bits: int
    version: int = 0
    protocols: frozenset[int] = frozenset()


def _in_header(scene: Scene, part: Part) -> Bits | None:
    """Return bits of a header as a number."""
    headers = scene.headers
    if part.version not in (0, headers.version) or (part.protocols and headers.protocol not in part.protocols):
        return None
    first, end = part.bit // 8, -(-(part.bit + part.bits) // 8)
    found = headers.read(Header(part.base, first, end - first))
    if found is None:
        return None
    spare, full = 8 * end - part.bit - part.bits, (1 << part.bits) - 1
    return found._replace(value=found.value >> spare & full, unknown=found.unknown >> spare & full)


def _ports() -> dict[str, Part]:
    named = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
    words = {"th": WITH_PORTS} | {name: frozenset((number,)) for name, number in named.items()}
    return {
        f"{name} {which}": Part(Base.TRANSPORT, bit, 16, protocols=numbers)
        for name, numbers in words.items()
        for which, bit in (("sport", 0), ("dport", 16))
    }


_TCP_ONLY: Final = frozenset((TCP,))

HEADER_WORDS: Final = {
    "ip version": Part(Base.NETWORK, 0, 4, 4),
    "ip hdrlength": Part(Base.NETWORK, 4, 4, 4),
    "ip tos": Part(Base.NETWORK, 8, 8, 4),
    "ip dscp": Part(Base.NETWORK, 8, 6, 4),
    "ip ecn": Part(Base.NETWORK, 14, 2, 4),
    "ip length": Part(Base.NETWORK, 16, 16, 4),
    "ip id": Part(Base.NETWORK, 32, 16, 4),
    "ip frag-off": Part(Base.NETWORK, 48, 16, 4),
    "ip ttl": Part(Base.NETWORK, 64, 8, 4),
    "ip protocol": Part(Base.NETWORK, 72, 8, 4),
    "ip checksum": Part(Base.NETWORK, 80, 16, 4),
    "ip saddr": Part(Base.NETWORK, 96, 32, 4),
    "ip daddr": Part(Base.NETWORK, 128, 32, 4),
    "ip6 version": Part(Base.NETWORK, 0, 4, 6),
    "ip6 dscp": Part(Base.NETWORK, 4, 6, 6),
    "ip6 ecn": Part(Base.NETWORK, 10, 2, 6),
    "ip6 flowlabel": Part(Base.NETWORK, 12, 20, 6),
    "ip6 length": Part(Base.NETWORK, 32, 16, 6),
    "ip6 nexthdr": Part(Base.NETWORK, 48, 8, 6),
    "ip6 hoplimit": Part(Base.NETWORK, 56, 8, 6),
    "ip6 saddr": Part(Base.NETWORK, 64, 128, 6),
    "ip6 daddr": Part(Base.NETWORK, 192, 128, 6),
    "tcp sequence": Part(Base.TRANSPORT, 32, 32, protocols=_TCP_ONLY),
    "tcp ackseq": Part(Base.TRANSPORT, 64, 32, protocols=_TCP_ONLY),
    "tcp doff": Part(Base.TRANSPORT, 96, 4, protocols=_TCP_ONLY),
    "tcp flags": Part(Base.TRANSPORT, 104, 8, protocols=_TCP_ONLY),
    "tcp window": Part(Base.TRANSPORT, 112, 16, protocols=_TCP_ONLY),
    "tcp checksum": Part(Base.TRANSPORT, 128, 16, protocols=_TCP_ONLY),
    "tcp urgptr": Part(Base.TRANSPORT, 144, 16, protocols=_TCP_ONLY),
    "icmp type": Part(Base.TRANSPORT, 0, 8, protocols=frozenset((1,))),
    "icmp code": Part(Base.TRANSPORT, 8, 8, protocols=frozenset((1,))),
    "icmpv6 type": Part(Base.TRANSPORT, 0, 8, protocols=frozenset((58,))),
    "icmpv6 code": Part(Base.TRANSPORT, 8, 8, protocols=frozenset((58,))),
} | _ports()
"""Words of headers, of which a test asks for the number; the header must be there."""

_SIZES: Final = {"iifname": NAME_SIZE, "oifname": NAME_SIZE}


def _number(scene: Scene, name: str, size: int) -> Bits | None:
    """Return something that the kernel knows of a packet, as a number of `size` bytes."""
    if name.startswith("ct "):
        return _of_connection(scene, name, size)
    if name[:3] in ("iif", "oif"):
        return _of_interface(scene, name, size)
    if name.startswith("fib "):
        return _of_address(scene, name, size)
    match name:
        case "protocol":
            return Bits(0x0800 if scene.headers.version == 4 else 0x86DD)
        case "nfproto":
            return Bits(_NETDEV if scene.family == "netdev" else 2 if scene.headers.version == 4 else 10)
        case "l4proto":
            return Bits(scene.headers.protocol)
        case "pkttype":
            return Bits(0)  # IPVS leaves all others alone (ip_vs_in_hook: PACKET_HOST)
        case "length" | "len" | "priority" | "cpu" | "random" | "time" | "day" | "hour" | "ipsec" | "secpath":
            return Bits(0, ones(size))
        case _:
            return Bits(0, ones(size), sure=False)


def _of_interface(scene: Scene, name: str, size: int) -> Bits | None:
    """Return what is asked of an interface; of one that a hook lacks, the name is empty and the number 0 (nft_meta)."""
    packet = scene.packet
    comes_in, kind = name[0] == "i", name[3:]
    forwarded = scene.hook == "forward"
    known = packet.interface if comes_in else packet.leaves_by
    if comes_in == packet.local and not forwarded:
        return Bits(0) if kind in ("", "name") else None
    if kind == "name" and known:
        return Bits(interface_number(known))
    if kind == "" and known:
        number = 1 if known == "lo" else scene.around.interface_index(known)
        return Bits(0, ones(size)) if number is None else Bits(number & ones(size))
    return Bits(0, ones(size), sure=kind != "kind")


def _of_address(scene: Scene, name: str, size: int) -> Bits | None:
    """Return what the routes say of an address: its kind is asked of the surroundings."""
    match name:
        case "fib daddr type":
            address = scene.headers.destination
        case "fib saddr type":
            address = scene.packet.source
        case _:
            return Bits(0, ones(size))
    word = None if address is None else scene.around.address_type(address)
    return Bits(0, ones(size)) if word is None or word not in _TYPES else Bits(_TYPES[word])


def _of_connection(scene: Scene, name: str, size: int) -> Bits | None:
    """Return what connection tracking knows; all but the state is lacking where it knows no connection (nft_ct)."""
    tracking = scene.tracking
    if name == "ct state":
        return Bits(_STATES[tracking])
    if tracking in (Tracking.NOT_YET, Tracking.NEVER):
        return None
    if tracking is Tracking.TEMPLATE:
        return Bits(0, ones(size), sure=False)
    words = name.split(" ")[1:]
    if words[0] == "original":
        if words[1] in ("ip", "ip6") and words[1] != ("ip" if scene.headers.version == 4 else "ip6"):
            return None
        if scene.answers:
            return Bits(0, ones(size), sure=False)
        return _of_tuple(scene, words[-1], size)
    match words[0]:
        case "status":
            return _status(scene)
        case "direction":
            return Bits(int(scene.answers))
        case "l3proto":
            return Bits(2 if scene.headers.version == 4 else 10)
        case "protocol":
            return Bits(scene.headers.protocol)
        case _:
            return Bits(0, ones(size), sure=False)


def _of_tuple(scene: Scene, word: str, size: int) -> Bits | None:
    """Return a part of the addresses that the first packet of a connection came with."""
    headers = scene.tracked or scene.headers
    match word:
        case "saddr":
            return headers.read(SOURCE[headers.version])
        case "daddr":
            return headers.read(DESTINATION[headers.version])
        case "proto-src" if headers.protocol in WITH_PORTS:
            return headers.read(SOURCE_PORT)
        case "proto-dst" if headers.protocol in WITH_PORTS:
            return headers.read(DESTINATION_PORT)
        case "l3proto":
            return Bits(int(scene.packet.family))
        case "protocol":
            return Bits(int(scene.packet.protocol))
        case _:
            return Bits(0, ones(size), sure=False)


_SEEN_REPLY: Final = 2
_ASSURED: Final = 4
_CONFIRMED: Final = 8
_SEQUENCE_ADJUSTED: Final = 64
_SRC_NAT, _DST_NAT = 16, 32


def _status(scene: Scene) -> Bits:
    """Return the bits of a connection's status (enum ip_conntrack_status)."""
    lowest = _SEEN_REPLY | _ASSURED | _CONFIRMED | _SRC_NAT | _DST_NAT | _SEQUENCE_ADJUSTED
    if scene.tracking is Tracking.ESTABLISHED:
        value, unknown = _SEEN_REPLY | _CONFIRMED, ~(_SEEN_REPLY | _CONFIRMED | _DST_NAT) & 0xFFFFFFFF
    else:
        value, unknown = 0, ~lowest & 0xFFFFFFFF
    elsewhere = scene.is_sent_elsewhere
    return Bits(value | (_DST_NAT if elsewhere else 0), unknown | (_DST_NAT if elsewhere is None else 0))
