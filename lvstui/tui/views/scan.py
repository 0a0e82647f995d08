"""What views of the connection table have in common: a table under a line that says how much of it was read."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from lvstui.core.model import Address
from lvstui.core.view.table import Cell, Tone
from lvstui.engine.messages import Watch
from lvstui.tui.views.arranged import ArrangedView, K, L
from lvstui.tui.widgets.lines import Line
from lvstui.tui.widgets.table import VirtualTable

_LARGE = 30_000


class ScanView(ArrangedView[K, L]):
    """A view of the connection table, which is read only while one is shown."""

    DEFAULT_CSS = """
    ScanView #summary { padding: 0 1; color: $text-muted; }
    """

    sought: Address | None = None
    """The client that is looked for, for whom a reading may take as long as it takes."""

    def body(self) -> Sequence[Widget]:
        """Give the line that says what is shown, and the table."""
        return (Line("summary"), VirtualTable[K]())

    def entered(self) -> None:
        """Ask for readings of the table, as somebody looks at it now."""
        self.ask(Watch(True, self.sought))

    def seek(self, client: Address | None) -> None:
        """Look for one client, or for nobody in particular."""
        if client != self.sought:
            self.sought = client
            if self.display:
                self.ask(Watch(True, client))

    def left(self) -> None:
        """End the readings."""
        self.ask(Watch(False))

    @property
    def large(self) -> bool:
        """Whether there are so many rows that searching them at each key would be felt."""
        scan = self.snapshot.scan if self.snapshot is not None else None
        return scan is not None and scan.rows > _LARGE

    def tell(self, summary: str) -> None:
        """Say how much was found, and how complete that is."""
        scan = self.snapshot.scan if self.snapshot is not None else None
        tone = Tone.DIM if scan is None or scan.whole else Tone.WARN
        self.query_one("#summary", Line).put([Cell(summary, tone)])
