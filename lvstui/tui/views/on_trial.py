"""What becomes of a change on trial, decided in every view: it is kept, gets more time, or is taken back now."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeGuard

from lvstui.core import fields
from lvstui.core.advice.consequences import consequences
from lvstui.core.advice.irrevocable import cannot_return
from lvstui.core.change import undo
from lvstui.core.describe import describe
from lvstui.core.fields import visible
from lvstui.core.keys import with_keys
from lvstui.core.record import Kind
from lvstui.core.snapshot import Snapshot
from lvstui.core.trial import LEAST, MOST, SECONDS, Guard, Pending, find_held, find_touched
from lvstui.core.view.countdown import clock_text, what_is_on_trial
from lvstui.core.view.table import Tone
from lvstui.core.words import first_of
from lvstui.engine.messages import Extend, Keep, TakeBack
from lvstui.engine.trials.desk import GUARD
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.views.view import View

OFFERED_SECONDS = ("300", "600", "3600")
"""Seconds that the palette proposes."""


def read_seconds(text: str) -> int:
    """Read how long something is on trial. Raises `FieldError`."""
    return fields.number("seconds", text, (int(LEAST), int(MOST)))


def begun(snapshot: Snapshot, pending: Pending) -> str:
    """Return the sentence on what was put on trial by somebody else, or at an earlier start."""
    way = with_keys("; {K:keep} keeps it") if pending.may_decide and not snapshot.read_only else ""
    what = what_is_on_trial(snapshot, pending)
    return f"{pending.who} has on trial: {what}; taken back in {clock_text(pending.left)} unless it is kept{way}"


def ended(snapshot: Snapshot, pending: Pending) -> str:
    """Return the sentence on what another session decided about a change that was on trial until now.

    Empty where we decided ourselves, or a guard took it back: that has been said.
    """
    kinds = (Kind.TRIAL, Kind.KEEP, Kind.TAKE_BACK)
    last = next((record for record in reversed(snapshot.changes) if record.kind in kinds), None)
    end = last if last is not None and last.kind is not Kind.TRIAL else None
    if end is not None and (end.pid == os.getpid() or end.user == GUARD):
        return ""
    director = snapshot.reading.director
    kept = end.kind is Kind.KEEP if end else bool(find_held(pending.changes, director))
    if not (end or kept):
        return ""
    left = [describe(change, director) for change in find_touched(pending.changes, director)]
    others = f"; changed by others since, and left alone: {first_of(left)}" if left else ""
    by = f" by {visible(end.user)}" if end else ""
    word = "kept" if kept else "taken back"
    return f"{word}{by}, what {pending.who} had on trial: {what_is_on_trial(snapshot, pending)}{others}"


def is_ours(pending: Pending | None) -> TypeGuard[Pending]:
    """Return whether this lvstui put something on trial."""
    return pending is not None and pending.trial.record.pid == os.getpid()


def outlives(pending: Pending | None) -> TypeGuard[Pending]:
    """Return whether this lvstui put something on trial which goes on without it, as it does but in a demo."""
    return is_ours(pending) and pending.guard is not Guard.SCREEN


def staying(snapshot: Snapshot, pending: Pending) -> str:
    """Return the sentence on what is on trial for whoever leaves: it goes on, and how it is kept from a shell."""
    what = what_is_on_trial(snapshot, pending)
    return f"on trial: {what}; taken back in {clock_text(pending.left)} unless `lvstui confirm` keeps it"


def no_second(pending: Pending | None) -> str:
    """Return why nothing more can be put on trial; empty where it can."""
    if pending is None:
        return ""
    return with_keys(
        f"one change is on trial already, by {pending.who}: first {{K:keep}} keeps it, or {{z:undo}} takes it back"
    )


def undecidable(view: View) -> str:
    """Return why nothing can be decided about a change on trial here; empty where it can."""
    if view.snapshot.trial is None:
        return with_keys("nothing is on trial: {Ctrl-T:trial} applies what is staged that way")
    return view.snapshot.read_only


def keep(view: View) -> None:
    """Keep what is on trial; what another person has on trial only after asking."""

    def ask(pending: Pending) -> None:
        view.ask(Keep(force=not pending.may_decide))

    _decide(view, "Keep", "Keep it all the same", ask)


def extend(view: View, seconds: float = SECONDS) -> None:
    """Extend what is on trial by so many seconds; what another person has on trial only after asking."""

    def ask(pending: Pending) -> None:
        view.ask(Extend(seconds, force=not pending.may_decide))

    _decide(view, f"Give {seconds:g} seconds more to", "Extend it all the same", ask)


def take_back(view: View) -> None:
    """Take back what is on trial, after asking."""
    reason, pending = undecidable(view), view.snapshot.trial
    if pending is None or reason:
        view.say(reason, Tone.WARN)
        return
    director = view.snapshot.reading.director
    lines = [f"! {effect}" for effect in consequences(undo(pending.changes), view.snapshot.reading)]
    lines += [f"back  {describe(change, director)}" for change in undo(pending.changes)]
    lines += [f"gone  {sentence}" for sentence in cannot_return(pending.changes, view.snapshot.reading)]
    lines += ["", "What others have changed of it since is left alone, and named."]
    question = Confirm("Take back now what is on trial?", [*_whose(pending), *lines], "Take back")
    confirm_first(view.app, question, lambda: view.ask(TakeBack(force=not pending.may_decide)))


def _decide(view: View, verb: str, action: str, ask: Callable[[Pending], None]) -> None:
    """Decide about what is on trial, or say why not; ask first where that is for another person to decide."""
    reason, pending = undecidable(view), view.snapshot.trial
    if pending is None or reason:
        view.say(reason, Tone.WARN)
    elif pending.may_decide:
        ask(pending)
    else:
        question = Confirm(
            f"{verb} what another person has on trial?", [*_whose(pending), *_changes(view, pending)], action
        )
        confirm_first(view.app, question, lambda: ask(pending))


def _whose(pending: Pending) -> Sequence[str]:
    return () if pending.may_decide else (f"{pending.why_not}.", "")


def _changes(view: View, pending: Pending) -> list[str]:
    director = view.snapshot.reading.director
    return [f"trial  {describe(change, director)}" for change in pending.changes]
