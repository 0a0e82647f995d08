"""What iptables-save writes, taken apart: a rule's conditions and what it does with a mark, in nft's words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, NamedTuple

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Range
from lvstui.kernel.nft.reading.conditions import (
    Condition,
    in_words,
    interface_number,
    match_bits,
    match_states,
    match_values,
    unknown,
)
from lvstui.kernel.nft.reading.fields import (
    CONNECTION_MARK,
    IIFNAME,
    MARK,
    OIFNAME,
    PROTOCOL,
    PROTOCOLS,
    TCP_FLAGS,
    TYPES,
    PacketField,
    address_field,
    port_field,
)
from lvstui.kernel.nft.reading.walk import Effect

_RULE: Final = re.compile(r"(?:\[(\d{1,20}):(\d{1,20})\] )?(-A \S+.*)")
_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_ESCAPE: Final = re.compile(r"\\(.)")
_NUMBERS: Final = {name: number for number, name in PROTOCOLS.items()} | {"icmpv6": 58, "ipip": 4, "ipencap": 4}
_STATES: Final = ("invalid", "established", "related", "new", "snat", "dnat", "untracked")
_FLAGS: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


class UnknownLine(ValueError):
    """A line that iptables-save does not write."""


class Line(NamedTuple):
    """One rule of iptables: what it asks, where it leads, what it does with a mark; `sure` if all of it is known."""

    chain: str
    text: str
    conditions: tuple[Condition, ...]
    sure: bool
    jump: str
    effect: Effect | None
    packets: int | None
    bytes: int | None
    comment: str


@dataclass(slots=True)
class _Parts:
    """A rule's words while they are read; `version` is that of IP."""

    words: list[str]
    version: int
    conditions: list[Condition] = field(default_factory=list)
    sure: bool = True
    protocol: int | None = None
    module: str = ""
    comment: str = ""
    jump: str = ""
    target: tuple[str, ...] = ()

    def take(self) -> str:
        """Take the next word; raises IndexError where the line ends too early."""
        return self.words.pop(0)

    def rest_of_option(self) -> list[str]:
        """Take the words up to the next option."""
        taken = []
        while self.words and not self.words[0].startswith("-") and self.words[0] != "!":
            taken.append(self.words.pop(0))
        return taken


