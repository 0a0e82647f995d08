"""A firewall mark: its rules and what becomes of their packets, our group, its services, what was counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from lvstui.core.marks.arrivals import MAYBE, OK, Arrival, arrivals, is_late, is_reached
from lvstui.core.marks.effect import MarkParts, effect_text, mark_saved, mark_set
from lvstui.core.marks.origin import is_keepaliveds, is_swarms
from lvstui.core.marks.script import is_ours
from lvstui.core.model import (
    UNKNOWN_FAMILY,
    Address,
    Director,
    Endpoint,
    Family,
    MarkGroup,
    MarkKey,
    Pool,
    Selector,
    ServiceKey,
)
from lvstui.core.observed import ALL_BITS, Rule, ServerStats, sum_known
from lvstui.core.packets.mentions import redirects
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import UNKNOWN
from lvstui.core.selectors import selector_text, several_ports
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell, Tone

OTHERS: Final = 0
"""Stands in place of a mark for rules whose mark is unknown."""

STATES: Final[Mapping[str, str]] = {
    "ok": "packets get the mark, and a service takes them",
    "no rule": "a service on a mark that nothing sets: it sees no traffic",
    "lost": "the profile's rules are gone from the packet filter",
    "no service": "our rules, or one for a named address, set it, and no service takes its packets",
    "not ours": "no service and no group of ours has it: another program marks packets for itself",
    "no sticky": "several ports in one group, and no persistence: they may land on different servers",
    "masked": "a rule sets only some bits, others set the rest, and IPVS compares all 32",
    "maybe": "whether packets get the mark depends on what cannot be known here: a limit, a set, a raw rule",
    "late": "the rule's hook comes after IPVS's",
    "unreached": "nothing jumps to the rule's chain",
    "passed": "another rule ends the chain before packets come to the rule",
    "dormant": "the rule's table is switched off",
    "overwritten": "a later rule sets another mark",
    "raw": "a rule that could not be decoded; shown as it is",
    "unknown": "the rules of the packet filter could not be read",
}
"""The words for a state, each with what it means."""


_NAMED: Final = re.compile(r"ip6? daddr (?!!=)")
"""What begins a condition that names the addresses of packets in words."""

_TONES: Final = {OK: Tone.SECONDARY, MAYBE: Tone.DIM, "masked": Tone.WARN}


@dataclass(frozen=True, slots=True)
class MarkRule:
    """A rule about a mark; `arrival` is what walked packets show of it, None where none stands for what it is about."""

    rule: Rule
    arrival: Arrival | None = None

    @property
    def state(self) -> Cell:
        """Whether what the rule marks arrives at IPVS, in a word of `STATES`."""
        rule = self.rule
        if not rule.decoded:
            return Cell("raw", Tone.WARN)
        if rule.dormant:
            return Cell("dormant", Tone.BAD)
        if not is_reached(rule):
            return Cell("unreached", Tone.BAD)
        if self.arrival is not None:
            return Cell(self.arrival.state, _TONES.get(self.arrival.state, Tone.BAD))
        if mark_set(rule) is None:
            return Cell("", Tone.DIM)
        return Cell("late", Tone.BAD) if is_late(rule) else Cell(MAYBE, Tone.DIM)

    @property
    def failed(self) -> Arrival | None:
        """What shows that what the rule marks does not arrive; None where nothing does."""
        return self.arrival if self.arrival is not None and self.arrival.state not in (OK, MAYBE) else None

    @property
    def match(self) -> str:
        """Which packets the rule is about, in as few words as possible."""
        rule = self.rule
        if not rule.decoded and rule.raw:
            return rule.raw
        if rule.selector is not None:
            return selector_text(rule.selector)
        return ", ".join(rule.match) or (f"what comes to {rule.chain}" if rule.path else "everything")

    @property
    def verb(self) -> str:
        """What the rule does with marks: `set 80`, `set 0x50/0xff`, `turn on 0x10`, `flip 0x3`, `save`, `restore`."""
        return effect_text(self.rule)

    @property
    def names_an_address(self) -> bool:
        """Whether the rule sets a whole mark for packets to a named address, as a rule for IPVS does."""
        rule = self.rule
        if rule.verb != "set" or rule.mask != ALL_BITS:
            return False
        if rule.selector is not None:
            return bool(rule.selector.addresses)
        return any(_NAMED.match(condition) for condition in rule.match)

    @property
    def where(self) -> str:
        """The table that the rule stands in: `lvstui`, `ip mangle`, `ip mangle (legacy)`."""
        rule = self.rule
        return "lvstui" if is_ours(rule) else f"{rule.family} {rule.table}{'' if rule.tool == 'nft' else ' (legacy)'}"

    @property
    def hook(self) -> str:
        """The hook and priority at which packets come to the rule; empty where they do not."""
        return f"{self.rule.hook} {self.rule.priority}" if self.rule.hook else ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark (1..2^32-1, or `OTHERS`).

    `group` is ours, or the profile's where ours was `lost` or cannot be in the packet filter; `held` says whether our
    table has it. `pools` are the services on the mark, IPv4 before IPv6, and `counts` what the kernel counts of the
    servers of all services. `readable` says whether the rules of the packet filter are known, `possible` whether they
    may make the mark of parts though none of them sets it.
    """

    number: int
    group: MarkGroup | None = None
    held: bool = False
    lost: bool = False
    rules: tuple[MarkRule, ...] = ()
    pools: tuple[Pool, ...] = ()
    counts: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]] = field(default_factory=dict, repr=False)
    readable: bool = False
    possible: bool = False

    @property
    def names(self) -> Sequence[str]:
        """The group's name, or those of the services where it has none."""
        named = [self.group.name] if self.group and self.group.name else [pool.service.name for pool in self.pools]
        return list(dict.fromkeys(filter(None, named)))

    @property
    def packets(self) -> int | None:
        """The packets that got the mark so far; None where nothing counts them. A shared counter counts once."""
        counted = {
            (rule.tool, rule.family, rule.table, rule.counter or f"{rule.chain} {rule.handle} {place}"): rule.packets
            for place, rule in enumerate(mark_rule.rule for mark_rule in self.rules)
        }
        known = [count for count in counted.values() if count is not None]
        return sum(known) if known else None

    @property
    def sticky(self) -> int | None:
        """The persistence entries on the mark's services; None where they are not known."""
        return sum_known(seen.sticky for pool in self.pools for seen in self.counts.get(pool.service.key, {}).values())

    @property
    def servers(self) -> int:
        """How many real servers its services have."""
        return sum(len(pool.servers) for pool in self.pools)

    @property
    def selectors(self) -> Sequence[Selector]:
        """The packets that are known to get the mark: those of our group, then those of rules."""
        found = list(self.group.selectors) if self.group else []
        return [*found, *(rule.rule.selector for rule in self.rules if rule.rule.selector is not None)]

    @property
    def matches(self) -> Sequence[str]:
        """Which packets get the mark, in words: what our group says, then what others' rules add to it."""
        ours = map(selector_text, self.group.selectors) if self.group else ()
        others = (rule.match for rule in self.rules if self.group is None or not is_ours(rule.rule))
        return list(dict.fromkeys((*ours, *others)))

    @property
    def state(self) -> Cell:
        """How the mark is, in a word of `STATES`."""
        if self.number == OTHERS:
            return Cell("raw" if any(not rule.rule.decoded for rule in self.rules) else "", Tone.DIM)
        if self.lost:
            return Cell("lost", Tone.BAD)
        if not self.pools:
            if self.group is None and not any(known.names_an_address for known in self.rules):
                return Cell("not ours", Tone.SECONDARY)
            return Cell("no service", Tone.WARN if self.held else Tone.DIM)
        if not self.rules:
            lacking = Cell(MAYBE, Tone.DIM) if self.possible else Cell("no rule", Tone.BAD)
            return lacking if self.readable else Cell("unknown", Tone.DIM)
        flaws = [rule.state for rule in self.rules]
        if all(flaw.text != "ok" for flaw in flaws):
            return flaws[0]
        if any(self._scatters(pool) for pool in self.pools):
            return Cell("no sticky", Tone.WARN)
        return next((flaw for flaw in flaws if flaw.text != "ok"), Cell("ok", Tone.SECONDARY))

    def _scatters(self, pool: Pool) -> bool:
        """Return whether a service may send a client's connections to several ports to different servers."""
        if pool.service.persistence is not None or len(pool.servers) < 2:
            return False
        rules = [known.rule for known in self.rules]
        arriving = (known.rule.selector for known in self.rules if known.state.text == OK)
        bundled = several_ports(selector for selector in arriving if selector is not None)
        return bundled and not is_keepaliveds(rules) and not is_swarms(rules, pool)


