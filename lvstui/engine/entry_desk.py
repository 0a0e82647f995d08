"""The worker's part in the connection table: it owns the kernel and the history, the scanner's thread does the rest."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Event as Flag
from threading import Thread

from lvstui.core.entries.edits import EntryEdit
from lvstui.core.entries.request import edits, emptying
from lvstui.core.entries.resolve import WantedClients, wanted_clients
from lvstui.core.entries.sync_message import Message
from lvstui.core.fields import FieldError
from lvstui.core.health.verdict import Health
from lvstui.core.model import ServerKey
from lvstui.core.observed import Reading, Scan
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Derived
from lvstui.engine.entry_edits import Tools, carry_out
from lvstui.engine.messages import Broken, Consult, EditEntries, Event, Glanced, Notice, Reported, Request, Scanned
from lvstui.engine.scanner import End, Follow, Scanner, Work, read_table
from lvstui.kernel.port import Kernel, KernelError

_LOOK_BUDGET = 10.0
"""Seconds that an edit takes at most to read back what became of it."""

_GLANCE_BUDGET = 0.25
"""Seconds that a glance takes at most: a part of the table stands for all of it."""

_ANSWER_PATIENCE = 30.0
_ANSWER_LOOK = 0.2
"""Seconds between two looks at whether there will be an answer at all: a worker that ends sends none."""


class EntryDesk:
    """Follows the connection table and edits entries on request.

    `submit` hands requests to the worker, `post` events to the screens. With `threaded` a thread of its own reads the
    table, from the first time that somebody watches; without, it is read when the worker asks for it (`look`), and
    `pause` lets time pass.
    """

    def __init__(
        self,
        kernel: Kernel,
        submit: Callable[[Request], None],
        post: Callable[[Event], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        threaded: bool = True,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kernel = kernel
        self._submit = submit
        self._post = post
        self._clock = clock
        self._threaded = threaded
        self._pause = pause
        self._scanner = Scanner(kernel, self._publish, clock=clock)
        self._thread: Thread | None = None
        self._halt = Flag()
        self._closed = Flag()
        self._warned = False
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
        if not self._threaded and self.watched:
            self._scanner.read()

    def glance(self) -> Scan | None:
        """Read what there is time for of the table, once, for the worker; an earlier glance comes first.

        Without a thread the table is read now, and returned.
        """
        if not self._threaded:
            return self._glance()
        if not self._glancing:
            self._glancing = True
            self._order(Work(self._submit_glance))
        return None

    def _submit_glance(self) -> None:
        scan = self._glance()
        self._glancing = False
        self._submit(Glanced(scan))

    def _glance(self) -> Scan:
        try:
            return read_table(self._kernel, _GLANCE_BUDGET, engines=False, clock=self._clock)
        except KernelError as error:
            return Scan(trouble=str(error))

    def edit(self, request: EditEntries) -> None:
        """Start edits; what becomes of every one is submitted to the worker."""
        self._halt.clear()
        self._order(Work(lambda: self._carry_out(request)))

    def empty(self, places: Sequence[ServerKey], health: Health) -> None:
        """Start to move all clients that stick to these servers to others that are in no trouble."""
        self._halt.clear()
        self._order(Work(lambda: self._carry_out(EditEntries(self._clients_of(places, health)))))

    def consult(self, messages: Sequence[Message]) -> Reading:
        """In the worker's thread: send the kernel messages about entries, and return what it counts afterwards."""
        ajar = self._kernel.send_sync(messages) if messages else ""
        if ajar and not self._warned:
            self._warned = True
            self._post(Notice(ajar))
        return self._kernel.read()

    def halt(self) -> None:
        """Start no more edits; those under way come to their end."""
        self._halt.set()

    def close(self) -> None:
        """End the thread; a reading ends with the piece in hand."""
        self._closed.set()
        self._halt.set()
        self._scanner.order(End())
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _order(self, order: Follow | Work) -> None:
        self._scanner.order(order)
        if not self._threaded:
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
        if self._threaded:
            self._submit(Scanned(scan))
        else:
            self.scan = scan

    def _clients_of(self, places: Sequence[ServerKey], health: Health) -> tuple[EntryEdit, ...]:
        """Read who sticks to these servers, and return the moves to others."""
        try:
            reading = self._consult(())
            scan = self._read(wanted_clients((), reading.director))
        except KernelError as error:
            self._post(Notice(f"no client was moved: {error}"))
            return ()
        if not scan.whole:
            self._post(Notice("the connection table is too large to be read at once: clients that were not seen stay"))
        snapshot = replace(EMPTY_SNAPSHOT, reading=reading, scan=scan, health=health, derived=Derived())
        found: list[EntryEdit] = []
        for request in (emptying(snapshot, place) for place in places):
            if request.chosen:
                try:
                    found += edits(snapshot, request)
                except FieldError as error:
                    self._post(Notice(f"no client was moved: {error.sentence}"))
        return tuple(found)

    def _read(self, wanted: WantedClients) -> Scan:
        engines = self._following.engines
        return read_table(self._kernel, _LOOK_BUDGET, wanted, engines=engines, clock=self._clock)

    def _look_back(self, wanted: WantedClients) -> Scan:
        """Read what became of edits; the screens see it too, as nothing else reads the table meanwhile."""
        scan = self._read(wanted)
        self._scanner.show(scan)
        return scan

    def _carry_out(self, request: EditEntries) -> None:
        """Make edits, in the scanner's thread."""
        tools = Tools(self._consult, self._look_back, partial(self._consult, ()), self._wait, self._clock)
        total, done = len(request.edits), 0
        for report in carry_out(request.edits, tools, request.pace):
            done += 1
            self._submit(Reported(report, done, total))
        self._submit(Reported(None, done, total))

    def _consult(self, messages: Sequence[Message]) -> Reading:
        """Let the worker, which owns the kernel, send it messages and read its counters."""
        if not self._threaded:
            return self.consult(messages)
        answers: queue.SimpleQueue[Reading | KernelError] = queue.SimpleQueue()
        self._submit(Consult(tuple(messages), answers.put))
        deadline = time.monotonic() + _ANSWER_PATIENCE
        while not self._closed.is_set() and time.monotonic() < deadline:
            with suppress(queue.Empty):
                answer = answers.get(timeout=_ANSWER_LOOK)
                if isinstance(answer, KernelError):
                    raise answer
                return answer
        raise KernelError("the kernel did not answer in time; nothing is known of the edit")

    def _wait(self, seconds: float) -> bool:
        """Let seconds pass; less where edits are halted just now. What is under way after that is still waited for."""
        if not self._threaded:
            self._pause(seconds)
            return not self._halt.is_set()
        if self._halt.is_set():
            self._closed.wait(seconds)
            return False
        return not self._halt.wait(seconds)
