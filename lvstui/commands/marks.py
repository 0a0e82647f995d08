"""`lvstui show marks`: each firewall mark with its rules, services and flaws, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvstui.commands.tables import aligned
from lvstui.core.advice import Advice
from lvstui.core.advice import services as advice
from lvstui.core.fields import visible
from lvstui.core.marks.columns import MARK_COLUMNS
from lvstui.core.marks.mark import OTHERS, Mark, mark_at, marks, summary
from lvstui.core.marks.rows import MarkLook, cells, rows
from lvstui.core.observed import Rule
from lvstui.core.selectors import selector_text
from lvstui.core.snapshot import Snapshot
from lvstui.formats.json import Json, Table, observed_service

_RIGHT = frozenset(number for number, column in enumerate(MARK_COLUMNS) if column.right)


def lines(snapshot: Snapshot) -> list[str]:
    """Return the marks as the marks view does with everything unfolded, then what an expert would point out."""
    look = MarkLook(unfolded=frozenset(marks(snapshot)))
    text = [visible(summary(snapshot))]
    if keys := rows(snapshot, look):
        heads: Sequence[str] = [column.title.upper() for column in MARK_COLUMNS]
        table = [[visible(cell.text) for cell in cells(snapshot, look, key)] for key in keys]
        text = [*aligned([heads, *table], _RIGHT), "", *text]
    return [*text, *map(str, _warnings(snapshot))]


def document(snapshot: Snapshot) -> Table:
    """Return the marks as a document; null stands for what is not counted or cannot be told.

    `trouble` says why rules are not known, `missing` why none can be written; both are empty where all is well.
    """
    ruleset = snapshot.reading.rules
    found = _warnings(snapshot)
    known = [_mark(snapshot, mark, found) for number, mark in marks(snapshot).items() if number != OTHERS]
    return {
        "mark": list(known),
        "other": [_rule(known.rule) for known in mark_at(snapshot, OTHERS).rules],
        "trouble": ruleset.trouble if ruleset else summary(snapshot),
        "missing": ruleset.missing if ruleset else "",
    }


def _warnings(snapshot: Snapshot) -> Sequence[Advice]:
    return [advised for advised in advice.advice(snapshot) if advised.mark is not None]


def _mark(snapshot: Snapshot, mark: Mark, found: Iterable[Advice]) -> Table:
    group = mark.group
    return {
        "mark": mark.number,
        "name": group.name if group else "",
        "match": [selector_text(selector) for selector in group.selectors] if group else None,
        "packets": mark.packets,
        "sticky": mark.sticky,
        "state": mark.state.text,
        "rules": [_rule(known.rule) for known in mark.rules],
        "services": [observed_service(snapshot.reading, pool) for pool in mark.pools],
        "warnings": [_warning(advised) for advised in found if advised.mark == mark.number],
    }


def _warning(advised: Advice) -> Json:
    return {"about": advised.about, "sentence": advised.sentence, "reason": advised.reason, "remedy": advised.remedy}


def _rule(rule: Rule) -> Json:
    """Return a rule as a document; what stands in it comes from outside and is only data there."""
    return {
        "tool": rule.tool,
        "family": rule.family,
        "table": rule.table,
        "chain": rule.chain,
        "path": list(rule.path),
        "handle": rule.handle or None,
        "hook": rule.hook or None,
        "priority": rule.priority if rule.hook else None,
        "match": list(rule.match),
        "selector": selector_text(rule.selector) if rule.selector is not None else None,
        "verb": rule.verb,
        "value": rule.value,
        "mask": rule.mask,
        "packets": rule.packets,
        "bytes": rule.bytes,
        "counter": rule.counter or None,
        "comment": rule.comment,
        "dormant": rule.dormant,
        "decoded": rule.decoded,
        "raw": rule.raw or None,
    }
