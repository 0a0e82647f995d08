"""Text around the table: the head above it, the message, the keys, the panels and the prompt below."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from textwrap import wrap
from typing import ClassVar, TypeVar

from rich.highlighter import Highlighter
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static

from lvstui.core.fields import FieldError
from lvstui.core.keys import key_of
from lvstui.core.view.bars import parts
from lvstui.core.view.table import Cell, Tone, escape
from lvstui.tui.commands import AnyCommand
from lvstui.tui.widgets.pieces import Piece, clicked, drawn

STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.SECONDARY: "$secondary",
    Tone.DIM: "$text-dim",
    Tone.ACCENT: "$accent",
    Tone.STAGED: "bold $accent",
    Tone.SELECTED: "bold $text-on-accent on $accent",
    Tone.WARN: "$warning",
    Tone.BAD: "bold $error-text on $error-ground",
    Tone.BAR: "$bar",
    Tone.TRACK: "$track",
    Tone.CHART: "$chart",
}
"""The styles of tones outside of tables."""


class Line(Static):
    """One line of toned pieces; painted again only when they changed."""

    DEFAULT_CSS = "Line { height: 1; width: 1fr; }"

    def __init__(self, name: str) -> None:
        super().__init__(markup=False, id=name)
        self._pieces: tuple[Cell, ...] = ()

    @property
    def grows(self) -> bool:
        """Whether the text may need another height than the last one."""
        return False

    def put(self, pieces: Sequence[Cell]) -> None:
        """Show these pieces, two blanks between."""
        if tuple(pieces) == self._pieces:
            return
        self._pieces = tuple(pieces)
        self.update(_toned([pieces]), layout=self.grows)

    @property
    def sentence(self) -> str:
        """What is shown, as one sentence."""
        return "  ".join(piece.text for piece in self._pieces)

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show one sentence."""
        self.put([Cell(sentence, tone)] if sentence else [])


class Summary(Line):
    """A line above a table, in as many lines as a sentence needs that is longer than most."""

    DEFAULT_CSS = "Summary { height: auto; min-height: 1; max-height: 4; }"

    @property
    def grows(self) -> bool:
        """Whether the text has another height than the last one."""
        return len(" ".join(piece.text for piece in self._pieces)) > self.size.width - 2 or self.size.height > 1


class MessageLine(Line):
    """A sentence in as many lines as it needs, up to half of the screen.

    Where bands have no colour of their own its last row is underlined, as heads are: what is below it is the foot.
    """

    DEFAULT_CSS = "MessageLine { height: auto; min-height: 1; max-height: 50vh; }"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._greeting = ""
        self._is_reporting = False

    @property
    def is_alarming(self) -> bool:
        """Whether a warning stands there."""
        return any(piece.tone in (Tone.BAD, Tone.WARN) for piece in self._pieces)

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show one sentence in place of the last one."""
        self._is_reporting = False
        super().say(sentence, tone)

    def greet(self, sentence: str) -> None:
        """Show what is to be said at the start; what comes by itself then hides none of it."""
        self._greeting = sentence
        self.say(sentence, Tone.WARN)

    def add(self, sentence: str, tone: Tone) -> None:
        """Show a sentence that comes by itself, behind what was said at the start while that stands there."""
        if self._greeting and self.sentence == self._greeting:
            sentence = self._greeting = f"{self._greeting}; {sentence}"
        self.say(sentence, tone)

    def report(self, sentence: str) -> None:
        """Show what others did, if anything; it hides no warning but the last of its kind."""
        if sentence and (self._is_reporting or not self.is_alarming):
            self.say(sentence, Tone.WARN)
            self._is_reporting = True

    @property
    def grows(self) -> bool:
        """A sentence may need more lines than the last one."""
        return True

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the sentence, and the rule below it where there is one."""
        strips = super().render_lines(crop)
        theme, last = self.app.current_theme, self.outer_size.height - 1 - crop.y
        if theme.surface == theme.background and 0 <= last < len(strips):
            strips[last] = strips[last].apply_style(Style(underline=True))
        return strips


