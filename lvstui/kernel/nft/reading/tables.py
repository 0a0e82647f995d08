"""The whole ruleset as it stands at one generation, as far as marks are concerned: raw rules, chains, wanted sets."""

from __future__ import annotations

import errno
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lvstui.core.marks.script import FAMILY, TABLE
from lvstui.kernel.netlink.channel import Answer
from lvstui.kernel.nft.dump import Channel, Interrupted, Item
from lvstui.kernel.nft.reading.members import Content
from lvstui.kernel.nft.reading.paths import Chain
from lvstui.kernel.nft.reading.sets import MAP, Element, Set, described, elements
from lvstui.kernel.nft.wire import (
    FAMILIES,
    GETCHAIN,
    GETOBJ,
    GETRULE,
    GETSET,
    GETSETELEM,
    GETTABLE,
    NUMBERS,
    attributes,
    number,
    text,
    u32,
    word,
)

_ATTRIBUTE = struct.Struct("=HH")
_ABOUT_MARKS: Final = re.compile(
    rb"\x08\x00\x02\x00\x00\x00\x00\x03"  # key (attribute 2) of meta and ct: the mark (3)
    rb"|target\x00|match\x00.{8,24}socket\x00",
    re.DOTALL,
)
_JUMPS: Final = re.compile(
    rb"\xff\xff\xff[\xfc\xfd]"  # a verdict: goto, jump
    rb"|\x08\x00\x03\x00\x00\x00\x00\x00",  # a lookup (attribute 3: its target) of a verdict
)
"""Bytes without which a rule needs no closer look; some that have them turn out to be about something else."""

_LOOKUPS: Final = re.compile(rb"lookup\x00\x00")
_VERDICTS: Final = re.compile(rb"\xff\xff\xff[\xfc\xfd]..\x02\x00", re.DOTALL)
"""Where a lookup's attributes follow, the set's name first; and where a verdict's chain does."""

_DORMANT: Final = 1
_COUNTER: Final = 1  # NFT_OBJECT_COUNTER

_HOOKS: Final = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_HOOKS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "arp": ("input", "output", "forward"),
    "netdev": ("ingress", "egress"),
    "bridge": (*_HOOKS[:5], "brouting"),
}


class Place(NamedTuple):
    """A table, by the number of its family and its name."""

    family: int
    table: str


OURS: Final = Place(NUMBERS[FAMILY], TABLE)


class RawRule(NamedTuple):
    """A rule as it was dumped; `marks` and `jumps` tell whether it may do something with marks, or lead elsewhere."""

    chain: str
    handle: int
    place: int
    expressions: bytes
    userdata: bytes
    marks: bool
    jumps: bool


