"""What is to be installed, as files in memory, and how they become folders that are the same every time."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class File(NamedTuple):
    """The content of a file and its permissions."""

    content: bytes
    mode: int = 0o644


Files = Mapping[str, File]
"""Files by their paths, without a slash at the front."""


def below(folder: str, files: Files) -> dict[str, File]:
    """Return the files as they are named when they stand in a folder."""
    return {f"{folder}/{name}": file for name, file in files.items()}


def zipped(content: bytes) -> bytes:
    """Return the content as gzip has it, without a name and a time."""
    return gzip.compress(content, 9, mtime=0)


def lay_out(files: Files, folder: Path, when: int) -> None:
    """Write files into a new folder, all times of them `when` (seconds of Unix), whatever the umask."""
    folder.mkdir(parents=True)
    for name, file in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (when, when))
