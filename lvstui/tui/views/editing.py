"""What every view can do: stage edits, apply and drop them, undo, save, ask; and filter, sort and choose columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from lvstui.core.advice import Advice
from lvstui.core.advice.consequences import avoiding, consequences
from lvstui.core.advice.irrevocable import cannot_return
from lvstui.core.change import Change, fold, merge, service_of
from lvstui.core.describe import describe, notes
from lvstui.core.entries.edits import server_name
from lvstui.core.entries.past import left_behind, past_lines
from lvstui.core.fields import FieldError, service_text, visible
from lvstui.core.keys import with_keys
from lvstui.core.model import Director
from lvstui.core.overwriting import overwriting
from lvstui.core.record import Kind
from lvstui.core.rules import Severity, problems
from lvstui.core.trial import SECONDS
from lvstui.core.view.command_line import words
from lvstui.core.view.form import Form, Values
from lvstui.core.view.table import Arranged, Tone
from lvstui.engine.messages import Edit, SaveAll, StopEntries
from lvstui.formats.equivalent import as_script, change_lines
from lvstui.tui.clipboard import copy
from lvstui.tui.commands import Arguments, Command, Part
from lvstui.tui.dialogs.choose_columns import ChooseColumns
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.dialogs.form import FormScreen
from lvstui.tui.dialogs.listing import Copied, PastEdit
from lvstui.tui.terminal import TOO_SOON, pressed_again
from lvstui.tui.views.finding import go_on, search, search_for
from lvstui.tui.views.lines import searching, sorting
from lvstui.tui.views.on_trial import OFFERED_SECONDS, no_second, read_seconds, take_back
from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.views.view import View
from lvstui.tui.widgets.lines import Chunks
from lvstui.tui.widgets.table import fitting_columns, shown_columns

CONFIRM_COMMANDS = 100
"""Up to how many changes a question names with their ipvsadm commands."""

_DROP = "stop edits of entries; drop what is staged; clear the filter; go one step back"

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
    action: str = "Stage",
) -> None:
    """Ask in a form, with a `preview` of its answers below; `take` gets what they change once `action` is chosen."""

    def done(values: dict[str, str] | None) -> None:
        if values is not None:
            take(questions.changes(values))

    view.app.push_screen(FormScreen(questions.form, preview, action), done)


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
    director = view.snapshot.reading.director
    lines = [f"! {effect}" for effect in consequences(changes, view.snapshot.reading)]
    lines += [f"! {sentence}" for sentence in overwriting(view.snapshot.owners, changes)]
    lines += [f"note  {note}" for note in notes(director, (service_of(change.target) for change in changes))]
    lines += change_lines(changes) if len(changes) <= CONFIRM_COMMANDS else [describe(c) for c in changes]
    lines += [f"gone  also on trial: {sentence}" for sentence in cannot_return(changes, view.snapshot.reading)]
    on_trial = "" if view.snapshot.trial else f"{action} for 2 min"
    question = Confirm(title, lines, action, must_type, on_trial=on_trial)
    edit = Edit(tuple(changes), whole=whole)
    confirm_first(view.app, question, lambda: view.ask(edit), on_trial=lambda: view.ask(replace(edit, trial=SECONDS)))


def take_advice(view: View, advice: Advice) -> None:
    """Stage the edit of an advice as a whole; where it removes services, ask first."""
    if not editable(view) or not nothing_pending(view):
        return
    if advice.destroys:
        confirm_changes(view, f"{advice.about}: {advice.remedy}?", advice.changes, "Do it", whole=True)
    else:
        view.stage(Edit(advice.changes, whole=len(advice.changes) > 1, empties=advice.empties))


def _enter(view: TableView[K, L]) -> None:
    """Apply what is staged, and clear the marks where the next key would act on them; else show the row in detail."""
    if not view.pending:
        if view.body.open():
            view.call_after_refresh(view.redraw)
        else:
            view.say("there is no more to be seen of this row")
        return
    _apply(view, view.staged)


def _apply(view: TableView[K, L], edit: Edit) -> None:
    """Pass what is staged to the worker, unless a key stages and applies it before anybody can have read it."""
    if pressed_again(view.app):
        view.say(TOO_SOON, Tone.WARN)
        return
    added = view.ROWS.added
    view.ask(edit, staged=True)
    view.stage(Edit(()))
    if added is not None:
        view.arriving = added(edit.changes)
        view.table.action_mark("none")


def _try(view: TableView[K, L], seconds: float = SECONDS) -> None:
    """Apply what is staged on trial: it is taken back after so many seconds unless somebody keeps it."""
    if reason := _no_trial(view):
        view.say(reason, Tone.WARN)
    else:
        _apply(view, replace(view.staged, trial=seconds))


def _no_trial(view: View) -> str:
    """Return why what is staged cannot be applied on trial; empty where it can."""
    if not view.pending:
        return with_keys("nothing is staged: stage an edit first, then {Ctrl-T:trial} applies it for two minutes")
    if view.staged.empties:
        return "clients that are moved are not taken back: stage it without moving them"
    return no_second(view.snapshot.trial)


def _trying() -> Arguments[TableView[K, L]]:
    """Return `trial SECONDS`."""

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        return partial(_try, view, read_seconds("".join(words(text, 1))))

    return Arguments("trial", (Part("SECONDS", lambda _: OFFERED_SECONDS),), read)


def drop(view: TableView[K, L]) -> None:
    """Stop edits of entries that are under way; else drop what is staged; else the filter; else go one step back."""
    if view.busy:
        view.ask(StopEntries())
        view.say("stopping after the current entries", Tone.WARN)
    elif view.pending:
        view.stage(Edit(()))
    elif view.body.close():
        view.call_after_refresh(view.offer)
    elif view.filter_text not in ("", view.base_filter):
        view.narrow(view.base_filter)
    else:
        view.post_message(View.Left())


def _avoid(view: View) -> None:
    """Stage also what keeps clients from being refused, before what would do that."""
    if view.staged.kind is Kind.DO and (
        more := [effect for effect in consequences(view.staged.changes, view.snapshot.reading) if effect.changes]
    ):
        view.stage(replace(view.staged, changes=avoiding(view.staged.changes, more)))
    else:
        view.say("nothing is staged that a flag keeps from refusing clients")


def copy_rows(view: TableView[K, L]) -> None:
    """Copy the chosen rows as the table shows them."""
    rows = (view.ROWS.cells(view.snapshot, view.look, key) for key in view.table.chosen)
    lines = ["  ".join(filter(None, (cell.text.strip() for cell in row))) for row in rows]
    if lines:
        view.app.push_screen(Copied("The rows as they are shown", {"rows": "\n".join(map(visible, lines))}))


def copying(help: str, excerpt: Callable[[TableView[K, L]], None]) -> Command[TableView[K, L]]:
    """Return the command that copies what is staged, else what `excerpt` takes from the rows, as `help` says."""

    def run(view: TableView[K, L]) -> None:
        if not view.pending:
            excerpt(view)
            return
        count = len(view.staged.changes)
        text = as_script(view.staged.changes, view.snapshot.reading.director)
        if owned := view.beside.owned:
            texts = {"lines of the file": "\n".join(owned), "commands": text}
            view.app.push_screen(Copied("The lines of the file to change, and the commands, not run", texts))
            return
        what = "what is staged" if count == 1 else f"the {count} changes that are staged"
        copy(view.app, f"{text}\n", lambda sentence: view.say(f"{what}, not run: {sentence}"))

    return Command("excerpt", "y", help, run)


def _scroll(view: TableView[K, L], pages: int) -> None:
    """Scroll what is staged, or with nothing staged, the detail."""
    if view.pending:
        view.query_one("#pending", Chunks).turn(pages)
    else:
        view.body.detail.action_turn(pages)


def _stage_again(view: View, kind: Kind) -> None:
    """Stage the undo or redo of an edit of this session; where the last one was of entries, say first what it did.

    The last edit is the one on trial while whoever looks may decide about it: undo then takes that back.
    """
    if editable(view) and nothing_pending(view):
        trial = view.snapshot.trial
        if kind is Kind.UNDO and trial is not None and trial.may_decide:
            take_back(view)
        elif kind is Kind.UNDO and view.past:
            _show_past(view)
        elif changes := view.snapshot.undo if kind is Kind.UNDO else view.snapshot.redo:
            view.stage(Edit(changes, kind))
        else:
            view.say(f"nothing to {kind.value}")


def _show_past(view: View) -> None:
    """Say what the last edit of entries did, and offer the way back, or the undo of the edit before it."""
    director, undo = view.snapshot.reading.director, view.snapshot.undo
    lines, ways = past_lines(view.past, director), dict[str, tuple[str, Callable[[], None]]]()
    if (left := left_behind(view.past, director)) is not None:
        name = server_name(director, left.service, left.endpoint)
        lines += [
            "",
            f"Moving them back to {name} is a move of its own: Enter asks how.",
        ]
        wanted = View.Wanted("persistence", filter=f"service={service_text(left.service)}", back=view.past)
        ways["back"] = "Enter moves them back, after asking", lambda: _post(view, wanted)
    else:
        lines += ["", "It is not taken back: edit the entries again."]
    if undo:
        more = f" and {len(undo) - 1} more" if len(undo) > 1 else ""
        lines += ["", f"The undo of the edit before it: {describe(undo[0], director)}{more}"]
        ways["undo"] = "z stages the undo of the edit before it", lambda: view.stage(Edit(undo, Kind.UNDO))
    view.app.push_screen(PastEdit(lines, ways))


def _post(view: View, wanted: View.Wanted) -> None:
    view.post_message(wanted)


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


def editing() -> tuple[Command[TableView[K, L]], ...]:
    """Return what can be done in every view."""
    return (
        Command("open", "enter", "apply what is staged; else open this row, or edit it", _enter, "Enter apply"),
        Command(
            "trial",
            "ctrl+t",
            "apply what is staged on trial, for two minutes unless it is kept",
            _try,
            "Ctrl-T for 2 min",
            arguments=_trying(),
        ),
        Command("drop", "escape,backspace", _DROP, drop, "Esc drop"),
        Command("avoid", "F", "stage the flag too that keeps clients from being refused", _avoid),
        Command(
            "staged.down", "right_square_bracket", "scroll what is staged, or the detail", partial(_scroll, pages=1)
        ),
        Command("staged.up", "left_square_bracket", "the same upwards", partial(_scroll, pages=-1)),
        Command("span.longer", "comma", "charts over a longer time", lambda view: view.body.turn_span(1)),
        Command("span.shorter", "full_stop", "charts over a shorter time", lambda view: view.body.turn_span(-1)),
        Command(
            "undo",
            "z",
            "stage the undo of the last edit; take back what is on trial",
            partial(_stage_again, kind=Kind.UNDO),
            "z undo",
        ),
        Command("redo", "Z", "stage the redo of what was undone", partial(_stage_again, kind=Kind.REDO)),
        Command("save", "w", "save the kernel's table into the profile", _save),
        Command(
            "search",
            "ctrl+f",
            "search: go to a row with a text, all rows stay",
            search,
            arguments=searching(search_for),
        ),
        Command("search.next", "n", "go to the next row that the search finds", partial(go_on, step=1)),
        Command("search.previous", "N", "go to the previous one", partial(go_on, step=-1)),
        Command("view.next", "tab", "go to the next view", _next_view),
    )


def _sort(view: TableView[K, L], step: int) -> None:
    """Sort by the next or the previous of the columns that are on the screen."""
    look = view.look
    columns = [column for column in shown_columns(view.table) if column.id in view.ROWS.sortable]
    names = [column.id for column in columns]
    if not names:
        view.say("no column that could be sorted by is on the screen")
        return
    place = names.index(look.sort) if look.sort in names else -max(step, 0)
    column = columns[(place + step) % len(names)]
    view.rearrange(replace(look, sort=column.id, descending=False))
    view.say(f"sorted by {column.title.strip()}")


def _invert(view: TableView[K, L]) -> None:
    view.rearrange(replace(view.look, descending=not view.look.descending))


def sort_by(view: View, column: str) -> None:
    """Sort a view by a column, or the other way round where it is sorted by that already."""
    if isinstance(view, TableView) and column in view.ROWS.sortable:
        _sort_by(view, column)


def _sort_by(view: TableView[K, L], column: str) -> None:
    look = view.look
    view.rearrange(replace(look, sort=column, descending=look.sort == column and not look.descending))


def _choose_columns(view: TableView[K, L]) -> None:
    def chosen(choice: Arranged | None) -> None:
        if choice is not None:
            look = replace(view.look, sort=choice.sort, descending=choice.descending, hidden=choice.hidden)
            view.rearrange(look)

    def room(choice: Arranged) -> Collection[str]:
        columns = view.ROWS.columns(replace(view.look, hidden=choice.hidden))
        return {column.id for column in fitting_columns(view.table, columns)}

    now = Arranged(view.look.sort, view.look.descending, view.look.hidden)
    view.app.push_screen(ChooseColumns(view.ROWS.every_column, view.ROWS.sortable, now, room), chosen)


def arranging(bar: str = "") -> tuple[Command[TableView[K, L]], ...]:
    """Return the commands that choose the order and the columns of a view; `bar` offers sorting in the line of keys."""
    return (
        Command("sort", "s", "sort by the next column on the screen", partial(_sort, step=1), bar, arguments=sorting()),
        Command("sort.back", "S", "sort by the previous one", partial(_sort, step=-1)),
        Command("sort.invert", "I", "reverse the order", _invert),
        Command("columns", "o", "choose the columns and the order", _choose_columns),
    )
