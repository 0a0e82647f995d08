"""A form on the screen: one line a field, what is wrong said beside it while it is filled in; it returns values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Button, Input, Static

from lvstui.core.fields import FieldError
from lvstui.core.rules import Problem, Severity
from lvstui.core.view.form import Field, FieldKind, Form, Values, complete_item
from lvstui.core.view.table import escape
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
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
    Choice { height: 1; background: $panel; }
    Choice:focus { text-style: reverse; }
    """

    class Changed(Message):
        """Another word was chosen."""

    def __init__(self, value: str, choices: Sequence[str]) -> None:
        super().__init__(_edged(value), markup=False)
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
            self.update(_edged(value))
            self.post_message(self.Changed())


def _edged(word: str) -> str:
    """Write a word so that it is seen to be one of several."""
    return f"< {escape(word)} >"


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
        choices = " ".join(choice for choice in field.choices if choice)
        self._choices = choices if field.kind is FieldKind.CHOICE and len(choices) <= _ROOM else ""

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
        remarks = remarks or [self._choices]
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


_ROOM = 34
"""Cells for the words that a field is chosen from, beside it."""

_ACCEPT, _CANCEL = "accept", "cancel"
"""The ids of the buttons."""

_ROWS = 16
"""Rows of fields that are shown at most, the others are scrolled to."""

_SCROLL, _BESIDE_KEYS = "  PgUp PgDn scroll", 17
"""The last of the keys, which is left out where it has no room, and the cells beside them without a button's word."""

_AROUND, _AROUND_LOW = 9, 5
"""Rows of a form besides its fields; less where the screen is low."""

_NO_PREVIEW: Sequence[str] = ("a preview is shown here once nothing is wrong",)

_KNOWN = 8
"""How many proposals the hint names."""


