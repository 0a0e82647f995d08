"""Typed access to a parsed TOML text, which collects everything that is wrong with its line and field."""

from __future__ import annotations

import builtins
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Final, NamedTuple, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.attribute import Attribute, Attributes, Configured, Raw
from lvstui.core.rules import name_taken

Table: TypeAlias = Mapping[str, object]
_Raw = TypeVar("_Raw", str, int, float, list[object], dict[str, object])
_T = TypeVar("_T")
_D = TypeVar("_D")
_O = TypeVar("_O", bound=Configured)

_KINDS: Final = {str: "text", int: "a whole number", list: "a list", dict: "a table", bool: "true or false"}
_WANTED: Final = {**_KINDS, float: "a number"}


class ProfileError(Exception):
    """A profile that cannot be read or saved; `flaws` are all its sentences, the first of which is the message."""

    def __init__(self, *flaws: str) -> None:
        more = len(flaws) - 1
        super().__init__(f"{flaws[0]} (and {more} more; `lvstui check FILE` lists them)" if more else flaws[0])
        self.flaws = flaws


class Flaw(NamedTuple):
    """One wrong value, and the way to it."""

    path: Path
    sentence: str


class Reader:
    """Reads tables; what is wrong is collected in `flaws` and read as its default."""

    def __init__(self) -> None:
        self.flaws: list[Flaw] = []

    def flaw(self, path: Path, sentence: str) -> None:
        """Note that the value at `path` is wrong."""
        self.flaws.append(Flaw(path, sentence))

    def get(
        self, table: Table, path: Path, key: str, kind: type[_Raw], parse: Callable[[_Raw], _T], default: _D
    ) -> _T | _D:
        """Read one value: of the right type, and right for its field; else it is a flaw and the default stands."""
        raw = table.get(key)
        if raw is None:
            return default
        if not isinstance(raw, kind) or isinstance(raw, bool):
            self.flaw((*path, key), f"must be {_WANTED[kind]}, not {_KINDS.get(type(raw), 'a value of another type')}")
            return default
        try:
            return parse(raw)
        except fields.FieldError as error:
            self.flaw((*path, key), error.sentence)
            return default

    def unknown(self, table: Table, path: Path, known: AbstractSet[str]) -> None:
        """Note the keys of a table that mean nothing."""
        for key in table.keys() - known:
            self.flaw((*path, key), _unknown(key, known))

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
                self.flaw((*place, attribute.key), f"is missing; write {attribute.key} = {attribute.example}")
        return value

    def _put(self, attribute: Attribute[_O], value: _O, table: Table, path: Path) -> _O:
        def put(raw: Raw) -> _O:
            return attribute.put(value, raw)

        def put_list(raw: list[object]) -> _O:
            texts = tuple(item for item in raw if isinstance(item, str))
            if len(texts) < len(raw):
                raise fields.FieldError(attribute.name, f"must be a list of texts such as {attribute.example}")
            return put(texts)

        kind = attribute.kind
        if isinstance(kind, tuple):
            kind = kind[1] if type(table[attribute.key]) is kind[1] else kind[0]
        match kind:
            case builtins.int:
                return self.get(table, path, attribute.key, int, put, value)
            case builtins.float:
                return self.get(table, path, attribute.key, float, put, value)
            case builtins.list:
                return self.get(table, path, attribute.key, list, put_list, value)
            case _:
                return self.get(table, path, attribute.key, str, put, value)

    def tables(self, table: Table, path: Path, key: str) -> Iterator[tuple[Path, Table]]:
        """Go through an array of tables."""
        for index, item in enumerate(self.get(table, path, key, list, same, [])):
            place = (*path, key, index)
            if isinstance(item, dict):
                yield place, item
            else:
                self.flaw(place, "must be a table")

    def required(self, table: Table, path: Path, key: str, parse: Callable[[str], _T], example: str) -> _T | None:
        """Read a text that has to be there, None where it is not or is wrong."""
        if key not in table:
            self.flaw((*path, key), f"is missing; write {key} = {example}")
        return self.get(table, path, key, str, parse, None)

    def name_once(self, path: Path, name: str, names: set[str], what: str) -> None:
        """Note a name that another of its kind has already, and add it to those seen."""
        if name and name in names:
            self.flaw((*path, "name"), name_taken(what, name).sentence)
        names.add(name)

    def sentences(self, text: str, source: str) -> Iterator[str]:
        """Write all flaws of a text in the order of its lines: `director.toml, line 12: weight: must be …`."""
        places = lines(text)
        found = sorted((_line(flaw.path, places), _sentence(flaw)) for flaw in self.flaws)
        return (f"{source}, line {line}: {sentence}" for line, sentence in found)


