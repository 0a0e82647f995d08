"""A firewall mark: its rules and what becomes of their packets, our group, its services, what was counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lvstui.core.marks.effect import effect_text, mark_set
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
from lvstui.core.observed import ALL_BITS, Rule, ServerStats
from lvstui.core.selectors import selector_text, several_ports
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell, Tone

_IPVS_INPUT: Final = 99
_IPVS_OUTPUT: Final = -98
"""Priorities of IPVS's hooks (net/netfilter/ipvs/ip_vs_core.c: NF_IP_PRI_NAT_SRC - 1, NF_IP_PRI_NAT_DST + 2)."""

_BEFORE: Final = ("prerouting", "ingress")

_ORDER: Final = ("ingress", "prerouting", "input", "output")
"""Hooks in the order in which packets come to them."""


def is_reached(rule: Rule) -> bool:
    """Return whether packets come to a rule at all: its chain is on a hook, or reached from one that is."""
    return bool(rule.hook)


def is_late(rule: Rule) -> bool:
    """Return whether IPVS has taken the packets by the time that a rule marks them."""
    match rule.hook:
        case "input":
            return rule.priority >= _IPVS_INPUT
        case "output":
            return rule.priority >= _IPVS_OUTPUT
        case hook:
            return hook not in _BEFORE


def overlap(one: Selector, other: Selector) -> bool:
    """Return whether some packet is meant by both."""
    if one.protocol is not None and other.protocol is not None and one.protocol != other.protocol:
        return False
    if one.interface and other.interface and one.interface != other.interface:
        return False
    if (
        one.addresses
        and other.addresses
        and not any(a.version == b.version and a.overlaps(b) for a in one.addresses for b in other.addresses)
    ):
        return False
    if not one.ports or not other.ports:
        return True
    return any(a.first <= b.last and b.first <= a.last for a in one.ports for b in other.ports)


def find_overwritten(rules: Sequence[Rule]) -> Mapping[int, Rule]:
    """Return for each rule that is overwritten, by its place, the first later rule that marks some of its packets.

    Only what is known as a selector is compared. Rules about single addresses are compared with those about the same
    address only: rulesets have thousands of them.
    """

    def moment(place: int) -> tuple[int, int, int]:
        hook, priority = rules[place].hook, rules[place].priority
        return (_ORDER.index(hook) if hook in _ORDER else len(_ORDER)), priority, place

    found: dict[int, Rule] = {}
    for outgoing in (False, True):
        places = [
            place
            for place, rule in enumerate(rules)
            if (rule.hook == "output") is outgoing and rule.verb == "set" and rule.value is not None
            if rule.selector is not None and not rule.dormant and is_reached(rule)
        ]
        places.sort(key=moment)
        found.update(_overwritten(rules, places))
    return found


def _overwritten(rules: Sequence[Rule], places: Sequence[int]) -> Iterable[tuple[int, Rule]]:
    """Go through rules from the last to the first, knowing the ranks of those that come after each."""
    after: list[int] = []
    wide: list[int] = []
    by_address: dict[Address, list[int]] = {}
    for rank in range(len(places) - 1, -1, -1):
        rule = rules[places[rank]]
        networks = rule.selector.addresses if rule.selector else ()
        single = bool(networks) and all(network.prefixlen == network.max_prefixlen for network in networks)
        addresses = [network.network_address for network in networks] if single else []
        candidates: Iterable[int] = reversed(after)
        if single:
            candidates = sorted({*wide, *(rank for address in addresses for rank in by_address.get(address, ()))})
        for other in (rules[places[candidate]] for candidate in candidates):
            differs = other.value != rule.value
            if differs and rule.selector and other.selector and overlap(rule.selector, other.selector):
                yield places[rank], other
                break
        if is_late(rule):
            continue
        after.append(rank)
        if not single:
            wide.append(rank)
        for address in addresses:
            by_address.setdefault(address, []).append(rank)


OTHERS: Final = 0
"""Stands in place of a mark for rules whose mark is unknown."""

