"""Rules about marks as values, once for every way to a rule and every mark that it sets.

A way leads from a base chain over jumps, and asks what the jumping rules ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.observed import Rule
from lvstui.core.packets.program import interface_number
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import FAMILIES, NETWORK_FAMILIES, NUMBERS
from lvstui.kernel.nft.reading.conditions import Condition, in_words, match_values, selector, words
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.fields import IIFNAME, OIFNAME
from lvstui.kernel.nft.reading.tables import Chain, Finder, Place, RawRule, Table, Tables
from lvstui.kernel.nft.reading.walk import Effect, Surroundings, Walk

_WAYS_MAX: Final = 16
"""Ways to one chain that are listed one by one; of more, only the hooks that they start from."""

_DEPTH_MAX: Final = 100
"""Chains on one way; nf_tables follows no more than 16 jumps (NFT_JUMP_STACK_SIZE)."""

_COMMENT: Final = 0  # NFTNL_UDATA_RULE_COMMENT


class Way(NamedTuple):
    """One way to a chain: its hook (empty: nothing leads here), the chains before it, and what it asks.

    `order` sorts ways as packets take them. `sure` is False where conditions on the way are not understood.
    """

    hook: str = ""
    priority: int = 0
    path: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    order: tuple[int, ...] = ()
    sure: bool = True


Asked: TypeAlias = tuple[tuple[Condition, ...], bool]
"""All that has to hold on a way up to and over a jump, and whether all of it is understood."""


class Lead(NamedTuple):
    """A rule that leads to a chain: the chain it stands in, its place there, and what taking it asks."""

    chain: str
    place: int
    over: Callable[[Way], Iterable[Asked]]


class Ways:
    """The ways to the chains of one table; `leading` returns the rules that lead to a chain."""

    def __init__(self, chains: Mapping[str, Chain], leading: Callable[[str], Iterable[Lead]]) -> None:
        self._chains = chains
        self._leading = leading
        self._known: dict[str, tuple[Way, ...]] = {}
        self._depth = 0
        self._bases = {name: place for place, name in enumerate(chains)}

    def to(self, name: str) -> tuple[Way, ...]:
        """Return the ways to a chain; one without a hook where nothing leads to it, or through too many chains."""
        if name not in self._known:
            nowhere = (Way(order=(len(self._bases),)),)  # what a loop would find
            if self._depth >= _DEPTH_MAX:
                return nowhere
            self._known[name] = nowhere
            self._depth += 1
            self._known[name] = self._found(name) or nowhere
            self._depth -= 1
        return self._known[name]

    def _found(self, name: str) -> tuple[Way, ...]:
        chain = self._chains.get(name)
        if chain is not None and chain.hook:
            device = OIFNAME if chain.hook == "egress" else IIFNAME
            values = tuple((interface_number(interface),) * 2 for interface in chain.devices)
            asked = (match_values(device, values),) if values else ()
            return (Way(chain.hook, chain.priority, (), asked, (self._bases[name],)),)
        found = [
            Way(way.hook, way.priority, (*way.path, lead.chain), conditions, (*way.order, lead.place), sure)
            for lead in self._leading(name)
            for way in self.to(lead.chain)
            if way.hook
            for conditions, sure in lead.over(way)
        ]
        return tuple(found) if len(found) <= _WAYS_MAX else _summed_up(found)


def _summed_up(ways: list[Way]) -> tuple[Way, ...]:
    """Reduce ways to where they begin, where there are too many of them."""
    found: dict[str, Way] = {}
    for way in ways:
        several = in_words("by", f"one of {len(ways)} ways")
        summed = Way(way.hook, way.priority, way.path[:1], (several,), way.order, way.sure)
        found.setdefault(way.path[0], summed)
    return tuple(found.values())


class Explainer:
    """Explains the rules of one machine; `interfaces` and `ipsets` name those by their numbers."""

    def __init__(self, codec: Codec, interfaces: Callable[[], Mapping[int, str]], ipsets: Callable[[int], str]) -> None:
        self.expressions = Expressions(codec)
        self._interfaces = interfaces
        self._ipsets = ipsets

    def explain(self, tables: Tables) -> tuple[Rule, ...]:
        """Explain every rule that does something with a mark, in the order in which packets of a hook come to them."""
        found: list[Rule] = []
        for place, table in tables.tables.items():
            if table.marks:
                ordered = sorted(self._of_table(place, table, tables.finder), key=lambda pair: pair[0])
                found += [rule for _, rule in ordered]
        return tuple(found)

    def _of_table(self, place: Place, table: Table, finder: Finder) -> Iterator[tuple[tuple[int, ...], Rule]]:
        family = FAMILIES.get(place.family, f"family {place.family}")
        codec = self.expressions.codec
        around = Surroundings(family, table.sets, self._interfaces, self._ipsets, codec)
        jumps = cache(partial(_jumps, table, finder))  # where no chain is jumped to nobody asks

        def leading(name: str) -> Iterator[Lead]:
            for rule in jumps().get(name, ()):
                yield Lead(rule.chain, rule.place, partial(self._over, around, rule, name))

        ways = Ways(table.chains, leading)
        for chain, rules in table.rules.items():
            for raw in (rule for rule in rules if rule.marks):
                for way in ways.to(chain):
                    walk = self._walk(around, raw, way.conditions)
                    if not walk.effects:
                        break  # it only asks for a mark
                    for rule in _rules(place, family, table, raw, way, walk):
                        yield (*way.order, raw.place), rule

    def _over(self, around: Surroundings, rule: RawRule, name: str, way: Way) -> Iterator[Asked]:
        """Yield what taking a jump to a chain asks."""
        walk = self._walk(around, rule, way.conditions)
        for jump in walk.jumps:
            if jump.chain == name:
                yield jump.conditions, way.sure and not walk.unknown

    def _walk(self, around: Surroundings, rule: RawRule, conditions: tuple[Condition, ...]) -> Walk:
        """Go through a rule that packets come to under these conditions."""
        walk = Walk(around, NUMBERS[around.family] if around.family in NETWORK_FAMILIES else None)
        for condition in conditions:
            walk.ask(condition)
        self.expressions.walk_through(rule.expressions, walk)
        return walk


def _jumps(table: Table, finder: Finder) -> Mapping[str, Sequence[RawRule]]:
    """Return the rules that lead to a chain, by its name."""
    found: dict[str, list[RawRule]] = {}
    for rule in (rule for rules in table.rules.values() for rule in rules if rule.jumps):
        maps = [table.sets[name] for name in finder.sets(rule) if name in table.sets]
        mapped = [element.verdict.chain for found in maps for element in found.elements if element.verdict is not None]
        for name in dict.fromkeys((*finder.chains(rule), *filter(None, mapped))):
            found.setdefault(name, []).append(rule)
    return found


Where: TypeAlias = tuple[str, str, str, str, int]
"""Tool, family, table, chain and handle of a rule."""

Noted: TypeAlias = tuple[int | None, int | None, str, str, bool]
"""Packets, bytes, counter and comment of a rule, and whether it is dormant."""


def _rules(place: Place, family: str, table: Table, raw: RawRule, way: Way, walk: Walk) -> Iterator[Rule]:
    packets, size = walk.counted or table.counters.get(walk.counter) or (None, None)
    counter = "" if walk.counted else walk.counter
    text = (comment(raw.userdata) if raw.userdata else "") or walk.comment
    where = "nft", family, place.table, raw.chain, raw.handle
    noted = packets, size, counter, text, table.dormant
    for effect in walk.effects:
        conditions = walk.conditions[: effect.asked]
        sure = way.sure and not (walk.unknown and any(condition.field.kind == "unknown" for condition in conditions))
        if not effect.choices:
            yield describe(where, noted, way, effect, conditions, sure)
        for value, asked in effect.choices:
            yield describe(where, noted, way, effect._replace(value=value), (*conditions, *asked), sure)


def describe(where: Where, noted: Noted, way: Way, effect: Effect, conditions: Sequence[Condition], sure: bool) -> Rule:
    """Return what is known of a rule."""
    packets, size, counter, text, dormant = noted
    match = words(conditions)
    decoded = sure and effect.certain
    raw = ""
    if not decoded:
        action = effect.text or f"{effect.verb} mark" + ("" if effect.value is None else f" 0x{effect.value:x}")
        raw = " ".join((*match, action))
    return Rule(
        *where,
        way.path,
        way.hook,
        way.priority,
        match,
        selector(conditions, where[1]) if sure else None,
        effect.verb,
        effect.value,
        effect.mask,
        packets,
        size,
        counter,
        text,
        dormant,
        decoded,
        raw,
        effect.bits,
        effect.shift,
    )


def comment(userdata: bytes) -> str:
    """Read the comment of a rule (NFTNL_UDATA_RULE_COMMENT: type, size, text)."""
    position = 0
    while position + 2 <= len(userdata):
        kind, size = userdata[position], userdata[position + 1]
        if kind == _COMMENT:
            return userdata[position + 2 : position + 2 + size].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        position += 2 + size
    return ""
