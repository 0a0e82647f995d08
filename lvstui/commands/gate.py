"""A change on trial that stays by itself where it serves: the command waits, asks the servers, and decides."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lvstui.commands.place import Place, Status, complain, read_snapshot
from lvstui.commands.trial import desk_of
from lvstui.core.change import Change, service_of
from lvstui.core.model import Director, ServerKey, ServiceKey
from lvstui.core.observed import Reading
from lvstui.core.probes.answer import Outcome
from lvstui.core.probes.gate import LAST, Decision, Gate, touched_servers
from lvstui.core.snapshot import Snapshot
from lvstui.engine.messages import Kept, TrialEvent
from lvstui.engine.prober import ask_all, inquiries
from lvstui.engine.sentences import sentence

_ROUND: Final = 1.0
"""Seconds between two rounds."""


def decide(place: Place, changes: Sequence[Change], before: Reading) -> int:
    """Ask the servers of a change on trial again and again; keep it where they serve, else take it back.

    The status is 0 where it is kept, 1 where it was taken back, 3 where it is left to a person. Whoever ends this
    leaves the decision to the guard.
    """
    names = before.director
    desk = desk_of(place, lambda event: complain(sentence(event, names)[0]))
    pending = desk.pending if desk else None
    if desk is None or pending is None:
        return Status.ERROR  # it was refused, which has been said
    gate, began = Gate(_rates(changes, before)), time.monotonic()
    complain("on trial until its servers serve: they are asked every second, and their connections are counted")
    while True:
        round_began = time.monotonic()
        snapshot = read_snapshot(place)
        outcomes = _ask(place, snapshot, touched_servers(changes, snapshot.reading.director))
        decision, why = gate.judge(time.monotonic() - began, outcomes, _rates(changes, snapshot.reading))
        pending = desk.pending
        if pending is None:
            ended = desk.news(is_read=False, asks=False)  # the guard, where a round took longer than was left
            complain(ended[0] if ended else "somebody else has decided about it")
            return Status.ERROR if ended else Status.DIFFERS
        if decision is Decision.WAIT and pending.trial.left() < LAST:
            decision, why = Decision.TAKE_BACK, "its time is over, and its servers have not served all of it"
        match decision:
            case Decision.KEEP:
                return _say(desk.keep(), names)
            case Decision.TAKE_BACK:
                complain(f"taken back at once: {why}")
                _say(desk.take_back(), names)
                return Status.ERROR
            case Decision.OPEN:
                complain(f"{why}: `lvstui confirm` keeps it, else it is taken back in {pending.left:.0f} s")
                return Status.DIFFERS
            case Decision.WAIT:
                time.sleep(max(0.0, _ROUND - (time.monotonic() - round_began)))


def _say(event: TrialEvent, names: Director) -> int:
    """Say what came of a decision, and return the exit status."""
    complain(sentence(event, names)[0])
    return Status.OK if isinstance(event, Kept) and not event.trouble else Status.ERROR


def _ask(place: Place, snapshot: Snapshot, keys: Iterable[ServerKey]) -> Mapping[ServerKey, Sequence[Outcome]]:
    """Ask servers by the way of their clients' packets."""
    asked = list(inquiries(replace(snapshot, owners=()), keys))
    answers = ask_all(place.kernel, asked)
    return {inquiry.key: [one.answer.outcome for one in probed] for inquiry, probed in zip(asked, answers, strict=True)}


def _rates(changes: Iterable[Change], reading: Reading) -> Mapping[ServiceKey, int]:
    """Return the connections a second of those services that changes are about and that there are."""
    keys = dict.fromkeys(key for change in changes if (key := service_of(change.target)) is not None)
    return {key: stats.connection_rate for key in keys if (stats := reading.services.get(key)) is not None}
