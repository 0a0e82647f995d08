"""The ways by which packets come to a chain: from base chains over jumps, with the conditions of the jumping rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from lvstui.kernel.nft.reading.conditions import IIFNAME, OIFNAME, Condition, Field, interface_value, match_values

_WAYS_MAX: Final = 16
"""Ways to one chain that are listed one by one; of more, only the hooks that they start from."""


class Chain(NamedTuple):
    """A chain; `hook` is empty for one that is only jumped to. `devices` are those of a chain on network devices."""

    name: str
    hook: str = ""
    priority: int = 0
    devices: tuple[str, ...] = ()


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
        self._bases = {name: place for place, name in enumerate(chains)}

    def to(self, name: str) -> tuple[Way, ...]:
        """Return the ways to a chain; one without a hook where nothing leads to it."""
        if name not in self._known:
            self._known[name] = (Way(order=(len(self._bases),)),)  # what a loop would find
            self._known[name] = self._found(name) or self._known[name]
        return self._known[name]

    def _found(self, name: str) -> tuple[Way, ...]:
        chain = self._chains.get(name)
        if chain is not None and chain.hook:
            asked = _devices(chain)
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
        several = Condition(f"by one of {len(ways)} ways", Field("ways", 0, "words"))
        summed = Way(way.hook, way.priority, way.path[:1], (several,), way.order, way.sure)
        found.setdefault(way.path[0], summed)
    return tuple(found.values())


def _devices(chain: Chain) -> tuple[Condition, ...]:
    """Return the condition for the devices that a chain is on."""
    if not chain.devices:
        return ()
    field = OIFNAME if chain.hook == "egress" else IIFNAME
    return (match_values(field, tuple((interface_value(name),) * 2 for name in chain.devices)),)
