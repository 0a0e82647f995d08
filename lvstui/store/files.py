"""Files that are opened without a trap, written whole or not at all, locked meanwhile, and why that failed.

Root's lvstui works in folders where others may write too. So each path is walked part by part, a symbolic link that
another user may have put there is not followed, and only a regular file is opened: no pipe that nobody writes to
stops anything, and no device is read into memory.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.fields import visible
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.foreign import is_trusted

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
    errno.EBADF: "it is not open here (sudo closes it); name a file",
    errno.ELOOP: "its symbolic links go round in a circle; correct them, or name another file",
}


_LINKS_MAX: Final = 40
"""Symbolic links that one path may lead through, as in the kernel."""

LARGEST: Final = 32 * 2**20
"""Bytes of a file that is read: five times what 5,000 services of 20 servers take in a profile."""

_ROOM: Final = 2**20
"""Bytes that are read at once."""

_FOREIGN_PATIENCE: Final = 1.0
"""Seconds to wait for a lock whose file another user has made; a save takes some milliseconds."""

_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_WALK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Unsafe(OSError):
    """A file that is not opened; the text says why, and what to do."""


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
    except Unsafe as error:
        raise ProfileError(f"{visible(str(path))} cannot be {done}: {error}") from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0) or (error.strerror or str(error))
        raise ProfileError(f"{visible(str(path))} cannot be {done}: {remedy}") from error
    except UnicodeEncodeError:
        raise ProfileError(
            f"{visible(str(path))} cannot be {done}: a name or note has characters that UTF-8 cannot write; correct it"
        ) from None


class _Spot(NamedTuple):
    """Where a path ends: a name in a folder that is held open, and the path there without links."""

    folder: int
    name: str
    path: Path


@contextmanager
def _spot(path: Path) -> Iterator[_Spot]:
    """Follow a path to the folder that holds its last part, which is no link and need not exist.

    Raises `Unsafe` at a symbolic link that another user may have put there, and OSError.
    """
    here = Path("/") if path.is_absolute() else Path.cwd()
    folder = os.open("/" if path.is_absolute() else ".", _WALK | os.O_DIRECTORY)
    ahead = list(reversed(path.relative_to(path.anchor).parts)) or ["."]
    links = 0
    try:
        while True:
            name = ahead.pop()
            try:
                text = _link_text(folder, name, here)
            except FileNotFoundError:
                if ahead:
                    raise
                break
            if text is not None:
                links += 1
                if links > _LINKS_MAX:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                if text.startswith("/"):
                    folder, here = _enter(folder, "/"), Path("/")
                ahead += reversed([part for part in text.split("/") if part] or ["."])
            elif ahead or name == "..":
                folder, here = _enter(folder, name), here.parent if name == ".." else here / name
                ahead = ahead or ["."]
            else:
                break
        yield _Spot(folder, name, here / name)
    finally:
        os.close(folder)


def _enter(folder: int, name: str) -> int:
    inner = os.open(name, _WALK | os.O_DIRECTORY, dir_fd=folder)
    os.close(folder)
    return inner


def _link_text(folder: int, name: str, here: Path) -> str | None:
    """Return where a link in a folder leads, None for what is no link; raise `Unsafe` where it is a foreign one."""
    link = os.open(name, _WALK, dir_fd=folder)
    try:
        status = os.fstat(link)
        if not stat.S_ISLNK(status.st_mode):
            return None
        if not _is_ours(status, os.fstat(folder)):
            raise Unsafe(
                f"{visible(str(here / name))} is a symbolic link of the user {user_name(status.st_uid)}; "
                "name the file that it leads to, or remove it"
            )
        if here.is_relative_to("/proc"):  # such a link leads to what is open, whatever its text says
            there = os.stat(name, dir_fd=folder)
            if not stat.S_ISDIR(there.st_mode):
                _refuse_irregular(there)
        return os.readlink("", dir_fd=link)
    finally:
        os.close(link)


def _is_ours(link: os.stat_result, folder: os.stat_result) -> bool:
    """Return whether only root or we can have put a link into a folder; others can give ours a second name."""
    return (is_trusted(link.st_uid) and link.st_nlink == 1) or _is_guarded(folder)


def _is_guarded(folder: os.stat_result) -> bool:
    """Return whether only root and we may put something into a folder."""
    return is_trusted(folder.st_uid) and not folder.st_mode & 0o022


def user_name(number: int) -> str:
    """Return the name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _refuse_irregular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise Unsafe(f"it is {kind}, no plain file; remove it, or name another file")


def resolve(path: Path) -> Path:
    """Return where a path leads without links, the path itself where that is not known or not to be followed."""
    try:
        with _spot(path) as spot:
            return spot.path
    except OSError:
        return path


