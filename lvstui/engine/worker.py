"""The one thread that owns the kernel and the profile file: requests in, events out.

Since nothing else touches either, a reading after a write is after the write by construction, and there are no
locks. Tests call `step` inline, without a thread.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from lvstui.core.advice.services import advice
from lvstui.core.change import Change, changes_kernel, fold, holds
from lvstui.core.entries.resolve import has_engine, wanted_clients
from lvstui.core.marks.mark import found_arrivals
from lvstui.core.model import NOBODYS, Home
from lvstui.core.record import Owner
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Derived, Host, Snapshot
from lvstui.core.trial import Pending
from lvstui.engine.edits import Editor
from lvstui.engine.entry_desk import EntryDesk
from lvstui.engine.messages import (
    Adopt,
    Answered,
    Applied,
    AskServers,
    Broken,
    Consult,
    Edit,
    EditEntries,
    Event,
    Examine,
    Extend,
    Follow,
    Glanced,
    HelperRequest,
    Keep,
    Notice,
    OperatorRequest,
    Pace,
    Peek,
    ReadNow,
    Reported,
    Request,
    SaveAll,
    Scanned,
    Stop,
    StopEntries,
    TakeBack,
    TakenBack,
    Watch,
    Zero,
)
from lvstui.engine.observer import Observer
from lvstui.engine.prober import Prober
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.questions import examine_service, follow_packet
from lvstui.engine.scanner import Follow as FollowTable
from lvstui.engine.table_reader import TableReader
from lvstui.engine.trials.desk import TrialDesk
from lvstui.engine.writing import FEW, read_target
from lvstui.host.patience import Lookout
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from lvstui.store.sessions import Presence
from lvstui.store.trial_file import TrialFile

_GLANCE = 1.0
"""Seconds between two looks at whether a change is on trial, where the kernel is read less often than that, or not."""

_ONCE = 1e9
"""Seconds between two readings of the connection table where it is read only once."""


class Worker:
    """Owns one kernel and at most one profile file; `post` takes the events, from the worker's own thread.

    `records` is the history to which every edit is added, `presence` finds other lvstui on the same profile,
    `owners` who else writes to the table; `here` is where the kernel is, and `trial` where a change on trial is put
    down (None: there can be none). Reading the connection table has a thread of
    its own where the worker is `threaded`; elsewhere the worker does it itself, and `pause` lets seconds pass.
    """

    def __init__(
        self,
        kernel: Kernel,
        profile: ProfileFile | None,
        post: Callable[[Event], None],
        *,
        interval: float = 1.0,
        read_only: str = "",
        host: Callable[[], Host] = lambda: Host(""),
        clock: Callable[[], float] = time.monotonic,
        records: HistoryFile | None = None,
        presence: Presence | None = None,
        owners: Callable[[], tuple[Owner, ...]] = tuple,
        threaded: bool = True,
        pause: Callable[[float], None] = time.sleep,
        here: Home = NOBODYS,
        trial: TrialFile | None = None,
    ) -> None:
        self._kernel = kernel
        self._post = post
        self._pace = Pace(interval)
        self._host = host
        self._owners = Lookout[tuple[Owner, ...]](owners, ())
        self._clock = clock
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._next: Request | None = None  # that was taken out of the line, and is to be served first
        self._due = clock()
        self._ending = False
        self._here = here
        self._presence = presence
        self._trials = trials = TrialDesk(kernel, trial, here, post=post, read_only=read_only) if trial else None
        self._profile = FollowedProfile(profile, kernel, post, here, lambda: trials.changes if trials else ())
        self._editor = Editor(kernel, self._profile, records, post, read_only=read_only, trials=trials)
        self._observer = Observer(kernel)
        self._table = TableReader(kernel, self.submit, clock=clock, threaded=threaded)
        self._watching = Watch(False)
        self._desk = EntryDesk(
            kernel,
            self._table,
            self._editor,
            self.submit,
            post,
            lambda: self._profile.names,
            clock=clock,
            pause=pause,
        )
        self._prober = Prober(kernel, self.submit, threaded=threaded)
        self._snapshot = replace(EMPTY_SNAPSHOT, origin=kernel.origin, derived=Derived())

    def submit(self, request: Request) -> None:
        """Ask for something, from any thread; requests are served in order."""
        self._requests.put(request)

    def interrupt(self) -> None:
        """Let edits under way end before their next write, from any thread; what was written is saved and recorded.

        Nothing is read for the screens any more: the requests before `Stop` would each wait for that.
        """
        self._ending = True
        self._editor.interrupt()
        self._desk.halt()

    def run(self) -> None:
        """Serve requests and read the kernel until `Stop`."""
        while self.step():
            pass

    def step(self, patience: float | None = None) -> bool:
        """Serve one request, or read the kernel when that is due; False after `Stop`.

        Waits for a request until the next reading is due, or for `patience` seconds.
        """
        wait = self._wait() if patience is None else patience
        glances = self._trials is not None and patience is None and (wait is None or wait > _GLANCE)
        try:
            request = self._next or self._requests.get(timeout=_GLANCE if glances else wait)
        except queue.Empty:
            (self._glance_at_trial if glances else self._look)()
            return True
        self._next = None
        match request:
            case Stop():
                self._close()
                return False
            case Answered() | Peek() | Scanned() | Glanced() | Consult() | Reported() | Broken():
                self._serve_helper(request)
            case _:
                self._serve_operator(request)
                if not self._ending:
                    self._look()
        return True

    def _close(self) -> None:
        """End every thread and let go of what is held."""
        self._desk.close()
        self._table.close()
        self._prober.close()
        self._editor.close()
        self._kernel.close()
        if self._presence:
            self._presence.leave()

    def _wait(self) -> float | None:
        """Return in how many seconds something has to be done: a reading, or a trial of ours to be taken back."""
        wait = None if self._pace.paused else max(0.0, self._due - self._clock())
        due = self._trials.due if self._trials else None
        return wait if due is None else max(0.0, due if wait is None else min(due, wait))

    def _serve_operator(self, request: OperatorRequest) -> None:
        match request:
            case Edit():
                self._edit(request, self._echo)
            case Keep() | Extend() | TakeBack():
                event = self._editor.decide(request)
                if isinstance(event, TakenBack):
                    self._observer.take_made(event.done)
                self._post(event)
            case SaveAll():
                self._profile.save_all(self._observer.reading.director)
            case Adopt(changes):
                self._profile.adopt(changes, self._observer.reading.director)
            case Zero(key):
                self._post(self._editor.zero(key))
            case Pace():
                self._pace = request
                if self._table.watched:
                    self._watch(self._watching)
            case ReadNow():
                self._table.reread()
            case Watch():
                self._watch(request)
            case EditEntries():
                self._desk.edit(request, self._observer.reading.director)
            case StopEntries():
                self._desk.halt()
            case Follow(packet):
                self._post(follow_packet(self._kernel, self._snapshot, packet))
            case Examine():
                self._post(examine_service(self._kernel, self._snapshot, request))
            case AskServers(keys):
                self._prober.ask(self._snapshot, keys, self._clock())
            case _:
                assert_never(request)

    def _serve_helper(self, request: HelperRequest) -> None:
        match request:
            case Scanned(scan):
                if self._table.watched:
                    self._table.scan = scan
                    self._observer.weigh(scan, self._clock())
                    self._show(replace(self._snapshot, scan=scan, health=self._observer.health))
            case Glanced(scan):
                self._observer.take_glance(scan, self._clock())
                self._show(replace(self._snapshot, glimpse=self._observer.glimpse, health=self._observer.health))
            case Peek():
                known = self._table.watched or self._observer.knows_clients(self._clock())
                if not known and (glanced := self._table.glance()) is not None:
                    self._serve_helper(Glanced(glanced))
            case Answered():
                self._prober.take(request, self._clock())
                self._show(replace(self._snapshot, findings=self._prober.findings))
            case Consult(messages, answer):
                answer(self._desk.consult(messages))
            case Reported(report, done, total):
                self._desk.report(report, done, total)
                if report is None:
                    self._look()
            case Broken(error):
                raise error
            case _:
                assert_never(request)

    def _show(self, snapshot: Snapshot) -> None:
        """Post what is known now."""
        self._snapshot = snapshot
        self._post(snapshot)

    def _look(self) -> None:
        """Read the kernel and the profile, and post what is known now: after edits that came meanwhile."""
        while self._read() and not self._ending:
            pass
        self._post(self._snapshot)

    def _read(self) -> bool:
        """Read the kernel and the profile; return whether an edit was made since.

        Packets are walked through thousands of rules here, so that no screen waits for that; nor do edits.
        """
        self._due = self._clock() + self._pace.interval
        trial = self._trials.follow() if self._trials else None
        trouble = self._read_kernel()
        self._snapshot = self._compose(trial, trouble)
        made: list[Edit] = []
        found_arrivals(self._snapshot, lambda: made.extend(self._make_waiting()))
        advice(self._snapshot)
        if not trouble and not made:
            events = self._observer.find_events(self._snapshot, self._profile.names, self._editor)
            self._snapshot = replace(self._snapshot, events=events)
        return bool(made)

    def _read_kernel(self) -> str:
        """Read the kernel, and bring up to date all that depends on it; return why it could not be read, else ""."""
        try:
            reading = self._kernel.read()
        except KernelError as error:
            self._observer.fail(error)
            if str(error) != self._snapshot.trouble:
                self._post(Notice(str(error)))
            return str(error)
        if self._snapshot.trouble:
            self._post(Notice(f"the kernel answers again: {self._kernel.origin}"))
        self._profile.follow()
        self._observer.take(reading.director, self._profile.compare(reading))
        if self._table.watched:
            self._watch(self._watching)  # what is asked of the table depends on the services that there are
        self._table.look()
        asks = self._observer.look_at_health() and not self._table.watched
        if asks and (scan := self._table.glance()) is not None:
            self._observer.take_glance(scan, self._clock())
        return ""

    def _compose(self, trial: Pending | None, trouble: str) -> Snapshot:
        """Return all that is known now."""
        others = self._presence.others() if self._presence else ()
        for session in others:
            if session not in self._snapshot.others:
                self._post(Notice(f"another lvstui is at work on this profile: {session}"))
        return Snapshot(
            reading=self._observer.reading,
            origin=self._kernel.origin,
            schedulers=self._kernel.schedulers,
            interfaces=self._kernel.interfaces,
            host=self._host(),
            history=self._observer.history,
            profile=self._profile.state,
            read_only=self._editor.read_only,
            trouble=trouble,
            paused=self._pace.paused,
            undo=self._editor.undo,
            emptied=self._editor.emptied,
            redo=self._editor.redo,
            changes=self._editor.read_records(),
            others=others,
            owners=self._owners(),
            scan=self._table.scan,
            glimpse=self._observer.glimpse,
            here=self._here,
            trial=trial,
            health=self._observer.health,
            findings=self._prober.findings,
            events=self._observer.events,
            derived=self._snapshot.derived,
        )

    def _make_waiting(self) -> Iterator[Edit]:
        """Make the edits that wait, up to the first other request, which is the next one to be served."""
        while self._next is None:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            if isinstance(request, Edit):
                self._edit(request, lambda _: None)  # it is shown with all else, once that has been worked out
                yield request
            else:
                self._next = request

    def _echo(self, done: Sequence[Change]) -> None:
        """Show at once what was written, read back: a save may take a while."""
        try:
            written = [change for change in done if changes_kernel(change)]
            table = self._kernel.read().director if len(written) > FEW else None
            held = [(change, read_target(self._kernel, change.target, table)) for change in written]
            if not all(holds(change.target, change.after, now) for change, now in held):
                return
        except KernelError:
            return
        reading = self._observer.reading
        self._observer.reading = replace(reading, director=fold(reading.director, done, reading.director))
        editor = self._editor  # the key that undoes it may follow as soon as it is said to be made
        self._show(
            replace(
                self._snapshot,
                reading=self._observer.reading,
                undo=editor.undo,
                emptied=editor.emptied,
                redo=editor.redo,
            )
        )

    def _watch(self, request: Watch) -> None:
        """Start or stop following the connection table; while paused it is read once."""
        if not request.on and (scan := self._table.scan) is not None:
            self._observer.remember_clients(scan, self._clock())
        self._watching = request
        director = self._observer.reading.director
        clients = () if request.client is None else (request.client,)
        pace = _ONCE if self._pace.paused else self._pace.interval
        self._table.watch(FollowTable(request.on, wanted_clients(clients, director), has_engine(director), pace))

    def _edit(self, request: Edit, on_done: Callable[[Sequence[Change]], None]) -> None:
        def take(done: Sequence[Change]) -> None:
            self._observer.take_made(done)
            on_done(done)

        director = self._observer.reading.director
        outcome = self._editor.make(request, director, on_done=take)
        self._post(outcome)
        if isinstance(outcome, Applied) and request.empties:
            self._desk.empty(request.empties, self._observer.reading.director, self._snapshot.health)

    def _glance_at_trial(self) -> None:
        """Show what others put on trial or decided about; what ended is read back, also while paused."""
        known, trial = self._snapshot.trial, self._trials.follow() if self._trials else None
        if known is not None and trial is None:
            self._look()
        elif trial != known:
            self._show(replace(self._snapshot, trial=trial))
