"""What the changes view shows: where kernel and profile differ, and what was done before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import merge
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core.change import Change, Target
from lvstui.core.changes import events, on_trial
from lvstui.core.changes.events import EventKey, EventRow
from lvstui.core.changes.on_trial import TRIAL, TrialKey, TrialRow
from lvstui.core.describe import describe
from lvstui.core.events.event import Event
from lvstui.core.keys import with_keys
from lvstui.core.model import Director, ServerKey
from lvstui.core.record import Record, heading, lines, summary
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import Filter, Language, Text
from lvstui.core.view.table import Arranged, Cell, RowColumn, Tone
from lvstui.core.view.table import cells as row_cells
from lvstui.core.words import count


class DriftKey(NamedTuple):
    """A line of the drift by what differs; with no target, its heading."""

    target: Target | None


class RecordKey(NamedTuple):
    """A record of the history by its number; 0 is the heading of an empty history, as records count from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class DayKey:
    """The heading of what was done and seen on one day (UTC)."""

    day: date


Key: TypeAlias = TrialKey | DriftKey | RecordKey | EventKey | DayKey

DRIFT = DriftKey(None)
HISTORY = RecordKey(0)


class HeadingRow(NamedTuple):
    """The heading of the drift, of a day, or of an empty history."""

    title: str
    what: Cell


class DriftRow(NamedTuple):
    """A difference, from the kernel's side to the profile's; `director` lends the names of the services."""

    change: Change
    director: Director


class RecordRow(NamedTuple):
    """A record of the history; one of `today` shows its seconds; `state` is what became of what it put on trial."""

    record: Record
    director: Director
    today: bool = False
    state: Cell = Cell("")


ContentRow: TypeAlias = TrialRow | DriftRow | RecordRow | EventRow
"""What a filter is asked about: every row but the headings."""

Row: TypeAlias = HeadingRow | ContentRow


@dataclass(frozen=True, slots=True)
class ChangeLook(Arranged):
    """How an operator looks at the changes: the filter, which day it is (UTC), and the clock of what is on trial."""

    filter: Filter[ContentRow] = field(default_factory=Filter)
    today: date | None = None
    clock: str = ""


def _when(row: Row) -> Cell:
    match row:
        case HeadingRow(title):
            return Cell(title, Tone.STRONG)
        case DriftRow():
            return Cell("  now", Tone.WARN)
        case TrialRow(_, pending, today):
            return Cell(_time(pending.since, today=today))
        case RecordRow(record, _, today):
            return Cell(_time(record.time, today=today))
        case EventRow(event, today):
            return Cell(_time(event.time, today=today))


def _time(time: datetime, *, today: bool) -> str:
    return f"  {time:%H:%M:%S}" if today else f"  {time:%m-%d %H:%M}"


def _who(row: Row) -> Cell:
    match row:
        case TrialRow(_, pending):
            return Cell(pending.trial.record.user)
        case RecordRow(record):
            return Cell(record.user)
        case EventRow(event):
            return Cell(events.author(event))
        case _:
            return Cell("")


def _kind(row: Row) -> Cell:
    match row:
        case HeadingRow():
            return Cell("")
        case TrialRow():
            return Cell("trial", Tone.WARN)
        case DriftRow():
            return Cell("drift", Tone.WARN)
        case RecordRow(record):
            return Cell(record.kind.value, Tone.DIM)
        case EventRow(event):
            return Cell(event.found.how, Tone.DIM)


def _what(row: Row) -> Cell:
    match row:
        case HeadingRow(_, what):
            return what
        case DriftRow(change, director) | TrialRow(change, _, _, director):
            return Cell(describe(change, director, short=True))
        case RecordRow(record, director):
            return Cell(summary(record, director, short=True))
        case EventRow():
            return Cell(events.what(row))


def _state(row: Row) -> Cell:
    match row:
        case TrialRow():
            return Cell("on trial", Tone.WARN)
        case RecordRow():
            return row.state
        case DriftRow():
            return Cell("differs", Tone.WARN)
        case EventRow(event):
            return events.state(event)
        case _:
            return Cell("")


def _number(row: Row) -> Cell:
    """Show the number by which a record is rolled back to and undone."""
    return Cell(str(row.record.number) if isinstance(row, RecordRow) else "", Tone.SECONDARY)


def _source(row: Row) -> Cell:
    return Cell(row.record.source if isinstance(row, RecordRow) else "", Tone.SECONDARY)


