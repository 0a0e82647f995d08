"""What a killed lvstui was writing: looked up in the kernel, completed in profile and history, and reported.

An edit is journaled before its first write (`store/journal_file.py`). A journal that its process left is held against
the kernel: what holds of the edit was written. The rest is left to the operator, but for the services of a mark group,
which never stay without their rules: the rules decide, and what belongs to them is completed or taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lvstui.core.change import (
    EMPTY,
    Change,
    changes_kernel,
    service_of,
    undo,
)
from lvstui.core.describe import describe
from lvstui.core.drift import add_profile_values
from lvstui.core.entries.edits import uncertain
from lvstui.core.fields import visible
from lvstui.core.home import home_text, is_same_home
from lvstui.core.model import NOBODYS, Director, Home, MarkGroupKey, MarkKey
from lvstui.core.record import Kind, Record, stamp
from lvstui.core.trial import find_held, is_now, is_unknown
from lvstui.engine.messages import Applied, Edit, Event
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.sentences import sentence
from lvstui.engine.writing import Writing
from lvstui.formats.profile.write import ProfileError
from lvstui.formats.records import Unknown, Unreadable, load
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.history_file import HistoryFile
from lvstui.store.journal_file import Left, left_paths, take
from lvstui.store.profile_file import ProfileFile


def recover(
    kernel: Kernel, file: ProfileFile, records: HistoryFile, here: Home = NOBODYS, *, read_only: bool = False
) -> Iterator[str]:
    """Settle what killed processes left beside a profile, and yield what there is to say, in sentences.

    `here` is where the kernel is. Without the right to write, or `read_only`, or where it was another kernel, that
    something is left is all that is said.
    """
    for path in left_paths(file.path):
        try:
            with take(path) as left:
                record = _load(left) if left and left.line else None
                if record is None or _is_recorded(records, record):
                    continue
                if record.number:  # which only the history knows: whoever may rename files here could undo old edits
                    raise KernelError(f"{path} is no journal but a history; put it back, or remove it")
                if not is_same_home(record.home, here):
                    where = home_text(record.home) or "a demo"
                    raise KernelError(f"it was on {where}; start lvstui there, or remove {path}")
                if read_only or kernel.read_only:
                    raise PermissionError
                yield from _settle(kernel, file, records, record, here)
        except PermissionError:
            yield f"an edit was interrupted and is not recorded yet: start lvstui with the right to write ({path})"
        except (KernelError, ProfileError, OSError) as error:
            yield f"an edit was interrupted, and what became of it is not recorded: {error}"


def _load(left: Left) -> Record | None:
    """Read what was left; None for a torn line, whose edit had not begun. Raises `KernelError` for a newer lvstui's."""
    try:
        return load(left.line)
    except Unknown:
        raise KernelError(f"it was made by another version; start that one here, or remove {left.path}") from None
    except Unreadable:
        return None


def _is_recorded(records: HistoryFile, record: Record) -> bool:
    return any(known.time == record.time and known.pid == record.pid for known in records.records())


def _settle(kernel: Kernel, file: ProfileFile, records: HistoryFile, record: Record, here: Home) -> Iterator[str]:
    """Complete profile and history with one edit, and yield what was and what was not written."""
    said: list[str] = []

    def post(event: Event) -> None:
        said.append(sentence(event)[0])

    saved = file.load() or EMPTY
    running = kernel.read().director
    if kernel.read_only:
        raise PermissionError
    if kernel.origin == "demo":
        held = find_held(record.changes, saved)  # that kernel ended with its process; the profile says what was done
    else:
        held = find_held(record.changes, running)
        if repairs := _repairs(record.changes, held, running):
            outcome = Writing(kernel, Edit(repairs)).run()
            if not isinstance(outcome, Applied):
                post(outcome)
            running = kernel.read().director
            held = find_held(record.changes, running)
    if held and record.kind is not Kind.APPLY:
        FollowedProfile(file, kernel, post, here).save(held, add_profile_values(running, saved))
    entries = tuple(map(uncertain, record.entries))
    number = 0
    if held or entries:
        number = records.add(replace(record, changes=held, entries=entries, interrupted=True)).number
    yield _report(record, held, number, add_profile_values(running, saved))
    yield from said


def _repairs(changes: Sequence[Change], held: Sequence[Change], running: Director) -> tuple[Change, ...]:
    """Return the changes after which no service of an edited mark group is there without its rules.

    Rules are written in one step, when all is there for them, and removed before anything else. So where the edit
    came past them the services follow, and where it did not those go back: no packet has met them.
    """
    found: list[Change] = []
    for group in changes:
        if not isinstance(group.target, MarkGroupKey) or is_unknown(group.target, running):
            continue
        mark = group.target.mark
        services = [change for change in changes if changes_kernel(change) and _mark_of(change) == mark]
        if group in held:
            missing = [change for change in services if change not in held]
            found += [change for change in missing if is_now(change.target, change.before, running)]
        else:
            found += undo(change for change in services if change in held)
    return tuple(found)


def _mark_of(change: Change) -> int | None:
    key = service_of(change.target)
    return key.mark if isinstance(key, MarkKey) else None


def _report(record: Record, held: Sequence[Change], number: int, director: Director) -> str:
    """Return in a sentence what was written of an interrupted edit, and how to go on."""
    who = f"{visible(record.user)} at {stamp(record.time)}"
    if record.entries:
        count = f"{len(record.entries)} edits of persistence entries" if len(record.entries) > 1 else record.entries[0]
        return f"interrupted, by {who}: {visible(count)}; may have been done, and is recorded so as {number}"
    written = set(held)
    lost = [change for change in record.changes if change not in written]
    recorded = f", now recorded as {number}" if held else ""
    first = f"an edit by {who} was interrupted: {len(held)} of {len(record.changes)} changes were written{recorded}"
    if not lost:
        return first
    again = "`lvstui apply` again" if record.kind is Kind.APPLY else "repeat the edit"
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    touched = [
        change for change in lost if changes_kernel(change) and not is_now(change.target, change.before, director)
    ]
    others = f" ({len(touched)} of these changed by others since)" if touched else ""
    return f"{first}; not written: {describe(lost[0], director)}{more}{others}: {again} for that"
