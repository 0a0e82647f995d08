"""The changes view: what differs between kernel and profile, settled either way, and the history, to be undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

from lvstui.core.advice.irrevocable import cannot_return
from lvstui.core.change import Change, undo
from lvstui.core.changes import rows as changes
from lvstui.core.changes.detail import detail
from lvstui.core.changes.events import find_event, undoable
from lvstui.core.changes.on_trial import TrialKey
from lvstui.core.changes.rows import CHANGE_COLUMNS, ChangeLook, DriftKey, Key, RecordKey, complete_differences
from lvstui.core.describe import describe
from lvstui.core.fields import visible
from lvstui.core.home import find_deletions, home_text, is_foreign, warn_of_deletions, whose
from lvstui.core.record import Kind, Record, lines
from lvstui.core.view.countdown import clock_text
from lvstui.engine.messages import Adopt, Edit
from lvstui.formats.equivalent import as_script, change_lines, equivalent
from lvstui.tui.commands import Command, bindings
from lvstui.tui.dialogs.confirm import Confirm, confirm_first, restore_question
from lvstui.tui.dialogs.listing import Copied
from lvstui.tui.views.editing import copy_rows, copying, editable, editing, nothing_pending
from lvstui.tui.views.finding import filtering
from lvstui.tui.views.importing import importing
from lvstui.tui.views.on_trial import take_back
from lvstui.tui.views.table_view import Rows, TableView
from lvstui.tui.widgets.detail import WIDE_BESIDE

Changes: TypeAlias = TableView[Key, ChangeLook]


def _chosen(view: Changes) -> tuple[Change, ...]:
    """Return the differences that are marked or under the cursor; on the heading, all of them."""
    return changes.chosen(view.snapshot, view.table.marked, view.table.cursor_key)


def _tried(view: Changes) -> tuple[Change, ...]:
    """Return what is on trial under the cursor; on the heading, all of it."""
    key, pending = view.table.cursor_key, view.snapshot.trial
    if not isinstance(key, TrialKey) or pending is None:
        return ()
    return pending.changes[key.place - 1 : key.place] if key.place else pending.changes


def _no_difference(view: Changes) -> str:
    meant = (*view.table.marked, view.table.cursor_key)
    if view.snapshot.profile.drift and any(isinstance(key, DriftKey) for key in meant):
        return ""
    return "put the cursor on a difference, or on the heading for all of them"


def _record(view: Changes) -> Record | None:
    key = view.table.cursor_key
    return changes.find(view.snapshot, key.number) if isinstance(key, RecordKey) else None


def _no_record(view: Changes) -> str:
    if event := find_event(view.snapshot, view.table.cursor_key):
        return (
            "" if undoable(event) else "only an edit in the kernel, of which all changes are known, can be taken back"
        )
    if isinstance(view.table.cursor_key, TrialKey):
        return ""
    record = _record(view)
    if record is None:
        return "put the cursor on a record of the history"
    return "edits of persistence entries cannot be undone: edit the entries again" if record.entries else ""


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
    """Stage the undo of a record, or of what somebody else did; the worker refuses what no longer fits.

    What is on trial is taken back, after asking.
    """
    if isinstance(view.table.cursor_key, TrialKey):
        take_back(view)
        return
    if event := find_event(view.snapshot, view.table.cursor_key):
        if editable(view) and nothing_pending(view):
            view.stage(Edit(undo(undoable(event))))
        return
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


def _excerpt(view: Changes) -> None:
    """Copy the changes of the rows: the differences that are meant, or those of a record or of what was seen."""
    record, event = _record(view), find_event(view.snapshot, view.table.cursor_key)
    found = record.changes if record else event.found.changes if event else _tried(view) or _chosen(view)
    lines = change_lines(found)
    if record:
        lines = [*record.title.splitlines(), *map(visible, record.entries), *lines]
    if not lines:
        copy_rows(view)
        return
    texts = {"changes": "\n".join(lines)}
    if found:
        texts["commands"] = as_script(found, view.snapshot.reading.director)
    view.app.push_screen(Copied("The changes, and the commands that make them", texts))


_EDITING: tuple[Command[Changes], ...] = editing()

_COMMANDS: tuple[Command[Changes], ...] = (
    Command(
        "changes.put-back",
        "b",
        "put back: stage the profile's side of these lines",
        _restore,
        "b put back",
        _no_difference,
    ),
    Command(
        "changes.copy",
        "C",
        "copy the kernel's side into the profile, after asking",
        _adopt,
        "C copy into profile",
        _no_difference,
    ),
    Command(
        "changes.undo",
        "u",
        "stage the undo of this record, or of what another program did; take back what is on trial",
        _undo,
        "u undo this",
        _no_record,
    ),
    importing(),
    filtering("show only lines with these words (!not)"),
    copying("copy these changes, and the commands that make them", _excerpt),
    *_EDITING,
)


class ChangesView(TableView[Key, ChangeLook]):
    """What is on trial and the drift, line by line, above the history; all that a key does is staged or asked first."""

    DEFAULT_CSS = "ChangesView #sentence { height: auto; min-height: 2; max-height: 5; }"

    NAME = "changes"
    TICKS = True
    BESIDE = WIDE_BESIDE
    NOTES = f"""\
What / finds (all terms must match)
  web1 weight          text in a row, of a record in all of its lines
  !web1 !how=drift     the opposite
Fields  {changes.LANGUAGE.help}

seen    what another program did in the kernel, as two readings show; the
        kernel names nobody, so it is said who manages what was edited"""
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    ROWS = Rows(
        columns=lambda _: CHANGE_COLUMNS,
        rows=changes.rows,
        cells=changes.cells,
        look=ChangeLook(),
        filtered=lambda look, text: replace(look, filter=changes.LANGUAGE.parse(text)),
        details=lambda snapshot, _, key: (changes.sentence(snapshot, key),),
        detail=partial(detail, commands=equivalent, losses=cannot_return),
        terms=changes.LANGUAGE.terms,
    )

    def redraw(self) -> None:
        """Show the rows, by what day it is now and what the clock of a change on trial shows."""
        pending = self.snapshot.trial
        clock = clock_text(pending.left) if pending else ""
        self.look = replace(self.look, today=datetime.now(UTC).date(), clock=clock)
        super().redraw()
