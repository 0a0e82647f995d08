"""The director view: timeouts, sync daemons and settings edited in place, and how busy table and host are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from textual.app import ComposeResult
from textual.containers import Vertical

from lvstui.core.change import Change, lookup, merge
from lvstui.core.director import rows as director
from lvstui.core.director.detail import detail, target_of, whole
from lvstui.core.director.gauges import gauges, in_one_line
from lvstui.core.director.rows import DIRECTOR_COLUMNS, DirectorLook, DirectorRow, Part, Question, keep, touches
from lvstui.core.fields import ROLE_WORDS, FieldError, quote, visible
from lvstui.core.keys import with_keys
from lvstui.core.model import SyncDaemon
from lvstui.core.rules import problems
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.command_line import remedy
from lvstui.core.view.glyphs import Glyphs
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit
from lvstui.formats.equivalent import equivalent
from lvstui.formats.ipvsadm import command
from lvstui.tui.commands import Arguments, Command, bindings
from lvstui.tui.commands import Part as Place
from lvstui.tui.dialogs.listing import Copied
from lvstui.tui.views.editing import check_changes, confirm_changes, copying, editable, editing, nothing_pending
from lvstui.tui.views.finding import filtering
from lvstui.tui.views.lines import rest_of
from lvstui.tui.views.table_view import Rows, TableView
from lvstui.tui.views.view import NOTHING, Beside
from lvstui.tui.widgets.detail import WIDE_BESIDE
from lvstui.tui.widgets.lines import Line

_LOW = 30
"""Rows of a screen below which the gauges are one line of words."""

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
        return with_keys(
            "only a running sync daemon can be stopped; {x:director.take-out} takes a setting out of the profile"
        )
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


def _settable(view: Settings) -> Iterator[str]:
    """Yield the names of the rows whose value can be edited."""
    parts = (Part.TIMEOUTS, Part.SYNC, Part.SYSCTL)
    rows = (row for part in parts for row in director.rows_of(view.snapshot, view.look, part))
    return (row.name for row in rows if _question(view, row))


def _read_setting(view: Settings, text: str) -> Callable[[], None]:
    """Read `SETTING VALUE`."""
    name, value = rest_of(text)
    parts = (Part.TIMEOUTS, Part.SYNC, Part.SYSCTL)
    rows = {row.name: row for part in parts for row in director.rows_of(view.snapshot, view.look, part)}
    question = _question(view, rows.get(name))
    if question is None:
        raise FieldError("setting", f"no setting is called {quote(name)}; {remedy(name, _settable(view))}")
    if not value:
        raise FieldError("value", f"write the value behind it; it is {visible(question.text)} now")
    change = question.change(value)
    check_changes([change], view.snapshot.reading.director)

    def act() -> None:
        if editable(view):
            view.table.move_to(rows[name])
            _take(view, rows[name], change)

    return act


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


def _excerpt(view: Settings) -> None:
    """Copy the row under the cursor, or all of a heading: as the command that sets it so, where there is one."""
    row, running = view.table.cursor_key, view.snapshot.reading.director
    if row is None:
        return
    rows = [row] if row.name else director.rows_of(view.snapshot, view.look, row.part)
    lines: list[str] = []
    for one in rows:
        target = target_of(one)
        value = lookup(running, target) if target is not None else None
        line = director.line_of(view.snapshot, view.look, one)
        said = command(Change(target, None, value)) if target is not None and value is not None else None
        lines.append(said or f"# {line.title}: {line.value.text}")
    view.app.push_screen(Copied("As commands", {"commands": "\n".join(dict.fromkeys(lines))}))


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


_EDITING: tuple[Command[Settings], ...] = editing()

_SET: Arguments[Settings] = Arguments("set", (Place("SETTING", _settable), Place("VALUE")), _read_setting, alone=2)

_COMMANDS: tuple[Command[Settings], ...] = (
    Command("director.edit", "e", "edit the value of this row", _edit, "e edit", _not_editable, arguments=_SET),
    Command("director.add", "a", "start a sync daemon", _add, "a start daemon", _both_running),
    Command("delete", "delete,ctrl+d", "stop this sync daemon, after asking", _delete, "Del stop", _nothing_to_stop),
    Command("director.take-out", "x", "take this row out of the profile", _unmanage, "x unmanage", _not_managed),
    filtering("show only rows with these words (!not)"),
    copying("copy this row as a command", _excerpt),
    Command("fold", "left", "fold this part", partial(_fold, folded=True)),
    Command("unfold", "right", "unfold this part", partial(_fold, folded=False)),
    *_EDITING,
)


class Gauges(Vertical):
    """Gauges in lines, of which only those that changed are painted; in one line where the screen is low."""

    DEFAULT_CSS = "Gauges { height: auto; padding: 0 1; }"

    def show(self, snapshot: Snapshot, glyphs: Glyphs) -> None:
        """Show the newest state."""
        width, height = self.app.size
        lines = [in_one_line(snapshot, width - 2)] if height < _LOW else [*gauges(snapshot, width, glyphs), ()]
        shown = list(self.query(Line))
        for place in range(len(shown), len(lines)):
            line = Line(f"gauge-{place}")
            self.mount(line)
            shown.append(line)
        for place, line in enumerate(shown):
            line.display = place < len(lines)
            if line.display:
                line.put(lines[place])


class DirectorView(TableView[DirectorRow, DirectorLook]):
    """What belongs to the director as a whole; e on a row edits it, what is known of it stands below."""

    DEFAULT_CSS = "DirectorView #sentence { height: auto; min-height: 4; max-height: 8; }"

    NAME = "director"
    BESIDE = WIDE_BESIDE
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
        detail=partial(detail, commands=equivalent),
        whole=whole,
    )

    def compose(self) -> ComposeResult:
        """Lay out the gauges above the table."""
        yield Gauges()
        yield from super().compose()

    def redraw(self) -> None:
        """Show the gauges and the rows."""
        self.query_one(Gauges).show(self.snapshot, self.look.glyphs)
        super().redraw()

    def stage(self, edit: Edit, beside: Beside = NOTHING) -> None:
        """Stay with a daemon whose options vanish until it runs."""
        row = self.table.cursor_key
        if row and row.part is Part.SYNC and "." in row.name and not edit.changes and _removal(self) is None:
            self.table.move_to(DirectorRow(Part.SYNC, row.name.partition(".")[0]))
        super().stage(edit, beside)
