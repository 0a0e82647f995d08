"""lvstui.pyz: one file that Python runs as it is."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from time import gmtime
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from files import File, Files, below
from library import Library

STARTER: Final = b"#!/usr/bin/python3 -I\n"


def onefile(library: Library, here: Path, when: int) -> File:
    """Return the file, with the times of all in it `when` (seconds of Unix)."""
    start = {path.name: File(path.read_bytes()) for path in (here / "onefile").glob("*.py")}
    compiled = {f"{platform}.so": file for platform, file in library.compiled.items()}
    files = {**library.modules, **start, **below("compiled", compiled)}
    content = hashlib.sha256()
    for name, file in sorted(files.items()):
        content.update(f"{name} {hashlib.sha256(file.content).hexdigest()}\n".encode())
    return File(STARTER + _archive({**files, "CONTENT": File(content.hexdigest()[:32].encode())}, when), 0o755)


def _archive(files: Files, when: int) -> bytes:
    written = BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted(files.items()):
            entry = ZipInfo(name, gmtime(when)[:6])
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = (0o100000 | file.mode) << 16
            archive.writestr(entry, file.content)
    return written.getvalue()
