"""A TOML text in pieces that can be changed one by one; all the others, comments included, come out as they went in."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Key: TypeAlias = tuple[str, ...]
"""The parts of a dotted key, or of the name of a table."""

_STRING: Final = r'"{3}(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_PART: Final = r'(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
_PARTS: Final = re.compile(_PART)
_DOTTED: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_TRIVIA: Final = re.compile(r"(?:\s+|#[^\n]*)*")
_REST: Final = re.compile(r"[ \t\r]*(?:#[^\n]*)?\n?")
_AFTER_ITEM: Final = re.compile(r"(?:(?:\s+|#[^\n]*)*,)?[ \t\r]*(?:#[^\n]*)?\n?")
_BLANK: Final = re.compile(r"\s*")
_AFTER_MEMBER: Final = re.compile(r"\s*,?\s*")
_PAIR: Final = re.compile(rf"({_DOTTED})[ \t]*=[ \t]*")
_HEADER: Final = re.compile(rf"\[\[?[ \t]*({_DOTTED})[ \t]*\]\]?[ \t\r]*(?:#[^\n]*)?\n?")
_NESTED: Final = re.compile(rf"{_STRING}|#[^\n]*|[\[\]{{}}]", re.DOTALL)
_WORD: Final = re.compile(rf"{_STRING}|[^,\]}}#\n]*", re.DOTALL)


class Strange(Exception):
    """A text that is not understood well enough to change a part of it."""


@dataclass(slots=True)
class Piece:
    """A key with its value, or an item of an array: `lead` + `head` + `value` + `tail`.

    `lead` has the lines before it and its indentation, `head` the key with its `=`, `tail` what ends it: a comma, and
    the comment and the end of its line.
    """

    lead: str
    head: str
    value: str
    tail: str
    key: Key = ()

    def __str__(self) -> str:
        return f"{self.lead}{self.head}{self.value}{self.tail}"


@dataclass(slots=True)
class Section:
    """A table with its header; the first one of a text has none. `path` is empty for text that is not to be changed."""

    lead: str
    header: str
    path: Key
    pieces: list[Piece] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.lead}{self.header}{''.join(map(str, self.pieces))}"


def sections(text: str) -> tuple[list[Section], str]:
    """Take apart a TOML text that tomllib reads, and ends in a newline: its tables, and what follows the last one."""
    found = [Section("", "", ())]
    at = 0
    while True:
        start, at = at, _past(_TRIVIA, text, at)
        lead = text[start:at]
        if at == len(text):
            return found, lead
        if text[at] == "[":
            header = _match(_HEADER, text, at)
            found.append(Section(lead, header[0], _key(header[1])))
            at = header.end()
        else:
            piece, at = _pair(text, at, lead, _REST)
            found[-1].pieces.append(piece)


def items(text: str) -> tuple[str, list[Piece], str]:
    """Take apart an array: what opens it (with the rest of that line), its items, and what closes it."""
    at = _past(_REST, text, 1)
    opening = text[:at]
    pieces: list[Piece] = []
    while True:
        start, at = at, _past(_TRIVIA, text, at)
        if text[at] == "]":
            return opening, pieces, text[start:]
        lead, start = text[start:at], at
        at = _value_end(text, at)
        value, start = text[start:at], at
        at = _past(_AFTER_ITEM, text, at)
        pieces.append(Piece(lead, "", value, text[start:at]))


def members(text: str) -> list[Piece]:
    """Take apart an inline table."""
    at = 1
    pieces: list[Piece] = []
    while True:
        start, at = at, _past(_BLANK, text, at)
        if text[at] == "}":
            return pieces
        piece, at = _pair(text, at, text[start:at], _AFTER_MEMBER)
        pieces.append(piece)


def split(lead: str) -> tuple[str, str]:
    """Split what stands before something: the comments directly above it, and its indentation, are its own."""
    *lines, _ = lead.split("\n")
    count = len(lines)
    while count and lines[count - 1].lstrip().startswith("#"):
        count -= 1
    cut = sum(len(line) + 1 for line in lines[:count])
    return lead[:cut], lead[cut:]


def joined(first: str, second: str) -> str:
    """Put what stood before something that is gone in front of what follows, without a blank line too many."""
    if not first.strip():
        return second
    if second.startswith("\n") and first.endswith("\n\n"):
        return first + second[1:]
    return first + second


def comment_of(tail: str) -> str:
    """Return the comment in the tail of a key with its value, empty where it has none."""
    return tail[tail.index("#") :].rstrip() if "#" in tail else ""


def _pair(text: str, at: int, lead: str, ending: re.Pattern[str]) -> tuple[Piece, int]:
    head = _match(_PAIR, text, at)
    end = _value_end(text, head.end())
    after = _past(ending, text, end)
    return Piece(lead, head[0], text[head.end() : end], text[end:after], _key(head[1])), after


def _value_end(text: str, at: int) -> int:
    if text[at] not in "[{":
        word = _match(_WORD, text, at)
        return at + len(word[0].rstrip())
    depth = 0
    for match in _NESTED.finditer(text, at):
        if match[0] in "[{":
            depth += 1
        elif match[0] in "]}":
            depth -= 1
            if not depth:
                return match.end()
    raise Strange


def _key(text: str) -> Key:
    return tuple(
        next(iter(tomllib.loads(f"{part} = 0"))) if part[0] in "\"'" else part for part in _PARTS.findall(text)
    )


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    match = pattern.match(text, at)
    if match is None:
        raise Strange
    return match


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    return _match(pattern, text, at).end()
