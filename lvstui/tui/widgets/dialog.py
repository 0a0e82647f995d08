"""What all dialogs share: each answers once, and only while it is the screen on top."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType


class Dialog(ModalScreen[ScreenResultType]):
    """A screen above the views that returns an answer.

    Clicks and keys that were sent before the first answer closed it may still arrive. A screen of Textual would then
    close whatever is on top, or end the program because nothing is left to close.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Answer and close; what comes after the answer, or while another dialog asks, is left out."""
        return super().dismiss(result) if self.is_current else AwaitComplete()
