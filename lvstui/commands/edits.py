"""The commands that edit: set, add, delete, drain, restore, rollback and mark, in the steps that every edit takes."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Final

from lvstui.commands.caution import refuse_dangers
from lvstui.commands.changes import requested_changes, servers_meant
from lvstui.commands.place import (
    Failure,
    OpenPlace,
    Place,
    Status,
    complain,
    read_snapshot,
    warn_of_consequences,
    warn_of_loss,
    warn_of_owners,
)
from lvstui.commands.said import Json, Said, Text
from lvstui.commands.signals import held_back
from lvstui.commands.trial import desk_of, refuse_gate, take_back
from lvstui.core import rules
from lvstui.core.advice.consequences import avoiding, consequences
from lvstui.core.change import EMPTY, Change, changes_kernel, fold, kernel_writes, lookup, undo
from lvstui.core.describe import describe
from lvstui.core.entries.edits import emptying_title
from lvstui.core.fields import service_text
from lvstui.core.home import home_text, is_foreign, whose
from lvstui.core.marks.mark import why_not_writable
from lvstui.core.marks.script import iptables_lines
from lvstui.core.model import Director, MarkGroup, MarkGroupKey, ServerKey, ServiceKey, SyncDaemon
from lvstui.core.record import Kind, find_conflicts
from lvstui.core.snapshot import Snapshot
from lvstui.engine.edits import Editor
from lvstui.engine.messages import Applied, Edit, Event, Notice
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.sentences import sentence

_SO_ALREADY: Final = {
    "set": "it has these values already",
    "drain": "its weight is 0 already",
    "restore": "it is not drained",
    "mark": "it is marked so already",
}
_ALREADY: Final = "it is so already"
"""What is said where a command finds nothing to do."""

_HINTS: Final = dict.fromkeys(("set", "drain"), ": add --with-fallback")
"""How a command avoids what it does to clients, where it can."""


def rollback(options: Namespace, open_place: OpenPlace) -> int:
    """Take back a record of the history, or else the change on trial."""
    return take_back(options, open_place) if options.now else run(options, open_place)


def run(options: Namespace, open_place: OpenPlace) -> int:
    """Make the changes that a command asks for, altogether or not at all, and print each once they hold.

    Raises `Failure`, `FieldError`, `ProfileError` or `KernelError` where nothing was written.
    """
    refuse_gate(options)
    with open_place() as place:
        profile = place.profile.load() or EMPTY  # raises: what a broken one says of names and weights would be lost
        snapshot = read_snapshot(place, to_write=True)
        director = snapshot.reading.director
        changes, kind = _wanted(place, options, snapshot, profile)
        emptied = _emptied(options, director)
        _check(changes, director)
        _refuse_unwritten(changes, snapshot)
        warn_of_consequences(changes, snapshot.reading, _HINTS.get(options.command, ""))
        if options.confirm_within:
            warn_of_loss(changes, snapshot.reading)
        warn_of_owners(place, kernel_writes(changes))
        if changes:
            refuse_dangers(options, [whose(str(place.profile.path), profile.home, place.here)])
        elif not emptied:
            complain(f"nothing to do: {_SO_ALREADY.get(options.command, _ALREADY)}")
        said = Json(director) if options.json else Text(director)
        if options.dry_run:
            said.plan(changes, kernel_writes(changes))
            said.moves([f"{emptying_title(server, director)}, by weight" for server in emptied])
            said.end(dry_run=True)
            return Status.DIFFERS if changes or emptied else Status.OK
        if "delete" in (options.command, getattr(options, "edit", "")) and not options.yes:
            _ask(changes)
        try:
            edit = Edit(changes, kind, whole=True, trial=options.confirm_within or 0.0)
            status = _make(place, edit, snapshot, said) if changes else Status.OK
            if emptied and status == Status.OK:
                from lvstui.commands.entries import move_away  # with the connection table and the edits of entries

                status = move_away(place, emptied, said)
        finally:
            said.end(dry_run=False)
        if options.if_serving and changes and status == Status.OK:
            from lvstui.commands.gate import decide  # with what asks servers

            return decide(place, changes, snapshot.reading)
        return status


def _wanted(place: Place, options: Namespace, snapshot: Snapshot, profile: Director) -> tuple[tuple[Change, ...], Kind]:
    """Return the changes that a command asks for, and their kind."""
    director = snapshot.reading.director
    if options.command == "rollback":
        return _take_back(place, options, director), Kind.ROLLBACK
    changes = requested_changes(options, director, profile)
    if getattr(options, "with_fallback", False):
        changes = avoiding(changes, consequences(changes, snapshot.reading))
    return changes, Kind.DO


def _emptied(options: Namespace, director: Director) -> Sequence[ServerKey]:
    """Return the servers that clients are to be moved away from; raises `Failure` where that would be on trial."""
    emptied = servers_meant(options, director) if getattr(options, "move_clients", False) else []
    if emptied and options.confirm_within:
        remedy = "leave --confirm-within or --move-clients out"
        raise Failure(f"clients that were moved cannot be moved back in time: {remedy}", Status.USAGE)
    return emptied


def _make(place: Place, edit: Edit, snapshot: Snapshot, said: Said) -> int:
    """Make an edit, say how it went, and return the exit status."""
    director = snapshot.reading.director
    status = Status.OK

    def report(event: Event) -> None:
        nonlocal status
        complain(sentence(event, director)[0])
        if not isinstance(event, Notice):
            status = Status.ERROR

    trials = desk_of(place, report)
    on_trial = (lambda: trials.changes) if trials else tuple
    profile = FollowedProfile(place.profile, place.kernel, report, place.here, on_trial)
    editor = Editor(place.kernel, profile, place.history, report, trials=trials)
    with held_back(editor.interrupt) as hold, closing(editor):
        outcome = editor.make(edit, director)
    said.outcome(outcome)
    if not isinstance(outcome, Applied):
        report(outcome)
    elif edit.trial:
        complain(sentence(outcome, director)[0])
    hold.obey()
    return status


def _check(changes: Sequence[Change], director: Director) -> None:
    """Refuse what the kernel would refuse half way, and warn of what is wrong and was not before."""
    for change in changes:
        known = rules.problems(replace(change, after=change.before), director)
        for problem in rules.problems(change, director):
            if problem.severity is rules.Severity.ERROR:
                raise Failure(f"{problem}; nothing was written")
            if problem not in known:
                complain(f"warning: {problem}")
        director = fold(director, (change,))


def _refuse_unwritten(changes: Sequence[Change], snapshot: Snapshot) -> None:
    """Refuse rules where they cannot be written, and print them as commands of iptables, which may be there."""
    groups = [change.values(MarkGroup)[1] for change in changes if isinstance(change.target, MarkGroupKey)]
    if not groups or not (reason := why_not_writable(snapshot)):
        return
    for line in (line for group in groups if group for line in iptables_lines(group)):
        print(line, file=sys.stderr)
    raise Failure(f"match: {reason}; nothing was written")


def _ask(changes: Sequence[Change]) -> None:
    """Ask before whole services go."""
    keys = [change.target for change in changes if isinstance(change.target, ServiceKey)]
    if not keys:
        return
    where = " and ".join(map(service_text, keys))
    if not sys.stdin.isatty():
        raise Failure(f"{where} would be deleted with all servers; add --yes where nobody can be asked", Status.USAGE)
    count = sum(isinstance(change.target, ServerKey) for change in changes)
    print(f"Delete {where} with {count} server{'' if count == 1 else 's'}? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = ""
    with suppress(OSError):  # a terminal that is gone says nothing
        answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        raise Failure(f"{where} stays; nothing was written")


def _take_back(place: Place, options: Namespace, director: Director) -> tuple[Change, ...]:
    """Return the changes that take a record back; raises `Failure` where something is not what it left behind."""
    number = options.number
    record = next((record for record in place.history.records() if record.number == number), None)
    if record is None:
        raise Failure(f"there is no record {number}; `lvstui history` lists them")
    if record.entries:
        raise Failure(f"record {number} edited persistence entries, which cannot be taken back")
    if is_foreign(record.home, place.here):
        where = f"{home_text(record.home)}, and this is {home_text(place.here)}"
        refuse_dangers(options, [f"record {number} was made on {where}"])
    changes = undo(record.changes)
    wrong = find_conflicts(changes, director)
    for change in wrong:
        complain(f"changed since: {describe(change, director)}")
    if wrong:
        raise Failure(f"record {number} no longer fits and is not taken back; nothing was written")
    # The kernel chooses a datagram length that was left to it: start from what it chose.
    return tuple(
        replace(change, before=lookup(director, change.target) or change.before)
        if isinstance(change.before, SyncDaemon) and changes_kernel(change)
        else change
        for change in changes
    )