CHANGE_COLUMNS: Final[tuple[RowColumn[Row], ...]] = (
    RowColumn("when", "When, UTC", 13, 1, cell=_when),
    RowColumn("number", "No.", 4, 3, right=True, cell=_number),
    RowColumn("who", "Who", 10, 2, grow=1, most=16, cell=_who),
    RowColumn("kind", "How", 8, 1, cell=_kind),
    RowColumn("what", "What", 35, 1, grow=5, cell=_what),
    RowColumn("source", "From", 15, 4, cell=_source),
    RowColumn("state", "State", 10, 3, cell=_state),
)


def _text(row: ContentRow) -> str:
    match row:
        case TrialRow():
            return on_trial.text(row)
        case DriftRow(change, director):
            return f"drift {describe(change, director)}".casefold()
        case RecordRow(record, director):
            return "\n".join((heading(record, director), *lines(record, director))).casefold()
        case EventRow(event):
            return events.text(event)


def _words(row: ContentRow) -> tuple[str, ...] | None:
    word = _state(row).text
    return (word,) if word else None


def _authors(row: ContentRow) -> tuple[str, ...] | None:
    match row:
        case TrialRow(_, pending):
            return pending.trial.record.user, pending.trial.record.source
        case DriftRow():
            return None
        case RecordRow(record):
            return record.user, record.source
        case EventRow(event):
            return (events.author(event),)


LANGUAGE: Final[Language[ContentRow]] = Language(
    text=_text,
    operators=(
        Text("who", "a person, a program, what a state is about: who=keepalived", _authors),
        Text(
            "how", "trial, drift, seen (others did it), state, do, undo ...: how=seen", lambda row: (_kind(row).text,)
        ),
        Text("state", "on (trial), not (ours), differs, refusing ...: state=not", _words, part=True),
    ),
)
"""What a filter can ask of changes: the words that they show, of a record all of its lines, and columns by name."""


def by_target(drift: Sequence[Change]) -> Mapping[Target, Change]:
    """Return the differences by their targets."""
    return {change.target: change for change in drift}


def rows(snapshot: Snapshot, look: ChangeLook) -> list[Key]:
    """List what is on trial, the drift in the order in which it would be restored, and the history, newest first."""
    trial = _on_trial(snapshot, look)
    director, wanted = snapshot.reading.director, look.filter.holds
    drift = [DriftKey(change.target) for change in snapshot.profile.drift if wanted(DriftRow(change, director))]
    past = [key for day, made in _days(snapshot, look).items() for key in (day, *made)]
    return [*trial, DRIFT, *drift, *(past or [HISTORY])]


def _on_trial(snapshot: Snapshot, look: ChangeLook) -> list[Key]:
    """List what is on trial below its heading, which stays when a filter finds nothing of it."""
    if snapshot.trial is None:
        return []
    found = (key for key in on_trial.keys(snapshot.trial) if _is_wanted(snapshot, look, key))
    return [TRIAL, *found]


def _is_wanted(snapshot: Snapshot, look: ChangeLook, key: TrialKey) -> bool:
    row = _trial_row(snapshot, look, key)
    return row is not None and look.filter.holds(row)


def _trial_row(snapshot: Snapshot, look: ChangeLook, key: TrialKey) -> TrialRow | None:
    pending = snapshot.trial
    if pending is None or not 0 < key.place <= len(pending.changes):
        return None
    change, is_today = pending.changes[key.place - 1], pending.since.date() == look.today
    return TrialRow(change, pending, is_today, snapshot.reading.director)


_Past: TypeAlias = Mapping[DayKey, Sequence[RecordKey | EventKey]]


def _days(snapshot: Snapshot, look: ChangeLook) -> _Past:
    return snapshot.derive(_past, snapshot.changes, snapshot.events, snapshot.reading.director, look.filter)


_Timed: TypeAlias = list[tuple[datetime, RecordKey | EventKey]]


def _past(records: Sequence[Record], seen: Sequence[Event], director: Director, wanted: Filter[ContentRow]) -> _Past:
    """Return records and events by their days, newest first."""
    made: _Timed = [(r.time, RecordKey(r.number)) for r in reversed(records) if wanted.holds(RecordRow(r, director))]
    happened: _Timed = [(e.time, EventKey(e.number)) for e in events.listed(seen) if wanted.holds(EventRow(e))]
    days: dict[DayKey, list[RecordKey | EventKey]] = {}
    for time, key in merge(made, happened, key=lambda timed: timed[0], reverse=True):
        days.setdefault(DayKey(time.date()), []).append(key)
    return days


