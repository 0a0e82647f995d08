"""The one thread that reads the connection table, and carries out what takes as long: nothing else waits for it."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
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
        self._stopped: Reading | None = None

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
            self._let_go()
        if follow.searching or not self._follow.on:
            self._due = 0.0
        self._follow = follow

    def read(self) -> None:
        """Read the table once, as far as budget and orders let it come."""
        reading = self._taken_up() or Reading(self._kernel, self._clock, engines=self._follow.engines)
        began = shown = self._clock()
        trouble, interrupted = "", False
        try:
            while reading.step():
                now = self._clock()
                if not self._orders.empty():
                    interrupted = True
                    break
                if now - began > BUDGET and not self._follow.searching:
                    self._stopped = reading
                    break
                if now - shown >= PROGRESS and reading.rows >= self._known.rows:
                    shown = now
                    self._publish(reading.scan(running=True))
        except KernelError as error:
            trouble = str(error)
        if self._stopped is not reading:
            reading.close()
        scan = reading.scan(trouble=trouble)
        self._due = self._clock() + max(self._follow.pace, REST * (scan.taken - began))
        if interrupted and scan.rows < self._known.rows:
            return
        self._known = scan
        self._publish(scan)

    def _taken_up(self) -> Reading | None:
        """Go on with the reading that its budget has stopped where somebody searches; else let go of it."""
        reading = self._stopped
        if not self._follow.searching:
            self._let_go()
            return None
        self._stopped = None
        return reading

    def _let_go(self) -> None:
        if self._stopped is not None:
            self._stopped.close()
            self._stopped = None

    def look(self, budget: float) -> Scan:
        """Read the table for an edit that wants to know what became of it, for at most `budget` seconds."""
        reading = Reading(self._kernel, self._clock, engines=True)
        while reading.step():
            if self._clock() - reading.began > budget:
                break
        reading.close()
        return reading.scan()


class Reading:
    """One reading of the table, as far as it has come; it is to be closed."""

    def __init__(self, kernel: Kernel, clock: Callable[[], float], *, engines: bool) -> None:
        self._pieces = kernel.scan(engines=engines)
        self._clock = clock
        self.began = clock()
        self.rows = 0
        self._taken = self.began
        self._entries: list[Entry] = []
        self._connections: list[Connection] = []
        self._complete = False

    def step(self) -> bool:
        """Read one piece; False at the end of the table."""
        piece = next(self._pieces, None)
        self._taken = self._clock()
        if piece is None:
            self._complete = True
            return False
        entries, connections = piece
        self.rows += len(entries) + len(connections)
        room = KEEP - len(self._entries) - len(self._connections)
        self._entries += entries[: max(0, room)]
        self._connections += connections[: max(0, room - len(entries))]
        return True

    def close(self) -> None:
        """Close the file, wherever the reading is."""
        self._pieces.close()

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
