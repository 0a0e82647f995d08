"""One line that asks for a text, above the line of keys; it shows why a value is wrong while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from lvstui.core.fields import FieldError
from lvstui.tui.widgets.lines import Printable

T = TypeVar("T")


def _nothing() -> None:
    """Do nothing."""


class Prompt(Horizontal):
    """Hidden until `ask`; Enter hands the value over, Esc takes everything back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("tab,shift+tab", "stay", show=False),
    ]

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt.asking { display: block; }
    Prompt > #label { width: auto; text-style: bold; padding: 0 1; }
    Prompt > #wrong { width: auto; color: $text-error; padding: 0 1; }
    Prompt > Input { border: none; height: 1; padding: 0; width: 1fr; min-width: 16; background: $surface; }
    Prompt > Input:focus { border: none; }
    """

    def compose(self) -> ComposeResult:
        """Lay out label, input and complaint in one line."""
        yield Static(id="label", markup=False)
        yield Input(compact=True, highlighter=Printable())
        yield Static(id="wrong", markup=False)

    def on_mount(self) -> None:
        """Start with nothing to ask."""
        self._read: Callable[[str], Callable[[], None]] = lambda _: _nothing
        self._cancel: Callable[[], None] = _nothing
        self._wrong: Callable[[FieldError], str] = str
        self._asker: Widget | None = None
        self.query_one(Input).cursor_blink = False

    def ask(
        self,
        label: str,
        value: str,
        read: Callable[[str], T],
        take: Callable[[T], None],
        cancel: Callable[[], None] = _nothing,
        *,
        wrong: Callable[[FieldError], str] = attrgetter("sentence"),
    ) -> None:
        """Ask for a text, with `value` to begin from.

        `read` is called at every change and returns the value of the text, or raises `FieldError`, which is shown as
        `wrong` words it. Enter hands the value to `take`; Esc calls `cancel`. The focus goes back before either.
        """
        self._read = lambda text: partial(take, read(text))
        self._cancel, self._wrong = cancel, wrong
        self._asker = self.screen.focused
        self.query_one("#label", Static).update(label)
        self.query_one("#wrong", Static).update("")
        self.add_class("asking")
        field = self.query_one(Input)
        field.value = value
        self.screen.set_focus(field)  # at once: what is typed next belongs here

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        event.stop()
        if self.has_class("asking"):
            try:
                self._read(event.value)
            except FieldError as error:
                self.query_one("#wrong", Static).update(self._wrong(error))
            else:
                self.query_one("#wrong", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over a value that nothing is wrong with."""
        event.stop()
        try:
            take = self._read(event.value)
        except FieldError:
            return
        self._end(take)

    def action_cancel(self) -> None:
        """Take everything back."""
        self._end(self._cancel)

    def action_stay(self) -> None:
        """Keep the focus here until the question is answered."""

    def _end(self, then: Callable[[], None]) -> None:
        self.remove_class("asking")
        if self._asker is not None:
            self.screen.set_focus(self._asker)
        then()