class FormScreen(Dialog[dict[str, str] | None]):
    """Fill in a form; return its values once nothing in them is wrong, None after Esc.

    What is wrong with an empty field that was empty at first is shown only after an attempt to accept the form. Enter
    goes through the fields and on to the buttons; only there, or by Ctrl-S, the form is accepted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False, priority=True),
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        Binding("enter", "enter", show=False, priority=True),
        Binding("ctrl+s", "accept", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    FormScreen { align: center top; background: transparent; }
    FormScreen > Vertical {
        width: 78; max-width: 100%; height: auto; margin: 1 0 0 0; padding: 0 0 1 0; background: $dialog;
    }
    FormScreen > Vertical > * { margin: 0 1; }
    FormScreen .title {
        width: 100%; height: 1; margin: 0 0 1 0; padding: 0 1;
        text-style: bold; background: $accent; color: $text-on-accent;
    }
    FormScreen VerticalScroll { height: auto; }
    FormScreen Chunks { display: none; height: 1fr; min-height: 2; max-height: 100%; margin: 1 1 0 1; }
    FormScreen.previewing > Vertical { width: 110; height: 100%; margin: 0; }
    FormScreen.previewing Chunks { display: block; background: $panel; }
    FormScreen .rest { height: auto; color: $text-error; }
    FormScreen .hint { height: 1; margin: 1 1 0 1; color: $text-muted; }
    FormScreen .foot { height: 1; }
    FormScreen .keys { height: 1; width: 1fr; color: $text-muted; }
    FormScreen Button {
        width: auto; min-width: 8; margin: 0 2 0 0; background: $panel; color: $foreground; text-style: none;
    }
    FormScreen Button:focus { text-style: bold reverse; }
    FormScreen.-low > Vertical { margin: 0; padding: 0; }
    FormScreen.-low .title { margin: 0; }
    FormScreen.-low .hint { margin: 0 1; }
    """

    def __init__(
        self, form: Form, preview: Callable[[Values], Sequence[str]] | None = None, action: str = "Stage"
    ) -> None:
        """Ask `form`; `preview` returns lines on what valid values would do, shown below it; `action` accepts it."""
        super().__init__(classes="previewing" if preview else None)
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]
        self._form = form
        self._preview = preview
        self._action = action
        self._previewed: Sequence[str] = _NO_PREVIEW
        self._rows = {field.id: FormRow(field, form.adds) for field in form.fields}
        self._rest = Static(classes="rest", markup=False)
        self._hint = Static(classes="hint", markup=False)
        self._keys = Static(classes="keys", markup=False)
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
            with Horizontal(classes="foot"):
                yield Button(self._action, id="accept", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
                yield self._keys

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

    def on_resize(self) -> None:
        """Leave the rows so much room that the buttons are never pushed off the screen."""
        fields = self.query_one(VerticalScroll)
        fields.styles.max_height = max(
            1, min(_ROWS, self.size.height - (_AROUND_LOW if self.size.height < 20 else _AROUND))
        )

    def on_descendant_focus(self) -> None:
        """Show what can be written into this field, and what the keys do there."""
        at, stops = self.current, self._stops
        if at == _CANCEL:
            keys = "Enter leaves the form"
        elif at == _ACCEPT:
            keys = "Enter: shown first, nothing is written yet"
        else:
            enter = f"Enter to {self._action}" if stops.index(at) == len(stops) - 3 else "Enter next"
            chosen = "  Left Right choose" if self._rows[at].field.choices else ""
            keys = f"{enter}{chosen}  ^S {self._action.lower()}  Esc cancel"
            if self._preview and len(keys) + len(_SCROLL) <= self.size.width - len(self._action) - _BESIDE_KEYS:
                keys += _SCROLL
        self._keys.update(keys, layout=False)
        if row := self._rows.get(at):
            beside = row.field.kind is FieldKind.CHOICE
            choices = "" if beside else "  ".join(choice for choice in row.field.choices if choice)
            known = f"known: {' '.join(row.field.proposals[:_KNOWN])}" if row.field.proposals else ""
            self._hint.update(escape("   ".join(filter(None, (choices, row.field.hint, known)))), layout=False)

    async def action_move(self, step: int) -> None:
        """Go to the next or the previous field, in a circle."""
        await self._handle_keys()
        names = self._stops
        at = names.index(self.current) if self.current in names else 0
        self._focus(names[(at + step) % len(names)])

    async def action_enter(self) -> None:
        """Go to the next field, and from the last one to the buttons; press a button."""
        await self._handle_keys()
        if self.current == _ACCEPT:
            await self.action_accept()
        elif self.current == _CANCEL:
            await self.action_cancel()
        else:
            await self.action_move(1)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        """Accept or leave, by a click."""
        await (self.action_accept() if event.button.id == _ACCEPT else self.action_cancel())

    async def action_accept(self) -> None:
        """Return the values, or go to the first field that is wrong."""
        await self._handle_keys()
        self._tried = True
        wrong = [problem.field for problem in self._check() if problem.severity is Severity.ERROR]
        if wrong:
            self._focus(next((name for name in self._visible if name in wrong), self.current))
        else:
            self.dismiss(self._form.reset_hidden(self.values))

    async def action_cancel(self) -> None:
        """Return nothing; ask first where something was typed or chosen."""
        await self._handle_keys()
        start, values = self._form.start, self.values
        changed = [name for name in self._visible if values[name] != start[name]]
        if not changed:
            self.dismiss(None)
            return

        lines = [f"{self._rows[name].field.label.strip()}: {values[name] or 'empty'}" for name in changed]
        confirm_first(
            self.app, Confirm("Leave the form? This is thrown away:", lines, "Leave"), partial(self.dismiss, None)
        )

    def action_page(self, pages: int) -> None:
        """Scroll the preview by pages."""
        self.query_one(Chunks).turn(pages)

    @property
    def _visible(self) -> list[str]:
        return [field.id for field in self._form.visible(self.values)]

    @property
    def _stops(self) -> list[str]:
        return [*self._visible, _ACCEPT, _CANCEL]

    @property
    def current(self) -> str:
        """The id of the field or button in focus, empty while there is none."""
        if isinstance(self.focused, Button):
            return self.focused.id or ""
        return next((name for name, row in self._rows.items() if row.answer is self.focused), "")

    def _focus(self, name: str) -> None:
        self.set_focus(self._rows[name].answer if name in self._rows else self.query_one(f"#{name}", Button))

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
            lines = _NO_PREVIEW
            if not any(problem.severity is Severity.ERROR for problem in problems):
                with suppress(FieldError):
                    lines = self._preview(self._form.reset_hidden(values))
            if lines != self._previewed:
                self._previewed = lines
                self.query_one(Chunks).show("", len(lines), lambda line: (lines[line],))
        return problems
