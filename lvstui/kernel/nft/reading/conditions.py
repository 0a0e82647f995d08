"""What a rule asks of a packet: conditions in words, and as a selector where one can hold all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range
from socket import inet_ntoa
from typing import Final, NamedTuple

from lvstui.core.model import Network, Ports, Protocol, Selector
from lvstui.core.packets.program import Ask, Check, Instruction, Range
from lvstui.core.selectors import merged_networks, merged_ports
from lvstui.kernel.netlink.attributes import Order
from lvstui.kernel.nft.ipsets import membership
from lvstui.kernel.nft.ipsets.membership import Asked
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.reading.fields import (
    CONNECTION_STATUS,
    FLAGS,
    NAMED,
    NETWORKS,
    STATE,
    TCP_FLAGS,
    PacketField,
)

_HEXADECIMAL: Final = frozenset({"mark", "bits", *FLAGS})
_VERSION_OF: Final = {0x0800: 4, 0x86DD: 6}
_FAMILY_OF: Final = {"meta nfproto": {2: 4, 10: 6}, "meta protocol": _VERSION_OF, "ether type": _VERSION_OF}
_BELOW: Final = {(4, 1): (3, 2), (4, 58): (3, 10)}
"""The network layer that goes without saying where the transport layer is icmp's, or icmpv6's."""
_PREFIXED: Final = frozenset(("ipv4", "ipv6", "interface"))
"""Kinds of fields whose first bits are asked for by the values that begin with them."""
_LAYERS: Final = frozenset(("protocol", "nfproto", "ethertype"))
_EVERY_VERSION: Final = frozenset((4, 6))
_VERSIONS: Final = {"ip": frozenset((4,)), "ip6": frozenset((6,)), "arp": frozenset[int]()}
_MOST: Final = {4: 2**32 - 1, 6: 2**128 - 1}
_EVERY_PROTOCOL: Final = ((0, 255),)
_EVERY_PORT: Final = ((0, 65535),)
_PORT_FIELDS: Final = {"tcp dport": ((6, 6),), "udp dport": ((17, 17),), "sctp dport": ((132, 132),)}
_NETWORKS_MAX: Final = 4096
"""Networks up to which a set becomes a selector."""


_TIME_MAX: Final = 253402300799
"""The last second of the year 9999, the last that a date can be."""


class Condition(NamedTuple):
    """One condition: its words, and the field with all values that meet it, None where that is no plain range.

    `test` is the same for a packet's walk, where that is more than that the field has these values; `ipset` where it
    is that the packet is in one.
    """

    text: str
    field: PacketField
    ranges: tuple[Range, ...] | None = None
    test: Check | None = None
    ipset: Asked | None = None


_WORDS: Final = PacketField("", 0, "words")
_UNKNOWN: Final = PacketField("", 0, "unknown")
_EITHER: Final = ("sport or dport", "sport", "dport")


def check(condition: Condition) -> Check | Ask:
    """Return the instruction that a condition is; it asks where the condition cannot be tested."""
    if condition.test is not None:
        return condition.test
    if condition.ranges is None or not condition.field.name:
        return Ask(condition.text)
    return Check((condition.field.name,), condition.ranges)


def code(condition: Condition, sets: Callable[[str], IpSet], version: int | None) -> tuple[Instruction, ...]:
    """Return the instructions that a condition is for a version of IP (4, 6, None where not known)."""
    if condition.ipset is not None and version is not None:
        return membership.instructions(condition.ipset, sets(condition.ipset.name), version, condition.text)
    return (check(condition),)


def match_ipset(name: str, sources: Sequence[bool], negated: bool) -> Condition:
    """Return the condition that a packet is in an ipset; for each dimension, whether its source is meant."""
    ways = ",".join("src" if source else "dst" for source in sources)
    return in_words("ipset", f"{name} {ways}", negated)._replace(ipset=Asked(name, tuple(sources), negated))


ALWAYS: Final = Check(("meta l4proto",), ((0, 255),))
"""What each packet is: the test of `recent --set`, which notes the packet's address (xt_recent.c)."""


