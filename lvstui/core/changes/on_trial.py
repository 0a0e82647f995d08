"""A change on trial in the changes view: its rows above the drift, and what became of earlier ones in the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from lvstui.core.change import Change
from lvstui.core.describe import describe
from lvstui.core.keys import with_keys
from lvstui.core.model import Director
from lvstui.core.record import Kind, Record
from lvstui.core.trial import Pending
from lvstui.core.view.table import Cell, Tone


@dataclass(frozen=True, slots=True)
class TrialKey:
    """A change on trial by its place, counted from 1; 0 is their heading."""

    place: int


TRIAL: Final = TrialKey(0)


class TrialRow(NamedTuple):
    """A change on trial, who made it, and the names of the services."""

    change: Change
    pending: Pending
    today: bool
    director: Director


def keys(pending: Pending | None) -> list[TrialKey]:
    """Return the keys of what is on trial, without their heading."""
    return [TrialKey(place) for place in range(1, len(pending.changes) + 1)] if pending else []


def heading(clock: str) -> Cell:
    """Return what the heading says, when the clock shows this."""
    return Cell(f"taken back in {clock} unless kept", Tone.WARN)


def text(row: TrialRow) -> str:
    """Return all that a filter finds a row by, in lower case."""
    return f"trial {row.pending.who} {describe(row.change, row.director)}".casefold()


def sentence(row: TrialRow) -> str:
    """Return a row in a sentence below the table."""
    ways = with_keys("{K:keep} keeps it, {R:extend} gives it longer, {z:undo} takes it back now")
    rest = ways if row.pending.may_decide else row.pending.why_not
    return f"on trial by {row.pending.who}: {describe(row.change, row.director)}; {rest}"


_ENDS: Final = {Kind.KEEP: "kept", Kind.TAKE_BACK: "taken back"}


def fates(records: Sequence[Record], pending: Pending | None) -> Mapping[int, Cell]:
    """Return what became of each trial in the history, by the number of the record of its begin."""
    found: dict[int, Cell] = {}
    last = 0
    for record in records:
        if record.kind is Kind.TRIAL:
            last = record.number
        elif record.kind in _ENDS and last:
            found[last] = Cell(_ENDS[record.kind], Tone.SECONDARY)
            last = 0
    if last and pending is not None:
        found[last] = Cell("on trial", Tone.WARN)
    return found
