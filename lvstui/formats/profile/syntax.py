"""Reading a text as TOML: each mistake in TOML itself by line and field, and what else there is to read beside them."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.fields import visible
from lvstui.core.mistake import STDIN, Mistake, in_order
from lvstui.formats.foreign.recognise import recognise
from lvstui.formats.profile.explain import STRINGS, TOML, Fault, field_in, find_fault, outside
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.places import Path, lines, tokens

_PARTS_MAX: Final = 32
"""Parts of a key that are read: tomllib takes quadratic time for them, and ours have three at most."""

_DIGITS: Final = re.compile(r"\d[\d_]{4000}")
_NESTING: Final = re.compile(r"(?:\[\s*){100}|(?:\{[^{}]*){100}")
_HEADER: Final = re.compile(r"(\s*)(\[{1,2})\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*(\]{0,2})(\s*(?:#.*)?)$")
_START: Final = re.compile(r"""\s*(?:[A-Za-z0-9_.-]+|"[^"]*"|'[^']*')\s*[=:]""")

_OPENING: Final = re.compile(rf"""(?P<quotes>"{{3}}|'{{3}})|{STRINGS.pattern}|#.*""")
_CLOSING: Final = {'"""': re.compile(r"""(?:\\.|[^\\])*?"{3,5}"""), "'''": re.compile(r".*?'{3,5}")}
_OPENS_ANOTHER: Final = re.compile(rf"""(?:{_START.pattern})\s*(?:"{{3}}|'{{3}})$""")

_LAST_COMMA: Final = re.compile(r",\s*\}")
_TABLE_ROWS: Final = 50
"""Rows over which a table in { } is looked for."""

_TRIES: Final = 20
_WORK: Final = 2_000_000
"""How often a part of a text is read again, and characters that are read for that: each mistake costs a reading."""

_NOT_READ: Final = "the rest of this table is not read, after so many mistakes; correct those above and check again"

Names: TypeAlias = tuple[str, ...]
"""The parts of the name of a table."""


class Toml(NamedTuple):
    """A text as far as it is TOML.

    `places` are the lines of its values, worked out where there are `mistakes`: values at the ways `lost` were taken
    out for these.
    """

    document: dict[str, object]
    places: Mapping[Path, int] | None = None
    mistakes: tuple[Mistake, ...] = ()
    lost: tuple[Path, ...] = ()


def parse_toml(text: str, source: str) -> dict[str, object]:
    """Parse a text; `source` names it in errors. Raises `ProfileError` with every mistake."""
    toml = read_toml(text, source)
    if toml.mistakes:
        raise ProfileError(*toml.mistakes)
    return toml.document


def read_toml(text: str, source: str, arrays: Collection[Names] = ()) -> Toml:
    """Parse a text, and where it is no TOML all that is right in it; `arrays` are the tables that are lists.

    Raises `ProfileError` where nothing of it can be read.
    """
    refuse_long_keys(text, source)
    document, fault = _parse(text, source)
    if fault is None:
        return Toml(document)
    if form := recognise(text):
        command = f"lvstui import {'FILE' if source == STDIN else shlex.quote(source)} -o PROFILE"
        sentence = f"this is {form.words}, no profile; `{visible(command)}` makes one of it"
        raise ProfileError(Mistake(source, fault.line, TOML, sentence))
    return _Mender(text, source, arrays).mend()


def refuse_long_keys(text: str, source: str) -> None:
    """Raise `ProfileError` where a key has so many parts (`a.b.c. …`) that reading it would take long."""
    if not any(line.count(".") >= _PARTS_MAX for line in text.split("\n")):
        return
    parts = 0
    for token in takewhile(lambda token: token.kind != "end", tokens(text)):
        parts = parts + 1 if token.kind in ("bare", "string") else parts if token.text == "." else 0
        if parts > _PARTS_MAX:
            raise ProfileError(_at(text, source, token.line, f"a key has more than {_PARTS_MAX} parts; correct it"))


