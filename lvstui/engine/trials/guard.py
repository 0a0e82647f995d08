"""The guard of a change on trial, as a program: it waits without a terminal, and takes the change back in time.

`main` gets the path of the trial, its id, the deadline that it was armed for, and the namespace's name. One more word
is `check`, which only says by the exit status whether there is a trial to guard, or the number of a pipe, to which it
writes once it is on guard, in a session and a process of its own: with `kernel` once it has that, and all of lvstui
that it needs, which may be upgraded or removed while it waits.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lvstui.core.change import DirectorField
from lvstui.core.model import Home
from lvstui.core.trial import Phase, Trial
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.home import identity as identity_of
from lvstui.host.home import namespace_path
from lvstui.store.trial_file import TrialFile

if TYPE_CHECKING:
    from lvstui.engine.trials.desk import TrialDesk
    from lvstui.kernel.live import Live

_BEAT: Final = 0.5
"""Seconds between two looks at whether the trial is still there, and until when."""

_AGAIN: Final = 5.0
"""Seconds between two tries where the kernel cannot be written."""

_SELDOM: Final = 60.0
"""Seconds between two tries once there were many: what could not be written for minutes can be after an hour."""

_TRIES: Final = 120

_OURS: Final = Path("/proc/self/ns/net")

_GROUPS: Final = Path("/sys/fs/cgroup")


def main() -> None:
    """Run as the program of this process."""
    path, identity, deadline, netns, *how = sys.argv[1:]
    file, name = TrialFile(Path(path)), _name(netns)  # which another namespace may get later
    if how[:1] == ["check"]:
        sys.exit(_find(file, identity) is None)
    if how:
        _go_apart()
        _report(int(how[0]), is_fit=how[1:] != ["kernel"] or _is_fit(file, identity, name))
    watch(file, identity, name, None if how else float(deadline))


def watch(file: TrialFile, identity: str, netns: str | None, armed: float | None) -> None:
    """Wait until a trial ends in any way, and take it back where its time is over, or who began it is gone.

    `armed` is the deadline at which somebody starts this again; before it this only looks once. A file that cannot be
    read ends nothing: that of a trial that is known from before is written again when its time is over. Nor does a
    kernel or a disk that cannot be written: whoever gave up would leave a change that nobody takes back. `netns` is the
    name of the kernel's namespace, None where that is ours.
    """
    known: Trial | None = None
    tries = 0
    while True:
        try:
            trial = known = _load(file, identity)
        except ProfileError:
            trial = known
            if trial is None or trial.left() > 0 or not _put_down(file, trial):
                time.sleep(_BEAT)
                continue
        if trial is None:
            return
        if trial.left() <= 0 or _is_left(file, identity):
            tries = 0 if _take_back(file, identity, netns) else tries + 1
            if tries > _TRIES and netns is not None and identity_of(namespace_path(netns)) is None:
                return  # the namespace has ended, and its table with it
            if tries:
                time.sleep(_AGAIN if tries < _TRIES else _SELDOM)
            continue  # where it was extended at the last moment, it is still there
        if trial.phase is Phase.ON_TRIAL and armed is not None and trial.deadline - trial.left() < armed - _BEAT:
            return
        time.sleep(min(_BEAT, max(0.01, trial.left())))


def _load(file: TrialFile, identity: str) -> Trial | None:
    """Return the trial, None where it has ended: kept, taken back, or followed by another one.

    Raises `ProfileError` where the file cannot be read.
    """
    trial = file.load()
    return trial if trial and trial.id == identity and trial.phase is not Phase.KEPT else None


def _find(file: TrialFile, identity: str) -> Trial | None:
    """Return the trial; None also where the file cannot be read."""
    with suppress(ProfileError):
        return _load(file, identity)
    return None


def _put_down(file: TrialFile, trial: Trial) -> bool:
    """Write a trial where a file lies that cannot be read, and return whether it is there."""
    with suppress(ProfileError), file.hold(0):
        try:
            file.load()
        except ProfileError:
            file.enter(trial)
        return True
    return False


def _is_left(file: TrialFile, identity: str) -> bool:
    """Return whether a trial is half written, and nobody writes any more."""
    trial = _find(file, identity)
    if trial is None or trial.phase is not Phase.WRITING:
        return False
    with suppress(ProfileError), file.hold(0):
        trial = _find(file, identity)
        return trial is not None and trial.phase is Phase.WRITING
    return False


def _take_back(file: TrialFile, identity: str, netns: str | None) -> bool:
    """Take a trial back, if that is still to be done, and say so to everybody; False where it has to be tried again."""
    from lvstui.kernel.port import KernelError

    try:
        with _opened(file, netns) as (desk, _):
            desk.fire(identity)
    except (KernelError, ProfileError):
        return False
    return True


def _is_fit(file: TrialFile, identity: str, netns: str | None) -> bool:
    """Return whether the trial is there, and the kernel can be had from here."""
    from lvstui.kernel.port import KernelError

    try:
        with _opened(file, netns) as (_, kernel):
            kernel.lookup(DirectorField.TIMEOUTS)  # the cheapest of questions
    except KernelError:
        return False
    return _find(file, identity) is not None


@contextmanager
def _opened(file: TrialFile, netns: str | None) -> Iterator[tuple[TrialDesk, Live]]:
    """Yield who takes a trial back, and the kernel, with all that is imported for that."""
    from lvstui.engine.trials.desk import TrialDesk
    from lvstui.host.home import find_home
    from lvstui.kernel.live import Live

    kernel = Live(netns)
    try:
        yield TrialDesk(kernel, file, find_home(netns)), kernel
    finally:
        kernel.close()


def _name(netns: str) -> str | None:
    """Return by which name a namespace is entered; None for the one that we are in, which takes no right to enter."""
    if not netns or Home("", netns).is_nameless or identity_of(_OURS) == identity_of(namespace_path(netns)):
        return None
    return netns


def _go_apart() -> None:
    """Become a child of init, outside of the group of processes that ends with a login."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    groups = [_GROUPS] if (_GROUPS / "cgroup.procs").exists() else list(_GROUPS.glob("*"))
    for group in groups:
        with suppress(OSError):
            (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def _report(pipe: int, *, is_fit: bool) -> None:
    """Say that we are on guard; or that we cannot be, and end."""
    os.write(pipe, b"+" if is_fit else b"-")
    os.close(pipe)
    if not is_fit:
        sys.exit(1)
