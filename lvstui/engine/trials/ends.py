"""How a change on trial ends: taken back object by object, kept, or over since nobody is left to decide about it.

All of it happens while the trial's lock is held. What is on the disk comes before what is in the kernel, and the
profile comes last: so whoever is killed in between leaves what the next start, or the guard, brings to its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lvstui.core.change import Change
from lvstui.core.describe import describe
from lvstui.core.model import Director, Home
from lvstui.core.record import Kind, Record, Session, stamp
from lvstui.core.trial import Guard, Phase, Trial, WayBack, find_held, find_touched, find_way_back
from lvstui.engine.messages import (
    Edit,
    Event,
    Incomplete,
    Kept,
    Notice,
    Overtaken,
    Refusal,
    Rejected,
    TakenBack,
)
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.sentences import sentence
from lvstui.engine.trials.announcing import tell_terminals
from lvstui.engine.trials.arming import disarm
from lvstui.engine.writing import Writing
from lvstui.formats.profile.write import ProfileError
from lvstui.host.hearing import hear
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.history_file import HistoryFile, log
from lvstui.store.profile_file import ProfileFile
from lvstui.store.trial_file import Ended, TrialFile, boot_id

_TRIES: Final = 3
"""How often a way back is looked for, where somebody else edits at the same moment."""

_GRACE: Final = 5.0
"""Seconds after its end at which a trial is taken back by whoever sees it: its guard was killed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a trial takes place: a kernel, the trial's file, and who is there; `post` takes what else is to be said."""

    kernel: Kernel
    file: TrialFile
    here: Home
    person: Callable[[], Session]
    post: Callable[[Event], None]

    @property
    def is_real(self) -> bool:
        """Whether the kernel outlives us; that of a demo does not."""
        return self.kernel.origin != "demo"


def is_over(trial: Trial | None) -> bool:
    """Return whether a trial waits for nobody any more, and for no guard that lives."""
    if trial is None:
        return False
    grace = 0.0 if trial.guard is Guard.SCREEN else _GRACE
    return trial.boot != boot_id() or trial.phase is not Phase.ON_TRIAL or trial.left() < -grace


def settle(scene: Scene) -> list[str]:
    """End a trial that is over, and return what there is to say of it.

    Raises `KernelError` and `ProfileError` where it could not be.
    """
    trial = scene.file.load()
    if trial is None or not is_over(trial):
        return []
    if trial.boot != boot_id():
        why = "nobody kept it"
        if trial.phase is Phase.KEPT:
            why = "the profile could not take it, though it was kept; make it once more"
        text = f"{trial_text(trial)} was on trial when the machine went down: it has not come back, as {why}"
        scene.file.end(Ended(trial.id, trial.record.user, text))
        return [text]
    ended = complete(scene, trial, None) if trial.phase is Phase.KEPT else take_back(scene, trial)
    return [sentence(ended)[0]]


def complete(scene: Scene, trial: Trial, profile: FollowedProfile | None) -> Kept:
    """Save what was kept, record it, and let the trial go; what cannot be saved stays for another try."""
    if scene.is_real:
        disarm(trial)
    try:
        running = scene.kernel.read().director
    except KernelError as error:
        return Kept(trial, (), trouble=str(error))
    held, left = find_held(trial.changes, running), find_touched(trial.changes, running)
    if held and trial.saves and (trouble := _save(scene, trial, held, running, profile)):
        return Kept(trial, held, left, trouble)
    record(scene, trial, Kind.KEEP, held)
    scene.file.remove()
    return Kept(trial, held, left)


def _save(
    scene: Scene, trial: Trial, held: tuple[Change, ...], running: Director, profile: FollowedProfile | None
) -> str:
    """Let the profile take what was kept; return why it could not."""
    if profile is None or profile.path is None or str(profile.path.absolute()) != trial.profile:
        profile = FollowedProfile(ProfileFile(Path(trial.profile)), scene.kernel, scene.post, scene.here)
    profile.save(held, running)
    return profile.state.trouble if profile.state.unsaved else ""


def take_back(scene: Scene, trial: Trial, by: str = "") -> TakenBack:
    """Write what is still ours back to what it was, see that it is, record it and let the trial go.

    `by` is who does it, empty for the person who is there. Raises `KernelError` where the kernel cannot be written at
    all, and `ProfileError`, with what was written, where the file cannot be removed; the trial stays then.
    """
    done: list[Change] = []
    try:
        way, refused = _write_back(scene.kernel, trial.changes, done)
    finally:
        record(scene, trial, Kind.TAKE_BACK, done, by)
    ended = TakenBack(trial, tuple(done), way.left_alone, refused, by)
    text = sentence(ended)[0]
    trouble = ""
    try:
        scene.file.end(Ended(trial.id, trial.record.user, f"{stamp(datetime.now(UTC))}: {text}"))
    except ProfileError as error:
        trouble = str(error)
    if scene.is_real and (done or not trouble):  # who tries again to remove the file has said it
        log(text)
        if by:
            hear(tell_terminals, text)
    if trouble:
        raise ProfileError(f"{text}; {trouble}")
    if scene.is_real:
        disarm(trial)
    return ended


def _write_back(kernel: Kernel, changes: Sequence[Change], done: list[Change]) -> tuple[WayBack, tuple[Refusal, ...]]:
    """Write changes back as far as the kernel lets us; add to `done` what was written.

    Return what others have made of the objects, and what was refused.
    """
    reasons: dict[Change, Refusal] = {}
    way = find_way_back(changes, kernel.read().director)
    for _ in range(_TRIES):
        if not way.back:
            break
        outcome = Writing(kernel, Edit(way.back, Kind.APPLY)).run()
        done += outcome.done
        match outcome:
            case Rejected(_, error):
                raise error
            case Incomplete(refusals=refusals):
                reasons |= {refusal.change: refusal for refusal in refusals}
            case _:
                pass
        way = find_way_back(changes, kernel.read().director)
        if not isinstance(outcome, Overtaken):
            break
    return way, tuple(reasons.get(change, Refusal(change, "the kernel still has it")) for change in way.back)


def record(scene: Scene, trial: Trial, kind: Kind, changes: Sequence[Change], by: str = "") -> None:
    """Add to the history how a trial begins or ends; a history that cannot be written stops nothing."""
    if not trial.profile or not changes:
        return
    history = HistoryFile(Path(trial.profile), to_syslog=scene.is_real, home=scene.here)
    try:
        history.add(draft(scene, kind, changes, by))
    except ProfileError as error:
        scene.post(Notice(f"the change is made, but missing in the history: {error}"))


def draft(scene: Scene, kind: Kind, changes: Sequence[Change], by: str = "") -> Record:
    """Return a record of this moment, without a number; `by` as for `take_back`."""
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    who = scene.person()
    user, source = (by, "") if by else (who.user, who.source)
    return Record(0, now, user, source, os.getpid(), kind, tuple(changes), home=scene.here)


def trial_text(trial: Trial) -> str:
    """Return whose trial it is, and what is tried: `a change by anna (shop / web3: weight 3 -> 5)`."""
    more = f" and {len(trial.changes) - 1} more" if trial.changes[1:] else ""
    first = f" ({describe(trial.changes[0])}{more})" if trial.changes else ""
    return f"a change by {trial.who}{first}"
