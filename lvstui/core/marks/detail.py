"""Everything about one row of the marks view: a mark, a rule that sets it, or a real server behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lvstui.core import fields
from lvstui.core.keys import with_keys
from lvstui.core.marks.mark import STATES, Mark, MarkRule, mark_at
from lvstui.core.marks.rows import GroupRow, MarkRowKey, RuleRow, find, pool_lines, rule_lines, script_lines, title
from lvstui.core.model import ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import seen_on, server_options, server_state
from lvstui.core.view.detail import Block, Line, labelled, pairs, paragraph, stated, under
from lvstui.core.view.table import Cell, Tone


def detail(
    snapshot: Snapshot, key: MarkRowKey, width: int, advice: Sequence[tuple[str, str, str]] = ()
) -> Sequence[Block]:
    """Return what is known of a row; nothing where it is gone.

    Each `advice` about the mark is a sentence, its reason and its remedy.
    """
    match key:
        case GroupRow(number):
            return [*_of_mark(snapshot, mark_at(snapshot, number), width, advice)]
        case RuleRow():
            rule = find(snapshot, key)
            return [*_of_rule(rule, width)] if rule is not None else ()
        case ServerKey():
            return [*_of_server(snapshot, key, width)]


def _of_mark(snapshot: Snapshot, mark: Mark, width: int, advice: Sequence[tuple[str, str, str]]) -> Iterator[Block]:
    lines: list[Line] = []
    if mark.state.text:
        lines += stated(mark.state, STATES[mark.state.text], width)
    for match in mark.matches:
        lines += labelled("Gets it", match, width)
    if mark.number:
        packets = "not counted" if mark.packets is None else f"{mark.packets:,}"
        sticky = "not known" if mark.sticky is None else f"{mark.sticky:,}"
        lines += pairs([("packets", packets), ("sticky", sticky), ("servers", f"{mark.servers:,}")], width)
    yield Block(title(mark), lines=lines)
    for sentence, reason, remedy in advice:
        yield Block(
            lines=[*labelled("Wrong", sentence, width, Tone.WARN), *under(reason, width), *under(remedy, width)]
        )
    asking = [str(policy) for policy in snapshot.reading.policies if mark.number and policy.is_about(mark.number)]
    if asking:
        yield Block("Policy routing", lines=[line for text in asking for line in paragraph(text, width)])
    yield Block("Rules", lines=_lines((line for rule in mark.rules for line in rule_lines(rule)), width) or _none())
    if mark.number:
        found = _lines((line for pool in mark.pools for line in pool_lines(snapshot, pool)), width)
        yield Block("Services", lines=found or _none())
        if mark.group is not None:
            head, *written = script_lines(snapshot, mark.group)
            yield Block(head, lines=_lines(written, width))


def _none() -> Sequence[Line]:
    return ((Cell("none", Tone.DIM),),)


def _lines(texts: Iterable[str], width: int) -> list[Line]:
    return [line for text in texts for line in paragraph(text.removeprefix("  "), width)]


def _of_rule(known: MarkRule, width: int) -> Iterator[Block]:
    state = known.state
    yield Block("Rule", known.where, "" if known.rule.packets is None else f"{known.rule.packets:,} packets")
    lines: list[Line] = []
    if state.text:
        lines += stated(state, STATES[state.text], width)
    if (failed := known.failed) is not None and failed.step is not None:
        lines += under(f"decided by {failed.step.text}", width)
    for line in rule_lines(known):
        lines += labelled("", line.strip(), width)
    yield Block(lines=lines)


def _of_server(snapshot: Snapshot, key: ServerKey, width: int) -> Iterator[Block]:
    pool = snapshot.reading.director.pools.get(key.service)
    server = pool.servers.get(key.endpoint) if pool else None
    if pool is None or server is None:
        return
    text, seen, verdict = fields.server_text(key.endpoint), seen_on(snapshot, key), snapshot.health.get(key)
    of = " ".join(filter(None, (pool.service.name, fields.service_text(key.service))))
    yield Block(server.name or text, text if server.name else "", f"of {of}")
    lines = stated(server_state(server, seen, verdict), verdict.evidence if verdict else "", width)
    found = [
        ("forwarding", fields.forwarding_text(server.forwarding)),
        ("weight", f"{server.weight}"),
        ("options", server_options(server)),
        ("active", f"{seen.active:,}"),
        ("inactive", f"{seen.inactive:,}"),
        ("sticky", "" if seen.sticky is None else f"{seen.sticky:,}"),
    ]
    lines += pairs([(word, text) for word, text in found if text], width)
    yield Block(
        lines=[
            *lines,
            *under(
                with_keys("{J:mark.jump} goes to it in the services, with its charts; {E:entries} to who sticks"),
                width,
            ),
        ]
    )
