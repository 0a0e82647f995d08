"""The rows of the marks view in order, marks with their rules and servers, and everything about one mark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.marks.columns import MARK_COLUMNS, MarkRow, MarkServerRow, Row, persist_text, place
from lvstui.core.marks.mark import Mark, MarkRule, mark_at, marks
from lvstui.core.marks.script import iptables_lines, script
from lvstui.core.model import MarkGroup, MarkKey, Pool, ServerKey
from lvstui.core.observed import ALL_BITS
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import seen_on, server_options, server_state
from lvstui.core.view.filter import Filter
from lvstui.core.view.table import Arranged, Cell, RowColumn, shown_columns, sort_key
from lvstui.core.view.table import cells as row_cells


class GroupRow(NamedTuple):
    """A mark; 0 stands for rules whose mark is unknown."""

    mark: int


class RuleRow(NamedTuple):
    """A rule below its mark, known by where it stands.

    `place` numbers rules that are otherwise alike: those without a handle, and one that is reachable by several paths.
    """

    mark: int
    tool: str
    family: str
    table: str
    chain: str
    handle: int
    place: int


MarkRowKey: TypeAlias = GroupRow | RuleRow | ServerKey


@dataclass(frozen=True, slots=True)
class MarkLook(Arranged):
    """How an operator looks at the marks: what to find, in which order, and what is unfolded."""

    filter: Filter[Mark] = field(default_factory=Filter)
    unfolded: frozenset[int] = frozenset()
    sort: str = "mark"


def columns(look: MarkLook) -> tuple[RowColumn[Row], ...]:
    """Return the columns that are not hidden."""
    return shown_columns(MARK_COLUMNS, look)


def rows(snapshot: Snapshot, look: MarkLook) -> list[MarkRowKey]:
    """List the marks that the filter finds in order, below an unfolded one its rules and its real servers."""
    found = [MarkRow(mark) for mark in marks(snapshot).values() if look.filter.holds(mark)]
    keys: list[MarkRowKey] = []
    order = sort_key(MARK_COLUMNS, look, place)
    for row in sorted(found, key=order, reverse=look.descending):
        mark = row.mark
        keys.append(GroupRow(mark.number))
        if mark.number in look.unfolded:
            keys += rule_rows(mark)
            keys += [ServerKey(pool.service.key, endpoint) for pool in mark.pools for endpoint in pool.servers]
    return keys


def rule_rows(mark: Mark) -> Mapping[RuleRow, MarkRule]:
    """Return the rules of a mark by their rows."""
    places: Counter[RuleRow] = Counter()
    found: dict[RuleRow, MarkRule] = {}
    for mark_rule in mark.rules:
        rule = mark_rule.rule
        row = RuleRow(mark.number, rule.tool, rule.family, rule.table, rule.chain, rule.handle, 0)
        found[row._replace(place=places[row])] = mark_rule
        places[row] += 1
    return found


def mark_of(key: MarkRowKey) -> int:
    """Return the mark that a row is, or stands below."""
    match key:
        case GroupRow(mark) | RuleRow(mark):
            return mark
        case ServerKey(MarkKey(mark)):
            return mark
        case _:
            return 0


def find(snapshot: Snapshot, key: RuleRow) -> MarkRule | None:
    """Find the rule of a row in the newest reading."""
    return snapshot.derive(_rules_by_row, marks(snapshot)).get(key)


def _rules_by_row(every: Mapping[int, Mark]) -> Mapping[RuleRow, MarkRule]:
    return {row: rule for mark in every.values() for row, rule in rule_rows(mark).items()}


def cells(snapshot: Snapshot, look: MarkLook, key: MarkRowKey) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of the `columns`."""
    row: Row | None
    match key:
        case GroupRow(mark):
            row = MarkRow(mark_at(snapshot, mark), mark not in look.unfolded, look.glyphs)
        case RuleRow():
            row = find(snapshot, key)
        case ServerKey(service, endpoint):
            pool = snapshot.reading.director.pools[service]
            row = MarkServerRow(pool, pool.servers[endpoint], seen_on(snapshot, key), snapshot.health.get(key))
        case _:
            assert_never(key)
    return row_cells(MARK_COLUMNS, look, row)


def title(mark: Mark) -> str:
    """Name a mark for the head of its details."""
    names = ", ".join(mark.names)
    if not mark.number:
        return "Rules whose mark is unknown"
    return f"Mark {mark.number} (0x{mark.number:x}) {names}".rstrip()


def rule_lines(mark_rule: MarkRule) -> Iterator[str]:
    """Write where a rule stands, what it is about and what it does, and how many packets it saw."""
    rule = mark_rule.rule
    path = " > ".join((*rule.path, rule.chain))
    handle = f" handle {rule.handle}" if rule.handle else ""
    yield f"  {mark_rule.where}: {path}{handle}"
    yield f"    {f'hook {mark_rule.hook}' if mark_rule.hook else 'on no hook'}: {mark_rule.state.text or rule.verb}"
    if not rule.decoded:
        yield f"    raw: {rule.raw}"
    else:
        yield f"    {mark_rule.match}"
        if rule.selector is not None and rule.match:
            yield f"    conditions: {' '.join(rule.match)}"
        bits = "" if rule.value is None or rule.mask == ALL_BITS else ", the other bits stay"
        yield f"    {mark_rule.verb}{bits}"
    if rule.packets is not None:
        shared = f" (counter {rule.counter}, shared)" if rule.counter else ""
        octets = "" if rule.bytes is None else f", {rule.bytes:,} bytes"
        yield f"    {rule.packets:,} packets{octets}{shared}"
    if rule.comment:
        yield f"    comment: {rule.comment}"


def pool_lines(snapshot: Snapshot, pool: Pool) -> Iterator[str]:
    """Write a service on a mark, and its real servers below it."""
    service = pool.service
    name = f" {service.name}" if service.name else ""
    flags = " ".join(fields.flag_words(service.flags, service.scheduler))
    sticks = "not persistent" if service.persistence is None else f"persistent {persist_text(service.persistence)}"
    yield f"  {fields.service_text(service.key)}{name}: {', '.join(filter(None, (service.scheduler, flags, sticks)))}"
    for endpoint, server in pool.servers.items():
        key = ServerKey(service.key, endpoint)
        seen = seen_on(snapshot, key)
        parts = [fields.forwarding_text(server.forwarding), f"weight {server.weight}", server_options(server)]
        counted = f"{seen.active:,} active, {seen.inactive:,} inactive"
        counted += "" if seen.sticky is None else f", {seen.sticky:,} sticky"
        word = server_state(server, seen, snapshot.health.get(key)).text
        name = f" {server.name}" if server.name else ""
        yield f"    {fields.server_text(endpoint)}{name}: {' '.join(filter(None, parts))}, {counted}, {word}"


def script_lines(snapshot: Snapshot, group: MarkGroup) -> Sequence[str]:
    """Write our group as a script for nft, or for iptables on a host without nft, below a line that says which."""
    ruleset = snapshot.reading.rules
    if ruleset is None or ruleset.missing:
        return ("The same for iptables", *(f"  {line}" for line in iptables_lines(group)))
    lines = script({group.mark: group})
    return ("The same as a script for nft -f", *(f"  {line.expandtabs(4)}" for line in lines))
