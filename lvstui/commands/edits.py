"""The commands that edit: set, add, delete, drain, restore and rollback, on the one way that every edit goes."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import assert_never

from lvstui.commands import wishes
from lvstui.commands.apply import whole_table
from lvstui.commands.history import history_of
from lvstui.commands.neighbours import warn
from lvstui.commands.place import Place
from lvstui.commands.status import Failure, Status
from lvstui.core import rules
from lvstui.core.change import EMPTY, Change, changes_kernel, fold, kernel_writes, lookup, undo
from lvstui.core.describe import describe
from lvstui.core.fields import service_text, visible
from lvstui.core.marks.mark import unwritten
from lvstui.core.marks.script import iptables_lines
from lvstui.core.model import Director, MarkGroup, MarkGroupKey, ServerKey, ServiceKey, SyncDaemon
from lvstui.core.record import Kind, Record, misfits
from lvstui.core.snapshot import Snapshot
from lvstui.engine.messages import (
    Applied,
    Edit,
    EntriesDone,
    EntryProgress,
    Event,
    Notice,
    Overtaken,
    Rejected,
    Unsaved,
    Zeroed,
)
from lvstui.engine.worker import Worker
from lvstui.formats.equivalent import equivalent
from lvstui.kernel.port import KernelError


def run(place: Place, options: Namespace) -> int:
    """Do what a command that edits asks for, and print each change once it holds."""
    profile = place.profile.load() or EMPTY  # raises: what a broken one says of names and weights would be lost
    desk = _Desk(place)
    if options.command == "rollback":
        record = _record(place, options.number)
        changes = _taken_back(record, desk.director)
    else:
        changes = wishes.changes(options, desk.director, profile)
    _check(changes, desk.director)
    _refuse_unwritten(changes, desk.snapshot)
    warn(place, kernel_writes(changes))
    if options.dry_run:
        for line in _dry_lines(changes, desk.director):
            print(line)
        return Status.DIFFERS if changes else Status.OK
    if "delete" in (options.command, getattr(options, "edit", "")) and not options.yes:
        _ask(changes)
    kind = Kind.ROLLBACK if options.command == "rollback" else Kind.DO
    # A group is services and rules: half of it serves nobody.
    return desk.make(Edit(changes, kind, whole=options.command == "mark")) if changes else Status.OK


class _Desk:
    """A worker without a thread, stepped for one edit; `director` is what it read first, with the profile's names."""

    def __init__(self, place: Place) -> None:
        self._events: list[Event] = []
        self._worker = Worker(place.kernel, place.profile, self._events.append, records=history_of(place))
        self._worker.step(0)
        self.snapshot = self._read(place)
        self.director = self.snapshot.reading.director

    def _read(self, place: Place) -> Snapshot:
        snapshot = next(event for event in self._events if isinstance(event, Snapshot))
        if snapshot.trouble or snapshot.read_only:
            whole_table(place.kernel)  # raises with the reason
            raise KernelError(snapshot.trouble or snapshot.read_only)
        return snapshot

    def make(self, edit: Edit) -> int:
        """Let the worker make an edit, tell how it went, and give the exit status."""
        self._events.clear()
        self._worker.submit(edit)
        self._worker.step(0)
        return max(self._tell(event) for event in self._events)

    def _tell(self, event: Event) -> Status:
        match event:
            case Snapshot() | Zeroed() | EntryProgress() | EntriesDone():
                return Status.OK
            case Applied(edit):
                self._print(edit.changes)
                return Status.OK
            case Notice(sentence):
                _complain(sentence)
                return Status.OK
            case Unsaved(sentence):
                _complain(f"the kernel has it, the profile does not: {sentence}")
            case Rejected(edit, sentence, _, written):
                self._print(written)
                made = f" ({len(written)} of {len(edit.changes)} changes were made)" if written else ""
                _complain(f"not done: {sentence}{made}")
            case Overtaken(_, change, now):
                told = describe(replace(change, after=now), self.director)
                _complain(f"nothing written, somebody else was faster: {told}; look again and repeat it")
            case _:
                assert_never(event)
        return Status.ERROR

    def _print(self, changes: Iterable[Change]) -> None:
        for change in changes:
            print(describe(change, self.director))


def _complain(sentence: str) -> None:
    sys.stdout.flush()
    print(f"lvstui: {visible(sentence)}", file=sys.stderr)


def _dry_lines(changes: Sequence[Change], director: Director) -> Iterable[str]:
    """Tell each change, and below it the commands or rules that would do the same in the kernel."""
    writes = kernel_writes(changes)
    for change in changes:
        yield describe(change, director)
        for line in equivalent(change) if change in writes else ():
            yield f"    {line}"


def _check(changes: Sequence[Change], director: Director) -> None:
    """Refuse what the kernel would refuse half way, and warn of what is wrong and was not before."""
    for change in changes:
        same = _unchanged(change)
        known = rules.problems(same, director) if same else ()
        for problem in rules.problems(change, director):
            if problem.severity is rules.Severity.ERROR:
                raise Failure(f"{problem}; nothing was written")
            if problem not in known:
                _complain(f"warning: {problem}")
        director = fold(director, (change,))


def _refuse_unwritten(changes: Sequence[Change], snapshot: Snapshot) -> None:
    """Refuse rules where they cannot be written, and tell them as commands of iptables, which may be there."""
    groups = [change.values(MarkGroup)[1] for change in changes if isinstance(change.target, MarkGroupKey)]
    if not groups or not (reason := unwritten(snapshot)):
        return
    for line in (line for group in groups if group for line in iptables_lines(group)):
        print(line, file=sys.stderr)
    raise Failure(f"match: {reason}; nothing was written")


def _unchanged(change: Change) -> Change | None:
    """Give the change that leaves an object as it is; None where nothing is there yet, or nothing can be wrong."""
    return None if change.before is None else replace(change, after=change.before)


def _ask(changes: Sequence[Change]) -> None:
    """Ask before whole services go."""
    keys = [change.target for change in changes if isinstance(change.target, ServiceKey)]
    if not keys:
        return
    where = " and ".join(map(service_text, keys))
    if not sys.stdin.isatty():
        raise Failure(f"{where} would go with all its servers; write --yes where nobody can be asked", Status.USAGE)
    count = sum(isinstance(change.target, ServerKey) for change in changes)
    print(f"Delete {where} with {count} server{'' if count == 1 else 's'}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failure(f"{where} stays; nothing was written")


def _record(place: Place, number: int) -> Record:
    record = next((each for each in history_of(place).records() if each.number == number), None)
    if record is None:
        raise Failure(f"there is no record {number}; `lvstui history` lists them")
    return record


def _taken_back(record: Record, director: Director) -> tuple[Change, ...]:
    """Give the changes that take a record back; raises `Failure` where something is not what it left behind."""
    if record.entries:
        raise Failure(f"record {record.number} edited persistence entries, which cannot be taken back")
    changes = undo(record.changes)
    wrong = misfits(changes, director)
    for change in wrong:
        _complain(f"changed since: {describe(change, director)}")
    if wrong:
        raise Failure(f"record {record.number} no longer fits and is not taken back; nothing was written")
    return tuple(_from_now(change, director) for change in changes)


def _from_now(change: Change, director: Director) -> Change:
    """Start from what the kernel made of a value that was left to it: a datagram length."""
    if isinstance(change.before, SyncDaemon) and changes_kernel(change):
        return replace(change, before=lookup(director, change.target) or change.before)
    return change
