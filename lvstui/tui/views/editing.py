"""What every view can do: stage edits, apply and drop them, undo, save, ask; and filter, sort and choose columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from lvstui.core.advice import Advice
from lvstui.core.advice.consequences import avoiding, consequences
from lvstui.core.change import Change, fold, merge
from lvstui.core.describe import describe
from lvstui.core.fields import FieldError
from lvstui.core.model import Director
from lvstui.core.record import Kind
from lvstui.core.rules import Severity, problems
from lvstui.core.view.form import Form, Values
from lvstui.core.view.table import Arranged, Tone
from lvstui.engine.messages import Edit, SaveAll, StopEntries
from lvstui.formats.equivalent import change_lines
from lvstui.tui.commands import Command
from lvstui.tui.dialogs.choose_columns import ChooseColumns
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.views.view import K, L, TableView, View
from lvstui.tui.widgets.form import FormScreen
from lvstui.tui.widgets.lines import Chunks

CONFIRM_COMMANDS = 100
"""Up to how many changes a question names with their ipvsadm commands."""

_LARGE = 30_000
"""Rows of the connection table above which searching them at each key would be too slow."""

_DROP = "stop edits of entries; drop what is staged; clear the filter"

_APPLY_FIRST = "first apply what is staged (Enter), or drop it (Esc)"


def editable(view: View) -> bool:
    """Return whether edits can be staged now, and say why not."""
    reason = view.snapshot.read_only
    if not view.snapshot.origin:
        reason = "the kernel has not been read yet"
    elif not reason and view.pending and view.staged.kind is not Kind.DO:
        reason = _APPLY_FIRST
    if reason:
        view.say(reason, Tone.WARN)
    return not reason


def nothing_pending(view: View) -> bool:
    """Return whether nothing is staged, and say what to do about it."""
    if view.pending:
        view.say(_APPLY_FIRST, Tone.WARN)
    return not view.pending


def has_profile(view: View) -> bool:
    """Return whether names and notes can be kept."""
    return bool(view.snapshot.profile.path)


def staged_director(view: View) -> Director:
    """Return what the kernel would hold with what is staged."""
    return fold(view.snapshot.reading.director, view.staged.changes)


def stage_also(view: View, changes: Sequence[Change], *, whole: bool = False) -> None:
    """Stage changes on top of what is staged already; with `whole`, all are written or none."""
    merged = merge(view.staged.changes, changes)
    if merged == view.staged.changes:
        view.say("nothing changed")
    else:
        view.stage(Edit(merged, whole=whole))


def check_changes(changes: Sequence[Change], director: Director) -> tuple[Change, ...]:
    """Return changes that a director can take; raises `FieldError` with what is wrong first."""
    for change in changes:
        for problem in problems(change, director):
            if problem.severity is Severity.ERROR:
                raise FieldError(problem.field, problem.sentence)
    return tuple(changes)


class Questions(Protocol):
    """A form with the changes that its answers make."""

    @property
    def form(self) -> Form:
        """What the operator is asked."""

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return what the answers change."""


def fill_in(
    view: View,
    questions: Questions,
    take: Callable[[tuple[Change, ...]], None],
    preview: Callable[[Values], Sequence[str]] | None = None,
) -> None:
    """Ask in a form, with a `preview` of its answers below; `take` gets what they change."""

    def done(values: dict[str, str] | None) -> None:
        if values is not None:
            take(questions.changes(values))

    view.app.push_screen(FormScreen(questions.form, preview), done)


def confirm_changes(
    view: View,
    title: str,
    changes: Sequence[Change],
    action: str = "Delete",
    must_type: str = "",
    *,
    whole: bool = False,
) -> None:
    """Ask before something is destroyed, showing every change, and pass it to the worker."""
    lines = [f"! {effect}" for effect in consequences(changes, view.snapshot.reading)]
    lines += change_lines(changes) if len(changes) <= CONFIRM_COMMANDS else [describe(c) for c in changes]
    question = Confirm(title, lines, action, must_type)
    confirm_first(view.app, question, lambda: view.ask(Edit(tuple(changes), whole=whole)))


def take_advice(view: View, advice: Advice) -> None:
    """Stage the edit of an advice as a whole; where it removes services, ask first."""
    if not editable(view) or not nothing_pending(view):
        return
    if advice.destroys:
        confirm_changes(view, f"{advice.about}: {advice.remedy}?", advice.changes, "Do it", whole=True)
    else:
        view.stage(Edit(advice.changes, whole=len(advice.changes) > 1, empties=advice.empties))


def _enter(view: TableView[K, L], open_row: Callable[[TableView[K, L]], None]) -> None:
    """Apply what is staged, and clear the marks where the next key would act on them; else open the row."""
    if not view.pending:
        open_row(view)
        return
    edit, added = view.staged, view.ROWS.added
    view.post_message(View.Asked(edit, staged=True))
    view.stage(Edit(()))
    if added is not None:
        view.arriving = added(edit.changes)
        view.table.action_mark("none")