def is_irregular(path: Path) -> bool:
    """Return whether something else than a regular file is there. Raises `Unsafe` at a foreign link, OSError."""
    with suppress(FileNotFoundError), _spot(path) as spot:
        return not stat.S_ISREG(os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False).st_mode)
    return False


def who_may_change(path: Path) -> str:
    """Return which other users may change a file or put another in its place, besides root; empty for none."""
    with suppress(OSError), _spot(path) as spot:
        file = os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)
        folder = os.fstat(spot.folder)
        for status in (file, folder):
            if not is_trusted(status.st_uid):
                return f"the user {user_name(status.st_uid)}"
        is_sticky = folder.st_mode & stat.S_ISVTX  # there, only the owner can take a file away
        open_to = [file] if is_sticky else [file, folder]
        if any(status.st_mode & stat.S_IWOTH for status in open_to):
            return "every user"
        groups = (_others_in(status.st_gid) for status in open_to if status.st_mode & stat.S_IWGRP)
        return next(filter(None, groups), "")
    return ""


def _others_in(group: int) -> str:
    """Name a group that others than root and we may be in; empty for root's, and for our own with nobody else in it."""
    if group == 0:
        return ""
    try:
        found = grp.getgrgid(group)
    except KeyError:
        return f"the group {group}"
    we = user_name(os.geteuid())
    is_our_own = found.gr_name == we and set(found.gr_mem) <= {we, "root"}
    return "" if is_our_own else f"the group {found.gr_name}"


def refuse_foreign(file: os.stat_result, folder: Path) -> None:
    """Raise `Unsafe` where a file or folder was put into a `folder` by another user than root, us or its owner."""
    if not is_trusted(file.st_uid) and file.st_uid != folder.stat().st_uid:
        raise Unsafe(f"it belongs to the user {user_name(file.st_uid)}; remove it")


