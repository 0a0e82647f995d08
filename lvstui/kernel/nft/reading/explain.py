"""Rules about marks as values, once for every way to a rule and every mark that it sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final, TypeAlias

from lvstui.core.observed import Rule
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import FAMILIES, NETWORK_FAMILIES, NUMBERS
from lvstui.kernel.nft.reading.approaches import Approach, Approaches, Asked, Lead
from lvstui.kernel.nft.reading.conditions import Condition, selector, words
from lvstui.kernel.nft.reading.explained import Effect, ExplainedRule
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.parts import Context
from lvstui.kernel.nft.reading.tables import Finder, Place, RawRule, RawTable, Tables

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

    def _of_table(self, place: Place, table: RawTable, finder: Finder) -> Iterator[tuple[tuple[int, ...], Rule]]:
        family = FAMILIES.get(place.family, f"family {place.family}")
        codec = self.expressions.codec
        context = Context(family, table.sets, self._interfaces, self._ipsets, codec)
        jumps = cache(partial(_jumps, table, finder))  # where no chain is jumped to nobody asks

        def leading(name: str) -> Iterator[Lead]:
            for rule in jumps().get(name, ()):
                yield Lead(rule.chain, rule.place, partial(self._over, context, rule, name))

        approaches = Approaches(table.chains, leading)
        for chain, rules in table.rules.items():
            for raw in (rule for rule in rules if rule.marks):
                for approach in approaches.to(chain):
                    explained = self._explained(context, raw, approach.conditions)
                    if not explained.effects:
                        break  # it only asks for a mark
                    for rule in _rules(place, family, table, raw, approach, explained):
                        yield (*approach.order, raw.place), rule

    def _over(self, context: Context, rule: RawRule, name: str, approach: Approach) -> Iterator[Asked]:
        """Yield what taking a jump to a chain asks."""
        explained = self._explained(context, rule, approach.conditions)
        for jump in explained.jumps:
            if jump.chain == name:
                yield jump.conditions, approach.sure and not explained.unknown

    def _explained(self, context: Context, rule: RawRule, conditions: tuple[Condition, ...]) -> ExplainedRule:
        """Explain a rule that packets come to under these conditions."""
        explained = ExplainedRule(context, NUMBERS[context.family] if context.family in NETWORK_FAMILIES else None)
        for condition in conditions:
            explained.ask(condition)
        self.expressions.explain(rule.expressions, explained)
        return explained


def _jumps(table: RawTable, finder: Finder) -> Mapping[str, Sequence[RawRule]]:
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


def _rules(
    place: Place, family: str, table: RawTable, raw: RawRule, approach: Approach, explained: ExplainedRule
) -> Iterator[Rule]:
    packets, size = explained.counted or table.counters.get(explained.counter) or (None, None)
    counter = "" if explained.counted else explained.counter
    text = (comment(raw.userdata) if raw.userdata else "") or explained.comment
    where = "nft", family, place.table, raw.chain, raw.handle
    noted = packets, size, counter, text, table.dormant
    for effect in explained.effects:
        conditions = explained.conditions[: effect.asked]
        sure = approach.sure and not (
            explained.unknown and any(condition.field.kind == "unknown" for condition in conditions)
        )
        if not effect.choices:
            yield describe(where, noted, approach, effect, conditions, sure)
        for value, asked in effect.choices:
            yield describe(where, noted, approach, effect._replace(value=value), (*conditions, *asked), sure)


def describe(
    where: Where, noted: Noted, approach: Approach, effect: Effect, conditions: Sequence[Condition], sure: bool
) -> Rule:
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
        approach.path,
        approach.hook,
        approach.priority,
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
