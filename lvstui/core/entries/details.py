"""Everything that is known of one persistence entry, for the operator who opens it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from lvstui.core import fields
from lvstui.core.entries.resolve import STATES, ResolvedEntry, children_of, hanging
from lvstui.core.entries.row import left, left_text
from lvstui.core.entries.rows import NO_SCAN
from lvstui.core.entries.rules import server_name
from lvstui.core.model import MarkKey
from lvstui.core.naming import network_text, service_names
from lvstui.core.snapshot import Snapshot

_SHOWN: Final = 50


def details(snapshot: Snapshot, resolved: ResolvedEntry) -> list[str]:
    """Return everything about an entry in lines, its connections below."""
    return list(_lines(snapshot, resolved))


def _lines(snapshot: Snapshot, resolved: ResolvedEntry) -> Iterator[str]:
    director, entry = snapshot.reading.director, resolved.entry
    pool = director.pools.get(resolved.service) if resolved.service is not None else None
    persistence = pool.service.persistence if pool else None
    yield f"client      {network_text(entry.client, resolved.width)}"
    named = service_names(director, resolved.service_key)
    yield f"service     {'  '.join(map(fields.visible, named))}"
    yield f"server      {server_name(director, resolved.service, resolved.server or entry.server)}"
    yield f"left        {left_text(left(resolved, snapshot.reading.taken))}"
    if persistence is not None:
        yield f"            each new connection starts it anew; the service gives {persistence.timeout} s"
    yield f"state       {resolved.state}: {STATES[resolved.state]}"
    yield f"made by     {entry.origin.value or 'not told while a persistence engine is asked for'}"
    if entry.engine:
        yield f"engine      {fields.visible(entry.engine)} {fields.visible(entry.identity)}"
    children = children_of(entry, snapshot.derive(hanging, snapshot.scan or NO_SCAN, director), director)
    doubt = " that may belong to it (the kernel shows no mark on connections)" if not resolved.sure else ""
    yield f"connections {len(children)}{doubt}"
    for child in children[:_SHOWN]:
        seconds = left_text(max(0, int(child.ends - snapshot.reading.taken)))
        yield f"    {fields.server_text(child.client)} -> {fields.server_text(child.virtual)}  {child.state}  {seconds}"
    if len(children) > _SHOWN:
        yield f"    and {len(children) - _SHOWN} more"


def commands_for(snapshot: Snapshot, chosen: Sequence[ResolvedEntry]) -> list[str]:
    """Write, for each entry, the command that would move it; its server has to be put in the last place."""
    director = snapshot.reading.director
    lines = []
    for resolved in chosen:
        service = resolved.service_key
        text = fields.service_text(service)
        client = network_text(resolved.entry.client, None if isinstance(service, MarkKey) else resolved.width)
        call = f" --call-id {shlex.quote(resolved.entry.identity)}" if resolved.entry.identity else ""
        pool = director.pools.get(service)
        others = [end for end in (pool.servers if pool else ()) if end.address != resolved.entry.server.address]
        if others:
            lines.append(f"lvstui entry move {client} {text} {fields.server_text(others[0])}{call}")
        lines.append(f"lvstui entry expire {client} {text}{call}")
    return lines
