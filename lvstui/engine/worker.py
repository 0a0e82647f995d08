"""The one thread that owns the kernel and the profile file: requests in, events out.

Since nothing else touches either, a reading after a write is after the write by construction, and there are no
locks. Tests call `step` inline, without a thread.
"""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from lvstui.core.advice.services import advice
from lvstui.core.change import Change, changes_kernel, fold, holds
from lvstui.core.doctor.questions import examine
from lvstui.core.drift import add_profile_values
from lvstui.core.entries.edits import EntryReport, Outcome, emptying_title, report_line, title
from lvstui.core.entries.glimpse import glimpse, is_fresh
from lvstui.core.entries.resolve import has_engine, wanted_clients
from lvstui.core.entries.sync_message import Message
from lvstui.core.events.states import Sight
from lvstui.core.events.watch import Look
from lvstui.core.events.watch import Watch as EventWatch
from lvstui.core.fields import FieldError
from lvstui.core.health.watch import Watch as HealthWatch
from lvstui.core.history import NO_HISTORY, Recorder
from lvstui.core.marks.mark import found_arrivals, unset_marks
from lvstui.core.model import NOBODYS, Home, ServiceKey
from lvstui.core.observed import Glimpse, Reading, Scan
from lvstui.core.packets.packet import Packet
from lvstui.core.record import Kind, Owner
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Derived, Host, Snapshot
from lvstui.engine.doctor import gather
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
    EntriesDone,
    EntryProgress,
    Event,
    Examine,
    Examined,
    Extend,
    Follow,
    Followed,
    Glanced,
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
    ScannerRequest,
    Stop,
    StopEntries,
    TakeBack,
    TakenBack,
    TrialRequest,
    Watch,
    Zero,
    Zeroed,
)
from lvstui.engine.prober import Prober
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.reach import look_up
from lvstui.engine.scanner import Follow as FollowTable
from lvstui.engine.tracer import follow
from lvstui.engine.trial_desk import TrialDesk
from lvstui.engine.writing import FEW, read_target
from lvstui.host.patience import Lookout
from lvstui.kernel.port import Kernel, KernelError, NoIpvs
from lvstui.store.history_file import Draft, HistoryFile
from lvstui.store.profile_file import ProfileFile
from lvstui.store.sessions import Presence
from lvstui.store.trial_file import TrialFile

_TRACE_BUDGET = 2.0
"""Seconds that a trace may read the connection table, while nothing else is read."""

