"""What keepalived does to its files before it reads them: includes, conditions, definitions, sequences, comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Final, NamedTuple

from lvstui.core.fields import FieldError, quote
from lvstui.core.words import first_of
from lvstui.formats.foreign.draft import Draft, Spot, TooMuch, is_text

_LINES_MAX: Final = 50_000
"""Lines that definitions and sequences may bring forth, and more of them with each line of the files."""

_LINES_EACH: Final = 50
"""Lines that a line of a file may bring forth on average."""

_BYTES_MAX: Final = 64_000_000
"""Characters of all files together."""

_AGAIN_MAX: Final = 2000
"""Times that files may be read which were read before."""

_WORK_MAX: Final = 20_000_000
"""Characters that definitions may put in."""

_DEPTH_MAX: Final = 20
"""Files that include each other, and definitions within definitions."""

_INCLUDE: Final = re.compile(r"\s*(include[rmwba]?)\s+(\S.*)")
_CONDITION: Final = re.compile(r"\s*@(\^?)([^\s@^]+)\s*(.*)", re.DOTALL)
_DEFINITION: Final = re.compile(r"\s*\$([A-Za-z_]\w*)=\s*(.*)", re.DOTALL)
_CONDITIONAL: Final = re.compile(r"\s*(?:@\S+\s+)?\$[A-Za-z_]\w*=")
_BLANK: Final = re.compile(r"\s*\$([A-Za-z_]\w*)\s+=")
_VARIABLE: Final = re.compile(r"\$(?:([A-Za-z_]\w*)(?=[ \t,)\n]|$)|\{([A-Za-z_]\w*)([^{}]*)\})")
"""A name is followed by a blank, a comma, ) or nothing, or stands in braces, with arguments (find_definition)."""

_SIGNS: Final = {"_HASH": "#", "_BANG": "!"}

_BLOCK: Final = re.compile(r"\s*~(SEQx?|LST)[ \t]*\(([^()]*)\)\s*(.*)", re.DOTALL)
_GROUP: Final = re.compile(r"\{([^{}]*)\}|([^,{}]+)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_NUMBER: Final = re.compile(r"-?(?:0x[0-9A-Fa-f]{1,8}|0[0-7]{0,9}|[1-9]\d{0,8})")
_COMMENT_PART: Final = re.compile(r'[!#"]|\\.|\\|[^!#"\\]+')
_WORD: Final = re.compile(r'"[^"]*"|[{}]|[^\s{}"]+')


class Included(NamedTuple):
    """A file that an include leads to."""

    name: str
    text: str


Includer = Callable[[str, str], Sequence[Included]]
"""Finds the files of a pattern that stands in a file: the file, the pattern. Raises `FieldError`."""


class _Circle(FieldError):
    """Files that include each other, of which nothing more is read."""


class Line(NamedTuple):
    """The words of a line, as they are read in the end."""

    spot: Spot
    words: tuple[str, ...]


class Preprocessor:
    """Yields the lines that keepalived reads; `identity` is its configuration id (-i), None where nobody says."""

    def __init__(self, draft: Draft, include: Includer, identity: str | None) -> None:
        self._draft = draft
        self._include = include
        self._identity = identity
        self._definitions: dict[str, str] = {}
        self._open: list[str] = []
        self._read: set[str] = set()
        self._again = 0
        self._rows = 0
        self._bytes = 0
        self._lines = 0
        self._work = 0
        self._comments: list[Spot] = []

    def lines(self, text: str, file: str) -> list[Line]:
        """Return the lines of a file with all that it includes; raises `TooMuch`."""
        found = list(self._file(text, file))
        self._draft.lose_comments(self._comments)
        return found

    def _file(self, text: str, file: str, by: Spot | None = None) -> Iterator[Line]:
        self._open.append(file)
        self._again += file in self._read
        self._read.add(file)
        self._rows += text.count("\n") + 1
        self._bytes += len(text)
        if by and self._again > _AGAIN_MAX:
            raise TooMuch(by, f"files are included again and again, more than {_AGAIN_MAX:,} times; include each once")
        if by and self._bytes > _BYTES_MAX:
            raise TooMuch(by, f"leads to more than {_BYTES_MAX:,} characters with all files before; import it in parts")
        for spot, raw in self._joined(text, file):
            try:
                yield from self._expanded(spot, raw, 0)
            except FieldError as error:
                self._draft.wrong(spot, error)
                if isinstance(error, _Circle):
                    break
        self._open.pop()

    def _joined(self, text: str, file: str) -> Iterator[tuple[Spot, str]]:
        """Yield lines without comments, those that end with a backslash together with what follows."""
        whole, begin = "", 0
        for number, row in enumerate(text.split("\n"), 1):
            line, has_comment = _without_comment(row.rstrip("\r"))
            if has_comment:
                self._comments.append(Spot(file, number))
            if not is_text(self._draft, Spot(file, number), line):
                continue
            begin = begin or number
            if line.rstrip().endswith("\\"):
                whole += line.rstrip()[:-1] + "\n"
                continue
            if line.strip() or whole:
                yield Spot(file, begin), whole + line
            whole, begin = "", 0
        if whole:
            yield Spot(file, begin), whole

    def _included(self, spot: Spot, pattern: str) -> Iterator[Line]:
        files = self._include(spot.file, pattern.strip('"'))
        if not files:
            if not set(pattern) & set("*?["):
                raise FieldError("include", f"there is no file {quote(pattern)}")
            self._draft.lose(spot, f"include {pattern}", "left out: no file is there")
        for found in files:
            if found.name in self._open or len(self._open) > _DEPTH_MAX:
                raise _Circle("include", "files include each other without end; take one include out")
            yield from self._file(found.text, found.name, spot)

    def _expanded(self, spot: Spot, raw: str, depth: int) -> Iterator[Line]:
        """Yield what a line becomes; a definition becomes nothing, and one of many lines becomes all of them."""
        if depth > _DEPTH_MAX:
            raise FieldError("definition", "definitions stand in each other without end; take one out")
        if "\n" in raw and not _CONDITIONAL.match(raw):
            for part in raw.split("\n"):
                yield from self._expanded(spot, part, depth + 1)
            return
        if depth:
            self._count(spot, len(raw))
        if condition := _CONDITION.fullmatch(raw):
            if self._holds(condition[1], condition[2]):
                yield from self._expanded(spot, condition[3], depth + 1)
            return
        if definition := _DEFINITION.fullmatch(raw):
            self._definitions[definition[1]] = definition[2].strip(" \t")
        elif block := _BLOCK.fullmatch(raw):
            yield from self._repeated(spot, block, depth)
        elif raw.lstrip().startswith("~"):
            raise FieldError("sequence", f"{quote(raw.strip())} is no ~SEQ(...) and no ~LST(...) that lvstui can read")
        elif any(self._is_defined(found) for found in _VARIABLE.finditer(raw)):
            yield from self._expanded(spot, self._substituted(spot, raw), depth + 1)
        elif include := _INCLUDE.fullmatch(raw):
            yield from self._included(spot, include[2].rstrip())
        elif blank := _BLANK.match(raw):
            raise FieldError("definition", f"keepalived takes no blank before =; write ${blank[1]}=")
        elif raw.count('"') % 2:
            raise FieldError("line", 'a quote is not closed; write " at the end of the text')
        elif words := tuple(_unquoted(word) for word in _WORD.findall(raw)):
            yield Line(spot, words)

    def _count(self, spot: Spot, size: int) -> None:
        self._lines += 1
        self._work += size
        if self._lines > _LINES_MAX + _LINES_EACH * self._rows or self._work > _WORK_MAX:
            raise TooMuch(spot, "definitions and sequences bring forth too many lines up to here; import it in parts")

    def _holds(self, negated: str, name: str) -> bool:
        """Return whether a condition holds; raises `FieldError` where nobody says which configuration this is."""
        if self._identity is None:
            sentence = (
                "counts only for some directors; say which one by --config-id NAME (`:import FILE keepalived NAME`)"
            )
            raise FieldError(f"@{negated}{name}", sentence)
        return (name == self._identity) != bool(negated)

    def _is_defined(self, found: re.Match[str]) -> bool:
        """Return whether keepalived puts something in the place of a name; raises `FieldError` where only it can."""
        name, arguments = found[1] or found[2], found[3]
        if name == "_RANDOM" or (arguments and name in self._definitions):
            raise FieldError(f"${{{name}{arguments or ''}}}", "is worked out by keepalived itself; write the value out")
        if "\n" in self._definitions.get(name, "") and found.end() < len(found.string.rstrip()):
            return False  # one of many lines counts at the end of a line only
        return not arguments and (name in self._definitions or name in ("_PWD", "_INSTANCE", *_SIGNS))

    def _substituted(self, spot: Spot, raw: str) -> str:
        """Put definitions in; what is not defined stays, as keepalived leaves it. Raises `FieldError`."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if not self._is_defined(found):
                return found[0]
            if name in self._definitions:
                self._count(spot, len(self._definitions[name]))
                return self._definitions[name]
            if name == "_INSTANCE" and self._identity is None:
                raise FieldError("${_INSTANCE}", "is what keepalived has by -i; say it by --config-id NAME")
            return _SIGNS.get(name) or (
                self._identity or "" if name == "_INSTANCE" else str(PurePath(spot.file).parent)
            )

        return _VARIABLE.sub(value, raw)

    def _repeated(self, spot: Spot, block: re.Match[str], depth: int) -> Iterator[Line]:
        """Yield a line once for each value of a sequence or list."""
        kind, inner, rest = block.groups()
        if kind != "LST":
            name, comma, numbers = inner.partition(",")
            inner = f"{name}{comma}{self._substituted(spot, numbers)}"
        names, rounds = _list_of(inner) if kind == "LST" else _sequence(inner, hexadecimal=kind == "SEQx")
        before = {name: self._definitions.get(name) for name in names}
        for values in rounds:
            self._definitions.update(zip(names, values, strict=True))
            yield from self._expanded(spot, rest, depth + 1)
        for name, value in before.items():
            if value is None:
                self._definitions.pop(name, None)
            else:
                self._definitions[name] = value