def match_way_back(text: str, marked: bool, inverted: bool) -> Condition:
    """Return the condition of rpfilter: the route to the source leads back to the packet's interface (xt_rpfilter)."""
    field = f"fib saddr{' . mark' if marked else ''} . iif oif"
    return in_words("rpfilter", text, test=Check((field,), ((1, 1),), inverted))


def in_words(name: str, text: str, negated: bool = False, test: Check | None = None) -> Condition:
    """Return a condition that no values stand for; `test` is what it asks, without the negation."""
    asked = test._replace(negated=test.negated != negated) if test is not None else None
    return Condition(f"{name} {'!= ' if negated else ''}{text}", _WORDS, test=asked)


def unknown(text: str) -> Condition:
    """Return a condition that is not understood."""
    return Condition(text, _UNKNOWN)


def value_of(data: bytes, field: PacketField, order: Order) -> int:
    """Read a constant as the number that it is for a field, on a machine of this byte order.

    Raises ValueError for one that the field has no room for.
    """
    if len(data) > field.size:
        raise ValueError(f"{len(data)} bytes for {field.name}")
    return int.from_bytes(data, order if field.host else "big")


def match_values(field: PacketField, ranges: tuple[Range, ...], negated: bool = False, name: str = "") -> Condition:
    """Return the condition that a field has one of these values; `name` is that of the set that holds them.

    Raises ValueError for values that the field cannot have.
    """
    most = field.most
    for first, last in ranges:
        if not 0 <= first <= last <= most:
            raise ValueError(f"{field.name} from {first} to {last}")
    text = f"@{name}" if name else values_text(field, ranges)
    if not name and (field.kind in FLAGS or field == TCP_FLAGS):  # else these words are about single bits
        text = f"{{ {text} }}" if len(ranges) != 1 else text if negated else f"== {text}"
    test = _test_either(field, ranges, negated) if field.name.endswith(_EITHER[0]) else None
    if negated:
        return Condition(f"{field.name} != {text}", field, complement(ranges, field.most), test)
    return Condition(f"{field.name} {text}", field, ranges, test)


def _test_either(field: PacketField, ranges: tuple[Range, ...], negated: bool) -> Check:
    """Return the test of two ports, of which neither may have the values where that is negated."""
    both, *each = _EITHER
    return Check(tuple(field.name.removesuffix(both) + one for one in each), ranges, negated)


def match_bits(which: PacketField, mask: int, value: int, negated: bool) -> Condition:
    """Return the condition for some bits: the first ones of an address are a network, a state's go by their names.

    Raises ValueError for bits that the field does not have.
    """
    if not 0 <= mask | value <= which.most:
        raise ValueError(f"{which.name} & {mask} == {value}")
    test = Check((which.name,), ((value, value),), negated, mask)
    part = dict(which.parts).get(mask)
    if part is not None and not value & ~mask:
        value >>= lowest_bit(mask)
        return match_values(part, ((value, value),), negated)._replace(test=test)
    rest = which.most & ~mask
    if which.kind in _PREFIXED and rest & (rest + 1) == 0 and value & rest == 0:
        return match_values(which, ((value, value | rest),), negated)
    if which.kind in FLAGS and value == 0:
        return Condition(f"{which.name} {'' if negated else '! '}{flags_text(which.kind, mask)}", which, test=test)
    if mask == which.most:
        return match_values(which, ((value, value),), negated)
    numbers = [value_text(which, number) if which.kind == "ether" else f"0x{number:x}" for number in (mask, value)]
    text = f"{which.name} & {numbers[0]} {'!=' if negated else '=='} {numbers[1]}"
    return Condition(text, which, test=test)


def lowest_bit(mask: int) -> int:
    """Return the place of the lowest bit of a mask."""
    return (mask & -mask).bit_length() - 1


def match_flags(name: str, field: PacketField, flags: int, negated: bool) -> Condition:
    """Return the condition, of this name, that any of these flags of a field is set."""
    return in_words(name, flags_text(field.kind, flags), negated, Check((field.name,), ((1, flags),), mask=flags))


