"""Comparing a profile with the kernel, and making the kernel equal to it: `diff` and `apply`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lvstui.commands.caution import dangers, refuse_dangers
from lvstui.commands.place import (
    Failure,
    OpenPlace,
    Place,
    Status,
    complain,
    load_profile,
    read_whole,
    warn_of_consequences,
    warn_of_owners,
)
from lvstui.commands.signals import held_back
from lvstui.core import rules
from lvstui.core.change import EMPTY, Change, kernel_writes, name_as
from lvstui.core.describe import describe
from lvstui.core.drift import find_drift, keep_weights
from lvstui.core.fields import visible
from lvstui.core.home import whose
from lvstui.core.model import Director
from lvstui.core.observed import Reading
from lvstui.formats.profile.write import ProfileError

if TYPE_CHECKING:
    from lvstui.engine.messages import Outcome, Refusal, Rejected


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the kernel equal a profile: the changes, and the fewest kernel writes for them, in order.

    They have the names of the usual profile, which `apply` does not write to: so a rollback finds and leaves its names.
    """

    reading: Reading
    profile: Director
    changes: tuple[Change, ...]
    writes: tuple[Change, ...]

    def line(self, change: Change) -> str:
        """Return one of the changes as a line."""
        return describe(name_as(change, self.profile), self.profile)

    def refusal_line(self, refusal: Refusal) -> str:
        """Return one of the changes that was refused, or depends on one, with the reason as a line."""
        return visible(refusal._replace(change=name_as(refusal.change, self.profile)).line(self.profile))


def diff(options: Namespace, open_place: OpenPlace) -> int:
    """Print what would have to be written to make the kernel equal a profile."""
    with open_place() as place:
        path = options.file or place.profile.path
        profile = load_profile(path)
        if sentence := whose(str(path), profile.home, place.here):
            complain(f"warning: {sentence}")
        plan = _plan(place, profile, options)
        _warn_of_marks(plan)
        return _print_plan(plan)


def apply(options: Namespace, open_place: OpenPlace) -> int:
    """Make the kernel equal a profile, printing what was written, and read again to be sure."""
    with open_place() as place:
        path = options.file or place.profile.path
        profile = load_profile(path)
        _refuse_errors(profile)
        plan = _plan(place, profile, options)
        _warn_of_marks(plan)
        warn_of_consequences(plan.writes, plan.reading)
        warn_of_owners(place, plan.writes)
        refuse_dangers(options, dangers(place, str(path), profile, plan.reading.director, plan.writes))
        if options.dry_run:
            return _print_plan(plan)
        refused = _carry_out(place, plan) if plan.writes else frozenset()
        remaining = _plan(place, profile, options)
        for change in remaining.writes:
            if change not in refused:
                print(f"still differs: {remaining.line(change)}", file=sys.stderr)
        return Status.ERROR if remaining.writes else Status.OK


def _refuse_errors(profile: Director) -> None:
    """Stop before anything is written where the kernel would refuse a part of the profile half way."""
    errors = [str(problem) for problem in rules.check(profile) if problem.severity is rules.Severity.ERROR]
    if errors:
        raise ProfileError(*errors)


def _warn_of_marks(plan: Plan) -> None:
    """Say that the rules of a profile's marks are left out, where they can be neither read nor written."""
    if plan.profile.marks and plan.reading.director.marks is None:
        complain("the profile's marks are left out: `lvstui export --format nft` prints the rules that set them")


def _plan(place: Place, profile: Director, options: Namespace) -> Plan:
    """Compare the kernel with a profile.

    `keep_others` leaves services and marks alone that the profile lacks, `keep_weights` weights as they run.
    """
    reading = read_whole(place.kernel)
    running = reading.director
    if options.keep_weights:
        profile = keep_weights(profile, running)
    if options.keep_others:
        marks = {**running.groups, **profile.groups}
        profile = replace(profile, pools={**running.pools, **profile.pools}, marks=marks)
    usual = EMPTY
    with suppress(ProfileError):  # one that cannot be read has no names
        usual = (place.file.load() if place.file else None) or EMPTY
    changes = tuple(name_as(change, usual) for change in find_drift(running, profile))
    return Plan(reading, profile, changes, kernel_writes(changes))


def _print_plan(plan: Plan) -> Status:
    """Print the writes, a line each, and return whether there are any."""
    _print_lines(plan, plan.writes)
    return Status.DIFFERS if plan.writes else Status.OK


def _carry_out(place: Place, plan: Plan) -> frozenset[Change]:
    """Write a plan to the kernel, record it, and print each write: nothing is printed in between that could stop it.

    What the kernel refuses is listed on stderr and returned, with what depends on it. Raises `Failure` where somebody
    else was faster, and `KernelError` where the kernel can no longer be written at all.
    """
    from lvstui.core.record import Kind  # what only writes need: the engine, and the formats of records
    from lvstui.engine.edits import Editor
    from lvstui.engine.messages import Edit, Event, sentence
    from lvstui.engine.profile import FollowedProfile

    def report(event: Event) -> None:
        complain(sentence(event, plan.profile)[0])

    profile = FollowedProfile(None, place.kernel, report)
    with closing(Editor(place.kernel, profile, place.history, report)) as editor, held_back(editor.interrupt) as hold:
        outcome = editor.make(Edit(plan.changes, Kind.APPLY), plan.reading.director)
    try:
        return _report(plan, outcome)
    finally:
        hold.obey()


def _report(plan: Plan, outcome: Outcome) -> frozenset[Change]:
    """Print what was written, and say what was not; return or raise as `_carry_out` does."""
    from lvstui.engine.edits import Interrupted
    from lvstui.engine.messages import Applied, Incomplete, Overtaken, Rejected, sentence

    match outcome:
        case Applied():
            _print_lines(plan, plan.writes)
            return frozenset()
        case Incomplete(_, _, refusals):
            refused = frozenset(refusal.change for refusal in refusals)
            written = [change for change in plan.writes if change not in refused]
            _print_lines(plan, written)
            what = "refused" if all(refusal.tried for refusal in refusals) else "refused or not tried"
            complain(f"{len(written)} of {len(plan.writes)} changes were written, the others were {what}:")
            for refusal in refusals:
                print(f"  {plan.refusal_line(refusal)}", file=sys.stderr)
            return refused
        case Overtaken():
            raise Failure(sentence(outcome, plan.profile)[0])
        case Rejected(_, error, _, failed):
            if failed is not None:
                _print_half(plan, outcome, failed, tried=not isinstance(error, Interrupted))
            raise error


def _print_half(plan: Plan, outcome: Rejected, end: Change, *, tried: bool) -> None:
    """Print what was written of a plan that ended before a change, or when that was tried, and list the rest."""
    done, refusals = frozenset(outcome.done), {refusal.change: refusal for refusal in outcome.refusals}
    reached = plan.writes.index(end)
    written = [change for change in plan.writes[:reached] if change in done]
    _print_lines(plan, written)
    why = "the next one failed" if tried else "then it was interrupted"
    complain(f"{len(written)} of {len(plan.writes)} changes were written, {why}")
    for place, change in enumerate(plan.writes):
        if refusal := refusals.get(change):
            print(f"  {plan.refusal_line(refusal)}", file=sys.stderr)
        elif change not in done:
            word = "not tried" if place >= reached + tried else "failed   "
            print(f"  {word}  {plan.line(change)}", file=sys.stderr)


def _print_lines(plan: Plan, changes: Iterable[Change]) -> None:
    """Print changes of a plan, a line each."""
    for change in changes:
        print(plan.line(change))
