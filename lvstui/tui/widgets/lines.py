"""Toned text around the table: the head above it, the message, the keys and a panel below; and text being edited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.highlighter import Highlighter
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

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
"""The style of each tone in text that is no table."""


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


class Message(Line):
    """What there is to say; a long sentence takes up to three lines, since its remedy stands at its end."""

    DEFAULT_CSS = "Message { height: auto; min-height: 1; max-height: 3; }"

    GROWS = True


class Keys(Line):
    """The keys that act on the selected row."""

    def offer(self, commands: Iterable[AnyCommand]) -> None:
        """Show the commands that have words for this line."""
        self.put([Cell(command.bar) for command in commands if command.bar])


class Panel(VerticalScroll, can_focus=False):
    """Lines of cells, hidden until they are asked for; up to half of the view shows them, the rest is scrolled to."""

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
    """Shows a question mark for each character that has no sure place on the screen; the text itself stays as it is."""

    def highlight(self, text: Text) -> None:
        """Replace characters one by one, so that the cursor stays where it belongs."""
        text.plain = "".join(character if escape(character) == character else "?" for character in text.plain)
