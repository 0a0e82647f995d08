"""Typed access to the tables of a parsed TOML text; what is wrong in them is noted, and they are read all the same."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.attribute import Attribute, Attributes, Configured, Raw
from lvstui.core.attributes import SERVER, SERVICE
from lvstui.core.rules import name_taken
from lvstui.core.words import nearest
from lvstui.formats.profile.flaws import Flaws
from lvstui.formats.profile.places import Path

Table: TypeAlias = Mapping[str, object]
_Raw = TypeVar("_Raw", str, int, float, list[object], dict[str, object])
_T = TypeVar("_T")
_D = TypeVar("_D")
_O = TypeVar("_O", bound=Configured)

_KINDS: Final = {str: "text", int: "a whole number", list: "a list", dict: "a table", bool: "true or false"}
_WANTED: Final = {**_KINDS, float: "a number"}
_GIVEN: Final = {**_KINDS, float: "a number with a point"}

_FOLLOWS: Final = {"flags": ("scheduler",)}
"""Attributes that are read with the help of others."""

_WITHIN: Final = {
    group: {member.key for member in members}
    for attributes in (SERVICE.groups, SERVER.groups)
    for group, members in attributes.items()
}
"""The keys of the objects within, which are easily written one level too high."""


class Reader:
    """Reads tables; what is wrong is noted in `flaws` and read as its default."""

    def __init__(self) -> None:
        self.flaws = Flaws()

    def get(
        self, table: Table, path: Path, key: str, kind: type[_Raw], parse: Callable[[_Raw], _T], default: _D
    ) -> _T | _D:
        """Read one value: of the right type, and right for its field; else it is a flaw and the default stands."""
        raw = table.get(key)
        if raw is None:
            return default
        if not isinstance(raw, kind) or isinstance(raw, bool):
            self.flaws.note((*path, key), f"must be {_WANTED[kind]}, not {_GIVEN.get(type(raw), 'a date or time')}")
            return default
        try:
            return parse(raw)
        except fields.FieldError as error:
            self.flaws.note((*path, key), error.sentence)
            return default

    def unknown(self, table: Table, path: Path, known: AbstractSet[str]) -> None:
        """Note the keys of a table that mean nothing."""
        for key in (key for key in table if key not in known):
            near = nearest(key, sorted(known))
            self.flaws.note((*path, key), _unknown(key, near, known))
            if near and near not in table:
                self.flaws.mean((*path, near))

    def load(self, attributes: Attributes[_O], value: _O, table: Table, path: Path, also: tuple[str, ...] = ()) -> _O:
        """Read the attributes of an object; the keys of `also` are for somebody else."""
        self.unknown(table, path, {*attributes.keys, *also})
        tables: dict[str, tuple[Path, Table]] = {"": (path, table)}
        for group, members in attributes.groups.items():
            if group in table:
                tables[group] = (*path, group), self.get(table, path, group, dict, same, {})
                self.unknown(tables[group][1], tables[group][0], {member.key for member in members})
                value = attributes.begin(value, group)
        for attribute in attributes:
            place, within = tables.get(attribute.group, ((), {}))
            if attribute.key in within and attribute.name not in attributes.groups:
                value = self._put(attribute, value, within, place)
            elif attribute.needed:
                self.flaws.missing((*place, attribute.key), f"is missing; write {attribute.key} = {attribute.example}")
        return value

    def _put(self, attribute: Attribute[_O], value: _O, table: Table, path: Path) -> _O:
        def put(raw: Raw) -> _O:
            return attribute.put(value, raw)

        kind = attribute.kind
        if isinstance(kind, tuple):
            kind = kind[1] if type(table[attribute.key]) is kind[1] else kind[0]
        match kind:
            case builtins.int:
                return self.get(table, path, attribute.key, int, put, value)
            case builtins.float:
                return self.get(table, path, attribute.key, float, put, value)
            case builtins.list:
                return self._put_items(attribute, value, table, path)
            case _:
                return self.get(table, path, attribute.key, str, put, value)

    def _put_items(self, attribute: Attribute[_O], value: _O, table: Table, path: Path) -> _O:
        """Put a list of texts: where it is wrong, every item that is wrong by itself is a flaw of its own."""
        place = (*path, attribute.key)
        needs = tuple((*path, other) for other in _FOLLOWS.get(attribute.name, ()))
        items = self.get(table, path, attribute.key, list, same, [])
        if attribute.key in table and not isinstance(table[attribute.key], list):
            return value
        texts = tuple(item for item in items if isinstance(item, str))
        error: fields.FieldError | None = None
        try:
            if len(texts) == len(items):
                return attribute.put(value, texts)
        except fields.FieldError as wrong:
            error = wrong
        count = len(self.flaws.found)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                self.flaws.note((*place, index), f"must be a list of texts such as {attribute.example}")
            elif one := fields.misread(lambda text: attribute.put(value, (text,)), item):
                self.flaws.note((*place, index), one.sentence, needs=needs)
        if error is not None and len(self.flaws.found) == count:
            self.flaws.note(place, error.sentence, needs=needs)
        return value

    def table(self, table: Table, path: Path, key: str) -> tuple[Path, Table]:
        """Read a table; one that is written as a list of one, with two brackets, is a flaw and read all the same."""
        raw = table.get(key)
        if isinstance(raw, list) and raw and isinstance(raw[0], dict):
            self.flaws.note((*path, key), f"must be a table, not a list; write [{key}], once", hides=False)
            return (*path, key, 0), raw[0]
        return (*path, key), self.get(table, path, key, dict, same, {})

    def tables(self, table: Table, path: Path, key: str) -> Iterator[tuple[Path, Table]]:
        """Go through an array of tables; a single table in its place is a flaw and read all the same."""
        single = table.get(key)
        if isinstance(single, dict):
            name = ".".join(part for part in (*path, key) if isinstance(part, str))
            self.flaws.note(
                (*path, key), f"must be a list, not a table; write [[{name}]] with two brackets", hides=False
            )
            if single:
                yield (*path, key), single
            return
        for index, item in enumerate(self.get(table, path, key, list, same, [])):
            place = (*path, key, index)
            if isinstance(item, dict):
                yield place, item
            else:
                self.flaws.note(place, "must be a table")

    def required(self, table: Table, path: Path, key: str, parse: Callable[[str], _T], example: str) -> _T | None:
        """Read a text that has to be there, None where it is not or is wrong."""
        if key not in table:
            self.flaws.missing((*path, key), f"is missing; write {key} = {example}")
        return self.get(table, path, key, str, parse, None)

    def name_once(self, path: Path, name: str, names: set[str], what: str) -> None:
        """Note a name that another of its kind has already, and add it to those seen."""
        if name and name in names:
            self.flaws.note((*path, "name"), name_taken(what, name).sentence)
        names.add(name)


def same(raw: _Raw) -> _Raw:
    """Return a value as it is."""
    return raw


def _unknown(key: str, near: str, known: AbstractSet[str]) -> str:
    if near:
        return f"is not a key here; did you mean {near}?"
    group = next((group for group, inner in _WITHIN.items() if group in known and key in inner), "")
    hint = f"write {group} = {{ {key} = ... }}" if group else f"known are {', '.join(sorted(known))}"
    return f"is not a key here; {hint}"