def line(text: str, version: int) -> Line:
    """Read a line such as `[0:0] -A PREROUTING -p tcp -j MARK --set-xmark 0x50/0xffffffff`; raises `UnknownLine`."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise UnknownLine(text)
    rule = found[3]
    packets, size = (int(found[1]), int(found[2])) if found[1] else (None, None)
    words = [_ESCAPE.sub(r"\1", word[1:-1]) if word[0] == '"' else word for word in _WORD.findall(rule)]
    parts = _Parts(words[2:], version)
    try:
        while parts.words:
            _option(parts)
    except (ValueError, LookupError):
        parts.sure = False
        parts.conditions.append(unknown(rule))
    name, *options = parts.target or ("",)
    try:
        effect = _mark_effect(name, options, len(parts.conditions))
    except (ValueError, LookupError):
        text = " ".join(("-j", name, *map(shlex.quote, options)))
        effect = Effect("set", None, ALL_BITS, len(parts.conditions), text=text, certain=False)
    asked = tuple(parts.conditions)
    return Line(words[1], rule, asked, parts.sure, parts.jump, effect, packets, size, parts.comment)


def _option(parts: _Parts) -> None:
    negated = parts.words[0] == "!"
    if negated:
        parts.take()
    option = parts.take()
    match option:
        case "-m":
            parts.module = parts.take()
        case "-j" | "-g":
            parts.jump = parts.take()
            parts.target = (parts.jump, *parts.words)
            parts.words.clear()
        case "--comment":
            parts.comment = parts.take()
        case "-p":
            name = parts.take()
            number = int(name) if name.isdigit() else _NUMBERS[name]
            if number:
                parts.conditions.append(match_values(PROTOCOL, ((number, number),), negated))
                parts.protocol = None if negated else number
        case _:
            asked = list(_conditions(parts, option, negated))
            parts.conditions += asked
            parts.sure = parts.sure and not any(condition.field.kind == "unknown" for condition in asked)


def _conditions(parts: _Parts, option: str, negated: bool) -> Iterator[Condition]:
    match option:
        case "-s" | "-d":
            yield _address(parts, "saddr" if option == "-s" else "daddr", negated)
        case "-i" | "-o":
            yield _interface(IIFNAME if option == "-i" else OIFNAME, parts.take(), negated)
        case "--sport" | "--dport" | "--sports" | "--dports" | "--ports":
            name = "sport or dport" if option == "--ports" else option.removeprefix("--").removesuffix("s")
            yield match_values(port_field(parts.protocol, name), _ranges(parts.take()), negated)
        case "--src-range" | "--dst-range":
            first, _, last = parts.take().partition("-")
            name = "saddr" if option == "--src-range" else "daddr"
            numbers = (int(ip_address(first)), int(ip_address(last or first)))
            yield match_values(address_field(parts.version, name), (numbers,), negated)
        case "--src-type" | "--dst-type":
            name = "saddr" if option == "--src-type" else "daddr"
            kinds = [TYPES.index(kind.lower()) for kind in parts.take().split(",")]
            ranges = tuple((kind, kind) for kind in sorted(kinds))
            yield match_values(PacketField(f"fib {name} type", 4, "addrtype", host=True), ranges, negated)
        case "--ctstate" | "--state":
            names = parts.take().lower().split(",")
            yield match_states(sorted(names, key=_STATES.index), negated)
        case "--match-set":
            yield in_words("ipset", f"{parts.take()} {parts.take()}", negated)
        case "--mark" if parts.module in ("mark", "connmark"):
            value, mask = _value_and_mask(parts.take())
            yield match_bits(MARK if parts.module == "mark" else CONNECTION_MARK, mask, value, negated)
        case "--tcp-flags":
            mask, wanted = _flags(parts.take()), _flags(parts.take())
            yield match_bits(TCP_FLAGS, mask, wanted, negated)
        case _:
            yield unknown(" ".join((*(["!"] if negated else []), option, *map(shlex.quote, parts.rest_of_option()))))


def _address(parts: _Parts, name: str, negated: bool) -> Condition:
    address, _, mask = parts.take().partition("/")
    number = int(ip_address(address))
    most = 32 if parts.version == 4 else 128
    if not mask or mask.isdigit():
        bits = ((1 << most) - 1) ^ ((1 << (most - int(mask or most))) - 1)
    else:
        bits = int(ip_address(mask))
    return match_bits(address_field(parts.version, name), bits, number, negated)


def _interface(which: PacketField, name: str, negated: bool) -> Condition:
    if not name.endswith("+"):
        value = interface_number(name)
        return match_values(which, ((value, value),), negated)
    start = name[:-1].encode("utf-8", "surrogateescape")
    first, last = (int.from_bytes(start.ljust(16, fill), "big") for fill in (b"\0", b"\xff"))
    return match_values(which, ((first, last),), negated)


def _ranges(text: str) -> tuple[Range, ...]:
    found = []
    for ports in text.split(","):
        first, colon, last = ports.partition(":")
        found.append((int(first or 0), int(last or 65535) if colon else int(first)))
    return tuple(found)


def _value_and_mask(text: str) -> tuple[int, int]:
    value, _, mask = text.partition("/")
    return _bits(value), _bits(mask) if mask else ALL_BITS


def _bits(text: str) -> int:
    value = int(text, 0)
    if not 0 <= value <= ALL_BITS:
        raise ValueError(text)
    return value


def _flags(text: str) -> int:
    if text in ("ALL", "NONE"):
        return 0x3F if text == "ALL" else 0
    return sum(1 << _FLAGS.index(name) for name in text.split(","))


def _mark_effect(name: str, words: Sequence[str], asked: int) -> Effect | None:
    """Return what a target does with a mark, None where nothing; raises ValueError where that is not understood."""
    match name, *words:
        case "MARK", "--set-xmark" | "--set-mark" as option, text:
            value, mask = _value_and_mask(text)
            return Effect("set", value, mask | value if option == "--set-mark" else mask, asked)
        case "MARK", "--or-mark", text:
            return Effect("set", _bits(text), _bits(text), asked)
        case "MARK", "--and-mark", text:
            return Effect("set", 0, ~_bits(text) & ALL_BITS, asked)
        case "MARK", "--xor-mark", text:
            return Effect("set", _bits(text), 0, asked)
        case "CONNMARK", "--set-xmark" | "--set-mark" as option, text:
            value, mask = _value_and_mask(text)
            return Effect("save", value, mask | value if option == "--set-mark" else mask, asked)
        case "CONNMARK", "--save-mark" | "--restore-mark" as option, *more:
            masks = dict(zip(more[::2], more[1::2], strict=True))
            if not set(masks) <= {"--nfmask", "--ctmask", "--mask"}:
                raise ValueError(more)
            both = masks.get("--mask", "0xffffffff")
            packet, connection = _bits(masks.get("--nfmask", both)), _bits(masks.get("--ctmask", both))
            if option == "--save-mark":
                return Effect("save", None, connection, asked, packet)
            return Effect("restore", None, packet, asked, connection)
        case "TPROXY", *_ if "--tproxy-mark" in words:
            value, mask = _value_and_mask(words[words.index("--tproxy-mark") + 1])
            return Effect("set", value, mask, asked) if value or mask else None
        case (("MARK" | "CONNMARK" | "HMARK"), *_):
            raise ValueError(name)
        case "SET", *_ if "--map-mark" in words:
            raise ValueError(name)
    return None