def match_states(states: Sequence[str], negated: bool) -> Condition:
    """Return the condition that a connection is in one of these states of xtables, where `snat` is one too."""
    seen, nat = (sum(bit for bit, name in FLAGS[kind].items() if name in states) for kind in ("state", "status"))
    test = None
    if not (seen and nat):
        field, flags = (CONNECTION_STATUS, nat) if nat else (STATE, seen)
        test = Check((field.name,), ((1, flags),), mask=flags)
    return in_words("ct state", ", ".join(states), negated, test)


def values_text(field: PacketField, ranges: Iterable[Range]) -> str:
    """Write values: `80, 443, 6000-6063`."""
    if field.kind == "port":
        return ", ".join([str(first) if first == last else f"{first}-{last}" for first, last in ranges])
    return ", ".join(range_text(field, first, last) for first, last in ranges)


def range_text(field: PacketField, first: int, last: int) -> str:
    """Write one value, or a range: of addresses as a network where it is one."""
    match field.kind:
        case "ipv4" | "ipv6":
            return _addresses_text(first, last, field.size)
        case "interface":
            text = _interface_text(first, last)
            return f"{text[:-1]}\\*" if first == last and text.endswith("*") else text
    if first == last:
        return value_text(field, first)
    if field.kind in NAMED:
        return f"{first}-{last}"
    return f"{value_text(field, first)}-{value_text(field, last)}"


def value_text(field: PacketField, value: int) -> str:
    """Write one value in the words of its kind."""
    kind = field.kind
    if kind in ("ipv4", "ipv6", "interface"):
        return range_text(field, value, value)
    if kind in FLAGS:
        return flags_text(kind, value)
    if kind in _HEXADECIMAL:
        return f"0x{value:x}"
    match kind:
        case "ether":
            return ":".join(f"{byte:02x}" for byte in value.to_bytes(field.size, "big"))
        case "text":
            return value.to_bytes(field.size, "big").rstrip(b"\0").decode("utf-8", "surrogateescape")
        case "time" | "hour":
            return _moment_text(kind, value)
        case "seconds":
            return f"{value}s"
        case "milliseconds":
            return f"{value // 1000}s" if value % 1000 == 0 else f"{value}ms"
    return NAMED.get(kind, {}).get(value) or str(value)


def _moment_text(kind: str, value: int) -> str:
    """Write a time (nanoseconds since 1970) or an hour (seconds since midnight), both in UTC as the kernel has them."""
    if kind == "hour":
        return f"{value // 3600:02}:{value // 60 % 60:02}:{value % 60:02} UTC"
    seconds, rest = divmod(value, 10**9)
    if rest or seconds > _TIME_MAX:
        return f"{value}ns"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def flags_text(kind: str, value: int) -> str:
    """Write bits by their names."""
    names = [name for bit, name in FLAGS[kind].items() if value & bit]
    known = sum(bit for bit in FLAGS[kind] if value & bit)
    return ", ".join([*names, *([f"0x{value & ~known:x}"] if value & ~known or not names else [])])


def _addresses_text(first: int, last: int, size: int) -> str:
    kind = IPv4Address if size == 4 else IPv6Address
    if first == last:
        return inet_ntoa(first.to_bytes(4, "big")) if size == 4 else str(kind(first))
    span = last - first + 1
    if span & (span - 1) == 0 and first % span == 0:
        return f"{kind(first)}/{8 * size - span.bit_length() + 1}"
    return f"{kind(first)}-{kind(last)}"


def _interface_text(first: int, last: int) -> str:
    name = first.to_bytes(16, "big").rstrip(b"\0").decode("utf-8", "surrogateescape")
    return name if first == last else f"{name}*"


def complement(ranges: Sequence[Range], most: int) -> tuple[Range, ...]:
    """Return all values that are in none of the ranges."""
    found: list[Range] = []
    start = 0
    for first, last in sorted(ranges):
        if first > start:
            found.append((start, first - 1))
        start = max(start, last + 1)
    return (*found, (start, most)) if start <= most else tuple(found)


def common(one: Sequence[Range], other: Sequence[Range]) -> tuple[Range, ...]:
    """Return the values that are in both."""
    if one == other:
        return tuple(one)
    return tuple((max(a, c), min(b, d)) for a, b in sorted(one) for c, d in sorted(other) if max(a, c) <= min(b, d))


