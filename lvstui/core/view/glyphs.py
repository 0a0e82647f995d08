"""The signs that are no letters: all of them in one place, each with a twin for terminals that show ASCII only.

Each takes one cell on every terminal: their width is narrow or neutral in Unicode, also where a locale makes ambiguous
ones wide. Both sets say the same, so what a view shows does not depend on which is in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_BLANK_BRAILLE: Final = 0x2800
_LEFT_DOTS: Final = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT_DOTS: Final = (0x00, 0x80, 0xA0, 0xB0, 0xB8)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs.

    `folded` and `unfolded` stand before what has parts; `ascending` and `descending` behind the head that is sorted by;
    `cut` in the last cell of what goes on. A bar is made of `bar` and `half_bar` on `track`, with `tick` where its
    limit or its share is. `columns` are the signs of a chart by the levels of the samples in a cell, each level from 0
    (not read) to `levels`; `samples` is how many stand in one cell.
    """

    folded: str
    unfolded: str
    ascending: str
    descending: str
    cut: str
    bar: str
    half_bar: str
    track: str
    tick: str
    samples: int
    levels: int
    columns: str

    @property
    def ascii_only(self) -> bool:
        """Whether nothing but ASCII is shown: what others wrote is then escaped too."""
        return self.cut.isascii()

    def column(self, levels: Sequence[int]) -> str:
        """Return the cell of a chart that shows samples, from left to right, each from 0 (not read) to `levels`."""
        place = 0
        for level in levels:
            place = place * (self.levels + 1) + level
        return self.columns[place]


def _braille(left: int, right: int) -> str:
    """Return two columns of dots; none at all is a blank, as the sign without dots counts as a disguise of one."""
    dots = _LEFT_DOTS[left] + _RIGHT_DOTS[right]
    return chr(_BLANK_BRAILLE + dots) if dots else " "


UNICODE: Final = Glyphs(
    folded="▸",
    unfolded="▾",
    ascending="▴",
    descending="▾",
    cut="›",  # noqa: RUF001
    bar="⣶",
    half_bar="⡆",
    track="⠄",
    tick="|",
    samples=2,
    levels=4,
    columns="".join(_braille(left, right) for left in range(5) for right in range(5)),
)

ASCII: Final = Glyphs(
    folded="+",
    unfolded="-",
    ascending="^",
    descending="v",
    cut=">",
    bar="#",
    half_bar="#",
    track=".",
    tick="|",
    samples=1,
    levels=2,
    columns=" .:",
)

_TWINS: Final[dict[str, str]] = {
    **{getattr(UNICODE, name): getattr(ASCII, name) for name in ("folded", "ascending", "unfolded", "cut")},
    **{getattr(UNICODE, name): getattr(ASCII, name) for name in ("bar", "half_bar", "track")},
    **dict.fromkeys("\u2500\u2501\u2550", "-"),
    **dict.fromkeys("\u2502\u2503\u2551", "|"),
    **dict.fromkeys("\u250c\u2510\u2514\u2518\u251c\u2524\u252c\u2534\u253c", "+"),
}
"""Twins of signs that widgets draw by themselves, lines among them."""


def ascii_twin(character: str) -> str:
    """Return what stands for a character where only ASCII may be sent, for each cell that it takes."""
    if "\u2801" <= character <= "\u28ff":
        return _TWINS.get(character, ":")
    return _TWINS.get(character, "?")
