"""The change on trial in a namespace, for screens and commands: begun, watched, and decided about.

Whatever is decided is decided under the trial's lock and put on the disk first: of a person and the guard, the first
to decide wins.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final, assert_never

from lvstui.core.change import Change
from lvstui.core.model import NOBODYS, Home
from lvstui.core.record import Session
from lvstui.core.trial import NOTHING_ON_TRIAL, Guard, Pending, Phase, Trial, why_not
from lvstui.engine.messages import (
    Edit,
    EditOutcome,
    Event,
    Extend,
    Extended,
    Keep,
    Notice,
    TakeBack,
    TakenBack,
    TrialEvent,
    TrialRequest,
    Undecided,
)
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.trials.ends import Scene, complete, is_over, settle, take_back, trial_text
from lvstui.engine.trials.start import PATIENCE, try_out
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.sessions import author
from lvstui.store.trial_file import TrialFile, boot_id

GUARD: Final = "guard"
"""Who is recorded as the user where the guard takes back."""


class TrialDesk:
    """The change on trial in the namespace of one kernel, where `file` is on the disk.

    `here` is where the kernel is, `person` who decides (else who runs this process), `post` takes what has to be said
    besides the outcomes. The guard of a kernel in memory, which ends with its process, is whoever looks in time.
    """

    def __init__(
        self,
        kernel: Kernel,
        file: TrialFile,
        here: Home = NOBODYS,
        *,
        post: Callable[[Event], None] = lambda _: None,
        person: Session | None = None,
        read_only: str = "",
    ) -> None:
        self._kernel = kernel
        self._file = file
        self._given = person
        self._read_only = read_only
        self._scene = Scene(kernel, file, here, lambda: self._person, post)
        self._seen = ""  # the id of the trial that was pending at the last look
        self._said: list[str] = []  # at the last look

    @cached_property
    def _person(self) -> Session:
        return self._given or author()

    @property
    def pending(self) -> Pending | None:
        """The change that waits for a decision; None also where what is on the disk cannot be read."""
        trial = self._load()
        return Pending(trial, why_not(trial, self._person)) if trial else None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is on trial."""
        trial = self._load()
        return trial.changes if trial else ()

    @property
    def due(self) -> float | None:
        """In how many seconds this process itself has to take a trial back; None where a guard does."""
        trial = self._load()
        return trial.left() if trial and trial.guard is Guard.SCREEN else None

    @property
    def others_at_work(self) -> bool:
        """Whether somebody begins a trial or ends one at this moment, which is not recorded yet."""
        return self._file.is_held()

    def try_out(
        self, edit: Edit, profile: Path | None, *, saves: bool, is_interrupted: Callable[[], bool] = lambda: False
    ) -> EditOutcome:
        """Make an edit on trial, and return how it ended; as `start.try_out`."""
        outcome = try_out(self._scene, edit, profile, saves=saves, is_interrupted=is_interrupted)
        if pending := self.pending:
            self._seen = pending.trial.id
        return outcome

    def decide(self, request: TrialRequest, profile: FollowedProfile | None = None) -> TrialEvent:
        """Do what a request asks for; `profile` as for `keep`."""
        match request:
            case Keep(force):
                return self.keep(profile, force=force)
            case Extend(seconds, force):
                return self.extend(seconds, force=force)
            case TakeBack(force):
                return self.take_back(force=force)
            case _:
                assert_never(request)

    def keep(self, profile: FollowedProfile | None = None, *, force: bool = False) -> TrialEvent:
        """Let a trial stay: no guard takes it back from now on, and its profile takes it, by `profile` if it is that.

        With `force` also where it is another person's.
        """
        try:
            with self._file.hold(PATIENCE):
                trial = self._decidable(force=force, or_kept=True)
                if trial.phase is not Phase.KEPT:
                    trial = replace(trial, phase=Phase.KEPT)
                    self._file.mark(trial)
                self._seen = ""
                return complete(self._scene, trial, profile)
        except (KernelError, ProfileError) as error:
            return Undecided(str(error))

    def extend(self, seconds: float, *, force: bool = False) -> TrialEvent:
        """Extend a trial by so many seconds; `force` as for `keep`."""
        try:
            with self._file.hold(PATIENCE):
                trial = self._decidable(force=force)
                trial = replace(trial, deadline=trial.deadline + seconds)
                self._file.mark(trial)
                return Extended(trial)
        except (KernelError, ProfileError) as error:
            return Undecided(str(error))

    def take_back(self, *, force: bool = False) -> TrialEvent:
        """Take a trial back now; `force` as for `keep`."""
        try:
            with self._file.hold(PATIENCE):
                trial = self._decidable(force=force)
                ended = take_back(self._scene, trial)
                self._seen = ""
                self._file.forget_ended()
                return ended
        except (KernelError, ProfileError) as error:
            return Undecided(str(error))

    def fire(self, identity: str) -> TakenBack | None:
        """Take back the trial of this id, as its guard; None where somebody else has decided meanwhile.

        Raises `ProfileError` and `KernelError` where it may be tried again.
        """
        with self._file.hold(PATIENCE):
            trial = self._file.load()
            if trial is None or trial.id != identity or trial.phase is Phase.KEPT:
                return None
            if trial.left() > 0 and trial.phase is Phase.ON_TRIAL:
                return None
            return take_back(self._scene, trial, by=GUARD)

    def look(self) -> tuple[Pending | None, tuple[str, ...]]:
        """Return what is on trial now, and what there is to say since the last look: what others left is ended."""
        said: list[str] = []
        try:
            may_write = not (self._read_only or self._kernel.read_only)
            if may_write and is_over(self._file.load()) and not self._file.is_held():
                with self._file.hold(PATIENCE):
                    said += settle(self._scene)
        except (KernelError, ProfileError) as error:
            said.append(str(error))
        said, self._said = [] if said == self._said else said, said
        pending = self.pending
        now = pending.trial.id if pending else ""
        if self._seen not in ("", now) and (ended := self._file.ended()) and ended.id == self._seen and not said:
            said = [ended.sentence]
        self._seen = now
        return pending, tuple(said)

    def follow(self) -> Pending | None:
        """Return what is on trial now, and post what there is to say since the last look."""
        pending, said = self.look()
        for text in said:
            self._scene.post(Notice(text))
        return pending

    def news(self, *, is_read: bool, asks: bool = True) -> tuple[str, ...]:
        """Return what a person hears at a start: of a trial that ended, and, if it `asks`, of one that waits.

        What became of the last trial is forgotten once it `is_read`.
        """
        pending, said = self.look()
        found = list(said)
        if pending is not None and asks:
            found.append(
                f"{trial_text(pending.trial)} is on trial, and is taken back in {pending.left:.0f} s: `lvstui confirm` "
                "keeps it, `lvstui extend` gives it more time, `lvstui rollback --now` takes it back at once"
            )
        if ended := self._file.ended():
            found += [] if said else [ended.sentence]
            if is_read and self._person.user in (ended.user, "root"):
                self._file.forget_ended()
        return tuple(found)

    def _load(self) -> Trial | None:
        """Return the trial of this boot that waits for a decision; None also where it cannot be read."""
        with suppress(ProfileError):
            trial = self._file.load()
            if trial and trial.phase is not Phase.KEPT and trial.boot == boot_id():
                return trial
        return None

    def _decidable(self, *, force: bool, or_kept: bool = False) -> Trial:
        """Return the trial that is to be decided about; raises `ProfileError` with the reason where it may not be.

        One that is over is ended first, and no more to be decided about; nor is one that is kept already, but for who
        asks for it, as its profile may have to take it still. Raises `KernelError` too.
        """
        if reason := self._read_only or self._kernel.read_only:
            raise ProfileError(reason)
        trial = self._file.load()
        if is_over(trial) and trial is not None and trial.phase is not Phase.KEPT:
            settle(self._scene)
            trial = None
        if trial is None:
            ended = self._file.ended()
            raise ProfileError(f"{NOTHING_ON_TRIAL}: {ended.sentence}" if ended else NOTHING_ON_TRIAL)
        if (reason := why_not(trial, self._person)) and not force:
            raise ProfileError(reason)
        if trial.phase is Phase.KEPT and not or_kept:
            raise ProfileError(NOTHING_ON_TRIAL)
        return trial