def _day_title(day: date, today: date | None) -> str:
    """Return how a day is called: `Today`, `Yesterday`, `Wed 11-25`, of another year `2025-11-25`."""
    if day == today:
        return "Today"
    if today is not None and day == today - timedelta(days=1):
        return "Yesterday"
    return f"{day:%a %m-%d}" if today is not None and day.year == today.year else f"{day:%Y-%m-%d}"


def cells(snapshot: Snapshot, look: ChangeLook, key: Key) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of CHANGE_COLUMNS."""
    return row_cells(CHANGE_COLUMNS, look, row_of(snapshot, look, key))


def row_of(snapshot: Snapshot, look: ChangeLook, key: Key) -> Row | None:
    """Return the row of a key; None for one that is gone."""
    director, today = snapshot.reading.director, look.today
    match key:
        case TrialKey(0):
            trial = snapshot.trial
            return HeadingRow(f"On trial {len(trial.changes)}", on_trial.heading(look.clock)) if trial else None
        case TrialKey():
            return _trial_row(snapshot, look, key)
        case DriftKey(None):
            number = len(snapshot.profile.drift)
            return HeadingRow(f"Drift {number}" if number else "Drift", _drift_heading(snapshot))
        case DriftKey(target):
            change = snapshot.derive(by_target, snapshot.profile.drift).get(target) if target else None
            return DriftRow(change, director) if change else None
        case RecordKey(0):
            text = "nothing that the filter finds" if look.filter else "nothing was done or seen here yet"
            return HeadingRow("History", Cell(text, Tone.DIM))
        case RecordKey(number):
            record = find(snapshot, number)
            fates = snapshot.derive(on_trial.fates, snapshot.changes, snapshot.trial)
            state = fates.get(number, Cell(""))
            return RecordRow(record, director, record.time.date() == today, state) if record else None
        case EventKey():
            event = events.find_event(snapshot, key)
            return EventRow(event, event.time.date() == today, director) if event else None
        case DayKey(day):
            return HeadingRow(f"{_day_title(day, today)} {len(_days(snapshot, look).get(key, ()))}", Cell(""))
        case _:
            assert_never(key)


def find(snapshot: Snapshot, number: int) -> Record | None:
    """Find a record by its number."""
    return snapshot.derive(_by_number, snapshot.changes).get(number)


def _by_number(records: Sequence[Record]) -> Mapping[int, Record]:
    return {record.number: record for record in records}


def chosen(snapshot: Snapshot, marked: Collection[Key], cursor: Key | None) -> tuple[Change, ...]:
    """Return the differences that are meant: the marked ones, else the one under the cursor, its heading for all.

    What is meant of a whole service is meant of its servers too.
    """
    drift = snapshot.profile.drift
    marks: list[Key | None] = [key for key in marked if isinstance(key, DriftKey)]
    keys = marks or [cursor]
    if DRIFT in keys:
        return drift
    meant = {change.target for change in drift if DriftKey(change.target) in keys}
    whole = {change.target for change in drift if change.target in meant and None in (change.before, change.after)}
    return tuple(
        change
        for change in drift
        if change.target in meant or (isinstance(change.target, ServerKey) and change.target.service in whole)
    )


def complete_differences(snapshot: Snapshot, meant: Sequence[Change]) -> tuple[Change, ...]:
    """Complete differences to what can be written to the kernel: no server without the service that it lacks so far."""
    kept = {change.target for change in meant}
    needed = {target.service for target in kept if isinstance(target, ServerKey)}
    return tuple(
        change
        for change in snapshot.profile.drift
        if change.target in kept or (change.target in needed and change.before is None)
    )


def sentence(snapshot: Snapshot, key: Key) -> str:
    """Return in full what a row's line has no room for; empty for a heading."""
    match row_of(snapshot, ChangeLook(), key):
        case TrialRow() as row:
            return on_trial.sentence(row)
        case DriftRow(change, director):
            return f"kernel -> profile: {describe(change, director)}"
        case RecordRow(record, director, state=state):
            fate = f", {state.text}" if state.text else ""
            return f"{heading(record, director)}{fate}: {summary(record, director)}"
        case EventRow(event):
            return events.sentence(event)
        case _:
            return ""


def _drift_heading(snapshot: Snapshot) -> Cell:
    profile = snapshot.profile
    if not profile.path or not profile.exists:
        return Cell(
            with_keys("there is no profile yet: {w:save} saves one") if profile.path else "no profile", Tone.DIM
        )
    if number := len(profile.drift):
        return Cell(f"{count(number, 'difference')}: kernel -> profile", Tone.WARN)
    if snapshot.trial:
        return Cell("the rest is as the profile says", Tone.SECONDARY)
    return Cell("the kernel holds what the profile says", Tone.SECONDARY)