def open_regular(path: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a regular file as `os.open` does, without ever waiting, and return its descriptor.

    A file that is written to where others may write must have no second name: it could be a file of somebody else.
    Raises `Unsafe` where it is none or a foreign link leads to it, OSError as `os.open` does.
    """
    with _spot(path) as spot:
        present = None
        with suppress(FileNotFoundError):
            present = os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)
        if present is not None:
            _refuse_irregular(present)
            if not flags & os.O_EXCL:
                flags &= ~os.O_CREAT  # which fs.protected_regular forbids for another user's file
        safe = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = os.open(spot.name, safe, mode, dir_fd=spot.folder)
        try:
            status = os.fstat(descriptor)
            _refuse_irregular(status)
            is_written = flags & (os.O_WRONLY | os.O_RDWR)
            if is_written and status.st_nlink > 1 and not _is_guarded(os.fstat(spot.folder)):
                raise Unsafe("it has a second name (a hard link) somewhere; remove it, or name another file")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def open_stream(path: Path) -> int | None:
    """Open a pipe or a terminal to write to it as it is, and return its descriptor; None where there is something else.

    Raises `Unsafe` where nobody reads from it or a foreign link leads to it, OSError.
    """
    with _spot(path) as spot:
        try:
            if not _is_stream(os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)):
                return None
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(spot.name, flags, dir_fd=spot.folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise Unsafe("nobody reads from this pipe; start the reader first") from None
            raise
        if not _is_stream(os.fstat(descriptor)):  # which nothing was written to yet
            os.close(descriptor)
            raise Unsafe("something else was put in its place just now; name another file")
        return descriptor


def _is_stream(status: os.stat_result) -> bool:
    return stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode)


def read_file(path: Path, largest: int = LARGEST) -> tuple[bytes, Signature]:
    """Read a regular file of at most `largest` bytes. Raises `Unsafe`, OSError."""
    descriptor = open_regular(path)
    try:
        return read_descriptor(descriptor, largest), Signature.of(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, largest: int, wait: Callable[[], None] = lambda: None) -> bytes:
    """Read to the end, calling `wait` before each part; raise `Unsafe` beyond `largest` bytes."""
    parts: list[bytes] = []
    size = os.fstat(descriptor).st_size
    while size <= largest:
        wait()
        part = os.read(descriptor, _ROOM)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size = max(size, sum(map(len, parts)))
    limit = f"{largest // 2**20} MiB" if largest >= 2**20 else f"{largest // 2**10} KiB"
    raise Unsafe(f"it is larger than the {limit} that are read; name another file")


def read_tail(descriptor: int, largest: int) -> bytes:
    """Read the last `largest` bytes of a file. Raises OSError."""
    size = os.fstat(descriptor).st_size
    start = max(size - largest, 0)
    parts: list[bytes] = []
    while start < size and (part := os.pread(descriptor, min(_ROOM, size - start), start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def list_folder(path: Path) -> list[str]:
    """Return the names in a folder that no foreign link leads to. Raises `Unsafe`, OSError."""
    with _folder(path, os.O_RDONLY) as descriptor:
        return os.listdir(descriptor)  # noqa: PTH208 (no Path: the folder is held open)


@contextmanager
def _folder(path: Path, flags: int = os.O_PATH) -> Iterator[int]:
    with _spot(path) as spot:
        descriptor = os.open(spot.name, flags | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=spot.folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove_file(path: Path) -> None:
    """Remove a file that no foreign link on its way leads to; a link itself is removed, never what it leads to.

    What is not there is removed already. Raises `Unsafe`, OSError.
    """
    with suppress(FileNotFoundError), _folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)


def rename_file(path: Path, name: str) -> None:
    """Rename a file in its folder, in place of what has that name. Raises `Unsafe`, OSError."""
    with _folder(path.parent) as folder:
        os.replace(path.name, name, src_dir_fd=folder, dst_dir_fd=folder)


def link_file(path: Path, second: Path) -> None:
    """Link a regular file to a second name, in another folder of the same file system. Raises `Unsafe`, OSError."""
    with _spot(path) as spot, _folder(second.parent) as folder:
        os.link(spot.name, second.name, src_dir_fd=spot.folder, dst_dir_fd=folder, follow_symlinks=False)


def replace_file(target: Path, content: bytes, temporary: str) -> Signature:
    """Put new content in place of a file in one step; mode (0600 when new) and, where allowed, owner stay.

    `temporary` is a name in the same folder that nobody else is writing. Raises `Unsafe`, OSError.
    """
    with _spot(target) as spot:
        folder = spot.folder
        try:
            os.unlink(temporary, dir_fd=folder)  # left behind by a process that was killed
        except FileNotFoundError:
            pass
        except OSError:  # a folder, or a file of another user: somebody put it in our way
            temporary = f"{temporary}.{os.urandom(4).hex()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                with suppress(FileNotFoundError):
                    old = os.stat(spot.name, dir_fd=folder, follow_symlinks=False)
                    _refuse_irregular(old)
                    with suppress(PermissionError):
                        os.fchown(descriptor, old.st_uid, old.st_gid)
                    os.fchmod(descriptor, old.st_mode & 0o777)
                os.fsync(descriptor)
                signature = Signature.of(os.fstat(descriptor))
            os.replace(temporary, spot.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        _sync_folder(folder)
    return signature


def _sync_folder(folder: int) -> None:
    """Make a rename last; the new content is in place already, so a file system that cannot do so is no failure."""
    with suppress(OSError):
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create a folder, and those above it, for the owner alone; leave existing ones as they are."""
    try:
        _make_folder(folder)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_folder(folder.parent)
        _make_folder(folder)


def _make_folder(folder: Path) -> None:
    with _spot(folder) as spot, suppress(FileExistsError):
        os.mkdir(spot.name, 0o700, dir_fd=spot.folder)


@contextmanager
def lock_file(path: Path, seconds: float, refusal: str, *, may_read: bool = False) -> Iterator[int]:
    """Open a file to append to, new if need be, and hold its lock; where it is renamed meanwhile, take the next one.

    One that is there on a disk that became read-only is opened to read, where it `may_read`.

    Every lvstui holds this lock while it writes; it is free again when its holder ends, however that ends. It is on
    the file itself: the library filelock would want a second file beside the history, and 40 ms to be imported. A
    lock on another user's file is not waited for as long.

    Raises `ProfileError` with `refusal` and the remedy where the lock is not free within these seconds, `OSError`
    where the file cannot be opened.
    """
    start = time.monotonic()
    while True:
        path = resolve(path)
        descriptor = _open_lock(path, may_read=may_read)
        held = False
        try:
            status = os.fstat(descriptor)
            with suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = os.path.samestat(status, path.lstat())
            if held:
                yield descriptor
                return
        finally:
            os.close(descriptor)
        is_foreign = not is_trusted(status.st_uid)
        if time.monotonic() - start > (min(seconds, _FOREIGN_PATIENCE) if is_foreign else seconds):
            if is_foreign:
                owner = user_name(status.st_uid)
                lock = visible(str(path))
                raise ProfileError(f"{refusal}: somebody holds the lock of {lock}, a file of {owner}; remove that file")
            raise ProfileError(f"{refusal}: another lvstui holds its lock; end that one")
        time.sleep(0.02)


def _open_lock(path: Path, *, may_read: bool) -> int:
    try:
        return open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    except OSError as error:
        if error.errno != errno.EROFS or not may_read or not os.path.lexists(path):
            raise
    return open_regular(path)
