"""What everybody who is logged in should know, on their terminals."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.core.fields import visible
from lvstui.host.programs import find_program

_PATIENCE: Final = 5.0
"""Seconds that `wall` may take."""


def tell_terminals(text: str) -> None:
    """Write a sentence to the terminals of everybody who is logged in, where there is `wall`."""
    program = find_program("wall")
    if program is None:
        return
    quiet = subprocess.DEVNULL
    line: list[str | Path] = [program, f"lvstui: {visible(text)}"]
    clean = {"LC_ALL": "C.UTF-8"}
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(line, stdin=quiet, stdout=quiet, stderr=quiet, timeout=_PATIENCE, check=False, env=clean)