def _without_comment(row: str) -> tuple[str, bool]:
    """Return a row without what stands behind a `!` or `#`, and whether there was one.

    Both are signs like others in quotes, and behind a backslash, which goes then (decomment).
    """
    if "!" not in row and "#" not in row:
        return row, False
    kept: list[str] = []
    quoted = has_comment = False
    part = ""
    for found in _COMMENT_PART.finditer(row):
        part = found[0]
        if has_comment:
            continue
        if part == '"':
            quoted = not quoted
        elif part in ("!", "#") and not quoted:
            has_comment = True
            continue
        kept.append(part[1] if part in ("\\!", "\\#") and not quoted else part)
    if has_comment and part == "\\":  # a line goes on in the next one behind a comment too
        kept.append(part)
    return "".join(kept), has_comment


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


def _sequence(inner: str, *, hexadecimal: bool) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Read `VAR, start, step, end` of which step, or start and step, may be left out; raises `FieldError`."""
    name, *texts = (part.strip() for part in inner.split(","))
    if not _NAME.fullmatch(name) or len(texts) not in (1, 2, 3) or not all(map(_NUMBER.fullmatch, texts)):
        raise FieldError("~SEQ", f"needs a name and one to three whole numbers, not {first_of([name, *texts])}")
    numbers = [_number(text) for text in texts]
    end = numbers[-1]
    start = numbers[0] if len(numbers) > 1 else (-1 if end < 0 else 1)
    step = numbers[1] if len(numbers) == 3 else (1 if end >= start else -1)
    if step == 0:
        raise FieldError("~SEQ", "a step of 0 never reaches the end")
    values = range(start, end + (1 if step > 0 else -1), step)
    if len(values) > _LINES_MAX:
        raise FieldError("~SEQ", f"has more than {_LINES_MAX:,} rounds; write parts of it")
    return (name,), ((f"{value:x}" if hexadecimal else str(value),) for value in values)


def _number(text: str) -> int:
    """Read a number as C does: in octal where it begins with 0."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * int(digits, 16 if "x" in digits else 8 if digits.startswith("0") else 10)


def _list_of(inner: str) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Read `VAR, value, value` or `{VAR, VAR}, {value, value}`; raises `FieldError`."""
    parts = [
        tuple(one.strip() for one in (found[1] if found[1] is not None else found[2]).split(","))
        for found in _GROUP.finditer(inner)
        if (found[1] if found[1] is not None else found[2]).strip()
    ]
    names, values = (parts[0], parts[1:]) if parts else ((), [])
    if not values or not all(map(_NAME.fullmatch, names)) or any(len(value) > len(names) for value in values):
        raise FieldError("~LST", f"needs names, and no more values in a round than these, not {quote(inner)}")
    return names, (value + ("",) * (len(names) - len(value)) for value in values)
