"""The theme files that somebody wrote for this machine or for one user, in the folder `themes` beside config.toml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.fields import visible
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.patience import within
from lvstui.host.rights import OTHER_USER, raised
from lvstui.store.config_file import config_folders
from lvstui.store.files import explain_errors, list_folder, read_file

_LARGEST: Final = 65536
"""Bytes of a theme that are read; ours have two thousand."""

_MOST: Final = 100
"""How many files are read, so that a folder of something else does not hold up the start."""


class ThemeFile(NamedTuple):
    """A file by its name, and its text; or why it could not be read."""

    name: str
    text: str
    trouble: str = ""


_PATIENCE: Final = 2.0
"""Seconds to wait for the files of a folder, which may be on another machine."""


def theme_folders() -> tuple[Path, ...]:
    """Return where themes that did not come with lvstui are: the system's, then the user's own."""
    return tuple(folder / "themes" for folder in config_folders())


def theme_files(folder: Path) -> Sequence[ThemeFile]:
    """Read the files of a folder that end in `.toml`, by name; a folder that is not there has none."""
    try:
        return within(_PATIENCE, partial(_read_all, folder))
    except TimeoutError:
        return (ThemeFile(folder.name, "", f"{visible(str(folder))} cannot be read: its file system does not answer"),)


def _read_all(folder: Path) -> Sequence[ThemeFile]:
    with raised(*OTHER_USER):
        return list(_theme_files(folder))


def _theme_files(folder: Path) -> Iterator[ThemeFile]:
    try:
        with explain_errors(folder, "read"):
            names = sorted(name for name in list_folder(folder) if name.endswith(".toml"))
    except ProfileError as error:
        if folder.exists():
            yield ThemeFile(folder.name, "", str(error))
        return
    for name in names[:_MOST]:
        path = folder / name
        try:
            with explain_errors(path, "read"):
                yield ThemeFile(name, read_file(path, _LARGEST)[0].decode("utf-8-sig"))
        except ProfileError as error:
            yield ThemeFile(name, "", str(error))
        except ValueError:
            yield ThemeFile(name, "", f"{visible(str(path))} cannot be read: it is not UTF-8")