def _parse(text: str, source: str) -> tuple[dict[str, object], Fault | None]:
    """Parse a text up to its first fault; raises `ProfileError` where it is too much for any parser."""
    try:
        return tomllib.loads(text), None
    except tomllib.TOMLDecodeError as error:
        return {}, find_fault(text, str(error))
    except ValueError:
        sentence, place = "a number has thousands of digits; correct it", _DIGITS
    except RecursionError:
        sentence, place = "lists are nested too deeply; take brackets out", _NESTING
    found = place.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else 1
    raise ProfileError(_at(text, source, line, sentence))


def _at(text: str, source: str, line: int, sentence: str) -> Mistake:
    return Mistake(source, line, field_in(text.split("\n")[line - 1]), sentence)


def _rows_of_texts(rows: Sequence[str]) -> frozenset[int]:
    """Return the rows that begin within a text over several rows, which may look like headers and keys.

    A text that is not closed ends with its row: before the next one begins, or where the file ends.
    """
    within: set[int] = set()
    number = place = 0
    while number < len(rows):
        found = next((one for one in _OPENING.finditer(rows[number], place) if one["quotes"]), None)
        if found is None:
            number, place = number + 1, 0
            continue
        last, place = _end_of_text(rows, number, found.end(), found["quotes"])
        if last < 0:
            last, place = number, len(rows[number])
        within.update(range(number + 1, last + 1))
        number = last
    return frozenset(within)


def _end_of_text(rows: Sequence[str], number: int, place: int, quotes: str) -> tuple[int, int]:
    """Return the row and the column behind the quotes that close a text; (-1, 0) where none do."""
    for at in range(number, len(rows)):
        closing = _CLOSING[quotes].match(rows[at], place)
        if closing is not None:
            return (-1, 0) if at > number and _OPENS_ANOTHER.match(rows[at][: closing.end()]) else (at, closing.end())
        place = 0
    return -1, 0


