"""What this process is about to do, on disk before it is done, so that a later start can say what became of it.

Beside `director.toml` lies `.director.toml.journal.PID-…` for each edit under way. It is locked as long as its process
lives: one whose lock is free was left by a process that was killed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.host.foreign import is_trusted
from lvstui.store.files import is_irregular, list_folder, make_folder, open_regular, read_tail, remove_file, resolve

_READ_AT_MOST: Final = 128 * 2**20
"""Bytes of a line that is read: the record of some 400,000 changes."""

_LEFT_MAX: Final = 100
"""Files that one start opens."""


def _prefix(target: Path) -> str:
    return f".{target.name}.journal."


class JournalFile:
    """A file for one line at a time, locked until it is closed. Methods raise `Unsafe` and OSError."""

    def __init__(self, profile: Path) -> None:
        target = resolve(profile)
        if is_irregular(target):
            raise FileNotFoundError(target)  # nothing is kept beside a device
        make_folder(target.parent)
        self._path = target.with_name(f"{_prefix(target)}{os.getpid()}-{os.urandom(4).hex()}")
        self._descriptor = _create(self._path)

    def enter(self, line: bytes) -> None:
        """Put a line on the disk; its first byte comes last, so that a torn one is none."""
        _write(self._descriptor, line[1:] + b"\n", 1)
        _write(self._descriptor, line[:1], 0)
        os.fdatasync(self._descriptor)

    def clear(self) -> None:
        """Take the line back. The file stays as long as it is, which makes the next line's way to the disk shorter."""
        _write(self._descriptor, b"\n", 0)

    def close(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            remove_file(self._path)
        os.close(self._descriptor)


def _create(path: Path) -> int:
    """Create a file and lock it; one that somebody took for left behind in between is created anew."""
    while True:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        os.close(descriptor)


def _write(descriptor: int, content: bytes, place: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, place)
        rest, place = rest[written:], place + written


class Left(NamedTuple):
    """What a process that was killed left: the path, and its line, empty where it was doing nothing."""

    path: Path
    line: bytes


def left_paths(profile: Path) -> list[Path]:
    """Return the paths of the journals of root and ourselves that were left beside a profile, as far as we may read."""
    target = resolve(profile)
    try:
        names = [name for name in list_folder(target.parent) if name.startswith(_prefix(target))]
    except OSError:
        return []
    ours = filter(_is_ours, map(target.with_name, sorted(names)))
    return [path for path in islice(ours, _LEFT_MAX) if _is_left(path)]


def others_at_work(profile: Path) -> bool:
    """Return whether another process that lives is in the middle of an edit on a profile."""
    target = resolve(profile)
    own = f"{_prefix(target)}{os.getpid()}-"
    try:
        names = [name for name in list_folder(target.parent) if name.startswith(_prefix(target))]
    except OSError:
        return False
    others = (target.with_name(name) for name in names if not name.startswith(own))
    return any(_is_ours(path) and _has_line(path) and not _is_left(path) for path in islice(others, _LEFT_MAX))


def _has_line(path: Path) -> bool:
    with suppress(OSError):
        descriptor = open_regular(path)
        try:
            return os.pread(descriptor, 1, 0) not in (b"", b"\n", b"\0")
        finally:
            os.close(descriptor)
    return False


def _is_ours(path: Path) -> bool:
    with suppress(OSError):
        return is_trusted(path.lstat().st_uid)
    return False


def _is_left(path: Path) -> bool:
    with suppress(OSError):
        descriptor = open_regular(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
        return True
    return False


@contextmanager
def take(path: Path) -> Iterator[Left | None]:
    """Hold a journal that was left behind, and remove it in the end; None for one whose process lives.

    What another user has put there is none of ours, and None too. Raises OSError where it may not be read; it stays
    where the body raises.
    """
    try:
        descriptor = open_regular(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        status = os.fstat(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_left = is_trusted(status.st_uid) and os.path.samestat(status, path.lstat())
        except (BlockingIOError, FileNotFoundError):
            is_left = False
        if not is_left:
            yield None
            return
        line, end, _ = read_tail(descriptor, _READ_AT_MOST).partition(b"\n")
        yield Left(path, line if end else b"")
        remove_file(path)
    finally:
        os.close(descriptor)
