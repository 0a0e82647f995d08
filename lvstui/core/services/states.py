"""The state of each service and real server in a word, with what it rests on, for commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.model import Pool, ServerKey, ServiceKey
from lvstui.core.services.row import keys_of, service_state, troubles
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import seen_on, server_state


class State(NamedTuple):
    """A word, and what shows it; `evidence` is empty where it follows from what is configured and counted."""

    word: str
    evidence: str = ""


States: TypeAlias = Mapping[ServiceKey | ServerKey, State]

NO_STATES: Final[States] = MappingProxyType({})
"""What is said where nobody asked for states."""


def states(snapshot: Snapshot) -> States:
    """Return the state of every service and real server."""
    found: dict[ServiceKey | ServerKey, State] = {}
    for key, pool in snapshot.reading.director.pools.items():
        found[key] = _of_service(snapshot, pool)
        found.update(_of_servers(snapshot, pool))
    return found


def _of_service(snapshot: Snapshot, pool: Pool) -> State:
    """Return the first trouble of a service's servers, with all that are in trouble; else its own word."""
    words = troubles(pool, snapshot.health)
    if not words:
        return State(service_state(pool, snapshot.health).text)
    bad = [
        f"{fields.server_text(key.endpoint)} {snapshot.health[key].trouble.value}"
        for key, _ in keys_of(pool)
        if key in snapshot.health
    ]
    return State(words[0], f"{service_state(pool, snapshot.health).text} servers serve: {', '.join(bad)}")


def _of_servers(snapshot: Snapshot, pool: Pool) -> Iterator[tuple[ServerKey, State]]:
    for key, server in keys_of(pool):
        verdict = snapshot.health.get(key)
        word = server_state(server, seen_on(snapshot, key), verdict).text
        yield key, State(word, verdict.evidence if verdict else "")
