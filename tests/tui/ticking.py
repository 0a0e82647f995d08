"""A program whose whole screen changes many times a second and that counts its frames into a pipe, for one test."""

from __future__ import annotations

import os
import sys

from textual.app import ComposeResult
from textual.widgets import Static

from lvstui.tui.terminal import FrugalApp


class Ticking(FrugalApp[None]):
    """Ticks from 0 on."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe
        self._ticks = 0

    def compose(self) -> ComposeResult:
        """Fill the screen with one number."""
        yield Static(markup=False)

    def on_mount(self) -> None:
        """Start to tick."""
        self.set_interval(0.02, self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        self.query_one(Static).update(f"tick{self._ticks} " * 800)
        os.write(self._pipe, b".")


if __name__ == "__main__":
    Ticking(int(sys.argv[1])).run()
