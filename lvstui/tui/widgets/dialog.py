"""What all dialogs share: each answers once, and only while it is the screen on top."""

from __future__ import annotations

from typing import TypeVar

from textual.app import App
from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType

from lvstui.tui.widgets.table import VirtualTable

Answer = TypeVar("Answer")


class Dialog(ModalScreen[ScreenResultType]):
    """A screen above the views that returns an answer.

    Clicks and keys that were sent before the first answer closed it may still arrive. A screen of Textual would then
    close whatever is on top, or end the program because nothing is left to close.
    """

    DEFAULT_CSS = "Dialog { background: transparent; }"

    def on_mount(self) -> None:
        """Have the tables below show that keys go elsewhere now."""
        _show_where_keys_go(self.app)

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Answer and close; what comes after the answer, or while another dialog asks, is left out."""
        if not self.is_current:
            return AwaitComplete()
        closed = super().dismiss(result)
        _show_where_keys_go(self.app)
        return closed


def _show_where_keys_go(app: App[Answer]) -> None:
    """Paint the cursors of all tables as what they are now: that of the screen on top, and others."""
    for screen in app.screen_stack:
        for table in screen.query(VirtualTable):
            table.repaint()
