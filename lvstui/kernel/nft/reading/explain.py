"""Rules about marks, as values: a rule that was read is explained once for each way to it and each mark it sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final, NamedTuple

from lvstui.core.observed import Rule
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import FAMILIES
from lvstui.kernel.nft.reading.conditions import Condition, selector, words
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.paths import Asked, Lead, Way, Ways
from lvstui.kernel.nft.reading.tables import Finder, Place, RawRule, Table, Tables
from lvstui.kernel.nft.reading.walk import Effect, Surroundings, Walk

_NETWORKS: Final = {"ip": 2, "ip6": 10}
_COMMENT: Final = 0  # NFTNL_UDATA_RULE_COMMENT


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
        around = Surroundings(family, table.contents, self._interfaces, self._ipsets, codec)
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
        walk = Walk(around, _NETWORKS.get(around.family))
        for condition in conditions:
            walk.ask(condition)
        self.expressions.walk_through(rule.expressions, walk)
        return walk


def _jumps(table: Table, finder: Finder) -> Mapping[str, Sequence[RawRule]]:
    """Return the rules that lead to a chain, by its name."""
    found: dict[str, list[RawRule]] = {}
    for rule in (rule for rules in table.rules.values() for rule in rules if rule.jumps):
        contents = [table.contents.get(name) for name in finder.sets(rule)]
        elements = (element for content in contents if content for element in content.elements)
        mapped = [element.verdict.chain for element in elements if element.verdict is not None]
        for name in dict.fromkeys((*finder.chains(rule), *mapped)):
            found.setdefault(name, []).append(rule)
    return found


class Seen(NamedTuple):
    """Where a rule stands, what it counted, and what is written to it: as in `Rule`."""

    tool: str
    family: str
    table: str
    chain: str
    handle: int
    packets: int | None
    bytes: int | None
    counter: str
    comment: str
    dormant: bool


def _rules(place: Place, family: str, table: Table, raw: RawRule, way: Way, walk: Walk) -> Iterator[Rule]:
    packets, size = walk.counted or table.counters.get(walk.counter) or (None, None)
    counter = "" if walk.counted else walk.counter
    text = (comment(raw.userdata) if raw.userdata else "") or walk.comment
    seen = Seen("nft", family, place.table, raw.chain, raw.handle, packets, size, counter, text, table.dormant)
    for effect in walk.effects:
        conditions = walk.conditions[: effect.asked]
        sure = way.sure and not (walk.unknown and any(condition.field.kind == "unknown" for condition in conditions))
        if not effect.choices:
            yield describe(seen, way, effect, conditions, sure)
        for value, asked in effect.choices:
            yield describe(seen, way, effect._replace(value=value), (*conditions, *asked), sure)


def describe(seen: Seen, way: Way, effect: Effect, conditions: Sequence[Condition], sure: bool) -> Rule:
    """Return what is known of a rule."""
    match = words(conditions)
    decoded = sure and effect.certain
    raw = ""
    if not decoded:
        action = effect.text or f"{effect.verb} mark" + ("" if effect.value is None else f" 0x{effect.value:x}")
        raw = " ".join((*match, action))
    return Rule(
        seen.tool,
        seen.family,
        seen.table,
        seen.chain,
        seen.handle,
        way.path,
        way.hook,
        way.priority,
        match,
        selector(conditions, seen.family) if sure else None,
        effect.verb,
        effect.value,
        effect.mask,
        seen.packets,
        seen.bytes,
        seen.counter,
        seen.comment,
        seen.dormant,
        decoded,
        raw,
        effect.bits,
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