def marks(snapshot: Snapshot) -> Mapping[int, Mark]:
    """Return every mark that is set, configured or served, by its number; last `OTHERS`, where there are such rules."""
    reading = snapshot.reading
    readable = reading.rules is not None and not reading.rules.trouble
    director, saved = reading.director, snapshot.profile.saved
    rules = snapshot.derive(by_mark, every_rule(snapshot), found_arrivals(snapshot))
    parts = snapshot.derive(MarkParts.of, every_rule(snapshot))
    return snapshot.derive(_marks, director, saved, rules, parts, reading.servers, readable)


def found_arrivals(snapshot: Snapshot, rest: Callable[[], None] = lambda: None) -> Mapping[int, Arrival]:
    """Return what becomes of the packets of each rule by its place; worked out again when a rule has changed.

    Counters are parts of rules, and leave the program of the rules as it is. `rest` is called between the rules.
    """
    ruleset, interfaces = snapshot.reading.rules, snapshot.interfaces
    if ruleset is None:
        return {}
    rules, program = ruleset.rules, ruleset.program
    around = surroundings(snapshot)
    depends = program, len(rules), next(iter(interfaces), ""), around
    return snapshot.derived.get_for(arrivals, depends, lambda: arrivals(rules, program, interfaces, around, rest))


