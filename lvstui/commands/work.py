"""What is to be written to make the kernel equal something: found, printed, written and recorded."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lvstui.commands.place import Failure, Place, complain, print_json
from lvstui.commands.signals import held_back
from lvstui.commands.trial import desk_of
from lvstui.core.change import EMPTY, Change, kernel_writes, name_as
from lvstui.core.describe import describe
from lvstui.core.drift import find_drift, keep_unseen, keep_weights
from lvstui.core.fields import visible
from lvstui.core.model import Director
from lvstui.core.observed import Reading
from lvstui.core.order import arranged
from lvstui.formats.profile.write import ProfileError

if TYPE_CHECKING:
    from lvstui.engine.messages import EditOutcome, Refusal, Rejected
    from lvstui.formats.json import Table
    from lvstui.store.profile_file import ProfileFile


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be written: the changes, and the fewest kernel writes for them, in order.

    `names` is the director whose names stand in the lines about them.
    """

    reading: Reading
    names: Director
    changes: tuple[Change, ...]
    writes: tuple[Change, ...]

    def line(self, change: Change) -> str:
        """Return one of the changes as a line."""
        return describe(name_as(change, self.names), self.names)

    def print(self, *, commands: bool) -> None:
        """Print the writes, a line each, and on demand the commands that do the same below each."""
        for change in self.writes:
            print(self.line(change))
            if commands:
                from lvstui.formats.equivalent import equivalent  # with all about marks

                for line in equivalent(change):
                    print(f"    {line}")

    def objects(self, ends: Mapping[Change, tuple[str, str]]) -> Iterator[Table]:
        """Yield the writes as JSON has them, with how they ended as far as that is known."""
        from lvstui.formats.changes import NOT_MADE, Ended, change_object

        for change in self.writes:
            ended = Ended(ends[change][0], ends[change][1] or None) if change in ends else NOT_MADE
            yield change_object(name_as(change, self.names), self.names, ended)

    def refusal_line(self, refusal: Refusal) -> str:
        """Return one of the changes that was refused, or depends on one, with the reason as a line."""
        return visible(refusal._replace(change=name_as(refusal.change, self.names)).line(self.names))


def compare(place: Place, reading: Reading, profile: Director, options: Namespace) -> Work:
    """Compare the kernel with a profile: the changes have the names of the usual one, which `apply` does not write to.

    So a rollback finds and leaves its names.

    `keep_others` leaves services and marks alone that the profile lacks, `keep_weights` weights as they run. What a
    partial reading does not tell is taken to be as the profile says.
    """
    reading = replace(reading, director=arranged(reading.director))
    running = reading.director
    if reading.partial:
        profile = keep_unseen(profile, running)
    if options.keep_weights:
        profile = keep_weights(profile, running)
    if options.keep_others:
        marks = {**running.groups, **profile.groups}
        profile = replace(profile, pools={**running.pools, **profile.pools}, marks=marks)
    usual = EMPTY
    with suppress(ProfileError):  # one that cannot be read has no names
        usual = (place.file.load() if place.file else None) or EMPTY
    changes = tuple(name_as(change, usual) for change in find_drift(running, profile))
    return Work(reading, profile, changes, kernel_writes(changes))


def warn_of_marks(work: Work) -> None:
    """Say that the rules of a profile's marks are left out, where they can be neither read nor written."""
    if work.names.marks and work.reading.director.marks is None:
        complain("the profile's marks are left out: `lvstui export --format nft` prints the rules that set them")


def print_work(work: Work, source: str, options: Namespace) -> None:
    """Print what would be written, with the commands that do the same; say on stderr where that is nothing."""
    if options.json:
        print_json({"profile": source, "dry_run": options.dry_run, "change": work.objects({})})
    else:
        work.print(commands=True)
    if not work.writes:
        complain(f"nothing to do: the kernel is as {source} says")


def _print_outcome(work: Work, source: str, outcome: EditOutcome, *, as_json: bool) -> None:
    """Print what was written; as JSON also what was not."""
    done = frozenset(outcome.done)
    if as_json:
        from lvstui.engine.sentences import ends_of

        print_json({"profile": source, "dry_run": False, "change": work.objects(ends_of(outcome))})
        return
    for change in work.writes:
        if change in done:
            print(work.line(change))


def carry_out(
    place: Place,
    work: Work,
    source: str,
    *,
    as_json: bool,
    saved: ProfileFile | None = None,
    trial: float | None = None,
) -> frozenset[Change]:
    """Write to the kernel, record it, and print what was written: nothing is printed before that could stop it.

    `saved` is a profile that is brought to the same state, `trial` for how many seconds all of it is on trial (None: it
    is not). Return what the kernel refused, with what depends on it.
    Raises `Failure` where somebody else was faster, and `KernelError` where the kernel can no longer be written at all.
    """
    from lvstui.core.record import Kind  # what only writes need: the engine, and the formats of records
    from lvstui.engine.edits import Editor
    from lvstui.engine.messages import Applied, Edit, Event
    from lvstui.engine.profile import FollowedProfile
    from lvstui.engine.sentences import sentence

    def report(event: Event) -> None:
        complain(sentence(event, work.names)[0])

    profile = FollowedProfile(saved, place.kernel, report, place.here)
    edit = Edit(work.changes, Kind.APPLY, trial=trial or 0.0)
    editor = Editor(place.kernel, profile, place.history, report, trials=desk_of(place, report))
    with held_back(editor.interrupt) as hold, closing(editor):
        outcome = editor.make(edit, work.reading.director)
    try:
        _print_outcome(work, source, outcome, as_json=as_json)
        if edit.trial and outcome.done:
            complain(sentence(Applied(replace(edit, changes=outcome.done)), work.names)[0])
        return _report(work, outcome)
    finally:
        hold.obey()


def _report(work: Work, outcome: EditOutcome) -> frozenset[Change]:
    """Say what was not written; return or raise as `carry_out` does."""
    from lvstui.engine.messages import Applied, Incomplete, Overtaken, Rejected
    from lvstui.engine.sentences import sentence
    from lvstui.engine.writing import Interrupted

    match outcome:
        case Applied():
            return frozenset()
        case Incomplete(_, _, refusals):
            refused = frozenset(refusal.change for refusal in refusals)
            written = [change for change in work.writes if change not in refused]
            what = "refused" if all(refusal.tried for refusal in refusals) else "refused or not tried"
            complain(f"{len(written)} of {len(work.writes)} changes were written, the others were {what}:")
            for refusal in refusals:
                print(f"  {work.refusal_line(refusal)}", file=sys.stderr)
            return refused
        case Overtaken():
            raise Failure(sentence(outcome, work.names)[0])
        case Rejected(_, error, _, failed):
            if failed is not None:
                _print_half(work, outcome, failed, tried=not isinstance(error, Interrupted))
            raise error


def _print_half(work: Work, outcome: Rejected, end: Change, *, tried: bool) -> None:
    """List what was not written of what ended before a change, or when that was tried."""
    done, refusals = frozenset(outcome.done), {refusal.change: refusal for refusal in outcome.refusals}
    reached = work.writes.index(end)
    written = [change for change in work.writes[:reached] if change in done]
    why = "the next one failed" if tried else "then it was interrupted"
    complain(f"{len(written)} of {len(work.writes)} changes were written, {why}")
    for place, change in enumerate(work.writes):
        if refusal := refusals.get(change):
            print(f"  {work.refusal_line(refusal)}", file=sys.stderr)
        elif change not in done:
            word = "not tried" if place >= reached + tried else "failed   "
            print(f"  {word}  {work.line(change)}", file=sys.stderr)
