"""What one reading after the other shows: rates, the health of real servers, who sticks to them, what happened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from lvstui.core.change import Change
from lvstui.core.entries.glimpse import glimpse, is_fresh
from lvstui.core.events.event import Event
from lvstui.core.events.states import Sight
from lvstui.core.events.watch import Look
from lvstui.core.events.watch import Watch as EventWatch
from lvstui.core.health.verdict import Health
from lvstui.core.health.watch import Watch as HealthWatch
from lvstui.core.history import NO_HISTORY, Recorder
from lvstui.core.marks.mark import unset_marks
from lvstui.core.model import Director
from lvstui.core.observed import Glimpse, Reading, Scan
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Snapshot
from lvstui.engine.edits import Editor
from lvstui.engine.reach import look_up
from lvstui.kernel.port import Kernel, KernelError, NoIpvs


class Observer:
    """Keeps what is learnt from the readings of one kernel; `now` is always the worker's clock, in seconds."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._recorder = Recorder()
        self._health = HealthWatch()
        self._events = EventWatch(os.getpid())
        self.reading = EMPTY_SNAPSHOT.reading
        """The last reading, with the profile's names on it, and what was written since."""
        self._held = self.reading.director  # as the kernel gave it
        self.history = NO_HISTORY
        self.glimpse: Glimpse | None = None
        """Who sticks to real servers; None while nobody asked."""

    @property
    def health(self) -> Health:
        """The real servers that are in trouble."""
        return self._health.found

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened so far, newest last."""
        return self._events.events

    def take(self, held: Director, reading: Reading) -> None:
        """Take a reading; `held` is the director as the kernel gave it, without the profile's names."""
        self._held, self.reading = held, reading
        self.history = self._recorder.take(reading)

    def look_at_health(self) -> bool:
        """Look at the health of real servers, and return whether a glance at the connection table would tell more."""
        self._health.look(self.reading)
        look_up(self._kernel, self._health, self.reading.taken)
        return self._health.asks(self.reading.taken)

    def weigh(self, scan: Scan, now: float) -> None:
        """Find out what a reading of the connection table says of the health of real servers."""
        self._health.weigh(scan, now)

    def remember_clients(self, scan: Scan, now: float) -> None:
        """Keep who sticks to real servers, as a reading of the connection table shows it."""
        self.glimpse = glimpse(scan, self.reading.director, now)

    def take_glance(self, scan: Scan, now: float) -> None:
        """Take a reading of a part of the connection table, for both clients and health."""
        self.remember_clients(scan, now)
        self.weigh(scan, now)

    def knows_clients(self, now: float) -> bool:
        """Return whether who sticks was found out a moment ago."""
        return is_fresh(self.glimpse, now)

    def take_made(self, changes: Iterable[Change]) -> None:
        """Take what this lvstui has just made: it is no event."""
        self._events.made(changes)

    def fail(self, error: KernelError) -> None:
        """Take that the kernel could not be read."""
        self._events.fail(datetime.now(UTC), str(error), is_gone=isinstance(error, NoIpvs))

    def find_events(self, snapshot: Snapshot, names: Director, editor: Editor) -> tuple[Event, ...]:
        """Return what happened so far; `snapshot` is of the last reading, `names` the profile, `editor` who records."""
        look = Look(
            datetime.now(UTC),
            self._held,
            snapshot.reading,
            names,
            Sight(snapshot.health, unset_marks(snapshot)),
            snapshot.owners,
            editor.others_at_work,
            editor.read_records,
        )
        return self._events.look(look)