def surroundings(snapshot: Snapshot) -> Surroundings:
    """Return what walks ask of the machine: the addresses of interfaces, where a rule redirects packets to them.

    It is the same object until they change; where no rule asks they may change without walks being done again.
    """
    ruleset = snapshot.reading.rules
    if ruleset is None or not ruleset.rules or not snapshot.derive(redirects, ruleset.program):
        return UNKNOWN
    return snapshot.derive(_surroundings, snapshot.reading.addresses)


def _surroundings(addresses: Mapping[str, tuple[Address, ...]]) -> Surroundings:
    return Surroundings(addresses=addresses.get)


def pools_on(director: Director, mark: int) -> tuple[Pool, ...]:
    """Return the services on a mark, IPv4 before IPv6; last one whose family is not known."""
    return tuple(pool for family in (*Family, UNKNOWN_FAMILY) if (pool := director.pools.get(MarkKey(mark, family))))


def mark_at(snapshot: Snapshot, number: int) -> Mark:
    """Return a mark by its number; one without anything where there is none."""
    return marks(snapshot).get(number) or Mark(number)


def every_rule(snapshot: Snapshot) -> tuple[Rule, ...]:
    """Return all rules about marks that were read."""
    return snapshot.reading.rules.rules if snapshot.reading.rules else ()


