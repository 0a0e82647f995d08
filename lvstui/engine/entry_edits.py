"""Edits of persistence entries: sent to the kernel, waited for, read back, and reported one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

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
    Child,
    EntryKey,
    WantedClients,
    children_of,
    hanging,
    key_of,
    server_of,
    service_of,
    wanted_clients,
)
from lvstui.core.entries.sync_message import Message
from lvstui.core.entries.sync_plan import KILL_SECONDS, SOFT_SECONDS, ending, placed_key, placing, restart_timer
from lvstui.core.fields import FieldError
from lvstui.core.model import Address, Director, Endpoint, ServerKey
from lvstui.core.observed import Connection, Entry, Reading, Scan
from lvstui.kernel.port import KernelError

TRIES: Final = 6
"""How often an entry is made to run out before its client counts as too busy."""

_SLACK: Final = 0.15
"""Seconds that the kernel's timers may be late."""

_RENEWED: Final = 61
"""Seconds, and one, that the kernel gives an entry on which connections hang (ip_vs_conn_expire)."""

_TOGETHER: Final = 200
"""Edits that are carried out side by side."""

_TIME_SLACK: Final = 3


class Tools(NamedTuple):
    """What edits are carried out with: messages to the kernel, its connection table, its counters, and time.

    `scan` reads the table with a budget of its own, so it may be partial; rows of the clients that it is given are
    kept in any case. `wait` takes seconds and returns whether to go on afterwards.
    """

    tell: Callable[[Sequence[Message]], None]
    scan: Callable[[WantedClients], Scan]
    reading: Callable[[], Reading]
    wait: Callable[[float], bool]


def carry_out(edits: Sequence[EntryEdit], tools: Tools, pace: float = 0.0) -> Iterator[EntryReport]:
    """Carry edits out and report what was seen of each; `pace` is how many a second at most, 0 for all at once."""
    together = _TOGETHER if pace <= 0 else max(1, int(pace))
    for start in range(0, len(edits), together):
        if start and pace > 0 and not tools.wait(together / pace):
            return
        yield from _Batch(tools).run(edits[start : start + together])


@dataclass(slots=True)
class _Removal:
    """An entry, as it was last seen, that is being removed, to end there or to come back on another server."""

    edit: Expire | Move
    entry: Entry

    @property
    def key(self) -> EntryKey:
        """What the entry is found by."""
        return key_of(self.entry)


