"""The command palette: all commands by their sentence, filtered while one types; Enter runs the one shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.message import Message
from textual.widgets import Input

from lvstui.core.view.table import Cell, Column, Tone
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Printable
from lvstui.tui.widgets.table import VirtualTable

_COLUMNS = (Column("command", "Command", 30, 1, grow=1), Column("keys", "Keys", 12, 2))


class Choice(NamedTuple):
    """A command in the palette: its sentence, its keys as people read them, and what runs it."""

    title: str
    keys: str
    run: Callable[[], None]


class _Choices(VirtualTable[int]):
    """The commands by their place; a click chooses one. The focus stays with what is typed."""

    can_focus = False

    @dataclass
    class Chosen(Message):
        """A command was clicked on."""

        place: int

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked on."""
        event.prevent_default()
        if (place := self.key_at(event)) is not None:
            self.post_message(self.Chosen(place))


class Palette(Dialog[Callable[[], None] | None]):
    """Ask for a command; return what runs it, None on Esc or a click beside.

    What is shown always follows from what is typed at that moment, so that Enter behind a name in the same packet
    runs the command of that name.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        *(
            Binding(keys, f"move('{action}', {amount})", show=False)
            for keys, action, amount in (
                ("down", "step", 1),
                ("up", "step", -1),
                ("pagedown", "page", 1),
                ("pageup", "page", -1),
                ("ctrl+home", "end", 0),
                ("ctrl+end", "end", -1),
            )
        ),
        Binding("tab,shift+tab", "move('step', 0)", show=False),
    ]

    DEFAULT_CSS = """
    Palette { background: $background 60%; }
    Palette > Vertical { height: 1fr; max-height: 24; background: $surface; }
    Palette.-high > Vertical { margin-top: 3; }
    Palette Input { border: none; height: 1; background: $surface; }
    Palette Input.-textual-compact { padding: 0 1; }
    Palette.-high Input { margin: 1 0; }
    Palette Input:focus { border: none; }
    Palette VirtualTable { background: $surface; }
    """

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]
        self._choices = choices
        self._typed = Input(placeholder="Search for commands...", compact=True, highlighter=Printable())
        self._table = _Choices(marks=False)
        self._shown = ""

    def compose(self) -> ComposeResult:
        """Lay out what is typed and what that finds."""
        with Vertical():
            yield self._typed
            yield self._table

    def on_mount(self) -> None:
        """List all commands before anything is typed."""
        self._typed.cursor_blink = False
        self._typed.focus()
        self._find("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what is found now."""
        self._follow(event.input.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run the command under the cursor; nothing where none is found."""
        self._follow(event.value)
        if (place := self._table.cursor_key) is not None:
            self.dismiss(self._choices[place].run)

    def on__choices_chosen(self, message: _Choices.Chosen) -> None:
        """Run the command that was clicked on."""
        self.dismiss(self._choices[message.place].run)

    def on_click(self, event: events.Click) -> None:
        """Close after a click beside."""
        if event.widget is self:
            self.dismiss(None)

    def action_move(self, action: str, amount: int) -> None:
        """Move through what is found; the focus stays where it is."""
        self._follow(self._typed.value)
        {"step": self._table.action_step, "page": self._table.action_page, "end": self._table.action_end}[action](
            amount
        )

    def _follow(self, text: str) -> None:
        if text != self._shown:
            self._find(text)

    def _find(self, text: str) -> None:
        """Show the commands that match a text, the best first."""
        self._shown = text
        places = list(range(len(self._choices)))
        if text.strip():
            score = partial(_score, Matcher(text.strip()), self._choices)
            places = sorted((place for place in places if score(place)), key=score, reverse=True)
        self._table.show(_COLUMNS, places, self._cells)
        self._table.action_end(0)

    def _cells(self, place: int) -> Sequence[Cell]:
        choice = self._choices[place]
        return Cell(choice.title), Cell(choice.keys, Tone.DIM)


def _score(matcher: Matcher, choices: Sequence[Choice], place: int) -> float:
    return matcher.match(choices[place].title)
