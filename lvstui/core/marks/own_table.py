"""The groups that our own table of the packet filter holds, found again in the rules that were read; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lvstui.core.marks.packets import FULL
from lvstui.core.marks.script import FAMILY, PREROUTING, TABLE
from lvstui.core.model import MarkGroup, Selector
from lvstui.core.observed import Rule


def is_ours(rule: Rule) -> bool:
    """Tell whether a rule stands in our own table."""
    return rule.tool == "nft" and rule.family == FAMILY and rule.table == TABLE


def groups(rules: Iterable[Rule]) -> Mapping[int, MarkGroup]:
    """Put the rules of our table together to groups; what somebody else wrote into it and we could not, is left out."""
    found: dict[int, list[Selector]] = {}
    for rule in rules:
        if is_ours(rule) and rule.chain == PREROUTING and rule.selector is not None and plain(rule) is not None:
            found.setdefault(plain(rule) or 0, []).append(rule.selector)
    return {mark: MarkGroup(mark, tuple(selectors)) for mark, selectors in sorted(found.items())}


def plain(rule: Rule) -> int | None:
    """Give the mark that a rule sets as a whole; None where it sets some bits only, or does something else."""
    return rule.value if rule.decoded and rule.verb == "set" and rule.mask == FULL and rule.value else None
