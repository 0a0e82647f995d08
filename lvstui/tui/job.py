"""The shell's side of the screens: whether there is one that could have us go on after a stop, and how far away."""

from __future__ import annotations

import os
from pathlib import Path


def comes_back() -> bool:
    """Return whether a shell controls our process group, so that `fg` has it go on.

    It is the first process above us of another group of our session. Where there is none, the group is orphaned, and
    would be stopped for ever.
    """
    try:
        group, session, process = os.getpgrp(), os.getsid(0), os.getppid()
        while process > 1 and os.getpgid(process) == group:
            process = _parent(process)
        return process > 1 and os.getsid(process) == session
    except (OSError, ValueError, IndexError):
        return False


def far_away() -> bool:
    """Return whether the terminal is at the other end of SSH; sudo takes the variable away that says so."""
    if "SSH_CONNECTION" in os.environ:
        return True
    process = os.getppid()
    try:
        while process > 1:
            if Path(f"/proc/{process}/comm").read_text().startswith("sshd"):
                return True
            process = _parent(process)
    except (OSError, ValueError, IndexError):
        pass  # nothing is known of processes that are hidden from us
    return False


def _parent(process: int) -> int:
    """Return the parent of a process; raises OSError, ValueError or IndexError where that cannot be read."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
