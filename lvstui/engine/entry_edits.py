"""Edits of persistence entries: sent to the kernel, waited for, read back, and reported one by one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain, count
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.entries.edits import (
    EntryEdit,
    EntryReport,
    Expire,
    Manner,
    Move,
    Outcome,
    Pin,
    SetTime,
    check,
    client_text,
    server_name,
    why_not_editable,
)
from lvstui.core.entries.resolve import (
    NOBODY,
    EntryKey,
    WantedClients,
    children_of,
    group_children,
    key_of,
    server_of,
    service_of,
    wanted_clients,
)
from lvstui.core.entries.sync_message import Message
from lvstui.core.entries.sync_plan import (
    KILL_SECONDS,
    SOFT_SECONDS,
    ending_messages,
    placed_key,
    placing_message,
    restart_timer,
)
from lvstui.core.fields import FieldError
from lvstui.core.model import Director, Endpoint, ServerKey
from lvstui.core.observed import Entry, Reading, Scan
from lvstui.kernel.port import KernelError

TRIES: Final = 6
"""How often an entry is ended before its client counts as too busy."""

_SLACK: Final = 0.15
"""Seconds that the kernel's timers may be late."""

_EARLY: Final = 0.001
"""Seconds that a wait may end too early."""

_RENEWED: Final = 61
"""Seconds, and one, for which the kernel keeps an entry on which connections hang (ip_vs_conn_expire)."""

_TOGETHER: Final = 200
"""Edits that are carried out side by side."""

_TIME_SLACK: Final = 3

_NOT_REACHED: Final = "the table is too large to be read back in time"


class Tools(NamedTuple):
    """What edits are carried out with: messages to the kernel, its connection table, its counters, and time.

    `scan` reads the table with a budget of its own, so it may be partial; rows of the clients passed to it are kept in
    any case. `wait` takes seconds and returns whether to go on afterwards; where not, it may have waited for less.
    """

    send: Callable[[Sequence[Message]], object]
    scan: Callable[[WantedClients], Scan]
    reading: Callable[[], Reading]
    wait: Callable[[float], bool]
    clock: Callable[[], float] = time.monotonic


class _Pause(NamedTuple):
    """Says that edits under way have nothing to do for some seconds."""

    seconds: float


_Steps: TypeAlias = Iterator[EntryReport | _Pause]


def carry_out(edits: Sequence[EntryEdit], tools: Tools, pace: float = 0.0) -> Iterator[EntryReport]:
    """Carry edits out and report what was seen of each; `pace` is how many start a second, 0 for as fast as it goes.

    Those that are to start wait for none that are under way. Once `wait` says not to go on, none starts any more, and
    those under way come to their end.
    """
    schedule = _Schedule(edits, pace, tools.clock())
    under_way: list[tuple[float, int, _Batch, _Steps]] = []
    number = count()
    going_on = True
    while under_way or (schedule.left and going_on):
        starts = bool(schedule.left) and going_on and (not under_way or (pace > 0 and schedule.due <= under_way[0][0]))
        pause = (schedule.due if starts else under_way[0][0]) - tools.clock()
        if pause > _EARLY:
            going_on = tools.wait(pause) and going_on
            continue
        if starts:
            batch = _Batch(tools)
            steps = batch.run(schedule.take(tools.clock()))
        else:
            _, _, batch, steps = heappop(under_way)
        batch.going_on = going_on
        for step in steps:
            if isinstance(step, _Pause):
                heappush(under_way, (tools.clock() + step.seconds, next(number), batch, steps))
                break
            yield step


@dataclass(slots=True)
class _Schedule:
    """Which edits are left to start, and when the next ones are to; `pace` is how many a second, 0 for no bound."""

    left: Sequence[EntryEdit]
    pace: float
    due: float

    def take(self, now: float) -> Sequence[EntryEdit]:
        """Return the edits that start now, with those that would have started had reading not taken so long."""
        many = _TOGETHER
        if self.pace > 0:
            together = max(1, int(self.pace))
            beats = 1 + int((now - self.due) * self.pace / together)
            many = beats * together
            self.due += many / self.pace
        taken, self.left = self.left[:many], self.left[many:]
        return taken