class Keys(Line):
    """The keys of the view, help and quit at the right end; of too many the last are left to the help."""

    ALLOW_SELECT = False

    @dataclass
    class Pressed(Message):
        """A key was clicked, by its name for Textual."""

        key: str

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._words: list[tuple[str, bool]] = []
        self._always: list[str] = []
        self._shown: list[Piece[str]] = []
        self.off: tuple[str, ...] = ()
        """The words that are shown dim: what they do cannot be done now."""

    def offer(
        self, commands: Iterable[AnyCommand], always: Iterable[AnyCommand], off: Container[str] = frozenset()
    ) -> None:
        """Show the commands that have words for this line, dim where their id is `off`; those at its end always."""
        self._words = [(words, command.id in off) for command in commands if (words := command.shown)]
        self._always = [words for command in always if (words := command.shown)]
        self.on_resize()

    def on_resize(self) -> None:
        """Show as many as fit."""
        width = self.content_size.width
        end = "  ".join(self._always)
        fitting = _fitting(self._words, width - len(end) - 2 if end else width)
        self.off = tuple(word for word, off in fitting if off)
        shown: list[Piece[str]] = []
        x = 0
        for word, off in fitting:
            shown += key_pieces(word, x, off=off)
            x += len(word) + 2
        x = max(0, width - len(end))
        for word in self._always:
            shown += key_pieces(word, x)
            x += len(word) + 2
        if shown != self._shown:
            self._shown = shown
            self.update(drawn([shown]), layout=False)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked on."""
        if key := clicked(self._shown, event.x - 1):  # the first column is free
            self.post_message(self.Pressed(key_of(key)))


def _fitting(words: Sequence[tuple[str, bool]], width: int) -> list[tuple[str, bool]]:
    """Return the words that fit, each with whether it is off: those fall away first, then the last of the others."""
    kept = list(words)
    for only_off in (True, False):
        for place in range(len(kept) - 1, -1, -1):
            if len("  ".join(word for word, _ in kept)) <= width:
                return kept
            if kept[place][1] or not only_off:
                del kept[place]
    return kept


_KEYS = re.compile(r"(\S+(?: \S)*) (?=\S\S)")
"""The keys before their words: one, or several of one character."""


def key_pieces(word: str, x: int, *, off: bool = False) -> list[Piece[str]]:
    """Return `+ - weight` in pieces from the cell `x` on; the words mean the first of the keys."""
    found = _KEYS.match(word)
    keys = found[1].split() if found else [word]
    styles = (STYLES[Tone.DIM], STYLES[Tone.DIM]) if off else (f"bold {STYLES[Tone.ACCENT]}", STYLES[Tone.SECONDARY])
    parts: list[Piece[str]] = []
    for key in keys:
        parts.append(Piece(x, key, styles[0], key))
        x += len(key) + 1
    if found:
        parts.append(Piece(x, word[found.end() :], styles[1], keys[0]))
    return parts


class Panel(VerticalScroll, can_focus=False):
    """Lines of cells, hidden at first; they take up to half of the view, the rest is scrolled to."""

    DEFAULT_CSS = """
    Panel { display: none; height: auto; max-height: 50%; padding: 0 1; background: $panel; }
    Panel > Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """Lay out one text."""
        yield Static(markup=False)

    def put(self, lines: Sequence[Sequence[Cell]]) -> None:
        """Show these lines."""
        self.query_one(Static).update(_toned(lines))


def _toned(lines: Sequence[Sequence[Cell]]) -> Content:
    """Return lines of cells as text, two blanks between the cells."""
    pieces: list[str | tuple[str, str]] = []
    for line in lines:
        pieces += ["\n"] if pieces else []
        for place, cell in enumerate(line):
            pieces += ["  "] if place else []
            pieces += ((escape(text), STYLES[tone]) for text, tone in parts(cell))
    return Content.assemble(*pieces)


class Printable(Highlighter):
    """Shows a question mark for every character without a sure width on the screen; the text itself is unchanged."""

    def highlight(self, text: Text) -> None:
        """Replace characters one by one, so that the cursor stays where it belongs."""
        text.plain = "".join(character if escape(character) == character else "?" for character in text.plain)


CHUNK = 100
"""How many things are laid out at a time: thousands would block the terminal."""


