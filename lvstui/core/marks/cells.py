"""The cells of one row of the marks view: of a mark, a rule that sets it, or a real server; all of it pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lvstui.core import fields
from lvstui.core.marks.conflicts import overwriting
from lvstui.core.marks.mark import (
    OTHERS,
    every_rule,
    group_of,
    lost,
    names_of,
    packets,
    pools_of,
    rules_of,
    sticky,
)
from lvstui.core.marks.own_table import is_ours
from lvstui.core.marks.packets import FULL, late, reaches
from lvstui.core.model import Family, Persistence, Pool, ServerKey
from lvstui.core.observed import Rule
from lvstui.core.selectors import selector_text, several_ports
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.numbers import compact
from lvstui.core.view.servers import persistence_short, seen_on, server_options, server_state
from lvstui.core.view.table import Cell, Column, Tone

MARK_COLUMNS = (
    Column("mark", "Mark / rule", 18, 1, grow=1),
    Column("name", "Name", 8, 3, grow=1),
    Column("match", "Packets that get it", 21, 1, grow=3),
    Column("where", "Rules in", 12, 7, grow=1),
    Column("hook", "Hook", 22, 8, grow=1),
    Column("packets", "Packets", 7, 1, right=True),
    Column("service", "Service", 9, 6, grow=1),
    Column("persist", "Persist", 7, 2, right=True),
    Column("servers", "Servers", 7, 5, right=True),
    Column("sticky", "Sticky", 6, 4, right=True),
    Column("state", "State", 11, 1),
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
    "unknown": "the rules of the packet filter could not be read",
}
"""The words for a state, each with what it means."""


def match_text(rule: Rule) -> str:
    """Say in words which packets a rule is about, as briefly as it can be."""
    if not rule.decoded and rule.raw:
        return rule.raw
    if rule.selector is not None:
        return selector_text(rule.selector)
    return ", ".join(rule.match) or (f"what comes to {rule.chain}" if rule.path else "everything")


def verb_text(rule: Rule) -> str:
    """Say what a rule does with marks: `set 80`, `set 0x50/0xff`, `save`, `restore`; bits are written in hex."""
    if rule.value is None:
        return rule.verb
    return f"{rule.verb} {rule.value}" if rule.mask == FULL else f"{rule.verb} 0x{rule.value:x}/0x{rule.mask:x}"


def where(rule: Rule) -> str:
    """Say which table a rule stands in: `lvstui`, `ip mangle`, `ip mangle (legacy)`."""
    if is_ours(rule):
        return "lvstui"
    return f"{rule.family} {rule.table}{'' if rule.tool == 'nft' else ' (legacy)'}"


def hook_text(rule: Rule) -> str:
    """Say at which hook and priority packets come to a rule; empty where they do not."""
    return f"{rule.hook} {rule.priority}" if rule.hook else ""


def state(snapshot: Snapshot, mark: int) -> Cell:
    """Say how it stands with a mark in a word of `STATES`."""
    rules = rules_of(snapshot, mark)
    if mark == OTHERS:
        return Cell("raw" if any(not rule.decoded for rule in rules) else "", Tone.DIM)
    if mark in lost(snapshot):
        return Cell("lost", Tone.BAD)
    pools = pools_of(snapshot, mark)
    if not pools:
        return Cell("no service", Tone.WARN if mark in (snapshot.reading.director.marks or {}) else Tone.DIM)
    if not rules:
        known = snapshot.reading.rules is not None and not snapshot.reading.rules.trouble
        return Cell("no rule", Tone.BAD) if known else Cell("unknown", Tone.DIM)
    flaws = [rule_state(snapshot, rule) for rule in rules]
    if all(flaw.text != "ok" for flaw in flaws):
        return flaws[0]
    bundled = several_ports(rule.selector for rule in rules if rule.selector is not None)
    if bundled and any(pool.service.persistence is None and len(pool.servers) > 1 for pool in pools):
        return Cell("no sticky", Tone.WARN)
    return next((flaw for flaw in flaws if flaw.text != "ok"), Cell("ok", Tone.GOOD))


def rule_state(snapshot: Snapshot, rule: Rule) -> Cell:
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
    return Cell("overwritten", Tone.BAD) if overwriting(rule, every_rule(snapshot)) else Cell("ok", Tone.GOOD)


def group_cells(snapshot: Snapshot, mark: int, *, folded: bool) -> tuple[Cell, ...]:
    """Give a mark's cells."""
    rules, pools = rules_of(snapshot, mark), pools_of(snapshot, mark)
    counted = packets(snapshot, mark)
    title = f"mark {mark}" if mark else "other rules"
    servers = sum(len(pool.servers) for pool in pools)
    persistent = [pool.service.persistence for pool in pools]
    return (
        Cell(f"{'+' if folded else '-'} {title}", Tone.STRONG),
        Cell(", ".join(names_of(snapshot, mark)), Tone.NAME),
        Cell("; ".join(matches(snapshot, mark))),
        Cell(", ".join(dict.fromkeys(where(rule) for rule in rules)), Tone.DIM),
        Cell(", ".join(_hooks(rules)), Tone.DIM),
        Cell("" if counted is None else compact(counted)),
        Cell(", ".join(dict.fromkeys(_service(pool) for pool in pools)), Tone.DIM),
        Cell(" ".join(dict.fromkeys(map(persist_text, persistent))), Tone.PLAIN if all(persistent) else Tone.DIM),
        Cell(str(servers) if pools else ""),
        Cell(compact(sticky(snapshot, mark)) if any(persistent) else ""),
        state(snapshot, mark),
    )