@dataclass(slots=True)
class Table:
    """A table with what was looked at more closely: rules by their chain, sets, named counters."""

    dormant: bool = False
    chains: dict[str, Chain] = field(default_factory=dict)
    rules: dict[str, list[RawRule]] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)
    counters: dict[str, tuple[int, int]] = field(default_factory=dict)
    marks: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables at one generation."""

    generation: int
    tables: Mapping[Place, Table]


def read(channel: Channel) -> Tables:
    """Read everything at one generation. Raises `Interrupted` where it changed on the way, `Answer` on errors."""
    before = channel.generation()
    channel.settled(before)
    try:
        tables = _tables(channel)
        after = channel.generation()
    except Answer as problem:
        if problem.code in (errno.EINTR, errno.ENOENT):  # a table or set went while it was being read
            raise Interrupted from None
        raise
    if after != before:
        raise Interrupted
    return Tables(before, tables)


def _tables(channel: Channel) -> Mapping[Place, Table]:
    tables: dict[Place, Table] = {}
    for item in channel.dump(GETTABLE):
        body = attributes(item.body)
        tables[Place(item.family, word(body.get(1)))] = Table(bool(number(body.get(2)) & _DORMANT))
    _rules(channel, tables)
    wanted = {place: table for place, table in tables.items() if table.marks or place == OURS}
    if wanted:
        for item in channel.dump(GETCHAIN):
            body = attributes(item.body)
            if found := wanted.get(Place(item.family, word(body.get(1)))):
                found.chains[word(body.get(3))] = _chain(item.family, body)
        if any(table.rules.keys() - table.chains.keys() for table in wanted.values()):
            raise Interrupted
        _contents(channel, wanted)
        if any(set(_looked_up(table)) - table.contents.keys() for table in wanted.values()):
            raise Interrupted
        for place, table in wanted.items():
            table.counters = counters(channel, place)
    return tables


def _rules(channel: Channel, tables: Mapping[Place, Table]) -> None:
    """Keep the rules that may matter, after a look at all of them: each one names the one before it in its chain.

    A long dump goes on by counting rules, those of unfinished transactions too, so that it may tell some twice or not
    at all when one begins or is given up meanwhile, while the generation stays (__nf_tables_dump_rules).
    """
    last: dict[tuple[int, bytes, bytes], bytes] = {}
    for place, item in enumerate(channel.dump(GETRULE)):
        body = attributes(item.body)
        chain, handle = (item.family, body[1], body[2]), body[3]
        if last.get(chain) != body.get(6):
            raise Interrupted
        last[chain] = handle
        marks, jumps = bool(_ABOUT_MARKS.search(item.body)), bool(_JUMPS.search(item.body))
        if marks or jumps:
            table = tables.get(Place(item.family, word(body[1])))
            if table is None:
                raise Interrupted
            rule = RawRule(word(body[2]), number(handle), place, body.get(4, b""), body.get(7, b""), marks, jumps)
            table.rules.setdefault(rule.chain, []).append(rule)
            table.marks = table.marks or marks


def _chain(family: int, body: dict[int, bytes]) -> Chain:
    name, hook = word(body.get(3)), attributes(body.get(4, b""))
    if 1 not in hook:
        return Chain(name)
    names = _HOOKS_OF.get(FAMILIES.get(family, ""), _HOOKS)
    place = number(hook[1])
    priority = int.from_bytes(hook.get(2, b"\0" * 4), "big", signed=True)
    devices = tuple(word(each) for each in _each(hook.get(4, b""))) or ((word(hook[3]),) if 3 in hook else ())
    return Chain(name, names[place] if place < len(names) else f"hook {place}", priority, devices)


def _each(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + 4 <= len(data):
        size, _ = _ATTRIBUTE.unpack_from(data, position)
        yield data[position + 4 : position + size]
        position += (max(size, 4) + 3) & ~3


def _contents(channel: Channel, tables: Mapping[Place, Table]) -> None:
    """Fetch the elements of the sets that rules of interest look into."""
    names = {place: set(_looked_up(table)) for place, table in tables.items()}
    if not any(names.values()):
        return
    for item in channel.dump(GETSET):
        body = attributes(item.body)
        place = Place(item.family, word(body.get(1)))
        if word(body.get(2)) not in names.get(place, ()):
            continue
        kind = described(body)
        found: tuple[Element, ...] = ()
        if not kind.moving or kind.flags & MAP:
            found = elements(kind, (each.body for each in _elements(channel, place, kind)))
        tables[place].contents[kind.name] = Content(kind, found)


def _elements(channel: Channel, place: Place, kind: Set) -> Iterable[Item]:
    return channel.dump(GETSETELEM, place.family, text(1, place.table) + text(2, kind.name))


def _looked_up(table: Table) -> Iterator[str]:
    """Name the sets that rules look into."""
    for rules in table.rules.values():
        for rule in rules:
            yield from looked_up(rule)


def looked_up(rule: RawRule) -> Iterator[str]:
    """Name the sets that a rule looks into."""
    data = rule.expressions
    for found in _LOOKUPS.finditer(data):
        end = found.end()
        body = attributes(data[end + 4 : end + _ATTRIBUTE.unpack_from(data, end)[0]])
        yield word(body.get(1))


def jumped_to(rule: RawRule) -> Iterator[str]:
    """Name the chains that a rule leads to by itself."""
    data = rule.expressions
    for found in _VERDICTS.finditer(data):
        end = found.end()
        yield word(data[end : end + _ATTRIBUTE.unpack_from(data, end - 4)[0] - 4])


def counters(channel: Channel, place: Place) -> dict[str, tuple[int, int]]:
    """Read the named counters of a table: packets and bytes by name."""
    found = {}
    for item in channel.dump(GETOBJ, place.family, text(1, place.table) + u32(3, _COUNTER)):
        body = attributes(item.body)
        if number(body.get(3)) == _COUNTER and word(body.get(1)) == place.table:
            data = attributes(body.get(4, b""))
            found[word(body.get(2))] = (number(data.get(2)), number(data.get(1)))
    return found
