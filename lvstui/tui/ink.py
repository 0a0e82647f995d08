"""How the colours of a theme are sent: what the terminal can show of them, and as which numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from rich.color import Color, ColorSystem
from rich.style import Style

Pen: TypeAlias = tuple[str, str, str]
"""Attributes, text colour and background, each as the parameters of an SGR sequence."""

PLAIN_PEN: Final[Pen] = ("", "39", "49")

_PENS: Final = 4096
"""How many styles are remembered; a screen has some dozens."""

_ATTRIBUTES: Final = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("reverse", "7"),
    ("strike", "9"),
)

_EIGHT: Final = (
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
)
"""The colours that each terminal with any has, as xterm shows them; bright ones the Linux console lacks."""


class Depth(Enum):
    """How many colours a terminal shows."""

    NONE = 0
    EIGHT = 8
    MANY = 256
    TRUE = 2**24


def depth_of_terminal() -> Depth:
    """Return how many colours our terminal shows, by its name; none where NO_COLOR asks for that."""
    term = os.environ.get("TERM", "")
    if os.environ.get("NO_COLOR"):
        return Depth.NONE
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return Depth.TRUE
    colours = _colours_of(term)
    if "256color" in term or colours >= Depth.MANY.value:
        return Depth.MANY
    return Depth.EIGHT if colours >= Depth.EIGHT.value else Depth.NONE


def _colours_of(term: str) -> int:
    """Return how many colours a terminal has by the system's descriptions; eight where there is none of it."""
    with suppress(ImportError):
        import curses  # not everywhere a part of Python

        with suppress(curses.error):
            curses.setupterm(term, 2)
            return curses.tigetnum("colors")
    return 0 if term.startswith("vt") else Depth.EIGHT.value


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of one theme on one terminal.

    `numbers` are those of 256 colours by `#rrggbb`; a colour that is not named there is rounded. `codes` and `grounds`
    are SGR parameters for text and for what is behind it on terminals of eight colours; where there are any they are
    sent to all others as well. `raised` are backgrounds that become reverse video where there are no colours. With
    `ascii_only` no other sign is sent.
    """

    depth: Depth = Depth.MANY
    numbers: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    grounds: Mapping[str, str] = field(default_factory=dict)
    raised: frozenset[str] = frozenset()
    ascii_only: bool = False
    _pens: dict[Style, Pen] = field(default_factory=dict, repr=False, compare=False)

    def pen(self, style: Style) -> Pen:
        """Return what is sent for a style."""
        pen = self._pens.get(style)
        if pen is None:
            if len(self._pens) >= _PENS:
                self._pens.clear()
            pen = self._pens[style] = self._mix(style)
        return pen

    def _mix(self, style: Style) -> Pen:
        attributes = {code for name, code in _ATTRIBUTES if getattr(style, name)}
        if self.depth is Depth.NONE:
            if style.bgcolor and _hex(style.bgcolor) in self.raised:
                attributes.add("7")
            return (";".join(sorted(attributes)), *PLAIN_PEN[1:])
        text = self._text(style.color) if style.color else "39"
        if self._is_coarse:
            *more, text = text.split(";")
            attributes.update(more)
        return ";".join(sorted(attributes)), text, self._ground(style.bgcolor) if style.bgcolor else "49"

    @property
    def _is_coarse(self) -> bool:
        return self.depth is Depth.EIGHT or bool(self.codes)

    def _text(self, colour: Color) -> str:
        if self._is_coarse:
            return self.codes.get(_hex(colour)) or f"3{_nearest(colour)}"
        return self._fine(colour, foreground=True)

    def _ground(self, colour: Color) -> str:
        if self._is_coarse:
            return self.grounds.get(_hex(colour)) or f"4{_nearest(colour)}"
        return self._fine(colour, foreground=False)

    def _fine(self, colour: Color, *, foreground: bool) -> str:
        if self.depth is Depth.MANY:
            number = self.numbers.get(_hex(colour))
            if number is not None:
                return f"{38 if foreground else 48};5;{number}"
            colour = colour.downgrade(ColorSystem.EIGHT_BIT)
        return ";".join(colour.get_ansi_codes(foreground=foreground))


def _hex(colour: Color) -> str:
    return colour.get_truecolor().hex


def _nearest(colour: Color) -> int:
    """Return which of the eight colours comes nearest."""
    wanted = colour.get_truecolor()
    return min(range(len(_EIGHT)), key=lambda n: sum((a - b) ** 2 for a, b in zip(wanted, _EIGHT[n], strict=True)))
