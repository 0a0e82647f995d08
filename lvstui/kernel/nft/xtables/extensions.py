"""The matches and targets of xtables, which iptables-nft and ebtables-nft put into rules: structures of the UAPI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeAlias

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Check, Range
from lvstui.kernel.nft.reading.conditions import (
    Condition,
    in_words,
    match_bits,
    match_flags,
    match_ipset,
    match_states,
    match_values,
)
from lvstui.kernel.nft.reading.explained import ExplainedRule, Explanation
from lvstui.kernel.nft.reading.fields import (
    CONNECTION_MARK,
    CONNECTION_STATUS,
    EXPIRATION_SECONDS,
    MARK,
    PROTOCOLS,
    TCP_FLAGS,
    TYPES,
    PacketField,
    address_field,
    port_field,
)
from lvstui.kernel.nft.xtables import headers, rare, targets
from lvstui.kernel.port import Garbled

_Match: TypeAlias = Callable[[ExplainedRule, bytes], Iterator[Condition]]

_STATES: Final = {
    1: "invalid",
    2: "established",
    4: "related",
    8: "new",
    64: "snat",
    128: "dnat",
    256: "untracked",
}
"""Bits of xt_conntrack's own state mask (XT_CONNTRACK_STATE_*)."""

_STATE_FLAGS: Final = 1 | 1 << 13
_RESTORE_SOCKET_MARK: Final = 4  # XT_SOCKET_RESTORESKMARK
_SHOWN: Final = 48


def match(name: str, revision: int, info: bytes) -> Explanation:
    """Read a match; one that is not known here is shown as bytes and leaves what the rule asks unknown."""
    shown = _shown("match", name, revision, info)
    if name == "comment":
        return lambda rule: setattr(rule, "comment", _text(info))
    if name == "socket" and revision == 3 and info and info[0] & _RESTORE_SOCKET_MARK:

        def restore(rule: ExplainedRule) -> None:
            rule.puzzle(shown)
            rule.unclear_effect("set", "meta mark set socket mark")

        return restore
    reader = _MATCHES.get((name, revision))
    if reader is None:
        return lambda rule: rule.puzzle(shown)

    def explain(rule: ExplainedRule) -> None:
        try:
            asked = list(reader(rule, info))
        except (Garbled, LookupError):
            rule.puzzle(shown)
            return
        for condition in asked:
            rule.ask(condition)

    return explain


def target(name: str, revision: int, info: bytes) -> Explanation:
    """Read a target, of which only those that write marks matter."""
    shown = _shown("target", name, revision, info)
    reader = _TARGETS.get((name, revision))
    if reader is None:
        if name not in {known for known, _ in _TARGETS}:
            return lambda _: None
        return lambda rule: rule.unclear_effect("set", shown)

    def explain(rule: ExplainedRule) -> None:
        try:
            reader(rule, info)
        except Garbled:
            rule.unclear_effect("set", shown)

    return explain


def _shown(kind: str, name: str, revision: int, info: bytes) -> str:
    """Write an extension with its bytes; of many only the first, with how many there are."""
    used = info.rstrip(b"\0")
    shown = used.hex() if len(used) <= _SHOWN else f"{used[:_SHOWN].hex()}... {len(info)} bytes"
    return f"[{kind} {name} revision {revision} 0x{shown}]"


