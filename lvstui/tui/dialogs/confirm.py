"""The question before something is destroyed or overwritten: all that will change, with Cancel in focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import ClassVar, Final, TypeVar

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
from lvstui.tui.terminal import TOO_SOON, pressed_again
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks, Printable

R = TypeVar("R")


class Answer(Enum):
    """What was answered; the values are the ids of the buttons."""

    NO = "cancel"
    YES = "go"
    ON_TRIAL = "trial"


class Confirm(Dialog[Answer]):
    """Ask whether to go on; anything but no only when the operator moved to a button and pressed it.

    With `must_type`, that text has to be typed as well before a button works; the focus is where it belongs. With
    `on_trial`, words for a button of its own, it can be done on trial too: the key for that goes to the button.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q", "cancel", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("up", "step(-1)", show=False),
        Binding("down", "step(1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("ctrl+t", "go_to_trial", show=False, id="trial"),
    ]

    DEFAULT_CSS = """
    Confirm { align: center middle; background: transparent; }
    Confirm > Vertical {
        width: 78; max-width: 100%; height: auto; max-height: 90%; padding: 0 0 1 0; background: $dialog;
    }
    Confirm > Vertical > * { margin: 0 1; }
    Confirm .title {
        width: 100%; margin: 0; padding: 0 1; text-style: bold; background: $error; color: $text-on-error;
    }
    Confirm Chunks { max-height: 10; margin: 1 1; }
    Confirm Input { border: none; height: 1; background: $panel; padding: 0 1; }
    Confirm .dim { color: $text-muted; height: auto; }
    Confirm Horizontal { height: auto; align-horizontal: right; }
    Confirm Button { min-width: 12; margin: 0 0 0 2; background: $panel; color: $foreground; text-style: none; }
    Confirm Button:focus { text-style: bold reverse; }
    Confirm Button:disabled { color: $text-disabled; }
    """

    def __init__(
        self, title: str, lines: Sequence[str], action: str, must_type: str = "", *, on_trial: str = ""
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._action = action
        self._must_type = must_type
        self._on_trial = on_trial

    def compose(self) -> ComposeResult:
        """Lay out the question, its lines and the buttons, Cancel first."""
        with Vertical():
            yield Static(escape(self._title), classes="title", markup=False)
            chunks = Chunks(hangs=True)
            chunks.show("", len(self._lines), lambda line: (self._lines[line],))
            yield chunks
            yield Static(id="more", classes="dim", markup=False)
            if self._must_type:
                yield Static(f"type {escape(self._must_type)} to go on:", id="typing", markup=False)
                yield Input(compact=True, highlighter=Printable())
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._action, id="go", compact=True, disabled=bool(self._must_type))
                if self._on_trial:
                    yield Button(self._on_trial, id="trial", compact=True, disabled=bool(self._must_type))

    def on_mount(self) -> None:
        """Focus the text where one has to be typed, else Cancel."""
        self.query_one("#cancel", Button).focus()
        for field in self.query(Input):
            field.cursor_blink = False
            field.focus()
        self.call_after_refresh(self.on_resize)

    def on_resize(self) -> None:
        """Say how to read on where not all lines are in view."""
        more = self.query_one("#more", Static)
        more.display = self.query_one(Chunks).is_longer
        more.update("Up Down PgUp PgDn scroll", layout=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Enable the buttons once the text is right."""
        for button in self.query(Button).exclude("#cancel"):
            button.disabled = event.value.strip() != self._must_type

    def on_input_submitted(self) -> None:
        """Move on to the button: typing the name alone does not confirm. Say what is missing where it is not right."""
        go = self.query_one("#go", Button)
        if go.disabled:
            self._ask_for_text()
        else:
            go.focus()

    def _ask_for_text(self) -> None:
        typing = self.query_one("#typing", Static)
        typing.update(f"not yet: type {escape(self._must_type)} to go on, or Esc:")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer; a key that is held down, or pressed twice by habit, does not confirm."""
        answer = Answer(event.button.id)
        if answer is Answer.NO or not pressed_again(self.app):
            self.dismiss(answer)
        else:
            more = self.query_one("#more", Static)
            more.display = True
            more.update(TOO_SOON)

    def action_step(self, lines: int) -> None:
        """Scroll by a line; where all is in view, go to the other button."""
        chunks = self.query_one(Chunks)
        if chunks.is_longer:
            chunks.scroll_relative(y=lines, animate=False)
        else:
            (self.focus_next if lines > 0 else self.focus_previous)()

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.query_one(Chunks).turn(pages)

    def action_go_to_trial(self) -> None:
        """Go to the button that does it on trial; say what is missing where it does not work yet."""
        for button in self.query("#trial").results(Button):
            if button.disabled:
                self._ask_for_text()
            else:
                button.focus()

    def action_cancel(self) -> None:
        """Answer no."""
        self.dismiss(Answer.NO)


def confirm_first(
    app: App[R],
    question: Confirm,
    go: Callable[[], object],
    otherwise: Callable[[], object] = lambda: None,
    on_trial: Callable[[], object] = lambda: None,
) -> None:
    """Ask, and call `go` or `on_trial` once the operator has confirmed that, else `otherwise`."""

    def answered(answer: Answer | None) -> None:
        match answer:
            case Answer.YES:
                go()
            case Answer.ON_TRIAL:
                on_trial()
            case Answer.NO | None:
                otherwise()

    app.push_screen(question, answered)


def overwrite_question(event: Overtaken) -> Confirm:
    """Return the question when somebody else was faster: their change, and the one that would be written over it."""
    lines = [f"theirs  {describe(event.made_by_others)}", f"yours   {describe(event.rebased)}"]
    return Confirm("Nothing written: somebody else changed it meanwhile", lines, "Write yours")


_IN_THE_FILE: Final = "So that it stays, make it in the configuration too."


def claims_question(claims: Mapping[ServiceKey, Owner], becomes: Sequence[str], owned: Sequence[str]) -> Confirm:
    """Return the question before the first edit of services that other programs manage.

    `becomes` are sentences on what these will do to it, `owned` the lines that would have to change in their files.
    """
    lines = list(becomes) or [f"{owner.program} manages {service_text(key)}" for key, owner in claims.items()]
    programs = ", ".join(dict.fromkeys(owner.program for owner in claims.values()))
    lines += ["", "So that it stays, make it in the configuration too:" if owned else _IN_THE_FILE, *owned]
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
