"""What the packet filter of the memory kernel holds: rules of our own table and of others, and their counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lvstui.core.change import EMPTY
from lvstui.core.marks.script import CHAINS, FAMILY, PREROUTING, PRIORITY, TABLE, counter_name, match_words, rules
from lvstui.core.model import Director, MarkKey, ServiceKey
from lvstui.core.observed import Rule, Ruleset, Stats
from lvstui.core.packets.program import Program
from lvstui.kernel.memory.program import program_of

_BYTES = 640
"""Bytes of an average packet."""


class Rulebook:
    """Rules about marks; packets that reach a service on a mark were counted by the rules that set it."""

    def __init__(self, foreign: tuple[Rule, ...] = ()) -> None:
        self._foreign = foreign
        self._generation = 1
        self._known: tuple[Director, tuple[Rule, ...]] = (EMPTY, ())
        self._program = program_of(foreign)
        self._seen: dict[int, int] = {}
        self._packets: dict[int, int] = {}

    def read(self, director: Director, services: Mapping[ServiceKey, Stats]) -> Ruleset:
        """Return the rules for the groups of a director and for what its services counted by now."""
        ours = self._look(director)
        self._count(director, services)
        counted = tuple(self._with_counts(rule) for rule in (*ours, *self._foreign))
        return Ruleset(counted, self._generation, ours=bool(director.marks), program=self._program)

    def program(self, director: Director) -> Program:
        """Return the rules as the program that packets run through."""
        self._look(director)
        return self._program

    def _look(self, director: Director) -> tuple[Rule, ...]:
        """Return the rules of our table for the groups of a director."""
        known, ours = self._known
        if known.marks != director.marks:
            self._generation += 1
            ours = _ours(director)
            self._program = program_of((*ours, *self._foreign))
        self._known = director, ours
        return ours

    def _count(self, director: Director, services: Mapping[ServiceKey, Stats]) -> None:
        """Add what was counted since the last look; the counters of a service may start anew, those of rules do not."""
        arrived: dict[int, int] = {}
        for key, stats in services.items():
            if isinstance(key, MarkKey):
                arrived[key.mark] = arrived.get(key.mark, 0) + stats.in_packets
        held = {rule.value for rule in self._foreign} | set(director.groups)
        for mark, packets in arrived.items():
            before = self._seen.get(mark, 0)
            gained = packets - before if packets >= before else packets
            self._packets[mark] = self._packets.get(mark, 0) + gained if mark in held else 0
        self._seen = arrived

    def _with_counts(self, rule: Rule) -> Rule:
        gained = self._packets.get(rule.value or 0, 0)
        if rule.packets is None or rule.bytes is None or not gained:
            return rule
        return replace(rule, packets=rule.packets + gained, bytes=rule.bytes + gained * _BYTES)


def _ours(director: Director) -> tuple[Rule, ...]:
    """Return the rules of our table as they would be read from nf_tables."""
    return tuple(
        Rule(
            "nft",
            FAMILY,
            TABLE,
            chain,
            handle=len(director.groups) + 3 + number + (0 if chain == PREROUTING else 100),
            hook=chain,
            priority=PRIORITY,
            match=tuple(match_words(selector)),
            selector=selector,
            value=mark,
            packets=0,
            bytes=0,
            counter=counter_name(mark),
        )
        for chain in CHAINS
        for number, (mark, selector) in enumerate(rules(director.groups, chain))
    )
