"""What becomes of the packets that a rule marks: whether IPVS sees the mark, and who else sets it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lvstui.core.model import Ports, Selector
from lvstui.core.observed import Rule

FULL: Final = 0xFFFFFFFF
"""The mask of a rule that sets all bits of a mark."""

_IPVS_INPUT: Final = 99
_IPVS_OUTPUT: Final = -98
"""Priorities of IPVS's hooks (net/netfilter/ipvs/ip_vs_core.c: NF_IP_PRI_NAT_SRC - 1, NF_IP_PRI_NAT_DST + 2)."""

_BEFORE: Final = ("prerouting", "ingress")
_ORDER: Final = ("ingress", "prerouting", "input", "output")


def setting(rules: Iterable[Rule]) -> Mapping[int, Sequence[Rule]]:
    """Give the rules that set each mark, whole or in part."""
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        if rule.verb == "set" and rule.value:
            found.setdefault(rule.value, []).append(rule)
    return found


def reaches(rule: Rule) -> bool:
    """Tell whether packets come to a rule at all: its chain is on a hook, or reached from one that is."""
    return bool(rule.hook)


def late(rule: Rule) -> bool:
    """Tell whether IPVS has taken the packets by the time that a rule marks them."""
    match rule.hook:
        case "input":
            return rule.priority >= _IPVS_INPUT
        case "output":
            return rule.priority >= _IPVS_OUTPUT
        case hook:
            return hook not in _BEFORE


def overwriting(rule: Rule, rules: Sequence[Rule]) -> Rule | None:
    """Find a later rule that marks some of the same packets otherwise; only what is known as a selector is compared."""
    mine = _moment(rule, rules)
    for other in rules:
        if other.verb != "set" or other.value in (None, rule.value) or other.dormant or not reaches(other):
            continue
        if rule.selector is None or other.selector is None or not overlap(rule.selector, other.selector):
            continue
        on_the_same_way = (rule.hook == "output") == (other.hook == "output")
        if on_the_same_way and not late(other) and _moment(other, rules) > mine:
            return other
    return None


def _moment(rule: Rule, rules: Sequence[Rule]) -> tuple[int, int, int]:
    """Tell when a packet comes to a rule, to be compared with others on its way."""
    hook = _ORDER.index(rule.hook) if rule.hook in _ORDER else len(_ORDER)
    return hook, rule.priority, next(place for place, each in enumerate(rules) if each is rule)


def overlap(one: Selector, other: Selector) -> bool:
    """Tell whether some packet is meant by both."""
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
