"""The lock that every lvstui takes on a file while it writes; it is free again when its holder ends, however that ends.

Locks the file itself: the library filelock would want a second file beside the history, and 40 ms to be imported.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lvstui.formats.profile.flaws import ProfileError


@contextmanager
def locked(path: Path, seconds: float, refusal: str) -> Iterator[int]:
    """Open a file to append to, new if need be, and hold its lock; one that is renamed meanwhile gives way to the next.

    Raises `ProfileError` with `refusal` and the remedy where the lock is not free within these seconds, `OSError`
    where the file cannot be opened.
    """
    deadline = time.monotonic() + seconds
    while True:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            if _lock(descriptor) and _is(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)
        if time.monotonic() > deadline:
            raise ProfileError(f"{refusal}: another lvstui holds its lock; end that one")
        time.sleep(0.02)


def _lock(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
