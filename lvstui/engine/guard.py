"""The guard of a change on trial, as a program: it waits without a terminal, and takes the change back in time.

`main` gets the path of the trial, its id, the deadline that it was armed for, and the namespace's name. One more word
is `check`, which only says by the exit status whether there is a trial to guard (and `kernel`, whether the kernel can
be had), or the number of a pipe, to which it writes once it is on guard, in a session and a process of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.core.change import DirectorField
from lvstui.core.model import Home
from lvstui.core.trial import Phase, Trial
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.home import identity, namespace_path
from lvstui.store.trial_file import TrialFile

_BEAT: Final = 0.5
"""Seconds between two looks at whether the trial is still there, and until when."""

_AGAIN: Final = 5.0
"""Seconds between two tries where the kernel cannot be written."""

_TRIES: Final = 120

_OURS: Final = Path("/proc/self/ns/net")

_GROUPS: Final = Path("/sys/fs/cgroup")


def main() -> None:
    """Run as the program of this process."""
    path, identity, deadline, netns, *how = sys.argv[1:]
    file = TrialFile(Path(path))
    if how[:1] == ["check"]:
        sys.exit(_find(file, identity) is None or ("kernel" in how and not _gets_to_kernel(netns)))
    if how:
        _go_apart(int(how[0]))
    watch(file, identity, netns, None if how else float(deadline))


def watch(file: TrialFile, identity: str, netns: str, armed: float | None) -> None:
    """Wait until a trial ends in any way, and take it back where its time is over, or who began it is gone.

    `armed` is the deadline at which somebody starts this again; before it this only looks once. A file that cannot be
    read ends nothing: that of a trial that is known from before is written again when its time is over.
    """
    known: Trial | None = None
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
            if not _take_back(file, identity, netns):
                return
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


def _take_back(file: TrialFile, identity: str, netns: str) -> bool:
    """Take a trial back, if that is still to be done, and say so to everybody.

    A kernel that cannot be written is tried again for some minutes; return False where that was in vain.
    """
    from lvstui.engine.trial_desk import TrialDesk  # with the kernel, which nobody needs while waiting
    from lvstui.host.home import find_home
    from lvstui.kernel.live import Live
    from lvstui.kernel.port import KernelError

    name = _name(netns)
    for _ in range(_TRIES):
        try:
            kernel = Live(name)
            try:
                TrialDesk(kernel, file, find_home(name)).fire(identity)
                return True
            finally:
                kernel.close()
        except (KernelError, ProfileError):
            time.sleep(_AGAIN)
    return False


def _gets_to_kernel(netns: str) -> bool:
    """Return whether the kernel can be had from here."""
    from lvstui.kernel.live import Live
    from lvstui.kernel.port import KernelError

    try:
        kernel = Live(_name(netns))
        try:
            kernel.lookup(DirectorField.TIMEOUTS)  # the cheapest of questions
        finally:
            kernel.close()
    except KernelError:
        return False
    return True


def _name(netns: str) -> str | None:
    """Return by which name a namespace is entered; None for the one that we are in, which takes no right to enter."""
    if not netns or Home("", netns).is_nameless or identity(_OURS) == identity(namespace_path(netns)):
        return None
    return netns


def _go_apart(pipe: int) -> None:
    """Become a child of init, outside of the group of processes that ends with a login, and say that we are ready."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    groups = [_GROUPS] if (_GROUPS / "cgroup.procs").exists() else list(_GROUPS.glob("*"))
    for group in groups:
        with suppress(OSError):
            (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    os.write(pipe, b"+")
    os.close(pipe)
