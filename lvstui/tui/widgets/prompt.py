"""One line that asks for a text, above the line of keys; it shows why a value is wrong while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from lvstui.tui.widgets.printable import Printable


class Prompt(Horizontal):
    """Hidden until `ask`; Enter hands the text over, Esc takes everything back."""

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
        self._typed: Callable[[str], str] = lambda _: ""
        self._done: Callable[[str | None], None] = lambda _: None
        self.query_one(Input).cursor_blink = False

    def ask(
        self, label: str, value: str, done: Callable[[str | None], None], typed: Callable[[str], str] = lambda _: ""
    ) -> None:
        """Ask for a text.

        `typed` is called at every change and tells what is wrong (empty: nothing); `done` gets the text, or None
        when the operator thought better of it.
        """
        self._typed, self._done = typed, done
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
            self.query_one("#wrong", Static).update(self._typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over a value that nothing is wrong with."""
        event.stop()
        if not self._typed(event.value):
            self._end(event.value)

    def action_cancel(self) -> None:
        """Take everything back."""
        self._end(None)

    def action_stay(self) -> None:
        """Keep the focus here until the question is answered."""

    def _end(self, answer: str | None) -> None:
        self.remove_class("asking")
        self._done(answer)