STATES: Final[Mapping[str, str]] = {
    "ok": "packets get the mark, and a service takes them",
    "no rule": "a service on a mark that nothing sets: it sees no traffic",
    "lost": "the profile's rules are gone from the packet filter",
    "no service": "a mark without a service; it may serve something other than IPVS (routing, kube-proxy)",
    "no sticky": "several ports in one group, and no persistence: they may land on different servers",
    "masked": "a rule sets only some bits, but IPVS compares all 32",
    "late": "the rule's hook comes after IPVS's",
    "unreached": "nothing jumps to the rule's chain",
    "dormant": "the rule's table is switched off",
    "overwritten": "a later rule sets another mark",
    "raw": "a rule that could not be decoded; shown as it is",
    "unknown": "the rules of the packet filter could not be read",
}
"""The words for a state, each with what it means."""


@dataclass(frozen=True, slots=True)
class MarkRule:
    """A rule about a mark; `later` is the rule behind it that sets another mark for some of its packets."""

    rule: Rule
    later: Rule | None = None

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
        if mark_set(rule) is None:
            return Cell("", Tone.DIM)
        if is_late(rule):
            return Cell("late", Tone.BAD)
        if rule.mask != ALL_BITS:
            return Cell("masked", Tone.WARN)
        return Cell("overwritten", Tone.BAD) if self.later else Cell("ok", Tone.GOOD)

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
    servers of all services. `readable` says whether the rules of the packet filter are known.
    """

    number: int
    group: MarkGroup | None = None
    held: bool = False
    lost: bool = False
    rules: tuple[MarkRule, ...] = ()
    pools: tuple[Pool, ...] = ()
    counts: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]] = field(default_factory=dict, repr=False)
    readable: bool = False

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
    def sticky(self) -> int:
        """The persistence entries on the mark's services."""
        return sum(seen.sticky for pool in self.pools for seen in self.counts.get(pool.service.key, {}).values())

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
            return Cell("no service", Tone.WARN if self.held else Tone.DIM)
        if not self.rules:
            return Cell("no rule", Tone.BAD) if self.readable else Cell("unknown", Tone.DIM)
        flaws = [rule.state for rule in self.rules]
        if all(flaw.text != "ok" for flaw in flaws):
            return flaws[0]
        bundled = several_ports(rule.rule.selector for rule in self.rules if rule.rule.selector is not None)
        if bundled and any(pool.service.persistence is None and len(pool.servers) > 1 for pool in self.pools):
            return Cell("no sticky", Tone.WARN)
        return next((flaw for flaw in flaws if flaw.text != "ok"), Cell("ok", Tone.GOOD))


def marks(snapshot: Snapshot) -> Mapping[int, Mark]:
    """Return every mark that is set, configured or served, by its number; last `OTHERS`, where there are such rules."""
    reading = snapshot.reading
    readable = reading.rules is not None and not reading.rules.trouble
    director, saved = reading.director, snapshot.profile.saved
    rules = snapshot.derive(by_mark, every_rule(snapshot))
    return snapshot.derive(_marks, director, saved, rules, reading.servers, readable)


def pools_on(director: Director, mark: int) -> tuple[Pool, ...]:
    """Return the services on a mark, IPv4 before IPv6; last one whose family is not known."""
    return tuple(pool for family in (*Family, UNKNOWN_FAMILY) if (pool := director.pools.get(MarkKey(mark, family))))


def mark_at(snapshot: Snapshot, number: int) -> Mark:
    """Return a mark by its number; one without anything where there is none."""
    return marks(snapshot).get(number) or Mark(number)


def every_rule(snapshot: Snapshot) -> tuple[Rule, ...]:
    """Return all rules about marks that were read."""
    return snapshot.reading.rules.rules if snapshot.reading.rules else ()


def by_mark(rules: tuple[Rule, ...]) -> Mapping[int, tuple[MarkRule, ...]]:
    """Return the rules that set each mark; under `OTHERS` those that do something else, or were not decoded."""
    later = find_overwritten(rules)
    found: dict[int, list[MarkRule]] = {}
    for place, rule in enumerate(rules):
        number = mark_set(rule) or OTHERS
        found.setdefault(number, []).append(MarkRule(rule, later.get(place)))
    return {number: tuple(mark_rules) for number, mark_rules in found.items()}


def _marks(
    director: Director,
    saved: Director | None,
    rules: Mapping[int, tuple[MarkRule, ...]],
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
        )
        for number in ordered
    }


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
