"""A change on trial in the head of every view: how long it has, what it is, and the keys that end it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from lvstui.core.describe import describe
from lvstui.core.fields import visible
from lvstui.core.keys import with_keys
from lvstui.core.snapshot import Snapshot
from lvstui.core.trial import Pending
from lvstui.core.view.bars import bar
from lvstui.core.view.glyphs import UNICODE, Glyphs
from lvstui.core.view.table import Cell, Tone, cell_count, fit

_BAR: Final = 20
"""Cells of the bar; there is none where these have no room."""

_ENOUGH: Final = 24
"""Cells of what is on trial before the time, which line 2 has too, takes room from it."""

_LEAST: Final = 8
"""Cells of it that are worth showing."""


_WAYS: Final = (
    "{K:keep} keep  {R:extend} longer  {z:undo} take back now",
    "{K:keep} keep  {R:extend} longer  {z:undo} back",
)
"""The keys that end it, in two lengths."""


class Countdown(NamedTuple):
    """What is on trial in a few words, and the seconds that it has left of its `whole` time.

    `who_may` is a sentence on who may end it where whoever looks may not, else empty.
    """

    what: str
    left: float
    whole: float
    who_may: str = ""

    @property
    def clock(self) -> str:
        """The seconds left, rounded up: `1:47`, `1:00:00`; at 0:00 the time is over."""
        return clock_text(self.left)


def clock_text(left: float) -> str:
    """Write seconds as a clock that runs down does: `1:47`, rounded up so that 0:00 is the end."""
    minutes, seconds = divmod(max(0, math.ceil(left)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def until_tick(left: float) -> float:
    """Return in how many seconds the clock shows another number; a second once the time is over."""
    return left - math.ceil(left) + 1


def countdown(snapshot: Snapshot, now: float) -> Countdown | None:
    """Return what the head says of the change on trial at a moment of CLOCK_BOOTTIME; None where there is none."""
    pending = snapshot.trial
    if pending is None:
        return None
    who_may = f"{visible(pending.trial.record.user)} or root decides" if pending.why_not else ""
    who_may = "read-only here: lvstui confirm keeps it" if snapshot.read_only else who_may
    left = max(0.0, pending.trial.left(now))
    return Countdown(what_is_on_trial(snapshot, pending), left, pending.seconds, who_may)


def what_is_on_trial(snapshot: Snapshot, pending: Pending) -> str:
    """Return the first change on trial in a few words, and how many more there are."""
    changes, director = pending.changes, snapshot.reading.director
    more = f", +{len(changes) - 1:,} more" if len(changes) > 1 else ""
    return f"{describe(changes[0], director, short=True) if changes else 'nothing'}{more}"


def countdown_line(countdown: Countdown, width: int, glyphs: Glyphs = UNICODE) -> tuple[Sequence[Cell], str]:
    """Return the third line of the head for so many cells: its left side, and at its right end the keys that end it.

    Instead of the keys stands who may. The keys get fewer words first, then the bar falls away, the words around the
    time and the time; what is on trial is cut last.
    """
    ways = (countdown.who_may,) if countdown.who_may else tuple(map(with_keys, _WAYS))
    drawn = Cell(bar(countdown.left / max(countdown.whole, 1), _BAR, glyphs), Tone.BAR)
    long, short = (Cell(f"{words} {countdown.clock}", Tone.WARN) for words in ("is taken back in", "back in"))
    lead, enough = Cell("on trial", Tone.WARN), min(_ENOUGH, cell_count(countdown.what))
    for time in ((long, drawn), (long,), (short,)):
        for end in ways:
            room = width - len(end) - 3 - len("  ".join(cell.text for cell in (lead, *time))) - 2
            if room >= enough:
                return (lead, _what(countdown.what, room), *time), end
    room = width - len(ways[-1]) - 3
    return ((_what(countdown.what, room),) if room >= _LEAST else ()), ways[-1]


def _what(text: str, room: int) -> Cell:
    return Cell(fit(text, min(room, cell_count(text)), beginning=True))
