"""What is known of each firewall mark: the rules that set it, our group, the services on it, what was counted; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lvstui.core.marks.own_table import is_ours
from lvstui.core.model import Director, Family, MarkGroup, MarkKey, Pool
from lvstui.core.observed import Rule
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.memo import Remembered

OTHERS: Final = 0
"""Stands for the rules that set no mark that can be told."""


def every_rule(snapshot: Snapshot) -> tuple[Rule, ...]:
    """Give all rules about marks that were read."""
    return snapshot.reading.rules.rules if snapshot.reading.rules else ()


def marks(snapshot: Snapshot) -> Sequence[int]:
    """List every mark that is set, configured or served; `OTHERS` last, for rules whose mark cannot be told."""
    director = snapshot.reading.director
    by_mark = _by_mark(every_rule(snapshot))
    found = {key.mark for key in director.pools if isinstance(key, MarkKey)}
    found |= set(director.marks or {}) | set(by_mark) | lost(snapshot) | set(_unwritable(snapshot))
    found.discard(OTHERS)
    return [*sorted(found), *([OTHERS] if OTHERS in by_mark else [])]


def rules_of(snapshot: Snapshot, mark: int) -> Sequence[Rule]:
    """Give the rules that set a mark; for `OTHERS` those that do something else with marks, or were not decoded."""
    return _by_mark(every_rule(snapshot)).get(mark, ())


def _sorted_by_mark(rules: Sequence[Rule]) -> Mapping[int, Sequence[Rule]]:
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        found.setdefault((rule.value or OTHERS) if rule.verb == "set" else OTHERS, []).append(rule)
    return found


_by_mark: Final = Remembered(_sorted_by_mark)


def lost(snapshot: Snapshot) -> frozenset[int]:
    """Tell the marks whose rules the profile has and the kernel lacks."""
    return _lost(snapshot.profile.saved, snapshot.reading.director)


def _missing(saved: Director | None, held: Director) -> frozenset[int]:
    if saved is None or held.marks is None:
        return frozenset()
    return frozenset(saved.marks or {}) - frozenset(held.marks)


_lost: Final = Remembered(_missing)


def pools_of(snapshot: Snapshot, mark: int) -> Sequence[Pool]:
    """Give the services on a mark, IPv4 before IPv6."""
    pools = snapshot.reading.director.pools
    keys = [MarkKey(mark, family) for family in Family]
    return [pools[key] for key in keys if key in pools]


def group_of(snapshot: Snapshot, mark: int) -> MarkGroup | None:
    """Give our group for a mark, or the profile's where ours was lost or cannot be in the packet filter."""
    held = (snapshot.reading.director.marks or {}).get(mark)
    saved = snapshot.profile.saved
    if held or saved is None or (mark not in lost(snapshot) and mark not in _unwritable(snapshot)):
        return held
    return (saved.marks or {}).get(mark)


def _unwritable(snapshot: Snapshot) -> Mapping[int, MarkGroup]:
    """Give the profile's groups where the packet filter cannot tell of any."""
    saved = snapshot.profile.saved
    return (saved.marks or {}) if saved and snapshot.reading.director.marks is None else {}


def names_of(snapshot: Snapshot, mark: int) -> Sequence[str]:
    """Give the group's name, or those of the services where it has none."""
    group = group_of(snapshot, mark)
    names = [group.name] if group and group.name else [pool.service.name for pool in pools_of(snapshot, mark)]
    return list(dict.fromkeys(filter(None, names)))


def packets(snapshot: Snapshot, mark: int) -> int | None:
    """Count the packets that got a mark so far; None where nothing counts them. A shared counter counts once."""
    counted = {
        (rule.tool, rule.family, rule.table, rule.counter or f"{rule.chain} {rule.handle} {place}"): rule.packets
        for place, rule in enumerate(rules_of(snapshot, mark))
    }
    known = [count for count in counted.values() if count is not None]
    return sum(known) if known else None


def sticky(snapshot: Snapshot, mark: int) -> int:
    """Count the persistence entries on a mark's services."""
    found = snapshot.reading.servers
    return sum(seen.sticky for pool in pools_of(snapshot, mark) for seen in found.get(pool.service.key, {}).values())


def summary(snapshot: Snapshot) -> str:
    """Say in a line what is known of the rules, or why nothing is."""
    ruleset = snapshot.reading.rules
    if ruleset is None:
        return "rules of the packet filter are not read here"
    if not ruleset.rules and (ruleset.trouble or ruleset.missing):
        return ruleset.trouble or ruleset.missing
    count = len(ruleset.rules)
    foreign = sum(not is_ours(rule) for rule in ruleset.rules)
    raw = sum(not rule.decoded for rule in ruleset.rules)
    told = f"{count} rule{'' if count == 1 else 's'} about marks, {foreign} of others"
    told += f", {raw} not decoded" if raw else ""
    return "; ".join(dict.fromkeys(filter(None, (told, ruleset.trouble, ruleset.missing))))


def unwritten(snapshot: Snapshot) -> str:
    """Say why rules cannot be written here; empty where they can."""
    ruleset = snapshot.reading.rules
    return summary(snapshot) if ruleset is None else ruleset.missing
