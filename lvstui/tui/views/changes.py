"""The changes view: what differs between kernel and profile, settled either way, and the history, to be undone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lvstui.core.change import Change, undo
from lvstui.core.changes import rows as changes
from lvstui.core.changes.rows import CHANGE_COLUMNS, ChangeLook, DriftKey, Key, RecordKey, complete_differences
from lvstui.core.describe import describe
from lvstui.core.home import find_deletions, home_text, is_foreign, warn_of_deletions, whose
from lvstui.core.record import Kind, Record, heading, lines
from lvstui.engine.messages import Adopt, Edit
from lvstui.tui.commands import Command, bindings
from lvstui.tui.dialogs.confirm import Confirm, confirm_first, restore_question
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.editing import editable, editing, filtering, nothing_pending
from lvstui.tui.views.view import Rows, TableView

Changes: TypeAlias = TableView[Key, ChangeLook]


def _chosen(view: Changes) -> tuple[Change, ...]:
    """Return the differences that are marked or under the cursor; on the heading, all of them."""
    return changes.chosen(view.snapshot, view.table.marked, view.table.cursor_key)


def _no_difference(view: Changes) -> str:
    meant = (*view.table.marked, view.table.cursor_key)
    if view.snapshot.profile.drift and any(isinstance(key, DriftKey) for key in meant):
        return ""
    return "put the cursor on a difference, or on the heading for all of them"


def _record(view: Changes) -> Record | None:
    key = view.table.cursor_key
    return changes.find(view.snapshot, key.number) if isinstance(key, RecordKey) else None


def _no_record(view: Changes) -> str:
    record = _record(view)
    if record is None:
        return "put the cursor on a record of the history"
    return "edits of persistence entries cannot be undone: edit the entries again" if record.entries else ""


def _open(view: Changes) -> None:
    """Show every line of a record."""
    if record := _record(view):
        director = view.snapshot.reading.director
        view.app.push_screen(Listing(heading(record, director), lines(record, director)))
    elif isinstance(view.table.cursor_key, DriftKey):
        view.say("r stages the profile's side, s saves the kernel's side")


def _restore(view: Changes) -> None:
    """Stage the profile's side, after a question where it is another director's or most of what runs would go."""
    if not editable(view) or not nothing_pending(view):
        return
    changes = complete_differences(view.snapshot, _chosen(view))
    director, profile = view.snapshot.reading.director, view.snapshot.profile
    found = [warn_of_deletions(find_deletions(director, changes))]
    if profile.saved:
        found.append(whose(profile.path, profile.saved.home, view.snapshot.here))
    stage = partial(view.stage, Edit(changes, Kind.APPLY))
    if sentences := list(filter(None, found)):
        confirm_first(view.app, restore_question(sentences, [describe(change, director) for change in changes]), stage)
    else:
        stage()


def _adopt(view: Changes) -> None:
    if not editable(view) or not nothing_pending(view):
        return
    chosen, director = _chosen(view), view.snapshot.reading.director
    lines = [describe(change, director) for change in undo(chosen)]
    title = f"Save the kernel's side into {view.snapshot.profile.path}?"
    confirm_first(view.app, Confirm(title, lines, "Save"), lambda: view.ask(Adopt(chosen)))


def _undo(view: Changes) -> None:
    """Stage the undo of a record of the history; the worker refuses what no longer fits."""
    record, here = _record(view), view.snapshot.here
    if record is None or not editable(view) or not nothing_pending(view):
        return
    stage = partial(view.stage, Edit(undo(record.changes)))
    if is_foreign(record.home, here):
        title = f"Stage the undo of what was done on {home_text(record.home)}? This is {home_text(here)}"
        director = view.snapshot.reading.director
        confirm_first(view.app, Confirm(title, lines(record, director), "Stage it"), stage)
    else:
        stage()


_COMMANDS: tuple[Command[Changes], ...] = (
    Command("changes.restore", "r", "stage the profile's side of these lines", _restore, "r restore", _no_difference),
    Command("changes.adopt", "s", "save the kernel's side, after asking", _adopt, "s save", _no_difference),
    Command("changes.undo", "u", "stage the undo of this record of the history", _undo, "u undo this", _no_record),
    filtering("show only lines with these words (!not)"),
    *editing(_open),
)


class ChangesView(TableView[Key, ChangeLook]):
    """The drift, line by line, above the history; all that a key does is staged or asked first."""

    DEFAULT_CSS = "ChangesView #sentence { height: 2; }"

    NAME = "changes"
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    ROWS = Rows(
        columns=lambda _: CHANGE_COLUMNS,
        rows=changes.rows,
        cells=changes.cells,
        look=ChangeLook(),
        filtered=lambda look, text: replace(look, filter=changes.LANGUAGE.parse(text)),
        details=lambda snapshot, _, key: (changes.sentence(snapshot, key),),
    )
