"""Changes on trial: the commands that decide about them, and what every command that edits says of one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from lvstui.commands.place import Failure, OpenPlace, Place, Status, complain
from lvstui.core.change import EMPTY
from lvstui.core.describe import describe
from lvstui.core.trial import NOTHING_ON_TRIAL, find_way_back
from lvstui.formats.profile.write import ProfileError

if TYPE_CHECKING:
    from lvstui.core.model import Director
    from lvstui.engine.messages import Event, TrialEvent
    from lvstui.engine.trials.desk import TrialDesk


def confirm(options: Namespace, open_place: OpenPlace) -> int:
    """Keep the change on trial; the exit status is 3 where others have changed a part of it since."""
    return _decide(open_place, lambda desk: desk.keep(force=options.force))


def extend(options: Namespace, open_place: OpenPlace) -> int:
    """Extend the time of the change on trial."""
    return _decide(open_place, lambda desk: desk.extend(options.seconds, force=options.force))


def take_back(options: Namespace, open_place: OpenPlace) -> int:
    """Take the change on trial back at once, or print how; the exit status is 3 where others have changed a part."""
    if options.dry_run:
        return _plan(open_place)
    return _decide(open_place, lambda desk: desk.take_back(force=options.force))


def desk_of(place: Place, post: Callable[[Event], None]) -> TrialDesk | None:
    """Return where changes are on trial; None where there is no place for that."""
    file = place.trial
    if file is None:
        return None
    from lvstui.engine.trials.desk import TrialDesk

    return TrialDesk(place.kernel, file, place.here, post=post)


def refuse_gate(options: Namespace) -> None:
    """Raise `Failure` where what decides about a trial is asked for without one, or has no time for that."""
    if options.if_serving and not options.confirm_within:
        raise Failure("--if-serving: decides about a change on trial; add --confirm-within SECONDS", Status.USAGE)
    if not options.if_serving:
        return
    from lvstui.core.probes import gate  # with all about probes

    if options.confirm_within < gate.SETTLED + gate.LAST:
        settled = f"{gate.SETTLED:.0f} seconds"
        raise Failure(
            f"--if-serving: keeps nothing before {settled} have passed; add --confirm-within 60, say", Status.USAGE
        )


def _decide(open_place: OpenPlace, decide: Callable[[TrialDesk], TrialEvent]) -> int:
    """Decide about the change on trial, and say what came of it."""
    from lvstui.engine.messages import Kept, TakenBack, Undecided
    from lvstui.engine.sentences import sentence

    with open_place() as place:
        names = _names(place)
        desk = desk_of(place, lambda event: complain(sentence(event, names)[0]))
        if desk is None:
            raise Failure(NOTHING_ON_TRIAL)
        event = decide(desk)
        text = sentence(event, names)[0]
        match event:
            case Undecided():
                if (pending := desk.pending) is not None and pending.why_not == text:
                    text = f"{text}; --force decides all the same"
                raise Failure(text, Status.PERMISSION if place.kernel.read_only else Status.ERROR)
            case Kept(trouble=trouble, left_alone=left) if trouble or left:
                complain(text)
                return Status.ERROR if trouble else Status.DIFFERS
            case TakenBack(is_whole=False):
                complain(text)
                return Status.DIFFERS
            case _:
                print(text)
        return Status.OK


def _plan(open_place: OpenPlace) -> int:
    """Print how the change on trial would be taken back."""
    with open_place() as place:
        trial = place.trial.load() if place.trial else None
        if trial is None:
            if reason := place.kernel.read_only:  # who lacks rights sees no trial of root
                raise Failure(reason, Status.PERMISSION)
            raise Failure(NOTHING_ON_TRIAL)
        names = _names(place)
        way = find_way_back(trial.changes, place.kernel.read().director)
        for change in way.back:
            print(describe(change, names))
        for change in way.left_alone:
            complain(f"changed by others since, and left alone: {describe(change, names)}")
        return Status.DIFFERS


def _names(place: Place) -> Director:
    """Return the profile, for the names that it has."""
    try:
        return (place.file.load() if place.file else None) or EMPTY
    except ProfileError:
        return EMPTY
