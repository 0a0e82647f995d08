"""Advice about real servers that are seen not to serve: why clients go on coming to them, and how that ends."""

from __future__ import annotations

from collections.abc import Iterator

from lvstui.core import fields
from lvstui.core.advice import Advice
from lvstui.core.advice.consequences import avoiding, consequences
from lvstui.core.advice.keepers import is_kept
from lvstui.core.change import set_weight
from lvstui.core.describe import service_name
from lvstui.core.health.feeding import feeding
from lvstui.core.health.verdict import Verdict
from lvstui.core.model import Pool, RealServer, ServerKey
from lvstui.core.snapshot import Snapshot


def trouble_advice(snapshot: Snapshot) -> tuple[Advice, ...]:
    """Return the advice about the servers in trouble."""
    pools = snapshot.reading.director.pools
    return tuple(
        advised
        for key, verdict in snapshot.health.items()
        if (pool := pools.get(key.service)) and (server := pool.servers.get(key.endpoint))
        for advised in _about(snapshot, pool, server, verdict)
    )


def _about(snapshot: Snapshot, pool: Pool, server: RealServer, verdict: Verdict) -> Iterator[Advice]:
    service = pool.service
    place = ServerKey(service.key, server.endpoint)
    name = fields.server_text(server.endpoint)
    sentence = f"{f'{fields.visible(server.name)} ({name})' if server.name else name} is {verdict.trouble.value}"
    others = [
        end
        for end, other in pool.servers.items()
        if other.weight and end != server.endpoint and ServerKey(service.key, end) not in snapshot.health
    ]
    why, about, key = f"{verdict.evidence}; {feeding(service, verdict.trouble)}", service_name(service), service.key
    drain = set_weight(key, server, 0) if server.weight else None
    if drain is None:
        held = snapshot.reading.servers.get(key, {}).get(server.endpoint)
        if service.persistence and held is not None and held.sticky:
            remedy = "it is drained; move its clients away too (M on the server)"
            yield Advice(about, sentence, verdict.evidence, remedy, key=key)
    elif not others:
        yield Advice(about, sentence, why, "no other server can take its clients: it has to be repaired", key=key)
    elif is_kept(snapshot, pool):
        remedy = "repair it, or take it out where this service is kept: an edit here would be undone"
        yield Advice(about, sentence, why, remedy, key=key)
    else:
        sticks = service.persistence is not None
        changes = avoiding((drain,), consequences((drain,), snapshot.reading))
        remedy = "drain it and move its clients away" if sticks else "drain it"
        yield Advice(about, sentence, why, remedy, changes, key=key, empties=(place,) if sticks else ())
