"""The matches of xtables, which iptables-nft puts into rules as they are: structures of the kernel's UAPI."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from lvstui.kernel.nft.reading.conditions import (
    CONNECTION_MARK,
    MARK,
    PROTOCOLS,
    STATUS,
    TYPES,
    Condition,
    Field,
    Range,
    address_field,
    match_bits,
    match_values,
    port_field,
)
from lvstui.kernel.nft.reading.walk import Walk

Step: TypeAlias = Callable[[Walk], None]

STATES: Final = {
    1: "invalid",
    2: "established",
    4: "related",
    8: "new",
    64: "snat",
    128: "dnat",
    256: "untracked",
}
"""Bits of xt_conntrack's own state mask (XT_CONNTRACK_STATE_*)."""

_RESTORE_SOCKET_MARK: Final = 4  # XT_SOCKET_RESTORESKMARK
_SHOWN: Final = 48
_STATE_FLAGS: Final = 1 | 1 << 13


def match(name: str, revision: int, info: bytes) -> Step:
    """Read a match; one that is not known here is shown as bytes and leaves what the rule asks unknown."""
    shown = f"[match {name} revision {revision} {shown_bytes(info)}]"
    if name == "comment":
        text = info.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        return lambda walk: setattr(walk, "comment", text)
    if name == "socket" and revision == 3 and info and info[0] & _RESTORE_SOCKET_MARK:

        def restore(walk: Walk) -> None:
            walk.puzzle(shown)
            walk.effect("set", None, text="meta mark set socket mark", certain=False)

        return restore
    reader = _MATCHES.get((name, revision))
    if reader is None:
        return lambda walk: walk.puzzle(shown)

    def step(walk: Walk) -> None:
        try:
            asked = list(reader(walk, info))
        except (struct.error, LookupError):
            walk.puzzle(shown)
            return
        for condition in asked:
            walk.ask(condition)

    return step


def shown_bytes(info: bytes) -> str:
    """Write bytes; of many only the first, with how many there are."""
    used = info.rstrip(b"\0")
    return f"0x{used.hex()}" if len(used) <= _SHOWN else f"0x{used[:_SHOWN].hex()}... {len(info)} bytes"


def _multiport(walk: Walk, info: bytes) -> Iterator[Condition]:
    """struct xt_multiport_v1: flags (0 source, 1 destination, 2 either), count, ports, range marks, invert."""
    which, count = info[0], info[1]
    ports = walk.unpack("15H", info, 2)
    ranges: list[Range] = []
    place = 0
    while place < count:
        span = 1 if info[32 + place] else 0
        ranges.append((ports[place], ports[place + span]))
        place += 1 + span
    negated = bool(info[47])
    if which < 2:
        yield match_values(port_field(walk.transport, ("sport", "dport")[which]), tuple(ranges), negated)
        return
    source, destination = port_field(walk.transport, "sport"), port_field(walk.transport, "dport")
    either = Field(f"{source.name} or dport", 2, "port", layer=destination.layer)
    yield match_values(either, tuple(ranges), negated)


def _tcp(walk: Walk, info: bytes) -> Iterator[Condition]:
    yield from _ports(walk, info, info[11])
    option, mask, wanted, inverted = info[8], info[9], info[10], info[11]
    if mask:
        yield match_bits(Field("tcp flags", 1, "bits", layer=(4, 6)), mask, wanted, bool(inverted & 4))
    if option:
        yield _in_words(f"tcp option {option}", bool(inverted & 8))


def _udp(walk: Walk, info: bytes) -> Iterator[Condition]:
    yield from _ports(walk, info, info[8])


def _ports(walk: Walk, info: bytes, inverted: int) -> Iterator[Condition]:
    source_first, source_last, first, last = walk.unpack("4H", info)
    if (source_first, source_last) != (0, 0xFFFF) or inverted & 1:
        yield match_values(port_field(walk.transport, "sport"), ((source_first, source_last),), bool(inverted & 1))
    if (first, last) != (0, 0xFFFF) or inverted & 2:
        yield match_values(port_field(walk.transport, "dport"), ((first, last),), bool(inverted & 2))


def _sctp(walk: Walk, info: bytes) -> Iterator[Condition]:
    """struct xt_sctp_info: its destination ports come first; chunk types are shown as they are."""
    first, last, source_first, source_last = walk.unpack("4H", info)
    flags, inverted = walk.unpack("2I", info, 60)
    if flags & ~3:
        walk.puzzle(f"[sctp chunks 0x{info.hex()}]")
    if flags & 1:
        yield match_values(port_field(132, "sport"), ((source_first, source_last),), bool(inverted & 1))
    if flags & 2:
        yield match_values(port_field(132, "dport"), ((first, last),), bool(inverted & 2))


