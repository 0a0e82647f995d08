"""The head of the screen: the views as tabs, the totals with the words of state, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from textual import events
from textual.message import Message
from textual.widgets import Static

from lvstui.core.snapshot import Snapshot
from lvstui.core.view.bars import parts
from lvstui.core.view.countdown import Countdown, countdown_line
from lvstui.core.view.head import NO_BANNER, Banner, Bearings, Word, host_texts, status, tabs, way_back
from lvstui.core.view.table import Tone
from lvstui.tui.terminal import glyphs_of
from lvstui.tui.widgets.lines import STYLES, key_pieces
from lvstui.tui.widgets.pieces import Piece, clicked, drawn

_SHOWN = f"bold reverse {STYLES[Tone.ACCENT]}"
"""The tab of the view that is shown: reversed where there are no colours."""


_PAINTED = "bold $text-on-{0} on ${0}"
"""The place, in a colour of the configuration: one that a theme has a text for, so that it can be read in all."""


_Piece: TypeAlias = Piece[str | Word | None]
"""A piece of the head; a click on it opens a view by its name, or shows what a word of state is about."""


class Head(Static):
    """Two lines, one more while a change is on trial, and one where there is a way back or a filter.

    They are painted again only when they changed.
    """

    DEFAULT_CSS = "Head { height: 2; padding: 0 1; background: $surface; text-wrap: nowrap; }"
    ALLOW_SELECT = False

    @dataclass
    class TabPressed(Message):
        """The tab of a view was clicked."""

        view: str

    @dataclass
    class WordPressed(Message):
        """A word of state was clicked."""

        word: Word

    def __init__(self, views: Sequence[str], banner: Banner = NO_BANNER) -> None:
        """Show tabs for these views, in the order of their digits, and a banner with the name of the host."""
        super().__init__(markup=False, id="head")
        self._banner = banner
        self._views = tuple(views)
        self._lines: list[list[_Piece]] = []

    def put(self, snapshot: Snapshot, bearings: Bearings, width: int) -> None:
        """Show the newest state on a screen of this width."""
        width = max(0, width - 2)
        lines = [self._tabs(snapshot, bearings, width), *_status(snapshot, bearings, width)]
        if bearings.countdown:
            lines.append(self._countdown(bearings.countdown, width))
        if bearings.path or bearings.filter:
            lines.append(_way_back(bearings, width))
        if lines != self._lines:
            self._lines = lines
            # Of a height that Textual found out itself, rows stay when the screen was narrow for a moment.
            self.styles.height = len(lines)
            self.update(drawn(lines), layout=False)

    def on_click(self, event: events.Click) -> None:
        """Say what was clicked on."""
        # The first column of the screen is free.
        line = self._lines[event.y] if 0 <= event.y < len(self._lines) else []
        match clicked(line, event.x - 1):
            case str() as view:
                self.post_message(self.TabPressed(view))
            case Word() as word:
                self.post_message(self.WordPressed(word))

    def _tabs(self, snapshot: Snapshot, bearings: Bearings, width: int) -> list[_Piece]:
        style = _PAINTED.format(self._banner.role) if self._banner.role else STYLES[Tone.STRONG]
        banner, shown = self._banner.text, bearings.view
        place, titles = tabs(host_texts(snapshot, banner), self._views, shown, width, whole_place=bool(banner))
        pieces: list[_Piece] = [Piece(0, place, style, None)] if place else []
        x = len(place) + 2 if place else 0
        for view, title in zip(self._views, titles, strict=True):
            if view == bearings.view:
                # One blank on either side is painted with it, where there is room.
                start = max(0, x - 1)
                painted = f" {title} "[0 if x else 1 :][: width - start]
                pieces.append(Piece(start, painted, _SHOWN, view))
            else:
                digit, _, name = title.partition(" ")
                pieces.append(Piece(x, digit, STYLES[Tone.DIM], view))
                pieces.append(Piece(x + len(digit), f" {name}" if name else "", STYLES[Tone.SECONDARY], view))
            x += len(title) + 2
        return pieces

    def _countdown(self, countdown: Countdown, width: int) -> list[_Piece]:
        cells, end = countdown_line(countdown, width, glyphs_of(self))
        pieces: list[_Piece] = []
        x = 0
        for cell in cells:
            for text, tone in parts(cell):
                pieces.append(Piece(x, text, STYLES[tone], Word("", view="changes")))
                x += len(text)
            x += 2
        x = max(x, width - len(end))
        if countdown.who_may:
            return [*pieces, Piece(x, end, STYLES[Tone.SECONDARY], None)]
        for way in end.split("  "):
            # A click, which may be meant for another window, ends nothing.
            pieces += [Piece(piece.x, piece.text, piece.style, None) for piece in key_pieces(way, x)]
            x += len(way) + 2
        return pieces


def _status(snapshot: Snapshot, bearings: Bearings, width: int) -> list[list[_Piece]]:
    totals, rows = status(snapshot, bearings, width)
    pieces: list[_Piece] = []
    x = 0
    for total in totals:
        for text, tone in ((total.before, Tone.SECONDARY), (total.number, Tone.PLAIN), (total.unit, Tone.SECONDARY)):
            if text:
                pieces.append(Piece(x, text, STYLES[tone], None))
                x += len(text) + 1
        x += 1
    lines: list[list[_Piece]] = []
    for words in rows:
        x = max(0, width - len("  ".join(word.text for word in words)))
        for word in words:
            leads = word.view or word.command
            pieces.append(Piece(x, word.text, STYLES[word.tone], word if leads else None))
            x += len(word.text) + 2
        lines.append(pieces)
        pieces = []
    return lines


def _way_back(bearings: Bearings, width: int) -> list[_Piece]:
    way, narrowed = way_back(bearings.path, bearings.filter, width)
    start = len(way) + 3 if way else 0
    return [Piece(0, way, STYLES[Tone.PLAIN], None), Piece(start, narrowed, STYLES[Tone.ACCENT], None)]
