"""The steps that every edit takes, from screens and commands alike: check, write, take back, save, record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from lvstui.core.change import (
    Change,
    Target,
    Value,
    changes_in_effect,
    changes_kernel,
    holds,
    inverse,
    kernel_writes,
    lookup,
    starts_from_kernel,
    undo,
)
from lvstui.core.model import Director, MarkGroupKey, ServerKey, ServiceKey
from lvstui.core.record import Kind, Record
from lvstui.engine.messages import Applied, Edit, Event, Notice, Outcome, Overtaken, Rejected
from lvstui.engine.profile import FollowedProfile
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, KernelError, NoRight
from lvstui.store.history_file import HistoryFile

FEW = 20
"""Changes up to which objects are read one by one, before and after a write; for more the whole table is read once."""


def _ignore(_: object) -> None:
    """Do nothing: nobody listens."""


class Editor:
    """Makes edits in a kernel, a profile and a history, and remembers them for undo and redo.

    `post` takes what has to be said besides an edit's outcome; `records` is None where no history is kept. `read_only`
    says why everything is refused, where the kernel itself would not; empty otherwise.
    """

    def __init__(
        self,
        kernel: Kernel,
        profile: FollowedProfile,
        records: HistoryFile | None,
        post: Callable[[Event], None],
        *,
        read_only: str = "",
    ) -> None:
        self._kernel = kernel
        self._profile = profile
        self._records = records
        self._post = post
        self._read_only = read_only
        self._recent: tuple[Record, ...] = ()
        self._trouble = ""
        self._done: list[tuple[Change, ...]] = []
        self._undone: list[tuple[Change, ...]] = []

    @property
    def read_only(self) -> str:
        """Why edits are refused; empty where they are not."""
        return self._read_only or self._kernel.read_only

    @property
    def undo(self) -> tuple[Change, ...]:
        """The changes that the next undo would make, in order."""
        return undo(self._done[-1]) if self._done else ()

    @property
    def redo(self) -> tuple[Change, ...]:
        """The changes that the next redo would make, in order."""
        return self._undone[-1] if self._undone else ()

    def make(
        self,
        edit: Edit,
        seen: Director,
        on_done: Callable[[tuple[Change, ...]], None] = _ignore,
    ) -> Outcome:
        """Make an edit and return how it ended; the profile takes from `seen`, the last reading, what it lacks.

        `on_done` takes the changes that hold in the end, before they are saved. Who interrupts the writing (Ctrl-C)
        finds what was written until then in profile and history too.
        """
        if self.read_only:
            return Rejected(edit, NoRight(self.read_only))
        written: list[Change] = []
        try:
            outcome = write(self._kernel, edit, written)
        except BaseException:
            done = changes_in_effect(edit.changes, kernel_writes(edit.changes), len(written)) if written else ()
            self._settle(edit.kind, done, seen, on_done)
            raise
        self._settle(edit.kind, outcome.done, seen, on_done)
        return outcome

    def _settle(
        self, kind: Kind, done: tuple[Change, ...], seen: Director, on_done: Callable[[tuple[Change, ...]], None]
    ) -> None:
        """Remember, show, save and record what was done, if anything was."""
        if done:
            self._remember(kind, done)
            on_done(done)
            self._profile.save(done, seen)
            self.record(kind, done)

    def record(self, kind: Kind, changes: tuple[Change, ...], entries: Sequence[str] = ()) -> None:
        """Add what was done to the history; a history that cannot be written stops nobody."""
        try:
            if self._records:
                self._records.append(kind, changes, entries)
        except ProfileError as error:
            self._post(Notice(f"the change is made, but missing in the history: {error}"))

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

    def _remember(self, kind: Kind, done: tuple[Change, ...]) -> None:
        """Keep what was done for undo and redo; a new edit ends what could be redone."""
        match kind:
            case Kind.DO | Kind.APPLY | Kind.ROLLBACK | Kind.ENTRIES:
                self._done.append(done)
                self._undone.clear()
            case Kind.UNDO:
                self._done.pop()
                self._undone.append(undo(done))
            case Kind.REDO:
                self._undone.pop()
                self._done.append(done)
            case _:
                assert_never(kind)


def write(kernel: Kernel, edit: Edit, written: list[Change]) -> Outcome:
    """Write an edit to the kernel, where that still holds what the operator saw; `written` takes each change written.

    A refusal ends it. Of a whole edit all that was written is then taken back, as far as the kernel allows.
    """
    writes = kernel_writes(edit.changes)
    failed: Change | None = None
    try:
        if overtaken := _find_overtaken(kernel, edit):
            return overtaken
        for change in writes:
            failed = change
            kernel.write(change)
            written.append(change)
    except KernelError as error:
        done = changes_in_effect(edit.changes, writes, len(written))
        if not edit.is_whole:
            return Rejected(edit, error, done, failed)
        written.clear()  # they are about to be taken back: not what holds if that is interrupted
        return Rejected(edit, error, *_take_back(kernel, done, failed))
    return Applied(edit)


def _find_overtaken(kernel: Kernel, edit: Edit) -> Overtaken | None:
    """Find the first object that is no longer what the operator saw.

    An object that is written twice is looked at once: from then on the edit itself says what it is.
    """
    seen = {change.target for change in edit.changes}
    removes = any(isinstance(change.target, ServiceKey) and change.after is None for change in edit.changes)
    table = kernel.read().director if removes or len(edit.changes) > FEW else None
    checked = set()
    for change in edit.changes:
        target = change.target
        if target in checked or not starts_from_kernel(change):
            continue
        checked.add(target)
        now = read_target(kernel, target, table)
        if not holds(target, change.before, now):
            return Overtaken(edit, change, now)
        if table is not None and isinstance(target, ServiceKey) and change.after is None:
            # A server that nobody saw there would vanish with its service.
            for endpoint, server in table.pools[target].servers.items():
                if ServerKey(target, endpoint) not in seen:
                    return Overtaken(edit, Change(ServerKey(target, endpoint), None, None), server)
    return None


def read_target(kernel: Kernel, target: Target, table: Director | None) -> Value | None:
    """Read one object, or take it from a reading of the table where there is one; groups of marks are always read."""
    if table is None or isinstance(target, MarkGroupKey):
        return kernel.lookup(target)
    return lookup(table, target)


def _take_back(
    kernel: Kernel, done: Sequence[Change], failed: Change | None
) -> tuple[tuple[Change, ...], Change | None, str]:
    """Take changes back, the last first; return those that hold in spite of it, and a sentence on what became of it.

    What only the profile knows was not written yet, and needs no taking back. It ends where the kernel refuses: what
    comes before depends on what could not be taken back.
    """
    back = undo(change for change in done if changes_kernel(change))
    writes = kernel_writes(back)
    written = 0
    try:
        for change in writes:
            kernel.write(change)
            written += 1
    except KernelError as error:
        returned = {inverse(change) for change in changes_in_effect(back, writes, written)}
        left = tuple(change for change in done if changes_kernel(change) and change not in returned)
        count = "1 change" if len(left) == 1 else f"{len(left)} changes"
        return left, failed, f"of what was written before it, {count} could not be taken back: {error}"
    return (), failed, "what was written before it has been taken back" if back else ""
