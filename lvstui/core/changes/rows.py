"""What the changes view shows: where kernel and profile differ, and what was done before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core.change import Change, Target
from lvstui.core.describe import describe
from lvstui.core.fields import visible
from lvstui.core.model import Director, ServerKey
from lvstui.core.record import Record, heading, lines
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import Filter, Language
from lvstui.core.view.table import Arranged, Cell, RowColumn, Tone
from lvstui.core.view.table import cells as row_cells


class DriftKey(NamedTuple):
    """A line of the drift by what differs; with no target, its heading."""

    target: Target | None


class RecordKey(NamedTuple):
    """A record of the history by its number; 0 is the heading, as records count from 1."""

    number: int


Key: TypeAlias = DriftKey | RecordKey

DRIFT = DriftKey(None)
HISTORY = RecordKey(0)


class HeadingRow(NamedTuple):
    """The heading of the drift or of the history."""

    title: str
    what: Cell


class DriftRow(NamedTuple):
    """A difference, from the kernel's side to the profile's; `director` lends the names of the services."""

    change: Change
    director: Director


class RecordRow(NamedTuple):
    """A record of the history."""

    record: Record
    director: Director


Row: TypeAlias = HeadingRow | DriftRow | RecordRow


@dataclass(frozen=True, slots=True)
class ChangeLook(Arranged):
    """How an operator looks at the changes: the filter."""

    filter: Filter[DriftRow | RecordRow] = field(default_factory=Filter)


def _when(row: Row) -> Cell:
    match row:
        case HeadingRow(title):
            return Cell(title, Tone.STRONG)
        case DriftRow():
            return Cell("  now", Tone.WARN)
        case RecordRow(record):
            return Cell(f"  {record.time:%m-%d %H:%M}")


def _who(row: Row) -> Cell:
    return (
        Cell(f"{row.record.user} {row.record.source}".rstrip(), Tone.NAME) if isinstance(row, RecordRow) else Cell("")
    )


def _kind(row: Row) -> Cell:
    match row:
        case HeadingRow():
            return Cell("")
        case DriftRow():
            return Cell("drift", Tone.WARN)
        case RecordRow(record):
            return Cell(record.kind.value, Tone.DIM)


def _what(row: Row) -> Cell:
    match row:
        case HeadingRow(_, what):
            return what
        case DriftRow(change, director):
            return Cell(describe(change, director))
        case RecordRow(record, director):
            return Cell(_summary(record, director))


CHANGE_COLUMNS: Final[tuple[RowColumn[Row], ...]] = (
    RowColumn("when", "When (UTC)", 13, 1, cell=_when),
    RowColumn("who", "Who", 10, 3, grow=1, cell=_who),
    RowColumn("kind", "How", 8, 4, cell=_kind),
    RowColumn("what", "What", 62, 1, grow=5, cell=_what),
)


def _text(row: DriftRow | RecordRow) -> str:
    if isinstance(row, DriftRow):
        return f"drift {describe(row.change, row.director)}".casefold()
    return "\n".join((heading(row.record, row.director), *lines(row.record, row.director))).casefold()


LANGUAGE: Final[Language[DriftRow | RecordRow]] = Language(text=_text)
"""What a filter can ask of changes: the words that they show, of a record all of its lines."""


def by_target(drift: Sequence[Change]) -> Mapping[Target, Change]:
    """Return the differences by their targets."""
    return {change.target: change for change in drift}


def rows(snapshot: Snapshot, look: ChangeLook) -> list[Key]:
    """List the drift in the order in which it would be restored, then the history, newest first."""
    director, wanted = snapshot.reading.director, look.filter.holds
    drift = [DriftKey(change.target) for change in snapshot.profile.drift if wanted(DriftRow(change, director))]
    records = [record for record in reversed(snapshot.changes) if wanted(RecordRow(record, director))]
    return [DRIFT, *drift, HISTORY, *(RecordKey(record.number) for record in records)]


def cells(snapshot: Snapshot, look: ChangeLook, key: Key) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of CHANGE_COLUMNS."""
    return row_cells(CHANGE_COLUMNS, look, _row(snapshot, key))


def _row(snapshot: Snapshot, key: Key) -> Row | None:
    """Return the row of a key; None for one that is gone."""
    director = snapshot.reading.director
    match key:
        case DriftKey(None):
            return HeadingRow("Drift", _drift_heading(snapshot))
        case DriftKey(target):
            change = snapshot.derive(by_target, snapshot.profile.drift).get(target) if target else None
            return DriftRow(change, director) if change else None
        case RecordKey(0):
            count = _count(len(snapshot.changes), "record") if snapshot.changes else "nothing yet"
            return HeadingRow("History", Cell(count, Tone.DIM))
        case RecordKey(number):
            record = find(snapshot, number)
            return RecordRow(record, director) if record else None
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
    match _row(snapshot, key):
        case DriftRow(change, director):
            return f"kernel -> profile: {describe(change, director)}"
        case RecordRow(record, director):
            return f"{heading(record, director)}: {_summary(record, director)}"
        case _:
            return ""


def _drift_heading(snapshot: Snapshot) -> Cell:
    profile = snapshot.profile
    if not profile.path or not profile.exists:
        return Cell("there is no profile yet: w saves one" if profile.path else "no profile", Tone.DIM)
    if count := len(profile.drift):
        return Cell(f"{_count(count, 'difference')}, from the kernel's side to the profile's", Tone.WARN)
    return Cell("the kernel holds what the profile says", Tone.GOOD)


def _summary(record: Record, director: Director) -> str:
    first = describe(record.changes[0], director) if record.changes else "".join(map(visible, record.entries[:1]))
    more = len(record.changes) + len(record.entries) - 1
    return f"{first}{f' and {more} more' if more > 0 else ''}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