_DOCTOR_BUDGET = 1.0
"""Seconds that the doctor may read it."""

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
        self._reading = EMPTY_SNAPSHOT.reading
        self._here = here
        self._trials = trials = TrialDesk(kernel, trial, here, post=post, read_only=read_only) if trial else None
        self._profile = FollowedProfile(profile, kernel, post, here, lambda: trials.changes if trials else ())
        self._editor = Editor(kernel, self._profile, records, post, read_only=read_only, trials=trials)
        self._presence = presence
        self._recorder, self._history = Recorder(), NO_HISTORY
        self._snapshot = replace(EMPTY_SNAPSHOT, origin=kernel.origin, derived=Derived())
        self._desk = EntryDesk(kernel, self.submit, post, clock=clock, threaded=threaded, pause=pause)
        self._prober = Prober(kernel, self.submit, threaded=threaded)
        self._watching = Watch(False)
        self._glimpse: Glimpse | None = None
        self._health = HealthWatch()
        self._events = EventWatch(os.getpid())
        self._held = self._reading.director
        self._ending = False
        self._reports: list[EntryReport] = []
        self._drafts: deque[Draft | None] = deque()  # of the edits of entries that are under way, in order

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
                self._desk.close()
                self._prober.close()
                self._editor.close()
                self._kernel.close()
                if self._presence:
                    self._presence.leave()
                return False
            case Answered():
                self._prober.take(request, self._clock())
                self._snapshot = replace(self._snapshot, findings=self._prober.findings)
                self._post(self._snapshot)
            case Peek():
                self._peek()
            case Scanned() | Glanced() | Consult() | Reported() | Broken():
                self._serve_scanner(request)
            case _:
                self._serve_operator(request)
                if not self._ending:
                    self._look()
        return True

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
                self._decide(request)
            case SaveAll():
                self._profile.save_all(self._reading.director)
            case Adopt(changes):
                self._profile.adopt(changes, self._reading.director)
            case Zero(key):
                self._zero(key)
            case Pace():
                self._pace = request
                if self._desk.watched:
                    self._watch(self._watching)
            case ReadNow():
                self._desk.reread()
            case Watch():
                self._watch(request)
            case EditEntries():
                self._edit_entries(request)
            case StopEntries():
                self._desk.halt()
            case Follow(packet):
                self._follow(packet)
            case Examine():
                self._examine(request)
            case AskServers(keys):
                self._prober.ask(self._snapshot, keys, self._clock())
            case _:
                assert_never(request)

    def _serve_scanner(self, request: ScannerRequest) -> None:
        match request:
            case Scanned(scan):
                if self._desk.watched:
                    self._desk.scan = scan
                    health = self._health.weigh(scan, self._clock())
                    self._snapshot = replace(self._snapshot, scan=scan, health=health)
                    self._post(self._snapshot)
            case Glanced(scan):
                self._glimpse = glimpse(scan, self._reading.director, self._clock())
                health = self._health.weigh(scan, self._clock())
                self._snapshot = replace(self._snapshot, glimpse=self._glimpse, health=health)
                self._post(self._snapshot)
            case Consult(messages, answer):
                answer(self._consult(messages))
            case Reported(report, done, total):
                self._report(report, done, total)
            case Broken(error):
                raise error
            case _:
                assert_never(request)

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
        trouble = ""
        trial = self._trials.follow() if self._trials else None
        try:
            reading = self._kernel.read()
        except KernelError as error:
            trouble = str(error)
            self._events.fail(datetime.now(UTC), trouble, is_gone=isinstance(error, NoIpvs))
            if trouble != self._snapshot.trouble:
                self._post(Notice(trouble))
        else:
            if self._snapshot.trouble:
                self._post(Notice(f"the kernel answers again: {self._kernel.origin}"))
            self._take(reading)
        others = self._presence.others() if self._presence else ()
        for session in others:
            if session not in self._snapshot.others:
                self._post(Notice(f"another lvstui is at work on this profile: {session}"))
        self._snapshot = Snapshot(
            reading=self._reading,
            origin=self._kernel.origin,
            schedulers=self._kernel.schedulers,
            interfaces=self._kernel.interfaces,
            host=self._host(),
            history=self._history,
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
            scan=self._desk.scan,
            glimpse=self._glimpse,
            here=self._here,
            trial=trial,
            health=self._health.found,
            findings=self._prober.findings,
            events=self._events.events,
            derived=self._snapshot.derived,
        )
        made: list[Edit] = []
        found_arrivals(self._snapshot, lambda: made.extend(self._make_waiting()))
        advice(self._snapshot)
        if not trouble and not made:
            self._see()
        return bool(made)

    def _see(self) -> None:
        """Find out what happened since the last reading."""
        snapshot = self._snapshot
        look = Look(
            datetime.now(UTC),
            self._held,
            snapshot.reading,
            self._profile.names,
            Sight(snapshot.health, unset_marks(snapshot)),
            snapshot.owners,
            self._editor.others_at_work,
            self._editor.read_records,
        )
        self._snapshot = replace(snapshot, events=self._events.look(look))

    def _take(self, reading: Reading) -> None:
        """Bring up to date what is known besides a reading: profile, history, connection table and health."""
        self._profile.follow()
        self._held = reading.director
        self._reading = self._profile.compare(reading)
        self._history = self._recorder.take(self._reading)
        if self._desk.watched:
            self._watch(self._watching)  # what is asked of the table depends on the services that there are
        self._desk.look()
        self._health.look(self._reading)
        look_up(self._kernel, self._health, self._reading.taken)
        asks = self._health.asks(self._reading.taken) and not self._desk.watched
        if asks and (scan := self._desk.glance()) is not None:
            self._glimpse = glimpse(scan, self._reading.director, self._clock())
            self._health.weigh(scan, self._clock())

    def _peek(self) -> None:
        """Find out who sticks; nothing is read anew a moment after that was known."""
        known = is_fresh(self._glimpse, self._clock())
        if not (known or self._desk.watched) and (scan := self._desk.glance()) is not None:
            self._serve_scanner(Glanced(scan))

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
        director = fold(self._reading.director, done, self._reading.director)
        self._reading = replace(self._reading, director=director)
        self._snapshot = replace(self._snapshot, reading=self._reading)
        self._post(self._snapshot)

    def _watch(self, request: Watch) -> None:
        """Start or stop following the connection table; while paused it is read once."""
        if not request.on and (scan := self._desk.scan) is not None:
            self._glimpse = glimpse(scan, self._reading.director, self._clock())
        self._watching = request
        director = self._reading.director
        clients = () if request.client is None else (request.client,)
        pace = _ONCE if self._pace.paused else self._pace.interval
        self._desk.watch(FollowTable(request.on, wanted_clients(clients, director), has_engine(director), pace))

    def _edit(self, request: Edit, on_done: Callable[[Sequence[Change]], None]) -> None:
        def take(done: Sequence[Change]) -> None:
            self._events.made(done)
            on_done(done)

        outcome = self._editor.make(request, self._reading.director, on_done=take)
        self._post(outcome)
        if isinstance(outcome, Applied) and request.empties:
            titles = [emptying_title(place, self._reading.director) for place in request.empties]
            self._drafts.append(self._editor.begin(Kind.ENTRIES, (), titles))
            self._desk.empty(request.empties, self._snapshot.health)

    def _decide(self, request: TrialRequest) -> None:
        event = self._editor.decide(request)
        if isinstance(event, TakenBack):
            self._events.made(event.done)
        self._post(event)

    def _glance_at_trial(self) -> None:
        """Show what others put on trial or decided about; what ended is read back, also while paused."""
        known, trial = self._snapshot.trial, self._trials.follow() if self._trials else None
        if known is not None and trial is None:
            self._look()
        elif trial != known:
            self._snapshot = replace(self._snapshot, trial=trial)
            self._post(self._snapshot)

    def _edit_entries(self, request: EditEntries) -> None:
        reason = self._editor.read_only
        if reason:
            self._post(Notice(f"not done: {reason}"))
        else:
            titles = [title(edit, self._reading.director) for edit in request.edits]
            self._drafts.append(self._editor.begin(Kind.ENTRIES, (), titles))
            self._desk.edit(request)

    def _consult(self, messages: Sequence[Message]) -> Reading | KernelError:
        try:
            reading = self._desk.consult(messages)
        except KernelError as error:
            return error
        return replace(reading, director=add_profile_values(reading.director, self._profile.names))

    def _report(self, report: EntryReport | None, done: int, total: int) -> None:
        """Pass on what became of an edit of an entry; the last time add all to the history."""
        if report is not None:
            self._reports.append(report)
            self._post(EntryProgress(report, done, total))
            return
        reports, self._reports = tuple(self._reports), []
        sentences = [report_line(report) for report in reports if report.outcome is not Outcome.REFUSED]
        self._editor.finish(self._drafts.popleft(), (), sentences)
        self._post(EntriesDone(reports, total))
        self._look()

    def _follow(self, packet: Packet) -> None:
        """Follow a packet, with what somebody who watches the connection table has read of it."""
        scan = _whole(self._desk.scan)
        try:
            found = follow(self._kernel, packet, self._reading, scan, budget=_TRACE_BUDGET)
        except (KernelError, FieldError) as error:
            self._post(Notice(f"not traced: {error}"))
        else:
            self._post(Followed(found, self._reading, self._health.found))

    def _examine(self, request: Examine) -> None:
        """Look for what is wrong with a service."""
        scan = _whole(self._desk.scan)
        asked = (request.key,)
        try:
            facts = gather(self._kernel, self._snapshot, asked, scan, probe=request.probe, budget=_DOCTOR_BUDGET)
        except KernelError as error:
            self._post(Notice(f"not examined: {error}"))
        else:
            self._post(Examined(request, examine(facts), self._reading.director))

    def _zero(self, key: ServiceKey | None) -> None:
        reason = self._editor.read_only
        try:
            if not reason:
                self._kernel.zero(key)
        except KernelError as error:
            reason = str(error)
        self._post(Notice(f"not zeroed: {reason}") if reason else Zeroed(key))


def _whole(scan: Scan | None) -> Scan | None:
    """Return a reading of the connection table that has every row; None for any other."""
    return scan if scan is not None and scan.whole else None
