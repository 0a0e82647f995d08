"""How a change is put on trial: on the disk, a guard armed, and only then the kernel written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from lvstui.core.change import Change, changes_kernel, is_optional, kernel_writes
from lvstui.core.record import Kind
from lvstui.core.trial import Guard, Phase, Trial, boottime
from lvstui.engine.messages import Edit, EditOutcome, Notice, Rejected
from lvstui.engine.trials.arming import arm, disarm
from lvstui.engine.trials.ends import Scene, draft, record, settle, take_back
from lvstui.engine.writing import Writing
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.trial_file import boot_id

PATIENCE: Final = 10.0
"""Seconds to wait for another lvstui that begins a trial, decides about it or takes it back."""


def try_out(
    scene: Scene, edit: Edit, profile: Path | None, *, saves: bool, is_interrupted: Callable[[], bool] = lambda: False
) -> EditOutcome:
    """Make an edit on trial, and return how it ended: with a guard, or with the kernel as it was.

    `profile` is the one that the history lies beside; it takes the changes once they are kept where it `saves`.
    """
    begun: Trial | None = None

    def begin() -> None:
        nonlocal begun
        begun = _begin(scene, edit, profile, saves=saves)

    writing = Writing(scene.kernel, edit, begin, is_interrupted)
    try:
        if edit.empties:
            raise ProfileError("clients that were moved cannot be moved back: make that edit without a trial")
        if not kernel_writes(edit.changes):
            raise ProfileError(
                "nothing of this reaches the kernel, so there is nothing to try: make it without a trial"
            )
        with scene.file.hold(PATIENCE):
            _refuse_second(scene)
            try:
                return writing.run()
            finally:
                if begun is not None:
                    _conclude(scene, begun, writing.done)
    except ProfileError as error:
        return Rejected(edit, KernelError(str(error)))


def _refuse_second(scene: Scene) -> None:
    """Raise `ProfileError` where a change is on trial already."""
    try:
        for said in settle(scene):
            scene.post(Notice(said))
    except KernelError as error:
        raise ProfileError(str(error)) from error
    trial = scene.file.load()
    if trial is None:
        return
    if trial.phase is Phase.KEPT:
        raise ProfileError("a change that was kept is not in the profile yet: `lvstui confirm` tries that again")
    raise ProfileError(
        f"a change by {trial.who} is on trial for another {max(0, trial.left()):.0f} s: keep it (`lvstui confirm`) "
        "or take it back (`lvstui rollback --now`) first"
    )


def _begin(scene: Scene, edit: Edit, profile: Path | None, *, saves: bool) -> Trial:
    """Put a trial on the disk and arm its guard, before the first write. Raises `ProfileError`."""
    trial = Trial(
        id=os.urandom(4).hex(),
        record=draft(scene, edit.kind, tuple(_from_kernel(scene.kernel, change) for change in edit.changes)),
        boot=boot_id(),
        deadline=boottime() + edit.trial,
        seconds=edit.trial,
        profile=str(profile.absolute()) if profile else "",  # whoever ends it may be in another folder
        saves=saves,
        guard=Guard.PROCESS if scene.is_real else Guard.SCREEN,
    )
    scene.file.forget_ended()
    scene.file.enter(trial)
    try:
        return replace(trial, guard=arm(trial, scene.file.path, scene.here)) if scene.is_real else trial
    except BaseException:
        scene.file.remove()
        raise


def _from_kernel(kernel: Kernel, change: Change) -> Change:
    """Return a change that starts from what the kernel holds, where it says that the profile did not manage that."""
    if change.before is not None or change.after is None or not is_optional(change.target):
        return change
    return replace(change, before=kernel.lookup(change.target))


def _conclude(scene: Scene, trial: Trial, done: Sequence[Change]) -> None:
    """Note on the disk that a trial is written, or remove it where nothing of it is. Its time begins now."""
    if not any(map(changes_kernel, done)):
        scene.file.remove()
        disarm(trial)
        return
    try:
        scene.file.mark(replace(trial, phase=Phase.ON_TRIAL, deadline=boottime() + trial.seconds))
    except ProfileError:
        take_back(scene, trial)
        raise
    record(scene, trial, Kind.TRIAL, done)