def drop(view: TableView[K, L]) -> None:
    """Stop edits of entries that are under way; else drop what is staged; with nothing staged, the filter."""
    if view.busy:
        view.ask(StopEntries())
        view.say("stopping after the current entries", Tone.WARN)
    elif view.pending:
        view.stage(Edit(()))
    elif view.filter_text:
        view.narrow("")


def _avoid(view: View) -> None:
    """Stage also what keeps clients from being refused, before what would do that."""
    if view.staged.kind is Kind.DO and (more := [effect for effect in view.effects if effect.changes]):
        view.stage(replace(view.staged, changes=avoiding(view.staged.changes, more)))
    else:
        view.say("nothing is staged that a flag keeps from refusing clients")


def _scroll_staged(view: View, pages: int) -> None:
    view.query_one("#pending", Chunks).turn(pages)


def _stage_again(view: View, kind: Kind) -> None:
    """Stage the undo or redo of an edit of this session."""
    if editable(view) and nothing_pending(view):
        if changes := view.snapshot.undo if kind is Kind.UNDO else view.snapshot.redo:
            view.stage(Edit(changes, kind))
        else:
            view.say(f"nothing to {kind.value}")


def _save(view: View) -> None:
    profile = view.snapshot.profile
    if not profile.path:
        view.say("there is no profile: start with --profile FILE", Tone.WARN)
    elif profile.exists and not profile.drift and not profile.unsaved:
        view.say(f"{profile.path} already holds what the kernel holds")
    else:
        drift = [f"the profile drops: {describe(change)}" for change in profile.drift]
        title = f"Save what the kernel holds into {profile.path}?"
        question = Confirm(title, drift or ["the whole table of the kernel"], "Save")
        confirm_first(view.app, question, lambda: view.ask(SaveAll()))


def _next_view(view: View) -> None:
    view.post_message(View.Wanted())


def editing(open_row: Callable[[TableView[K, L]], None]) -> tuple[Command[TableView[K, L]], ...]:
    """Return what can be done in every view; Enter does `open_row` while nothing is staged."""
    enter = partial(_enter, open_row=open_row)
    return (
        Command("open", "enter", "apply what is staged; else open this row, or edit it", enter, "Enter apply"),
        Command("drop", "escape,backspace", _DROP, drop, "Esc drop"),
        Command("avoid", "F", "stage the flag too that keeps clients from being refused", _avoid),
        Command("staged.down", "right_square_bracket", "scroll what is staged down", partial(_scroll_staged, pages=1)),
        Command("staged.up", "left_square_bracket", "scroll what is staged up", partial(_scroll_staged, pages=-1)),
        Command("undo", "z", "stage the undo of the last edit", partial(_stage_again, kind=Kind.UNDO), "z undo"),
        Command("redo", "Z", "stage the redo of what was undone", partial(_stage_again, kind=Kind.REDO)),
        Command("save", "w", "save the kernel's table into the profile", _save),
        Command("view.next", "tab", "go to the next view", _next_view),
    )


def _filter(view: TableView[K, L]) -> None:
    """Filter while typing (a large connection table only on Enter); Enter keeps the filter, Esc clears it."""
    scan = view.snapshot.scan
    large = view.SCANS and scan is not None and scan.rows > _LARGE

    def read(text: str) -> str:
        if large:
            view.ROWS.filtered(view.look, text)
        else:
            view.narrow(text)
        return text

    view.prompt.ask("/", view.filter_text, read, view.narrow, lambda: view.narrow(""), wrong=str)


def filtering(help: str = "show only what a filter finds; see below") -> Command[TableView[K, L]]:
    """Return the command that filters the rows of a view."""
    return Command("filter", "slash", help, _filter, "/ filter")


def _sort(view: TableView[K, L]) -> None:
    look = view.look
    names = [name for name in view.ROWS.sortable if name not in look.hidden]
    place = names.index(look.sort) if look.sort in names else -1
    view.rearrange(replace(look, sort=names[(place + 1) % len(names)], descending=False))


def _invert(view: TableView[K, L]) -> None:
    view.rearrange(replace(view.look, descending=not view.look.descending))


def _choose_columns(view: TableView[K, L]) -> None:
    def chosen(choice: Arranged | None) -> None:
        if choice is not None:
            look = replace(view.look, sort=choice.sort, descending=choice.descending, hidden=choice.hidden)
            view.rearrange(look)

    now = Arranged(view.look.sort, view.look.descending, view.look.hidden)
    view.app.push_screen(ChooseColumns(view.ROWS.every_column, view.ROWS.sortable, now), chosen)


def arranging(bar: str = "") -> tuple[Command[TableView[K, L]], ...]:
    """Return the commands that choose the order and the columns of a view; `bar` offers sorting in the line of keys."""
    return (
        Command("sort", "s", "sort by the next column", _sort, bar),
        Command("sort.invert", "I", "reverse the order", _invert),
        Command("columns", "o", "choose the columns and the order", _choose_columns),
    )
