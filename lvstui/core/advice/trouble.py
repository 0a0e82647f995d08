"""Advice about real servers that are seen not to serve: why clients go on coming to them, and how that ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.advice import Advice, wrong
from lvstui.core.advice.consequences import avoiding, consequences
from lvstui.core.advice.keepers import is_kept
from lvstui.core.change import Change, set_weight
from lvstui.core.describe import service_name
from lvstui.core.health.feeding import feeding
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Address, Pool, RealServer, ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.words import first_of

_NAMED: Final = 3
"""Services that an advice names."""


class _Case(NamedTuple):
    """A server in trouble, in its service."""

    pool: Pool
    server: RealServer
    verdict: Verdict

    @property
    def place(self) -> ServerKey:
        """Return what identifies it."""
        return ServerKey(self.pool.service.key, self.server.endpoint)

    @property
    def why(self) -> str:
        """Return what shows it, and why clients are sent to it all the same."""
        return f"{self.verdict.evidence}; {feeding(self.pool.service, self.verdict.trouble)}"

    @property
    def drain(self) -> Change | None:
        """Return what drains it, None where it is drained."""
        return set_weight(self.place.service, self.server, 0) if self.server.weight else None


def trouble_advice(snapshot: Snapshot) -> tuple[Advice, ...]:
    """Return the advice about the servers in trouble; of one machine in several services it is one edit."""
    pools = snapshot.reading.director.pools
    found: list[Advice] = []
    machines: dict[tuple[Address, Trouble], list[_Case]] = {}
    for key, verdict in snapshot.health.items():
        pool = pools.get(key.service)
        server = pool.servers.get(key.endpoint) if pool else None
        if pool is None or server is None:
            continue
        case = _Case(pool, server, verdict)
        if remedy := _why_no_edit(snapshot, case):
            text = f"{_name(case)} {verdict.trouble.predicate}"
            found.append(Advice(service_name(pool.service), text, case.why, remedy, key=key.service))
        elif server.weight:
            machines.setdefault((key.endpoint.address, verdict.trouble), []).append(case)
    return tuple(wrong((*(_drained(snapshot, cases) for cases in machines.values()), *found)))


def _why_no_edit(snapshot: Snapshot, case: _Case) -> str:
    """Return what remains to be done where no drain is of use; empty where one is, and where nobody comes any more."""
    service, place = case.pool.service, case.place
    if not case.server.weight:
        held = snapshot.reading.servers.get(service.key, {}).get(place.endpoint)
        sticks = service.persistence is not None and held is not None and bool(held.sticky)
        return f"it is drained; {moving_away(place)}" if sticks else ""
    health = snapshot.health
    if not any(
        server.weight and ServerKey(service.key, end) not in health for end, server in case.pool.servers.items()
    ):
        return "no other server can take its clients: it has to be repaired"
    if is_kept(snapshot, case.pool):
        return "repair it, or take it out where this service is kept: an edit here would be undone"
    return ""


def moving_away(place: ServerKey) -> str:
    """Return how the clients that stick to a server are moved to the others, in a command and on the screens."""
    command = f"lvstui drain --move-clients {fields.service_text(place.service)} {fields.server_text(place.endpoint)}"
    return f"move its clients away: {command}"


def _drained(snapshot: Snapshot, cases: Sequence[_Case]) -> Advice:
    """Return the advice to drain a machine in all services in which it does not serve, and to move its clients away."""
    first, *others = cases
    empties = tuple(case.place for case in cases if case.pool.service.persistence is not None)
    drains = [drain for case in cases if (drain := case.drain)]
    changes = avoiding(drains, consequences(drains, snapshot.reading))
    where = f" in {len(cases)} services" if others else ""
    return Advice(
        first_of([service_name(case.pool.service) for case in cases], _NAMED),
        f"{_name(first, with_port=not others)} {first.verdict.trouble.predicate}{where}",
        first.why,
        f"drain it{where} and move its clients away" if empties else f"drain it{where}",
        changes,
        key=first.place.service,
        also=tuple(case.place.service for case in others),
        empties=empties,
    )


def _name(case: _Case, *, with_port: bool = True) -> str:
    endpoint = case.server.endpoint
    place = fields.server_text(endpoint) if with_port else str(endpoint.address)
    return f"{fields.visible(case.server.name)} ({place})" if case.server.name else place
