"""The keys of a view, from the same table that binds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lvstui.tui.commands import AnyCommand

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