def _text(info: bytes) -> str:
    return info.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _multiport(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_multiport_v1: flags (0 source, 1 destination, 2 either), count, ports, range marks, invert."""
    which, count = info[0], info[1]
    ports = rule.unpack("15H", info, 2)
    ranges: list[Range] = []
    place = 0
    while place < count:
        span = 1 if info[32 + place] else 0
        ranges.append((ports[place], ports[place + span]))
        place += 1 + span
    name = ("sport", "dport", "sport or dport")[min(which, 2)]
    yield match_values(port_field(rule.transport, name), tuple(ranges), bool(info[47]))


def _tcp(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_tcp: ports, option, flags and their mask, invert."""
    option, mask, wanted, inverted = rule.unpack("4B", info, 8)
    yield from _ports(rule, info, inverted)
    if mask:
        yield match_bits(TCP_FLAGS, mask, wanted, bool(inverted & 4))
    if option:
        yield in_words("tcp option", str(option), bool(inverted & 8))


def _udp(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    return _ports(rule, info, info[8])


def _ports(rule: ExplainedRule, info: bytes, inverted: int) -> Iterator[Condition]:
    ports = rule.unpack("4H", info)
    for name, bit, span in (("sport", 1, ports[:2]), ("dport", 2, ports[2:])):
        if span != (0, 0xFFFF) or inverted & bit:
            yield match_values(port_field(rule.transport, name), ((span[0], span[1]),), bool(inverted & bit))


def _set(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_set_info: index of the set, dimensions, flags (1 invert, 2 << n source)."""
    index, dimensions, flags = rule.unpack("HBB", info)
    sources = [bool(flags & 2 << place) for place in range(dimensions)]
    asked = match_ipset(rule.context.ipsets(index), sources, bool(flags & 1))
    yield asked._replace(ipset=None) if any(info[4:]) else asked
    if any(info[4:]):
        rule.puzzle(f"[ipset counters 0x{info[4:].hex()}]")


def _address(rule: ExplainedRule, info: bytes, place: int) -> int:
    """Read union nf_inet_addr."""
    return int.from_bytes(info[place : place + (4 if rule.network == 2 else 16)], "big")


def _iprange(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_iprange_mtinfo: first and last source, first and last destination, flags."""
    version = 4 if rule.network == 2 else 6
    for name, wanted, inverted, place in (("saddr", 1, 16, 0), ("daddr", 2, 32, 32)):
        if info[64] & wanted:
            ends = _address(rule, info, place), _address(rule, info, place + 16)
            yield match_values(address_field(version, name), (ends,), bool(info[64] & inverted))


def _addrtype(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    source, destination, flags = rule.unpack("HHI", info)
    interface = {4: " . iif", 8: " . oif"}.get(flags & 12, "")
    for name, kinds, inverted in (("saddr", source, flags & 1), ("daddr", destination, flags & 2)):
        if kinds:
            field = PacketField(f"fib {name}{interface} type", 4, "addrtype", host=True)
            ranges = tuple((bit, bit) for bit in range(len(TYPES)) if kinds & 1 << bit)
            yield match_values(field, ranges, bool(inverted))


def _conntrack(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_conntrack_mtinfo3."""
    protocol, *ports, flags, inverted, states, status = rule.unpack("H4H4H", info, 136)
    high = rule.unpack("4H", info, 154)
    if flags & _STATE_FLAGS:
        names = [name for bit, name in _STATES.items() if states & bit]
        yield match_states(names, bool(inverted & _STATE_FLAGS))
    if flags & 2:
        test = Check(("ct protocol",), ((protocol, protocol),))
        yield in_words("ct protocol", PROTOCOLS.get(protocol, str(protocol)), bool(inverted & 2), test)
    ip, size, kind = ("ip", 4, "ipv4") if rule.network == 2 else ("ip6", 16, "ipv6")
    sides = ("original", "s"), ("original", "d"), ("reply", "s"), ("reply", "d")
    for place, (direction, side) in enumerate(sides):
        if flags & 4 << place:
            address, mask = _address(rule, info, 32 * place), _address(rule, info, 32 * place + 16)
            field = PacketField(f"ct {direction} {ip} {side}addr", size, kind)
            yield match_bits(field, mask, address, bool(inverted & 4 << place))
    if flags & 64:
        yield match_flags("ct status", CONNECTION_STATUS, status, bool(inverted & 64))
    if flags & 128:
        first, last = rule.unpack("2I", info, 128)
        yield match_values(EXPIRATION_SECONDS, ((first, last),), bool(inverted & 128))
    for place, (direction, side) in enumerate(sides):
        if flags & 256 << place:
            field = PacketField(f"ct {direction} proto-{'src' if side == 's' else 'dst'}", 2, "port")
            yield match_values(field, ((ports[place], high[place]),), bool(inverted & 256 << place))
    if flags & 4096:
        way = int(bool(inverted & 4096))
        yield match_values(PacketField("ct direction", 1, "direction", host=True), ((way, way),))


def _mark(field: PacketField, rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    mark, mask, inverted = rule.unpack("IIB", info)
    yield match_bits(field, mask, mark, bool(inverted))


def _length(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    first, last, inverted = rule.unpack("HHB", info)
    yield match_values(PacketField("meta length", 4, host=True), ((first, last),), bool(inverted))


def _mac(_: ExplainedRule, info: bytes) -> Iterator[Condition]:
    address = int.from_bytes(info[:6], "big")
    yield match_values(PacketField("ether saddr", 6, "ether"), ((address, address),), any(info[8:12]))


def _packet_type(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    kind, inverted = rule.unpack("ii", info)
    yield match_values(PacketField("meta pkttype", 1, "packets", host=True), ((kind, kind),), bool(inverted))


def _owner(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    user, user_last, group, group_last, asked, inverted = rule.unpack("4IBB", info)
    if asked & ~15:
        raise LookupError
    if asked & 1:
        yield match_values(PacketField("meta skuid", 4, host=True), ((user, user_last),), bool(inverted & 1))
    if asked & 2:
        yield match_values(PacketField("meta skgid", 4, host=True), ((group, group_last),), bool(inverted & 2))
    if asked & 4:
        yield in_words("socket", "missing" if inverted & 4 else "exists")
    if asked & 8:
        yield in_words("meta skgid", "or one of its groups")


def _dscp(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    yield in_words(f"{'ip' if rule.network == 2 else 'ip6'} dscp", f"0x{info[0]:x}", bool(info[1]))


def _hops(name: str, _: ExplainedRule, info: bytes) -> Iterator[Condition]:
    yield in_words(name, f"{('', '!= ', '< ', '> ')[info[0]]}{info[1]}")


def _helper(_: ExplainedRule, info: bytes) -> Iterator[Condition]:
    yield in_words("ct helper", _text(info[4:34]), any(info[:4]))


def _statistic(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    mode, flags = rule.unpack("HH", info)
    if mode == 0:
        (chance,) = rule.unpack("I", info, 4)
        yield in_words("random chance", f"{chance / 0x80000000:.5f}", bool(flags & 1))
    else:
        every, packet = rule.unpack("II", info, 4)
        yield in_words(f"numgen inc mod {every + 1}", str(packet), bool(flags & 1))


def _socket(_: ExplainedRule, info: bytes) -> Iterator[Condition]:
    flags = info[0] if info else 0
    yield in_words("socket", f"exists{' transparent' if flags & 1 else ''}{' no-wildcard' if flags & 2 else ''}")


def _icmp(name: str, protocol: int, _: ExplainedRule, info: bytes) -> Iterator[Condition]:
    kind, first, last, inverted = info[0], info[1], info[2], bool(info[3] & 1)
    if kind == 0xFF and protocol == 1:  # which is any type to icmp_type_code_match, whatever the code
        if inverted:
            raise LookupError
        return
    if inverted and (first, last) != (0, 255):
        codes = str(first) if first == last else f"{first}-{last}"
        yield in_words(f"{name} type . code", f"{kind} . {codes}", negated=True)
        return
    yield match_values(PacketField(f"{name} type", 1, layer=(4, protocol)), ((kind, kind),), inverted)
    if (first, last) != (0, 255):
        yield match_values(PacketField(f"{name} code", 1, layer=(4, protocol)), ((first, last),))


_MATCHES: Final[dict[tuple[str, int], _Match]] = {
    ("multiport", 1): _multiport,
    ("tcp", 0): _tcp,
    ("udp", 0): _udp,
    ("udplite", 0): _udp,
    ("sctp", 0): headers.sctp,
    **{("set", revision): _set for revision in (1, 2, 3, 4)},
    ("iprange", 1): _iprange,
    ("addrtype", 1): _addrtype,
    ("conntrack", 3): _conntrack,
    ("mark", 1): partial(_mark, MARK),
    ("connmark", 1): partial(_mark, CONNECTION_MARK),
    ("length", 0): _length,
    ("mac", 0): _mac,
    ("pkttype", 0): _packet_type,
    ("owner", 1): _owner,
    ("dscp", 0): _dscp,
    ("ttl", 0): partial(_hops, "ip ttl"),
    ("hl", 0): partial(_hops, "ip6 hoplimit"),
    ("helper", 0): _helper,
    ("statistic", 0): _statistic,
    **{("socket", revision): _socket for revision in (0, 1, 2, 3)},
    ("icmp", 0): partial(_icmp, "icmp", 1),
    ("icmp6", 0): partial(_icmp, "icmpv6", 58),
    **rare.MATCHES,
}


def _set_mark(rule: ExplainedRule, info: bytes) -> None:
    mark, mask = rule.unpack("II", info)
    rule.effect("set", mark, mask)


def _connmark(form: str, rule: ExplainedRule, info: bytes) -> None:
    mode, mark, mask, packet_mask, moved = targets.connection_mark(form, info, rule.context.codec)
    if mode == targets.SAVE:
        rule.effect("save", None, mask, packet_mask, moved)
    elif mode == targets.RESTORE:
        rule.effect("restore", None, packet_mask, mask, moved)
    elif mask == ALL_BITS:
        rule.effect("save", (mark << moved if moved > 0 else mark >> -moved) & ALL_BITS, mask)
    elif moved:
        direction = "left" if moved > 0 else "right"
        text = f"-j CONNMARK --set-xmark 0x{mark:x}/0x{mask:x} --{direction}-shift-mark {abs(moved)}"
        rule.unclear_effect("save", text)
    else:
        rule.effect("save", mark, mask)


def _tproxy(rule: ExplainedRule, info: bytes) -> None:
    mask, mark = rule.unpack("II", info)
    if mask or mark:
        rule.effect("set", mark, mask)


def _hmark(rule: ExplainedRule, info: bytes) -> None:
    modulus, offset = rule.unpack("II", info, 52)
    text = f"meta mark set a hash modulo {modulus} offset {offset} (HMARK)"
    rule.unclear_effect("set", text)


def _set_target(rule: ExplainedRule, info: bytes) -> None:
    (flags,) = rule.unpack("I", info, 12)
    if flags & targets.MAP_MARK:
        (index,) = rule.unpack("H", info, 8)
        rule.unclear_effect("set", f"meta mark set by ipset {rule.context.ipsets(index)}")


def _bridge_mark(rule: ExplainedRule, info: bytes) -> None:
    """struct ebt_mark_t_info of ebtables-nft: the mark, and what to do with it in the upper bits of `target`."""
    mark, action = rule.unpack("Qi", info)
    mark &= ALL_BITS
    effects = {0xF0: (mark, ALL_BITS), 0xE0: (mark, mark), 0xD0: (0, ~mark & ALL_BITS), 0xC0: (mark, 0)}
    rule.effect("set", *effects[action & 0xF0])


_TARGETS: Final[dict[tuple[str, int], Callable[[ExplainedRule, bytes], None]]] = {
    ("MARK", 2): _set_mark,
    ("CONNMARK", 1): partial(_connmark, "IIIB"),
    ("CONNMARK", 2): partial(_connmark, "III3B"),
    ("TPROXY", 0): _tproxy,
    ("TPROXY", 1): _tproxy,
    ("HMARK", 0): _hmark,
    ("SET", 3): _set_target,
    ("mark", 0): _bridge_mark,
}
