"""Comparing a profile with the kernel, and making the kernel equal it: `diff` and `apply`."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import dataclass, replace

from lvstui.commands.neighbours import warn
from lvstui.commands.output import complain
from lvstui.commands.place import OpenPlace, Place, read_whole_table
from lvstui.commands.show import load_profile
from lvstui.commands.status import Failure, Status
from lvstui.core import rules
from lvstui.core.change import Change, kernel_writes
from lvstui.core.describe import describe
from lvstui.core.drift import drift
from lvstui.core.model import Director
from lvstui.core.record import Kind
from lvstui.engine.edits import Editor
from lvstui.engine.messages import Applied, Edit, Event, Overtaken, Rejected
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.sentences import sentence
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the kernel equal a profile: the changes, and the fewest kernel writes for them, in order."""

    running: Director
    profile: Director
    changes: tuple[Change, ...]
    writes: tuple[Change, ...]

    def line(self, change: Change) -> str:
        """Write one of the changes in a line."""
        return describe(change, self.profile)

    @property
    def lines(self) -> list[str]:
        """The writes, a line each."""
        return [self.line(change) for change in self.writes]


def plan(kernel: Kernel, profile: Director, *, keep_others: bool = False) -> Plan:
    """Compare the kernel with a profile; `keep_others` leaves services and marks alone that the profile lacks."""
    running = read_whole_table(kernel)
    if keep_others:
        marks = {**running.groups, **profile.groups}
        profile = replace(profile, pools={**running.pools, **profile.pools}, marks=marks)
    changes = drift(running, profile)
    return Plan(running, profile, changes, kernel_writes(changes))


def diff(options: Namespace, open_place: OpenPlace) -> int:
    """Print what would have to be written to make the kernel equal a profile."""
    with open_place() as place:
        profile = load_profile(options.file or place.profile.path)
        _warn_of_marks(place, profile)
        return _print_plan(plan(place.kernel, profile))


def apply(options: Namespace, open_place: OpenPlace) -> int:
    """Make the kernel equal a profile, printing each write once it holds, and read again to be sure."""
    with open_place() as place:
        profile = load_profile(options.file or place.profile.path)
        _refuse_errors(profile)
        _warn_of_marks(place, profile)
        steps = plan(place.kernel, profile, keep_others=options.keep_others)
        warn(place, steps.writes)
        if options.dry_run:
            return _print_plan(steps)
        if steps.writes:
            _carry_out(place, steps)
        remaining = plan(place.kernel, profile, keep_others=options.keep_others)
        for line in remaining.lines:
            print(f"still differs: {line}", file=sys.stderr)
        return Status.ERROR if remaining.writes else Status.OK


def _print_plan(steps: Plan) -> Status:
    for line in steps.lines:
        print(line)
    return Status.DIFFERS if steps.writes else Status.OK


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


def _warn_of_marks(place: Place, profile: Director) -> None:
    """Say that the rules of a profile's marks are left out, where they can be neither read nor written."""
    if profile.marks and place.kernel.read().director.marks is None:
        complain("its marks are left out: `lvstui export --format nft` prints the rules that set them")


def _refuse_errors(profile: Director) -> None:
    """Stop before anything is written where the kernel would refuse a part of the profile half way."""
    errors = [str(problem) for problem in rules.check(profile) if problem.severity is rules.Severity.ERROR]
    if errors:
        raise ProfileError(*errors)
