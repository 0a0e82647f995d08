"""Firewall marks on the command line: `mark add` and `mark delete`, and `show marks` as text and as JSON."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lvstui.commands.place import Failure, align
from lvstui.core import fields
from lvstui.core.advice import Advice
from lvstui.core.advice.services import advice
from lvstui.core.attributes import SERVICE
from lvstui.core.change import Change, change_group, change_server
from lvstui.core.drift import remove_pool
from lvstui.core.fields import FieldError, visible
from lvstui.core.marks import edits as mark_edits
from lvstui.core.marks.columns import MARK_COLUMNS
from lvstui.core.marks.mark import OTHERS, Mark, mark_at, marks, pools_on, summary
from lvstui.core.marks.rows import MarkLook, cells, rows
from lvstui.core.model import Director, Endpoint, Family, MarkGroup, MarkKey, Persistence, RealServer, Selector, Service
from lvstui.core.new_server import NewServer
from lvstui.core.observed import NO_INFO, Rule
from lvstui.core.selectors import selector, selector_text, several_ports
from lvstui.core.services.states import States, states
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.request import packet_text
from lvstui.formats.json import Json, Table, observed_service


def requested_changes(options: Namespace, director: Director) -> tuple[Change, ...]:
    """Return the changes that the command asks for; raises `Failure` and `FieldError`."""
    named = [group.mark for group in director.groups.values() if group.name == options.mark]
    mark = named[0] if len(named) == 1 else fields.mark(options.mark)
    matches = tuple(selector(text) for text in options.match)
    edit = _add if options.edit == "add" else _delete
    return edit(mark, matches, options, director)


def _add(mark: int, matches: tuple[Selector, ...], options: Namespace, director: Director) -> tuple[Change, ...]:
    """Add a group with its services, or add packets to a group that there is."""
    held = director.groups.get(mark)
    before = held.selectors if held else ()
    name = (held.name if held else "") if options.name is None else fields.label("name", options.name)
    group = MarkGroup(mark, (*before, *(match for match in matches if match not in before)), name)
    if options.rules_only:
        return () if group == held else (change_group(held, group),)
    begin = NewServer(options.config.server).begin
    typed = {"forwarding": options.forwarding} if options.forwarding else {}
    pools = {pool.service.key.family: pool for pool in pools_on(director, mark)}
    ends = [_endpoint(text) for text in options.server]
    servers = [begin(end, director, pools.get(Family.of(end.address)), typed) for end in ends]
    service = Service(
        MarkKey(mark, Family.IPV4),
        scheduler=fields.scheduler(options.scheduler or "wlc"),
        persistence=_persistence(options.persistence, group),
        name=name,
    )
    return (*_join(mark, servers, options, director), *mark_edits.create_group(group, service, servers, director))


def _join(mark: int, servers: Sequence[RealServer], options: Namespace, director: Director) -> Iterator[Change]:
    """Add servers to the services on the mark that are there already, which stay otherwise as they are."""
    for family in Family:
        pool = director.pools.get(MarkKey(mark, family))
        if pool is None:
            continue
        where = fields.service_text(pool.service.key)
        if options.scheduler is not None or options.persistence is not None:
            raise Failure(f"{where} is there already; `lvstui set {where} scheduler=... timeout=...` edits it")
        for server in servers:
            if Family.of(server.endpoint.address) is family and server.endpoint not in pool.servers:
                yield change_server(pool.service.key, None, server)


def _persistence(text: str | None, group: MarkGroup) -> Persistence | None:
    """Read seconds of persistence, 0 for none; a group of several ports needs some and has it by default."""
    if text is None:
        return Persistence(mark_edits.PERSISTENCE) if several_ports(group.selectors) else None
    seconds = SERVICE.number("persistence.timeout", text) if text != "0" else 0
    return Persistence(seconds) if seconds else None


def _endpoint(text: str) -> Endpoint:
    """Read a server; IPVS keeps ports as they are on a mark, so one without a port has port 0."""
    try:
        return Endpoint(fields.address("server", text), 0)
    except FieldError:
        return fields.server(text)


def _delete(mark: int, matches: tuple[Selector, ...], options: Namespace, director: Director) -> tuple[Change, ...]:
    """Take packets out of a group, or all of them, and on demand the services on its mark with them."""
    held = director.groups.get(mark)
    pools = pools_on(director, mark)
    if held is None and not (pools and options.services):
        raise Failure(f"our table has no group with mark {mark}; `lvstui show marks` lists them")
    for match in matches:
        if held is None or match not in held.selectors:
            raise Failure(f"mark {mark} is not set on {visible(selector_text(match))}; `lvstui show marks` lists it")
    kept = tuple(selector for selector in held.selectors if selector not in matches) if held and matches else ()
    if kept and options.services:
        raise Failure("--services is for a whole group; leave it out to stop marking some of its packets")
    rules = (change_group(held, replace(held, selectors=kept) if kept else None),) if held else ()
    removed = (change for pool in pools for change in remove_pool(pool)) if options.services else ()
    return (*rules, *removed)


def lines(snapshot: Snapshot) -> list[str]:
    """Return the marks as the marks view does with everything unfolded, then the advice."""
    look = MarkLook(unfolded=frozenset(marks(snapshot)))
    text = [visible(summary(snapshot))]
    if keys := rows(snapshot, look):
        heads: Sequence[str] = [column.title.upper() for column in MARK_COLUMNS]
        table = [[visible(cell.text) for cell in cells(snapshot, look, key)] for key in keys]
        right = frozenset(place for place, column in enumerate(MARK_COLUMNS) if column.right)
        text = [*align([heads, *table], right), "", *text]
    return [*text, *map(str, _warnings(snapshot))]


def document(snapshot: Snapshot) -> Table:
    """Return the marks as a document; null stands for what is not counted or cannot be known.

    `trouble` says why rules are not known, `missing` why none can be written.
    """
    ruleset = snapshot.reading.rules
    advised, known = _warnings(snapshot), states(snapshot)
    return {
        "mark": [_mark(snapshot, mark, advised, known) for number, mark in marks(snapshot).items() if number != OTHERS],
        "other": [_rule(known.rule) for known in mark_at(snapshot, OTHERS).rules],
        "trouble": (ruleset.trouble if ruleset else summary(snapshot)) or None,
        "missing": (ruleset.missing or None) if ruleset else None,
    }


def _warnings(snapshot: Snapshot) -> list[Advice]:
    if snapshot.reading.info == NO_INFO:  # without IPVS no rule is wrong for want of a service
        return []
    return [advised for advised in advice(snapshot) if advised.mark is not None]


def _mark(snapshot: Snapshot, mark: Mark, warnings: Iterable[Advice], known: States) -> Table:
    group = mark.group
    return {
        "mark": mark.number,
        "name": group.name if group else "",
        "match": [selector_text(selector) for selector in group.selectors] if group else None,
        "packets": mark.packets,
        "sticky": mark.sticky,
        "state": mark.state.text,
        "rule": [_rule(known.rule) for known in mark.rules],
        "service": [observed_service(snapshot.reading, pool, known) for pool in mark.pools],
        "policy": [str(policy) for policy in snapshot.reading.policies if policy.is_about(mark.number)],
        "warning": [
            {
                "about": advised.about,
                "sentence": advised.sentence,
                "reason": advised.reason,
                "remedy": advised.remedy,
                "packet": None if advised.packet is None else packet_text(advised.packet),
            }
            for advised in warnings
            if advised.mark == mark.number
        ],
    }


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
        "bits": rule.bits if rule.value is None else None,
        "shift": rule.shift if rule.value is None else None,
        "packets": rule.packets,
        "bytes": rule.bytes,
        "counter": rule.counter or None,
        "comment": rule.comment,
        "dormant": rule.dormant,
        "decoded": rule.decoded,
        "raw": rule.raw or None,
    }
