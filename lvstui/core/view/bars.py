"""Bars of shares: how much of a whole something has, with a tick where its weight, or a limit, would have it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from lvstui.core.view.glyphs import ASCII, UNICODE, Glyphs
from lvstui.core.view.table import Cell, Tone

WIDE: Final = 50
"""Cells of a bar where there is room: 2 % each."""

NARROW: Final = 25


def bar(part: float, width: int, glyphs: Glyphs, tick: float | None = None) -> str:
    """Draw a bar of `width` cells of which `part` (0 to 1) is full, and a tick (0 to 1) on it; both may be beyond it.

    Whatever is more than nothing shows at least as half a cell.
    """
    halves = min(2 * width, max(round(part * 2 * width), 1 if part > 0 else 0))
    filled = glyphs.bar * (halves // 2) + glyphs.half_bar * (halves % 2)
    drawn = f"{filled}{glyphs.track * (width - len(filled))}"
    if tick is None or not width:
        return drawn
    place = min(max(int(tick * width), 0), width - 1)
    return f"{drawn[:place]}{glyphs.tick}{drawn[place + 1 :]}"


_TONES: Final = {signs.track: Tone.TRACK for signs in (UNICODE, ASCII)} | {
    signs.tick: Tone.PLAIN for signs in (UNICODE, ASCII)
}


def parts(cell: Cell) -> Iterable[tuple[str, Tone]]:
    """Return the pieces of a cell in their own tones: of a bar what is full, its track and its tick."""
    if cell.tone is not Tone.BAR:
        return ((cell.text, cell.tone),)
    runs = groupby(cell.text, key=lambda sign: _TONES.get(sign, Tone.BAR))
    return (("".join(signs), tone) for tone, signs in runs)