class Chunks(VerticalScroll, can_focus=False):
    """Lines about many things, laid out in chunks; scrolling past the end of one shows the next."""

    DEFAULT_CSS = "Chunks { height: auto; scrollbar-size-vertical: 1; } Chunks > Static { height: auto; }"

    def __init__(self, *, id: str | None = None, text_id: str | None = None, hangs: bool = False) -> None:
        """Show nothing yet; with `hangs`, what goes on in another line stands deeper than its beginning."""
        super().__init__(id=id)
        self._text_id = text_id
        self._hangs = hangs
        self._head = ""
        self._count = 0
        self._lines: Callable[[int], Iterable[str]] = lambda _: ()
        self._first = 0

    def compose(self) -> ComposeResult:
        """Lay out the chunk."""
        yield Static(self._text(), id=self._text_id, markup=False)

    def show(self, head: str, count: int, lines: Callable[[int], Iterable[str]]) -> None:
        """Show the things 0 to `count` - 1, of one line or several, below a head (empty: none)."""
        self._head, self._count, self._lines, self._first = head, count, lines, 0
        self._draw()

    def renew(self, count: int, lines: Callable[[int], Iterable[str]]) -> None:
        """Show what became of the things, where the operator reads now."""
        self._count, self._lines = count, lines
        self._first = min(self._first, max(0, count - 1) // CHUNK * CHUNK)
        if self.is_mounted:
            self.query_one(Static).update(self._text())

    @property
    def is_longer(self) -> bool:
        """Whether there is more than is in view."""
        return self.max_scroll_y > 0 or self._count > CHUNK

    def turn(self, pages: int) -> None:
        """Scroll by pages, and from the last page of a chunk to the next chunk."""
        end = self.max_scroll_y if pages > 0 else 0
        following = self._first + pages * CHUNK
        if self.scroll_y != end:
            self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)
        elif 0 <= following < self._count:
            self._first = following
            self._draw()
            if pages < 0:
                self.call_after_refresh(self.scroll_end, animate=False)

    def _draw(self) -> None:
        if self.is_mounted:
            self.query_one(Static).update(self._text())
            self.scroll_home(animate=False)

    def _text(self) -> Content:
        """Return the chunk, the first word of its head painted as what waits for Enter."""
        word = escape(self._head.partition(":")[0])
        return Content(self._plain()).stylize(STYLES[Tone.SELECTED], 0, len(word))

    def _plain(self) -> str:
        last = min(self._first + CHUNK, self._count)
        lines = [self._head] if self._head else []
        if self._count > CHUNK:
            lines.append(f"{self._first + 1} to {last} of {self._count}:")
        for thing in range(self._first, last):
            lines += self._lines(thing)
        escaped = [escape(line) for line in lines]
        width = self.scrollable_content_region.width
        if self._hangs and width > _HANGS_FROM:
            escaped = [part for line in escaped for part in hanging(line, width)]
        return "\n".join(escaped)

    def on_resize(self) -> None:
        """Wrap lines anew."""
        if self._hangs and self.is_mounted:
            self.query_one(Static).update(self._text())


_HANGS_FROM = 30
"""Cells of a line from which on there is room for indents."""

_BEFORE = re.compile(r" *(?:[!+-] |[a-z]+  +)?")
"""What stands before the text of a line: its indent, a sign, or the word that says what it is."""


def hanging(line: str, width: int) -> Sequence[str]:
    """Return a line in as many as it needs for `width` characters; those behind the first stand deeper than its text.

    A command is told apart from the next one that way.
    """
    found = _BEFORE.match(line)
    before = found[0] if found else ""
    deeper = " " * (len(before) if before.strip() else len(before) + 2)
    return wrap(line, width, subsequent_indent=deeper, break_on_hyphens=False, replace_whitespace=False) or [line]


T = TypeVar("T")


