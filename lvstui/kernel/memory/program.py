"""Rules of the memory kernel's packet filter as the program that a packet's walk runs through."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.model import Family, Selector
from lvstui.core.observed import Rule
from lvstui.core.packets.program import (
    Chain,
    Check,
    Line,
    Mark,
    Outcome,
    Program,
    Stop,
    Table,
    Verdict,
    interface_number,
)
from lvstui.core.selectors import family_of

_FAMILIES: Final = {Family.IPV4: (2, "ip daddr"), Family.IPV6: (10, "ip6 daddr")}


class _Base(NamedTuple):
    """A base chain."""

    tool: str
    family: str
    table: str
    chain: str
    hook: str
    priority: int


def program_of(rules: Iterable[Rule]) -> Program:
    """Return the program of rules that set marks, of those for which a selector says all that they ask."""
    bases: dict[_Base, dict[str, list[Line]]] = {}
    for rule in rules:
        if rule.hook and not rule.dormant and rule.selector is not None and rule.value is not None:
            path = (*rule.path, rule.chain)
            base = _Base(rule.tool, rule.family, rule.table, path[0], rule.hook, rule.priority)
            chains = bases.setdefault(base, {})
            for chain, following in pairwise(path):
                jump = Line((Verdict(Outcome.JUMP, following),), f"jump {following}")
                if jump not in chains.setdefault(chain, []):
                    chains[chain].append(jump)
            chains.setdefault(rule.chain, []).append(_line(rule, rule.selector, rule.value))
    hooks: dict[str, list[Stop]] = {}
    for base, chains in sorted(bases.items(), key=lambda pair: pair[0].priority):
        hooks.setdefault(base.hook, []).append(_stop(base, chains))
    return Program({hook: tuple(stops) for hook, stops in hooks.items()}, sys.byteorder)


def _stop(base: _Base, chains: dict[str, list[Line]]) -> Stop:
    held = {name: Chain(name, tuple(lines)) for name, lines in chains.items()}
    first = Chain(base.chain, tuple(chains[base.chain]), base.hook, base.priority)
    return Stop(Table(base.tool, base.family, base.table, held | {base.chain: first}), first)


def _line(rule: Rule, selector: Selector, value: int) -> Line:
    words = (*rule.match, f"meta mark set 0x{value:x}")
    return Line((*_checks(selector), Mark(value, rule.mask)), " ".join(words), rule.handle)


def _checks(selector: Selector) -> Iterator[Check]:
    """Yield what a selector asks of a packet."""
    family = family_of(selector)
    if selector.interface:
        yield Check(("iifname",), (_one(interface_number(selector.interface)),))
    if family is not None:
        number, address = _FAMILIES[family]
        yield Check(("meta nfproto",), (_one(number),))
        yield Check((address,), tuple((int(net[0]), int(net[-1])) for net in selector.addresses))
    if selector.protocol is not None:
        yield Check(("meta l4proto",), (_one(int(selector.protocol)),))
        if selector.ports:
            word = fields.PROTOCOL_WORDS.get(selector.protocol, "th")
            yield Check((f"{word} dport",), tuple((ports.first, ports.last) for ports in selector.ports))


def _one(number: int) -> tuple[int, int]:
    return number, number
