"""The rarer matches of xtables: structures of the UAPI, in the words in which iptables-save writes their options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Final, TypeAlias

from lvstui.kernel.nft.reading.conditions import ALWAYS, Condition, in_words, match_bits, match_values, match_way_back
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.fields import PacketField, port_field

_Match: TypeAlias = Callable[[ExplainedRule, bytes], Iterator[Condition]]

_DCCP: Final = 33
_PACKETS: Final = (
    *("request", "response", "data", "ack", "dataack"),
    *("closereq", "close", "reset", "sync", "syncack", "invalid"),
)
"""Types of packets of DCCP."""

_COUNTED: Final = ("packets", "bytes", "avgpkt")
_WAYS: Final = ("original", "reply", "both")


def _named(module: str, words: Iterable[str]) -> Iterator[Condition]:
    yield in_words(module, " ".join(filter(None, words)) or "matches")


def _sign(inverted: int) -> str:
    return "!=" if inverted else ""


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}:{last}"


def _asked(name: str, first: int, last: int, most: int, inverted: int) -> tuple[str, ...]:
    """Return the words of a range, none where every value is in it."""
    if (first, last) == (0, most) and not inverted:
        return ()
    return name, _sign(inverted), _span(first, last)


def _spi(module: str, rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_esp, ipt_ah, xt_ipcomp: first and last index, invert, of ipcomp the reserved bits."""
    first, last, inverted = rule.unpack("2IB", info)
    rest = ("compres",) if module == "ipcomp" and info[9] else ()
    return _named(module, (*_asked("spi", first, last, 0xFFFFFFFF, inverted & 1), *rest))


def _ah(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct ipt_ah; of IPv6 struct ip6t_ah, which has a length and reserved bits before its flags."""
    if rule.network == 2:
        return _spi("ah", rule, info)
    first, last, size, reserved, inverted = rule.unpack("3I2B", info)
    length = ("len", _sign(inverted & 2), str(size)) if size or inverted & 2 else ()
    rest = ("res",) if reserved else ()
    return _named("ah", (*_asked("spi", first, last, 0xFFFFFFFF, inverted & 1), *length, *rest))


def _frag(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct ip6t_frag."""
    first, last, size, flags, inverted = rule.unpack("3I2B", info)
    length = ("len", _sign(inverted & 2), str(size)) if size or inverted & 2 else ()
    every = ((4, "res"), (8, "first"), (16, "more"), (32, "last"))
    rest = (name for bit, name in every if flags & bit)
    return _named("frag", (*_asked("id", first, last, 0xFFFFFFFF, inverted & 1), *length, *rest))


def _dccp(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_dccp_info: destination ports, then source ports, what is asked and inverted, types, an option."""
    first, last, source_first, source_last, asked, inverted, types, option = rule.unpack("7HB", info)
    if asked & 1:
        yield match_values(port_field(_DCCP, "sport"), ((source_first, source_last),), bool(inverted & 1))
    if asked & 2:
        yield match_values(port_field(_DCCP, "dport"), ((first, last),), bool(inverted & 2))
    if asked & 4:
        names = [name for bit, name in enumerate(_PACKETS) if types & 1 << bit]
        yield in_words("dccp type", ", ".join(names), bool(inverted & 4))
    if asked & 8:
        yield in_words("dccp option", str(option), bool(inverted & 8))


def _tos(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_tos_match_info: mask, value, invert."""
    mask, value, inverted = info[:3]
    name, family = ("ip", 2) if rule.network == 2 else ("ip6", 10)
    yield match_bits(PacketField(f"{name} tos", 1, "bits", layer=(3, family)), mask, value, bool(inverted))


def _ecn(_: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_ecn_info: what is asked, what of it inverted, the two bits of IP."""
    asked, inverted, marked = info[:3]
    flags = ((name, _sign(inverted & bit)) for bit, name in ((0x10, "tcp-ece"), (0x20, "tcp-cwr")) if asked & bit)
    network = ("ip-ect", _sign(inverted & 1), str(marked)) if asked & 1 else ()
    return _named("ecn", (*(word for pair in flags for word in pair), *network))


def _tcpmss(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    first, last, inverted = rule.unpack("2HB", info)
    return _named("tcpmss", ("mss", _sign(inverted), _span(first, last)))


def _cpu(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    cpu, inverted = rule.unpack("2I", info)
    return _named("cpu", (_sign(inverted), str(cpu)))


def _connbytes(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_connbytes_info: the ends of the range, turned where it is inverted, what is counted, and which way."""
    first, last, what, way = rule.unpack("2Q2B", info)
    inverted = first > last
    low, high = (last, first) if inverted else (first, last)
    end = "" if high == 2**64 - 1 else f":{high}"
    return _named("connbytes", (_sign(inverted), f"{low}{end}", "mode", _COUNTED[what], "dir", _WAYS[way]))


def _quota(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    flags, _, amount = rule.unpack("2IQ", info)
    return _named("quota", (_sign(flags & 1), str(amount)))


def _recent(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_recent_mtinfo: seconds, hits, what to do, invert, name, side; since revision 1 a mask of addresses."""
    seconds, hits, flags, inverted = rule.unpack("2I2B", info)
    name = info[10:210].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    words = [word for bit, word in enumerate(("rcheck", "set", "update", "remove")) if flags & 1 << bit]
    words += [*(("seconds", str(seconds)) if seconds else ()), *(("reap",) if flags & 32 else ())]
    words += [*(("hitcount", str(hits)) if hits else ()), *(("rttl",) if flags & 16 else ())]
    if len(info) >= 228:
        size = 4 if rule.network == 2 else 16
        words += ["name", name, "mask", str(ip_address(info[212 : 212 + size]))]
    else:
        words += ["name", name]
    text = " ".join((*words, "rdest" if info[210] else "rsource"))
    yield in_words("recent", text, bool(inverted), ALWAYS if flags & 2 else None)


def _rpfilter(_: ExplainedRule, info: bytes) -> Iterator[Condition]:
    names = ("loose", "validmark", "accept-local", "invert")
    words = [name for bit, name in enumerate(names) if info[0] & 1 << bit]
    yield match_way_back(" ".join(words) or "matches", "validmark" in words, "invert" in words)


def _connlimit(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_connlimit_info: the mask of addresses that count as one, the limit, flags (1 invert, 2 destination)."""
    limit, flags = rule.unpack("2I", info, 16)
    mask = int.from_bytes(info[: 4 if rule.network == 2 else 16], "big")
    words = "upto" if flags & 1 else "above", str(limit), "mask", str(mask.bit_count())
    return _named("connlimit", (*words, "daddr" if flags & 2 else "saddr"))


MATCHES: Final[Mapping[tuple[str, int], _Match]] = {
    ("esp", 0): partial(_spi, "esp"),
    ("ipcomp", 0): partial(_spi, "ipcomp"),
    ("ah", 0): _ah,
    ("frag", 0): _frag,
    ("dccp", 0): _dccp,
    ("tos", 1): _tos,
    ("ecn", 0): _ecn,
    ("ecn", 1): _ecn,
    ("tcpmss", 0): _tcpmss,
    ("cpu", 0): _cpu,
    ("connbytes", 0): _connbytes,
    ("quota", 0): _quota,
    **{("recent", revision): _recent for revision in (0, 1)},
    ("rpfilter", 0): _rpfilter,
    ("connlimit", 1): _connlimit,
}
"""By name and revision."""
