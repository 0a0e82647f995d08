"""The sessions of lvstui: who runs this one and from where, and which others run on the same profile."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from lvstui.core.record import Session, stamp
from lvstui.formats.records import read_time
from lvstui.host.ancestors import inherited
from lvstui.host.patience import within
from lvstui.store.files import is_irregular, list_folder, open_regular, remove_file, rename_file, resolve, user_name

_NO_LOGIN: Final = 2**32 - 1
"""The login uid of a process that nobody logged in for, such as a service."""

_PATIENCE: Final = 0.5
"""Seconds to wait for the environments of the processes above us: their owner can make that wait for ever."""

_SESSIONS_MAX: Final = 100
"""Sessions that are looked at; where others may write, there could be any number of files."""


def author(environ: Mapping[str, str] = os.environ, proc: Path = Path("/proc")) -> Session:
    """Return who runs this process, as a session that starts now.

    The user is the one who called sudo, else who logged in, else the effective one. The source is the client of SSH
    (looked up in the processes above us too, since sudo and su take it out of the environment), else the terminal.
    """
    user = environ.get("SUDO_USER") or _login(proc) or user_name(os.geteuid())
    client = environ.get("SSH_CONNECTION") or ""
    if not client:
        with suppress(TimeoutError):
            client = within(_PATIENCE, partial(inherited, "SSH_CONNECTION", proc))
    return Session(user, client.partition(" ")[0] or _terminal(), os.getpid(), datetime.now(UTC))


def _login(proc: Path) -> str:
    try:
        number = int((proc / "self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    return "" if number == _NO_LOGIN else user_name(number)


def _terminal() -> str:
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(descriptor).removeprefix("/dev/")
    return ""


class Presence:
    """This session among those on one profile.

    Beside `director.toml` lies `.director.toml.session.PID-…` for each session, locked as long as that runs, so that
    a crash leaves none behind. Where the folder is missing or may not be written to, this session stays unseen.
    """

    def __init__(self, profile: Path) -> None:
        target = resolve(profile)
        self._profile = target
        self._folder = target.parent
        self._prefix = f".{target.name}.session."
        self._own = f"{self._prefix}{os.getpid()}-{os.urandom(4).hex()}"
        self._session = author()
        self._descriptor: int | None = None
        self._known: dict[str, Session] = {}

    def others(self) -> tuple[Session, ...]:
        """Return the other sessions, the oldest first; enter this one, and remove what crashed ones left."""
        try:
            if self._descriptor is None:
                self._enter()
            names = sorted(name for name in list_folder(self._folder) if name.startswith(self._prefix))[:_SESSIONS_MAX]
        except OSError:
            return ()
        found = {name: session for name in names if name != self._own and (session := self._read(name))}
        self._known = found
        return tuple(sorted(found.values(), key=lambda session: session.since))

    def leave(self) -> None:
        """Remove this session."""
        if self._descriptor is not None:
            with suppress(OSError):
                remove_file(self._folder / self._own)
            os.close(self._descriptor)
            self._descriptor = None

    def _enter(self) -> None:
        """Create our file, locked before it has its name: another session could take it for one that a crash left."""
        if is_irregular(self._profile):
            raise FileNotFoundError(self._profile)  # a device is nobody's meeting place
        hidden = self._folder / f".{self._own}"
        descriptor = open_regular(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            session = self._session
            entry = {"user": session.user, "source": session.source, "pid": session.pid, "since": stamp(session.since)}
            os.write(descriptor, json.dumps(entry).encode())
            rename_file(hidden, self._own)
        except OSError:
            os.close(descriptor)
            remove_file(hidden)
            raise
        self._descriptor = descriptor

    def _read(self, name: str) -> Session | None:
        """Return the session of a file, or remove the file when its lock is free."""
        path = self._folder / name
        try:
            descriptor = open_regular(path)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._known.get(name) or _session(os.read(descriptor, 4096))
        except OSError:
            return None
        finally:
            os.close(descriptor)
        with suppress(OSError):
            remove_file(path)
        return None


def _session(content: bytes) -> Session | None:
    try:
        found = json.loads(content)
        since = read_time(found["since"])
        return Session(str(found["user"]), str(found["source"]), int(found["pid"]), since)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