def _set(walk: Walk, info: bytes) -> Iterator[Condition]:
    """struct xt_set_info: index of the set, dimensions, flags (1 invert, 2 << n source)."""
    index, dimensions, flags = walk.unpack("HBB", info)
    ways = ",".join("src" if flags & 2 << place else "dst" for place in range(dimensions))
    yield _in_words(f"ipset {walk.around.ipsets(index)} {ways}", bool(flags & 1), "ipset")
    if any(info[4:]):
        walk.puzzle(f"[ipset counters 0x{info[4:].hex()}]")


def _iprange(walk: Walk, info: bytes) -> Iterator[Condition]:
    flags = info[64]
    version, size = (4, 4) if walk.network == 2 else (6, 16)
    for name, wanted, inverted, place in (("saddr", 1, 16, 0), ("daddr", 2, 32, 32)):
        if flags & wanted:
            first = int.from_bytes(info[place : place + size], "big")
            last = int.from_bytes(info[place + 16 : place + 16 + size], "big")
            yield match_values(address_field(version, name), ((first, last),), bool(flags & inverted))


def _addrtype(walk: Walk, info: bytes) -> Iterator[Condition]:
    source, destination, flags = walk.unpack("HHI", info)
    interface = {4: " . iif", 8: " . oif"}.get(flags & 12, "")
    for name, kinds, inverted in (("saddr", source, flags & 1), ("daddr", destination, flags & 2)):
        if kinds:
            field = Field(f"fib {name}{interface} type", 4, "addrtype", host=True)
            ranges = tuple((bit, bit) for bit in range(len(TYPES)) if kinds & 1 << bit)
            yield match_values(field, ranges, bool(inverted))


def _conntrack(walk: Walk, info: bytes) -> Iterator[Condition]:
    """struct xt_conntrack_mtinfo3."""
    protocol, *ports, flags, inverted, states, status = walk.unpack("H4H4H", info, 136)
    high = walk.unpack("4H", info, 154)
    if flags & _STATE_FLAGS:
        yield _flags("ct state", STATES, states, bool(inverted & _STATE_FLAGS))
    if flags & 2:
        field = Field("ct protocol", 1, "protocols")
        yield Condition(f"{field.name} {'!= ' if inverted & 2 else ''}{PROTOCOLS.get(protocol, protocol)}", field)
    names = ("original {}saddr", "original {}daddr", "reply {}saddr", "reply {}daddr")
    version, size = (4, 4) if walk.network == 2 else (6, 16)
    for place, name in enumerate(names):
        if flags & 4 << place:
            address = int.from_bytes(info[32 * place : 32 * place + size], "big")
            mask = int.from_bytes(info[32 * place + 16 : 32 * place + 16 + size], "big")
            shown = f"ct {name.format('ip ' if version == 4 else 'ip6 ')}"
            yield match_bits(Field(shown, size, f"ipv{version}"), mask, address, bool(inverted & 4 << place))
    if flags & 64:
        yield _flags("ct status", STATUS, status, bool(inverted & 64))
    if flags & 128:
        first, last = walk.unpack("2I", info, 128)
        yield match_values(Field("ct expiration", 4, host=True), ((first, last),), bool(inverted & 128))
    names = ("original proto-src", "original proto-dst", "reply proto-src", "reply proto-dst")
    for place, name in enumerate(names):
        if flags & 256 << place:
            yield match_values(
                Field(f"ct {name}", 2, "port"), ((ports[place], high[place]),), bool(inverted & 256 << place)
            )
    if flags & 4096:
        yield _in_words(f"ct direction {'reply' if inverted & 4096 else 'original'}", False)


def _flags(name: str, names: dict[int, str], bits: int, negated: bool) -> Condition:
    words = [word for bit, word in names.items() if bits & bit]
    return Condition(f"{name} {'!= ' if negated else ''}{', '.join(words)}", Field(name, 4, "words"))


def _in_words(text: str, negated: bool = False, subject: str = "") -> Condition:
    name = subject or text.rpartition(" ")[0]
    rest = text.removeprefix(f"{name} ")
    return Condition(f"{name} {'!= ' if negated else ''}{rest}", Field(name, 0, "words"))


def _mark(walk: Walk, info: bytes) -> Iterator[Condition]:
    mark, mask, inverted = walk.unpack("IIB", info)
    yield match_bits(MARK, mask, mark, bool(inverted))


def _connmark(walk: Walk, info: bytes) -> Iterator[Condition]:
    mark, mask, inverted = walk.unpack("IIB", info)
    yield match_bits(CONNECTION_MARK, mask, mark, bool(inverted))


