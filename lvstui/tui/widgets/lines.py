"""The lines around the table: the head above it, the message and the keys below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
        parts: list[str | tuple[str, str]] = []
        for piece in pieces:
            parts += ["  "] if parts else []
            parts.append((escape(piece.text), STYLES[piece.tone]))
        self.update(Content.assemble(*parts), layout=self.GROWS)

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
