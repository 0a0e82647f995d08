"""One edit on its way into the kernel: checked against what the operator saw, written, and taken back if refused."""

from __future__ import annotations

from collections.abc import Callable

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
from lvstui.core.model import Director, Family, MarkGroupKey, MarkKey, ServerKey, ServiceKey
from lvstui.engine.messages import Applied, Edit, EditOutcome, Incomplete, Overtaken, Refusal, Rejected
from lvstui.kernel.port import Kernel, KernelError, Refused

FEW = 20
"""Changes up to which objects are read one by one, before and after a write; for more the whole table is read once."""


class Interrupted(KernelError):
    """An edit that was to end early: nothing is wrong with the kernel, and what it holds is known."""


class Writing:
    """An edit on its way into a kernel, which must hold what the operator saw; `done` says what of it holds by now.

    `begin` is called before the first write, once it is known that there will be one; `is_interrupted` before each.
    A refusal ends it, or, where the edit goes on, what depends on what was refused. Of a whole edit all that was
    written is then taken back, as far as the kernel allows.
    """

    def __init__(
        self,
        kernel: Kernel,
        edit: Edit,
        begin: Callable[[], None] = lambda: None,
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._kernel = kernel
        self._edit = edit
        self._begin = begin
        self._is_interrupted = is_interrupted
        self._writes = kernel_writes(edit.changes)
        self._reached = 0
        self._refusals: list[Refusal] = []
        self._back: tuple[Change, ...] | None = None
        self._back_writes: tuple[Change, ...] = ()
        self._returned = 0

    @property
    def done(self) -> tuple[Change, ...]:
        """The changes that hold at this moment, also in the middle of taking back."""
        refused = [refusal.change for refusal in self._refusals]
        done = changes_in_effect(self._edit.changes, self._writes, self._reached, refused)
        if self._back is None:
            return done if self._reached or not self._writes else ()
        returned = {inverse(change) for change in changes_in_effect(self._back, self._back_writes, self._returned)}
        return tuple(change for change in done if changes_kernel(change) and change not in returned)

    def run(self) -> EditOutcome:
        """Write the edit, and return how it ended."""
        try:
            if overtaken := _find_overtaken(self._kernel, self._edit):
                return overtaken
            self._begin()
            for change in self._writes:
                if self._is_interrupted():
                    raise Interrupted("interrupted before the next write")
                self._write(change)
                self._reached += 1
        except KernelError as error:
            failed = self._writes[self._reached] if self._writes else None
            if self._edit.is_whole:
                aftermath = self._take_back()
                return Rejected(self._edit, error, self.done, failed, aftermath)
            return Rejected(self._edit, error, self.done, failed, refusals=tuple(self._refusals))
        if self._refusals:
            return Incomplete(self._edit, self.done, tuple(self._refusals))
        return Applied(self._edit)

    def _write(self, change: Change) -> None:
        """Write a change; where the edit goes on, note its refusal instead of raising it."""
        goes_on = self._edit.goes_on and len(self._writes) > 1
        if self._refusals and self._needs_refused(change):
            self._refusals.append(Refusal(change, "its service was refused", tried=False))
            return
        try:
            self._kernel.write(change)
        except Refused as error:
            if not goes_on:
                raise
            self._refusals.append(Refusal(change, str(error)))

    def _needs_refused(self, change: Change) -> bool:
        """Return whether a change is about a service that was to be added and was refused.

        A mark is set by no rule where there is no service for it.
        """
        refused = {refusal.change.target for refusal in self._refusals if refusal.change.before is None}
        match change:
            case Change(ServerKey(key)):
                return key in refused
            case Change(MarkGroupKey(mark), None, _):
                services = [MarkKey(mark, family) for family in Family]
                return not refused.isdisjoint(services) and not any(map(self._kernel.lookup, services))
            case _:
                return False

    def _take_back(self) -> str:
        """Take back what holds, the last first, and return a sentence on what became of it.

        What only the profile knows was not written yet, and needs no taking back. It ends where the kernel refuses:
        what comes before depends on what could not be taken back.
        """
        self._back = undo(change for change in self.done if changes_kernel(change))
        self._back_writes = kernel_writes(self._back)
        try:
            for change in self._back_writes:
                self._kernel.write(change)
                self._returned += 1
        except KernelError as error:
            left = len(self.done)
            count = "1 change" if left == 1 else f"{left} changes"
            return f"of what was written before it, {count} could not be taken back: {error}"
        return "what was written before it has been taken back" if self._back else ""


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
