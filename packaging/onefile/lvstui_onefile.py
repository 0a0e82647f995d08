"""The start of lvstui.pyz: unpacked once where only this user and root may write, else run from the file itself."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final
from zipimport import zipimporter

PLATFORM: Final = EXTENSION_SUFFIXES[0].split("-", 2)[-1].removesuffix(".so")
"""What compiled modules are for, as in `x86_64-linux-gnu`."""

COMPILED: Final = "psutil._psutil_linux"
"""The one module that is compiled; Python cannot import it from a zip file."""

WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def run() -> None:
    """Run lvstui."""
    prepare()

    from lvstui.__main__ import main

    main()


def prepare() -> None:
    """Have all modules found, in `sys.path[0]` instead of this file where they could be unpacked."""
    archive = zipimporter(sys.path[0])
    name = f"{archive.get_data('CONTENT').decode()}-{PLATFORM}"
    library = next((folder for place in _places() if (folder := _unpacked(archive.archive, place, name))), None)
    # A change on trial is taken back by a process of its own that begins elsewhere with the same path.
    sys.path[0] = str(library or Path(archive.archive).absolute())
    if library is not None:
        # Once compiled there, modules are imported as fast as from an installed lvstui, whatever the environment asks.
        sys.dont_write_bytecode = False
    if library is None or os.statvfs(library).f_flag & os.ST_NOEXEC:
        _import_from_memory(archive)
    elif not (library / _compiled_file()).is_file():
        _leave_out_psutil()


def _places() -> Iterator[Path]:
    """Yield where modules may be unpacked, root's only where nobody else may write."""
    user = os.geteuid()
    if user == 0:
        yield Path("/var/cache/lvstui")
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        home = Path(os.environ.get("HOME", ""))
        if cache.is_absolute():
            yield cache / "lvstui"
        elif home.is_absolute() and home.is_dir():
            yield home / ".cache/lvstui"
        yield Path(f"/run/user/{user}/lvstui")
    yield Path(f"/dev/shm/lvstui-{user}")
    if user != 0:
        yield Path("/var/cache/lvstui")


def _unpacked(archive: str, place: Path, name: str) -> Path | None:
    """Return the folder `name` in a place with all of the archive in it, None where there is none and can be none."""
    folder = place / name
    if not _is_safe(folder):
        with suppress(OSError):
            place.mkdir(mode=0o700 if place.is_relative_to("/dev/shm") else 0o755, parents=True, exist_ok=True)
            if _is_safe(place):
                _unpack(archive, place, folder)
    return folder if _is_safe(place) and _is_safe(folder) else None


def _is_safe(folder: Path) -> bool:
    """Return whether it is a folder of this user or of root, in which nobody else may write."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode) and status.st_uid in (0, os.geteuid()) and not status.st_mode & WRITABLE_BY_OTHERS
    )


def _unpack(archive: str, place: Path, folder: Path) -> None:
    """Unpack the archive so that the folder is there whole or not at all; raises `OSError`."""
    from shutil import rmtree
    from tempfile import mkdtemp
    from zipfile import ZipFile

    before = os.umask(0o022)
    draft = Path(mkdtemp(prefix=".", dir=place))
    try:
        with ZipFile(archive) as file:
            file.extractall(draft, (name for name in file.namelist() if not name.startswith("compiled/")))
            with suppress(KeyError):
                (draft / _compiled_file()).write_bytes(file.read(f"compiled/{PLATFORM}.so"))
        draft.chmod(0o755)
        os.sync()  # else a loss of power could leave a whole folder of empty files
        with suppress(FileExistsError):  # another lvstui was faster
            draft.rename(folder)
    finally:
        os.umask(before)
        rmtree(draft, ignore_errors=True)


def _compiled_file() -> Path:
    return Path(*COMPILED.split(".")).with_suffix(".abi3.so")


class _Memory:
    """Finds the compiled module in memory, for file systems that no code may be run from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how the compiled module is loaded, None for all others."""
        if name != COMPILED:
            return None
        memory = os.memfd_create(name)
        with open(memory, "wb", closefd=False) as file:
            file.write(self._content)
        place = f"/proc/self/fd/{memory}"
        return spec_from_file_location(name, place, loader=ExtensionFileLoader(name, place))


def _import_from_memory(archive: zipimporter) -> None:
    """Have the compiled module loaded from memory, or go without psutil where there is none for this processor."""
    try:
        sys.meta_path.insert(0, _Memory(archive.get_data(f"compiled/{PLATFORM}.so")))
    except OSError:
        _leave_out_psutil()


def _leave_out_psutil() -> None:
    """Have imports of psutil fail at once: without it, what it reads of the machine is not known."""
    sys.modules["psutil"] = None  # type: ignore[assignment]