def words(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Write conditions, without those that another one's name implies (`tcp dport` is tcp), and no test twice.

    A limit that is asked twice, by the jump and by the rule, is two.
    """
    implied = {condition.field.layer for condition in conditions if not _layer(condition)}
    implied |= {_BELOW[layer] for layer in implied if layer in _BELOW}
    kept = [condition for condition in conditions if _layer(condition) not in implied]
    # Such as `ip protocol ospf`, which says more than that it is IPv4.
    implied |= {condition.field.layer for condition in kept}
    said = [condition for condition in kept if condition.text and _layer(condition) not in implied]
    return tuple(
        condition.text
        for place, condition in enumerate(said)
        if not _is_test(condition) or condition not in said[:place]
    )


def _is_test(condition: Condition) -> bool:
    """Return whether a condition has the same answer whenever it is asked about a packet."""
    return condition.ranges is not None or condition.test is not None or condition.ipset is not None


def _layer(condition: Condition) -> tuple[int, int] | str:
    """Return the layer that a condition does nothing but name, empty for others."""
    field, ranges = condition.field, condition.ranges
    if field.kind not in _LAYERS or ranges is None or not _single(ranges):
        return ""
    value = ranges[0][0]
    if field.kind == "protocol":
        return 4, value
    return 3, value if field.kind == "nfproto" else NETWORKS.get(value, -1)


def selector(conditions: Iterable[Condition], family: str) -> Selector | None:
    """Return what conditions in a table of this family ask for; None where a selector cannot hold all of it."""
    protocols: Sequence[Range] = _EVERY_PROTOCOL
    versions = _VERSIONS.get(family, _EVERY_VERSION)
    addresses: Sequence[Range] | None = None
    ports: Sequence[Range] = _EVERY_PORT
    interfaces: Sequence[Range] | None = None
    for condition in conditions:
        field, ranges = condition.field, condition.ranges
        if ranges is None:
            return None
        name = field.name
        if name in _PORT_FIELDS:
            ports = ranges if ports is _EVERY_PORT else common(ports, ranges)
            protocols = common(protocols, _PORT_FIELDS[name])
        elif name == "meta l4proto" or name == "ip protocol":
            protocols = ranges if protocols is _EVERY_PROTOCOL else common(protocols, ranges)
        elif name == "ip daddr" or name == "ip6 daddr":
            addresses = ranges if addresses is None else common(addresses, ranges)
            versions = versions & {4 if field.size == 4 else 6}
        elif name in _FAMILY_OF:
            versions = versions & {v for n, v in _FAMILY_OF[name].items() if any(a <= n <= b for a, b in ranges)}
        elif name == "iifname":
            interfaces = ranges if interfaces is None else common(interfaces, ranges)
        else:
            return None
    every = protocols == _EVERY_PROTOCOL
    if not versions or not ports or (addresses is not None and not addresses):
        return None  # no packet can meet these
    if not (every or _single(protocols)) or not (interfaces is None or _single(interfaces)):
        return None
    networks: tuple[Network, ...] = ()
    if len(versions) == 1:
        (version,) = versions
        networks = _networks(version, tuple(addresses) if addresses is not None else ((0, _MOST[version]),))
        if len(networks) > _NETWORKS_MAX:
            return None
    return Selector(
        None if every else Protocol(protocols[0][0]),
        networks,
        () if ports is _EVERY_PORT else _ports(tuple(ports)),
        _interface_text(*interfaces[0]) if interfaces else "",
    )


@lru_cache(1 << 12)
def _ports(ranges: tuple[Range, ...]) -> tuple[Ports, ...]:
    return merged_ports(Ports(first, last) for first, last in ranges)


def _single(ranges: Sequence[Range]) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _networks(version: int, ranges: tuple[Range, ...]) -> tuple[Network, ...]:
    if _single(ranges):
        return (IPv4Network((ranges[0][0], 32)) if version == 4 else IPv6Network((ranges[0][0], 128)),)
    kind = IPv4Address if version == 4 else IPv6Address
    every: list[Network] = []
    for first, last in ranges[: _NETWORKS_MAX + 1]:
        every += summarize_address_range(kind(first), kind(last))
    return merged_networks(every)
