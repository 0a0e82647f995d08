"""Where in a TOML text each value stands, since tomllib does not keep it."""

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


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def has_comments(text: str, apart_from: str) -> bool:
    """Return whether a TOML text has comments, other than the line that lvstui itself writes."""
    found = (match for match in _TOKEN.finditer(text) if match.lastgroup == "comment")
    return any(match[0].rstrip() != apart_from for match in found)


def lines(text: str) -> Mapping[Path, int]:
    """Number the lines at which the tables, keys and array items of a valid TOML text start, from 1."""
    return _Scan(text).document()


class _Scan:
    """One pass over the tokens of a text that tomllib has taken already."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def _take(self) -> _Token:
        token = self._next
        self._next = next(self._tokens)
        return token

    def _skip(self, *kinds: str) -> None:
        while self._next.kind in kinds:
            self._take()

    def document(self) -> Mapping[Path, int]:
        table: Path = ()
        while True:
            self._skip("newline")
            if self._next.kind == "end":
                return self._lines
            if self._next.text == "[" and self._next.kind == "mark":
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
            parts.append(_unquoted(token.text) if token.kind == "string" else token.text)
            if self._next.text != "." or self._next.kind != "mark":
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
        opening = self._take()
        match opening.kind, opening.text:
            case "mark", "[":
                self._array(path)
            case "mark", "{":
                self._inline_table(path)
            case _:
                while self._next.kind == "bare" or (self._next.kind == "mark" and self._next.text == "."):
                    self._take()

    def _array(self, path: Path) -> None:
        index = 0
        while True:
            self._skip("newline")
            if self._next.kind == "mark" and self._next.text == "]":
                break
            if self._next.kind == "mark" and self._next.text == ",":
                self._take()
                continue
            item = (*path, index)
            self._lines[item] = self._next.line
            self._value(item)
            index += 1
        self._take()

    def _inline_table(self, path: Path) -> None:
        while not (self._next.kind == "mark" and self._next.text == "}"):
            if self._next.kind == "mark" or self._next.kind == "newline":
                self._take()
            else:
                self._pair(path)
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


def _unquoted(text: str) -> str:
    return next(iter(tomllib.loads(f"{text} = 0")))
