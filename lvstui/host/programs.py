"""Programs that we start: only such as root alone can have put there, whatever PATH says."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_SYSTEM: Final = (Path("/usr/bin"), Path("/bin"))
"""Where the programs of the system are that anybody may run."""


def find_program(name: str, places: Iterable[Path] = _SYSTEM) -> Path | None:
    """Return a program that only root can have put into one of the places; None where there is none."""
    for place in places:
        with suppress(OSError):
            program = (place / name).resolve(strict=True)
            if stat.S_ISREG(program.stat().st_mode) and all(map(_is_roots, (program, *program.parents))):
                return place / name
    return None


def _is_roots(path: Path) -> bool:
    found = path.stat()
    return found.st_uid == 0 and not found.st_mode & 0o022
