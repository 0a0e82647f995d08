"""Events, found in readings as they come; a reading in which nothing configured changed costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lvstui.core.change import Change, fold
from lvstui.core.events.event import Event, Found, Happening
from lvstui.core.events.foreign import KEPT as CHANGES_KEPT
from lvstui.core.events.foreign import as_held, edits_between, events_of, tally
from lvstui.core.events.states import Sight, States
from lvstui.core.fields import visible
from lvstui.core.home import is_foreign
from lvstui.core.model import Director
from lvstui.core.observed import Reading
from lvstui.core.record import Owner, Record, summary
from lvstui.core.words import count

KEPT: Final = 1000
"""Events that are kept, the newest."""

_PATIENCE: Final = timedelta(seconds=30)
"""How long an edit may be that of another lvstui which is at work, before it counts as somebody else's."""

_KERNEL: Final = "the kernel"


class Look(NamedTuple):
    """A reading, at a moment (UTC), with what tells whose the edits in it are.

    `held` is the director as the kernel gave it, the same object while nothing was configured; `reading` has the
    profile's names on it, and `names` is that profile. `at_work` says whether another lvstui is in the middle of an
    edit; `records` returns the newest records of the history, oldest first. It is called after `at_work`: who is no
    longer at work has recorded what was done.
    """

    time: datetime
    held: Director
    reading: Reading
    names: Director
    sight: Sight = Sight()
    owners: tuple[Owner, ...] = ()
    at_work: Callable[[], bool] = lambda: False
    records: Callable[[], tuple[Record, ...]] = tuple


class Watch:
    """Looks at one reading after the other; `pid` is this lvstui's own, whose records are no news."""

    def __init__(self, pid: int = 0) -> None:
        self._pid = pid
        self._states = States()
        self._held: Director | None = None  # all that is accounted for: what was read last, and what was made since
        self._read: Director | None = None  # as the kernel gave it then, where nothing was made since
        self._since: datetime | None = None
        self._recent = self._newest = self._told = 0  # records: at the last reading but one, at the last one, told
        self._trouble = ""
        self._is_gone = False
        self._is_partial = False
        self._count = 0
        self.events: tuple[Event, ...] = ()
        """What happened so far, newest last; the same object while nothing did."""

    def made(self, changes: Iterable[Change]) -> None:
        """Take what this lvstui has just made: it is nobody else's."""
        if self._held is not None:
            self._held, self._read = fold(self._held, as_held(changes)), None

    def fail(self, time: datetime, sentence: str, *, is_gone: bool) -> None:
        """Take that the director cannot be read, as IPVS is gone or for another reason."""
        if self._trouble and is_gone is self._is_gone:
            return
        self._trouble, self._is_gone = sentence, is_gone
        happening = Happening.GONE if is_gone else Happening.UNREADABLE
        lost = f"; with it went {_size(self._held)}" if is_gone and self._held and self._held.pools else ""
        self._add(time, Found(happening, _KERNEL, f"{visible(sentence)}{lost}", new=happening.value))

    def look(self, look: Look) -> tuple[Event, ...]:
        """Take a reading, and return what happened so far."""
        changed = look.held is not self._read or bool(self._trouble)
        is_busy = changed and look.at_work()
        records = look.records()
        if self._held is None or look.reading.partial is not self._is_partial:
            self._begin(look, records)
        elif changed:
            self._compare(look, records, is_busy=is_busy)
        else:
            self._account(look, records)
        self._tell(look, records)
        for found in self._states.look(look.sight, look.reading):
            self._add(look.time, found)
        return self.events

    def _begin(self, look: Look, records: tuple[Record, ...]) -> None:
        """Take a reading that cannot be compared with one before: the first, or one that shows more, or less."""
        self._is_partial = look.reading.partial
        if self._held is None:
            self._told = _last(records)
            self._newest = self._told - 1  # the newest record may be of an edit that the reading came before
        if self._trouble:
            self._end_trouble(look, ())
        self._account(look, records)

    def _compare(self, look: Look, records: tuple[Record, ...], *, is_busy: bool) -> None:
        """Find what others edited; what may be another lvstui's waits until that has recorded it."""
        assert self._held is not None
        made = [
            change
            for record in records
            if record.number > self._recent and not is_foreign(record.home, look.reading.director.home)
            for change in record.changes
        ]
        changes = edits_between(self._held, look.held, made)
        if changes and is_busy and self._since is not None and look.time - self._since < _PATIENCE:
            return
        if self._trouble:
            changes = self._end_trouble(look, changes)
        for found in events_of(changes, look.held, look.owners, look.names):
            self._add(look.time, found)
        self._account(look, records)

    def _end_trouble(self, look: Look, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Add that the director is readable again, and return the changes that are still to be told.

        What a module took with it, and what it starts with, is one event with its return.
        """
        was_gone, self._trouble = self._is_gone, ""
        if not was_gone:
            self._add(look.time, Found(Happening.READABLE, _KERNEL, "the director can be read again"))
            return changes
        text = f"IPVS is there again, with {_size(look.held)}"
        text += f": {tally(changes)} since it went" if changes else ""
        kept = changes[:CHANGES_KEPT]
        self._add(look.time, Found(Happening.BACK, _KERNEL, text, changes=kept, total=len(changes)))
        return ()

    def _account(self, look: Look, records: tuple[Record, ...]) -> None:
        self._held = self._read = look.held
        self._since = look.time
        self._recent, self._newest = self._newest, _last(records)

    def _tell(self, look: Look, records: tuple[Record, ...]) -> None:
        """Add what other lvstui have recorded since the last look."""
        home = look.reading.director.home
        for record in records:
            if record.number <= self._told:
                continue
            self._told = record.number
            if record.pid == self._pid or is_foreign(record.home, home):
                continue
            self._add(look.time, _recorded(record, look.names))

    def _add(self, time: datetime, found: Found) -> None:
        """Add an event, and let the oldest go."""
        self._count += 1
        since = self._since if found.happening is not Happening.LVSTUI else None
        self.events = (*self.events[1 - KEPT :], Event(self._count, time, since, found))


def _recorded(record: Record, names: Director) -> Found:
    """Return what another lvstui made: the first of it, and how much more there is."""
    changes, total = record.changes, len(record.changes) + len(record.entries)
    target = changes[0].target if len(changes) == total == 1 else None
    who, how = visible(record.user), record.kind.value
    return Found(Happening.LVSTUI, who, summary(record, names), target, how, changes[:CHANGES_KEPT], total)


def _last(records: tuple[Record, ...]) -> int:
    return records[-1].number if records else 0


def _size(director: Director) -> str:
    servers = sum(len(pool.servers) for pool in director.pools.values())
    return f"{count(len(director.pools), 'service')} and {count(servers, 'server')}" if director.pools else "no service"
