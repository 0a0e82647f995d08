"""What becomes of the packets that a rule marks: whether IPVS sees the mark, and who else sets it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lvstui.core.model import Address, Ports, Selector
from lvstui.core.observed import Rule

FULL: Final = 0xFFFFFFFF
"""The mask of a rule that sets all bits of a mark."""

_IPVS_INPUT: Final = 99
_IPVS_OUTPUT: Final = -98
"""Priorities of IPVS's hooks (net/netfilter/ipvs/ip_vs_core.c: NF_IP_PRI_NAT_SRC - 1, NF_IP_PRI_NAT_DST + 2)."""

_BEFORE: Final = ("prerouting", "ingress")

_ORDER: Final = ("ingress", "prerouting", "input", "output")
"""Hooks in the order in which packets come to them."""


def setting(rules: Iterable[Rule]) -> Mapping[int, Sequence[Rule]]:
    """Return the rules that set each mark, whole or in part."""
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        if rule.verb == "set" and rule.value:
            found.setdefault(rule.value, []).append(rule)
    return found


def reaches(rule: Rule) -> bool:
    """Return whether packets come to a rule at all: its chain is on a hook, or reached from one that is."""
    return bool(rule.hook)


def late(rule: Rule) -> bool:
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
    if one.addresses and other.addresses and not _common_address(one, other):
        return False
    return not one.ports or not other.ports or any(_meet(a, b) for a in one.ports for b in other.ports)


def _common_address(one: Selector, other: Selector) -> bool:
    return any(a.version == b.version and a.overlaps(b) for a in one.addresses for b in other.addresses)


def _meet(one: Ports, other: Ports) -> bool:
    return one.first <= other.last and other.first <= one.last


def overwritten(rules: Sequence[Rule]) -> Mapping[int, Rule]:
    """Return for each rule that is overwritten, by its place, the first later rule that marks some of its packets.

    Only what is known as a selector is compared. Rules about single addresses are compared with those about the same
    address only: rulesets have thousands of them.
    """
    found: dict[int, Rule] = {}
    for outgoing in (False, True):
        on_the_way = [
            place
            for place, rule in enumerate(rules)
            if (rule.hook == "output") is outgoing and rule.verb == "set" and rule.value is not None
            if rule.selector is not None and not rule.dormant and reaches(rule)
        ]
        on_the_way.sort(key=lambda place: (*_moment(rules[place]), place))
        found.update(_overwritten(rules, on_the_way))
    return found


def _moment(rule: Rule) -> tuple[int, int]:
    return (_ORDER.index(rule.hook) if rule.hook in _ORDER else len(_ORDER)), rule.priority


def _overwritten(rules: Sequence[Rule], places: Sequence[int]) -> Iterable[tuple[int, Rule]]:
    """Go through rules from the last to the first, knowing the ranks of those that come after each."""
    after: list[int] = []
    wide: list[int] = []
    by_address: dict[Address, list[int]] = {}
    for rank in range(len(places) - 1, -1, -1):
        rule = rules[places[rank]]
        single = _single(rule.selector)
        if single is None:
            candidates: Iterable[int] = reversed(after)
        else:
            candidates = sorted({*wide, *(rank for address in single for rank in by_address.get(address, ()))})
        for other in (rules[places[candidate]] for candidate in candidates):
            if (
                other.value != rule.value
                and rule.selector
                and other.selector
                and overlap(rule.selector, other.selector)
            ):
                yield places[rank], other
                break
        if late(rule):
            continue
        after.append(rank)
        if single is None:
            wide.append(rank)
        for address in single or ():
            by_address.setdefault(address, []).append(rank)


def _single(selector: Selector | None) -> Sequence[Address] | None:
    """Return the addresses of a selector that is about single ones only; None for any other."""
    if selector is None or not selector.addresses:
        return None
    if any(network.prefixlen != network.max_prefixlen for network in selector.addresses):
        return None
    return [network.network_address for network in selector.addresses]
