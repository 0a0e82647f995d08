"""The edits of persistence entries: carried out in the thread that reads the table, recorded by the worker."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Event as Flag

from lvstui.core.drift import add_profile_values
from lvstui.core.entries.edits import EntryEdit, EntryReport, Outcome, emptying_title, report_line, title
from lvstui.core.entries.request import edits, emptying
from lvstui.core.entries.resolve import wanted_clients
from lvstui.core.entries.sync_message import Message
from lvstui.core.fields import FieldError
from lvstui.core.health.verdict import Health
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import Reading
from lvstui.core.record import Kind
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Derived
from lvstui.engine.edits import Editor
from lvstui.engine.entry_edits import Tools, carry_out
from lvstui.engine.messages import (
    Consult,
    EditEntries,
    EntriesDone,
    EntryProgress,
    Event,
    Notice,
    Reported,
    Request,
)
from lvstui.engine.table_reader import TableReader
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.history_file import Draft

_ANSWER_PATIENCE = 30.0
_ANSWER_LOOK = 0.2
"""Seconds between two looks at whether there will be an answer at all: a worker that ends sends none."""


class EntryDesk:
    """Edits entries on request, one request after the other, in the thread of `table`.

    That thread has no kernel: what it needs of it is asked for by `submit`, which hands requests to the worker, and
    answered by `consult`. `post` takes what has to be said, `editor` the history; `names` returns the profile for the
    names of services. Where the table has no thread, all of it happens at once, and `pause` lets seconds pass.
    """

    def __init__(
        self,
        kernel: Kernel,
        table: TableReader,
        editor: Editor,
        submit: Callable[[Request], None],
        post: Callable[[Event], None],
        names: Callable[[], Director],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kernel = kernel
        self._table = table
        self._editor = editor
        self._submit = submit
        self._post = post
        self._names = names
        self._clock = clock
        self._pause = pause
        self._halt = Flag()
        self._closed = Flag()
        self._warned = False
        self._drafts: deque[Draft | None] = deque()  # of the requests that are under way, in order
        self._reports: list[EntryReport] = []  # of the first of them

    def edit(self, request: EditEntries, director: Director) -> None:
        """Start edits, where any may be made; the names of services come from `director`."""
        if reason := self._editor.read_only:
            self._post(Notice(f"not done: {reason}"))
        else:
            self._start([title(edit, director) for edit in request.edits], lambda: request)

    def empty(self, places: Sequence[ServerKey], director: Director, health: Health) -> None:
        """Start to move all clients that stick to these servers to others that are in no trouble."""
        titles = [emptying_title(place, director) for place in places]
        self._start(titles, lambda: EditEntries(self._clients_of(places, health)))

    def report(self, report: EntryReport | None, done: int, total: int) -> None:
        """Pass on what became of an edit; without a report that was all of the request, which goes into the history."""
        if report is not None:
            self._reports.append(report)
            self._post(EntryProgress(report, done, total))
            return
        reports, self._reports = tuple(self._reports), []
        sentences = [report_line(report) for report in reports if report.outcome is not Outcome.REFUSED]
        self._editor.finish(self._drafts.popleft(), (), sentences)
        self._post(EntriesDone(reports, total))

    def consult(self, messages: Sequence[Message]) -> Reading | KernelError:
        """In the worker's thread: send the kernel messages about entries, and return what it counts afterwards."""
        try:
            ajar = self._kernel.send_sync(messages) if messages else ""
            if ajar and not self._warned:
                self._warned = True
                self._post(Notice(ajar))
            reading = self._kernel.read()
        except KernelError as error:
            return error
        return replace(reading, director=add_profile_values(reading.director, self._names()))

    def halt(self) -> None:
        """Start no more edits; those under way come to their end."""
        self._halt.set()

    def close(self) -> None:
        """Wait for no answer any more, and start no more edits."""
        self._closed.set()
        self._halt.set()

    def _start(self, titles: Sequence[str], request: Callable[[], EditEntries]) -> None:
        """Start a request, which is known only in the thread; until it ends the history has its titles."""
        self._drafts.append(self._editor.begin(Kind.ENTRIES, (), titles))
        self._halt.clear()
        self._table.work(lambda: self._carry_out(request()))

    def _clients_of(self, places: Sequence[ServerKey], health: Health) -> tuple[EntryEdit, ...]:
        """Read who sticks to these servers, and return the moves to others."""
        try:
            reading = self._ask(())
            scan = self._table.read(wanted_clients((), reading.director))
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

    def _carry_out(self, request: EditEntries) -> None:
        tools = Tools(self._ask, self._table.read_and_show, partial(self._ask, ()), self._wait, self._clock)
        total, done = len(request.edits), 0
        for report in carry_out(request.edits, tools, request.pace):
            done += 1
            self._submit(Reported(report, done, total))
        self._submit(Reported(None, done, total))

    def _ask(self, messages: Sequence[Message]) -> Reading:
        """Let the worker, which owns the kernel, send it messages and read its counters. Raises `KernelError`."""
        answers: queue.SimpleQueue[Reading | KernelError] = queue.SimpleQueue()
        if self._table.threaded:
            self._submit(Consult(tuple(messages), answers.put))
        else:
            answers.put(self.consult(messages))
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
        if not self._table.threaded:
            self._pause(seconds)
            return not self._halt.is_set()
        if self._halt.is_set():
            self._closed.wait(seconds)
            return False
        return not self._halt.wait(seconds)
