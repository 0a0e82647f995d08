"""The lines of a form on the screen: a field's label, its answer, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from lvstui.core.rules import Problem, Severity
from lvstui.core.view.form import Field, Kind, complete_item
from lvstui.core.view.table import escape
from lvstui.tui.widgets.lines import Printable

_EDITING = {
    "left": "cursor_left",
    "right": "cursor_right",
    "home": "home",
    "end": "end",
    "ctrl+a": "home",
    "ctrl+e": "end",
    "backspace": "delete_left",
    "delete": "delete_right",
    "ctrl+u": "delete_left_all",
    "ctrl+k": "delete_right_all",
    "ctrl+w": "delete_left_word",
}
"""Keys that act on a text at once: as bindings they would come back through the app, behind what was typed later."""


class Choice(Static, can_focus=True):
    """One of a few words: Left and Right go round, Space goes on, and a word may be typed as far as it is needed."""

    DEFAULT_CSS = """
    Choice { height: 1; }
    Choice:focus { text-style: reverse; }
    """

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, value: str, choices: Sequence[str]) -> None:
        super().__init__(escape(value), markup=False)
        self.value = value
        self._choices = choices
        self._typed = ""

    def on_key(self, event: events.Key) -> None:
        """Choose."""
        if event.key in ("left", "right", "space"):
            self._typed = ""
            self._choose(_step(self._choices, self.value, -1 if event.key == "left" else 1))
        elif event.character and event.is_printable:
            self._type(event.character)
        else:
            return
        event.stop()

    def on_blur(self) -> None:
        """Begin a new word next time."""
        self._typed = ""

    def _type(self, character: str) -> None:
        """Go on with the word that is being typed; a letter that begins or does not belong goes to the next with it."""
        at = self._choices.index(self.value)
        for typed, start in ((self._typed + character, at if self._typed else at + 1), (character, at + 1)):
            around = (*self._choices[start:], *self._choices[:start])
            if found := next((word for word in around if word.startswith(typed)), None):
                self._typed = typed
                self._choose(found)
                return

    def _choose(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.update(escape(value))
            self.post_message(self.Changed(self))


class Completion(Suggester):
    """Completes the last item of a list from what is known; Right at the end takes it."""

    def __init__(self, proposals: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._proposals = proposals

    async def get_suggestion(self, value: str) -> str | None:
        """Return the text with its last item completed."""
        return complete_item(value, self._proposals) or None


class Entry(Input):
    """A text, edited in the order of the keys however fast they come; with choices, Left and Right go round them."""

    DEFAULT_CSS = """
    Entry, Entry:focus { border: none; height: 1; padding: 0; background: $panel; }
    """

    def __init__(self, value: str, choices: Sequence[str], proposals: Sequence[str] = ()) -> None:
        suggester = Completion(proposals) if proposals else None
        super().__init__(value, compact=True, highlighter=Printable(), suggester=suggester)
        self.cursor_blink = False
        self._choices = choices

    async def on_key(self, event: events.Key) -> None:
        """Go to another choice, or edit."""
        if self._choices and event.key in ("left", "right"):
            self.value = _step(self._choices, self.value, -1 if event.key == "left" else 1)
            self.select_all()
        elif event.key in _EDITING:
            await self.run_action(_EDITING[event.key])
        else:
            return
        event.stop()
        event.prevent_default()


class Row(Horizontal):
    """A field's label, its widget, and what there is to say about it."""

    DEFAULT_CSS = """
    Row { height: auto; min-height: 1; }
    Row > .label { width: 13; color: $text-muted; }
    Row > Choice, Row > Entry { width: 24; }
    Row > .remark { width: 1fr; height: auto; padding: 0 0 0 1; color: $text-muted; }
    Row.wide > Entry { width: 1fr; }
    Row.wide > .remark { width: auto; max-width: 36; }
    Row.changed > .label { color: $text-accent; text-style: bold; }
    Row.warning > .remark { color: $text-warning; }
    Row.error > .remark { color: $text-error; }
    """

    def __init__(self, field: Field, adds: bool) -> None:
        super().__init__(classes="wide" if field.wide else None)
        self.field = field
        self._adds = adds
        self.answer: Choice | Entry
        if field.kind is Kind.CHOICE:
            self.answer = Choice(field.value, field.choices)
        else:
            self.answer = Entry(field.value, field.choices, field.proposals)
        self._label = Static(field.label, classes="label", markup=False)
        self._remark = Static(classes="remark", markup=False)
        self._said = field.label, ""

    def compose(self) -> ComposeResult:
        """Lay out the line."""
        yield self._label
        yield self.answer
        yield self._remark

    def say(self, label: str, problems: Sequence[Problem]) -> None:
        """Show the label, and what is wrong or else what the value was."""
        before = self.field.value
        changed = self.answer.value != before and not self._adds
        errors = any(problem.severity is Severity.ERROR for problem in problems)
        self.set_class(changed, "changed")
        self.set_class(errors, "error")
        self.set_class(bool(problems) and not errors, "warning")
        remarks = [problem.sentence for problem in problems] or ([f"was {before or 'empty'}"] if changed else [])
        said = escape(label), escape("; ".join(remarks))
        if said != self._said:
            self._said = said
            self._label.update(said[0])
            self._remark.update(said[1])


def _step(choices: Sequence[str], value: str, step: int) -> str:
    """Go round the choices; a text that is none of them leads to the first or the last."""
    if value not in choices:
        return choices[0 if step > 0 else -1]
    return choices[(choices.index(value) + step) % len(choices)]
