"""Rules about marks, as values: each rule that was read, explained, once for each way to it and each mark it sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from lvstui.core.observed import Rule
from lvstui.kernel.nft.reading.conditions import Condition, selector, words
from lvstui.kernel.nft.reading.expressions import walk_through
from lvstui.kernel.nft.reading.operands import Effect, Surroundings
from lvstui.kernel.nft.reading.paths import Asked, Lead, Way, Ways
from lvstui.kernel.nft.reading.tables import Place, RawRule, Table, Tables, jumped_to, looked_up
from lvstui.kernel.nft.reading.walk import Walk
from lvstui.kernel.nft.wire import FAMILIES

_NETWORKS: Final = {"ip": 2, "ip6": 10}
_COMMENT: Final = 0  # NFTNL_UDATA_RULE_COMMENT


class Names(NamedTuple):
    """How the numbers of interfaces and ipsets are told by name."""

    interfaces: Callable[[], Mapping[int, str]]
    ipsets: Callable[[int], str]


def explained(tables: Tables, names: Names) -> tuple[Rule, ...]:
    """Explain every rule that does something with a mark, in the order in which packets of a hook come to them."""
    found: list[Rule] = []
    for place, table in tables.tables.items():
        if table.marks:
            sortable = list(_of_table(place, table, names))
            found += [rule for _, rule in sorted(sortable, key=lambda each: each[0])]
    return tuple(found)


def _of_table(place: Place, table: Table, names: Names) -> Iterator[tuple[tuple[int, ...], Rule]]:
    family = FAMILIES.get(place.family, f"family {place.family}")
    around = Surroundings(family, table.contents, names.interfaces, names.ipsets)
    ways = Ways(table.chains, _Leading(table, around).to)
    for chain, rules in table.rules.items():
        for raw in rules:
            if not raw.marks:
                continue
            for way in ways.to(chain):
                walk = walked(raw, way.conditions, around)
                if not walk.effects:
                    break  # it only asks for a mark
                for rule in _rules(place, family, table, raw, way, walk):
                    yield (*way.order, raw.place), rule


class _Leading:
    """The jumps of a table, by the chain that they lead to."""

    def __init__(self, table: Table, around: Surroundings) -> None:
        self._around = around
        self._jumps: dict[str, list[RawRule]] | None = None
        self._table = table

    def to(self, name: str) -> Iterator[Lead]:
        """Give the rules that lead to a chain."""
        if self._jumps is None:
            self._jumps = self._found()
        for rule in self._jumps.get(name, ()):
            yield Lead(rule.chain, rule.place, partial(self._over, rule, name))

    def _found(self) -> dict[str, list[RawRule]]:
        found: dict[str, list[RawRule]] = {}
        for rule in (rule for rules in self._table.rules.values() for rule in rules if rule.jumps):
            contents = [self._table.contents.get(name) for name in looked_up(rule)]
            elements = (element for content in contents if content for element in content.elements)
            mapped = [element.verdict.chain for element in elements if element.verdict is not None]
            for name in dict.fromkeys((*jumped_to(rule), *mapped)):
                found.setdefault(name, []).append(rule)
        return found

    def _over(self, rule: RawRule, name: str, way: Way) -> Iterator[Asked]:
        walk = walked(rule, way.conditions, self._around)
        for jump in walk.jumps:
            if jump.chain == name:
                yield jump.conditions, way.sure and not walk.unknown


def walked(rule: RawRule, conditions: tuple[Condition, ...], around: Surroundings) -> Walk:
    """Go through a rule that is come to under these conditions."""
    walk = Walk(around, _NETWORKS.get(around.family))
    for condition in conditions:
        walk.ask(condition)
    walk_through(rule.expressions, walk)
    return walk


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
        sure = way.sure and not (walk.unknown and any(each.field.kind == "unknown" for each in conditions))
        if not effect.choices:
            yield told(seen, way, effect, conditions, sure)
        for value, asked in effect.choices:
            yield told(seen, way, effect._replace(value=value), (*conditions, *asked), sure)


def told(seen: Seen, way: Way, effect: Effect, conditions: Sequence[Condition], sure: bool) -> Rule:
    """Put together what is known of a rule."""
    match = words(conditions)
    decoded = sure and effect.certain
    raw = ""
    if not decoded:
        told = effect.text or f"{effect.verb} mark" + ("" if effect.value is None else f" 0x{effect.value:x}")
        raw = " ".join((*match, told))
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
