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
    warn_of_owners,
)
from lvstui.commands.signals import held_back
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
from lvstui.engine.messages import Applied, Edit, Event, Notice, sentence
from lvstui.engine.profile import FollowedProfile
from lvstui.formats.equivalent import equivalent
from lvstui.kernel.port import NoRight

_HINTS: Final = dict.fromkeys(("set", "drain"), ": add --with-fallback")
"""How a command avoids what it does to clients, where it can."""


def run(options: Namespace, open_place: OpenPlace) -> int:
    """Make the changes that a command asks for, altogether or not at all, and print each once they hold.

    Raises `Failure`, `FieldError`, `ProfileError` or `KernelError` where nothing was written.
    """
    with open_place() as place:
        profile = place.profile.load() or EMPTY  # raises: what a broken one says of names and weights would be lost
        snapshot = read_snapshot(place)
        if snapshot.read_only:
            raise NoRight(snapshot.read_only)
        director = snapshot.reading.director
        if options.command == "rollback":
            changes, kind = _take_back(place, options, director), Kind.ROLLBACK
        else:
            changes, kind = requested_changes(options, director, profile), Kind.DO
        emptied = servers_meant(options, director) if getattr(options, "move_clients", False) else []
        if getattr(options, "with_fallback", False):
            changes = avoiding(changes, consequences(changes, snapshot.reading))
        _check(changes, director)
        _refuse_unwritten(changes, snapshot)
        warn_of_consequences(changes, snapshot.reading, _HINTS.get(options.command, ""))
        warn_of_owners(place, kernel_writes(changes))
        if changes:
            refuse_dangers(options, [whose(str(place.profile.path), profile.home, place.here)])
        if options.dry_run:
            _print_only(changes, director)
            for server in emptied:
                print(f"then {emptying_title(server, director)}, by weight")
            return Status.DIFFERS if changes or emptied else Status.OK
        if "delete" in (options.command, getattr(options, "edit", "")) and not options.yes:
            _ask(changes)
        status = _make(place, Edit(changes, kind, whole=True), snapshot) if changes else Status.OK
        if emptied and status == Status.OK:
            from lvstui.commands.entries import move_away  # with the connection table and the edits of entries

            return move_away(place, emptied)
        return status


def _make(place: Place, edit: Edit, snapshot: Snapshot) -> int:
    """Make an edit, say how it went, and return the exit status."""
    director = snapshot.reading.director
    status = Status.OK

    def report(event: Event) -> None:
        nonlocal status
        complain(sentence(event, director)[0])
        if not isinstance(event, Notice):
            status = Status.ERROR

    profile = FollowedProfile(place.profile, place.kernel, report, place.here)
    with closing(Editor(place.kernel, profile, place.history, report)) as editor, held_back(editor.interrupt) as hold:
        outcome = editor.make(edit, director)
    for change in outcome.done:
        print(describe(change, director))
    if not isinstance(outcome, Applied):
        report(outcome)
    hold.obey()
    return status


def _print_only(changes: Sequence[Change], director: Director) -> None:
    """Print the changes, and below each the commands or rules that would do the same in the kernel."""
    writes = kernel_writes(changes)
    for change in changes:
        print(describe(change, director))
        for line in equivalent(change) if change in writes else ():
            print(f"    {line}")


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
