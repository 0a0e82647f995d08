"""The whole ruleset as it stands at one generation, as far as marks are concerned: raw rules, chains, wanted sets."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from lvstui.core.marks.script import FAMILY, TABLE
from lvstui.core.packets.program import NAME_SIZE
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.netlink.channel import Answer, Interrupted
from lvstui.kernel.nft.nfnetlink import (
    FAMILIES,
    GETCHAIN,
    GETOBJ,
    GETRULE,
    GETSET,
    GETSETELEM,
    GETTABLE,
    NUMBERS,
    Netfilter,
    number,
    text,
    u32,
    word,
)
from lvstui.kernel.nft.reading.lazy import Lazy
from lvstui.kernel.nft.reading.sets import MAP, Set, read_elements, read_set
from lvstui.kernel.port import Garbled

_KEY, _TARGET = 2, 3
"""Attributes of meta and ct (NFTA_META_KEY, NFTA_CT_KEY) and of a lookup (NFTA_LOOKUP_DREG)."""

_MARK: Final = b"\0\0\0\3"  # NFT_META_MARK and NFT_CT_MARK
_VERDICT: Final = b"\0\0\0\0"  # NFT_REG_VERDICT
_LEADING_ON: Final = rb"\xff\xff\xff[\xfc\xfd]"  # NFT_GOTO, NFT_JUMP
_CHAIN: Final = 2  # NFTA_VERDICT_CHAIN

_NAME: Final = 1  # NFTA_EXPR_NAME, NFTA_MATCH_NAME
_SET_OF: Final = {b"lookup": 1, b"objref": 4}
"""Attributes that name a set (NFTA_LOOKUP_SET, NFTA_OBJREF_SET_NAME)."""

_DORMANT: Final = 1
_DROP: Final = 0  # NF_DROP, as a policy
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


class RawChain(NamedTuple):
    """A chain; `hook` is empty for one that is only jumped to. `devices` are those of a chain on network devices.

    A chain of the kind `nat` runs for the first packet of a connection only. `accepts` is its policy.
    """

    name: str
    hook: str = ""
    priority: int = 0
    devices: tuple[str, ...] = ()
    kind: str = "filter"
    accepts: bool = True


class RawRule(NamedTuple):
    """A rule as it was dumped; `marks` says that it may do something with marks, `jumps` that it may lead elsewhere."""

    chain: str
    handle: int
    place: int
    expressions: bytes
    userdata: bytes
    marks: bool
    jumps: bool


@dataclass(slots=True)
class RawTable:
    """A table with what was looked at more closely: rules by their chain, sets, named counters.

    `marks` says that a rule may do something with marks, `moves` that one does so or changes how later rules see a
    packet.
    """

    dormant: bool = False
    chains: dict[str, RawChain] = field(default_factory=dict)
    rules: dict[str, list[RawRule]] = field(default_factory=dict)
    sets: dict[str, Set] = field(default_factory=dict)
    counters: dict[str, tuple[int, int]] = field(default_factory=dict)
    marks: bool = False
    moves: bool = False


class Finder:
    """Finds in the bytes of rules what needs a closer look, many times as fast as taking them apart.

    Some that it finds turn out to be about something else; none that matters is passed over.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        mark, branch = codec.attribute(_KEY, _MARK), codec.attribute(_TARGET, _VERDICT)
        about_marks = re.escape(mark) + rb"|target\x00|match\x00.{8,24}socket\x00"
        chain = re.escape(codec.attribute(_CHAIN, b"")[2:])
        self.about_marks = re.compile(about_marks, re.DOTALL).search
        moving = (re.escape(codec.attribute(_NAME, name)) for name in (b"nat\0", b"redir\0", b"notrack\0"))
        self.moves = re.compile(b"|".join(moving)).search
        self.leads_on = re.compile(_LEADING_ON + rb"|" + re.escape(branch)).search
        self._lookups = re.compile(rb"(lookup|objref)\x00\x00")
        self._ipsets = re.compile(re.escape(codec.attribute(_NAME, b"set\0")) + rb".{12}(..)", re.DOTALL)
        self._verdicts = re.compile(_LEADING_ON + rb"(?=..%s)" % chain, re.DOTALL)

    def sets(self, rule: RawRule) -> Iterator[str]:
        """Yield the names of the sets that a rule looks into: a lookup's attributes follow its name."""
        for found in self._lookups.finditer(rule.expressions):
            attributes = self._codec.attributes(self._codec.first(rule.expressions[found.end() :]))
            if name := word(attributes.get(_SET_OF[found[1]])):
                yield name

    def ipsets(self, rule: RawRule) -> Iterator[int]:
        """Yield the numbers of the ipsets that matches of a rule look into: behind the name and the revision."""
        for found in self._ipsets.finditer(rule.expressions):
            yield self._codec.number(found[1])

    def chains(self, rule: RawRule) -> Iterator[str]:
        """Yield the names of the chains that a rule leads to by itself: a verdict's chain follows its code."""
        for found in self._verdicts.finditer(rule.expressions):
            yield word(self._codec.first(rule.expressions[found.end() :]))


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables at one generation."""

    generation: int
    tables: Mapping[Place, RawTable]
    finder: Finder


def read(netfilter: Netfilter, *, whole: bool = False) -> Tables:
    """Read the tables that have to do with marks, NAT or connection tracking, or (`whole`) all, at one generation.

    Raises `Interrupted` where it changed on the way, else OSError, `Garbled`.
    """
    before = netfilter.generation()
    netfilter.settle(before)
    finder = Finder(netfilter.codec)
    try:
        tables = _tables(netfilter, finder, whole)
        after = netfilter.generation()
    except Answer as problem:
        if problem.code in (errno.EINTR, errno.ENOENT):  # a table or set went while it was being read
            raise Interrupted from None
        raise
    if after != before:
        raise Interrupted
    return Tables(before, tables, finder)


def _tables(netfilter: Netfilter, finder: Finder, whole: bool) -> Mapping[Place, RawTable]:
    tables: dict[Place, RawTable] = {}
    for family, body in _objects(netfilter, GETTABLE):
        tables[Place(family, word(body.get(1)))] = RawTable(bool(number(body.get(2)) & _DORMANT))
    _rules(netfilter, finder, tables)
    wanted = {place: table for place, table in tables.items() if whole or table.moves or place == OURS}
    for table in (table for place, table in tables.items() if place not in wanted):
        table.rules.clear()
    if wanted:
        for family, body in _objects(netfilter, GETCHAIN):
            if found := wanted.get(Place(family, word(body.get(1)))):
                found.chains[word(body.get(3))] = _chain(netfilter.codec, family, body)
        if any(table.rules.keys() - table.chains.keys() for table in wanted.values()):
            raise Interrupted
        _sets(netfilter, finder, wanted)
        for place, table in wanted.items():
            if table.marks or place == OURS:
                table.counters = counters(netfilter, place)
    return tables


def _objects(netfilter: Netfilter, kind: int) -> Iterator[tuple[int, dict[int, bytes]]]:
    """Yield family and attributes of all objects of a kind."""
    for item in netfilter.dump(kind):
        yield item.family, netfilter.codec.attributes(item.body)


def _rules(netfilter: Netfilter, finder: Finder, tables: Mapping[Place, RawTable]) -> None:
    """Keep all rules, after a look at each of them: it names the one before it in its chain.

    A long dump goes on by counting rules, those of unfinished transactions too, so that it may list some twice or not
    at all when one begins or is given up meanwhile, while the generation stays (__nf_tables_dump_rules).
    """
    last: dict[tuple[int, bytes, bytes], bytes] = {}
    known: dict[tuple[int, bytes, bytes], tuple[RawTable, str, list[RawRule]]] = {}
    for place, item in enumerate(netfilter.dump(GETRULE)):
        body = netfilter.codec.attributes(item.body)
        where, handle = (item.family, body[1], body[2]), body[3]
        if last.get(where) != body.get(6):
            raise Interrupted
        last[where] = handle
        if where not in known:
            held = tables.get(Place(item.family, word(body[1])))
            if held is None:
                raise Interrupted
            known[where] = held, word(body[2]), held.rules.setdefault(word(body[2]), [])
        table, chain, rules = known[where]
        marks, jumps = bool(finder.about_marks(item.body)), bool(finder.leads_on(item.body))
        rules.append(RawRule(chain, number(handle), place, body.get(4, b""), body.get(7, b""), marks, jumps))
        table.marks = table.marks or marks
        table.moves = table.moves or table.marks or bool(finder.moves(item.body))


def _chain(codec: Codec, family: int, body: dict[int, bytes]) -> RawChain:
    name, found = word(body.get(3)), codec.attributes(body.get(4, b""))
    if 1 not in found:
        return RawChain(name)
    names = _HOOKS_OF.get(FAMILIES.get(family, ""), _HOOKS)
    place = number(found[1])
    priority = int.from_bytes(found.get(2, b"\0" * 4), "big", signed=True)
    devices = tuple(map(word, codec.payloads(found.get(4, b"")))) or ((word(found[3]),) if 3 in found else ())
    if any(len(device) >= NAME_SIZE for device in devices):
        raise Garbled("the name of a device is too long")
    hook = names[place] if place < len(names) else f"hook {place}"
    return RawChain(name, hook, priority, devices, word(body.get(7)), number(body.get(5, b"\1")) != _DROP)


def _sets(netfilter: Netfilter, finder: Finder, tables: Mapping[Place, RawTable]) -> None:
    """Fetch the elements of the sets that rules look into; raises `Interrupted` where one is not there.

    Those that rules about marks do not need to be explained are taken apart later, if somebody looks at them.
    """
    names: dict[Place, set[str]] = {}
    explained: dict[Place, set[str]] = {}
    for place, table in tables.items():
        every, needed = names.setdefault(place, set()), explained.setdefault(place, set())
        for rule in (rule for rules in table.rules.values() for rule in rules):
            found = set(finder.sets(rule))
            every |= found
            if table.marks and (rule.marks or rule.jumps):
                needed |= found
    if not any(names.values()):
        return
    codec = netfilter.codec
    for family, body in _objects(netfilter, GETSET):
        place = Place(family, word(body.get(1)))
        if word(body.get(2)) not in names.get(place, ()):
            continue
        kind = read_set(codec, body)
        if not kind.moving or kind.flags & MAP:
            items = netfilter.dump(GETSETELEM, family, text(1, place.table) + text(2, kind.name))
            work = partial(read_elements, codec, kind, [item.body for item in items])
            kind = kind._replace(elements=work() if kind.name in explained[place] else Lazy(work))
        tables[place].sets[kind.name] = kind
    if any(names[place] - table.sets.keys() for place, table in tables.items()):
        raise Interrupted


def counters(netfilter: Netfilter, place: Place) -> dict[str, tuple[int, int]]:
    """Read the named counters of a table: packets and bytes by name."""
    found = {}
    for item in netfilter.dump(GETOBJ, place.family, text(1, place.table) + u32(3, _COUNTER)):
        body = netfilter.codec.attributes(item.body)
        if number(body.get(3)) == _COUNTER and word(body.get(1)) == place.table:
            data = netfilter.codec.attributes(body.get(4, b""))
            found[word(body.get(2))] = (number(data.get(2)), number(data.get(1)))
    return found