def _hooks(rules: Iterable[Rule]) -> Iterable[str]:
    """Name hooks and priorities, the hooks of one priority together: `prerouting/output -120`."""
    found: dict[int, dict[str, None]] = {}
    for rule in rules:
        if rule.hook:
            found.setdefault(rule.priority, {})[rule.hook] = None
    return (f"{'/'.join(hooks)} {priority}" for priority, hooks in found.items())


def matches(snapshot: Snapshot, mark: int) -> Sequence[str]:
    """Say in words which packets get a mark, each once: what our group says, then what others' rules add to it."""
    group = group_of(snapshot, mark)
    ours = map(selector_text, group.selectors) if group else ()
    others = (match_text(rule) for rule in rules_of(snapshot, mark) if group is None or not is_ours(rule))
    return list(dict.fromkeys((*ours, *others)))


def persist_text(persistence: Persistence | None) -> str:
    """Write a persistence short: `30m`, `5m/24`, `none`."""
    return "none" if persistence is None else persistence_short(persistence)


def _service(pool: Pool) -> str:
    """Write a service on a mark short: `v4 wlc`."""
    return f"{family_word(pool.service.key.family)} {pool.service.scheduler}"


def family_word(family: Family) -> str:
    """Write a family short."""
    return "v4" if family is Family.IPV4 else "v6"


def rule_cells(snapshot: Snapshot, rule: Rule) -> tuple[Cell, ...]:
    """Give the cells of a rule below its mark."""
    whole = rule.verb == "set" and rule.mask == FULL
    place = rule.chain if is_ours(rule) else where(rule)
    return (
        Cell(f"    {place}" if whole else f"    {verb_text(rule)} {place}"),
        Cell(rule.comment, Tone.NAME),
        Cell(match_text(rule)),
        Cell("lvstui" if is_ours(rule) else rule.chain, Tone.DIM),
        Cell(hook_text(rule), Tone.DIM),
        Cell("" if rule.packets is None else compact(rule.packets)),
        *(Cell("") for _ in range(4)),
        rule_state(snapshot, rule),
    )


def server_cells(snapshot: Snapshot, key: ServerKey) -> tuple[Cell, ...]:
    """Give the cells of a real server below its mark."""
    pool = snapshot.reading.director.pools[key.service]
    server, seen = pool.servers[key.endpoint], seen_on(snapshot, key)
    told = (f"weight {server.weight}", f"{compact(seen.active)} active", fields.forwarding_text(server.forwarding))
    address = fields.server_text(key.endpoint) if key.endpoint.port else str(key.endpoint.address)
    return (
        Cell(f"    -> {address}"),
        Cell(server.name, Tone.NAME),
        Cell(", ".join(filter(None, (*told, server_options(server)))), Tone.DIM),
        *(Cell("") for _ in range(3)),
        Cell(family_word(pool.service.key.family), Tone.DIM),
        *(Cell("") for _ in range(2)),
        Cell(compact(seen.sticky) if pool.service.persistence else ""),
        server_state(server, seen),
    )
