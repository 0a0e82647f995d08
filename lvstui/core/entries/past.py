"""What the last edit of persistence entries did, which is never taken back, and the move back of its clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from lvstui.core import fields
from lvstui.core.describe import service_names
from lvstui.core.entries.edits import EntryReport, Expire, Move, Outcome, Pin, SetTime, server_name, service_of_edit
from lvstui.core.entries.request import Action, EntryRequest, usual_seconds
from lvstui.core.entries.resolve import key_of, server_of, service_of
from lvstui.core.entries.rows import resolved_entries
from lvstui.core.model import Director, Endpoint, ServerKey, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.words import count


class _Left(NamedTuple):
    """What clients were moved away from."""

    service: ServiceKey
    server: Endpoint


def past_lines(reports: Sequence[EntryReport], director: Director) -> list[str]:
    """Say what edits of entries did: `moved 21 clients of portal from app3 to app1 and app2`."""
    done = [report.edit for report in reports if report.outcome is Outcome.DONE]
    found = []
    for left, moves in _moves(reports, director).items():
        goals = dict.fromkeys(server_name(director, left.service, move.server) for move in moves)
        old, clients = server_name(director, left.service, left.server), count(len(moves), "client")
        found.append(f"moved {clients} of {_service(director, left.service)} from {old} to {' and '.join(goals)}")
    for kind, words in ((Pin, "pinned"), (Expire, "let run out"), (SetTime, "set the time left of")):
        services = [service_of_edit(edit, director) for edit in done if isinstance(edit, kind)]
        for key, number in Counter(services).items():
            what = "client" if kind is Pin else "entry"
            entries = f"{number:,} entries" if what == "entry" and number != 1 else count(number, what)
            found.append(f"{words} {entries} of {_service(director, key)}")
    return found


def left_behind(reports: Sequence[EntryReport], director: Director) -> ServerKey | None:
    """Return the real server that most clients were moved away from; None where none was moved."""
    moves = _moves(reports, director)
    if not moves:
        return None
    most = max(moves, key=lambda left: len(moves[left]))
    return ServerKey(most.service, most.server)


def move_back(snapshot: Snapshot, reports: Sequence[EntryReport]) -> EntryRequest | None:
    """Return the move to `left_behind` of those clients that are still where they were moved to; None for nobody."""
    director = snapshot.reading.director
    place = left_behind(reports, director)
    if place is None:
        return None
    every = resolved_entries(snapshot)
    moves = _moves(reports, director)[_Left(place.service, place.endpoint)]
    found = ((move, every.get(key_of(move.entry))) for move in moves)
    chosen = tuple(entry for move, entry in found if entry is not None and entry.server == move.server)
    request = EntryRequest(Action.MOVE, chosen, place.service, target=place.endpoint)
    return replace(request, seconds=usual_seconds(snapshot, request)) if chosen else None


def _moves(reports: Iterable[EntryReport], director: Director) -> dict[_Left, list[Move]]:
    """Return the moves that were seen to have worked, by what they led away from."""
    found: dict[_Left, list[Move]] = {}
    for report in reports:
        if isinstance(report.edit, Move) and report.outcome is Outcome.DONE:
            service = service_of(report.edit.entry, director)
            if service is not None:
                entry = report.edit.entry
                server = server_of(entry, director.pools[service]) or entry.server
                found.setdefault(_Left(service, server), []).append(report.edit)
    return found


def _service(director: Director, key: ServiceKey | None) -> str:
    return fields.visible(service_names(director, key)[0]) if key is not None else "a service that is gone"
