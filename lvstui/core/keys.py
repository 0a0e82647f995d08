"""Keys: how people read and write them, which may be given to a command, and which a command has in this process.

The tables of commands beside the functions of each view say which keys a command has by itself; `[keys]` of the
configuration may give it others. Like the language of a program this is one for the whole process: a sentence that
names a key asks here for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lvstui.core.fields import FieldError, quote

_NAMES: Final = {
    "exclamation_mark": "!",
    "quotation_mark": '"',
    "number_sign": "#",
    "dollar_sign": "$",
    "percent_sign": "%",
    "ampersand": "&",
    "apostrophe": "'",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "asterisk": "*",
    "plus": "+",
    "comma": ",",
    "minus": "-",
    "full_stop": ".",
    "slash": "/",
    "colon": ":",
    "semicolon": ";",
    "less_than_sign": "<",
    "equals_sign": "=",
    "greater_than_sign": ">",
    "question_mark": "?",
    "at": "@",
    "left_square_bracket": "[",
    "backslash": "\\",
    "right_square_bracket": "]",
    "circumflex_accent": "^",
    "underscore": "_",
    "grave_accent": "`",
    "left_curly_bracket": "{",
    "vertical_line": "|",
    "right_curly_bracket": "}",
    "tilde": "~",
    "enter": "Enter",
    "tab": "Tab",
    "escape": "Esc",
    "backspace": "Backspace",
    "delete": "Del",
    "insert": "Ins",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "space": "Space",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
}
"""Keys as Textual and as people call them, letters and digits aside."""

_CONTROL: Final = r"(?i:ctrl[-+]|\^)([A-Za-z])"  # compiled when it is asked for: most commands name no key

ALWAYS: Final[Mapping[str, str]] = {"open": "enter", "drop": "escape", "quit": "ctrl+c"}
"""Keys that their commands never lose, whatever else these are given: nobody gets stuck, and every sentence holds."""

_NEEDED: Final = frozenset(
    (
        *("enter", "escape", "tab", "space", "backspace", "delete"),
        *("up", "down", "left", "right", "pageup", "pagedown", "home", "end"),
    )
)
"""Keys that dialogs, prompts and tables need to be what they are everywhere."""

_NEVER: Final = {
    "ctrl+c": "is how every program is ended",
    "ctrl+s": "holds up the output of many terminals, and accepts forms",
    "ctrl+q": "lets the output of many terminals go on",
    "ctrl+i": "is Tab for a terminal",
    "ctrl+m": "is Enter for a terminal",
    "ctrl+j": "is Enter for many terminals",
    "ctrl+h": "is Backspace for many terminals",
}
"""Keys that no command is given, and why."""

_NAMED: Final = r"\{([^{}\s]+):([a-z.-]+)\}"

_VIEW: Final = "view."

EXAMPLE: Final = 'a letter, a sign such as "+", "Ctrl-G", "F5" or "Ins"'


class Line(NamedTuple):
    """A command as a key map shows it: its id, the keys that it has by itself (as Textual writes them), a sentence.

    `usage` is how it is written on the line of the palette, `weight WEIGHT [SERVER...]`; empty where it takes no words.
    """

    id: str
    keys: tuple[str, ...]
    sentence: str
    usage: str = ""


_given: dict[str, tuple[str, ...]] = {}
"""The keys that commands were given, by their ids."""


def give(keys: Mapping[str, Sequence[str]]) -> None:
    """Have commands answer to these keys from now on, by their ids; all others have those that they have by itself."""
    _given.clear()
    _given.update((command, tuple(given)) for command, given in keys.items())


def given() -> Mapping[str, tuple[str, ...]]:
    """Return the keys that commands were given."""
    return _given


def keys_of(command: str, own: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of a command that has its `own` by itself."""
    return _given.get(command, tuple(own))


def key_to(name: str, command: str) -> str:
    """Return how people read the first key of a command which is called `name` by itself, for a sentence.

    A command without a key is found by its id in the palette.
    """
    if command not in _given:
        return name
    return key_name(_given[command][0]) if _given[command] else f":{command}"


def with_keys(text: str) -> str:
    """Put the keys into a text of ours that names them with their commands: `{C:server.copy} copies them`."""
    return re.sub(_NAMED, lambda found: key_to(found[1], found[2]), text)


def key_name(key: str) -> str:
    """Return a key as people read it."""
    if key.startswith("ctrl+"):
        return f"Ctrl-{key[5:].upper()}"
    return _NAMES.get(key, key)


def key_of(name: str) -> str:
    """Return the key that people read as `name`, as Textual writes it."""
    if control := re.fullmatch(_CONTROL, name):
        return f"ctrl+{control[1].lower()}"
    return next((key for key, shown in _NAMES.items() if shown == name), name)


def read_key(text: str) -> str:
    """Read a key as people write it, or as Textual does; raises `FieldError` where it is none."""
    found = key_of(text)
    if found == text and not (len(text) == 1 and text.isalnum()):
        lower = text.lower()
        found = next((key for key, shown in _NAMES.items() if lower in (key, shown.lower())), "")
    if not found:
        raise FieldError("keys", f"{quote(text)} is no key; write {EXAMPLE}")
    return found


def refusal(command: str, wanted: str, own: Sequence[str]) -> str:
    """Return why a command may not be given a key, empty where it may; it may always have its `own`."""
    name = key_name(wanted)
    if wanted in own:
        return ""
    if wanted in _NEVER:
        return f"{name} {_NEVER[wanted]}; choose another key"
    if wanted in _NEEDED:
        return f"{name} is needed by dialogs and tables; choose another key"
    if wanted.isdecimal() and not command.startswith(_VIEW):
        return f"{name} is a digit, and these only open views: an address that is typed changes nothing"
    return ""