class _Mender:
    """Takes what is wrong out of a text, a part at a time: one from each header of a table to the next."""

    def __init__(self, text: str, source: str, arrays: Collection[Names]) -> None:
        self._source = source
        self._arrays = arrays
        self._rows = text.replace("\r\n", "\n").split("\n")
        self._within = _rows_of_texts(self._rows)
        self._headers: dict[int, Names] = {}
        self._mistakes: list[Mistake] = []
        self._lost: list[tuple[int, str]] = []

    def mend(self) -> Toml:
        """Return what is left; raise `ProfileError` where nothing is."""
        self._join_tables()
        self._look_at_headers()
        starts = [0, *self._headers]
        ends = [*starts[1:], len(self._rows)]
        for start, end in zip(starts, ends, strict=True):
            if self._mend_part(start, end) is None:
                self._rows[start:end] = [""] * (end - start)
        document = self._mend_part(0, len(self._rows))
        if document is None:
            raise ProfileError(*in_order(self._mistakes))
        places = lines("\n".join(self._rows))
        return Toml(document, places, in_order(self._mistakes), tuple(self._ways(places)))

    def _join_tables(self) -> None:
        """Put tables in { } that go over several rows into their first one, as TOML 1.0 wants them."""
        number = 0
        while number < len(self._rows):
            end = self._end_of_table(number)
            if end > number:
                rows = [outside(row) for row in self._rows[number : end + 1]]
                field = next(name for row in reversed(self._rows[: number + 1]) if (name := field_in(row)) != TOML)
                self._tell(number, field, "a table in { } stands in one line, with no comma before }; write it so")
                self._rows[number] = _LAST_COMMA.sub(" }", " ".join(rows))
                self._rows[number + 1 : end + 1] = [""] * (end - number)
            number = max(end, number) + 1

    def _end_of_table(self, number: int) -> int:
        """Return the row in which a table in { } ends that is open at the end of a row; the same where none is."""
        depth = 0
        for at in range(number, min(number + _TABLE_ROWS, len(self._rows))):
            if at in self._within or at + 1 in self._within:
                return number
            row = outside(self._rows[at])
            if at > number and not (_START.match(row) or row.strip().startswith("}")):
                if row.strip():
                    return number
                continue
            bare = STRINGS.sub("", row)
            depth += bare.count("{") - bare.count("}")
            if depth <= 0:
                return at
        return number

    def _look_at_headers(self) -> None:
        """Correct the brackets of headers, and take out tables that are there twice."""
        seen: dict[Names, int] = {}
        twice = False
        for number, row in enumerate(self._rows):
            match = None if number in self._within else _HEADER.match(row)
            if match is None:
                if twice:
                    self._rows[number] = ""
                continue
            indent, opening, name, closing, rest = match.groups()
            names = tuple(name.split("."))
            above = names[:-1]
            if above in self._arrays and above not in self._headers.values():
                self._tell(
                    number, name, f"stands above the first [[{'.'.join(above)}]]; put the one it belongs to first"
                )
                self._rows[number], twice = "", True
                continue
            wanted = "[[" if names in self._arrays else opening
            right = f"{wanted}{name}{']' * len(wanted)}"
            if opening != wanted and len(closing) == len(opening):
                self._tell(number, name, f"must be a list, not a table; write {right} with two brackets")
            elif opening != wanted or len(closing) != len(wanted):
                self._tell(number, name, f"the brackets do not match; write {right}")
            self._rows[number] = f"{indent}{right}{rest}"
            self._headers[number] = names
            twice = False
            if wanted == "[[":
                seen = {other: at for other, at in seen.items() if other[: len(names)] != names}
            elif names in seen:
                first = seen[names] + 1
                self._tell(number, name, f"[{name}] is there twice, first in line {first}; put both into one")
                self._rows[number], twice = "", True
            else:
                seen[names] = number

    def _mend_part(self, start: int, end: int) -> dict[str, object] | None:
        """Take faults out of some rows until they are TOML; give up, and return None, where that takes long."""
        tries = max(1, min(_TRIES, _WORK // (1 + sum(map(len, self._rows[start:end])))))
        while True:
            document, fault = _parse("\n".join(self._rows[start:end]), self._source)
            if fault is None:
                return document
            number = start + fault.line - 1
            if not tries:
                self._tell(number, TOML, _NOT_READ)
                return None
            tries -= 1
            self._tell(number, self._field_of_text(number) or fault.field, fault.sentence)
            if fault.missing and "#" not in self._rows[number]:
                self._rows[number] = f"{self._rows[number].rstrip()}{fault.missing}"
            else:
                self._take_out(number, start, end, alone=fault.alone)

    def _take_out(self, number: int, start: int, end: int, *, alone: bool) -> None:
        """Take a key with its value out, the row of a list, or a row that is wrong by itself."""
        row = self._rows[number]
        first = number
        alone = alone or row.lstrip().startswith("{")
        if not alone:
            while first > start and not self._begins(first):
                first -= 1
        self._lost.append((first, field_in(self._rows[first])))
        self._rows[first] = ""
        after = first + 1
        while after <= number or (after < end and (after in self._within or not (alone or self._begins(after)))):
            self._rows[after] = ""
            after += 1
        while number in self._headers and after < end and after not in self._headers:  # keys of no table then
            self._rows[after] = ""
            after += 1

    def _begins(self, number: int) -> bool:
        """Return whether something new begins in a row."""
        return number not in self._within and (number in self._headers or bool(_START.match(self._rows[number])))

    def _field_of_text(self, number: int) -> str:
        """Return the key of the text over several rows that goes on in a row, empty where none does."""
        if number not in self._within:
            return ""
        return field_in(self._rows[next(at for at in range(number, -1, -1) if at not in self._within)])

    def _tell(self, number: int, field: str, sentence: str) -> None:
        self._mistakes.append(Mistake(self._source, number + 1, field, sentence))

    def _ways(self, places: Mapping[Path, int]) -> Iterator[Path]:
        """Yield the ways to what was taken out: keys of the tables whose headers stand above."""
        tables: dict[int, Path] = {}
        for path, line in places.items():
            if line - 1 in self._headers and len(path) > len(tables.get(line - 1, ())):
                tables[line - 1] = path
        above: Sequence[int] = sorted(tables)
        for number, field in self._lost:
            header = max((one for one in above if one < number), default=None)
            yield (*(tables[header] if header is not None else ()), *field.split("."))
