"""What real servers answer, as it comes in; asked again every few seconds where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Static

from lvstui.core.model import ServerKey
from lvstui.core.services.probing import probe_lines
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Snapshot
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.widgets.lines import Chunks

SECONDS: Final = 5.0
"""Time between two questions to the same server."""


class ProbeScreen(Listing):
    """Shows what servers answer, of each of the app's snapshots; `ask` has servers asked, or nobody any more."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "repeat", show=False),
        Binding("H", "ask", show=False),
    ]

    def __init__(
        self,
        keys: Sequence[ServerKey],
        ask: Callable[[Sequence[ServerKey]], None],
        *,
        repeats: bool = False,
    ) -> None:
        count = len(keys)
        super().__init__(f"Probe: {count} server{'' if count == 1 else 's'}", ())
        self._keys = keys
        self._ask = ask
        self._snapshot = EMPTY_SNAPSHOT
        self._timer: Timer | None = None
        self._repeats = repeats

    def on_mount(self) -> None:
        """Ask."""
        self._timer = self.set_interval(SECONDS, self.action_ask, pause=not self._repeats)
        self.action_ask()
        self.watch(self.app, "snapshot", self._take)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self._show()

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._show()

    def on_unmount(self) -> None:
        """Ask nobody any more."""
        self._ask(())

    def action_ask(self) -> None:
        """Ask now."""
        self._ask(self._keys)

    def action_repeat(self) -> None:
        """Ask every few seconds from now on, or no more."""
        self._repeats = not self._repeats
        if self._timer is not None:
            (self._timer.resume if self._repeats else self._timer.pause)()
        if self._repeats:
            self.action_ask()
        self._show()

    def _show(self) -> None:
        lines = probe_lines(self._snapshot, self._keys, self.size.width - 3)
        self.query_one(Chunks).renew(len(lines), lambda line: (lines[line],))
        repeat = f"asked every {SECONDS:g} s, h stops that" if self._repeats else f"h asks every {SECONDS:g} s"
        self.query_one(".foot", Static).update(f"{repeat}   H asks now   Esc closes")
