"""What the matches of iptables ask, as iptables-save writes them: conditions in nft's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Check
from lvstui.kernel.nft.reading.conditions import (
    ALWAYS,
    Condition,
    in_words,
    match_bits,
    match_ipset,
    match_values,
    match_way_back,
    unknown,
)
from lvstui.kernel.nft.reading.fields import (
    CONNECTION_MARK,
    MARK,
    TCP_FLAGS,
    TYPES,
    PacketField,
    address_field,
    port_field,
)
from lvstui.kernel.nft.reading.options import CHUNKS
from lvstui.kernel.nft.xtables import iptables_conntrack
from lvstui.kernel.nft.xtables.headers import chunk_words
from lvstui.kernel.nft.xtables.iptables_options import (
    Match,
    Option,
    ranges,
    value_and_mask,
)

_FLAGS: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_PACKETS: Final = {"unicast": 0, "broadcast": 1, "multicast": 2}
_UNITS: Final = {"sec": "second", "min": "minute"}
_IPVS: Final = (
    *("--ipvs", "--vproto", "--vaddr", "--vport"),
    *("--vdir", "--vmethod", "--vportctl"),
)
_UNKNOWABLE: Final = (
    *("ah", "bpf", "cgroup", "cluster", "connbytes", "connlabel", "connlimit", "cpu", "devgroup", "dst", "ecn"),
    *("esp", "eui64", "frag", "hashlimit", "hbh", "ipcomp", "ipv6header", "l2tp", "mh", "nfacct", "osf", "physdev"),
    *("policy", "quota", "rateest", "realm", "recent", "rpfilter", "rt", "srh", "string", "tcpmss", "time", "u32"),
)
"""Matches whose options are shown as they are: what they ask of a packet is not known beforehand."""

_BARE: Final = frozenset(
    (
        *("--ahres", "--fragres", "--fragfirst", "--fragmore", "--fraglast", "--compres", "--soft", "--loose"),
        *("--validmark", "--accept-local", "--invert", "--rcheck", "--update", "--set", "--remove", "--rttl"),
        *("--rsource", "--rdest", "--reap", "--transparent", "--nowildcard", "--restore-skmark", "--ipvs"),
        *("--socket-exists", "--suppl-groups", "--limit-iface-in", "--limit-iface-out", "--strict", "--next"),
        *("--kerneltz", "--contiguous", "--icase", "--connlimit-saddr", "--connlimit-daddr", "--return-nomatch"),
        *("--update-counters", "--update-subcounters", "--ecn-tcp-cwr", "--ecn-tcp-ece", "--physdev-is-in"),
        *("--physdev-is-out", "--physdev-is-bridged", "--rt-0-res", "--rt-0-not-strict", "--hashlimit-rate-match"),
        *("--rateest-delta", "--rateest-lt", "--rateest-gt", "--rateest-eq"),
    )
)
"""Options without a word of their own."""

_PAIRS: Final = frozenset(("--match-set", "--tcp-flags", "--chunk-types"))

_CHUNK_NUMBERS: Final = {name.upper().replace("-", "_"): kind for kind, (name, _) in CHUNKS.items()} | {
    "ECN_ECNE": 12,
    "ECN_CWR": 13,
}

_BEFORE_IPVS: Final = Check(("meta l4proto",), ())
"""No packet is one of IPVS before it comes to it (xt_ipvs.c looks at skb->ipvs_property first)."""


_Reader: TypeAlias = Callable[[Match], Iterable[Condition]]
_OptionReader: TypeAlias = Callable[[Match, Option], Condition]


def read(match: Match) -> tuple[Condition, ...]:
    """Return what a match asks; one that is not known, or has other options than are known, as iptables writes it."""
    try:
        return tuple(_MATCHES[match.module](match))
    except (ValueError, LookupError):
        module = ("-m", match.module) if match.module else ()
        return (unknown(" ".join((*module, *(option.text for option in match.options)))),)


class Words(NamedTuple):
    """How many words an option has: at least these, and with `more` all up to the next option."""

    least: int
    more: bool = False


def words_of(module: str, option: str) -> Words:
    """Return how many words an option of a match has; names that iptables does not put into quotes may be several."""
    if option in _BARE:
        return Words(0)
    if option in _PAIRS:
        return Words(2)
    if module not in _MATCHES or module == "rateest":
        return Words(0, more=True)
    return Words(1, more=module in _UNKNOWABLE)


def named(module: str, options: Iterable[Option]) -> Condition:
    """Return a condition that cannot be known, as a name and what is asked: `limit 3/min burst 5`."""
    words = [module]
    for option in options:
        name = option.name.lstrip("-").removeprefix(module).lstrip("-")
        words += [*([name] if name else []), *(["!="] if option.negated else []), *map(_quoted, option.values)]
    return in_words(module, " ".join(words[1:])) if words[1:] else in_words(module, "matches")


def _quoted(word: str) -> str:
    return word if word and not any(letter.isspace() or letter == '"' for letter in word) else f'"{word}"'


def _named(match: Match) -> Iterator[Condition]:
    yield named(match.module, match.options)


def _recent(match: Match) -> Iterator[Condition]:
    """Read `recent`: that it notes an address (--set) each packet matches; what it noted is not known."""
    noting = next((option for option in match.options if option.name == "--set"), None)
    found = named(match.module, match.options)
    yield found if noting is None else found._replace(test=ALWAYS._replace(negated=noting.negated))


def _rpfilter(match: Match) -> Iterator[Condition]:
    words = [option.name.removeprefix("--") for option in match.options]
    yield match_way_back(" ".join(words) or "matches", "validmark" in words, "invert" in words)


def _nothing(_: Match) -> Iterator[Condition]:
    return iter(())


def _each(readers: Mapping[str, _OptionReader], match: Match) -> Iterator[Condition]:
    """Read a match whose options do not depend on each other; raises LookupError for another option."""
    return (readers[option.name](match, option) for option in match.options)


def _port(match: Match, option: Option) -> Condition:
    name = "sport or dport" if option.name == "--ports" else option.name.removeprefix("--").removesuffix("s")
    return match_values(port_field(match.protocol, name), ranges(option.value), option.negated)


def _flags(text: str) -> int:
    if text in ("ALL", "NONE"):
        return 0x3F if text == "ALL" else 0
    return sum(1 << _FLAGS.index(name) for name in text.split(","))


def _tcp_flags(_: Match, option: Option) -> Condition:
    mask, wanted = map(_flags, option.values)
    return match_bits(TCP_FLAGS, mask, wanted, option.negated)


def _worded(name: str, _: Match, option: Option) -> Condition:
    return in_words(name, option.value.lower().replace(",", ", "), option.negated)


def _exactly(name: str, _: Match, option: Option) -> Condition:
    return in_words(name, option.value, option.negated)


def _chunks(_: Match, option: Option) -> Condition:
    how, chunks = option.values
    words = {"ALL": "all types", "NONE": "no types"}.get(chunks) or ", ".join(map(_chunk, chunks.split(",")))
    return in_words("sctp chunks", f"{how} {words}", option.negated)


def _chunk(text: str) -> str:
    """Read a type of chunks, by its name or number, and the letters of its flags, which are large for those set."""
    name, _, letters = text.partition(":")
    kind = int(name, 16) if name.startswith("0x") else _CHUNK_NUMBERS[name]
    bits = [1 << (7 - "----IUBE".index(letter.upper()) if letter.upper() != "T" else 0) for letter in letters]
    flags = sum(bit for bit, letter in zip(bits, letters, strict=True) if letter.isupper())
    return chunk_words(kind, flags, sum(bits))


def _range(_: Match, option: Option) -> Condition:
    first, _dash, last = option.value.partition("-")
    one, other = ip_address(first), ip_address(last or first)
    name = "saddr" if option.name == "--src-range" else "daddr"
    return match_values(address_field(one.version, name), ((int(one), int(other)),), option.negated)


def _address_types(match: Match) -> Iterator[Condition]:
    interfaces = {"--limit-iface-in": " . iif", "--limit-iface-out": " . oif"}
    limits = [interfaces[option.name] for option in match.options if option.name in interfaces]
    for option in match.options:
        if option.name in interfaces:
            continue
        name = {"--src-type": "saddr", "--dst-type": "daddr"}[option.name]
        kinds = sorted(TYPES.index(kind.lower()) for kind in option.value.split(","))
        field = PacketField(f"fib {name}{''.join(limits)} type", 4, "addrtype", host=True)
        yield match_values(field, tuple((kind, kind) for kind in kinds), option.negated)


def _mark(field: PacketField, _: Match, option: Option) -> Condition:
    value, mask = value_and_mask(option.value)
    return match_bits(field, mask, value, option.negated)


def _set(match: Match) -> Iterator[Condition]:
    if any(option.name == "--return-nomatch" for option in match.options):
        raise ValueError(match)  # then it is what the set excepts that counts
    counts = [option for option in match.options if option.name != "--match-set"]
    for option in match.options:
        if option.name == "--match-set":
            name, ways = option.values
            yield match_ipset(name, [("dst", "src").index(way) == 1 for way in ways.split(",")], option.negated)
    if counts:
        yield named("ipset", counts)


def _length(_: Match, option: Option) -> Condition:
    return match_values(PacketField("meta length", 4, host=True), ranges(option.value), option.negated)


def _mac(_: Match, option: Option) -> Condition:
    address = [int(part, 16) for part in option.value.split(":")]
    if len(address) != 6:
        raise ValueError(option.value)
    number = int.from_bytes(bytes(address), "big")
    return match_values(PacketField("ether saddr", 6, "ether"), ((number, number),), option.negated)


def _packet_type(_: Match, option: Option) -> Condition:
    kind = _PACKETS[option.value]
    return match_values(PacketField("meta pkttype", 1, "packets", host=True), ((kind, kind),), option.negated)


def _owner(_: Match, option: Option) -> Condition:
    if option.name == "--socket-exists":
        return in_words("socket", "missing" if option.negated else "exists")
    if option.name == "--suppl-groups":
        return in_words("meta skgid", "or one of its groups")
    field = PacketField({"--uid-owner": "meta skuid", "--gid-owner": "meta skgid"}[option.name], 4, host=True)
    return match_values(field, ranges(option.value, "-", ALL_BITS), option.negated)


def _dscp(match: Match, option: Option) -> Condition:
    return in_words(f"{match.ip} dscp", f"0x{int(option.value, 0):x}", option.negated)


def _tos(match: Match, option: Option) -> Condition:
    value, mask = value_and_mask(option.value)
    field = PacketField(f"{match.ip} tos", 1, "bits", layer=(3, 2 if match.version == 4 else 10))
    return match_bits(field, mask & 0xFF, value, option.negated)


def _hops(name: str, _: Match, option: Option) -> Condition:
    sign = {"eq": "!= " if option.negated else "", "lt": "< ", "gt": "> "}[option.name.rpartition("-")[2]]
    return in_words(name, f"{sign}{int(option.value)}")


def _statistic(match: Match) -> Iterator[Condition]:
    given = {option.name: option for option in match.options}
    if given["--mode"].value == "random":
        chance = given["--probability"]
        yield in_words("random chance", f"{float(chance.value):.5f}", chance.negated)
    else:
        every, packet = given["--every"], given.get("--packet", Option("--packet", ("0",)))
        yield in_words(f"numgen inc mod {int(every.value)}", packet.value, every.negated)


def _socket(match: Match) -> Iterator[Condition]:
    names = [option.name for option in match.options]
    transparent, wildcard = "--transparent" in names, "--nowildcard" in names
    yield in_words("socket", f"exists{' transparent' if transparent else ''}{' no-wildcard' if wildcard else ''}")
    if not set(names) <= {"--transparent", "--nowildcard", "--restore-skmark"}:
        raise ValueError(names)


def _icmp(name: str, protocol: int, match: Match) -> Iterator[Condition]:
    for option in match.options:
        if option.name not in ("--icmp-type", "--icmpv6-type"):
            raise LookupError(option.name)
        if option.value == "any":
            continue
        kind, slash, code = option.value.partition("/")
        if slash and option.negated:
            yield in_words(f"{name} type . code", f"{int(kind)} . {int(code)}", True)
            continue
        for part, text in (("type", kind), *((("code", code),) if slash else ())):
            which = PacketField(f"{name} {part}", 1, layer=(4, protocol))
            yield match_values(which, ((int(text), int(text)),), option.negated)


def _limit(match: Match) -> Iterator[Condition]:
    given = {option.name: option.value for option in match.options}
    rate, _, unit = given["--limit"].partition("/")
    burst = int(given.get("--limit-burst", "5"))
    yield in_words("limit", f"rate {rate}/{_UNITS.get(unit, unit)} burst {burst} packets")


def _ipvs(_: Match, option: Option) -> Condition:
    if option.name == "--ipvs":
        return in_words(
            "ipvs", "missing" if option.negated else "exists", test=_BEFORE_IPVS._replace(negated=option.negated)
        )
    asked = in_words(f"ipvs {option.name.removeprefix('--')}", option.value.lower(), option.negated)
    return asked._replace(test=_BEFORE_IPVS)


def _by_option(readers: Mapping[str, _OptionReader]) -> _Reader:
    return partial(_each, readers)


_PORTS: Final[Mapping[str, _OptionReader]] = {"--sport": _port, "--dport": _port}

_MATCHES: Final[Mapping[str, _Reader]] = {
    "comment": _nothing,
    "tcp": _by_option({**_PORTS, "--tcp-flags": _tcp_flags, "--tcp-option": partial(_exactly, "tcp option")}),
    "udp": _by_option(_PORTS),
    "udplite": _by_option(_PORTS),
    "sctp": _by_option({**_PORTS, "--chunk-types": _chunks}),
    "dccp": _by_option(
        {**_PORTS, "--dccp-types": partial(_worded, "dccp type"), "--dccp-option": partial(_exactly, "dccp option")}
    ),
    "multiport": _by_option(dict.fromkeys(("--sports", "--dports", "--ports"), _port)),
    "icmp": partial(_icmp, "icmp", 1),
    "icmp6": partial(_icmp, "icmpv6", 58),
    "iprange": _by_option({"--src-range": _range, "--dst-range": _range}),
    "addrtype": _address_types,
    "conntrack": _by_option(iptables_conntrack.READERS),
    "state": _by_option({"--state": iptables_conntrack.states}),
    "mark": _by_option({"--mark": partial(_mark, MARK)}),
    "connmark": _by_option({"--mark": partial(_mark, CONNECTION_MARK)}),
    "set": _set,
    "length": _by_option({"--length": _length}),
    "mac": _by_option({"--mac-source": _mac}),
    "pkttype": _by_option({"--pkt-type": _packet_type}),
    "owner": _by_option(dict.fromkeys(("--uid-owner", "--gid-owner", "--socket-exists", "--suppl-groups"), _owner)),
    "dscp": _by_option({"--dscp": _dscp}),
    "tos": _by_option({"--tos": _tos}),
    "ttl": _by_option(dict.fromkeys(("--ttl-eq", "--ttl-lt", "--ttl-gt"), partial(_hops, "ip ttl"))),
    "hl": _by_option(dict.fromkeys(("--hl-eq", "--hl-lt", "--hl-gt"), partial(_hops, "ip6 hoplimit"))),
    "helper": _by_option({"--helper": partial(_exactly, "ct helper")}),
    "statistic": _statistic,
    "socket": _socket,
    "limit": _limit,
    "ipvs": _by_option(dict.fromkeys(_IPVS, _ipvs)),
    **dict.fromkeys(_UNKNOWABLE, _named),
    "recent": _recent,
    "rpfilter": _rpfilter,
}
