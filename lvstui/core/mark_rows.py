"""What the marks view shows: each mark with the rules that set it and the servers that its packets reach; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.cells import seen_on, server_options, server_state, service_options
from lvstui.core.mark_groups import is_ours
from lvstui.core.mark_rules import FULL, late, overwriting, reaches, setting
from lvstui.core.model import Family, MarkGroup, MarkKey, Pool
from lvstui.core.numbers import compact
from lvstui.core.observed import Rule, ServerKey
from lvstui.core.selectors import selector_text
from lvstui.core.snapshot import Snapshot
from lvstui.core.table import Cell, Column, Tone

MARK_COLUMNS = (
    Column("mark", "Mark / rule / server", 18, 1, grow=1),
    Column("name", "Name", 8, 3, grow=1),
    Column("match", "Packets that get it", 27, 1, grow=4),
    Column("where", "Rules in", 12, 6, grow=1),
    Column("hook", "Hook", 16, 7),
    Column("packets", "Packets", 7, 1, right=True),
    Column("service", "Service", 11, 5, grow=1),
    Column("sticky", "Sticky", 6, 2, right=True),
    Column("servers", "Servers", 7, 4, right=True),
    Column("state", "State", 10, 1),
)

STATES: Final[Mapping[str, str]] = {
    "ok": "packets get the mark, and a service takes them",
    "no rule": "a service on a mark that nothing sets: it sees no traffic",
    "lost": "the profile's rules are gone from the packet filter",
    "no service": "a mark that is set for nobody, or for something else than IPVS (routing, kube-proxy)",
    "no sticky": "several ports in one group, and no persistence: they may land on different servers",
    "masked": "a rule sets some bits only, and IPVS compares all 32",
    "late": "the rule's hook comes after IPVS's",
    "unreached": "nothing jumps to the rule's chain",
    "dormant": "the rule's table is switched off",
    "overwritten": "a later rule sets another mark",
    "raw": "a rule that could not be decoded; shown as it is",
}
"""The words for a state, each with what it means."""


class GroupRow(NamedTuple):
    """A mark; 0 stands for rules that set no mark that can be told."""

    mark: int


class RuleRow(NamedTuple):
    """A rule below its mark, told by where it stands; `place` tells rules without a handle apart."""

    mark: int
    tool: str
    family: str
    table: str
    chain: str
    handle: int
    place: int


MarkRowKey: TypeAlias = GroupRow | RuleRow | ServerKey


@dataclass(frozen=True, slots=True)
class MarkLook:
    """How an operator looks at the marks: words to find, and what is folded."""

    filter: str = ""
    unfolded: frozenset[int] = frozenset()
    sort: str = "mark"
    descending: bool = False
    hidden: frozenset[str] = field(default_factory=frozenset)


def marks(snapshot: Snapshot) -> Sequence[int]:
    """List every mark that is set, configured or served; 0 last, for rules whose mark cannot be told."""
    found = {key.mark for key in snapshot.reading.director.pools if isinstance(key, MarkKey)}
    found |= set(snapshot.reading.director.marks or {})
    found |= set(setting(_rules(snapshot)))
    found |= _lost(snapshot)
    others = [rule for rule in _rules(snapshot) if not _mark_of(rule)]
    return [*sorted(found), *([0] if others else [])]


def _rules(snapshot: Snapshot) -> Sequence[Rule]:
    return snapshot.reading.rules.rules if snapshot.reading.rules else ()


def _mark_of(rule: Rule) -> int:
    return rule.value or 0 if rule.verb == "set" else 0


def _lost(snapshot: Snapshot) -> set[int]:
    """Tell the marks whose rules the profile has and the kernel lacks."""
    saved = snapshot.profile.saved
    held = snapshot.reading.director.marks
    return set() if saved is None or held is None else set(saved.marks or {}) - set(held)


def rules_of(snapshot: Snapshot, mark: int) -> Sequence[Rule]:
    """Give the rules that set a mark; for 0 those that do something else with marks, or could not be decoded."""
    return [rule for rule in _rules(snapshot) if _mark_of(rule) == mark]


def pools_of(snapshot: Snapshot, mark: int) -> Sequence[Pool]:
    """Give the services on a mark, IPv4 before IPv6."""
    pools = snapshot.reading.director.pools
    keys = [MarkKey(mark, family) for family in Family]
    return [pools[key] for key in keys if key in pools]


def group_of(snapshot: Snapshot, mark: int) -> MarkGroup | None:
    """Give our group for a mark, or the profile's where ours was lost."""
    held = (snapshot.reading.director.marks or {}).get(mark)
    saved = snapshot.profile.saved
    return held or ((saved.marks or {}).get(mark) if saved and mark in _lost(snapshot) else None)


