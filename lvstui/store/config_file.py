"""The files of the configuration: the system's, then the user's, value by value; a bad one is never an end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from lvstui.core.config import Config, consistent
from lvstui.core.fields import visible
from lvstui.core.mistake import Mistake
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.invoker import home_folder
from lvstui.host.patience import within
from lvstui.store.files import explain_errors, read_file
from lvstui.store.named_files import read_handed

SYSTEM: Final = Path("/etc/lvstui")
"""The folder of the system's configuration."""

_NAME: Final = "config.toml"

_WHOLE: Final = "file"
"""What a mistake is about that is no value of the file."""

_LARGEST: Final = 65536
"""Bytes of a file that are read; one with every setting has four thousand."""


_PATIENCE: Final = 1.0
"""Seconds to wait for a file of the user, whose home may be on another machine."""


def config_folders() -> tuple[Path, ...]:
    """Return where configuration and themes are: the system's folder, then the user's, which counts more.

    The user is who called sudo, where root's lvstui was started by it. Whose home is not known has no folder.
    """
    if (named := os.environ.get("XDG_CONFIG_HOME", "")).startswith("/"):
        return SYSTEM, Path(named, "lvstui")
    if os.geteuid() == 0:
        home = home_folder()
        return (SYSTEM, Path(home, ".config/lvstui")) if home.startswith("/") else (SYSTEM,)
    from platformdirs import user_config_path  # 4 ms that root goes without

    return SYSTEM, user_config_path("lvstui")


def config_paths() -> Sequence[Path]:
    """Return where the files of the configuration are, whether they exist or not: what counts more stands last."""
    return [folder / _NAME for folder in config_folders()]


def load_config(paths: Sequence[Path]) -> Config:
    """Read the files that are there; what is wrong is among the mistakes, and read as if it were not there."""
    config = Config()
    for path in paths:
        try:
            config = within(_PATIENCE, partial(_load, path)).over(config)
        except TimeoutError:
            sentence = f"cannot be read: its file system does not answer within {_PATIENCE:g} s"
            config = Config(mistakes=(Mistake(str(path), 1, _WHOLE, sentence),)).over(config)
    return consistent(config)


def load_named(path: Path) -> Config:
    """Read a file that the command line names, or what a shell hands over (`-`, `<(…)`).

    Raises `ProfileError` where nothing comes.
    """
    content = read_handed(path, _LARGEST)
    return load_config([path]) if content is None else consistent(_read(path, content))


def _load(path: Path) -> Config:
    try:
        with explain_errors(path, "read"):
            try:
                content = read_file(path, _LARGEST)[0]
            except (FileNotFoundError, NotADirectoryError):
                return Config()
    except ProfileError as error:
        return Config(mistakes=(Mistake(str(path), 1, _WHOLE, str(error).removeprefix(f"{visible(str(path))} ")),))
    return _read(path, content)


def _read(path: Path, content: bytes) -> Config:
    from lvstui.formats.config import read  # which most machines never need

    try:
        return read(str(path), content.decode())
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Config(mistakes=(Mistake(str(path), line, _WHOLE, "is not UTF-8; save it as that"),))
