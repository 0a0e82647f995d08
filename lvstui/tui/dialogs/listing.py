"""Screens to read: lines over the whole width, so that no frame gets into what the mouse selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from textwrap import fill, indent
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lvstui.core.describe import describe
from lvstui.core.view.table import escape
from lvstui.engine.messages import Incomplete, Rejected, TakenBack
from lvstui.tui.clipboard import copy
from lvstui.tui.terminal import pressed_again
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks

_HELP_WIDTH = 76
"""Cells of a line of the help on a terminal of 80."""


class Readable(Dialog[None]):
    """A screen that scrolls until one of the usual keys closes it; a digit closes it and goes to that view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,enter", "dismiss(None)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        *(Binding(digit, f"app.leave_for({digit})", show=False) for digit in "123456"),
    ]

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


class Listing(Readable):
    """Show lines under a title."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    FOOT = "Esc closes"
    """What the keys do, below the lines."""

    DEFAULT_CSS = """
    Listing { align: center middle; background: transparent; }
    Listing > Vertical { width: 100%; height: auto; max-height: 100%; background: $dialog; }
    Listing .title { width: 100%; padding: 0 1; text-style: bold; background: $accent; color: $text-on-accent; }
    Listing Chunks { max-height: 90vh; padding: 0 0 0 1; }
    Listing .foot { width: 100%; padding: 0 1; color: $secondary; background: $surface; }
    """

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Lay out title, lines and how to close it."""
        with Vertical():
            yield Static(escape(self._title), classes="title", markup=False)
            chunks = Chunks(text_id="lines")
            chunks.show("", len(self._lines), lambda line: (self._lines[line],))
            yield chunks
            yield Static(self.FOOT, classes="foot", markup=False)

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.query_one(Chunks).turn(pages)


class PastEdit(Listing):
    """What the last edit did that is never taken back: Enter leads it back by an edit of its own, z goes past it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose('back')", show=False),
        Binding("z", "choose('undo')", show=False),
    ]

    def __init__(self, lines: Sequence[str], ways: Mapping[str, tuple[str, Callable[[], None]]]) -> None:
        """Show `lines`; `ways` are those of `back` and `undo` that there are, each with its words for the foot."""
        super().__init__("The last edit cannot be taken back", lines)
        self._ways = ways
        self.FOOT = "   ".join([*(words for words, _ in ways.values()), "Esc closes"])

    def action_choose(self, way: str) -> None:
        """Close, and go that way; where there is no such way nothing happens."""
        if way in self._ways and not pressed_again(self.app):
            self.dismiss(None)
            self._ways[way][1]()


class Copied(Listing):
    """Texts by what they are called: the first is sent to the terminal's clipboard at once, the next by y."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy_next", show=False)]

    def __init__(self, title: str, texts: Mapping[str, str]) -> None:
        lines = [line for text in texts.values() for line in ("", *text.splitlines())]
        super().__init__(title, lines[1:])
        self._texts = texts
        self._names = cycle(texts)
        self._name = ""

    def on_mount(self) -> None:
        """Send the first text."""
        self.action_copy_next()

    def action_copy_next(self) -> None:
        """Send the next text to the clipboard."""
        self._name = name = next(self._names)
        others = "".join(f"; y: {other}" for other in self._texts if other != name)

        def said(sentence: str) -> None:
            if self.is_attached and name == self._name:
                self.query_one(".foot", Static).update(escape(f"{name} {sentence}{others}; Esc closes"))

        copy(self.app, self._texts[name], said)


def list_states(states: Mapping[str, str]) -> str:
    """Write the words of the column State and what they mean, for the help, to stand eight cells from the left."""
    width = max(map(len, states))
    behind = " " * (width + 1)
    lines = (
        fill(f"{word:<{width}} {meaning}", _HELP_WIDTH - 8, subsequent_indent=behind)
        for word, meaning in states.items()
    )
    return indent("\n".join(lines), " " * 8).lstrip()


def half_way(event: Rejected) -> Listing:
    """List every change of an edit that ended early, first what was written; undo takes back exactly these."""
    written = [f"written      {describe(change)}" for change in event.done]
    left = [f"not written  {describe(change)}" for change in event.edit.changes if change not in set(event.done)]
    return Listing(f"Stopped half way: {event.sentence}", [*written, *left, "", "z undoes what was written."])


def refused(event: Incomplete) -> Listing:
    """List what was refused of an edit that went on without it, with the reasons, then what was written."""
    lines = [refusal.line() for refusal in event.refusals]
    written = [f"written    {describe(change)}" for change in event.done]
    return Listing(f"Not all was written: {event.sentence}", [*lines, *written])


def not_all_back(event: TakenBack) -> Listing:
    """List what of a change on trial was not taken back and why, then what was."""
    left = [f"left alone  others have changed it since: {describe(change)}" for change in event.left_alone]
    refused = [refusal.line() for refusal in event.refused]
    back = [f"taken back  {describe(change)}" for change in event.done]
    return Listing("Not all was taken back", [*refused, *left, *back])