def rows(snapshot: Snapshot, look: MarkLook) -> list[MarkRowKey]:
    """List the marks in order, below an unfolded one its rules and its real servers.

    A filter keeps the marks that say all of its words (`!word`: do not say it), with anything that is below them.
    """
    every = [mark for mark in marks(snapshot) if _says(snapshot, mark, look.filter)]
    ordered = sorted(every, key=_order(snapshot, look), reverse=look.descending)
    shown: list[MarkRowKey] = []
    for mark in ordered:
        shown.append(GroupRow(mark))
        if mark in look.unfolded:
            shown += [key for key, _ in _rule_rows(snapshot, mark)]
            shown += [
                ServerKey(pool.service.key, endpoint) for pool in pools_of(snapshot, mark) for endpoint in pool.servers
            ]
    return shown


def _rule_rows(snapshot: Snapshot, mark: int) -> Iterable[tuple[RuleRow, Rule]]:
    for place, rule in enumerate(rules_of(snapshot, mark)):
        number = 0 if rule.handle else place
        yield RuleRow(mark, rule.tool, rule.family, rule.table, rule.chain, rule.handle, number), rule


def find(snapshot: Snapshot, key: RuleRow) -> Rule | None:
    """Find the rule of a row in the newest reading."""
    return next((rule for row, rule in _rule_rows(snapshot, key.mark) if row == key), None)


def _order(snapshot: Snapshot, look: MarkLook) -> Callable[[int], tuple[float, str, int]]:
    def value(mark: int) -> tuple[float, str, int]:
        match look.sort:
            case "packets":
                return packets(snapshot, mark) or 0, "", mark
            case "sticky":
                return sticky(snapshot, mark), "", mark
            case "servers":
                return sum(len(pool.servers) for pool in pools_of(snapshot, mark)), "", mark
            case "mark":
                return 0, "", mark or 2**32
            case column:
                place = [each.id for each in MARK_COLUMNS].index(column)
                return 0, group_cells(snapshot, mark, folded=True)[place].text, mark

    return value


def _says(snapshot: Snapshot, mark: int, text: str) -> bool:
    if not text:
        return True
    told = " ".join(cell.text for cell in group_cells(snapshot, mark, folded=True)).casefold()
    told += " ".join(" ".join((*rule.match, rule.raw)) for rule in rules_of(snapshot, mark)).casefold()
    wanted = [word.casefold() for word in text.split()]
    return all((word[1:] not in told) if word.startswith("!") and word[1:] else word in told for word in wanted)


