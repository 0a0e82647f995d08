"""The head of every screen: where one is, how much there is, what state it is in, and the way back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lvstui.core.health.verdict import Health, Trouble
from lvstui.core.home import home_text, is_foreign
from lvstui.core.model import Home
from lvstui.core.observed import sum_stats
from lvstui.core.record import OWN_NAME
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.core.view.brief import compact
from lvstui.core.view.countdown import Countdown
from lvstui.core.view.glyphs import UNICODE
from lvstui.core.view.table import Tone, escape
from lvstui.core.words import span

_LONGEST = 36
"""Characters of a word that holds names of others: what fits on the narrowest screen."""

_SHORT = {
    "persistence": "Pers",
    "services": "Serv",
    "marks": "Marks",
    "connections": "Conn",
    "director": "Dir",
    "changes": "Chg",
}
"""Short names of the views, for screens on which not all have room; the one that is shown is written out."""

_SHORTEST_HOST = 4
"""Cells of the host's name that are worth showing."""

_RANK = {Tone.BAD: 0, Tone.WARN: 1, Tone.STAGED: 2}
"""Trouble first, then what a person chose, then what waits; what is normal stands last."""


class Total(NamedTuple):
    """How much there is of something: a number, its unit behind it, and what may stand before it (`in`)."""

    number: str
    unit: str
    before: str = ""

    @property
    def text(self) -> str:
        """The whole of it."""
        return " ".join(filter(None, (self.before, self.number, self.unit)))


class Word(NamedTuple):
    """A word of state, and where it leads: to a `view`, narrowed by a `filter`, or to what a `command` does."""

    text: str
    tone: Tone = Tone.SECONDARY
    view: str = ""
    filter: str = ""
    command: str = ""


class Banner(NamedTuple):
    """What stands before the name of the host, and the role of the theme's colour that both are painted in.

    Without a role (empty) the place is written as it is without a banner.
    """

    text: str = ""
    role: str = ""


NO_BANNER: Final = Banner()


@dataclass(frozen=True, slots=True)
class Bearings:
    """Where the operator is, and what the screens know besides a snapshot.

    `view` is the view that is shown, `words` are its own. `staged` counts what is staged in each view, `advised` pieces
    of advice. `interval` is the seconds between two readings, `unusual` whether somebody chose it; `age` is how many
    seconds old the newest reading is where it ought to be newer (infinite: there is none), else 0. `path` is the way
    that led here, `filter` what narrows rows. `countdown` is that of what is on trial, None where nothing is.
    """

    view: str
    words: Sequence[Word] = ()
    staged: Mapping[str, int] = field(default_factory=dict)
    advised: int = 0
    interval: float = 1.0
    unusual: bool = False
    age: float = 0.0
    path: Sequence[str] = ()
    filter: str = ""
    countdown: Countdown | None = None


def host_texts(snapshot: Snapshot, banner: str = "") -> tuple[str, ...]:
    """Return how the place may be named, the longest first; a demo says that it is one, however short that is.

    A banner stands first, and at last alone: whoever sees little of the screen sees that.
    """
    name = escape(snapshot.reading.director.name or snapshot.host.name)
    short = name.partition(".")[0]
    texts: tuple[str, ...] = f"{name}  {snapshot.origin}", name, short
    if snapshot.origin == "demo":
        texts = f"{name}  demo, not a kernel", f"{short}  demo", "demo"
    if not banner:
        return texts
    word = escape(banner)
    return *(f"{word}  {text}" for text in texts), *(() if snapshot.origin == "demo" else (word,))


def tabs(
    places: Sequence[str], names: Sequence[str], shown: str, width: int, *, whole_place: bool = False
) -> tuple[str, tuple[str, ...]]:
    """Return the text for the place and the title of each view, two blanks between all of them, for `width` cells.

    `places` are texts for the place, the longest first; `shown` is the view that one is in. The place is shortened
    first, then the names of the other views, which at last leave nothing but their digits; a `whole_place` is cut
    only after those.
    """
    full = tuple(f"{place} {name.capitalize()}" for place, name in enumerate(names, 1))
    short = tuple(
        title if name == shown else f"{place} {_SHORT.get(name, name)}"
        for place, (name, title) in enumerate(zip(names, full, strict=True), 1)
    )
    digits = tuple(
        title if name == shown else str(place) for place, (name, title) in enumerate(zip(names, full, strict=True), 1)
    )
    for titles in (full, short, digits):
        room = width - len("  ".join(titles)) - 2
        if whole := next((text for text in places if text and len(text) <= room), ""):
            return whole, titles
        if room >= _SHORTEST_HOST and places and (titles is digits or not whole_place):
            return _shortened(places[-1], room), titles
        if room >= -2 and titles is digits:
            return "", titles
    return "", digits


def totals(snapshot: Snapshot) -> tuple[Total, ...]:
    """Return how much there is of everything, what matters most first."""
    director, host = snapshot.reading.director, snapshot.host
    flow = sum_stats(snapshot.reading.services.get(key) for key in director.pools)
    servers = sum(len(pool.servers) for pool in director.pools.values())
    found = []
    if flow:
        found.append(Total(compact(flow.connection_rate), "conn/s"))
        found.append(byte_rate("in", flow.in_byte_rate))
        found.append(byte_rate("out", flow.out_byte_rate))
    found += [counted(len(director.pools), "service"), counted(servers, "server")]
    found += [
        Total(f"{value:.0f}", f"% {what}")
        for what, value in (("cpu", host.cpu), ("softirq", host.softirq))
        if value is not None
    ]
    return tuple(found)


