"""The question before something is destroyed or overwritten: all that will change, with Cancel in focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from lvstui.core.describe import describe
from lvstui.core.fields import service_text
from lvstui.core.model import ServiceKey
from lvstui.core.record import Owner
from lvstui.core.view.table import escape
from lvstui.engine.messages import Overtaken
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks

R = TypeVar("R")


class Confirm(Dialog[bool]):
    """Ask whether to go on; True only when the operator moved to the button and pressed it.

    With `must_type`, that text has to be typed as well before the button works.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q", "cancel", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    DEFAULT_CSS = """
    Confirm { align: center middle; background: $background 60%; }
    Confirm > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 90%; padding: 0 1;
        border: solid $warning; background: $surface;
    }
    Confirm .title { text-style: bold; color: $text-warning; }
    Confirm Chunks { max-height: 10; margin: 1 0; }
    Confirm Input { border: none; height: 1; background: $panel; padding: 0 1; }
    Confirm Horizontal { height: auto; align-horizontal: right; }
    Confirm Button { min-width: 12; margin: 0 0 0 2; background: $panel; color: $foreground; text-style: none; }
    Confirm Button:focus { text-style: bold reverse; }
    Confirm Button:disabled { color: $text-disabled; }
    """

    def __init__(self, title: str, lines: Sequence[str], action: str, must_type: str = "") -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._action = action
        self._must_type = must_type

    def compose(self) -> ComposeResult:
        """Lay out the question, its lines and two buttons, Cancel first."""
        with Vertical():
            yield Static(escape(self._title), classes="title", markup=False)
            chunks = Chunks()
            chunks.show("", len(self._lines), lambda line: (self._lines[line],))
            yield chunks
            if self._must_type:
                yield Static(f"type {escape(self._must_type)} to go on:", markup=False)
                yield Input(compact=True)
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._action, id="go", compact=True, disabled=bool(self._must_type))

    def on_mount(self) -> None:
        """Focus Cancel."""
        for field in self.query(Input):
            field.cursor_blink = False
        self.query_one("#cancel", Button).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Enable the button once the text is right."""
        self.query_one("#go", Button).disabled = event.value.strip() != self._must_type

    def on_input_submitted(self) -> None:
        """Move on to the button: typing the name alone does not confirm."""
        self.focus_next(Button)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "go")

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.query_one(Chunks).turn(pages)

    def action_cancel(self) -> None:
        """Answer no."""
        self.dismiss(False)


def confirm_first(
    app: App[R], question: Confirm, go: Callable[[], object], otherwise: Callable[[], object] = lambda: None
) -> None:
    """Ask, and call `go` once the operator has confirmed, else `otherwise`."""

    def answered(yes: bool | None) -> None:
        (go if yes else otherwise)()

    app.push_screen(question, answered)


def overwrite_question(event: Overtaken) -> Confirm:
    """Return the question when somebody else was faster: their change, and the one that would be written over it."""
    lines = [f"theirs  {describe(event.made_by_others)}", f"yours   {describe(event.rebased)}"]
    return Confirm("Nothing written: somebody else changed it meanwhile", lines, "Write yours")


def claims_question(claims: Mapping[ServiceKey, Owner]) -> Confirm:
    """Return the question before the first edit of services that other programs manage."""
    lines = [f"{owner.program} manages {service_text(key)}" for key, owner in claims.items()]
    programs = ", ".join(dict.fromkeys(owner.program for owner in claims.values()))
    lines += ["", "It may overwrite this at its next check or reload; make the edit in its configuration instead."]
    return Confirm(f"Edit what {programs} manages?", lines, "Edit anyway")


def foreign_question(sentence: str, *, takes_over: bool) -> Confirm:
    """Return the question before the first request that writes into another director's profile, or takes it over."""
    if takes_over:
        return Confirm(
            "Take over the profile of another director?", [f"{sentence}.", "", "It says so then."], "Take over"
        )
    lines = [f"{sentence}.", "", "The edit is made here, and goes into that profile and its history."]
    return Confirm("Edit beside the profile of another director?", lines, "Edit anyway")


def restore_question(sentences: Sequence[str], lines: Sequence[str]) -> Confirm:
    """Return the question before a profile's side is staged, where something speaks against it."""
    return Confirm("Stage the profile's side?", [*(f"{text}." for text in sentences), "", *lines], "Stage it")