@dataclass(slots=True)
class _Batch:
    """Edits that go through the kernel together."""

    tools: Tools
    director: Director = field(default_factory=Director)
    sought: WantedClients = NOBODY

    def run(self, edits: Sequence[EntryEdit]) -> Iterator[EntryReport]:
        """Check all edits, then make them and read back what came of it."""
        try:
            reading = self.tools.reading()
            self.sought = wanted_clients((_client(edit) for edit in edits), reading.director)
            scan = self._scan()
        except KernelError as error:
            yield from (EntryReport(edit, Outcome.FAILED, str(error)) for edit in edits)
            return
        self.director = reading.director
        reason = why_not_editable(self.director)
        entries = {key_of(entry): entry for entry in scan.entries}
        good: list[EntryEdit] = []
        for edit in edits:
            refusal = EntryReport(edit, Outcome.REFUSED, reason) if reason else self._refuse(edit, entries, scan)
            if refusal is not None:
                yield refusal
            else:
                good.append(edit)
        reported: set[int] = set()
        try:
            for report in self._make(good, scan):
                reported.add(id(report.edit))
                yield report
        except KernelError as error:
            yield from (EntryReport(e, Outcome.FAILED, str(error)) for e in good if id(e) not in reported)

    def _scan(self) -> Scan:
        return self.tools.scan(self.sought)

    def _make(self, edits: Sequence[EntryEdit], scan: Scan) -> Iterator[EntryReport]:
        yield from self._set_times([edit for edit in edits if isinstance(edit, SetTime)])
        yield from self._bind([edit for edit in edits if isinstance(edit, Pin)])
        yield from self._remove([edit for edit in edits if isinstance(edit, Expire | Move)], scan)

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
        name = client_text(edit.entry, self.director)
        if now is None:
            return EntryReport(edit, Outcome.OVERTAKEN, f"{name} is gone already") if scan.complete else None
        if now.server != edit.entry.server:
            place = server_name(self.director, service_of(now, self.director), now.server)
            return EntryReport(edit, Outcome.OVERTAKEN, f"{name} is on {place} meanwhile; look again", now)
        return None

    def _set_times(self, edits: Sequence[SetTime]) -> Iterator[EntryReport]:
        if not edits:
            return
        self.tools.tell([restart_timer(edit.entry, self.director, edit.seconds) for edit in edits])
        scan = self._scan()
        entries = {key_of(entry): entry for entry in scan.entries}
        for edit in edits:
            name = client_text(edit.entry, self.director)
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
        self.tools.tell([placing(edit, self.director) for edit in edits])
        after = self.tools.reading()
        scan = self._scan()
        entries = {key_of(entry): entry for entry in scan.entries}
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
        """Name the server that a client is to go to."""
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
        name = f"{edit.client}" if isinstance(edit, Pin) else client_text(edit.entry, self.director)
        place = server_name(self.director, service, edit.server)
        if after is None and not scan.complete:
            seen = "its server counts one entry more" if counted else "its server counts no entry more"
            return EntryReport(edit, Outcome.UNVERIFIED, f"{name} was sent to {place}, but {_NOT_REACHED}; {seen}")
        if after is None:
            return EntryReport(edit, Outcome.FAILED, f"{name} has no entry: the kernel did not make it")
        if not self._is_on(after, edit.server):
            there = server_name(self.director, service, after.server)
            return EntryReport(edit, Outcome.BUSY, f"{name} came back before, and is on {there}", after)
        if not counted:
            return EntryReport(edit, Outcome.FAILED, f"{name} is on {place}, but the server does not count it", after)
        return EntryReport(edit, Outcome.DONE, f"{name} is on {place} now, bound", after)

    def _remove(self, edits: Sequence[Expire | Move], scan: Scan) -> Iterator[EntryReport]:
        """Let entries run out, again and again while their clients keep them alive, and bind those that move."""
        pending = [_Removal(edit, edit.entry) for edit in edits]
        for _ in range(TRIES):
            if not pending:
                return
            connections = hanging(scan, self.director)
            self.tools.tell([message for removal in pending for message in self._ending(removal, connections)])
            seconds = max(SOFT_SECONDS if one.edit.manner is Manner.SOFT else KILL_SECONDS for one in pending)
            going_on = self.tools.wait(seconds + _SLACK)
            scan = self._scan()
            left = {key_of(entry): entry for entry in scan.entries}
            gone: list[Expire | Move] = []
            remaining: list[_Removal] = []
            for removal in pending:
                now = left.get(removal.key)
                if now is None or (isinstance(removal.edit, Move) and self._is_on(now, removal.edit.server)):
                    gone.append(removal.edit)
                elif isinstance(removal.edit, Expire) and _is_new(now, removal.entry, scan):
                    yield self._report_return(removal.edit, now)
                else:
                    remaining.append(_Removal(removal.edit, now))
            yield from self._report_gone(gone, scan)
            pending = remaining
            if not going_on:
                break
        for removal in pending:
            yield EntryReport(removal.edit, Outcome.BUSY, self._busy(removal.edit), removal.entry)

    def _ending(self, removal: _Removal, connections: Mapping[Child, Sequence[Connection]]) -> Sequence[Message]:
        children = children_of(removal.entry, connections, self.director)
        return ending(removal.entry, children, self.director, removal.edit.manner)

    def _is_on(self, entry: Entry, server: Endpoint) -> bool:
        service = service_of(entry, self.director)
        return service is not None and server_of(entry, self.director.pools[service]) == server

    def _report_return(self, edit: Expire, now: Entry) -> EntryReport:
        name = client_text(now, self.director)
        place = server_name(self.director, service_of(now, self.director), now.server)
        return EntryReport(edit, Outcome.DONE, f"{name} was gone, and has come back: now it is on {place}", now)

    def _report_gone(self, edits: Sequence[Expire | Move], scan: Scan) -> Iterator[EntryReport]:
        moves = [edit for edit in edits if isinstance(edit, Move)]
        for edit in edits:
            if isinstance(edit, Expire):
                name = client_text(edit.entry, self.director)
                if scan.complete:
                    yield EntryReport(edit, Outcome.DONE, f"{name} is gone")
                else:
                    yield EntryReport(edit, Outcome.UNVERIFIED, f"{name} was set to expire, but {_NOT_REACHED}")
        yield from self._bind(moves)

    def _busy(self, edit: Expire | Move) -> str:
        name = client_text(edit.entry, self.director)
        what = "gone" if isinstance(edit, Expire) else "moved"
        remedy = "cut its connections off (kill), or block its new connections for 3 s"
        if edit.manner is Manner.KILL:
            remedy = "block its new connections for 3 s"
        return f"{name} is not {what}: the client is too busy; {remedy}, then try again"


def _has_time(entry: Entry, scan: Scan, seconds: int) -> bool:
    """Return whether an entry has the time that it was given right before a reading began.

    Its client may have come and started it anew at any moment of the reading.
    """
    return seconds - _TIME_SLACK <= entry.ends - scan.began and entry.ends - scan.taken <= seconds + _TIME_SLACK


def _is_new(now: Entry, before: Entry, scan: Scan) -> bool:
    """Return whether an entry is another one than was to run out, and not just kept alive by its client.

    The kernel gives that one no more than the time that was sent, or a minute while connections hang on it.
    """
    return now.server != before.server or now.ends - scan.taken > _RENEWED


_NOT_REACHED: Final = "the table is too large to be read back in time"


def _sticky(reading: Reading, place: ServerKey) -> int:
    seen = reading.servers.get(place.service, {}).get(place.endpoint)
    return seen.sticky if seen else 0


def _client(edit: EntryEdit) -> Address:
    return edit.client if isinstance(edit, Pin) else edit.entry.client
