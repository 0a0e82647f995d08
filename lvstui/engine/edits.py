"""The steps that every edit takes, from screens and commands alike: check, write, take back, save, record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, assert_never

from lvstui.core.change import Change, undo
from lvstui.core.model import Director, ServerKey, ServiceKey
from lvstui.core.record import Kind, Record
from lvstui.core.trial import NOTHING_ON_TRIAL
from lvstui.engine.messages import (
    Edit,
    EditOutcome,
    Event,
    Kept,
    Notice,
    Rejected,
    TrialEvent,
    TrialRequest,
    Undecided,
    Zeroed,
)
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.writing import Writing
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, KernelError, NoRight
from lvstui.store.history_file import Draft, HistoryFile

if TYPE_CHECKING:
    from lvstui.engine.trials.desk import TrialDesk  # with what starts guards

UNDOABLE = 100_000
"""Changes that a session can undo, in its newest edits, or in the last one alone; the history goes further back."""


def _ignore(_: object) -> None:
    """Do nothing: nobody listens."""


class Editor:
    """Makes edits in a kernel, a profile and a history, and remembers them for undo and redo.

    `post` takes what has to be said besides an edit's outcome; `records` is None where no history is kept. `read_only`
    says why everything is refused, where the kernel itself would not; empty otherwise. `trials` is where changes are on
    trial, None where none can be.
    """

    def __init__(
        self,
        kernel: Kernel,
        profile: FollowedProfile,
        records: HistoryFile | None,
        post: Callable[[Event], None],
        *,
        read_only: str = "",
        trials: TrialDesk | None = None,
    ) -> None:
        self._kernel = kernel
        self._profile = profile
        self._records = records
        self._post = post
        self._read_only = read_only
        self._trials = trials
        self._recent: tuple[Record, ...] = ()
        self._trouble = ""
        self._interrupted = False
        self._done: deque[_Made] = deque()
        self._undone: list[tuple[Change, ...]] = []

    @property
    def read_only(self) -> str:
        """Why edits are refused; empty where they are not."""
        return self._read_only or self._kernel.read_only

    @property
    def undo(self) -> tuple[Change, ...]:
        """The changes that the next undo would make, in order."""
        return undo(self._done[-1].changes) if self._done else ()

    @property
    def emptied(self) -> tuple[ServerKey, ...]:
        """The servers whose clients were moved with what the next undo takes back: they stay where they are."""
        return self._done[-1].emptied if self._done else ()

    @property
    def redo(self) -> tuple[Change, ...]:
        """The changes that the next redo would make, in order."""
        return self._undone[-1] if self._undone else ()

    def make(
        self,
        edit: Edit,
        seen: Director,
        on_done: Callable[[tuple[Change, ...]], None] = _ignore,
    ) -> EditOutcome:
        """Make an edit and return how it ended; the profile takes from `seen`, the last reading, what it lacks.

        `on_done` takes the changes that hold in the end, before they are saved. Who interrupts the writing (Ctrl-C)
        finds what was written until then in profile and history too.
        """
        if self.read_only:
            return Rejected(edit, NoRight(self.read_only))
        if edit.trial:
            return self._try_out(edit, on_done)
        draft: Draft | None = None

        def begin() -> None:
            nonlocal draft
            draft = self.begin(edit.kind, edit.changes)

        writing = Writing(self._kernel, edit, begin, lambda: self._interrupted)
        done: tuple[Change, ...] = ()
        try:
            outcome = writing.run()
            done = outcome.done
        except BaseException:
            done = writing.done
            raise
        finally:
            if done:
                self._remember(edit.kind, _Made(done, edit.empties))
                on_done(done)
                self._profile.save(done, seen)
            self.finish(draft, done)
        return outcome

    def _try_out(self, edit: Edit, on_done: Callable[[tuple[Change, ...]], None]) -> EditOutcome:
        """Make an edit on trial: neither profile nor undo know of it until it is kept."""
        if self._trials is None:
            return Rejected(edit, KernelError("there is no file that could hold what is on trial: name a profile"))
        path = self._profile.path or (self._records.profile if self._records else None)
        saves = self._profile.path is not None
        outcome = self._trials.try_out(edit, path, saves=saves, is_interrupted=lambda: self._interrupted)
        if outcome.done:
            on_done(outcome.done)
        return outcome

    def decide(self, request: TrialRequest) -> TrialEvent:
        """Keep the change on trial, extend it or take it back; undo knows of what was kept."""
        if self._trials is None:
            return Undecided(NOTHING_ON_TRIAL)
        event = self._trials.decide(request, self._profile)
        if isinstance(event, Kept) and event.done:
            self._remember(Kind.KEEP, _Made(event.done, ()))
        return event

    def zero(self, key: ServiceKey | None) -> Zeroed | Notice:
        """Zero the counters of one service with its servers, or (None) of everything."""
        reason = self.read_only
        try:
            if not reason:
                self._kernel.zero(key)
        except KernelError as error:
            reason = str(error)
        return Notice(f"not zeroed: {reason}") if reason else Zeroed(key)

    def begin(self, kind: Kind, changes: tuple[Change, ...], entries: Sequence[str] = ()) -> Draft | None:
        """Write down what is about to be made, where a history is kept; `finish` takes what this returns."""
        return self._records.begin(kind, changes, entries) if self._records else None

    def finish(self, draft: Draft | None, changes: tuple[Change, ...], entries: Sequence[str] = ()) -> None:
        """Add what was done, if anything was, to the history; a history that cannot be written stops nobody."""
        if draft is not None and self._records and (trouble := self._records.conclude(draft, changes, entries)):
            self._post(Notice(trouble))

    def interrupt(self) -> None:
        """End the edit under way, and all after it, before the next write; from any thread, or a signal's handler.

        What was written until then is taken back, saved and recorded as after a refusal.
        """
        self._interrupted = True

    def close(self) -> None:
        """Remove the journal: nothing is under way any more."""
        if self._records:
            self._records.close()

    def read_records(self) -> tuple[Record, ...]:
        """Read the newest records, which other lvstui add to as well; a history that cannot be read stays as it was."""
        try:
            self._recent = self._records.recent() if self._records else ()
        except ProfileError as error:
            if str(error) != self._trouble:
                self._post(Notice(str(error)))
            self._trouble = str(error)
        else:
            self._trouble = ""
        return self._recent

    def others_at_work(self) -> bool:
        """Return whether another lvstui is in the middle of an edit, as far as history and trial show it."""
        if self._records is not None and self._records.others_at_work():
            return True
        return self._trials is not None and self._trials.others_at_work

    def _remember(self, kind: Kind, done: _Made) -> None:
        """Keep what was done for undo and redo; a new edit ends what could be redone."""
        match kind:
            case Kind.DO | Kind.APPLY | Kind.ROLLBACK | Kind.ENTRIES | Kind.TRIAL | Kind.KEEP | Kind.TAKE_BACK:
                self._done.append(done)
                self._undone.clear()
                while len(self._done) > 1 and sum(len(made.changes) for made in self._done) > UNDOABLE:
                    self._done.popleft()
            case Kind.UNDO:
                self._done.pop()
                self._undone.append(undo(done.changes))
            case Kind.REDO:
                self._undone.pop()
                self._done.append(done)
            case _:
                assert_never(kind)


class _Made(NamedTuple):
    """Changes that were made, and the servers that were emptied once they held."""

    changes: tuple[Change, ...]
    emptied: tuple[ServerKey, ...]