class Prompt(Vertical):
    """A line that asks for a text, and below it what is wrong with that while it is typed; hidden until `ask`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("tab,shift+tab", "stay", show=False),
        Binding("up", "recall(1)", show=False),
        Binding("down", "recall(-1)", show=False),
    ]

    DEFAULT_CSS = """
    Prompt { height: auto; display: none; }
    Prompt.asking { display: block; }
    Prompt > Horizontal { height: 1; }
    Prompt #label { width: auto; max-width: 70%; text-style: bold; padding: 0 1; }
    Prompt #wrong { display: none; height: auto; min-height: 1; max-height: 4; color: $text-error; padding: 0 1; }
    Prompt.complaining #wrong { display: block; }
    Prompt Input { border: none; height: 1; padding: 0; width: 1fr; background: $surface; }
    Prompt Input:focus { border: none; }
    """

    class Turned(Message):
        """A question was asked, or ended."""

    @property
    def asking(self) -> bool:
        """Whether a question waits for its answer."""
        return self.has_class("asking")

    def compose(self) -> ComposeResult:
        """Lay out label and input in one line, and the complaint, which needs its end, below."""
        with Horizontal():
            yield Static(id="label", markup=False)
            yield Input(compact=True, highlighter=Printable())
        yield Static(id="wrong", markup=False)

    def on_mount(self) -> None:
        """Ask nothing yet."""
        self._read: Callable[[str], Callable[[], None]] = lambda _: lambda: None
        self._cancel: Callable[[], None] = lambda: None
        self._wrong: Callable[[FieldError], str] = str
        self._asker: Widget | None = None
        self._past: Sequence[str] = ()
        self._at = -1
        self.query_one(Input).cursor_blink = False

    def ask(
        self,
        label: str,
        value: str,
        read: Callable[[str], T],
        take: Callable[[T], None],
        cancel: Callable[[], None] = lambda: None,
        *,
        wrong: Callable[[FieldError], str] = attrgetter("sentence"),
        past: Sequence[str] = (),
        typed: str = "",
    ) -> None:
        """Ask for a text, starting from `value`; what is typed replaces it, unless its end is a blank.

        `typed` is what the operator has typed already, where that is what asks.

        `read` is called at every change and returns the value of the text, or raises `FieldError`, which is shown as
        `wrong` words it. Enter passes the value to `take`; Esc calls `cancel`. The focus goes back before either.
        Up and Down go through the texts of the `past`, the newest first.
        """
        self._read = lambda text: partial(take, read(text))
        self._cancel, self._wrong = cancel, wrong
        self._past, self._at = past, -1
        self._asker = self.screen.focused
        self.query_one("#label", Static).update(label)
        self.query_one("#wrong", Static).update("")
        self.remove_class("complaining")
        self.add_class("asking")
        field = self.query_one(Input)
        with field.prevent(Input.Changed):  # nothing has been typed yet that could be wrong
            field.value = typed or value
        field.select_on_focus = not typed and not value.endswith(" ")
        field.cursor_position = len(field.value)
        self.screen.set_focus(field)  # at once: what is typed next belongs here
        self.post_message(self.Turned())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show at once what is wrong."""
        event.stop()
        if self.has_class("asking"):
            try:
                self._read(event.value)
            except FieldError as error:
                self._complain(error)
            else:
                self.query_one("#wrong", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pass the value on, if nothing is wrong with it."""
        event.stop()
        try:
            take = self._read(event.value)
        except FieldError as error:
            self._complain(error)
        else:
            self._end(take)

    def action_cancel(self) -> None:
        """End without a value."""
        self._end(self._cancel)

    def action_recall(self, steps: int) -> None:
        """Go back to an older text, or forward again; before the newest one the line is empty."""
        if not self._past:
            return
        self._at = max(-1, min(self._at + steps, len(self._past) - 1))
        field = self.query_one(Input)
        field.value = self._past[self._at] if self._at >= 0 else ""
        field.cursor_position = len(field.value)

    def _complain(self, error: FieldError) -> None:
        """Say what is wrong; its line stays until the end, so that the rows above do not jump at every key."""
        self.add_class("complaining")
        self.query_one("#wrong", Static).update(escape(self._wrong(error)))

    def action_stay(self) -> None:
        """Keep the focus here until the question is answered."""

    def _end(self, then: Callable[[], None]) -> None:
        self.remove_class("asking")
        if self._asker is not None:
            self.screen.set_focus(self._asker)
        self.post_message(self.Turned())
        then()
