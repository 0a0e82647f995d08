"""How this user last looked at each view, and in which theme; kept in the state folder, losing it loses no more."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.write import value_text
from lvstui.store.files import explain_errors, make_folder, read_file, replace_file, resolve

_HEADER: Final = "# how lvstui last showed its views; written by lvstui, safe to delete\n"

_LARGEST: Final = 8192
"""Bytes that are read; ours take less than two thousand, and a longer key would take tomllib quadratic time."""


FILTERS_KEPT: Final = 8
"""Filters that are remembered of each view."""

LINES_KEPT: Final = 12
"""Lines of the palette that are remembered."""

_TEXT_MAX: Final = 80
"""Bytes of a remembered filter or line, as it is written."""


def memory_path() -> Path:
    """Return its path: in $XDG_STATE_HOME/lvstui, else /var/lib/lvstui for root, ~/.local/state/lvstui for others."""
    site = os.geteuid() == 0 and not os.environ.get("XDG_STATE_HOME", "").startswith("/")
    return platformdirs.user_state_path("lvstui", use_site_for_root=site) / "view.toml"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How one view is arranged, in the view's own words; whoever takes it checks that it still knows them."""

    sort: str = ""
    descending: bool = False
    grouping: str = ""
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """The columns that are hidden at first and were asked for."""


class ViewMemory:
    """Remembers how views were looked at, and what was typed; a file that cannot be read or written is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._views: dict[str, Arrangement] = {}
        self._filters: dict[str, tuple[str, ...]] = {}
        self._theme = ""
        self._lines: tuple[str, ...] = ()
        with suppress(OSError, ValueError, RecursionError):
            document = tomllib.loads(read_file(path, _LARGEST)[0].decode())
            theme = document.get("theme")
            self._theme = theme if isinstance(theme, str) and _plain(theme) else ""
            self._lines = _texts(document.get("lines"))[:LINES_KEPT]
            tables = {name: table for name, table in document.items() if isinstance(table, dict)}
            self._views = {name: _arrangement(table) for name, table in tables.items()}
            self._filters = {name: _texts(table.get("filters"))[:FILTERS_KEPT] for name, table in tables.items()}

    @property
    def theme(self) -> str:
        """The name of the theme that was chosen last; empty where none was."""
        return self._theme

    def recall(self, view: str) -> Arrangement:
        """Return the last arrangement of a view."""
        return self._views.get(view, Arrangement())

    def keep(self, view: str, arrangement: Arrangement) -> None:
        """Save the arrangement of a view."""
        if self._views.get(view) == arrangement:
            return
        self._views[view] = arrangement
        self._save()

    def filters(self, view: str) -> Sequence[str]:
        """Return the last filters of a view, the newest first."""
        return self._filters.get(view, ())

    def keep_filters(self, view: str, filters: Sequence[str]) -> None:
        """Save the last filters of a view, the newest first; long ones are left out, so that the file stays small."""
        self._filters[view] = _short(filters)[:FILTERS_KEPT]
        self._save()

    @property
    def lines(self) -> Sequence[str]:
        """The last lines of the palette, the newest first."""
        return self._lines

    def keep_line(self, line: str) -> None:
        """Save a line of the palette in front of those before; a long one is left out."""
        self._lines = _short(in_front(line, self._lines))[:LINES_KEPT]
        self._save()

    def keep_theme(self, name: str) -> str:
        """Save which theme was chosen; return why it could not be saved, empty where it was."""
        self._theme = name
        try:
            with explain_errors(self._path, "written"):
                self._write()
        except ProfileError as error:
            return str(error)
        return ""

    def _save(self) -> None:
        with suppress(OSError):
            self._write()

    def _write(self) -> None:
        theme = f'theme = "{self._theme}"\n' if _plain(self._theme) else ""
        lines = f"lines = {value_text(self._lines)}\n" if self._lines else ""
        text = _HEADER + theme + lines + "".join(map(self._table, sorted(self._views.keys() | self._filters.keys())))
        make_folder(self._path.parent)
        target = resolve(self._path)
        replace_file(target, text.encode(), f".{target.name}.{os.getpid()}.new")

    def _table(self, name: str) -> str:
        """Return a view's table; its words are ours, and whatever else got in is left out."""
        if not _plain(name):
            return ""
        arrangement = self.recall(name)
        lines = [f"descending = {str(arrangement.descending).lower()}", f"hidden = [{_words(arrangement.hidden)}]"]
        lines += [f"shown = [{_words(arrangement.shown)}]"] if arrangement.shown else []
        for key, value in (("sort", arrangement.sort), ("grouping", arrangement.grouping)):
            if _plain(value):
                lines.append(f'{key} = "{value}"')
        if filters := self._filters.get(name):
            lines.append(f"filters = {value_text(filters)}")
        return "\n".join(["", f"[{name}]", *lines, ""])


def _arrangement(table: dict[str, object]) -> Arrangement:
    """Return what a table holds of the right type."""
    sort, grouping = table.get("sort"), table.get("grouping")
    return Arrangement(
        sort=sort if isinstance(sort, str) else "",
        descending=table.get("descending") is True,
        grouping=grouping if isinstance(grouping, str) else "",
        hidden=_texts(table.get("hidden")),
        shown=_texts(table.get("shown")),
    )


def in_front(newest: str, before: Sequence[str]) -> tuple[str, ...]:
    """Return texts with the newest first, and each once."""
    return (newest, *(text for text in before if text != newest))


def _short(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if len(value_text(text).encode()) <= _TEXT_MAX)


def _texts(found: object) -> tuple[str, ...]:
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()


def _words(found: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in found if _plain(word))


def _plain(word: str) -> bool:
    return word.isascii() and word.replace("-", "").replace("_", "").isalnum()
