"""What is wrong where a text is no TOML: the parser's words as a sentence that says what was probably meant."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from lvstui.core.fields import quote, visible

TOML: Final = "TOML"
"""What a mistake is about that stands in no key."""

_KEY: Final = re.compile(r"\s*([A-Za-z0-9_.-]{1,40})\s*[=:]|\s*\[\[?\s*([A-Za-z0-9_.-]{1,40})")
_WORD: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.-]{0,40})(?:\s|$)")
STRINGS: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')
_COMMENT: Final = re.compile(rf"{STRINGS.pattern}|#.*")
_VALUE: Final = re.compile(r"""[^=]*=\s*([^\s#"',\[\]{}]+(?:[ \t]+[^\s#"',\[\]{}=]+)*)\s*(?:#.*)?$""")
_BARE: Final = re.compile(r"""=\s*([^\s#"',\[\]{}=]+)""")
_CURLY: Final = re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]")


_SHOWN: Final = 40
"""Characters of a line that a sentence shows."""


class Fault(NamedTuple):
    """Where a text stops being TOML, and why; `missing` is what would mend the line if it stood at its end.

    The line is wrong `alone` where it neither begins nor goes on with a value.
    """

    line: int
    field: str
    sentence: str
    missing: str = ""
    alone: bool = False


class _Spot(NamedTuple):
    """Where the parser stopped: its line (from 1), its column (from 0), the text of that line, the parser's words."""

    line: int
    column: int
    row: str
    words: str


def outside(row: str) -> str:
    """Return a line without the comment at its end."""
    return _COMMENT.sub(lambda found: found[0] if found[0][0] != "#" else "", row).rstrip()


def field_in(row: str) -> str:
    """Return the key or the table that a line is about, `TOML` where it has none."""
    match = _KEY.match(row)
    return (match[1] or match[2]) if match else TOML


def find_fault(text: str, message: str) -> Fault:
    """Find what a message of tomllib is about: `Invalid value (at line 3, column 8)`."""
    words, _, where = message.rpartition(" (at ")
    rows = text.split("\n")
    place = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    if place:
        spot = _Spot(int(place[1]), int(place[2]) - 1, rows[int(place[1]) - 1].rstrip("\r"), words)
    else:  # the end of the document
        last = max((number for number, row in enumerate(rows) if row.strip()), default=0)
        spot = _Spot(last + 1, len(rows[last]), rows[last], words)
    if place is None and (mark := _open_text(text, words)):
        number = max(number for number, row in enumerate(rows) if mark in row)
        return Fault(number + 1, field_in(rows[number]), f"{mark} is not closed; write {mark} behind the text")
    if "Unclosed array" in words or (
        place is None and "Invalid value" in words and not spot.row.rstrip().endswith("=")
    ):
        return _in_list(rows, spot, ended=place is None)
    if "Illegal character" in words and place and not spot.row[spot.column :].strip() and spot.column == 0:
        number = spot.line - 2  # the line before has no end of its text
        if number >= 0:
            spot = _Spot(spot.line - 1, len(rows[number]), rows[number], words)
    begins = not spot.row[: spot.column].strip()
    alone = "Expected '='" in words or ("Invalid statement" in words and begins)
    return Fault(spot.line, _field(rows, spot), _sentence(spot), alone=alone)


def _open_text(text: str, words: str) -> str:
    """Return the quotes of a text over several lines that does not end, empty where it is something else."""
    if "'''" in words:
        return "'''"
    return '"""' if "Unterminated string" in words and '"""' in text else ""


def _field(rows: list[str], spot: _Spot) -> str:
    """Return the key that a fault is about: of the list, where it is in a row of one."""
    if spot.row.lstrip().startswith("{"):
        return next((name for row in reversed(rows[: spot.line]) if (name := field_in(row)) != TOML), TOML)
    word = _WORD.match(spot.row) if "Expected '='" in spot.words else None
    return word[1] if word else field_in(spot.row)


def _in_list(rows: list[str], spot: _Spot, *, ended: bool) -> Fault:
    """Explain a list in which an item follows another without a comma, or which has no end."""
    number = spot.line - 1
    if not ended and not spot.row[: spot.column].strip():
        number -= 1
        while number > 0 and (not rows[number].strip() or rows[number].lstrip().startswith("#")):
            number -= 1
    following = "" if ended else _following(spot)
    field = next((name for row in reversed(rows[: number + 1]) if (name := field_in(row)) != TOML), TOML)
    if _open_quote(rows[number]):
        return Fault(number + 1, field, 'a quote is not closed; write " at the end of the text')
    if not following or re.match(r"[A-Za-z0-9_.-]+\s*=|\[\[?[A-Za-z]", following):
        return Fault(number + 1, field, "the list is not closed; write ] behind its last item", " ]")
    missing = "," if number != spot.line - 1 else ""
    return Fault(number + 1, field, f"a comma is missing before {following}", missing)


def _following(spot: _Spot) -> str:
    """Return what stands in the line where the parser stopped."""
    text = visible(spot.row[spot.column :].strip(" \t,]}"))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _open_quote(row: str) -> bool:
    """Return whether a text begins in a line and does not end there."""
    rest = STRINGS.sub("", row).partition("#")[0]
    return '"' in rest or "'" in rest


def _sentence(spot: _Spot) -> str:
    row, words = spot.row, spot.words
    rest = STRINGS.sub("", row).partition("#")[0]
    if _CURLY.search(rest):
        return 'has quotes of a text processor; write plain ones: "'
    ends_text = "Expected newline" in words and row[: spot.column].rstrip().endswith(('"""', "'''"))
    if _open_quote(row) and not ends_text:
        return 'a quote is not closed; write " at the end of the text'
    if "Cannot overwrite a value" in words or "Duplicate inline table key" in words:
        return "is there twice in this table; take one out"
    if "Cannot declare" in words or "Cannot mutate" in words or "Cannot redefine" in words:
        return "is there already, or is no table there; put both into one"
    if "Expected ']" in words:
        return "the brackets do not match; write [table] or [[list of tables]]"
    if "Expected '='" in words:
        return _without_equals(row)
    if row[: spot.column].endswith("0") and row[spot.column : spot.column + 1].isdigit():
        return "a number begins with no 0; take that out"
    if "Unclosed inline table" in words:
        following = _following(spot)
        return f"a comma is missing before {following}" if following else "{ is not closed; write } in this line"
    if "initial character for a key" in words and row[spot.column : spot.column + 1] == "}":
        return "a comma stands before }; take it out"
    if "Unescaped" in words or "Invalid hex" in words:
        return r"a \ in a text is written twice: \\"
    if ("Invalid value" in words or "Expected newline" in words) and (sentence := _of_value(spot)):
        return sentence
    if "Invalid statement" in words:
        return "is no key = value, no [table] and no # comment; correct it, or take it out"
    if "Expected newline" in words and (following := _following(spot)):
        return f"{following} stands behind the value; take it out, or put it into the next line"
    return f"not valid TOML at column {spot.column + 1}: {visible(words)}"


def _without_equals(row: str) -> str:
    """Explain a key without `=`."""
    if re.match(r"\s*[A-Za-z0-9_.-]+\s*:", row):
        return "a key has = behind it, not :"
    return "a key needs = and a value behind it"


def _of_value(spot: _Spot) -> str:
    """Explain a value that is none; empty where nothing is known of it."""
    before = spot.row[: spot.column].rstrip()
    if before.endswith("=") and not spot.row[spot.column :].partition("#")[0].strip(" ,}]"):
        return "has no value; write one behind ="
    match = _VALUE.match(spot.row) or _BARE.search(spot.row[max(before.rfind("="), 0) :])
    if match is None:
        return ""
    value = match[1]
    if value.lower() in ("true", "false"):
        return f"is written {value.lower()}"
    if "=" in value:
        return "more stands behind the value; begin a line with each key"
    if re.search(r"[A-Za-z:./]", value):
        return f"a text stands in quotes; write {quote(value)}"
    return ""
