"""Reads the connection table for the worker: again and again while somebody watches, or once, for a glance."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

from lvstui.core.entries.resolve import NOBODY, WantedClients
from lvstui.core.observed import Scan
from lvstui.engine.messages import Broken, Glanced, Request, Scanned
from lvstui.engine.scanner import End, Follow, Scanner, Work, read_table
from lvstui.kernel.port import Kernel, KernelError

_WORK_BUDGET = 10.0
"""Seconds that a reading for an edit of entries takes at most."""

_GLANCE_BUDGET = 0.25
"""Seconds that a glance takes at most: a part of the table stands for all of it."""


class TableReader:
    """Reads the connection table in a thread of its own, from the first time that somebody needs it.

    `submit` hands what was read to the worker. Without `threaded` there is no thread: the table is read when the worker
    asks for it (`look`).
    """

    def __init__(
        self,
        kernel: Kernel,
        submit: Callable[[Request], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        threaded: bool = True,
    ) -> None:
        self._kernel = kernel
        self._submit = submit
        self._clock = clock
        self.threaded = threaded
        self._scanner = Scanner(kernel, self._publish, clock=clock)
        self._thread: Thread | None = None
        self._glancing = False
        self._following = Follow(False)
        self.scan: Scan | None = None
        """What is known of the table; None while nobody watches."""

    @property
    def watched(self) -> bool:
        """Whether somebody watches the table."""
        return self._following.on

    def watch(self, follow: Follow) -> None:
        """Start or stop following the table."""
        if not follow.on:
            self.scan = None
        if follow == self._following:
            return
        self._following = follow
        self._order(follow)

    def reread(self) -> None:
        """Read the table at once, where somebody watches."""
        if self.watched:
            self._order(Work(lambda: None))

    def look(self) -> None:
        """Without a thread: read the table now, where somebody watches."""
        if not self.threaded and self.watched:
            self._scanner.read()

    def glance(self) -> Scan | None:
        """Read what there is time for of the table, once, for the worker; an earlier glance comes first.

        Without a thread the table is read now, and returned.
        """
        if not self.threaded:
            return self._glance()
        if not self._glancing:
            self._glancing = True
            self._order(Work(self._submit_glance))
        return None

    def work(self, work: Callable[[], None]) -> None:
        """Do work that reads the table, in the thread, between two readings."""
        self._order(Work(work))

    def read(self, wanted: WantedClients = NOBODY) -> Scan:
        """Read the table for work that is under way; rows of the clients that are `wanted` are kept in any case."""
        engines = self._following.engines
        return read_table(self._kernel, _WORK_BUDGET, wanted, engines=engines, clock=self._clock)

    def read_and_show(self, wanted: WantedClients) -> Scan:
        """Read as `read`; the screens see it too, as nothing else reads the table meanwhile."""
        scan = self.read(wanted)
        self._scanner.show(scan)
        return scan

    def close(self) -> None:
        """End the thread; a reading ends with the piece in hand."""
        self._scanner.order(End())
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _submit_glance(self) -> None:
        scan = self._glance()
        self._glancing = False
        self._submit(Glanced(scan))

    def _glance(self) -> Scan:
        try:
            return read_table(self._kernel, _GLANCE_BUDGET, engines=False, clock=self._clock)
        except KernelError as error:
            return Scan(trouble=str(error))

    def _order(self, order: Follow | Work) -> None:
        self._scanner.order(order)
        if not self.threaded:
            self._scanner.step(0)
        elif self._thread is None:
            self._thread = Thread(target=self._run, name="connections", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Run the scanner in its thread; what it did not foresee ends the program, which would only look alive."""
        try:
            self._scanner.run()
        except Exception as error:
            self._submit(Broken(error))

    def _publish(self, scan: Scan) -> None:
        if self.threaded:
            self._submit(Scanned(scan))
        else:
            self.scan = scan
