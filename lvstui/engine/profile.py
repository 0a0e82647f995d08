"""The profile beside a kernel: followed as others write it, saved with what was done, and compared with the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from lvstui.core.change import EMPTY, Change, Target, fold, service_of, undo
from lvstui.core.drift import add_profile_values, find_drift, keep_managed
from lvstui.core.home import is_foreign, whose
from lvstui.core.model import NOBODYS, Director, Home
from lvstui.core.observed import Reading
from lvstui.core.snapshot import ProfileState
from lvstui.core.trial import with_held, without
from lvstui.engine.messages import Event, Notice, Unsaved
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.profile_file import ProfileFile


class FollowedProfile:
    """One profile file beside one kernel; without a file nothing is saved, and nothing has to be.

    `post` takes what has to be said: that the file was changed by others, cannot be read, or could not be saved.
    `here` is where the kernel is: what is saved says so from then on, unless it says that it is another director's.
    `on_trial` says what is on trial in that kernel: it counts as neither saved nor drift until it is kept.
    """

    def __init__(
        self,
        file: ProfileFile | None,
        kernel: Kernel,
        post: Callable[[Event], None],
        here: Home = NOBODYS,
        on_trial: Callable[[], tuple[Change, ...]] = tuple,
    ) -> None:
        self._file = file
        self._kernel = kernel
        self._post = post
        self._here = here
        self._on_trial = on_trial
        self._saved: Director | None = None
        self._unsaved: tuple[Change, ...] = ()
        self._trouble = ""
        self._whose = ""
        self._running: Director | None = None
        self._named = EMPTY
        self._compared_with: Director | None = None
        self._tried: tuple[Change, ...] = ()
        self._expected: Director | None = None
        self._drift: tuple[Change, ...] = ()

    @property
    def path(self) -> Path | None:
        """Where the profile is, None without one."""
        return self._file.path if self._file else None

    @property
    def names(self) -> Director:
        """The profile for the names of its services; empty without one."""
        return self._expected or self._saved or EMPTY

    @property
    def state(self) -> ProfileState:
        """How the profile stands to the kernel as it was last compared."""
        if self._file is None:
            return ProfileState()
        return ProfileState(
            path=str(self._file.path),
            exists=self._saved is not None,
            drift=self._drift,
            unsaved=len(self._unsaved),
            trouble=self._trouble,
            saved=self._saved,
        )

    def follow(self) -> None:
        """Read the file where it has changed; one that cannot be read leaves what was known of it."""
        if self._file is None:
            return
        known = self._saved
        try:
            self._saved = self._file.load()
        except ProfileError as error:
            if str(error) != self._trouble:
                self._post(Notice(str(error)))
            self._trouble = str(error)
            return
        if not self._unsaved:
            self._trouble = ""
        if known is not None and self._saved is not known:
            self._post(Notice(f"{self._file.path} was changed by another program and has been read again"))
        sentence = whose(str(self._file.path), self._saved.home, self._here) if self._saved else ""
        if sentence not in ("", self._whose):
            self._post(Notice(sentence))
        self._whose = sentence

    def compare(self, reading: Reading) -> Reading:
        """Put the profile's names on a reading and find the drift, both only when one side has changed.

        What is on trial is compared with the profile as it will be if that is kept.
        """
        tried = self._on_trial()
        known = (self._running, self._compared_with, self._tried)
        if not all(now is then for now, then in zip((reading.director, self._saved, tried), known, strict=True)):
            self._running, self._compared_with, self._tried = reading.director, self._saved, tried
            expected = with_held(self._saved, tried, reading.director) if self._saved and tried else self._saved
            self._expected = expected
            self._drift = find_drift(reading.director, expected) if expected else ()
            named = add_profile_values(reading.director, expected) if expected else reading.director
            self._named = replace(named, home=self._here)
        return replace(reading, director=self._named)

    def save(self, changes: tuple[Change, ...], seen: Director) -> None:
        """Fold changes, and those that could not be saved before, into the file.

        A file that does not exist yet is written from the kernel; names, and services that it lacks, come from `seen`.
        """
        self._unsaved += changes
        self._fold(self._unsaved, seen)

    def adopt(self, changes: tuple[Change, ...], seen: Director) -> None:
        """Fold the kernel's side of these differences into the file, after what could not be saved before."""
        self._fold((*self._unsaved, *undo(changes)), seen)

    def save_all(self, seen: Director) -> None:
        """Write everything that the kernel holds into the file, which ends the drift and makes it this director's.

        What is on trial is left out.
        """

        def everything(saved: Director) -> Director:
            held = keep_managed(add_profile_values(self._read(seen), saved), saved)
            return replace(held, home=saved.home if self._here == NOBODYS else self._here)

        self._update(lambda saved: everything(saved or EMPTY))

    def _fold(self, changes: tuple[Change, ...], seen: Director) -> None:
        touched = {target for change in changes for target in (change.target, service_of(change.target)) if target}
        around = self._without_trial(seen, touched)

        def put(saved: Director | None) -> Director:
            return self._claim(fold(saved or keep_managed(self._read(seen), EMPTY), changes, around))

        self._update(put)

    def _without_trial(self, director: Director, touched: Iterable[Target] = ()) -> Director:
        """Return what a director holds besides what is on trial; what is `touched` is somebody else's edit by now."""
        tried = self._on_trial()
        return without(director, tried, touched) if tried else director

    def _claim(self, director: Director) -> Director:
        """Return a profile that says where we are, unless it is another director's or we are nowhere."""
        if self._here == NOBODYS or is_foreign(director.home, self._here):
            return director
        return replace(director, home=self._here)

    def _read(self, seen: Director) -> Director:
        """Read what the kernel holds at this moment besides what is on trial, with the names known so far."""
        return self._without_trial(add_profile_values(self._kernel.read().director, seen))

    def _update(self, change: Callable[[Director | None], Director]) -> None:
        if self._file is None:
            self._unsaved = ()
            return
        try:
            saved = self._file.update(change)
        except (ProfileError, KernelError) as error:
            self._trouble = str(error)
            self._post(Unsaved(str(error)))
            return
        self._saved = saved.director
        self._unsaved = ()
        self._trouble = ""
        for remark in saved.remarks:
            self._post(Notice(remark))
        if saved.reread:
            self._post(
                Notice(f"{saved.path} was changed by another program: its version is kept, with your edit in it")
            )
        elif saved.lost_comments and saved.version is not None:
            self._post(Notice(f"comments in {saved.path} could not be kept; they are in {saved.version}"))
