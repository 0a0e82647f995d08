"""The ways that lead to a chain: from a base chain over jumps, with all that the jumping rules ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.packets.program import interface_number
from lvstui.kernel.nft.reading.conditions import Condition, in_words, match_values
from lvstui.kernel.nft.reading.fields import IIFNAME, OIFNAME
from lvstui.kernel.nft.reading.tables import RawChain

_MANY: Final = 16
"""Ways to one chain that are listed one by one; of more, only the hooks that they start from."""

_DEPTH_MAX: Final = 100
"""Chains on one way; nf_tables follows no more than 16 jumps (NFT_JUMP_STACK_SIZE)."""


class Approach(NamedTuple):
    """One way to a chain: its hook (empty: nothing leads here), the chains before it, and what it asks.

    `order` sorts them as packets take them. `sure` is False where conditions on the way are not understood.
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
    over: Callable[[Approach], Iterable[Asked]]


class Approaches:
    """The approaches to the chains of one table; `leading` returns the rules that lead to a chain."""

    def __init__(self, chains: Mapping[str, RawChain], leading: Callable[[str], Iterable[Lead]]) -> None:
        self._chains = chains
        self._leading = leading
        self._known: dict[str, tuple[Approach, ...]] = {}
        self._depth = 0
        self._bases = {name: place for place, name in enumerate(chains)}

    def to(self, name: str) -> tuple[Approach, ...]:
        """Return the approaches to a chain: one without a hook where nothing leads to it, or too much."""
        if name not in self._known:
            nowhere = (Approach(order=(len(self._bases),)),)  # what a loop would find
            if self._depth >= _DEPTH_MAX:
                return nowhere
            self._known[name] = nowhere
            self._depth += 1
            self._known[name] = self._found(name) or nowhere
            self._depth -= 1
        return self._known[name]

    def _found(self, name: str) -> tuple[Approach, ...]:
        chain = self._chains.get(name)
        if chain is not None and chain.hook:
            device = OIFNAME if chain.hook == "egress" else IIFNAME
            values = tuple((interface_number(interface),) * 2 for interface in chain.devices)
            conditions = (match_values(device, values),) if values else ()
            return (Approach(chain.hook, chain.priority, (), conditions, (self._bases[name],)),)
        found = [
            approach._replace(
                path=(*approach.path, lead.chain), conditions=asked, order=(*approach.order, lead.place), sure=sure
            )
            for lead in self._leading(name)
            for approach in self.to(lead.chain)
            if approach.hook
            for asked, sure in lead.over(approach)
        ]
        return tuple(found) if len(found) <= _MANY else _summed_up(found)


def _summed_up(approaches: list[Approach]) -> tuple[Approach, ...]:
    """Reduce approaches to where they begin, where there are too many of them."""
    found: dict[str, Approach] = {}
    for approach in approaches:
        several = in_words("by", f"one of {len(approaches)} ways")
        summed = approach._replace(path=approach.path[:1], conditions=(several,))
        found.setdefault(approach.path[0], summed)
    return tuple(found.values())
