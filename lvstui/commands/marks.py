"""`lvstui show marks`: each firewall mark with its rules, services and flaws, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvstui.commands.tables import aligned
from lvstui.core.advice import services as advice
from lvstui.core.fields import visible
from lvstui.core.marks import cells as mark_cells
from lvstui.core.marks import mark as mark_facts
from lvstui.core.marks import rows as mark_rows
from lvstui.core.marks.cells import MARK_COLUMNS
from lvstui.core.marks.rows import MarkLook
from lvstui.core.observed import Rule
from lvstui.core.selectors import selector_text
from lvstui.core.snapshot import Snapshot
from lvstui.formats.json import Json, Table, observed_service

_RIGHT = frozenset(number for number, column in enumerate(MARK_COLUMNS) if column.right)


def lines(snapshot: Snapshot) -> list[str]:
    """Tell the marks as the marks view does with everything unfolded, then what an expert would point out."""
    look = MarkLook(unfolded=frozenset(mark_facts.marks(snapshot)))
    rows = mark_rows.rows(snapshot, look)
    told = [visible(mark_facts.summary(snapshot))]
    if rows:
        heads: Sequence[str] = [column.title.upper() for column in MARK_COLUMNS]
        cells = [[visible(cell.text) for cell in mark_rows.cells(snapshot, look, key)] for key in rows]
        told = [*aligned([heads, *cells], _RIGHT), "", *told]
    return [*told, *map(str, _warnings(snapshot))]


def document(snapshot: Snapshot) -> Table:
    """Put the marks into a document; null stands for what is not counted or cannot be told.

    `trouble` says why rules are not known, `missing` why none can be written; both are empty where all is well.
    """
    ruleset = snapshot.reading.rules
    found = _warnings(snapshot)
    marks = [_mark(snapshot, mark, found) for mark in mark_facts.marks(snapshot) if mark]
    return {
        "mark": list(marks),
        "other": [_rule(rule) for rule in mark_facts.rules_of(snapshot, 0)],
        "trouble": ruleset.trouble if ruleset else mark_facts.summary(snapshot),
        "missing": ruleset.missing if ruleset else "",
    }


def _warnings(snapshot: Snapshot) -> Sequence[advice.Advice]:
    return [each for each in advice.advice(snapshot) if each.mark is not None]


def _mark(snapshot: Snapshot, mark: int, found: Iterable[advice.Advice]) -> Table:
    group = mark_facts.group_of(snapshot, mark)
    pools = mark_facts.pools_of(snapshot, mark)
    return {
        "mark": mark,
        "name": group.name if group else "",
        "match": [selector_text(selector) for selector in group.selectors] if group else None,
        "packets": mark_facts.packets(snapshot, mark),
        "sticky": mark_facts.sticky(snapshot, mark),
        "state": mark_cells.state(snapshot, mark).text,
        "rules": [_rule(rule) for rule in mark_facts.rules_of(snapshot, mark)],
        "services": [observed_service(snapshot.reading, pool) for pool in pools],
        "warnings": [_warning(each) for each in found if each.mark == mark],
    }


def _warning(each: advice.Advice) -> Json:
    return {"about": each.about, "sentence": each.sentence, "reason": each.reason, "remedy": each.remedy}


def _rule(rule: Rule) -> Json:
    """Put a rule into a document; what stands in it comes from outside and is only data there."""
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
