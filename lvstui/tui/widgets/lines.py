"""Text around the table: the head above it, the message, the keys, the panels and the prompt below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import ClassVar, TypeVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from lvstui.core.fields import FieldError
from lvstui.core.view.table import Cell, Tone, escape
from lvstui.tui.commands import AnyCommand

STYLES = {
    Tone.PLAIN: "",
    Tone.DIM: "$text-muted",
    Tone.STRONG: "bold",
    Tone.GOOD: "$text-success",
    Tone.WARN: "bold $text-warning",
    Tone.BAD: "bold $text-error",
    Tone.STAGED: "bold $text-accent",
    Tone.NAME: "$text-primary",
}
"""The styles of tones outside of tables."""


class Line(Static):
    """One line of toned pieces; painted again only when they changed."""

    DEFAULT_CSS = "Line { height: 1; width: 1fr; }"

    GROWS = False
    """Whether another text may need another height."""

    def __init__(self, name: str) -> None:
        super().__init__(markup=False, id=name)
        self._pieces: tuple[Cell, ...] = ()

    def put(self, pieces: Sequence[Cell]) -> None:
        """Show these pieces, two blanks between."""
        if tuple(pieces) == self._pieces:
            return
        self._pieces = tuple(pieces)
        self.update(_toned([pieces]), layout=self.GROWS)

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show one sentence."""
        self.put([Cell(sentence, tone)] if sentence else [])


class MessageLine(Line):
    """A sentence; a long one takes up to three lines, since its remedy is at its end."""

    DEFAULT_CSS = "MessageLine { height: auto; min-height: 1; max-height: 3; }"

    GROWS = True


class Keys(Line):
    """The keys that make sense now; where they do not all fit, the last of them are left to the help."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._words: list[str] = []
        self._always: list[str] = []

    def offer(self, commands: Iterable[AnyCommand], always: Iterable[AnyCommand]) -> None:
        """Show the commands that have words for this line; those at its end are shown always."""
        self._words = [command.bar for command in commands if command.bar]
        self._always = [command.bar for command in always]
        self.on_resize()

    def on_resize(self) -> None:
        """Show as many as fit."""
        shown = [*self._words, *self._always]
        while len(shown) > len(self._always) and len("  ".join(shown)) > self.content_size.width:
            del shown[-len(self._always) - 1]
        self.put([Cell(word) for word in shown])


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
    parts: list[str | tuple[str, str]] = []
    for line in lines:
        parts += ["\n"] if parts else []
        for place, cell in enumerate(line):
            parts += ["  "] if place else []
            parts.append((escape(cell.text), STYLES[cell.tone]))
    return Content.assemble(*parts)


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

    def __init__(self, *, id: str | None = None, text_id: str | None = None) -> None:
        super().__init__(id=id)
        self._text_id = text_id
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

    def _text(self) -> str:
        last = min(self._first + CHUNK, self._count)
        lines = [self._head] if self._head else []
        if self._count > CHUNK:
            lines.append(f"{self._first + 1} to {last} of {self._count}:")
        for thing in range(self._first, last):
            lines += self._lines(thing)
        return "\n".join(escape(line) for line in lines)


T = TypeVar("T")


class Prompt(Horizontal):
    """A line that asks for a text and shows what is wrong with it while it is typed; hidden until `ask`."""

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
        """Ask nothing yet."""
        self._read: Callable[[str], Callable[[], None]] = lambda _: lambda: None
        self._cancel: Callable[[], None] = lambda: None
        self._wrong: Callable[[FieldError], str] = str
        self._asker: Widget | None = None
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
    ) -> None:
        """Ask for a text, starting from `value`; what is typed replaces it, unless its end is a blank.

        `read` is called at every change and returns the value of the text, or raises `FieldError`, which is shown as
        `wrong` words it. Enter passes the value to `take`; Esc calls `cancel`. The focus goes back before either.
        """
        self._read = lambda text: partial(take, read(text))
        self._cancel, self._wrong = cancel, wrong
        self._asker = self.screen.focused
        self.query_one("#label", Static).update(label)
        self.query_one("#wrong", Static).update("")
        self.add_class("asking")
        field = self.query_one(Input)
        with field.prevent(Input.Changed):  # nothing has been typed yet that could be wrong
            field.value = value
        field.select_on_focus = not value.endswith(" ")
        field.cursor_position = len(value)
        self.screen.set_focus(field)  # at once: what is typed next belongs here

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show at once what is wrong."""
        event.stop()
        if self.has_class("asking"):
            try:
                self._read(event.value)
            except FieldError as error:
                self.query_one("#wrong", Static).update(self._wrong(error))
            else:
                self.query_one("#wrong", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pass the value on, if nothing is wrong with it."""
        event.stop()
        try:
            take = self._read(event.value)
        except FieldError as error:
            self.query_one("#wrong", Static).update(self._wrong(error))
        else:
            self._end(take)

    def action_cancel(self) -> None:
        """End without a value."""
        self._end(self._cancel)

    def action_stay(self) -> None:
        """Keep the focus here until the question is answered."""

    def _end(self, then: Callable[[], None]) -> None:
        self.remove_class("asking")
        if self._asker is not None:
            self.screen.set_focus(self._asker)
        then()
