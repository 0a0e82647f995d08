"""The one thread that reads the connection table, and carries out what takes as long: nothing else waits for it."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from lvstui.core.entries.crowd import unpack
from lvstui.core.entries.resolve import NOBODY, WantedClients
from lvstui.core.observed import Connection, Entry, Scan
from lvstui.kernel.port import Kernel, KernelError, Piece

BUDGET: Final = 20.0
"""Seconds that one reading may take; kernels before 6.14 would need many minutes for a large table."""

KEEP: Final = 100_000
"""Rows that are kept however little memory there is, entries and connections together."""

_ROW: Final = 1200
"""Bytes that a row takes with all that the screens make of it, while the next reading is under way."""

_SHARE: Final = 4
"""The part of the memory that is left over which rows may take."""

PROGRESS: Final = 1.0
"""Seconds between two looks at a reading that is under way."""

REST: Final = 4.0
"""How many times as long as a reading took the thread rests afterwards."""

SHOWING: Final = 0.00003
"""Seconds for each row, at least, between two times that rows are shown: whoever shows them has to look at them all."""

_STEADY: Final = 20_000
"""Rows in a second at which a reading without a bound comes to its end, whatever its budget."""

_NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Follow:
    """Order: read the table again and again, or (not `on`) no more.

    `wanted` clients lift the budget, as somebody waits for them; `engines` asks for what persistence engines tell
    clients by; `pace` is the least number of seconds between two readings.
    """

    on: bool
    wanted: WantedClients = NOBODY
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


def room() -> int:
    """Return how many rows there is memory for; of more, only those of clients that somebody looks for are kept."""
    from lvstui.host.machine import spare_memory  # psutil is needed for large tables only

    return max(KEEP, spare_memory() // _SHARE // _ROW)


class Scanner:
    """Reads the connection table of a kernel as long as somebody follows it.

    `publish` takes what is known so far, in the scanner's own thread: each reading when it ends, and every few seconds
    one that takes longer, unless a reading that knew more is being shown.
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
        self._stopped: Pass | None = None
        self._interrupted = False

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
                self._drop()
                do()
                self._due = 0.0  # what has been done is to be seen
            case End():
                return False
        return True

    def _set(self, follow: Follow) -> None:
        if not follow.on:
            self._known = Scan()
        if not follow.on or follow.engines is not self._follow.engines:
            self._drop()
        if follow.wanted or self._interrupted or not self._follow.on:
            self._due = 0.0
        self._follow = follow

    def read(self) -> None:
        """Read the table once, as far as budget and orders let it come."""
        wanted = self._follow.wanted
        reading = self._resume() or Pass(self._kernel.scan(engines=self._follow.engines), self._clock)
        reading.wanted = wanted
        began = shown = self._clock()
        trouble = ""
        try:
            while reading.step():
                now = self._clock()
                if not self._orders.empty():
                    self._stopped, self._interrupted = reading, True
                    break
                if now - began > BUDGET and not wanted:
                    self._stopped = reading
                    break
                if now - shown >= max(PROGRESS, SHOWING * reading.rows) and reading.rows >= self._known.rows:
                    shown = now
                    self._publish(reading.scan(running=True))
        except KernelError as error:
            trouble = str(error)
        if self._stopped is not reading:
            reading.close()
        scan = reading.scan(running=self._interrupted, trouble=trouble)
        self._rest(scan, began)
        if self._interrupted and scan.rows < self._known.rows:
            return
        self._known = scan
        self._publish(scan)

    def show(self, scan: Scan) -> None:
        """Take over a reading of work, which keeps us from reading, once one is due."""
        if self._follow.on and scan.complete and self._clock() >= self._due:
            self._rest(scan, scan.began)
            self._known = scan
            self._publish(scan)

    def _rest(self, scan: Scan, began: float) -> None:
        """Put the next reading off, by how long this one took and is looked at."""
        self._due = self._clock() + max(self._follow.pace, REST * (scan.taken - began), SHOWING * scan.rows)

    def _resume(self) -> Pass | None:
        """Return the pass that an order has interrupted or, where somebody searches, its budget has stopped.

        One that has left rows out may have left out just those that are looked for now.
        """
        reading, wanted = self._stopped, self._follow.wanted
        resumes = self._interrupted or bool(wanted)
        if reading is None or not resumes or (reading.left_out and wanted and reading.wanted != wanted):
            self._drop()
            return None
        self._stopped, self._interrupted = None, False
        return reading

    def _drop(self) -> None:
        if self._stopped is not None:
            self._stopped.close()
        self._stopped, self._interrupted = None, False


class Pass:
    """One pass over the table, as far as it has come; it has to be closed."""

    def __init__(self, pieces: Generator[Piece, None, None], clock: Callable[[], float]) -> None:
        self._pieces = pieces
        self._clock = clock
        self.began = clock()
        self.rows = 0
        self.left_out = 0
        self.wanted = NOBODY
        """Clients whose rows are kept in any case."""
        self._taken = self.began
        self._room: int | None = None
        self._entries: list[Entry] = []
        self._connections: list[Connection] = []
        self.complete = False
        """Whether the end of the table was reached."""

    def step(self) -> bool:
        """Read one piece; False at the end of the table."""
        piece = next(self._pieces, None)
        self._taken = self._clock()
        if piece is None:
            self.complete = True
            return False
        entries, connections, alike = piece
        if alike:
            entries = [*entries, *map(unpack, alike)]
        self.rows += len(entries) + len(connections)
        kept = len(self._entries) + len(self._connections) + len(entries) + len(connections)
        if kept > KEEP and self._room is None:
            self._room = room()
        if self._room is not None and kept > self._room:
            whole = len(entries) + len(connections)
            entries = [entry for entry in entries if entry.client in self.wanted]
            connections = [row for row in connections if row.client.address in self.wanted]
            self.left_out += whole - len(entries) - len(connections)
        self._entries += entries
        self._connections += connections
        return True

    def rest(self, budget: float) -> Iterator[Piece]:
        """Yield what follows without keeping it; what is done with it does not count as time of the reading.

        Stops where the reading has taken `budget` seconds and is too slow to end soon, as kernels before 6.14 are.
        """
        spent = self._taken - self.began
        while spent <= budget or self.rows >= _STEADY * spent:
            started = self._clock()
            piece = next(self._pieces, None)
            self._taken = self._clock()
            spent += self._taken - started
            if piece is None:
                self.complete = True
                return
            self.rows += sum(map(len, piece))
            yield piece

    def close(self) -> None:
        """Close the file, wherever the reading is."""
        self._pieces.close()

    def scan(self, *, running: bool = False, trouble: str = "") -> Scan:
        """Return what is known so far."""
        return Scan(
            tuple(self._entries),
            tuple(self._connections),
            began=self.began,
            taken=self._taken,
            rows=self.rows,
            left_out=self.left_out,
            complete=self.complete,
            running=running,
            trouble=trouble,
        )


def read_table(
    kernel: Kernel,
    budget: float,
    wanted: WantedClients = NOBODY,
    *,
    engines: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Scan:
    """Read the table once, for `budget` seconds at most; rows of the clients that are `wanted` are kept in any case."""
    reading = Pass(kernel.scan(engines=engines), clock)
    reading.wanted = wanted
    while reading.step() and clock() - reading.began <= budget:
        pass
    reading.close()
    return reading.scan()
