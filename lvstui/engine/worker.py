"""The one thread that owns the kernel and the profile file: requests in, events out.

Since nothing else touches either, a reading after a write is after the write by construction, and there are no
locks. Tests call `step` inline, without a thread.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from lvstui.core.change import (
    EMPTY,
    Change,
    changes_in_effect,
    changes_kernel,
    fold,
    holds,
    kernel_writes,
    starts_from_kernel,
    undo,
)
from lvstui.core.drift import dress, drift, managed
from lvstui.core.entries.clients import sought
from lvstui.core.entries.edits import EntryReport, Outcome, told_of
from lvstui.core.entries.resolve import has_engine
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Director, RealServer, ServerKey, ServiceKey
from lvstui.core.observed import Reading, Scan
from lvstui.core.owners import Owner
from lvstui.core.record import Kind, Record, Session
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Derived, Host, ProfileState, Snapshot
from lvstui.core.view.history import History
from lvstui.engine.entry_desk import EntryDesk, consulted
from lvstui.engine.messages import (
    Adopt,
    Applied,
    Broken,
    Consult,
    Edit,
    EditEntries,
    EntriesDone,
    EntryProgress,
    Event,
    Notice,
    Overtaken,
    Pace,
    Rejected,
    Reported,
    Request,
    SaveAll,
    Scanned,
    Stop,
    StopEntries,
    Unsaved,
    Watch,
    Zero,
    Zeroed,
)
from lvstui.engine.scanner import Follow
from lvstui.engine.taking_back import taken_back
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, KernelError
from lvstui.store.history_file import HistoryFile
from lvstui.store.presence import Presence
from lvstui.store.profile_file import ProfileFile

_ONCE = 1e9
"""Seconds between two readings of the connection table where it is read only once."""


class Worker:
    """Owns one kernel and at most one profile file; `post` takes the events, from the worker's own thread.

    `records` is the history to which every edit is added, `presence` what tells of other lvstui on the same profile,
    `owners` who else writes to the table. Reading the connection table has a thread of its own where the worker is
    `threaded`; elsewhere the worker does it itself, and `pause` lets seconds pass.
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
    ) -> None:
        self._kernel = kernel
        self._file = profile
        self._post = post
        self._pace = Pace(interval)
        self._read_only = read_only
        self._host = host
        self._owners = owners
        self._clock = clock
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._due = clock()
        self._reading = EMPTY_SNAPSHOT.reading
        self._raw = EMPTY
        self._saved: Director | None = None
        self._dressed_for: Director | None = None
        self._drift: tuple[Change, ...] = ()
        self._records = records
        self._presence = presence
        self._history = History()
        self._snapshot = replace(EMPTY_SNAPSHOT, origin=kernel.origin, derived=Derived())
        self._unsaved: tuple[Change, ...] = ()
        self._profile_trouble = ""
        self._records_trouble = ""
        self._desk = EntryDesk(kernel, self.submit, clock=clock, threaded=threaded, pause=pause)
        self._watching = Watch(False)
        self._reports: list[EntryReport] = []
        self._done: list[tuple[Change, ...]] = []
        self._undone: list[tuple[Change, ...]] = []

    def submit(self, request: Request) -> None:
        """Ask for something, from any thread; requests are served in order."""
        self._requests.put(request)

    def run(self) -> None:
        """Serve requests and read the kernel until `Stop`."""
        while self.step():
            pass

    def step(self, patience: float | None = None) -> bool:
        """Serve one request, or read the kernel when that is due; False after `Stop`.

        Waits for a request until the next reading is due, or for `patience` seconds.
        """
        wait = None if self._pace.paused else max(0.0, self._due - self._clock())
        try:
            request = self._requests.get(timeout=wait if patience is None else patience)
        except queue.Empty:
            self._look()
            return True
        match request:
            case Edit():
                self._apply(request)
            case SaveAll():
                self._save_all()
            case Adopt(changes):
                self._adopt(changes)
            case Zero(key):
                self._zero(key)
            case Pace():
                self._pace = request
                if self._desk.watched:
                    self._watch(self._watching)
            case Watch():
                self._watch(request)
            case EditEntries():
                self._edit_entries(request)
            case StopEntries():
                self._desk.halt()
            case Scanned(scan):
                self._show_scan(scan)
                return True
            case Consult(messages, answer):
                answer(self._consulted(messages))
                return True
            case Reported(report, done, total):
                self._report(report, done, total)
                return True
            case Broken(error):
                raise error
            case Stop():
                self._desk.close()
                self._kernel.close()
                if self._presence:
                    self._presence.leave()
                return False
            case _:
                assert_never(request)
        self._look()
        return True

    def _look(self) -> None:
        """Read the kernel and the profile, and post what is known now."""
        self._due = self._clock() + self._pace.interval
        trouble = ""
        try:
            reading = self._kernel.read()
        except KernelError as error:
            trouble = str(error)
            if trouble != self._snapshot.trouble:
                self._post(Notice(trouble))
        else:
            if self._snapshot.trouble:
                self._post(Notice(f"the kernel answers again: {self._kernel.origin}"))
            self._read_profile()
            self._reading = self._dressed(reading)
            self._history = self._history.extended(self._reading)
            if self._desk.watched:
                self._watch(self._watching)  # what is asked of the table depends on the services that there are
            self._desk.look()
        self._snapshot = Snapshot(
            reading=self._reading,
            origin=self._kernel.origin,
            schedulers=self._kernel.schedulers,
            interfaces=self._kernel.interfaces,
            host=self._host(),
            history=self._history.services,
            profile=self._profile_state(),
            read_only=self._read_only or self._kernel.read_only,
            trouble=trouble,
            paused=self._pace.paused,
            undo=undo(self._done[-1]) if self._done else (),
            redo=self._undone[-1] if self._undone else (),
            changes=self._newest_records(),
            others=self._other_sessions(),
            owners=self._owners(),
            scan=self._desk.scan,
            derived=self._snapshot.derived,
        )
        self._post(self._snapshot)

    def _dressed(self, reading: Reading) -> Reading:
        """Put the profile's names on a reading and find the drift, both only when one side has changed."""
        saved = self._saved
        unchanged = reading.director is self._raw and saved is self._dressed_for
        self._raw = reading.director
        self._dressed_for = saved
        if unchanged:
            return replace(reading, director=self._reading.director)
        if saved is None:
            self._drift = ()
            return reading
        self._drift = drift(reading.director, saved)
        return replace(reading, director=dress(reading.director, saved))

    def _profile_state(self) -> ProfileState:
        if self._file is None:
            return ProfileState()
        return ProfileState(
            path=str(self._file.path),
            exists=self._saved is not None,
            drift=self._drift,
            unsaved=len(self._unsaved),
            trouble=self._profile_trouble,
            saved=self._saved,
        )

    def _read_profile(self) -> None:
        """Follow the profile file; a file that cannot be read leaves what was known of it."""
        if self._file is None:
            return
        known = self._saved
        try:
            self._saved = self._file.load()
        except ProfileError as error:
            if str(error) != self._profile_trouble:
                self._post(Notice(str(error)))
            self._profile_trouble = str(error)
            return
        if not self._unsaved:
            self._profile_trouble = ""
        if known is not None and self._saved is not known:
            self._post(Notice(f"{self._file.path} was changed by another program and has been read again"))

    def _newest_records(self) -> tuple[Record, ...]:
        """Follow the history, to which other lvstui append too; one that cannot be read leaves what was known."""
        try:
            newest = self._records.recent() if self._records else ()
        except ProfileError as error:
            if str(error) != self._records_trouble:
                self._post(Notice(str(error)))
            self._records_trouble = str(error)
            return self._snapshot.changes
        self._records_trouble = ""
        return newest

    def _other_sessions(self) -> tuple[Session, ...]:
        others = self._presence.others() if self._presence else ()
        for session in others:
            if session not in self._snapshot.others:
                self._post(Notice(f"another lvstui is at work on this profile: {session}"))
        return others

    def _apply(self, edit: Edit) -> None:
        reason = self._read_only or self._kernel.read_only
        if reason:
            self._post(Rejected(edit, reason))
            return
        writes = kernel_writes(edit.changes)
        failure: KernelError | None = None
        written = 0
        try:
            if overtaken := self._overtaken(edit):
                self._post(overtaken)
                return
            for change in writes:
                self._kernel.write(change)
                written += 1
        except KernelError as error:
            failure = error
        done = changes_in_effect(edit.changes, writes, written)
        sentence = str(failure)
        if failure is not None and edit.whole:
            done, told = taken_back(self._kernel, done)
            sentence = f"{sentence}; {told}" if told else sentence
        if done:
            self._remember(replace(edit, changes=done))
            self._echo(done)
            self._save(done)
            self._record(edit.kind, done)
        if failure is None:
            self._post(Applied(edit))
        else:
            self._post(Rejected(edit, sentence, getattr(failure, "field", ""), done))

    def _echo(self, done: Sequence[Change]) -> None:
        """Show at once what was written, read back object by object: a save and a whole reading may take a while."""
        try:
            written = [change for change in done if changes_kernel(change)]
            if not all(holds(each.target, each.after, self._kernel.held(each.target)) for each in written):
                return
        except KernelError:
            return
        director = fold(self._reading.director, done, self._raw)
        self._dressed_for = None
        self._reading = replace(self._reading, director=director)
        self._snapshot = replace(self._snapshot, reading=self._reading)
        self._post(self._snapshot)

    def _watch(self, request: Watch) -> None:
        """Begin or end to follow the connection table; while paused it is read once."""
        self._watching = request
        director = self._reading.director
        clients = () if request.client is None else (request.client,)
        pace = _ONCE if self._pace.paused else self._pace.interval
        self._desk.watch(Follow(request.on, sought(clients, director), has_engine(director), pace))

    def _edit_entries(self, request: EditEntries) -> None:
        reason = self._read_only or self._kernel.read_only
        if reason:
            self._post(Notice(f"not done: {reason}"))
        else:
            self._desk.edit(request)

    def _show_scan(self, scan: Scan) -> None:
        """Show what the scanner has read by now; nothing else is read anew."""
        if self._desk.watched:
            self._desk.scan = scan
            self._snapshot = replace(self._snapshot, scan=scan)
            self._post(self._snapshot)

    def _consulted(self, messages: Sequence[Message]) -> Reading | KernelError:
        try:
            reading = consulted(self._kernel, messages)
        except KernelError as error:
            return error
        return replace(reading, director=dress(reading.director, self._saved or EMPTY))

    def _report(self, report: EntryReport | None, done: int, total: int) -> None:
        """Pass on what became of an edit of an entry; the last time add all to the history."""
        if report is not None:
            self._reports.append(report)
            self._post(EntryProgress(report, done, total))
            return
        reports, self._reports = tuple(self._reports), []
        if told := [told_of(each) for each in reports if each.outcome is not Outcome.REFUSED]:
            self._record(Kind.ENTRIES, (), told)
        self._post(EntriesDone(reports, total))
        self._look()

    def _zero(self, key: ServiceKey | None) -> None:
        reason = self._read_only or self._kernel.read_only
        try:
            if not reason:
                self._kernel.zero(key)
        except KernelError as error:
            reason = str(error)
        self._post(Notice(f"not zeroed: {reason}") if reason else Zeroed(key))

    def _overtaken(self, edit: Edit) -> Overtaken | None:
        """Find the first object that is no longer what the operator saw."""
        for change in edit.changes:
            target = change.target
            if starts_from_kernel(change) and not holds(target, change.before, now := self._kernel.held(target)):
                return Overtaken(edit, change, now)
            if isinstance(target, ServiceKey) and change.after is None:
                unseen = self._unseen_server(target, edit.changes)
                if unseen:
                    return Overtaken(edit, Change(ServerKey(target, unseen.endpoint), None, None), unseen)
        return None

    def _unseen_server(self, key: ServiceKey, changes: Sequence[Change]) -> RealServer | None:
        """Find a server that would vanish with its service though the operator never saw it there."""
        seen = {change.target for change in changes}
        pool = self._kernel.read().director.pools.get(key)
        servers = pool.servers.items() if pool else ()
        return next((server for endpoint, server in servers if ServerKey(key, endpoint) not in seen), None)

    def _remember(self, edit: Edit) -> None:
        """Keep what was done for undo and redo; a new edit ends what could be redone."""
        match edit.kind:
            case Kind.DO | Kind.APPLY | Kind.ROLLBACK | Kind.ENTRIES:
                self._done.append(edit.changes)
                self._undone.clear()
            case Kind.UNDO:
                self._done.pop()
                self._undone.append(undo(edit.changes))
            case Kind.REDO:
                self._undone.pop()
                self._done.append(edit.changes)
            case _:
                assert_never(edit.kind)

    def _record(self, kind: Kind, changes: tuple[Change, ...], entries: Sequence[str] = ()) -> None:
        """Add what was changes_in_effect to the history; a history that cannot be written stops nobody."""
        try:
            if self._records:
                self._records.append(kind, changes, entries)
        except ProfileError as error:
            self._post(Notice(f"the change is changes_in_effect, and missing in the history: {error}"))

    def _save(self, changes: tuple[Change, ...]) -> None:
        """Fold changes, and those that could not be saved before, into the profile file."""
        self._unsaved += changes
        self._update(lambda saved: fold(saved or managed(self._whole_table(), EMPTY), self._unsaved, self._raw))

    def _save_all(self) -> None:
        self._update(lambda saved: managed(dress(self._whole_table(), saved or EMPTY), saved or EMPTY))

    def _adopt(self, changes: tuple[Change, ...]) -> None:
        """Fold the way from the profile to the kernel into the profile, after what could not be saved before."""
        taken = (*self._unsaved, *undo(changes))
        self._update(lambda saved: fold(saved or managed(self._whole_table(), EMPTY), taken, self._raw))

    def _whole_table(self) -> Director:
        """Read what the kernel holds at this moment, with the names known so far."""
        return dress(self._kernel.read().director, self._reading.director)

    def _update(self, change: Callable[[Director | None], Director]) -> None:
        if self._file is None:
            self._unsaved = ()
            return
        try:
            saved = self._file.update(change)
        except (ProfileError, KernelError) as error:
            self._profile_trouble = str(error)
            self._post(Unsaved(str(error)))
            return
        self._saved = saved.director
        self._unsaved = ()
        self._profile_trouble = ""
        if saved.reread:
            self._post(
                Notice(f"{saved.path} was changed by another program: its version is kept, with your edit in it")
            )
        elif saved.had_comments:
            self._post(Notice(f"comments in {saved.path} are not kept by lvstui; the version before is"))
