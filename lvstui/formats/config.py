"""config.toml as text: what it says, with the line of each value and of each mistake; and how values are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from lvstui.core.config import SETTINGS, TABLES, Config, Found, Value
from lvstui.core.fields import FieldError, visible
from lvstui.core.keys import ALWAYS, key_name, read_key
from lvstui.core.mistake import Mistake, in_order
from lvstui.core.words import did_you_mean
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.places import Path, line_of, lines
from lvstui.formats.profile.syntax import read_toml
from lvstui.formats.profile.write import value_text

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def read(source: str, text: str) -> Config:
    """Read the text of a config.toml that is called `source`; what is wrong in it is left out, and a mistake."""
    text = text.removeprefix("\ufeff")
    try:
        toml = read_toml(text, source)
    except ProfileError as error:
        return Config(mistakes=error.mistakes)
    reading = _Reading(source, lines(text) if toml.places is None else toml.places)
    reading.table(toml.document, ())
    return Config(reading.values, reading.keys, in_order((*toml.mistakes, *reading.mistakes)))


class _Reading:
    """One reading of a document: the values that are right, and the mistakes."""

    def __init__(self, source: str, places: Mapping[Path, int]) -> None:
        self._source, self._places = source, places
        self.values: dict[str, Found] = {}
        self.keys: dict[str, Found] = {}
        self.mistakes: list[Mistake] = []

    def table(self, table: Mapping[str, object], way: Path) -> None:
        """Read a table; one that is no table of ours is one mistake."""
        for part, raw in table.items():
            path = (*way, part)
            name = ".".join(map(str, path))
            try:
                if path[0] == "keys" and len(path) > 1 and not isinstance(raw, dict):
                    self.keys[name.removeprefix("keys.")] = self._found(path, _keys(name.removeprefix("keys."), raw))
                elif name in SETTINGS:
                    self.values[name] = self._found(path, SETTINGS[name].read(raw))
                elif (name in TABLES or path[0] == "keys") and isinstance(raw, dict):
                    self.table(raw, path)
                elif name in TABLES:
                    raise FieldError("", f"must be a table, written [{name}]")
                else:
                    raise FieldError("", f"is no setting; {_near(name, way)}")
            except FieldError as error:
                self.mistakes.append(Mistake(self._source, line_of(path, self._places), name, error.sentence))

    def _found(self, path: Path, value: Value) -> Found:
        return Found(value, self._source, line_of(path, self._places))


def _keys(command: str, raw: object) -> tuple[str, ...]:
    """Read the keys that a command is given: one, a list of them, or none (an empty list)."""
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise FieldError("", 'must be a key, or a list of keys such as ["+", "F5"]; [] is none')
    found = [read_key(item) for item in raw if isinstance(item, str)]
    return tuple(dict.fromkeys((*found, *filter(None, (ALWAYS.get(command),)))))


def _near(name: str, way: Path) -> str:
    """Return which setting may be meant, of the same table or of another one by the same name."""
    known = [*SETTINGS, *sorted(TABLES)]
    within = [one for one in known if one.rpartition(".")[0] == ".".join(map(str, way))]
    last = name.rpartition(".")[2]
    namesake = next((f"did you mean {one}?" for one in known if one.rpartition(".")[2] == last), "")
    found = namesake or did_you_mean(name, within) or did_you_mean(name, known)
    return found or f"known are {', '.join(within or known)}"


def toml_lines(config: Config) -> Iterator[str]:
    """Write a configuration as TOML that may be pasted into a file, each value with where it comes from."""
    rows: list[tuple[str, str]] = []
    table = ""
    for name, setting in SETTINGS.items():
        group, _, key = name.rpartition(".")
        if group != table:
            rows += [("", ""), (f"[{group}]", "")]
            table = group
        found = config.found(name)
        if found is None:
            example = setting.example if setting.example != "" else ()
            rows.append((f"# {key} = {toml_value(example)}", f"default: {setting.otherwise}"))
        else:
            rows.append((f"{key} = {toml_value(found.value)}", found.origin))
    rows += [("", ""), ("[keys]", "`lvstui keys` prints the whole key map")]
    rows += [
        (f"{_quoted(id)} = {toml_value(key_names(found.value))}", found.origin)
        for id, found in sorted(config.keys.items())
    ]
    width = max(len(left) for left, _ in rows if len(left) <= _WIDE)
    for left, right in rows:
        yield f"{left.ljust(width)}  # {visible(right)}" if right else left


_WIDE: Final = 40
"""Cells up to which values make room for each other, so that their origins stand below each other."""


def key_names(value: Value) -> Value:
    """Return keys as people write them."""
    return tuple(map(key_name, value)) if isinstance(value, tuple) else value


def toml_value(value: Value) -> str:
    """Write a value as TOML."""
    return str(value).lower() if isinstance(value, bool) else value_text(value)


def _quoted(key: str) -> str:
    return key if _BARE.fullmatch(key) else value_text(key)
