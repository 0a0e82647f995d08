"""A form on the screen: one line a field, what is wrong said beside it while it is filled in; it returns values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lvstui.core.fields import FieldError
from lvstui.core.rules import Problem, Severity
from lvstui.core.view.form import Form, Values
from lvstui.core.view.table import escape
from lvstui.tui.widgets.answers import Row
from lvstui.tui.widgets.chunks import Chunks

_NOTHING_YET = "what this does is shown here once nothing in it is wrong"

_KNOWN = 8
"""How many proposals the hint names."""

KEYS = "Enter next   Left Right choose   ^S stage   Esc cancel"
PREVIEW_KEYS = f"{KEYS}   PgUp PgDn scroll"


class FormScreen(ModalScreen[dict[str, str] | None]):
    """Fill in a form; return its values once nothing in them is wrong, None after Esc.

    What is wrong with a field that stands empty as it did at first is said only when the form is to be accepted.
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
        """Ask `form`; `preview` returns the lines of what right values would do, to be shown below it."""
        super().__init__(classes="previewing" if preview else None)
        self._form = form
        self._preview = preview
        self._previewed: Sequence[str] = (_NOTHING_YET,)
        self._rows = {field.id: Row(field, form.adds) for field in form.fields}
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
            yield Static(PREVIEW_KEYS if self._preview else KEYS, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Start in the first field."""
        self._check()
        self._focus(self._form.fields[0].id)

    @property
    def values(self) -> dict[str, str]:
        """The text of each field now."""
        return {name: row.answer.value for name, row in self._rows.items()}

    def on_choice_changed(self) -> None:
        """Check again."""
        self._check()

    def on_input_changed(self) -> None:
        """Check again."""
        self._check()

    def on_descendant_focus(self) -> None:
        """Say what can be written into this field."""
        if row := self._rows.get(self.current):
            choices = "  ".join(choice for choice in row.field.choices if choice)
            known = f"known: {' '.join(row.field.proposals[:_KNOWN])}" if row.field.proposals else ""
            self._hint.update(escape("   ".join(filter(None, (choices, row.field.hint, known)))), layout=False)

    async def action_move(self, step: int) -> None:
        """Go to the next or the previous field, round the ends."""
        await self._typed()
        names = self._visible
        at = names.index(self.current) if self.current in names else 0
        self._focus(names[(at + step) % len(names)])

    async def action_enter(self) -> None:
        """Go to the next field, or accept in the last one."""
        await self._typed()
        if self.current == self._visible[-1]:
            await self.action_accept()
        else:
            await self.action_move(1)

    async def action_accept(self) -> None:
        """Return the values, or go to the first field that is wrong."""
        await self._typed()
        self._tried = True
        wrong = [problem.field for problem in self._check() if problem.severity is Severity.ERROR]
        if wrong:
            self._focus(next((name for name in self._visible if name in wrong), self.current))
        else:
            self.dismiss(self._form.settled(self.values))

    def action_cancel(self) -> None:
        """Return nothing."""
        self.dismiss(None)

    def action_page(self, pages: int) -> None:
        """Read on in the preview, where there is more than fits."""
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

    async def _typed(self) -> None:
        """Wait until the field in focus has taken all keys before this one, so that a burst of keys is not mixed up."""
        done = asyncio.Event()
        if self.focused and self.focused.call_later(done.set):
            await done.wait()

    def _check(self) -> Sequence[Problem]:
        """Show the fields that make sense with the values, and what is wrong with them."""
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
        self._show_preview(values)
        return problems

    def _show_preview(self, values: Values) -> None:
        """Show what the values would do; while they cannot be read, what they would have done before."""
        if self._preview is None:
            return
        try:
            lines = self._preview(self._form.settled(values))
        except FieldError:
            return
        if lines != self._previewed:
            self._previewed = lines
            self.query_one(Chunks).show("", len(lines), lambda line: (lines[line],))