def cells(snapshot: Snapshot, look: MarkLook, key: MarkRowKey) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of the `columns`."""
    match key:
        case GroupRow(mark):
            every = group_cells(snapshot, mark, folded=mark not in look.unfolded)
        case RuleRow():
            rule = find(snapshot, key)
            every = _rule_cells(snapshot, rule) if rule else tuple(Cell("") for _ in MARK_COLUMNS)
        case ServerKey():
            every = _server_cells(snapshot, key)
        case _:
            assert_never(key)
    pairs = zip(every, MARK_COLUMNS, strict=True)
    return tuple(cell for cell, column in pairs if column.id not in look.hidden)


def columns(look: MarkLook) -> tuple[Column, ...]:
    """Give the columns that are not hidden."""
    return tuple(column for column in MARK_COLUMNS if column.id not in look.hidden)


def packets(snapshot: Snapshot, mark: int) -> int | None:
    """Count the packets that got a mark so far; None where nothing counts them. A shared counter counts once."""
    counted = {
        (rule.family, rule.table, rule.counter or rule.handle): rule.packets for rule in rules_of(snapshot, mark)
    }
    known = [count for count in counted.values() if count is not None]
    return sum(known) if known else None


def sticky(snapshot: Snapshot, mark: int) -> int:
    """Count the persistence entries on a mark's services."""
    found = snapshot.reading.servers
    return sum(seen.sticky for pool in pools_of(snapshot, mark) for seen in found.get(pool.service.key, {}).values())


def match_text(rule: Rule) -> str:
    """Say in words which packets a rule is about, as briefly as it can be."""
    if not rule.decoded and rule.raw:
        return rule.raw
    return selector_text(rule.selector) if rule.selector is not None else ", ".join(rule.match) or "everything"


def verb_text(rule: Rule) -> str:
    """Say what a rule does with marks: `set 0x50`, `set 0x50/0xff`, `save`, `restore`."""
    if rule.value is None:
        return rule.verb
    mask = "" if rule.mask == FULL else f"/0x{rule.mask:x}"
    return f"{rule.verb} 0x{rule.value:x}{mask}"


def state(snapshot: Snapshot, mark: int) -> Cell:
    """Say how it stands with a mark in a word of `STATES`."""
    if mark == 0:
        return Cell("raw" if any(not rule.decoded for rule in rules_of(snapshot, 0)) else "", Tone.DIM)
    pools, rules = pools_of(snapshot, mark), rules_of(snapshot, mark)
    if mark in _lost(snapshot):
        return Cell("lost", Tone.BAD)
    if not pools:
        return Cell("no service", Tone.WARN if mark in (snapshot.reading.director.marks or {}) else Tone.DIM)
    if not rules:
        return Cell("no rule", Tone.BAD if snapshot.reading.rules and not snapshot.reading.rules.trouble else Tone.DIM)
    flaws = [rule_state(rule, _rules(snapshot)) for rule in rules]
    if all(flaw.text != "ok" for flaw in flaws):
        return flaws[0]
    if _several(rules) and any(pool.service.persistence is None and len(pool.servers) > 1 for pool in pools):
        return Cell("no sticky", Tone.WARN)
    return next((flaw for flaw in flaws if flaw.text != "ok"), Cell("ok", Tone.GOOD))


def _several(rules: Iterable[Rule]) -> bool:
    """Tell whether rules bundle more than one port."""
    found = {
        (rule.selector.protocol, ports) for rule in rules if rule.selector for ports in rule.selector.ports or (None,)
    }
    return len(found) > 1 or any(ports is None or ports.first != ports.last for _, ports in found)


def rule_state(rule: Rule, every: Sequence[Rule]) -> Cell:
    """Say in a word whether what a rule marks arrives at IPVS."""
    if not rule.decoded:
        return Cell("raw", Tone.WARN)
    if rule.dormant:
        return Cell("dormant", Tone.BAD)
    if not reaches(rule):
        return Cell("unreached", Tone.BAD)
    if rule.verb != "set":
        return Cell("", Tone.DIM)
    if late(rule):
        return Cell("late", Tone.BAD)
    if rule.mask != FULL:
        return Cell("masked", Tone.WARN)
    return Cell("overwritten", Tone.BAD) if overwriting(rule, every) else Cell("ok", Tone.GOOD)


