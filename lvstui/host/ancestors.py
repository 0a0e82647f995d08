"""What the processes above us have in their environments: sudo and su take out of ours what is of use here."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.host.foreign import read_start
from lvstui.host.hearing import hear

_ANCESTORS: Final = 12

_ENVIRONMENT: Final = 2**20
"""Bytes of a process's environment that are looked at."""


def inherited(name: str, proc: Path = Path("/proc")) -> str:
    """Return what `find_inherited` does, as the witness sees it where there is one."""
    return hear(find_inherited, name, proc)


def find_inherited(name: str, proc: Path) -> str:
    """Return a variable from the environments of the processes above us, as far as we may read them; else empty.

    Their owner can make that wait for ever: whoever asks does so in a thread.
    """
    pid = os.getppid()
    with suppress(OSError, ValueError, IndexError):
        for _ in range(_ANCESTORS):
            if pid <= 1:
                break
            for variable in read_start(proc / str(pid) / "environ", _ENVIRONMENT).split(b"\0"):
                key, _, value = variable.decode(errors="replace").partition("=")
                if key == name:
                    return value
            pid = int(read_start(proc / str(pid) / "stat").rpartition(b")")[2].split()[1])
    return ""