def _length(walk: Walk, info: bytes) -> Iterator[Condition]:
    first, last, inverted = walk.unpack("HHB", info)
    yield match_values(Field("meta length", 4, host=True), ((first, last),), bool(inverted))


def _mac(_: Walk, info: bytes) -> Iterator[Condition]:
    address = int.from_bytes(info[:6], "big")
    yield match_values(Field("ether saddr", 6, "ether"), ((address, address),), any(info[8:12]))


def _packet_type(walk: Walk, info: bytes) -> Iterator[Condition]:
    kind, inverted = walk.unpack("ii", info)
    yield match_values(Field("meta pkttype", 1, "packets", host=True), ((kind, kind),), bool(inverted))


def _owner(walk: Walk, info: bytes) -> Iterator[Condition]:
    user, user_last, group, group_last, asked, inverted = walk.unpack("4IBB", info)
    if asked & ~3:
        raise LookupError
    if asked & 1:
        yield match_values(Field("meta skuid", 4, host=True), ((user, user_last),), bool(inverted & 1))
    if asked & 2:
        yield match_values(Field("meta skgid", 4, host=True), ((group, group_last),), bool(inverted & 2))


def _dscp(walk: Walk, info: bytes) -> Iterator[Condition]:
    name = "ip" if walk.network == 2 else "ip6"
    yield Condition(f"{name} dscp {'!= ' if info[1] else ''}0x{info[0]:x}", Field(f"{name} dscp", 1, "words"))


def _ttl(word: str) -> Callable[[Walk, bytes], Iterator[Condition]]:
    def read(_: Walk, info: bytes) -> Iterator[Condition]:
        sign = ("==", "!=", "<", ">")[info[0]]
        yield Condition(f"{word} {'' if sign == '==' else f'{sign} '}{info[1]}", Field(word, 1, "words"))

    return read


def _helper(_: Walk, info: bytes) -> Iterator[Condition]:
    name = info[4:34].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    yield _in_words(f"ct helper {name}", any(info[:4]), "ct helper")


def _statistic(walk: Walk, info: bytes) -> Iterator[Condition]:
    mode, flags = walk.unpack("HH", info)
    if mode == 0:
        (chance,) = walk.unpack("I", info, 4)
        yield _in_words(f"random chance {chance / 0x80000000:.5f}", bool(flags & 1), "random chance")
    else:
        every, packet = walk.unpack("II", info, 4)
        yield _in_words(f"numgen inc mod {every + 1} {packet}", bool(flags & 1))


def _socket(_: Walk, info: bytes) -> Iterator[Condition]:
    flags = info[0] if info else 0
    yield _in_words(
        f"socket exists{' transparent' if flags & 1 else ''}{' no-wildcard' if flags & 2 else ''}", False, "socket"
    )


def _icmp(word: str, protocol: int) -> Callable[[Walk, bytes], Iterator[Condition]]:
    def read(_: Walk, info: bytes) -> Iterator[Condition]:
        kind, first, last, inverted = info[0], info[1], info[2], bool(info[3] & 1)
        if kind == 0xFF and (first, last) == (0, 255):
            return
        yield match_values(Field(f"{word} type", 1, layer=(4, protocol)), ((kind, kind),), inverted)
        if (first, last) != (0, 255):
            if inverted:
                raise LookupError
            yield match_values(Field(f"{word} code", 1, layer=(4, protocol)), ((first, last),))

    return read


_MATCHES: Final[dict[tuple[str, int], Callable[[Walk, bytes], Iterator[Condition]]]] = {
    ("multiport", 1): _multiport,
    ("tcp", 0): _tcp,
    ("udp", 0): _udp,
    ("udplite", 0): _udp,
    ("sctp", 0): _sctp,
    **{("set", revision): _set for revision in (1, 2, 3, 4)},
    ("iprange", 1): _iprange,
    ("addrtype", 1): _addrtype,
    ("conntrack", 3): _conntrack,
    ("mark", 1): _mark,
    ("connmark", 1): _connmark,
    ("length", 0): _length,
    ("mac", 0): _mac,
    ("pkttype", 0): _packet_type,
    ("owner", 1): _owner,
    ("dscp", 0): _dscp,
    ("ttl", 0): _ttl("ip ttl"),
    ("hl", 0): _ttl("ip6 hoplimit"),
    ("helper", 0): _helper,
    ("statistic", 0): _statistic,
    **{("socket", revision): _socket for revision in (0, 1, 2, 3)},
    ("icmp", 0): _icmp("icmp", 1),
    ("icmp6", 0): _icmp("icmpv6", 58),
}
