"""Files that the command line names: read whole and written whole, and the pipes that a shell hands over instead."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path
from typing import Final

from lvstui.store.files import LARGEST, Unsafe, explain_errors, open_stream, read_descriptor, replace_file, resolve

_PATIENCE: Final = 10.0
"""Seconds to wait for the other end of a pipe to write or read something."""

_STANDARD: Final = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}

_DASH: Final = "-"
"""Stands for what is handed over: the standard input where it is read, the standard output where it is written."""


def read_handed(path: Path, largest: int = LARGEST) -> bytes | None:
    """Read the pipe or file that a shell handed over by `-`, `/dev/stdin` or `<(…)`; return None for every other path.

    Raises `ProfileError`, also where such a pipe is silent for long.
    """
    descriptor = 0 if str(path) == _DASH else _handed(path)
    if descriptor is None:
        return None
    with explain_errors(path, "read"):
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)):
            raise Unsafe("it is neither a file nor a pipe; name a file")
        return read_descriptor(descriptor, largest, lambda: _wait(descriptor, select.POLLIN, "nothing came through it"))


def write_named(path: Path, content: bytes) -> None:
    """Write a file in one step, through a symbolic link to its target; write to a pipe or a terminal as it is.

    Raises `ProfileError` with the old file intact.
    """
    with explain_errors(path, "written"):
        descriptor = _handed(path)
        if descriptor is not None:
            _write(descriptor, content)
            return
        stream = open_stream(path)
        if stream is not None:
            try:
                _write(stream, content)
            finally:
                os.close(stream)
        else:
            target = resolve(path)
            replace_file(target, content, f".{target.name}.{os.getpid()}.new")


def _handed(path: Path) -> int | None:
    """Return the descriptor of this process that a path stands for, None for all other paths."""
    if str(path) in _STANDARD:
        return _STANDARD[str(path)]
    name = path.name
    if str(path.parent) in ("/dev/fd", "/proc/self/fd") and name.isascii() and name.isdecimal() and len(name) < 9:
        return int(name)
    return None


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        _wait(descriptor, select.POLLOUT, "nobody reads what is written to it")
        rest = rest[os.write(descriptor, rest[: select.PIPE_BUF]) :]


def _wait(descriptor: int, event: int, trouble: str) -> None:
    """Wait until a descriptor can be read or written; raise `Unsafe` after a while."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(_PATIENCE * 1000):
        raise Unsafe(f"{trouble} for {_PATIENCE:.0f} seconds; try again with a file")
