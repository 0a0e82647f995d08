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
