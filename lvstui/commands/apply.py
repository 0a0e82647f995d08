"""Comparing a profile with the kernel, and making the kernel equal to it: `diff` and `apply`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lvstui.commands.caution import dangers, refuse_dangers
from lvstui.commands.place import (
    Failure,
    OpenPlace,
    Status,
    complain,
    complain_of,
    is_plan,
    print_json,
    read_profile,
    read_whole,
    warn_of_consequences,
    warn_of_loss,
    warn_of_owners,
)
from lvstui.commands.trial import refuse_gate
from lvstui.commands.work import Work, carry_out, compare, print_work, warn_of_marks
from lvstui.core.fields import visible
from lvstui.core.home import whose
from lvstui.core.mistake import STDIN, Mistake, Severity, file_text
from lvstui.core.words import count
from lvstui.formats.profile.write import ProfileError
from lvstui.store.profile_file import read_text

_WARNINGS: Final = 5
"""Warnings about a profile that are said each time."""


def diff(options: Namespace, open_place: OpenPlace) -> int:
    """Print what would have to be written to make the kernel equal a profile."""
    with open_place() as place:
        path = options.file or place.profile.path
        text = read_text(path)
        if is_plan(text):
            remedy = f"`lvstui apply {visible(str(path))} --dry-run` prints what it would write"
            raise Failure(f"{file_text(str(path))} is a plan, and no profile; {remedy}")
        reading = read_whole(place.kernel) if options.out else place.kernel.read()
        unseen = place.kernel.read_only
        found = read_profile(text, path, place.kernel, reading)
        profile = found.director
        if sentence := whose(str(path), profile.home, place.here):
            complain(f"warning: {sentence}")
        work = compare(place, reading, profile, options)
        _complain(found.mistakes, str(path), work)
        warn_of_marks(work)
        if options.out:
            from lvstui.commands.plans import write_plan

            write_plan(options.out, place, work, str(path), found)
    if unseen:
        complain(f"{unseen}; compared is the rest")
    if options.out == Path(STDIN):  # where nothing else goes then
        pass
    elif options.json:
        print_json({"profile": str(path), "change": work.objects({})})
    else:
        work.print(commands=options.commands)
    if unseen:
        return Status.PERMISSION
    return Status.DIFFERS if work.writes else Status.OK


def apply(options: Namespace, open_place: OpenPlace) -> int:
    """Make the kernel equal a profile, or make a plan, printing what was written, and read again to be sure."""
    if options.boot:
        from lvstui.commands.boot import boot  # with what looks for the programs that start after us

        return boot(options, open_place)
    refuse_gate(options)
    if options.sync or options.marks:
        part = "--sync" if options.sync else "--marks"
        raise Failure(f"{part} is a part of a start: write lvstui apply --boot {part}", Status.USAGE)
    with open_place() as place:
        path = options.file or place.profile.path
        reading = read_whole(place.kernel)
        text = read_text(path)
        if is_plan(text):
            from lvstui.commands.plans import make_plan

            return make_plan(text, path, place, reading, options)
        found = read_profile(text, path, place.kernel, reading)
        if found.refused:  # before anything is written, rather than half way
            raise ProfileError(*found.mistakes)
        profile = found.director
        work = compare(place, reading, profile, options)
        _complain(found.mistakes, str(path), work)
        warn_of_marks(work)
        warn_of_consequences(work.writes, work.reading)
        if options.confirm_within:
            warn_of_loss(work.writes, work.reading)
        warn_of_owners(place, work.writes)
        refuse_dangers(options, dangers(place, str(path), profile, work.reading.director, work.writes))
        if options.dry_run or not work.writes:
            print_work(work, str(path), options)
            return Status.DIFFERS if work.writes else Status.OK
        refused = carry_out(place, work, str(path), as_json=options.json, trial=options.confirm_within)
        remaining = compare(place, read_whole(place.kernel), profile, options)
        for change in remaining.writes:
            if change not in refused:
                print(f"still differs: {remaining.line(change)}", file=sys.stderr)
        if options.if_serving and not remaining.writes:
            from lvstui.commands.gate import decide  # with what asks servers

            return decide(place, work.writes, reading)
        return Status.ERROR if remaining.writes else Status.OK


def _complain(mistakes: Sequence[Mistake], path: str, work: Work) -> None:
    """Say what is wrong in a profile; warnings only where something is to be written, and then not all of many."""
    complain_of(one for one in mistakes if one.severity is Severity.ERROR)
    warnings = [one for one in mistakes if one.severity is Severity.WARNING] if work.writes else []
    complain_of(warnings[:_WARNINGS])
    if (more := len(warnings) - _WARNINGS) > 0:
        complain(f"warning: {count(more, 'more warning')} about the profile; `lvstui check {visible(path)}` lists all")
