"""Numbers as people read them at a glance: four or five characters, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence

_DECIMAL = ("", "k", "M", "G", "T", "P")

_BRAILLE_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_BRAILLE_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
_ASCII_LEVELS = " .:|#"


def compact(value: float) -> str:
    """Shorten a count or a rate to at most five characters: `950`, `1.2k`, `34.5M`.

    Below ten, a fraction shows one digit, so that a slow but living service never reads as idle.
    """
    if 0 < value < 9.95 and value != int(value):
        return f"{max(value, 0.1):.1f}"
    step = 0
    while value >= 999.5 and step < len(_DECIMAL) - 1:
        value /= 1000
        step += 1
    return f"{value:.1f}{_DECIMAL[step]}" if step and value < 99.95 else f"{value:.0f}{_DECIMAL[step]}"


def duration(seconds: int) -> str:
    """Write seconds in the largest unit that divides them: `90s`, `5m`, `2h`, `1d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def sparkline(values: Sequence[float | None], width: int, *, ascii_only: bool = False) -> str:
    """Draw the newest values as a small chart from zero to their maximum, a gap where a value is None.

    Braille holds two values in a character and is narrow in every terminal; ASCII holds one.
    """
    room = width if ascii_only else width * 2
    shown = [*([None] * (room - len(values))), *values[-room:]]
    top = max((value for value in shown if value), default=0.0)
    levels = [0 if not value else max(1, min(4, round(value / top * 4))) for value in shown]
    if ascii_only:
        return "".join(_ASCII_LEVELS[level] for level in levels)
    pairs = zip(levels[::2], levels[1::2], strict=True)
    return "".join(chr(0x2800 + _BRAILLE_LEFT[left] + _BRAILLE_RIGHT[right]) for left, right in pairs)
