"""A text that a person edits with a program of his own: in a folder that nobody else gets into, read back warily."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.host.invoker import Invoker
from lvstui.host.rights import OTHER_USER, raised
from lvstui.store.files import Unsafe, explain_errors, read_descriptor

_LARGEST: Final = 4 * 2**20
"""Bytes that are read back: a service of 50,000 servers."""

_OTHERS: Final = "/tmp"
"""Where the folder is made for another user: TMPDIR may be his own folder, in which he could swap it meanwhile."""


class PrivateFile:
    """A file in a folder (0700) of its own, both of the user who edits it.

    The folder is held open, and the file is only ever opened in it by its name: what the user puts in place of folder
    or file (a link, a device, a file of others) is refused, as we may be root. Errors are `ProfileError`.
    """

    def __init__(self, name: str, user: Invoker) -> None:
        """Make the folder; raises `ProfileError`."""
        self._user = user
        with explain_errors(Path(_OTHERS), "written to"), raised(*OTHER_USER):
            folder = Path(tempfile.mkdtemp(prefix="lvstui-", dir=_OTHERS if user.switches else None))
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if os.fstat(self._folder).st_uid != os.geteuid():
                raise Unsafe("somebody else's folder was put in its place just now")
            if user.switches:
                os.fchown(self._folder, user.user, user.group)
        self.path = folder / name

    def write(self, text: str) -> None:
        """Put a text in place of the one before. Raises `ProfileError`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with explain_errors(self.path, "written"), raised(*OTHER_USER):
            with suppress(FileNotFoundError):
                os.unlink(self.path.name, dir_fd=self._folder)
            descriptor = os.open(self.path.name, flags, 0o600, dir_fd=self._folder)
            with os.fdopen(descriptor, "wb") as file:
                if self._user.switches:
                    os.fchown(descriptor, self._user.user, self._user.group)
                file.write(text.encode("utf-8", "surrogateescape"))

    def read(self) -> str:
        """Read the text that is there now; bytes that are no UTF-8 stand as lone surrogates. Raises `ProfileError`."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        with explain_errors(self.path, "read back"), raised(*OTHER_USER):
            status = os.stat(self.path.name, dir_fd=self._folder, follow_symlinks=False)
            self._refuse(status)
            descriptor = os.open(self.path.name, flags, dir_fd=self._folder)
            try:
                self._refuse(os.fstat(descriptor))
                return read_descriptor(descriptor, _LARGEST).decode("utf-8", "surrogateescape")
            finally:
                os.close(descriptor)

    def _refuse(self, status: os.stat_result) -> None:
        if stat.S_ISLNK(status.st_mode):
            raise Unsafe("it has become a symbolic link, which is not followed")
        if not stat.S_ISREG(status.st_mode):
            raise Unsafe("it is no plain file any more")
        if status.st_uid != self._user.user:
            raise Unsafe("it belongs to another user now")

    def close(self, *, keep: bool) -> None:
        """Let go of the folder, and unless it is to be kept remove it with all that the editor left in it."""
        if not keep:
            with suppress(OSError), raised(*OTHER_USER):
                for name in os.listdir(self._folder):  # noqa: PTH208 (no Path: the folder is held open)
                    with suppress(OSError):
                        os.unlink(name, dir_fd=self._folder)
                self.path.parent.rmdir()
        os.close(self._folder)
