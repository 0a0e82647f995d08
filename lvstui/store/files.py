"""Files that are written whole or not at all, locked meanwhile, and the sentence that says why that failed."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.fields import visible
from lvstui.formats.profile.flaws import ProfileError

_PERMISSION: Final = "permission is missing; run lvstui as the file's owner, or name another file"

_REMEDIES: Final = {
    errno.ENOSPC: "the disk is full; free some space there, or name another file",
    errno.EDQUOT: "the disk quota is used up; free some space there, or name another file",
    errno.EFBIG: "the file would be larger than the limit allows; raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only; remount it, or name another file",
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.ENOENT: "there is no such file or folder; correct the path",
    errno.EISDIR: "it is a folder; name a file in it",
    errno.ENOTDIR: "a part of the path is not a folder; correct the path",
    errno.ELOOP: "its symbolic links go round in a circle; correct them, or name another file",
}


class Signature(NamedTuple):
    """What changes with a file's content, as far as one look at its inode can tell."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature that a stat result holds."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@contextmanager
def explain_errors(path: Path, done: str) -> Iterator[None]:
    """Raise a `ProfileError` with the path and the remedy where the system fails: `PATH cannot be DONE: …`."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0) or (error.strerror or str(error))
        raise ProfileError(f"{visible(str(path))} cannot be {done}: {remedy}") from error
    except UnicodeEncodeError:
        raise ProfileError(
            f"{visible(str(path))} cannot be {done}: a name or note has characters that UTF-8 cannot write; correct it"
        ) from None


def write_file(path: Path, content: bytes) -> None:
    """Write a file in one step, through a symbolic link to its target; what is no plain file is simply written to.

    Raises `ProfileError` with the old file intact.
    """
    with explain_errors(path, "written"):
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            with target.open("wb") as device:
                device.write(content)
        else:
            replace_file(target, content, target.with_name(f".{target.name}.{os.getpid()}.new"))


def replace_file(target: Path, content: bytes, temporary: Path) -> Signature:
    """Put new content in place of a file in one step; mode (0600 when new) and, where allowed, owner stay.

    `temporary` is a path in the same folder that nobody else is writing.
    """
    temporary.unlink(missing_ok=True)  # left behind by a process that was killed
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with suppress(FileNotFoundError):
                old = target.stat()
                with suppress(PermissionError):
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                os.fchmod(descriptor, old.st_mode & 0o777)
            os.fsync(descriptor)
            signature = Signature.of(os.fstat(descriptor))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return signature


def _sync_folder(folder: Path) -> None:
    """Make a rename last; the new content is in place already, so a file system that cannot do so is no failure."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create a folder, and those above it, for the owner alone; leave existing ones as they are."""
    if not folder.is_dir():
        make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)


@contextmanager
def lock_file(path: Path, seconds: float, refusal: str) -> Iterator[int]:
    """Open a file to append to, new if need be, and hold its lock; where it is renamed meanwhile, take the next one.

    Every lvstui holds this lock while it writes; it is free again when its holder ends, however that ends. It is on
    the file itself: the library filelock would want a second file beside the history, and 40 ms to be imported.

    Raises `ProfileError` with `refusal` and the remedy where the lock is not free within these seconds, `OSError`
    where the file cannot be opened.
    """
    deadline = time.monotonic() + seconds
    while True:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        held = False
        try:
            with suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = os.path.samestat(os.fstat(descriptor), path.stat())
            if held:
                yield descriptor
                return
        finally:
            os.close(descriptor)
        if time.monotonic() > deadline:
            raise ProfileError(f"{refusal}: another lvstui holds its lock; end that one")
        time.sleep(0.02)
