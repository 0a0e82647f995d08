"""The ways by which packets come to a chain: from base chains over jumps, with the conditions of the jumping rules."""

from __future__ import annotations

from typing import Final, NamedTuple

from lvstui.kernel.nft.conditions import IIFNAME, OIFNAME, Condition, Field, interface_value, within
from lvstui.kernel.nft.expressions import walk_through
from lvstui.kernel.nft.tables import RawRule, Table
from lvstui.kernel.nft.walk import Surroundings, Walk

_WAYS_MAX: Final = 16
"""Ways to one chain that are told one by one; where there are more, only the hooks that they start from are."""

_NETWORKS: Final = {"ip": 2, "ip6": 10}


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


class Ways:
    """The ways to the chains of one table."""

    def __init__(self, table: Table, around: Surroundings) -> None:
        self._table = table
        self._around = around
        self._known: dict[str, tuple[Way, ...]] = {}
        self._bases = {name: place for place, name in enumerate(table.chains)}

    def to(self, name: str) -> tuple[Way, ...]:
        """Give the ways to a chain; one without a hook where nothing leads to it."""
        if name not in self._known:
            self._known[name] = (Way(order=(len(self._bases),)),)  # what a loop would find
            self._known[name] = self._found(name) or self._known[name]
        return self._known[name]

    def _found(self, name: str) -> tuple[Way, ...]:
        chain = self._table.chains.get(name)
        if chain is not None and chain.hook:
            conditions = devices(chain.hook, chain.devices)
            return (Way(chain.hook, chain.priority, (), conditions, (self._bases[name],)),)
        found = [way for parent, rule in self._leading(name) for way in self._over(parent, rule, name)]
        return tuple(found) if len(found) <= _WAYS_MAX else _summed_up(found)

    def _leading(self, name: str) -> list[tuple[str, RawRule]]:
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        found = []
        for parent, rules in self._table.rules.items():
            for rule in rules:
                if rule.jumps and (wanted in rule.expressions or self._maps(rule, name)):
                    found.append((parent, rule))
        return found

    def _maps(self, rule: RawRule, name: str) -> bool:
        """Tell whether one of the rule's maps leads to the chain."""
        return any(
            set_name.encode("utf-8", "surrogateescape") + b"\0" in rule.expressions
            for set_name, content in self._table.contents.items()
            if any(element.verdict is not None and element.verdict.chain == name for element in content.elements)
        )

    def _over(self, parent: str, rule: RawRule, name: str) -> list[Way]:
        found = []
        for way in self.to(parent):
            if not way.hook:
                continue
            walk = walked(rule, way.conditions, self._around)
            for jump in walk.jumps:
                if jump.chain == name:
                    path = (*way.path, parent)
                    sure = way.sure and not walk.unknown
                    found.append(Way(way.hook, way.priority, path, jump.conditions, (*way.order, rule.place), sure))
        return found


def _summed_up(ways: list[Way]) -> tuple[Way, ...]:
    """Tell only where ways begin, where there are too many of them."""
    found: dict[tuple[str, int, str], Way] = {}
    for way in ways:
        several = Condition(f"by one of {len(ways)} ways", Field("ways", 0, "told"))
        found.setdefault(
            (way.hook, way.priority, way.path[0]),
            Way(way.hook, way.priority, way.path[:1], (several,), way.order, way.sure),
        )
    return tuple(found.values())


def walked(rule: RawRule, conditions: tuple[Condition, ...], around: Surroundings) -> Walk:
    """Go through a rule that is come to under these conditions."""
    walk = Walk(around, _NETWORKS.get(around.family))
    for condition in conditions:
        walk.ask(condition)
    walk_through(rule.expressions, walk)
    return walk


def devices(hook: str, names: tuple[str, ...]) -> tuple[Condition, ...]:
    """Ask for the devices that a chain is on."""
    if not names:
        return ()
    field = OIFNAME if hook == "egress" else IIFNAME
    return (within(field, tuple((interface_value(name),) * 2 for name in names)),)
