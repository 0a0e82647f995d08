"""Everything about one row of the changes view: what is on trial, a difference, a record of the history, an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from lvstui.core import fields
from lvstui.core.change import Change, undo
from lvstui.core.changes.events import EventRow, facts, undoable
from lvstui.core.changes.on_trial import TRIAL, TrialRow
from lvstui.core.changes.rows import (
    DRIFT,
    ChangeLook,
    DriftKey,
    DriftRow,
    HeadingRow,
    Key,
    RecordRow,
    chosen,
    complete_differences,
    row_of,
)
from lvstui.core.describe import describe, title_of, value_text
from lvstui.core.home import home_text
from lvstui.core.keys import with_keys
from lvstui.core.model import NOBODYS, Director
from lvstui.core.observed import Reading
from lvstui.core.record import Record, find_conflicts, stamp
from lvstui.core.snapshot import Snapshot
from lvstui.core.trial import Guard, Pending
from lvstui.core.view.detail import Block, Commands, Line, labelled, paragraph
from lvstui.core.view.table import Cell, Tone
from lvstui.core.words import count

_MOST: Final = 100
"""Changes of one thing that are shown, so that a whole table that was restored is no work at each reading."""

_INDENT: Final = "  "


Losses: TypeAlias = Callable[[Sequence[Change], Reading], Sequence[str]]
"""Returns what of changes does not come back when they are taken back."""


def detail(
    snapshot: Snapshot, look: ChangeLook, key: Key, width: int, commands: Commands, losses: Losses
) -> Sequence[Block]:
    """Return what is known of a row; nothing where it is gone."""
    match row_of(snapshot, look, key):
        case TrialRow(change, pending):
            return [*_of_trial(snapshot, pending, (change,), width, commands, losses)]
        case HeadingRow() if key == TRIAL and snapshot.trial:
            return [*_of_trial(snapshot, snapshot.trial, snapshot.trial.changes, width, commands, losses)]
        case DriftRow(change) if isinstance(key, DriftKey):
            return [*_of_difference(snapshot, key, change, width, commands)]
        case HeadingRow() if key == DRIFT:
            return [*_of_drift(snapshot, width, commands)]
        case RecordRow(record, director):
            return [*_of_record(record, director, width, commands)]
        case EventRow() as seen:
            return [*_of_event(seen, snapshot.reading.director, width, commands)]
        case _:
            return ()


_GUARDS: Final = {
    Guard.SYSTEMD: "a timer of systemd, also when this lvstui or its connection ends",
    Guard.PROCESS: "a process of its own, also when this lvstui or its connection ends",
    Guard.SCREEN: "this lvstui, as this is a demo",
}


def _of_trial(
    snapshot: Snapshot, pending: Pending, changes: Sequence[Change], width: int, commands: Commands, losses: Losses
) -> Iterator[Block]:
    director = snapshot.reading.director
    lines: list[Line] = [
        *labelled("When", f"{stamp(pending.since)}, for {pending.seconds:g} s at first", width),
        *labelled("Who", pending.who, width),
        *labelled("Guard", f"taken back by {_GUARDS[pending.guard]}", width),
    ]
    yield Block(title_of(changes[0], director) if changes else "", "", "on trial", lines)
    yield Block(count(len(changes), "change"), lines=[*_made(changes, director, width, commands)])
    back = undo(changes)
    gone = [line for sentence in losses(changes, snapshot.reading) for line in paragraph(sentence, width)]
    if gone:
        yield Block("What does not come back", lines=gone)
    title = with_keys("{K:keep} keeps it, {R:extend} gives it longer, {z:undo} takes it back now")
    if not pending.may_decide:
        yield Block("Who decides", lines=paragraph(f"{pending.why_not}.", width))
        title = "What takes it back"
    yield Block(title, lines=[*_made(back, director, width, commands)])


def _of_difference(
    snapshot: Snapshot, key: DriftKey, change: Change, width: int, commands: Commands
) -> Iterator[Block]:
    kernel = [
        *labelled("Kernel", value_text(change.before) or "does not have it", width),
        *labelled("Profile", value_text(change.after) or "does not have it", width),
    ]
    yield Block(title_of(change, snapshot.reading.director), "", "differs", kernel)
    yield from _ways(snapshot, chosen(snapshot, (), key), width, commands)


def _of_drift(snapshot: Snapshot, width: int, commands: Commands) -> Iterator[Block]:
    profile, drift = snapshot.profile, snapshot.profile.drift
    if not profile.path or not profile.exists:
        text = (
            with_keys("{w:save} saves all that the kernel holds into the profile.")
            if profile.path
            else "Start with --profile FILE."
        )
        yield Block("There is no profile", profile.path, lines=paragraph(text, width))
    elif not drift:
        yield Block("Kernel and profile agree", profile.path)
    else:
        yield Block("Kernel and profile differ", profile.path, count(len(drift), "difference"))
        yield from _ways(snapshot, drift, width, commands)


def _ways(snapshot: Snapshot, meant: Sequence[Change], width: int, commands: Commands) -> Iterator[Block]:
    """Yield both ways to settle differences: the profile's side into the kernel, the kernel's into the profile."""
    director = snapshot.reading.director
    wanted = complete_differences(snapshot, meant)
    yield Block(
        with_keys("{b:changes.put-back} stages the profile's side"),
        lines=[*_made(wanted, director, width, commands)],
    )
    kept = undo(meant)
    lines = [line for change in kept[:_MOST] for line in paragraph(describe(change, director), width)]
    yield Block(with_keys("{C:changes.copy} copies the kernel's side into the profile"), lines=[*lines, *_more(kept)])


def _of_record(record: Record, director: Director, width: int, commands: Commands) -> Iterator[Block]:
    source = f" from {record.source}" if record.source else ""
    lines: list[Line] = [
        *labelled("When", f"{stamp(record.time)}", width),
        *labelled("Who", f"{record.user}{source}, lvstui with pid {record.pid}", width),
        *labelled("How", record.kind.value, width),
    ]
    if record.home != NOBODYS:
        lines += labelled("Where", f"on {home_text(record.home)}", width)
    if record.interrupted:
        lines += labelled(
            "", "its lvstui was killed in the middle; a later one recorded what it found", width, Tone.WARN
        )
    made, entries = record.changes, record.entries
    first = describe(made[0], director) if made else fields.visible(entries[0]) if entries else "nothing"
    yield Block(first, "", f"record {record.number}", lines)
    if made:
        yield Block(count(len(made), "change"), lines=[*_made(made, director, width, commands)])
    if entries:
        told = [line for entry in entries[:_MOST] for line in paragraph(entry, width)]
        yield Block("Persistence entries", "", count(len(entries), "edit"), [*told, *_more(entries)])
    if entries:
        text = "Edits of persistence entries cannot be undone: edit the entries again."
        yield Block("Undo", lines=paragraph(text, width, Tone.SECONDARY))
    elif made:
        yield _undo(undo(made), director, width, commands)


def _of_event(seen: EventRow, director: Director, width: int, commands: Commands) -> Iterator[Block]:
    event = seen.event
    lines = [line for label, text in facts(event) for line in labelled(label, text, width)]
    yield Block(event.found.text, "", event.state, lines)
    made, total = event.found.changes, event.found.total
    if made:
        more = f"the first {len(made)} of them" if total > len(made) else ""
        yield Block(count(max(total, len(made)), "change"), more, "", [*_made(made, director, width, commands)])
    if event.found.happening.is_foreign:
        if back := undoable(event):
            yield _undo(undo(back), director, width, commands)
        else:
            text = "Only an edit of which all changes are known can be taken back."
            yield Block("Undo", lines=paragraph(text, width, Tone.SECONDARY))


def _undo(back: Sequence[Change], director: Director, width: int, commands: Commands) -> Block:
    """Return what u stages, and what is not as it would have to be for that."""
    lines = [*_made(back, director, width, commands)]
    for conflict in find_conflicts(back[:_MOST], director) if len(back) <= _MOST else ():
        text = f"not as it was left then: {describe(conflict, director)}; Enter asks what to do"
        lines += paragraph(text, width, Tone.WARN)
    return Block(with_keys("{u:changes.undo} stages the undo"), lines=lines)


def _made(changes: Sequence[Change], director: Director, width: int, commands: Commands) -> Iterator[Line]:
    """Yield changes, each with the commands that do the same below it."""
    for change in changes[:_MOST]:
        yield from paragraph(describe(change, director), width)
        for command in commands(change):
            for line in paragraph(command, width - len(_INDENT), Tone.SECONDARY):
                yield Cell(_INDENT), *line
    yield from _more(changes)


def _more(shown: Sequence[object]) -> Iterator[Line]:
    if len(shown) > _MOST:
        yield (Cell(f"and {len(shown) - _MOST:,} more", Tone.SECONDARY),)
