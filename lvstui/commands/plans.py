"""Plans: what `diff --out` writes, and what `apply` does with such a file."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lvstui.commands.caution import dangers, refuse_dangers
from lvstui.commands.place import (
    Failure,
    Place,
    Status,
    complain,
    is_plan,
    print_json,
    read_whole,
    warn_of_consequences,
    warn_of_loss,
    warn_of_owners,
)
from lvstui.commands.trial import desk_of
from lvstui.commands.work import Work, carry_out, print_work
from lvstui.core.change import EMPTY, Change, Target, fold, holds, is_same, kernel_writes, lookup
from lvstui.core.drift import add_profile_values
from lvstui.core.fields import visible
from lvstui.core.home import whose
from lvstui.core.mistake import STDIN, file_text
from lvstui.core.model import Director
from lvstui.core.observed import Reading
from lvstui.core.order import arranged
from lvstui.core.plan import Moved, Plan, find_moved, is_made, steps
from lvstui.core.words import count
from lvstui.formats.plan import dump, load
from lvstui.formats.profile.write import ProfileError, dumps
from lvstui.store.files import LARGEST, read_file

if TYPE_CHECKING:
    from lvstui.formats.profile.examine import Examined


def write_plan(output: Path, place: Place, work: Work, path: str, found: Examined) -> None:
    """Write what would make the kernel equal a profile as a plan.

    Raises `ProfileError` where a part of the profile would be refused, and `Failure` where the file is another one.
    """
    if found.refused:
        raise ProfileError(*found.mistakes)
    from lvstui.store.named_files import write_named
    from lvstui.store.sessions import author

    profile = (place.file.load() if place.file else None) or EMPTY
    by = author()
    plan = Plan(steps(work.changes, work.names, profile), path, by.user, by.source, by.since, place.here)
    content = dump(plan, work.names).encode()
    if len(content) > LARGEST:
        changes = count(len(plan.changes), "change")
        raise Failure(
            f"a plan of {changes} would be larger than the {LARGEST >> 20} MiB that are read; apply the profile"
        )
    if output == Path(STDIN):
        print(content.decode(), end="")
        return
    _refuse_other(output)
    write_named(output, content)
    complain(f"{visible(str(output))}: a plan of {count(len(plan.changes), 'change')}")


def _refuse_other(output: Path) -> None:
    """Raise `Failure` where something other than a plan would be overwritten."""
    if not output.is_file():
        return
    with suppress(OSError, UnicodeDecodeError):
        content, _ = read_file(output)
        if not content.strip() or is_plan(content.decode("utf-8-sig")):
            return
    raise Failure(f"{visible(str(output))} is there already, and is no plan; name another file")


def make_plan(text: str, path: Path, place: Place, reading: Reading, options: Namespace) -> int:
    """Do exactly what a plan says, in the kernel and in the usual profile; else name what is no longer as it was.

    Nothing is written then: raises `Failure`.
    """
    name = file_text(str(path))
    if options.keep_others or options.keep_weights:
        raise Failure("a plan is made as it stands: leave out --keep-others and --keep-weights", Status.USAGE)
    plan = load(text, str(path))
    profile = place.profile.load() or EMPTY
    running = arranged(reading.director)
    refuse_dangers(
        options,
        (whose(name, plan.home, place.here, "plan"), whose(str(place.profile.path), profile.home, place.here)),
    )
    work = _work(plan, reading, profile)
    if is_made(plan, running, profile):
        return _say_made(name, options)
    if moved := find_moved(plan, running, profile):
        _refuse_moved(moved, work, name, options, _on_trial(place))
    dumps(fold(profile, plan.changes, work.names))  # raises where the profile could not say that, before a write
    warn_of_consequences(work.writes, reading)
    if options.confirm_within:
        warn_of_loss(work.writes, reading)
    warn_of_owners(place, work.writes)
    refuse_dangers(options, dangers(place, name, EMPTY, running, work.writes))
    if options.dry_run or not plan.steps:
        print_work(work, name, options)
        return Status.DIFFERS if plan.steps else Status.OK
    trial: float | None = options.confirm_within
    refused = carry_out(place, work, name, as_json=options.json, saved=place.profile, trial=trial)
    status = _look_again(place, work, refused, saved=trial is None)
    if options.if_serving and status == Status.OK:
        from lvstui.commands.gate import decide  # with what asks servers

        return decide(place, work.writes, reading)
    return status


def _work(plan: Plan, reading: Reading, profile: Director) -> Work:
    """Return what a plan writes, with the names that things have now or get by it."""
    named = add_profile_values(reading.director, profile)
    names = fold(named, (change for change in plan.changes if change.after is not None))
    return Work(reading, names, plan.changes, kernel_writes(plan.changes))


def _say_made(name: str, options: Namespace) -> int:
    if options.json:
        print_json({"profile": name, "dry_run": options.dry_run, "change": ()})
    complain(f"nothing to do: kernel and profile are as {name} would make them")
    return Status.OK


def _on_trial(place: Place) -> frozenset[Target]:
    """Return the objects that a change on trial touches."""
    desk = desk_of(place, lambda _: None)
    return frozenset(change.target for change in desk.changes) if desk else frozenset()


def _refuse_moved(
    moved: Sequence[Moved], work: Work, name: str, options: Namespace, on_trial: frozenset[Target]
) -> None:
    """Name everything that is no longer as a plan saw it, and raise `Failure`."""
    if options.json:
        reasons = {one.planned: one.line(work.names) for one in moved}
        ends = {change: ("not written", reasons.get(change, "")) for change in work.changes}
        print_json({"profile": name, "dry_run": options.dry_run, "change": work.objects(ends)})
    for one in moved:
        complain(one.line(work.names))
    if all(one.change.target in on_trial for one in moved):
        remedy = "keep that (`lvstui confirm`) or take it back (`lvstui rollback --now`) first"
        raise Failure(f"{name} does not fit what is on trial: {remedy}; nothing was written")
    things = count(len(moved), "object")
    raise Failure(f"{name} no longer fits: {things} changed since it was made; nothing was written")


def _look_again(place: Place, work: Work, refused: frozenset[Change], *, saved: bool) -> int:
    """Read the kernel back and say where it is not as planned; the profile too where that was `saved`.

    Why it was not has been said.
    """
    running = read_whole(place.kernel).director
    profile = EMPTY
    with suppress(ProfileError):
        profile = place.profile.load() or EMPTY
    status = Status.ERROR if refused else Status.OK
    for change in work.changes:
        if change in refused:
            continue
        target = change.target
        if not holds(target, change.after, lookup(running, target)):
            print(f"still differs: {work.line(change)}", file=sys.stderr)
            status = Status.ERROR
        elif saved and not is_same(target, change.after, lookup(profile, target)):
            status = Status.ERROR
    return status
