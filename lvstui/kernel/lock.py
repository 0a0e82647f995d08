"""A lock that one lvstui at a time holds for a network namespace: a file that no other user can open."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lvstui.kernel.namespace import OURS
from lvstui.kernel.port import KernelError

FOLDER: Final = Path("/run/lvstui")

_LOOK: Final = 0.01
"""Seconds between two looks at whether the lock is free."""

_SHORT: Final = 64


@contextmanager
def hold(patience: float, folder: Path = FOLDER) -> Iterator[str]:
    """Hold the lock of the network namespace that this thread is in; it is free again when we end, however that is.

    Yield an empty text, or after `patience` seconds who holds it instead. Raises `KernelError` where the folder or the
    file is not ours alone, or cannot be opened.
    """
    namespace = OURS.stat()
    try:
        descriptor = _open(folder, f"net-{namespace.st_dev:x}-{namespace.st_ino}.lock")
    except OSError as problem:
        raise KernelError(f"the lock in {folder} cannot be opened: {problem.strerror}") from problem
    deadline = time.monotonic() + patience
    try:
        while not (free := _take(descriptor)) and time.monotonic() < deadline:
            time.sleep(_LOOK)
        if not free:
            yield f"process {os.pread(descriptor, _SHORT, 0).decode('ascii', 'replace') or 'unknown'}"
            return
        os.ftruncate(descriptor, 0)  # of a process that was killed
        with suppress(OSError):  # where /run is full, who waits for us learns no number
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        try:
            yield ""
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(folder: Path, name: str) -> int:
    """Open a file of ours in a folder of ours; nothing is followed, waited for, or taken from somebody else."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check(folder, os.fstat(inside), stat.S_IWGRP | stat.S_IWOTH)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=inside)
    finally:
        os.close(inside)
    try:
        status = os.fstat(descriptor)
        _check(folder / name, status, stat.S_IRWXG | stat.S_IRWXO)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise KernelError(f"{folder / name} is not a plain file: remove it, then try again")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(path: Path, status: os.stat_result, others: int) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & others:
        raise KernelError(f"{path} is not ours alone (its owner or mode): remove it, then try again")


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
