"""A form on the screen: one line a field, what is wrong said beside it while it is filled in; it returns values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from lvstui.core.fields import FieldError
from lvstui.core.rules import Problem, Severity
from lvstui.core.view.form import Field, FieldKind, Form, Values, complete_item
from lvstui.core.view.table import escape
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks, Printable

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
    """One of a few words, chosen by Left, Right and Space or by typing as much of the word as is needed."""

    DEFAULT_CSS = """
    Choice { height: 1; }
    Choice:focus { text-style: reverse; }
    """

    class Changed(Message):
        """Another word was chosen."""

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
        """Start a new word next time."""
        self._typed = ""

    def _type(self, character: str) -> None:
        """Continue the word being typed; a letter that does not fit goes to the next word that starts with it."""
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
            self.post_message(self.Changed())


class Completion(Suggester):
    """Completes the last item of a list from known ones; Right at the end accepts it."""

    def __init__(self, proposals: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._proposals = proposals

    async def get_suggestion(self, value: str) -> str | None:
        """Return the text with its last item completed."""
        return complete_item(value, self._proposals) or None


class TextEntry(Input):
    """A text, edited in the order of the keys however fast they come; with choices, Left and Right cycle them."""

    DEFAULT_CSS = """
    TextEntry, TextEntry:focus { border: none; height: 1; padding: 0; background: $panel; }
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


class FormRow(Horizontal):
    """A field's label, its widget, and a remark on it."""

    DEFAULT_CSS = """
    FormRow { height: auto; min-height: 1; }
    FormRow > .label { width: 13; color: $text-muted; }
    FormRow > Choice, FormRow > TextEntry { width: 24; }
    FormRow > .remark { width: 1fr; height: auto; padding: 0 0 0 1; color: $text-muted; }
    FormRow.wide > TextEntry { width: 1fr; }
    FormRow.wide > .remark { width: auto; max-width: 36; }
    FormRow.changed > .label { color: $text-accent; text-style: bold; }
    FormRow.warning > .remark { color: $text-warning; }
    FormRow.error > .remark { color: $text-error; }
    """

    def __init__(self, field: Field, adds: bool) -> None:
        super().__init__(classes="wide" if field.wide else None)
        self.field = field
        self._adds = adds
        self.answer: Choice | TextEntry
        if field.kind is FieldKind.CHOICE:
            self.answer = Choice(field.value, field.choices)
        else:
            self.answer = TextEntry(field.value, field.choices, field.proposals)
        self._label = Static(field.label, classes="label", markup=False)
        self._remark = Static(classes="remark", markup=False)
        self._shown = field.label, ""

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
        shown = escape(label), escape("; ".join(remarks))
        if shown != self._shown:
            self._shown = shown
            self._label.update(shown[0])
            self._remark.update(shown[1])


def _step(choices: Sequence[str], value: str, step: int) -> str:
    """Return the next or previous choice, in a circle; for any other text the first or the last."""
    if value not in choices:
        return choices[0 if step > 0 else -1]
    return choices[(choices.index(value) + step) % len(choices)]


_KNOWN = 8
"""How many proposals the hint names."""


