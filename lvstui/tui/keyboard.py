"""What a terminal sends, cut into whole pieces however slowly it arrives: text, keys, sequences, pasted text.

Textual's parser waits a tenth of a second for the rest of a sequence and then presses its beginning as keys; what ends
a pasted text is lost so, and with it every later key. Here a beginning waits for its rest, and nothing that is no key
is ever pressed. The Escape key alone has to be settled by time; Alt with `[` or `O` is no key, but a beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from textual.constants import ESCAPE_DELAY

_ESCAPE: Final = "\x1b"
_PASTE: Final = "\x1b[200~"
_PASTED: Final = "\x1b[201~"

_SILENCE: Final = 1.0
"""Seconds without a byte after which pasted text is passed on without its end."""

_POLL: Final = 0.1

LONGEST: Final = 1 << 12
"""Characters of pasted text that are kept: a field takes one line, and the longer it is the longer takes each key."""

_WHOLE: Final = re.compile(
    r"\x1b(?:"
    r"\[M[\s\S]{3}"  # the mouse, as old terminals report it
    r"|\[\[[A-E]"  # F1 to F5 of the Linux console
    r"|\[\d+\$"  # with Shift, as rxvt sends it
    r"|\[(?![M\[])[0-?]*[ -/]*[@-~]"  # ECMA-48, 5.4: parameters, intermediates, one final character
    r"|O[0-9;]*[A-Za-z])"
)
_BEGINNING: Final = re.compile(r"\x1b(?:\[(?:M[\s\S]{0,2}|\[|[0-?]*[ -/]*)|O[0-9;]*)?")

_LATE: Final = re.compile(r"\[20[01]~|(?:\[[<?0-9;:]*[A-Za-z~]|O[A-Za-z])(?=\x1b|\Z)")
"""A packet that nobody types: what follows an ESC that was taken for the Escape key, because it took so long."""


class Kind(Enum):
    """What a piece is."""

    TEXT = auto()
    """Characters, each a key."""
    KEY = auto()
    """The Escape key, or ESC and the character that is pressed with Alt."""
    SEQUENCE = auto()
    """A whole sequence: a key, the mouse, an answer of the terminal."""
    PASTE = auto()
    """Pasted text, without its marks."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what the terminal sent that means something by itself."""

    kind: Kind
    text: str
    cut: int = 0
    """How many characters of pasted text came behind it and are not taken."""


class Keyboard:
    """Holds back what is not whole yet. Times are seconds of any one clock."""

    def __init__(self) -> None:
        """Begin with nothing held back."""
        self._begun = ""
        self._pasted: str | None = None
        self._cut_off = 0
        self._stalled = False
        self._escaped = False
        self._since = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds to wait for more before `silence` is worth a call."""
        if self._begun == _ESCAPE:
            return min(max(self._since + ESCAPE_DELAY - now, 0.0), _POLL)
        return _POLL

    def take(self, text: str, now: float) -> list[Piece]:
        """Take what arrived in one packet, and return the pieces that are whole."""
        self._since = now
        if self._escaped and _LATE.match(text):
            text = _ESCAPE + text
        self._escaped = False
        text = self._begun + text
        self._begun = ""
        if self._stalled and _is_typed(text):
            self._pasted = None
        self._stalled = False
        pieces: list[Piece] = []
        while text:
            piece, text = self._cut(text) if self._pasted is None else self._paste(self._pasted, text)
            if piece is not None:
                pieces.append(piece)
        return pieces

    def silence(self, now: float) -> list[Piece]:
        """Return what is settled by nothing having arrived for so long."""
        if self._pasted is not None:
            if self._stalled or now < self._since + _SILENCE:
                return []
            # What comes next decides whether it has ended: a key does, more text is more of it and presses nothing.
            self._stalled = True
            text, self._pasted = self._pasted, ""
            return [self._whole_paste(text)] if text else []
        if self._begun != _ESCAPE or now < self._since + ESCAPE_DELAY:
            return []
        self._begun, self._escaped = "", True
        return [Piece(Kind.KEY, _ESCAPE)]

    def _paste(self, pasted: str, text: str) -> tuple[Piece | None, str]:
        found = text.find(_PASTED)
        stop = found if found >= 0 else len(text) - _begun_end(text)
        kept = min(stop, LONGEST - len(pasted))
        pasted += text[:kept]
        self._cut_off += stop - kept
        if found < 0:
            self._pasted, self._begun = pasted, text[stop:]
            return None, ""
        self._pasted = None
        return self._whole_paste(pasted) if pasted else None, text[found + len(_PASTED) :]

    def _whole_paste(self, pasted: str) -> Piece:
        cut, self._cut_off = self._cut_off, 0
        return Piece(Kind.PASTE, pasted, cut)

    def _cut(self, text: str) -> tuple[Piece | None, str]:
        if text[0] != _ESCAPE:
            plain, escape, rest = text.partition(_ESCAPE)
            return Piece(Kind.TEXT, plain), escape + rest
        if whole := _WHOLE.match(text):
            return self._sequence(whole[0]), text[whole.end() :]
        beginning = _BEGINNING.match(text)
        length = beginning.end() if beginning else 0
        if length == len(text):
            self._begun = text
            return None, ""
        if length > 2:
            return None, text[length:]  # torn: it means nothing, and is nothing that anybody typed
        alone = text[1] == _ESCAPE
        return Piece(Kind.KEY, _ESCAPE if alone else text[:2]), text[1 if alone else 2 :]

    def _sequence(self, text: str) -> Piece | None:
        if text == _PASTE:
            self._pasted, self._cut_off = "", 0
        return None if text in (_PASTE, _PASTED) else Piece(Kind.SEQUENCE, text)


def _is_typed(text: str) -> bool:
    """Return whether a packet that follows pasted text without an end is a key (or the next paste), not more of it."""
    if len(text) == 1:
        return True
    return text[0] == _ESCAPE and not text.startswith(_PASTED) and not _PASTED.startswith(text)


def _begun_end(text: str) -> int:
    """Return how many of the last characters may be the beginning of the mark that ends pasted text."""
    return next((length for length in range(len(_PASTED) - 1, 0, -1) if text.endswith(_PASTED[:length])), 0)
