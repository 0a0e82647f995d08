"""What the changes view shows: where kernel and profile differ, and what was done before; all of it pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, assert_never

from lvstui.core.change import (
    Change,
    DirectorName,
    ManageSync,
    MarkChange,
    ServerChange,
    ServiceChange,
    SyncChange,
    SysctlChange,
    TimeoutsChange,
)
from lvstui.core.describe import describe
from lvstui.core.fields import ROLE_WORDS, visible
from lvstui.core.model import Director, Endpoint, ServiceKey
from lvstui.core.record import Record, lines, matches
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell, Column, Tone

CHANGE_COLUMNS = (
    Column("when", "When (UTC)", 13, 1),
    Column("who", "Who", 10, 3, grow=1),
    Column("kind", "How", 8, 4),
    Column("what", "What", 62, 1, grow=5),
)


class Subject(NamedTuple):
    """The thing that a change is about, whatever becomes of it."""

    kind: str
    service: ServiceKey | None = None
    endpoint: Endpoint | None = None


class DriftKey(NamedTuple):
    """A line of the drift; with no subject, its heading."""

    subject: Subject | None


class RecordKey(NamedTuple):
    """A record of the history by its number; 0 is the heading, as records count from 1."""

    number: int


Key: TypeAlias = DriftKey | RecordKey

DRIFT = DriftKey(None)
HISTORY = RecordKey(0)


@dataclass(frozen=True, slots=True)
class Look:
    """How an operator looks at the changes: the filter."""

    filter: str = ""


def subject(change: Change) -> Subject:
    """Name the thing that a change is about."""
    match change:
        case ServiceChange():
            return Subject("service", change.key)
        case ServerChange(key):
            return Subject("server", key, change.endpoint)
        case MarkChange():
            return Subject(f"mark {change.mark}")
        case TimeoutsChange():
            return Subject("timeouts")
        case SyncChange():
            return Subject(f"sync {ROLE_WORDS[change.role]}")
        case SysctlChange(name):
            return Subject(f"sysctl {name}")
        case ManageSync():
            return Subject("sync")
        case DirectorName():
            return Subject("name")
        case _:
            assert_never(change)


def by_subject(drift: Iterable[Change]) -> Mapping[Subject, Change]:
    """Give the differences by what they are about, for the functions below; worth keeping while the drift stays."""
    return {subject(change): change for change in drift}


def rows(snapshot: Snapshot, found: Mapping[Subject, Change], look: Look) -> list[Key]:
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


def cells(snapshot: Snapshot, found: Mapping[Subject, Change], key: Key) -> tuple[Cell, ...]:
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
    meant = {change for change in drift if DriftKey(subject(change)) in keys}
    whole = {change.key for change in meant if isinstance(change, ServiceChange) and _comes_or_goes(change)}
    return tuple(c for c in drift if c in meant or (isinstance(c, ServerChange) and c.service in whole))


def restored(snapshot: Snapshot, meant: Sequence[Change]) -> tuple[Change, ...]:
    """Complete differences to what the kernel can be told: no server without the service that it lacks so far."""
    kept = set(meant)
    needed = {change.service for change in kept if isinstance(change, ServerChange)}
    return tuple(
        change
        for change in snapshot.profile.drift
        if change in kept or (isinstance(change, ServiceChange) and change.before is None and change.key in needed)
    )


def _comes_or_goes(change: ServiceChange) -> bool:
    return change.before is None or change.after is None


def details(record: Record, director: Director) -> list[str]:
    """Write out every change of a record, a line each."""
    return list(lines(record, director))


def sentence(snapshot: Snapshot, found: Mapping[Subject, Change], key: Key) -> str:
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