def by_mark(
    rules: tuple[Rule, ...], found: Mapping[int, Arrival] = MappingProxyType({})
) -> Mapping[int, tuple[MarkRule, ...]]:
    """Return the rules that set each mark; under `OTHERS` those that do something else, or were not decoded.

    `found` is what becomes of their packets, by their places. What a rule writes to the mark of a connection, from
    where another one restores it, is set by that rule.
    """
    restored = any(rule.verb == "restore" and is_reached(rule) for rule in rules)
    grouped: dict[int, list[MarkRule]] = {}
    for place, rule in enumerate(rules):
        number = mark_set(rule) or (mark_saved(rule) if restored else None) or OTHERS
        grouped.setdefault(number, []).append(MarkRule(rule, found.get(place)))
    return {number: tuple(mark_rules) for number, mark_rules in grouped.items()}


def _marks(
    director: Director,
    saved: Director | None,
    rules: Mapping[int, tuple[MarkRule, ...]],
    parts: MarkParts,
    counts: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]],
    readable: bool,
) -> Mapping[int, Mark]:
    held, profile = director.groups, saved.groups if saved else {}
    gone = lost_groups(saved, director)
    absent = gone if director.marks is not None else profile.keys()
    numbers = {key.mark for key in director.pools if isinstance(key, MarkKey)} | held.keys() | rules.keys() | absent
    ordered = [*sorted(numbers - {OTHERS}), *([OTHERS] if OTHERS in rules else [])]
    return {
        number: Mark(
            number,
            held.get(number) or (profile.get(number) if number in absent else None),
            number in held,
            number in gone,
            rules.get(number, ()),
            pools_on(director, number),
            counts,
            readable,
            parts.may_make(number),
        )
        for number in ordered
    }


def unset_marks(snapshot: Snapshot) -> frozenset[int] | None:
    """Return the marks of services that no rule sets; None where not all rules are known.

    Worked out again when something configured or a rule has changed.
    """
    ruleset = snapshot.reading.rules
    if ruleset is None or ruleset.trouble:
        return None
    return snapshot.derive_whole(_unset, snapshot.reading.director, snapshot.profile.saved, ruleset.program)


def _unset(snapshot: Snapshot) -> frozenset[int] | None:
    if any(not rule.decoded for rule in every_rule(snapshot)):
        return None
    found = marks(snapshot).values()
    return frozenset(m.number for m in found if m.pools and (m.lost or not (m.rules or m.possible)))


def lost_groups(saved: Director | None, held: Director) -> frozenset[int]:
    """Return the marks whose rules the profile has and the packet filter lacks."""
    if saved is None or held.marks is None:
        return frozenset()
    return frozenset(saved.groups) - frozenset(held.groups)


def summary(snapshot: Snapshot) -> str:
    """Return in a line what is known of the rules, or why nothing is."""
    ruleset = snapshot.reading.rules
    if ruleset is None:
        return "rules of the packet filter are not read here"
    if not ruleset.rules and (ruleset.trouble or ruleset.missing):
        return ruleset.trouble or ruleset.missing
    count = len(ruleset.rules)
    foreign = sum(not is_ours(rule) for rule in ruleset.rules)
    raw = sum(not rule.decoded for rule in ruleset.rules)
    text = f"{count} rule{'' if count == 1 else 's'} about marks, {foreign} of others"
    text += f", {raw} not decoded" if raw else ""
    return "; ".join(dict.fromkeys(filter(None, (text, ruleset.trouble, ruleset.missing))))


def why_not_writable(snapshot: Snapshot) -> str:
    """Return why rules cannot be written here; empty where they can."""
    ruleset = snapshot.reading.rules
    return summary(snapshot) if ruleset is None else ruleset.missing


def hooks(rules: Iterable[MarkRule]) -> Iterable[str]:
    """Return hooks and priorities, the hooks of one priority together: `prerouting/output -120`."""
    found: dict[int, dict[str, None]] = {}
    for mark_rule in rules:
        if mark_rule.rule.hook:
            found.setdefault(mark_rule.rule.priority, {})[mark_rule.rule.hook] = None
    return (f"{'/'.join(names)} {priority}" for priority, names in found.items())
