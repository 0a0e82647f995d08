"""The director view: timeouts, sync daemons and settings edited in place, and how busy table and host are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lvstui.core.change import Change, merge
from lvstui.core.director import rows as director
from lvstui.core.director.rows import DIRECTOR_COLUMNS, DirectorLook, DirectorRow, Part, Question, keep, touches
from lvstui.core.fields import ROLE_WORDS
from lvstui.core.model import SyncDaemon
from lvstui.core.rules import problems
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit
from lvstui.tui.commands import Command, bindings
from lvstui.tui.views.editing import check_changes, confirm_changes, editable, editing, filtering, nothing_pending
from lvstui.tui.views.view import Rows, TableView

Settings: TypeAlias = TableView[DirectorRow, DirectorLook]


def _question(view: Settings, row: DirectorRow | None) -> Question | None:
    if row is None:
        return None
    return director.question(view.snapshot.reading.director, view.staged.changes, row, view.snapshot.interfaces)


def _removal(view: Settings) -> Change | None:
    row = view.table.cursor_key
    return director.removal(view.snapshot.reading.director, row) if row else None


def _release(view: Settings, row: DirectorRow | None) -> Change | None:
    return director.release(view.snapshot.reading.director, view.snapshot.profile.saved, row) if row else None


def _stopped(view: Settings) -> DirectorRow | None:
    """Return a sync daemon that could be started, the one under the cursor first."""
    sync = view.snapshot.reading.director.sync
    if sync is None:
        return None
    stopped = [DirectorRow(Part.SYNC, word) for role, word in ROLE_WORDS.items() if role not in sync]
    here = view.table.cursor_key
    return here if here in stopped else next(iter(stopped), None)


def _open(view: Settings) -> None:
    """Ask for the row's value, or fold a part."""
    row = view.table.cursor_key
    if row is not None and not row.name:
        _fold(view, folded=row.part not in view.look.folded)
    else:
        view.action_run_command("director.edit")


def _not_editable(view: Settings) -> str:
    return "" if _question(view, view.table.cursor_key) else "nothing can be edited in this row"


def _edit(view: Settings) -> None:
    if (row := view.table.cursor_key) is not None and editable(view):
        _ask(view, row)


def _both_running(view: Settings) -> str:
    return "" if _stopped(view) else "both sync daemons are running already"


def _add(view: Settings) -> None:
    """Ask on which interface to start the sync daemon under the cursor, or the first that does not run."""
    if (row := _stopped(view)) is not None and editable(view):
        view.table.move_to(row)
        _ask(view, row)


def _nothing_to_stop(view: Settings) -> str:
    if _removal(view) is None:
        return "only a running sync daemon can be stopped; x takes a setting out of the profile"
    return ""


def _delete(view: Settings) -> None:
    change = _removal(view)
    if change and isinstance(change.before, SyncDaemon) and editable(view) and nothing_pending(view):
        confirm_changes(view, f"Stop the sync {ROLE_WORDS[change.before.role]}?", [change], "Stop")


def _not_managed(view: Settings) -> str:
    return "" if _release(view, view.table.cursor_key) else "this row is not in the profile"


def _unmanage(view: Settings) -> None:
    if (change := _release(view, view.table.cursor_key)) and editable(view):
        view.stage(Edit(merge(view.staged.changes, [change])))
        view.say("the kernel keeps this value; the profile will no longer manage it")


def _ask(view: Settings, row: DirectorRow) -> None:
    question, running = _question(view, row), view.snapshot.reading.director
    if question is None:
        return

    def read(text: str) -> Change:
        change = question.change(text)
        check_changes([change], running)
        return change

    view.prompt.ask(question.label, question.text, read, partial(_take, view, row))


def _take(view: Settings, row: DirectorRow, change: Change) -> None:
    """Stage an answer; the value that the kernel has already goes into a profile that lacks it."""
    same = change.before == change.after
    if same and (row.part is Part.SYNC or _release(view, row)):
        view.say("it already has this value")
    elif same:
        view.stage(Edit(merge(view.staged.changes, [keep(change)])))
    else:
        view.stage(Edit(merge(view.staged.changes, [change])))
        unwise = problems(change, view.snapshot.reading.director)
        view.say(" ".join(str(problem) for problem in unwise), Tone.WARN)


def _fold(view: Settings, *, folded: bool) -> None:
    """Fold or unfold the part that the cursor is in."""
    row = view.table.cursor_key
    if row is None:
        return
    if folded:
        view.table.move_to(DirectorRow(row.part))
    parts = view.look.folded
    view.look = replace(view.look, folded=parts | {row.part} if folded else parts - {row.part})
    view.redraw()


_COMMANDS: tuple[Command[Settings], ...] = (
    Command("director.edit", "e", "edit the value of this row", _edit, "Enter edit", _not_editable),
    Command("director.add", "a", "start a sync daemon", _add, "a start daemon", _both_running),
    Command("delete", "delete,ctrl+d", "stop this sync daemon, after asking", _delete, "Del stop", _nothing_to_stop),
    Command("director.release", "x", "take this row out of the profile", _unmanage, "x unmanage", _not_managed),
    filtering("show only rows with these words (!not)"),
    Command("fold", "left", "fold this part", partial(_fold, folded=True)),
    Command("unfold", "right", "unfold this part", partial(_fold, folded=False)),
    *editing(_open),
)


class DirectorView(TableView[DirectorRow, DirectorLook]):
    """What belongs to the director as a whole; Enter on a row edits it, the row's sentence stands below."""

    DEFAULT_CSS = "DirectorView #sentence { height: 4; }"

    NAME = "director"
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    ROWS = Rows(
        columns=lambda _: DIRECTOR_COLUMNS,
        rows=director.rows,
        cells=director.cells,
        look=DirectorLook(),
        filtered=lambda look, text: replace(look, filter=director.LANGUAGE.parse(text)),
        staged=lambda look, changes: replace(look, staged=tuple(changes)),
        details=lambda snapshot, look, row: (director.sentence(snapshot, look, row), touches(snapshot, row)),
    )

    def stage(self, edit: Edit) -> None:
        """Stay with a daemon whose options vanish until it runs."""
        row = self.table.cursor_key
        if row and row.part is Part.SYNC and "." in row.name and not edit.changes and _removal(self) is None:
            self.table.move_to(DirectorRow(Part.SYNC, row.name.partition(".")[0]))
        super().stage(edit)
