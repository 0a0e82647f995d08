"""Where the values of a TOML text stand: the line of every table, key and item of an array."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value through the document: keys of tables and indices of arrays."""

_TOKEN: Final = re.compile(
    r"""(?P<string>"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{},=.])|(?P<bare>[^\s\[\]{},=."'\#]+)""",
    re.DOTALL,
)


class Token(NamedTuple):
    """A piece of a TOML text: a string with its quotes, a mark, a bare word, or the end of a line or of the text."""

    kind: str
    text: str
    line: int


def has_comments(text: str, apart_from: str) -> bool:
    """Return whether a TOML text has comments, other than the line that lvstui itself writes."""
    found = (match for match in _TOKEN.finditer(text) if match.lastgroup == "comment")
    return any(match[0].rstrip() != apart_from for match in found)


def line_of(path: Path, places: Mapping[Path, int]) -> int:
    """Find the line of a value, or of what surrounds it where it is absent."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def lines(text: str) -> Mapping[Path, int]:
    """Number the lines at which the tables, keys and array items of a valid TOML text start, from 1."""
    return _Scan(text).document()


class _Scan:
    """One pass over the tokens of a text that tomllib has taken already (a string has its quotes, a mark has none)."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def _take(self) -> Token:
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


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a TOML text, without its comments, and then `end` for ever."""
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "comment":
            yield Token(kind, match[0], line)
        line += match[0].count("\n")
    while True:
        yield Token("end", "", line)
