"""Themes as TOML files, checked before Textual sees them, so that a bad one is a sentence and never a crash."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

DEFAULT = "lvstui-dark"

_COLOURS = frozenset(("primary", "secondary", "warning", "error", "success", "accent"))
_COLOURS |= {"foreground", "background", "surface", "panel", "boost"}
_KNOWN = frozenset(field.name for field in fields(Theme))


class ThemeError(Exception):
    """A theme file that cannot be used; the sentence names the file and the field."""


def shipped_folder() -> Path:
    """Return where the themes that come with lvstui are: in the installed package, or at the top of a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "themes"
    return installed if installed.is_dir() else package.parent / "themes"


def load(folder: Path) -> Iterator[Theme]:
    """Read every theme of a folder, by file name."""
    for path in sorted(folder.glob("*.toml")):
        yield read(path)


def read(path: Path) -> Theme:
    """Read one theme; raises `ThemeError`."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ThemeError(f"{path.name}: {error}") from None
    _check(path.name, values)
    try:
        return Theme(**values)
    except TypeError:
        raise ThemeError(f"{path.name}: name and primary are needed") from None


def _check(file: str, values: Mapping[str, object]) -> None:
    for key, value in values.items():
        if key not in _KNOWN:
            raise ThemeError(f"{file}: {key} is not a field of a theme")
        if key in _COLOURS:
            try:
                Color.parse(str(value))
            except ColorParseError:
                raise ThemeError(f'{file}: {key} must be a colour such as "#56B4E9", not {value!r}') from None
        elif key in ("dark", "ansi") and not isinstance(value, bool):
            raise ThemeError(f"{file}: {key} must be true or false")
        elif key == "variables" and not (isinstance(value, dict) and all(isinstance(v, str) for v in value.values())):
            raise ThemeError(f"{file}: variables must be a table of texts")
