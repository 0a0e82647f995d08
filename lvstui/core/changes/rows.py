"""What the changes view shows: where kernel and profile differ, and what was done before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, assert_never

from lvstui.core.change import Change, Target
from lvstui.core.describe import describe
from lvstui.core.fields import visible
from lvstui.core.model import Director, ServerKey
from lvstui.core.record import Record, lines, matches
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Arranged, Cell, Column, Tone

CHANGE_COLUMNS = (
    Column("when", "When (UTC)", 13, 1),
    Column("who", "Who", 10, 3, grow=1),
    Column("kind", "How", 8, 4),
    Column("what", "What", 62, 1, grow=5),
)


class DriftKey(NamedTuple):
    """A line of the drift by what differs; with no target, its heading."""

    target: Target | None


class RecordKey(NamedTuple):
    """A record of the history by its number; 0 is the heading, as records count from 1."""

    number: int


Key: TypeAlias = DriftKey | RecordKey

DRIFT = DriftKey(None)
HISTORY = RecordKey(0)


@dataclass(frozen=True, slots=True)
class Look(Arranged):
    """How an operator looks at the changes: the filter."""

    filter: str = ""


def by_target(drift: Iterable[Change]) -> Mapping[Target, Change]:
    """Return the differences by their targets, for the functions below; worth keeping while the drift stays."""
    return {change.target: change for change in drift}


def rows(snapshot: Snapshot, found: Mapping[Target, Change], look: Look) -> list[Key]:
    """List the drift in the order in which it would be restored, then the history, newest first.

    A filter keeps the lines that say all of its words (`!word`: do not say it).
    """
    shown: list[Key] = [DRIFT]
    records: Iterable[Record] = reversed(snapshot.changes)
    if look.filter:
        director = snapshot.reading.director
        yes = [word for word in look.filter.split() if not _negates(word)]
        no = [word[1:] for word in look.filter.split() if _negates(word)]
        shown += [DriftKey(about) for about, change in found.items() if _says(describe(change, director), yes, no)]
        records = [r for r in records if matches(r, yes, director) and not any(matches(r, [w], director) for w in no)]
    else:
        shown += map(DriftKey, found)
    return [*shown, HISTORY, *(RecordKey(record.number) for record in records)]


def cells(snapshot: Snapshot, found: Mapping[Target, Change], key: Key) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of CHANGE_COLUMNS."""
    match key:
        case DriftKey(None):
            return _drift_heading(snapshot)
        case DriftKey(about):
            change = found.get(about) if about else None
            told = describe(change, snapshot.reading.director) if change else ""
            return (Cell("  now", Tone.WARN), Cell(""), Cell("drift", Tone.WARN), Cell(told))
        case RecordKey(0):
            count = _count(len(snapshot.changes), "record") if snapshot.changes else "nothing yet"
            return (Cell("History", Tone.STRONG), Cell(""), Cell(""), Cell(count, Tone.DIM))
        case RecordKey(number):
            return _record_cells(snapshot, find(snapshot, number))
        case _:
            assert_never(key)


def find(snapshot: Snapshot, number: int) -> Record | None:
    """Find a record by its number."""
    return next((record for record in snapshot.changes if record.number == number), None)


def chosen(snapshot: Snapshot, marked: Collection[Key], cursor: Key | None) -> tuple[Change, ...]:
    """Give the differences that an operator means: the marked ones, else the one under the cursor, its heading for all.

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


def restored(snapshot: Snapshot, meant: Sequence[Change]) -> tuple[Change, ...]:
    """Complete differences to what the kernel can be told: no server without the service that it lacks so far."""
    kept = {change.target for change in meant}
    needed = {target.service for target in kept if isinstance(target, ServerKey)}
    return tuple(
        change
        for change in snapshot.profile.drift
        if change.target in kept or (change.target in needed and change.before is None)
    )


def details(record: Record, director: Director) -> list[str]:
    """Write out every change of a record, a line each."""
    return list(lines(record, director))


def sentence(snapshot: Snapshot, found: Mapping[Target, Change], key: Key) -> str:
    """Say in full what a row's line has no room for."""
    director = snapshot.reading.director
    match key:
        case DriftKey(None):
            return ""
        case DriftKey(about):
            change = found.get(about) if about else None
            return f"kernel -> profile: {describe(change, director)}" if change else ""
        case RecordKey(number):
            record = find(snapshot, number)
            return f"{record.title}: {_summary(record, director)}" if record else ""
        case _:
            assert_never(key)


def _drift_heading(snapshot: Snapshot) -> tuple[Cell, ...]:
    profile = snapshot.profile
    count = len(profile.drift)
    if not profile.path or not profile.exists:
        told = Cell("there is no profile yet: w saves one" if profile.path else "no profile", Tone.DIM)
    elif count:
        told = Cell(f"{_count(count, 'difference')}, from the kernel's side to the profile's", Tone.WARN)
    else:
        told = Cell("the kernel holds what the profile says", Tone.GOOD)
    return (Cell("Drift", Tone.STRONG), Cell(""), Cell(""), told)


def _record_cells(snapshot: Snapshot, record: Record | None) -> tuple[Cell, ...]:
    if record is None:
        return tuple(Cell("") for _ in CHANGE_COLUMNS)
    who = f"{record.user} {record.source}".rstrip()
    return (
        Cell(f"  {record.time:%m-%d %H:%M}"),
        Cell(who, Tone.NAME),
        Cell(record.kind.value, Tone.DIM),
        Cell(_summary(record, snapshot.reading.director)),
    )


def _summary(record: Record, director: Director) -> str:
    first = describe(record.changes[0], director) if record.changes else "".join(map(visible, record.entries[:1]))
    more = len(record.changes) + len(record.entries) - 1
    return f"{first}{f' and {more} more' if more > 0 else ''}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _negates(word: str) -> bool:
    return len(word) > 1 and word.startswith("!")


def _says(line: str, wanted: Iterable[str], unwanted: Iterable[str]) -> bool:
    text = f"drift {line}".casefold()
    return all(word.casefold() in text for word in wanted) and not any(word.casefold() in text for word in unwanted)
