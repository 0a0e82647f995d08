"""Everything about one mark in lines: its rules where they stand, its services, what is wrong, and the same as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lvstui.core import fields
from lvstui.core.marks.columns import persist_text
from lvstui.core.marks.mark import STATES, Mark, MarkRule, mark_at
from lvstui.core.marks.packets import FULL
from lvstui.core.marks.script import iptables_lines, script
from lvstui.core.model import MarkGroup, Pool, ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.servers import seen_on, server_options, server_state


def title(mark: Mark) -> str:
    """Name a mark for the head of its details."""
    names = ", ".join(mark.names)
    if not mark.number:
        return "Rules that set no mark that can be told"
    return f"Mark {mark.number} (0x{mark.number:x}) {names}".rstrip()


def details(snapshot: Snapshot, number: int, advice: Sequence[str]) -> list[str]:
    """Return everything about a mark, line by line, with the lines of what is advised about it."""
    mark = mark_at(snapshot, number)
    word = mark.state.text
    lines = [f"{word}: {STATES[word]}"] if word in STATES else []
    if mark.number:
        seen = "nothing counts its packets" if mark.packets is None else f"{mark.packets:,} packets got it"
        lines.append(f"{seen}, {mark.sticky:,} persistence entries")
    lines += advice
    lines += ["", "Rules"]
    lines += [line for rule in mark.rules for line in rule_lines(rule)] or ["  none"]
    if mark.number:
        lines += ["", "Services"]
        lines += [line for pool in mark.pools for line in _pool(snapshot, pool)] or ["  none"]
        lines += _text(snapshot, mark.group)
    return lines


def rule_lines(known: MarkRule) -> Iterator[str]:
    """Write where a rule stands, what it is about and what it does, and how many packets it saw."""
    rule = known.rule
    path = " > ".join((*rule.path, rule.chain))
    handle = f" handle {rule.handle}" if rule.handle else ""
    yield f"  {known.where}: {path}{handle}"
    yield f"    {f'hook {known.hook}' if known.hook else 'on no hook'}: {known.state.text or rule.verb}"
    if not rule.decoded:
        yield f"    raw: {rule.raw}"
    else:
        yield f"    {known.match}"
        if rule.selector is not None and rule.match:
            yield f"    as nft says it: {' '.join(rule.match)}"
        bits = "" if rule.value is None or rule.mask == FULL else ", the other bits stay"
        yield f"    {known.verb}{bits}"
    if rule.packets is not None:
        shared = f" (counter {rule.counter}, shared)" if rule.counter else ""
        octets = "" if rule.bytes is None else f", {rule.bytes:,} bytes"
        yield f"    {rule.packets:,} packets{octets}{shared}"
    if rule.comment:
        yield f"    comment: {rule.comment}"


def _pool(snapshot: Snapshot, pool: Pool) -> Iterator[str]:
    service = pool.service
    name = f" {service.name}" if service.name else ""
    flags = " ".join(fields.flag_words(service.flags, service.scheduler))
    sticks = "not persistent" if service.persistence is None else f"persistent {persist_text(service.persistence)}"
    yield f"  {fields.service_text(service.key)}{name}: {', '.join(filter(None, (service.scheduler, flags, sticks)))}"
    for endpoint, server in pool.servers.items():
        seen = seen_on(snapshot, ServerKey(service.key, endpoint))
        parts = [fields.forwarding_text(server.forwarding), f"weight {server.weight}", server_options(server)]
        counted = f"{seen.active:,} active, {seen.inactive:,} inactive, {seen.sticky:,} sticky"
        word = server_state(server, seen).text
        name = f" {server.name}" if server.name else ""
        yield f"    {fields.server_text(endpoint)}{name}: {' '.join(filter(None, parts))}, {counted}, {word}"


def _text(snapshot: Snapshot, group: MarkGroup | None) -> Iterable[str]:
    """Write our group as a script for nft, and for iptables where nft cannot be had."""
    if group is None:
        return ()
    ruleset = snapshot.reading.rules
    if ruleset is None or ruleset.missing:
        return ("", "The same for iptables", *(f"  {line}" for line in iptables_lines(group)))
    return ("", "The same as a script for nft -f", *_indented(script({group.mark: group})))


def _indented(lines: Sequence[str]) -> Iterator[str]:
    return (f"  {line.expandtabs(4)}" for line in lines)