def same(raw: _Raw) -> _Raw:
    """Return a value as it is."""
    return raw


def _unknown(key: str, known: AbstractSet[str]) -> str:
    from difflib import get_close_matches  # 5 ms that only a mistake costs

    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    return f"is not a key here; {hint}"


def syntax_flaw(source: str, text: str, message: str) -> str:
    """Write a mistake of TOML itself in the same way as one of the profile."""
    what, _, where = message.rpartition(" (at ")
    place = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    line = place[1] if place else str(text.count("\n") + 1)
    column = f"at column {place[2]}" if place else "up to here"
    return f"{source}, line {line}: not valid TOML {column}: {fields.visible(what)}"


def _line(path: Path, places: Mapping[Path, int]) -> int:
    """Find the line of a value, or of what surrounds it where it is absent."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def _sentence(flaw: Flaw) -> str:
    """Put the field before the sentence: its keys below the service or server that the line leads to."""
    last_item = max((place for place, part in enumerate(flaw.path) if isinstance(part, int)), default=-1)
    own = flaw.path[last_item + 1 :] or flaw.path[max(last_item - 1, 0) : last_item]
    return f"{fields.visible('.'.join(map(str, own)))}: {flaw.sentence}"


Path: TypeAlias = tuple[str | int, ...]
"""The way to a value through the document: keys of tables and indices of arrays."""

_TOKEN: Final = re.compile(
    r"""(?P<string>"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{},=.])|(?P<bare>[^\s\[\]{},=."'\#]+)""",
    re.DOTALL,
)


_PARTS_MAX: Final = 32
"""Parts of a key that are read: tomllib takes quadratic time for them, and ours have three at most."""


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def has_comments(text: str, apart_from: str) -> bool:
    """Return whether a TOML text has comments, other than the line that lvstui itself writes."""
    found = (match for match in _TOKEN.finditer(text) if match.lastgroup == "comment")
    return any(match[0].rstrip() != apart_from for match in found)


def refuse_long_keys(source: str, text: str) -> None:
    """Raise `ProfileError` where a key has so many parts (`a.b.c. …`) that reading it would take long."""
    if not any(line.count(".") >= _PARTS_MAX for line in text.split("\n")):
        return
    parts = 0
    for token in takewhile(lambda token: token.kind != "end", _tokens(text)):
        parts = parts + 1 if token.kind in ("bare", "string") else parts if token.text == "." else 0
        if parts > _PARTS_MAX:
            raise ProfileError(f"{source}, line {token.line}: a key has more than {_PARTS_MAX} parts; correct it")


def lines(text: str) -> Mapping[Path, int]:
    """Number the lines at which the tables, keys and array items of a valid TOML text start, from 1."""
    return _Scan(text).document()


class _Scan:
    """One pass over the tokens of a text that tomllib has taken already (a string has its quotes, a mark has none)."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def _take(self) -> _Token:
        token = self._next
        self._next = next(self._tokens)
        return token

    def document(self) -> Mapping[Path, int]:
        table: Path = ()
        while True:
            while self._next.kind == "newline":
                self._take()
            if self._next.kind == "end":
                return self._lines
            if self._next.text == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._take().line
        array = self._next.text == "["
        if array:
            self._take()
        *parents, last = self._key()
        self._take()
        if array:
            self._take()
        path: Path = ()
        for part in parents:
            path = self._newest((*path, part))
        path = (*path, last)
        self._lines.setdefault(path, line)
        if array:
            self._counts[path] = self._counts.get(path, 0) + 1
            path = self._newest(path)
            self._lines[path] = line
        return path

    def _newest(self, path: Path) -> Path:
        """Go on into the last item where a path leads to an array of tables."""
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            token = self._take()
            quoted = token.kind == "string"
            parts.append(next(iter(tomllib.loads(f"{token.text} = 0"))) if quoted else token.text)
            if self._next.text != ".":
                return parts
            self._take()

    def _pair(self, table: Path) -> None:
        line = self._next.line
        path = table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._take()
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._take().text:
            case "[":
                self._items(path, "]")
            case "{":
                self._items(path, "}")
            case _:
                while self._next.kind == "bare" or self._next.text == ".":
                    self._take()

    def _items(self, path: Path, closing: str) -> None:
        """Go through an array or an inline table up to its end."""
        index = 0
        while self._next.text != closing:
            if self._next.text in ("\n", ","):
                self._take()
            elif closing == "}":
                self._pair(path)
            else:
                item = (*path, index)
                self._lines[item] = self._next.line
                self._value(item)
                index += 1
        self._take()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "comment":
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")
    while True:
        yield _Token("end", "", line)
