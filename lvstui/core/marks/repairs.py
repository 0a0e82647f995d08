"""Edits of marks that start from what was found: rules of others copied, lost ones put back, parts taken out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lvstui.core import fields
from lvstui.core.change import Change, change_group, change_service, remove_pool
from lvstui.core.fields import FieldError
from lvstui.core.marks.packets import FULL
from lvstui.core.marks.script import is_ours
from lvstui.core.model import (
    Director,
    Family,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    Persistence,
    Selector,
    ServerKey,
)
from lvstui.core.observed import Rule


def unadoptable(rule: Rule) -> str:
    """Say why a rule cannot be copied into our table; empty where it can."""
    if is_ours(rule):
        return "it stands in our own table"
    if not rule.decoded:
        return "it could not be decoded for certain, and a copy might mean other packets"
    if rule.verb != "set" or not rule.value:
        return "it sets no mark of its own"
    if rule.selector is None:
        conditions = ", ".join(rule.match) or f"the way to {rule.chain}"
        return f"its conditions are more than protocol, addresses, ports and interface ({fields.visible(conditions)})"
    return ""


def adopted(director: Director, rules: Iterable[Rule]) -> tuple[Change, ...]:
    """Return the changes that put copies of others' rules into our groups, each for the whole mark.

    Raises `FieldError` for the field `rule` with the reason where no rule can be copied.
    """
    groups = dict(director.groups)
    reasons = []
    for rule in rules:
        reason = unadoptable(rule)
        if reason or rule.value is None or rule.selector is None:
            reasons.append(reason)
            continue
        group = groups.get(rule.value) or MarkGroup(rule.value)
        if rule.selector not in group.selectors:
            groups[rule.value] = replace(group, selectors=(*group.selectors, rule.selector))
        else:
            reasons.append(f"our group {rule.value} has these packets already")
    held = director.groups
    changes = tuple(change_group(held.get(mark), group) for mark, group in groups.items() if held.get(mark) != group)
    if not changes:
        raise FieldError("rule", f"cannot be copied: {reasons[0] if reasons else 'there is none of others here'}")
    return changes


def cleared_bits(rules: Iterable[Rule]) -> str:
    """Warn of rules that set some bits only, where a copy sets all of them; empty where there are none."""
    masked = any(rule.mask != FULL and not unadoptable(rule) for rule in rules)
    return "the copy sets the whole mark, where the rule leaves other bits as they are" if masked else ""


def lost_changes(drift: Iterable[Change], marks: Sequence[int] | None = None) -> tuple[Change, ...]:
    """Choose of the way to the profile what puts lost groups back (None: all of them), their services with them."""
    return tuple(change for change in drift if _returns(change, marks))


def _returns(change: Change, marks: Sequence[int] | None) -> bool:
    match change:
        case Change(MarkGroupKey(mark) | MarkKey(mark) | ServerKey(MarkKey(mark)), None, _):
            return marks is None or mark in marks
        case _:
            return False


def without(group: MarkGroup, selector: Selector) -> Change:
    """Take some packets out of a group; the last ones end its rules."""
    kept = tuple(known for known in group.selectors if known != selector)
    return change_group(group, replace(group, selectors=kept) if kept else None)


def removed(director: Director, mark: int, *, services: bool) -> tuple[Change, ...]:
    """Return the changes that end a group: its rules first, then, if they are to go too, its services."""
    group = director.groups.get(mark)
    rules = (change_group(group, None),) if group else ()
    pools = [pool for family in Family if (pool := director.pools.get(MarkKey(mark, family)))] if services else []
    return (*rules, *(change for pool in pools for change in remove_pool(pool)))


def with_timeout(director: Director, mark: int, seconds: int) -> tuple[Change, ...]:
    """Return the changes that give all services of a mark the same persistence in seconds, 0 for none."""
    changes = []
    for family in Family:
        pool = director.pools.get(MarkKey(mark, family))
        if pool is None:
            continue
        persistence = (
            replace(pool.service.persistence or Persistence(mask=family.full_mask), timeout=seconds)
            if seconds
            else None
        )
        if persistence != pool.service.persistence:
            changes.append(change_service(pool.service, replace(pool.service, persistence=persistence)))
    return tuple(changes)
