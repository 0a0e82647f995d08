"""Making the kernel equal a profile: `apply`."""

from __future__ import annotations

import sys
from argparse import Namespace

from lvstui.commands.diff import Plan, plan, print_plan, warn_of_marks
from lvstui.commands.neighbours import warn
from lvstui.commands.output import complain
from lvstui.commands.place import OpenPlace, Place, load_profile
from lvstui.commands.status import Failure, Status
from lvstui.core import rules
from lvstui.core.model import Director
from lvstui.core.record import Kind
from lvstui.engine.edits import Editor
from lvstui.engine.messages import Applied, Edit, Event, Overtaken, Rejected
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.sentences import sentence
from lvstui.formats.profile.write import ProfileError


def apply(options: Namespace, open_place: OpenPlace) -> int:
    """Make the kernel equal a profile, printing each write once it holds, and read again to be sure."""
    with open_place() as place:
        profile = load_profile(options.file or place.profile.path)
        _refuse_errors(profile)
        warn_of_marks(place, profile)
        steps = plan(place.kernel, profile, keep_others=options.keep_others)
        warn(place, steps.writes)
        if options.dry_run:
            return print_plan(steps)
        if steps.writes:
            _carry_out(place, steps)
        remaining = plan(place.kernel, profile, keep_others=options.keep_others)
        for line in remaining.lines:
            print(f"still differs: {line}", file=sys.stderr)
        return Status.ERROR if remaining.writes else Status.OK


def _carry_out(place: Place, steps: Plan) -> None:
    """Write a plan to the kernel, printing each line once it holds, and record it.

    A refusal takes back what was written before it: stderr says what failed and what was not tried, and the
    `KernelError` is passed on. Raises `Failure` where somebody else was faster.
    """

    def report(event: Event) -> None:
        complain(sentence(event, steps.profile)[0])

    editor = Editor(place.kernel, FollowedProfile(None, place.kernel, report), place.history, report)
    edit = Edit(steps.changes, Kind.APPLY)
    outcome = editor.make(edit, steps.running, on_write=lambda change: print(steps.line(change)))
    match outcome:
        case Applied():
            return
        case Overtaken():
            raise Failure(sentence(outcome, steps.profile)[0])
        case Rejected():
            _print_refusal(outcome, steps)
            raise outcome.error


def _print_refusal(refusal: Rejected, steps: Plan) -> None:
    if refusal.failed is None:
        return
    failed = steps.writes.index(refusal.failed)
    aftermath = f"; {refusal.aftermath}" if refusal.aftermath else ""
    complain(f"{failed} of {len(steps.writes)} changes were written, the next one failed{aftermath}")
    print(f"  failed     {steps.line(refusal.failed)}", file=sys.stderr)
    for change in steps.writes[failed + 1 :]:
        print(f"  not tried  {steps.line(change)}", file=sys.stderr)
    for change in refusal.done:
        print(f"  remains    {steps.line(change)}", file=sys.stderr)


def _refuse_errors(profile: Director) -> None:
    """Stop before anything is written where the kernel would refuse a part of the profile half way."""
    errors = [str(problem) for problem in rules.check(profile) if problem.severity is rules.Severity.ERROR]
    if errors:
        raise ProfileError(*errors)
