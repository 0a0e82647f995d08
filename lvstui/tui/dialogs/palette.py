"""The command palette: commands by their words or keys, the best match first, and a line that takes arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from lvstui.core.fields import FieldError
from lvstui.core.view.table import Cell, Column, Tone, escape
from lvstui.tui.commands import Line
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Printable
from lvstui.tui.widgets.table import VirtualTable

_COLUMNS = (
    Column("command", "Command", 30, 1, grow=1),
    Column("keys", "Keys", 10, 1),
    Column("id", "Id", 17, 2),
)

_WORDS = (Column("word", "What fits here", 30, 1, grow=1),)

_NO_MATCH = 9

_CLEAR = 2
"""The rank down to which all words that are typed begin words of a command."""


class Choice(NamedTuple):
    """A command in the palette: its sentence, its keys as people read them, its id, what runs it, and its arguments."""

    title: str
    keys: str
    id: str
    run: Callable[[], None]
    line: Line | None = None

    def rank(self, text: str) -> int:
        """Return how well it fits what is typed, 0 best; the parts of the text each have to fit."""
        return 0 if text in self.keys.split() else self.rank_of_words(text)

    def rank_of_words(self, text: str) -> int:
        """Return how well its words alone fit."""
        return max(map(self._rank, text.casefold().split()), default=0)

    def _rank(self, word: str) -> int:
        """Rank a word: it begins one of the id or the sentence, stands within one, or has the first letters of one."""
        own = re.split(r"[.\- ]", self.id)
        said = re.findall(r"[^\W_]+", self.title.casefold())
        letters = re.compile(".*".join(map(re.escape, word)))
        for rank, found in enumerate(
            (
                any(one.startswith(word) for one in (own[-1], *said[:1], self.line.name if self.line else "")),
                any(one.startswith(word) for one in (*own, *said)),
                word in self.id or word in self.title.casefold(),
                any(letters.match(one) for one in (*own, *said)),
            ),
            1,
        ):
            if found:
                return rank
        return _NO_MATCH


class _Choices(VirtualTable[int | str]):
    """Commands by their place, or words that fit; a click chooses one. The focus stays with what is typed."""

    can_focus = False

    @dataclass
    class Chosen(Message):
        """A command or a word was clicked on."""

        place: int | str

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked on."""
        event.prevent_default()
        if (place := self.row_at(event)) is not None:
            self.post_message(self.Chosen(place))


