"""The change on trial in a network namespace, on disk: at most one, and what became of the last one.

In the folder of lvstui's state lie `trial.json` of the machine's own namespace and `trial-NAME.json` of others, each
with a `.lock`, which is only ever locked, and `.ended`, a sentence that is there until it has been read.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.trial import Trial
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.records import Unreadable
from lvstui.formats.trials import dumps, head, loads
from lvstui.host.foreign import is_trusted
from lvstui.store.files import (
    Signature,
    Unsafe,
    explain_errors,
    lock_file,
    make_folder,
    open_regular,
    read_descriptor,
    remove_file,
    replace_file,
)
from lvstui.store.trial_place import ended_path

_LARGEST: Final = 256 * 2**20
"""Bytes of a trial that is read: some 400,000 changes."""

_ENDED_LARGEST: Final = 2**20

_TICK: Final = 10**9
"""Nanoseconds that are more than the time stamps of any file system are apart."""

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what tells this boot of the machine from others; empty where /proc does not say."""
    with suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""


class Ended(NamedTuple):
    """What became of a trial, in a sentence for the user who had made it; `id` is the trial's."""

    id: str
    user: str
    sentence: str


class TrialFile:
    """The change on trial of one namespace; methods raise `ProfileError`, with the path and the remedy."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f"{path.name}.lock")
        self._ended = ended_path(path)
        self._content = b""
        self._trial: Trial | None = None
        self._signature: Signature | None = None

    @contextmanager
    def hold(self, patience: float) -> Iterator[None]:
        """Hold the lock, under which alone a trial begins, is decided about and is taken back.

        A disk that became read-only does not stop that: what is on trial still has to go back in the kernel.
        """
        with explain_errors(self._lock, "used"):
            make_folder(self._lock.parent)
            refusal = "the change on trial is being written or taken back at this moment"
            with lock_file(self._lock, patience, refusal, may_read=True):
                yield

    def is_held(self) -> bool:
        """Return whether somebody holds the lock at this moment."""
        with suppress(OSError):
            descriptor = open_regular(self._lock)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
        return False

    def load(self) -> Trial | None:
        """Return the trial, None where there is none; the same object again while nothing has changed."""
        with explain_errors(self.path, "read"):
            try:
                signature = Signature.of(self.path.lstat())
                if signature == self._signature:
                    return self._trial
                content = _read(self.path, _LARGEST)
            except FileNotFoundError:
                self._content, self._trial, self._signature = b"", None, None
                return None
        if content != self._content:
            try:
                self._trial, self._content = loads(content), content
            except Unreadable as error:
                raise ProfileError(
                    f"{self.path} is no change on trial that this lvstui knows: {error}; "
                    "`lvstui diff` shows what was tried if it is still there; then remove the file"
                ) from None
        # What is written twice within a tick of the kernel's clock looks the same from outside.
        self._signature = signature if time.time_ns() - signature.modified > _TICK else None
        return self._trial

    def enter(self, trial: Trial) -> None:
        """Put a trial on the disk: it is there for good when this returns."""
        with explain_errors(self.path, "written"):
            make_folder(self.path.parent)
            replace_file(self.path, dumps(trial), f".{self.path.name}.new")

    def mark(self, trial: Trial) -> None:
        """Write phase, guard and deadline of the trial that is there, in place: a full disk does not stop that."""
        with explain_errors(self.path, "written"):
            descriptor = open_regular(self.path, os.O_RDWR)
            try:
                os.pwrite(descriptor, head(trial), 0)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self) -> None:
        """Remove the trial: from now on there is none."""
        with explain_errors(self.path, "removed"), suppress(FileNotFoundError):
            remove_file(self.path)

    def end(self, ended: Ended) -> None:
        """Remove the trial, and leave what became of it for the next start; a full disk stops only the latter."""
        with suppress(ProfileError), explain_errors(self._ended, "written"):
            replace_file(self._ended, json.dumps(ended._asdict()).encode(), f".{self._ended.name}.new")
        self.remove()

    def ended(self) -> Ended | None:
        """Return what became of the last trial, None where nobody has to hear of it."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            document = json.loads(_read(self._ended, _ENDED_LARGEST))
            return Ended(str(document["id"]), str(document["user"]), str(document["sentence"]))
        return None

    def forget_ended(self) -> None:
        """Remove what became of the last trial: it was read."""
        with suppress(OSError):
            remove_file(self._ended)


def _read(path: Path, largest: int) -> bytes:
    """Read a file of root or ourselves."""
    descriptor = open_regular(path)
    try:
        if not is_trusted(os.fstat(descriptor).st_uid):
            raise Unsafe("it belongs to another user; remove it")
        return read_descriptor(descriptor, largest)
    finally:
        os.close(descriptor)
