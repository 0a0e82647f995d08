"""What every view is: it shows snapshots, stages edits, and asks the worker for what Enter applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from lvstui.core.advice.value import Advice
from lvstui.core.change import Change
from lvstui.core.describe import describe
from lvstui.core.model import Family, MarkKey, ServiceKey
from lvstui.core.observed import RowKey
from lvstui.core.record import Kind
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit, Request, SaveAll
from lvstui.formats.equivalent import change_lines
from lvstui.store.view_memory import ViewMemory
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.widgets.chunks import Chunks
from lvstui.tui.widgets.prompt import Prompt

CONFIRM_COMMANDS = 100
"""Up to how many changes a question names with their ipvsadm commands."""

STAGED_COMMANDS = 6
"""Up to how many staged changes have their ipvsadm commands below them; more of them stand in a line each."""


class View(Vertical):
    """A pane of the main screen. It knows neither the app nor the kernel: snapshots come in, messages go out."""

    BINDINGS = commands.bindings(commands.EDITING)

    DEFAULT_CSS = """
    View { height: 1fr; }
    View #pending { display: none; height: auto; max-height: 14; padding: 0 1; background: $panel; }
    View #pending.waiting { display: block; }
    """

    COMMANDS: tuple[Command, ...] = commands.EDITING
    """What can be done here, for help, palette and the line of keys."""

    NOTES: str = ""
    """What help says of this view besides its keys."""

    snapshot: reactive[Snapshot | None] = reactive(None, always_update=True)

    memory: ViewMemory | None = None
    """Where the view remembers how it is arranged; None: nowhere."""

    class Asked(Message):
        """The operator asks the worker for something; `staged` tells that it stood on the screen before."""

        def __init__(self, request: Request, *, staged: bool = False) -> None:
            super().__init__()
            self.request = request
            self.staged = staged

    class Said(Message):
        """A sentence for the line below the table; a `standing` one comes by itself and hides no warning."""

        def __init__(self, sentence: str, tone: Tone = Tone.PLAIN, *, standing: bool = False) -> None:
            super().__init__()
            self.sentence = sentence
            self.tone = tone
            self.standing = standing

    class Offered(Message):
        """Other commands make sense now, or the view is narrowed down in another way."""

        def __init__(self, offered: Sequence[Command]) -> None:
            super().__init__()
            self.offered = offered

    class Wanted(Message):
        """The operator wants to see something in another view: what a filter finds, or a row."""

        def __init__(self, view: str, *, filter: str = "", row: RowKey | None = None) -> None:  # noqa: A002 - its name
            super().__init__()
            self.view = view
            self.filter = filter
            self.row = row

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.staged = Edit(())

    def compose(self) -> ComposeResult:
        """Lay out the view's own body, what is staged, and the prompt."""
        yield from self.body()
        yield Chunks(id="pending", text_id="staged")
        yield Prompt()

    def body(self) -> Sequence[Widget]:
        """Give the widgets that are this view's own."""
        raise NotImplementedError

    def focus_body(self) -> None:
        """Put the focus where the keys of this view belong."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Draw this state, with what is staged in it."""
        raise NotImplementedError

    def entered(self) -> None:
        """Do what is needed while somebody looks."""

    def find(self, wanted: Wanted) -> None:
        """Show what is wanted here."""

    def left(self) -> None:
        """End what is needed only while somebody looks."""

    def open_row(self) -> None:
        """Do what Enter does while nothing is staged."""

    def offered(self) -> Sequence[Command]:
        """Give the commands that act on the row under the cursor, while nothing is staged."""
        return self.COMMANDS

    @property
    def found(self) -> str:
        """How the view is narrowed down, in a few words; empty when it shows everything."""
        return ""

    @property
    def about(self) -> ServiceKey | None:
        """The service that the cursor is on or below; None where there is none."""
        return None

    @property
    def prompt(self) -> Prompt:
        """The line that asks for a text."""
        return self.query_one(Prompt)

    @property
    def pending(self) -> bool:
        """Whether something is staged that Enter has not applied."""
        return bool(self.staged.changes)

    @property
    def busy(self) -> str:
        """What is under way and would end with the program, in a sentence; empty when nothing is."""
        return ""

    def watch_snapshot(self) -> None:
        """Show the newest state, where anybody sees it."""
        if self.display:
            self.redraw()

    def redraw(self) -> None:
        """Show the newest state again, because the way to look at it changed."""
        if self.snapshot is not None:
            self.show(self.snapshot)
            self.offer()

    def offer(self) -> None:
        """Say which commands make sense now."""
        if self.pending:
            offered: Sequence[Command] = [each for each in commands.EDITING if each.id in ("open", "drop")]
        else:
            offered = [each for each in self.offered() if each.id not in ("open", "drop")]
        self.post_message(self.Offered(offered))

    def say(self, sentence: str, tone: Tone = Tone.PLAIN, *, standing: bool = False) -> None:
        """Say a sentence in the line below."""
        self.post_message(self.Said(sentence, tone, standing=standing))

    def ask(self, request: Request) -> None:
        """Ask the worker."""
        self.post_message(self.Asked(request))

    def stage(self, edit: Edit) -> None:
        """Show what Enter will write, each change with its ipvsadm line; an empty edit drops what was staged."""
        self.staged = edit
        panel = self.query_one("#pending", Chunks)
        panel.set_class(self.pending, "waiting")
        panel.show(_staged_head(edit), len(edit.changes), partial(_staged_lines, edit.changes))
        self.redraw()

    def editable(self) -> bool:
        """Tell whether edits can be staged now, and say why not."""
        if self.snapshot is None:
            return False
        if self.snapshot.read_only:
            self.say(self.snapshot.read_only, Tone.WARN)
            return False
        if self.pending and self.staged.kind is not Kind.DO:
            self.say("Enter applies what is staged, Esc drops it; then edit on", Tone.WARN)
            return False
        return True

    def nothing_pending(self) -> bool:
        """Tell whether nothing is staged, and say what to do about it."""
        if self.pending:
            self.say("Enter applies what is staged, Esc drops it; then go on", Tone.WARN)
        return not self.pending

    def take_advice(self, advice: Advice) -> None:
        """Stage the edit of an advice as one; where it removes services, ask first."""
        if not self.editable() or not self.nothing_pending():
            return
        if advice.destroys:
            self.confirm(f"{advice.about}: {advice.remedy}?", advice.changes, "Do it", whole=True)
        else:
            self.stage(Edit(advice.changes, whole=len(advice.changes) > 1))

    def confirm(
        self,
        title: str,
        changes: Sequence[Change],
        action: str = "Delete",
        must_type: str = "",
        *,
        whole: bool = False,
    ) -> None:
        """Ask before something is destroyed, showing each change, and hand it to the worker."""
        lines = change_lines(changes) if len(changes) <= CONFIRM_COMMANDS else [describe(c) for c in changes]
        self._confirm(title, lines, action, lambda: self.ask(Edit(tuple(changes), whole=whole)), must_type)

    def action_enter(self) -> None:
        """Apply what is staged; else open the row."""
        if self.pending:
            self.post_message(self.Asked(self.staged, staged=True))
            self.stage(Edit(()))
        else:
            self.open_row()

    def action_drop(self) -> None:
        """Drop what is staged."""
        if self.pending:
            self.stage(Edit(()))

    def action_scroll_staged(self, pages: int) -> None:
        """Scroll what is staged, where there is more than fits."""
        self.query_one("#pending", Chunks).turn(pages)

    def action_undo(self) -> None:
        """Stage taking the last edit back."""
        self._stage_again(self.snapshot.undo if self.snapshot else (), Kind.UNDO, "nothing to undo")

    def action_redo(self) -> None:
        """Stage doing again what was taken back."""
        self._stage_again(self.snapshot.redo if self.snapshot else (), Kind.REDO, "nothing to redo")

    def _stage_again(self, changes: tuple[Change, ...], kind: Kind, nothing: str) -> None:
        if self.editable() and self.nothing_pending():
            if changes:
                self.stage(Edit(changes, kind))
            else:
                self.say(nothing)

    def action_save(self) -> None:
        """Ask, then take into the profile whatever the kernel holds."""
        if self.snapshot is None:
            return
        profile = self.snapshot.profile
        if not profile.path:
            self.say("there is no profile here: start with --profile FILE", Tone.WARN)
        elif profile.exists and not profile.drift and not profile.unsaved:
            self.say(f"{profile.path} holds all that the kernel holds")
        else:
            drift = [f"the profile lets go of: {describe(change)}" for change in profile.drift]
            title = f"Save what the kernel holds into {profile.path}?"
            self._confirm(title, drift or ["the whole running table"], "Save", lambda: self.ask(SaveAll()))

    def _confirm(
        self, title: str, lines: Sequence[str], action: str, go: Callable[[], None], must_type: str = ""
    ) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                go()

        self.app.push_screen(Confirm(title, lines, action, must_type), answered)


def _staged_head(edit: Edit) -> str:
    what = "staged" if edit.kind is Kind.DO else edit.kind.value
    what += " as one" if edit.whole and len(edit.changes) > 1 else ""
    if len(edit.changes) <= STAGED_COMMANDS:
        return f"{what}: Enter applies, Esc drops" if edit.changes else ""
    return f"{what} {len(edit.changes)} changes: Enter applies, Esc drops, [ ] scroll"


def _staged_lines(changes: Sequence[Change], place: int) -> Sequence[str]:
    change = changes[place]
    return change_lines([change]) if len(changes) <= STAGED_COMMANDS else (describe(change),)


def advised_place(advice: Advice) -> View.Wanted:
    """Return the message that shows what an advice is about."""
    if advice.mark is not None:
        return View.Wanted("marks", row=MarkKey(advice.mark, Family.IPV4))
    return View.Wanted("services", row=advice.key)