def counted(number: int, one: str, many: str = "") -> Total:
    """Return a count of things; `many` is their word where it is not that of one with an s."""
    return Total(compact(number), one if number == 1 else many or f"{one}s")


def byte_rate(before: str, rate: float) -> Total:
    """Return bytes per second: `in 248 kB/s`."""
    number = compact(rate)
    prefix = number[-1] if number[-1].isalpha() else ""
    return Total(number.removesuffix(prefix) if prefix else number, f"{prefix}B/s", before)


def words(snapshot: Snapshot, bearings: Bearings) -> tuple[Word, ...]:
    """Return the words of state, trouble first."""
    if not snapshot.origin:
        return (Word("not read yet"),)
    here, every = snapshot.here, f"every {bearings.interval:g} s"
    # Each once; another lvstui is counted as a person.
    owners = dict.fromkeys(owner.program for owner in snapshot.owners if owner.program != OWN_NAME)
    found = (
        Word(_stale(bearings.age), Tone.BAD, command="read"),
        *_troubles(snapshot.health),
        Word(f"on trial {bearings.countdown.clock}" if bearings.countdown else "", Tone.WARN, "changes"),
        Word(_cut(f"netns {here.netns}") if here.netns else "", Tone.WARN),
        Word("read-only" if snapshot.read_only else "", Tone.WARN),
        Word("paused" if snapshot.paused else "", Tone.WARN, command="pause"),
        Word(f"{len(snapshot.others) + 1} here" if snapshot.others else "", Tone.WARN),
        Word(" ".join(owners), Tone.WARN, "director"),
        *(
            Word(f"{count} staged" if view == bearings.view else f"{count} staged in {view}", Tone.STAGED, view)
            for view, count in bearings.staged.items()
            if count
        ),
        *bearings.words,
        Word(every if bearings.unusual and not snapshot.paused else "", command="interval"),
        Word(f"advice {bearings.advised}" if bearings.advised else "", command="advice"),
        _profile(snapshot.profile, here),
    )
    shown = [word._replace(text=escape(word.text)) for word in found if word.text]
    return tuple(sorted(shown, key=lambda word: _RANK.get(word.tone, len(_RANK))))


def status(
    snapshot: Snapshot, bearings: Bearings, width: int
) -> tuple[tuple[Total, ...], tuple[tuple[Word, ...], ...]]:
    """Return the totals and the lines of words that fit into `width` cells.

    Words are never cut nor left out, and take a second line where one is too narrow; the totals stand before the words
    of the first one, and fall away from the right.
    """
    lines: list[list[Word]] = [[]]
    for word in words(snapshot, bearings):
        if lines[-1] and _long([*lines[-1], word]) > width:
            lines.append([])
        lines[-1].append(word)
    kept = list(totals(snapshot) if snapshot.origin else ())
    if not bearings.unusual:
        kept.append(Total(f"{bearings.interval:g}", "s", "every"))
    room = width - _long(lines[0]) - 2
    while kept and _long(kept) > room:
        del kept[-1]
    return tuple(kept), tuple(map(tuple, lines))


def way_back(path: Sequence[str], filter: str, width: int) -> tuple[str, str]:
    """Return the way that led here, `Services > shop > web2`, and what narrows the rows, for a line of `width` cells.

    Where both are too long together, the beginning of the way is left out, then the end of the filter.
    """
    narrowed = f"filter {escape(filter)}" if filter else ""
    room = max(width // 2, width - len(narrowed) - 3) if narrowed else width
    steps = [escape(step) for step in path]
    way = " > ".join(steps)
    while len(way) > room and len(steps) > 1:
        del steps[0]
        way = " > ".join(("..", *steps))
    way = _shortened(way, room)
    return way, _shortened(narrowed, width - len(way) - 3 if way else width)


def _shortened(text: str, width: int) -> str:
    """Cut the end of a text off where it is too long, with the sign that says so in all tables."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}{UNICODE.cut}"[: max(0, width)]


def _stale(age: float) -> str:
    if math.isinf(age):
        return "cannot be read"
    return f"read {span(age)} ago" if age else ""


def _troubles(health: Health) -> list[Word]:
    """Count the real servers in trouble by what it is."""
    found = [verdict.trouble.value for verdict in health.values()]
    return [
        Word(f"{found.count(trouble.value)} {trouble.value}", Tone.BAD, "services", f"state={trouble.value}")
        for trouble in Trouble
        if trouble.value in found
    ]


def _long(pieces: Sequence[Total] | Sequence[Word]) -> int:
    return len("  ".join(piece.text for piece in pieces))


def _cut(text: str) -> str:
    """Cut what names of others make long, so that the line stays one."""
    return _shortened(text, _LONGEST)


def _profile(state: ProfileState, here: Home) -> Word:
    if not state.path:
        return Word("no profile")
    if state.saved and is_foreign(state.saved.home, here):
        return Word(_cut(f"profile of {home_text(state.saved.home)}"), Tone.BAD, "changes")
    if state.unsaved:
        return Word(f"{state.unsaved} unsaved", Tone.BAD, "changes")
    if state.trouble:
        return Word("profile unreadable", Tone.BAD, "changes")
    if not state.exists:
        return Word("no profile yet", view="changes")
    if state.drift:
        return Word(f"{len(state.drift)} differ{'s' if len(state.drift) == 1 else ''}", Tone.WARN, "changes")
    return Word("saved", view="changes")