@dataclass(slots=True)
class _Batch:
    """Edits that go through the kernel together; `going_on` says whether to try again what has not worked."""

    tools: Tools
    director: Director = field(default_factory=Director)
    wanted: WantedClients = NOBODY
    going_on: bool = True

    def run(self, edits: Sequence[EntryEdit]) -> _Steps:
        """Check all edits, then make them and read back what came of it."""
        try:
            reading = self.tools.reading()
            clients = (edit.client if isinstance(edit, Pin) else edit.entry.client for edit in edits)
            self.wanted = wanted_clients(clients, reading.director)
            scan, entries = self._read()
        except KernelError as error:
            yield from (EntryReport(edit, Outcome.FAILED, str(error)) for edit in edits)
            return
        self.director = reading.director
        reason = why_not_editable(self.director)
        good: list[EntryEdit] = []
        for edit in edits:
            refusal = EntryReport(edit, Outcome.REFUSED, reason) if reason else self._refuse(edit, entries, scan)
            if refusal is not None:
                yield refusal
            else:
                good.append(edit)
        reported: set[int] = set()
        try:
            for step in chain(
                self._set_times([edit for edit in good if isinstance(edit, SetTime)]),
                self._bind([edit for edit in good if isinstance(edit, Pin)]),
                self._remove([edit for edit in good if isinstance(edit, Expire | Move)], scan),
            ):
                if isinstance(step, EntryReport):
                    reported.add(id(step.edit))
                yield step
        except KernelError as error:
            yield from (EntryReport(edit, Outcome.FAILED, str(error)) for edit in good if id(edit) not in reported)

    def _read(self) -> tuple[Scan, dict[EntryKey, Entry]]:
        scan = self.tools.scan(self.wanted)
        return scan, {key_of(entry): entry for entry in scan.entries}

    def _refuse(self, edit: EntryEdit, entries: Mapping[EntryKey, Entry], scan: Scan) -> EntryReport | None:
        """Refuse what cannot work, and what is no longer as it was seen."""
        try:
            check(edit, self.director)
        except FieldError as error:
            return EntryReport(edit, Outcome.REFUSED, error.sentence)
        if isinstance(edit, Pin):
            there = entries.get(placed_key(edit, self.director))
            if there is not None:
                place = server_name(self.director, edit.service, there.server)
                sentence = f"{edit.client} has an entry already, on {place}: move that"
                return EntryReport(edit, Outcome.OVERTAKEN, sentence, there)
            return None
        now = entries.get(key_of(edit.entry))
        if now is None:
            gone = f"{self._name(edit)} is gone already"
            return EntryReport(edit, Outcome.OVERTAKEN, gone) if scan.complete else None
        if now.server != edit.entry.server:
            moved = f"{self._name(edit)} is on {self._place_of(now)} meanwhile; look again"
            return EntryReport(edit, Outcome.OVERTAKEN, moved, now)
        return None

    def _name(self, edit: EntryEdit) -> str:
        """Return the client of an edit, as sentences name it."""
        return str(edit.client) if isinstance(edit, Pin) else client_text(edit.entry, self.director)

    def _place_of(self, entry: Entry) -> str:
        """Return the server that an entry is on, as sentences name it."""
        return server_name(self.director, service_of(entry, self.director), entry.server)

    def _set_times(self, edits: Sequence[SetTime]) -> Iterator[EntryReport]:
        if not edits:
            return
        self.tools.send([restart_timer(edit.entry, self.director, edit.seconds) for edit in edits])
        scan, entries = self._read()
        for edit in edits:
            name = self._name(edit)
            after = entries.get(key_of(edit.entry))
            if after is None and not scan.complete:
                yield EntryReport(edit, Outcome.UNVERIFIED, f"{name} was sent its time, but {_NOT_REACHED}")
            elif after is None or not _has_time(after, scan, edit.seconds):
                yield EntryReport(edit, Outcome.FAILED, f"{name} does not have {edit.seconds} s left", after)
            else:
                yield EntryReport(edit, Outcome.DONE, f"{name} has {edit.seconds} s left", after)

    def _bind(self, edits: Sequence[Pin | Move]) -> Iterator[EntryReport]:
        """Bind clients that have no entry, and report where they are."""
        if not edits:
            return
        before = self.tools.reading()
        self.tools.send([placing_message(edit, self.director) for edit in edits])
        after = self.tools.reading()
        scan, entries = self._read()
        wanted = Counter(self._goal(edit) for edit in edits)
        pointing = self._count_pointing(scan)
        for edit in edits:
            goal = self._goal(edit)
            count = _sticky(after, goal)
            # Entries of others come and go meanwhile, those of an edit are bound all or, with the server gone, none.
            gained = count - _sticky(before, goal)
            counted = 2 * gained >= wanted[goal] or (scan.whole and pointing[goal] <= count)
            yield self._report_place(edit, entries.get(placed_key(edit, self.director)), scan, counted=counted)

    def _goal(self, edit: Pin | Move) -> ServerKey:
        """Return the server that a client is to go to."""
        if isinstance(edit, Pin):
            return ServerKey(edit.service, edit.server)
        service = service_of(edit.entry, self.director)
        return ServerKey(service if service is not None else edit.entry.service, edit.server)

    def _count_pointing(self, scan: Scan) -> Counter[ServerKey]:
        """Count the entries that point to each server."""
        found: Counter[ServerKey] = Counter()
        for entry in scan.entries:
            service = service_of(entry, self.director)
            server = server_of(entry, self.director.pools[service]) if service is not None else None
            if service is not None and server is not None:
                found[ServerKey(service, server)] += 1
        return found

    def _report_place(self, edit: Pin | Move, after: Entry | None, scan: Scan, *, counted: bool) -> EntryReport:
        """Report where a client is now, and whether its server counts it."""
        service = self._goal(edit).service
        name = self._name(edit)
        place = server_name(self.director, service, edit.server)
        if after is None and not scan.complete:
            seen = "its server counts one entry more" if counted else "its server counts no entry more"
            sentence = f"{name} was sent to {place}, but {_NOT_REACHED}; {seen}"
            return EntryReport(edit, Outcome.UNVERIFIED, sentence)
        if after is None:
            return EntryReport(edit, Outcome.FAILED, f"{name} has no entry: the kernel did not create it")
        if not self._is_on(after, edit.server):
            there = server_name(self.director, service, after.server)
            return EntryReport(edit, Outcome.BUSY, f"{name} came back before, and is on {there}", after)
        if not counted:
            return EntryReport(edit, Outcome.FAILED, f"{name} is on {place}, but the server does not count it", after)
        return EntryReport(edit, Outcome.DONE, f"{name} is on {place} now, bound", after)

    def _remove(self, edits: Sequence[Expire | Move], scan: Scan) -> _Steps:
        """End entries, again and again while their clients keep them alive, and bind those that move."""
        pending = [(edit, edit.entry) for edit in edits]  # with each entry as it was last seen
        for _ in range(TRIES):
            if not pending:
                return
            connections = group_children(scan, self.director)
            messages: list[Message] = []
            for edit, entry in pending:
                children = children_of(entry, connections, self.director)
                messages += ending_messages(entry, children, self.director, edit.manner)
            self.tools.send(messages)
            soft = any(edit.manner is Manner.SOFT for edit, _ in pending)
            yield _Pause((SOFT_SECONDS if soft else KILL_SECONDS) + _SLACK)
            scan, left = self._read()
            gone: list[Move] = []
            remaining: list[tuple[Expire | Move, Entry]] = []
            for edit, entry in pending:
                now = left.get(key_of(entry))
                if isinstance(edit, Move) and (now is None or self._is_on(now, edit.server)):
                    gone.append(edit)
                elif isinstance(edit, Expire) and (now is None or _is_new(now, entry, scan)):
                    yield self._report_end(edit, now, scan)
                elif now is not None:
                    remaining.append((edit, now))
            yield from self._bind(gone)
            pending = remaining
            if not self.going_on:
                break
        for edit, entry in pending:
            what = "gone" if isinstance(edit, Expire) else "moved"
            kill = "" if edit.manner is Manner.KILL else "cut its connections off (kill), or "
            remedy = f"{kill}block its new connections for 3 s"
            sentence = f"{self._name(edit)} is not {what}: the client is too busy; {remedy}, then try again"
            yield EntryReport(edit, Outcome.BUSY, sentence, entry)

    def _is_on(self, entry: Entry, server: Endpoint) -> bool:
        service = service_of(entry, self.director)
        return service is not None and server_of(entry, self.director.pools[service]) == server

    def _report_end(self, edit: Expire, now: Entry | None, scan: Scan) -> EntryReport:
        """Report an entry that has ended; `now` is another one that its client has come back with since."""
        if now is not None:
            name = client_text(now, self.director)
            sentence = f"{name} was gone, and has come back: now it is on {self._place_of(now)}"
            return EntryReport(edit, Outcome.DONE, sentence, now)
        name = self._name(edit)
        if scan.complete:
            return EntryReport(edit, Outcome.DONE, f"{name} is gone")
        return EntryReport(edit, Outcome.UNVERIFIED, f"{name} was set to expire, but {_NOT_REACHED}")


def _has_time(entry: Entry, scan: Scan, seconds: int) -> bool:
    """Return whether an entry has the time that was set right before a reading began.

    Its client may have come and started it anew at any moment of the reading.
    """
    return seconds - _TIME_SLACK <= entry.ends - scan.began and entry.ends - scan.taken <= seconds + _TIME_SLACK


def _is_new(now: Entry, before: Entry, scan: Scan) -> bool:
    """Return whether an entry is another one than was to run out, and not just kept alive by its client.

    That one has in the kernel no more than the time that was sent, or a minute while connections hang on it.
    """
    return now.server != before.server or now.ends - scan.taken > _RENEWED


def _sticky(reading: Reading, place: ServerKey) -> int:
    seen = reading.servers.get(place.service, {}).get(place.endpoint)
    return (seen.sticky or 0) if seen else 0  # where it is not known, nothing can be edited either