class FormScreen(Dialog[dict[str, str] | None]):
    """Fill in a form; return its values once nothing in them is wrong, None after Esc.

    What is wrong with an empty field that was empty at first is shown only after an attempt to accept the form.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False, priority=True),
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
        Binding("enter", "enter", show=False, priority=True),
        Binding("ctrl+s", "accept", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    FormScreen { align: center top; background: $background 60%; }
    FormScreen > Vertical {
        width: 78; max-width: 100%; height: auto; margin: 1 0 0 0; padding: 0 1;
        border: solid $primary; background: $surface;
    }
    FormScreen .title { text-style: bold; height: 1; margin: 0 0 1 0; }
    FormScreen VerticalScroll { height: auto; max-height: 16; }
    FormScreen Chunks { display: none; height: 1fr; min-height: 2; max-height: 100%; margin: 1 0 0 0; }
    FormScreen.previewing > Vertical { width: 110; height: 100%; margin: 0; }
    FormScreen.previewing Chunks { display: block; background: $panel; }
    FormScreen .rest { height: auto; color: $text-error; }
    FormScreen .hint { height: 1; margin: 1 0 0 0; color: $text-muted; }
    FormScreen .keys { height: 1; color: $text-muted; }
    """

    def __init__(self, form: Form, preview: Callable[[Values], Sequence[str]] | None = None) -> None:
        """Ask `form`; `preview` returns lines on what valid values would do, shown below it."""
        super().__init__(classes="previewing" if preview else None)
        self._form = form
        self._preview = preview
        self._previewed: Sequence[str] = ("a preview is shown here once nothing is wrong",)
        self._rows = {field.id: FormRow(field, form.adds) for field in form.fields}
        self._rest = Static(classes="rest", markup=False)
        self._hint = Static(classes="hint", markup=False)
        self._tried = False

    def compose(self) -> ComposeResult:
        """Lay out title, fields, what is wrong elsewhere, the hint of the field in focus, and the keys."""
        with Vertical():
            yield Static(escape(self._form.title), classes="title", markup=False)
            with VerticalScroll(can_focus=False):
                yield from self._rows.values()
            yield self._rest
            yield self._hint
            chunks = Chunks(text_id="preview")
            chunks.show("", len(self._previewed), lambda line: (self._previewed[line],))
            yield chunks
            keys = "Enter next   Left Right choose   ^S stage   Esc cancel"
            yield Static(f"{keys}   PgUp PgDn scroll" if self._preview else keys, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Start in the first field."""
        self._check()
        self._focus(self._form.fields[0].id)

    @property
    def values(self) -> dict[str, str]:
        """The text of each field now."""
        return {name: row.answer.value for name, row in self._rows.items()}

    @on(Choice.Changed)
    @on(Input.Changed)
    def changed(self) -> None:
        """Check again."""
        self._check()

    def on_descendant_focus(self) -> None:
        """Show what can be written into this field."""
        if row := self._rows.get(self.current):
            choices = "  ".join(choice for choice in row.field.choices if choice)
            known = f"known: {' '.join(row.field.proposals[:_KNOWN])}" if row.field.proposals else ""
            self._hint.update(escape("   ".join(filter(None, (choices, row.field.hint, known)))), layout=False)

    async def action_move(self, step: int) -> None:
        """Go to the next or the previous field, in a circle."""
        await self._handle_keys()
        names = self._visible
        at = names.index(self.current) if self.current in names else 0
        self._focus(names[(at + step) % len(names)])

    async def action_enter(self) -> None:
        """Go to the next field, or accept in the last one."""
        await self._handle_keys()
        if self.current == self._visible[-1]:
            await self.action_accept()
        else:
            await self.action_move(1)

    async def action_accept(self) -> None:
        """Return the values, or go to the first field that is wrong."""
        await self._handle_keys()
        self._tried = True
        wrong = [problem.field for problem in self._check() if problem.severity is Severity.ERROR]
        if wrong:
            self._focus(next((name for name in self._visible if name in wrong), self.current))
        else:
            self.dismiss(self._form.reset_hidden(self.values))

    def action_cancel(self) -> None:
        """Return nothing."""
        self.dismiss(None)

    def action_page(self, pages: int) -> None:
        """Scroll the preview by pages."""
        self.query_one(Chunks).turn(pages)

    @property
    def _visible(self) -> list[str]:
        return [field.id for field in self._form.visible(self.values)]

    @property
    def current(self) -> str:
        """The id of the field in focus, empty while there is none."""
        return next((name for name, row in self._rows.items() if row.answer is self.focused), "")

    def _focus(self, name: str) -> None:
        self.set_focus(self._rows[name].answer)

    async def _handle_keys(self) -> None:
        """Wait until the field in focus has handled all keys before this one, so that a burst keeps its order."""
        done = asyncio.Event()
        if self.focused and self.focused.call_later(done.set):
            await done.wait()

    def _check(self) -> Sequence[Problem]:
        """Show the fields that apply to the values, and what is wrong with them; return that."""
        values = self.values
        visible = self._visible
        problems = self._form.problems(values)
        for name, row in self._rows.items():
            row.display = name in visible
            said = [p for p in problems if p.field == name and (self._tried or values[name] or row.field.value)]
            row.say(row.field.relabel(values) if row.field.relabel else row.field.label, said)
        rest = [str(problem) for problem in problems if problem.field not in visible]
        if rest or self._rest.display:
            self._rest.update(escape("\n".join(rest)))
            self._rest.display = bool(rest)
        if self._preview:
            with suppress(FieldError):  # while values cannot be read, the preview of those before stays
                lines = self._preview(self._form.reset_hidden(values))
                if lines != self._previewed:
                    self._previewed = lines
                    self.query_one(Chunks).show("", len(lines), lambda line: (lines[line],))
        return problems
