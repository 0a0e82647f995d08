"""The configuration of a running program that manages services, and the lines of it that an edit is about."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lvstui.core.change import Change
from lvstui.core.fields import FieldError, visible
from lvstui.core.mistake import file_text
from lvstui.core.record import Owner, find_claims
from lvstui.formats.foreign.keepalived_text import Included
from lvstui.formats.foreign.lines import lines_to_change
from lvstui.formats.foreign.read import read
from lvstui.formats.foreign.recognise import Form
from lvstui.host.foreign import Allowance, read_start
from lvstui.host.hearing import hear
from lvstui.host.names import HostNames

_FORMS: Final = {"keepalived": Form.KEEPALIVED, "ldirectord": Form.LDIRECTORD}
_NAMES_PATIENCE: Final = 1.0
_FOUND_MAX: Final = 1000
"""Files that one pattern may find."""


def owned_lines(owners: Iterable[Owner], changes: Sequence[Change]) -> list[str]:
    """Return what `find_lines` does, as the witness sees it where there is one."""
    return hear(find_lines, tuple(owners), tuple(changes))


def find_lines(owners: Iterable[Owner], changes: Sequence[Change]) -> list[str]:
    """Return the lines that would have to change in the files of those who manage what is changed, a sentence each.

    Files are read as far as root answers for them; one on a server that is gone may take for ever.
    """
    claims = find_claims(owners, changes)
    lines: list[str] = []
    for owner in dict.fromkeys(claims.values()):
        form = _FORMS.get(owner.program)
        if form is not None and owner.config:
            lines += _Files(owner).lines(form, changes)
    return lines


class _Files:
    """The files of a process, as it sees them: it may run in a container."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._process = Path(f"/proc/{owner.pid}")
        self._allowance = Allowance()
        self._texts: dict[str, Sequence[str]] = {}
        root = self._process / "root"
        self._root = root if _is_elsewhere(root) else Path("/")

    def lines(self, form: Form, changes: Sequence[Change]) -> list[str]:
        """Return what would have to change; why nothing can be said where the file cannot be read."""
        name = self._owner.config
        path = self._root / name.lstrip("/") if name.startswith("/") else self._process / "cwd" / name
        try:
            text = self._read(path)
        except OSError as error:
            why = error.strerror or str(error)
            return [f"{file_text(name)}: its lines are not known, as it cannot be read: {visible(why)}"]
        found = read(form, text, str(path), HostNames(_NAMES_PATIENCE), self._included, self._identity())
        return lines_to_change(form, found, self._texts, changes)

    def _read(self, path: Path) -> str:
        text = self._allowance.read(path).replace("\r\n", "\n")
        self._texts[str(path)] = text.split("\n")
        return text

    def _included(self, by: str, pattern: str) -> list[Included]:
        """Return the files that a pattern finds, as the process sees it; raises `FieldError`."""
        folder = self._root if pattern.startswith("/") else Path(by).parent
        if "**" in pattern:
            raise FieldError("include", "is a pattern that only a shell follows")
        try:
            found = sorted(folder.glob(pattern.lstrip("/")))[:_FOUND_MAX]
            return [Included(str(path), self._read(path)) for path in found]
        except (OSError, ValueError, NotImplementedError) as error:
            raise FieldError("include", visible(str(error))) from None

    def _identity(self) -> str | None:
        """Return keepalived's configuration id: -i, else the name of the machine up to its first dot."""
        try:
            words = read_start(self._process / "cmdline").decode(errors="replace").split("\0")
        except OSError:
            return None
        for place, word in enumerate(words):
            if word.startswith("--config-id="):
                return word.partition("=")[2]
            if word in ("-i", "--config-id"):
                return next(iter(words[place + 1 :]), "")
        return os.uname().nodename.partition(".")[0]


def _is_elsewhere(root: Path) -> bool:
    """Return whether the root folder of a process differs from ours, as far as we may see it."""
    try:
        return not root.samefile("/")
    except OSError:
        return False
