"""The change on trial as a frame follows it: its seconds, and what others begin and decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textual.timer import Timer
from textual.widget import Widget

from lvstui.core.snapshot import Snapshot
from lvstui.core.trial import Pending
from lvstui.core.view.countdown import Countdown, countdown, until_tick
from lvstui.tui.views.on_trial import begun, ended, is_ours

_BEHIND = 0.01
"""Seconds behind the beginning of one of a countdown, so that it is the next one for sure."""


class Heard(NamedTuple):
    """What there is to say of others' changes on trial: how one ended, and that one waits; empty where nothing is."""

    ended: str = ""
    begun: str = ""


class TrialWatch:
    """Follows the change on trial from snapshot to snapshot; `clock` is what it is taken back by."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self._known: Pending | None = None

    def countdown(self, snapshot: Snapshot) -> Countdown | None:
        """Return what the head says of a change on trial."""
        return countdown(snapshot, self._clock())

    def wait(self, widget: Widget, snapshot: Snapshot, tick: Callable[[], None]) -> None:
        """Have `tick` called by a timer of `widget` as the next second begins; without a change on trial never."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if shown := self.countdown(snapshot):
            self._timer = widget.set_timer(until_tick(shown.left) + _BEHIND, tick)

    def hear(self, snapshot: Snapshot) -> Heard:
        """Return what somebody else has put on trial since the last snapshot, or before the first, or has decided."""
        before, self._known = self._known, snapshot.trial
        pending = self._known
        if (before and before.trial.id) == (pending and pending.trial.id):
            return Heard()
        return Heard(
            ended(snapshot, before) if before else "",
            begun(snapshot, pending) if pending and not is_ours(pending) else "",
        )

    def forget(self) -> None:
        """Say nothing more of the change on trial: we decided about it, and that has been said."""
        self._known = None