class Palette(Dialog[Callable[[], None] | None]):
    """Ask for a command; return what runs it, None on Esc or a click beside.

    What is shown always follows from what is typed at that moment, so that Enter behind a name in the same packet
    runs the command of that name. A text that begins with the name of a line and a blank is that line, unless nothing
    in it fits and it reads as words of a command.
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
        Binding("tab", "complete", show=False),
        Binding("shift+tab", "move('step', 0)", show=False),
    ]

    DEFAULT_CSS = """
    Palette { background: transparent; }
    Palette > Vertical { height: 1fr; max-height: 24; background: $surface; }
    Palette.-high > Vertical { margin-top: 3; }
    Palette Input { border: none; height: 1; background: $surface; }
    Palette Input.-textual-compact { padding: 0 1; }
    Palette.-high Input { margin: 1 0 0 0; }
    Palette Input:focus { border: none; }
    Palette #hint { height: auto; min-height: 1; max-height: 3; padding: 0 1; color: $text-dim; }
    Palette #hint.wrong { color: $text-error; }
    Palette VirtualTable { background: $surface; }
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        past: Sequence[str] = (),
        remember: Callable[[str], None] = lambda _: None,
        typed: str = "",
    ) -> None:
        """Offer `choices`; `past` are the lines before, the newest first, and `remember` hears of a new one."""
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]
        self._choices = choices
        self._past, self._at = past, -1
        self._remember = remember
        self._typed = Input(
            typed, "a command, or a line such as weight 5 or go 10.0.0.12", compact=True, highlighter=Printable()
        )
        self._table = _Choices(marks=False)
        self._hint = Static(id="hint", markup=False)
        self._shown = ""
        self._line: Line | None = None
        self._rest = ""
        self._picked = False
        """Whether the cursor was moved to one of the words that fit, which Enter takes then."""

    def compose(self) -> ComposeResult:
        """Lay out what is typed, what is to be said about it, and what it finds."""
        with Vertical():
            yield self._typed
            yield self._hint
            yield self._table

    def on_mount(self) -> None:
        """List all commands before anything is typed."""
        self._typed.cursor_blink = False
        self._typed.focus()
        self._typed.select_on_focus = False
        self._typed.cursor_position = len(self._typed.value)
        self._find(self._typed.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what is found now."""
        self._follow(event.input.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run the line, or the command under the cursor; nothing where none is found or something is wrong."""
        self._follow(event.value)
        place = self._table.cursor_key
        if self._line is None:
            self._choose(place)
            return
        if self._picked and isinstance(place, str):
            self._put(self._line.completed(self._rest, place))
        if (run := self._read(complain=True)) is not None:
            if self._line.remembered:
                self._remember(" ".join(self._shown.split()))
            self.dismiss(run)

    def on__choices_chosen(self, message: _Choices.Chosen) -> None:
        """Run the command, or take the word, that was clicked on."""
        self._choose(message.place)

    def on_virtual_table_cursor_moved(self) -> None:
        """Say how the command under the cursor takes arguments."""
        if self._line is None:
            self._advise()

    def on_click(self, event: events.Click) -> None:
        """Close after a click beside."""
        if event.widget is self:
            self.dismiss(None)

    def action_move(self, action: str, amount: int) -> None:
        """Move through what is found; above its first row are the lines before. The focus stays where it is."""
        self._follow(self._typed.value)
        if action == "step" and amount and (self._at >= 0 or (amount < 0 and self._table.selection.cursor <= 0)):
            self._recall(-amount)
            return
        self._picked = bool(amount) or action == "end"
        {"step": self._table.action_step, "page": self._table.action_page, "end": self._table.action_end}[action](
            amount
        )

    def action_complete(self) -> None:
        """Put the word under the cursor in place of the last one, or begin the line of the command under it."""
        self._follow(self._typed.value)
        place = self._table.cursor_key
        if self._line is not None and isinstance(place, str):
            self._put(self._line.completed(self._rest, place))
        elif self._line is None and (line := self._begun()) is not None:
            self._put(f"{line.name} ")

    def _begun(self) -> Line | None:
        """Return the line that what is typed begins, or that of the command under the cursor."""
        typed, place = self._shown.strip(), self._table.cursor_key
        lines = (choice.line for choice in self._choices if choice.line and typed and not self._picked)
        own = self._choices[place].line if isinstance(place, int) else None
        return next((line for line in lines if line.name.startswith(typed)), None) or own

    def _recall(self, steps: int) -> None:
        """Go back to an older line, or forward again; before the newest one nothing is typed."""
        at = max(-1, min(self._at + steps, len(self._past) - 1))
        if at != self._at:
            self._put(self._past[at] if at >= 0 else "")
            self._at = at

    def _choose(self, place: int | str | None) -> None:
        if isinstance(place, int):
            self.dismiss(self._choices[place].run)
        elif place is not None and self._line is not None:
            self._put(self._line.completed(self._rest, place))

    def _put(self, text: str) -> None:
        """Put a text in place of what is typed."""
        self._typed.value = text
        self._typed.cursor_position = len(text)
        self._find(text)

    def _follow(self, text: str) -> None:
        if text != self._shown:
            self._find(text)

    def _find(self, text: str) -> None:
        """Show what fits at the end of a line, or the commands that match a text, the best first."""
        self._shown, self._picked, self._at = text, False, -1
        ranks = [choice.rank(text.strip()) for choice in self._choices]
        places = sorted((place for place, rank in enumerate(ranks) if rank < _NO_MATCH), key=ranks.__getitem__)
        self._line, self._rest = _named(self._choices, text)
        if self._line is not None:
            words = self._line.complete(self._rest)
            meant = any(rank <= _CLEAR for rank in ranks)
            if words or not meant or not self._rest.strip() or self._read(complain=False) is not None:
                self._table.show(_WORDS, words, lambda word: (Cell(str(word)),))
                self._table.action_end(0)
                self._read(complain=bool(self._rest.strip()) and not words)
                return
            self._line = None
        self._table.show(_COLUMNS, places, lambda place: _cells(self._choices[int(place)]))
        self._table.action_end(0)
        self._advise()

    def _read(self, *, complain: bool) -> Callable[[], None] | None:
        """Return what the line does, None where something is wrong with it, which the hint then says."""
        if self._line is None:
            return None
        try:
            run = self._line.read(self._rest)
        except FieldError as error:
            self._say(error.sentence if complain else self._line.usage, wrong=complain)
            return None
        self._say(f"{self._line.usage}   Enter")
        return run

    def _advise(self) -> None:
        """Say what line the command under the cursor has, or that only its key is what was typed."""
        place = self._table.cursor_key
        choice = self._choices[place] if isinstance(place, int) else None
        typed = self._shown.strip()
        if choice is None:
            self._say("no command here has that; Esc closes", wrong=True)
        elif typed and choice.rank_of_words(typed) >= _NO_MATCH:
            self._say(f"{typed} is only the key of this command; none has it in its words")
        elif choice.line is not None:
            self._say(f"Tab: {choice.line.usage}")
        else:
            self._say("Up: lines before" if self._past and not typed else "")

    def _say(self, sentence: str, *, wrong: bool = False) -> None:
        self._hint.set_class(wrong, "wrong")
        self._hint.update(escape(sentence))


def _named(choices: Sequence[Choice], text: str) -> tuple[Line | None, str]:
    """Return the line that a text names before its first blank, and the rest of it."""
    name, blank, rest = text.lstrip().partition(" ")
    lines = (choice.line for choice in choices if choice.line and name in (choice.line.name, choice.id))
    return (next(lines, None) if blank else None), rest


def _cells(choice: Choice) -> Sequence[Cell]:
    return Cell(choice.title), Cell(choice.keys, Tone.ACCENT), Cell(choice.id, Tone.DIM)