def group_cells(snapshot: Snapshot, mark: int, *, folded: bool) -> tuple[Cell, ...]:
    """Give a mark's cells."""
    sign = "+" if folded else "-"
    rules, pools, group = rules_of(snapshot, mark), pools_of(snapshot, mark), group_of(snapshot, mark)
    title = f"{sign} mark {mark}" if mark else f"{sign} other rules"
    matches = map(selector_text, group.selectors) if group else map(match_text, rules)
    counted = packets(snapshot, mark)
    names = dict.fromkeys([group.name] if group and group.name else [p.service.name for p in pools if p.service.name])
    hooks = dict.fromkeys(_hook(rule) for rule in rules if rule.hook)
    return (
        Cell(title, Tone.STRONG),
        Cell(", ".join(names), Tone.NAME),
        Cell("; ".join(dict.fromkeys(matches))),
        Cell(", ".join(dict.fromkeys(where(rule) for rule in rules)), Tone.DIM),
        Cell(", ".join(hooks), Tone.DIM),
        Cell("" if counted is None else compact(counted)),
        Cell(" ".join(dict.fromkeys(_service(pool) for pool in pools)), Tone.DIM),
        Cell(compact(sticky(snapshot, mark)) if any(pool.service.persistence for pool in pools) else ""),
        Cell(str(sum(len(pool.servers) for pool in pools)) if pools else ""),
        state(snapshot, mark),
    )


def _service(pool: Pool) -> str:
    """Write a service on a mark short: `v4 wlc 5m`."""
    family = "v4" if pool.service.key.family is Family.IPV4 else "v6"
    return " ".join(filter(None, (family, pool.service.scheduler, service_options(pool.service))))


def where(rule: Rule) -> str:
    """Say which table a rule stands in: `lvstui`, `ip mangle`, `ip mangle (legacy)`."""
    if is_ours(rule):
        return "lvstui"
    return f"{rule.family} {rule.table}{'' if rule.tool == 'nft' else ' (legacy)'}"


def _hook(rule: Rule) -> str:
    return f"{rule.hook} {rule.priority}" if rule.hook else ""


def _rule_cells(snapshot: Snapshot, rule: Rule) -> tuple[Cell, ...]:
    path = " > ".join((*rule.path, rule.chain)) if rule.path else rule.chain
    return (
        Cell(f"    {verb_text(rule)}"),
        Cell(rule.comment, Tone.NAME),
        Cell(match_text(rule)),
        Cell(f"{where(rule)} {path}", Tone.DIM),
        Cell(_hook(rule), Tone.DIM),
        Cell("" if rule.packets is None else compact(rule.packets)),
        Cell(""),
        Cell(""),
        Cell(""),
        rule_state(rule, _rules(snapshot)),
    )


def _server_cells(snapshot: Snapshot, key: ServerKey) -> tuple[Cell, ...]:
    pool = snapshot.reading.director.pools[key.service]
    server, seen = pool.servers[key.endpoint], seen_on(snapshot, key)
    method = f"{fields.forwarding_text(server.forwarding)} weight {server.weight} {server_options(server)}"
    return (
        Cell(f"    -> {fields.server_text(key.endpoint)}"),
        Cell(server.name, Tone.NAME),
        Cell(f"{method.rstrip()}, {compact(seen.active)} active", Tone.DIM),
        Cell(""),
        Cell(""),
        Cell(""),
        Cell("v4" if key.service.family is Family.IPV4 else "v6", Tone.DIM),
        Cell(compact(seen.sticky) if pool.service.persistence else ""),
        Cell(""),
        server_state(server, seen),
    )


def summary(snapshot: Snapshot) -> str:
    """Say in a line what is known of the rules, or why nothing is."""
    ruleset = snapshot.reading.rules
    if ruleset is None:
        return "rules of the packet filter are not read here"
    if ruleset.trouble:
        return ruleset.trouble
    count = len(ruleset.rules)
    foreign = sum(not is_ours(rule) for rule in ruleset.rules)
    raw = sum(not rule.decoded for rule in ruleset.rules)
    told = f"{count} rule{'' if count == 1 else 's'} about marks, {foreign} of others"
    told += f", {raw} not decoded" if raw else ""
    return f"{told}; {ruleset.missing}" if ruleset.missing else told
