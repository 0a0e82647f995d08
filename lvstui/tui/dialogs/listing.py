"""Screens to read: the help, and lines over the whole width, so that no frame gets into what the mouse selects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lvstui.core.describe import describe
from lvstui.core.view.table import escape
from lvstui.engine.messages import Rejected
from lvstui.tui.commands import AnyCommand
from lvstui.tui.widgets.lines import Chunks


class Listing(ModalScreen[None]):
    """Show lines under a title until one of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,enter", "app.pop_screen", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    DEFAULT_CSS = """
    Listing { align: center middle; background: $background 60%; }
    Listing > Vertical { width: 100%; height: auto; max-height: 100%; background: $surface; }
    Listing .title { text-style: bold; background: $panel; width: 100%; }
    Listing Chunks { max-height: 90vh; }
    Listing .foot { color: $text-muted; background: $panel; width: 100%; }
    """

    FOOT = "Esc closes"

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Lay out title, lines and what closes it."""
        with Vertical():
            yield Static(escape(self._title), classes="title", markup=False)
            chunks = Chunks(text_id="lines")
            chunks.show("", len(self._lines), lambda line: (self._lines[line],))
            yield chunks
            yield Static(self.FOOT, classes="foot", markup=False)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(Chunks).scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.query_one(Chunks).turn(pages)


CLIPBOARD_MAX = 70_000
"""Bytes that a terminal's clipboard takes; many leave out longer texts, and a slow link would be busy with one."""


class Copied(Listing):
    """Lines that are sent to the terminal's clipboard as they are shown."""

    def on_mount(self) -> None:
        """Send them."""
        text = "\n".join(self._lines)
        if len(text.encode()) > CLIPBOARD_MAX:
            said = "too long for a terminal's clipboard; mark fewer rows; Esc"
        else:
            self.app.copy_to_clipboard(text)
            said = "sent to the terminal's clipboard (tmux: set-clipboard on); Esc"
        self.query_one(".foot", Static).update(said)


class Excerpt(Listing):
    """Rows as ipvsadm commands, which are sent to the terminal's clipboard at once, and as they stand in a profile."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy_toml", show=False)]

    def __init__(self, commands: str, toml: str) -> None:
        super().__init__("As ipvsadm commands, and as in a profile", [*commands.splitlines(), "", *toml.splitlines()])
        self._commands = commands
        self._toml = toml

    def on_mount(self) -> None:
        """Send the commands to the clipboard."""
        self._send("commands", self._commands, "; y: TOML")

    def action_copy_toml(self) -> None:
        """Send the TOML to the clipboard instead."""
        self._send("TOML", self._toml, "")

    def _send(self, what: str, text: str, more: str) -> None:
        if len(text.encode()) > CLIPBOARD_MAX:
            said = f"{what}: too long for a terminal's clipboard; mark fewer rows{more}; Esc"
        else:
            self.app.copy_to_clipboard(text)
            said = f"{what} sent to the terminal's clipboard (tmux: set-clipboard on){more}; Esc"
        self.query_one(".foot", Static).update(said)


def half_way(event: Rejected) -> Listing:
    """List every change of an edit that ended early, first what was written; undo takes back exactly these."""
    written = [f"written      {describe(change)}" for change in event.done]
    left = [f"not written  {describe(change)}" for change in event.edit.changes if change not in set(event.done)]
    return Listing(f"Stopped half way: {event.sentence}", [*written, *left, "", "z takes back what was written."])


ABOUT = """\
Weights are staged: shown as old -> new with the ipvsadm line, written by
Enter only. What the kernel took is saved in the profile; z undoes both."""


class Help(ModalScreen[None]):
    """Show groups of commands; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,question_mark,enter", "app.pop_screen", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
    ]

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

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
