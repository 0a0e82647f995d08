"""Text that is being edited, shown without what a terminal would obey."""

from __future__ import annotations

from rich.highlighter import Highlighter
from rich.text import Text

from lvstui.core.view.table import escape


class Printable(Highlighter):
    """Shows a question mark for each character that has no sure place on the screen; the text itself stays as it is."""

    def highlight(self, text: Text) -> None:
        """Replace characters one by one, so that the cursor stays where it belongs."""
        text.plain = "".join(character if escape(character) == character else "?" for character in text.plain)
