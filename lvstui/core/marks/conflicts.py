"""Which rules set a mark that a later rule overwrites, worked out for a whole ruleset at once; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lvstui.core.marks.packets import late, overlap, reaches
from lvstui.core.model import Address, Selector
from lvstui.core.observed import Rule
from lvstui.core.view.memo import Remembered

_ORDER: Final = ("ingress", "prerouting", "input", "output")


def overwritten(rules: Sequence[Rule]) -> Mapping[int, Rule]:
    """Give for each rule that is overwritten, by its place, the first later rule that marks some of its packets.

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


def overwriting(rule: Rule, rules: Sequence[Rule]) -> Rule | None:
    """Find the later rule that marks some of the same packets otherwise; `rule` is one of these rules."""
    return _overwriting(rules).get(id(rule))


def _by_rule(rules: Sequence[Rule]) -> Mapping[int, Rule]:
    return {id(rules[place]): other for place, other in overwritten(rules).items()}


_overwriting: Final = Remembered(_by_rule)


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
            candidates = sorted({*wide, *(each for address in single for each in by_address.get(address, ()))})
        for other in (rules[places[each]] for each in candidates):
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
    """Give the addresses of a selector that is about single ones only; None for any other."""
    if selector is None or not selector.addresses:
        return None
    if any(network.prefixlen != network.max_prefixlen for network in selector.addresses):
        return None
    return [network.network_address for network in selector.addresses]
