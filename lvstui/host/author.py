"""Who runs this lvstui, and from where."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lvstui.core.record import Session

_NO_LOGIN: Final = 2**32 - 1
"""The login uid of a process that nobody logged in for, such as a service."""

_ANCESTORS: Final = 12


def author(environ: Mapping[str, str] = os.environ, proc: Path = Path("/proc")) -> Session:
    """Return who runs this process, as a session that starts now.

    The user is the one who called sudo, else who logged in, else the effective one. The source is the client of SSH
    (looked up in the processes above us too, since sudo and su take it out of the environment), else the terminal.
    """
    user = environ.get("SUDO_USER") or _login(proc) or _user_name(os.geteuid())
    client = environ.get("SSH_CONNECTION") or _inherited("SSH_CONNECTION", proc)
    return Session(user, client.partition(" ")[0] or _terminal(), os.getpid(), datetime.now(UTC))


def _login(proc: Path) -> str:
    try:
        number = int((proc / "self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    return "" if number == _NO_LOGIN else _user_name(number)


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _inherited(name: str, proc: Path) -> str:
    """Return a variable from the environments of the processes above us, as far as we may read them; else empty."""
    pid = os.getppid()
    with suppress(OSError, ValueError, IndexError):
        for _ in range(_ANCESTORS):
            if pid <= 1:
                break
            for variable in (proc / str(pid) / "environ").read_bytes().split(b"\0"):
                key, _, value = variable.decode(errors="replace").partition("=")
                if key == name:
                    return value
            pid = int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return ""


def _terminal() -> str:
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(descriptor).removeprefix("/dev/")
    return ""
