"""The one thread that reads the connection table, and carries out what takes as long: nothing else waits for it."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from lvstui.core.observed import Connection, Entry, Scan
from lvstui.kernel.port import Kernel, KernelError

BUDGET: Final = 20.0
"""Seconds that one reading may take; kernels before 6.14 would need many minutes for a large table."""

KEEP: Final = 300_000
"""Rows that are kept, entries and connections together; more are counted only."""

PROGRESS: Final = 1.0
"""Seconds between two looks at a reading that is under way."""

REST: Final = 4.0
"""How many times as long as a reading took the thread rests afterwards."""

_NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Follow:
    """Order: read the table again and again, or (not `on`) no more.

    `searching` lifts the budget, as somebody waits for one row; `engines` asks for what persistence engines tell
    clients by; `pace` is the least number of seconds between two readings.
    """

    on: bool
    searching: bool = False
    engines: bool = False
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """Order: do something that takes its time; it is called in the scanner's thread."""

    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class End:
    """Order: end the thread."""


Order: TypeAlias = Follow | Work | End


class Scanner:
    """Reads the connection table of a kernel as long as somebody follows it.

    `publish` takes what is known so far, in the scanner's own thread: each reading when it ends, and about once a
    second one that takes longer, unless a reading that knew more is being shown.
    """

    def __init__(
        self,
        kernel: Kernel,
        publish: Callable[[Scan], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kernel = kernel
        self._publish = publish
        self._clock = clock
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._follow = Follow(False)
        self._due = 0.0
        self._known = Scan()

    def order(self, order: Order) -> None:
        """Order something, from any thread; it interrupts a reading that is under way."""
        self._orders.put(order)

    def run(self) -> None:
        """Carry out orders, and read while somebody follows, until `End`."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while self.step():
            pass

    def step(self, patience: float | None = None) -> bool:
        """Carry out one order, or read the table when that is due; False after `End`.

        Waits for an order until the next reading is due, or for `patience` seconds.
        """
        wait = max(0.0, self._due - self._clock()) if self._follow.on else None
        try:
            order = self._orders.get(timeout=wait if patience is None else patience)
        except queue.Empty:
            if self._follow.on:
                self.read()
            return True
        match order:
            case Follow():
                self._set(order)
            case Work(do):
                do()
            case End():
                return False
        return True

    def _set(self, follow: Follow) -> None:
        if not follow.on:
            self._known = Scan()
        if follow.searching or not self._follow.on:
            self._due = 0.0
        self._follow = follow

    def read(self) -> None:
        """Read the table once, as far as budget and orders let it come."""
        reading = Reading(self._clock)
        budget = None if self._follow.searching else BUDGET
        shown = reading.began
        trouble, interrupted = "", False
        try:
            for _ in reading.rows_of(self._kernel, engines=self._follow.engines):
                now = self._clock()
                if not self._orders.empty():
                    interrupted = True
                    break
                if budget is not None and now - reading.began > budget:
                    break
                if now - shown >= PROGRESS and reading.rows >= self._known.rows:
                    shown = now
                    self._publish(reading.scan(running=True))
        except KernelError as error:
            trouble = str(error)
        scan = reading.scan(trouble=trouble)
        self._due = self._clock() + max(self._follow.pace, REST * (scan.taken - scan.began))
        if interrupted and scan.rows < self._known.rows:
            return
        self._known = scan
        self._publish(scan)

    def look(self, budget: float) -> Scan:
        """Read the table for an edit that wants to know what became of it, for at most `budget` seconds."""
        reading = Reading(self._clock)
        for _ in reading.rows_of(self._kernel, engines=True):
            if self._clock() - reading.began > budget:
                break
        return reading.scan()


class Reading:
    """One reading of the table, as far as it has come."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.began = clock()
        self.rows = 0
        self._taken = self.began
        self._entries: list[Entry] = []
        self._connections: list[Connection] = []
        self._complete = False

    def rows_of(self, kernel: Kernel, *, engines: bool) -> Iterator[None]:
        """Read piece by piece; to be left at any moment."""
        with closing(kernel.scan(engines=engines)) as pieces:
            for entries, connections in pieces:
                self._taken = self._clock()
                self.rows += len(entries) + len(connections)
                room = KEEP - len(self._entries) - len(self._connections)
                self._entries += entries[: max(0, room)]
                self._connections += connections[: max(0, room - len(entries))]
                yield
        self._taken = self._clock()
        self._complete = True

    def scan(self, *, running: bool = False, trouble: str = "") -> Scan:
        """Give what is known so far."""
        entries, connections = tuple(self._entries), tuple(self._connections)
        kept = len(entries) + len(connections)
        return Scan(
            entries,
            connections,
            began=self.began,
            taken=self._taken,
            rows=self.rows,
            left_out=self.rows - kept,
            complete=self._complete,
            running=running,
            trouble=trouble,
        )
