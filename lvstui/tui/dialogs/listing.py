"""Screens to read: the help, and lines over the whole width, so that no frame gets into what the mouse selects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from textwrap import fill, indent
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lvstui.core.describe import describe
from lvstui.core.view.table import escape
from lvstui.engine.messages import Incomplete, Rejected
from lvstui.tui.commands import AnyCommand
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Chunks

CLIPBOARD_MAX = 70_000
"""Bytes that a terminal's clipboard takes; many leave out longer texts, and a slow link would be busy with one."""

ABOUT = """\
Weights are staged: shown as old -> new with the ipvsadm command, and only
Enter writes them. Edits go into the profile as well; z undoes both."""

_HELP_WIDTH = 76
"""Cells of a line of the help on a terminal of 80."""


class _Readable(Dialog[None]):
    """A screen that scrolls until one of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,enter", "dismiss(None)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
    ]

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


class Help(_Readable):
    """Show groups of commands, and notes below."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "dismiss(None)", show=False)]

    DEFAULT_CSS = """
    Help { align: center middle; background: $background 60%; }
    Help > VerticalScroll {
        width: 80; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        border: solid $primary; background: $surface; scrollbar-size-vertical: 1;
    }
    Help .title { text-style: bold; }
    """

    def __init__(self, groups: Sequence[tuple[str, Iterable[AnyCommand]]], notes: str = "") -> None:
        super().__init__()
        self._groups = groups
        self._notes = notes

    def compose(self) -> ComposeResult:
        """Write one line a command."""
        with VerticalScroll():
            yield Static(ABOUT, markup=False)
            for title, commands in self._groups:
                yield Static(f"\n{title}", classes="title", markup=False)
                lines = (f"  {command.key_names:<20} {command.help}" for command in commands)
                yield Static("\n".join(lines), markup=False)
            if self._notes:
                yield Static(f"\n{self._notes}", markup=False)


class Listing(_Readable):
    """Show lines under a title."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    FOOT = "Esc closes"
    """What the keys do, below the lines."""

    DEFAULT_CSS = """
    Listing { align: center middle; background: $background 60%; }
    Listing > Vertical { width: 100%; height: auto; max-height: 100%; background: $surface; }
    Listing .title { text-style: bold; background: $panel; width: 100%; }
    Listing Chunks { max-height: 90vh; }
    Listing .foot { color: $text-muted; background: $panel; width: 100%; }
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
        self._name = next(self._names)
        text = self._texts[self._name]
        if len(text.encode()) > CLIPBOARD_MAX:
            sentence = f"{self._name}: too long for a terminal's clipboard; mark fewer rows"
        else:
            self.app.copy_to_clipboard(text)
            sentence = f"{self._name} sent to the terminal's clipboard (tmux: set-clipboard on)"
        others = "".join(f"; y: {name}" for name in self._texts if name != self._name)
        self.query_one(".foot", Static).update(f"{sentence}{others}; Esc")


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
