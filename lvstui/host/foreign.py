"""Files of other processes, and files that those name: read as far as root answers for them, and never without end."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_ROOM: Final = 2**16


class NotUsable(OSError):
    """A file that is not read: it is nobody's whom we trust, no regular file, or too large."""


@dataclass(slots=True)
class Allowance:
    """What may be read of one configuration: bytes and files in all, and seconds from now on."""

    bytes: int = 4 * 2**20
    files: int = 256
    seconds: float = 5.0
    _start: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise `NotUsable` where the time is over."""
        if time.monotonic() - self._start > self.seconds:
            raise NotUsable("it takes too long")

    def take(self, number: int) -> None:
        """Count bytes; raise `NotUsable` where there are too many."""
        self.bytes -= number
        if self.bytes < 0:
            raise NotUsable("it is too large")

    def read(self, path: Path) -> str:
        """Read a regular file of root or of ourselves. Raises `NotUsable`, OSError."""
        self.check()
        self.files -= 1
        if self.files < 0:
            raise NotUsable("it has too many files")
        with _trusted(path) as found:
            content = read_start(found, self.bytes + 1)
        self.take(len(content))
        return content.decode(errors="replace")


def read_end(path: Path, largest: int = _ROOM) -> str:
    """Read the last bytes of a regular file of root or of ourselves. Raises `NotUsable`, OSError."""
    with _trusted(path) as found, found.open("rb", buffering=0) as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - largest))
        return opened.read(largest).decode(errors="replace")


@contextmanager
def _trusted(path: Path) -> Iterator[Path]:
    """Yield another name of a file that was looked at before it is opened, as opening a device may do something."""
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode) or not is_trusted(status.st_uid):
            raise NotUsable(f"{path} is no regular file of root")
        yield Path(f"/proc/self/fd/{found}")
    finally:
        os.close(found)


def is_trusted(user: int) -> bool:
    """Return whether a user is root, or ourselves."""
    return user in (0, os.geteuid())


def read_start(path: Path, largest: int = _ROOM) -> bytes:
    """Read the first bytes of a file without waiting for more. Raises OSError."""
    content = b""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while len(content) < largest and (part := os.read(descriptor, min(largest - len(content), 2**20))):
            content += part
    finally:
        os.close(descriptor)
    return content
