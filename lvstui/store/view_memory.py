"""How this user last looked at each view, kept in the user's state folder; losing it loses nothing else."""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from lvstui.store.files import make_folder, read_file, replace_file, resolve

_HEADER: Final = "# how lvstui last showed its views; written by lvstui, safe to delete\n"

_LARGEST: Final = 8192
"""Bytes that are read; ours take less than two thousand, and a longer key would take tomllib quadratic time."""


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


class ViewMemory:
    """Remembers an arrangement for each view; a file that cannot be read or written is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._views: dict[str, Arrangement] = {}
        with suppress(OSError, ValueError, RecursionError):
            document = tomllib.loads(read_file(path, _LARGEST)[0].decode())
            self._views = {name: _arrangement(table) for name, table in document.items() if isinstance(table, dict)}

    def recall(self, view: str) -> Arrangement:
        """Return the last arrangement of a view."""
        return self._views.get(view, Arrangement())

    def keep(self, view: str, arrangement: Arrangement) -> None:
        """Save the arrangement of a view."""
        if self._views.get(view) == arrangement:
            return
        self._views[view] = arrangement
        text = _HEADER + "".join(_table(name, look) for name, look in sorted(self._views.items()))
        with suppress(OSError):
            make_folder(self._path.parent)
            target = resolve(self._path)
            replace_file(target, text.encode(), f".{target.name}.{os.getpid()}.new")


def _arrangement(table: dict[str, object]) -> Arrangement:
    """Return what a table holds of the right type."""
    sort, grouping, hidden = table.get("sort"), table.get("grouping"), table.get("hidden")
    return Arrangement(
        sort=sort if isinstance(sort, str) else "",
        descending=table.get("descending") is True,
        grouping=grouping if isinstance(grouping, str) else "",
        hidden=tuple(word for word in hidden if isinstance(word, str)) if isinstance(hidden, list) else (),
    )


def _table(name: str, arrangement: Arrangement) -> str:
    """Return a view's table; its words are ours, and whatever else got in is left out."""
    if not _plain(name):
        return ""
    hidden = ", ".join(f'"{word}"' for word in arrangement.hidden if _plain(word))
    lines = [f"descending = {str(arrangement.descending).lower()}", f"hidden = [{hidden}]"]
    for key, value in (("sort", arrangement.sort), ("grouping", arrangement.grouping)):
        if _plain(value):
            lines.append(f'{key} = "{value}"')
    return "\n".join(["", f"[{name}]", *lines, ""])


def _plain(word: str) -> bool:
    return word.isascii() and word.replace("-", "").replace("_", "").isalnum()
