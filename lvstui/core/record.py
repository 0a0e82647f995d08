"""What was done to a director, when and by whom; and who else is at work on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_server,
    fold,
    is_optional,
    is_same,
    lookup,
    service_of,
    starts_from_kernel,
)
from lvstui.core.describe import describe
from lvstui.core.fields import visible
from lvstui.core.home import home_text
from lvstui.core.model import NOBODYS, Director, Home, ServerKey, Service, ServiceKey


class Kind(Enum):
    """How an edit came about: undo and redo move in the history of one session, the others add to it.

    Edits of persistence entries change nothing that is configured; they cannot be taken back. A trial is recorded when
    it begins and again when it ends, with what stays of it or with what led back.
    """

    DO = "do"
    UNDO = "undo"
    REDO = "redo"
    APPLY = "apply"
    ROLLBACK = "rollback"
    ENTRIES = "entries"
    TRIAL = "trial"
    KEEP = "keep"
    TAKE_BACK = "take-back"


@dataclass(frozen=True, slots=True)
class Session:
    """One person's lvstui: who runs it, from where (an address, a terminal, or empty), since when (UTC)."""

    user: str
    source: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        place = f" from {visible(self.source)}" if self.source else ""
        return f"{visible(self.user)}{place} since {stamp(self.since)} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Record:
    """Changes that were made together; `number` counts from 1 in the history of one profile, `time` is UTC.

    `entries` are edits of persistence entries, each in a sentence that says what was seen of it afterwards. `home` is
    where they were made; older records do not say. `interrupted` says that its lvstui was killed in the middle, and
    that a later one recorded what it found.
    """

    number: int
    time: datetime
    user: str
    source: str
    pid: int
    kind: Kind
    changes: tuple[Change, ...]
    entries: tuple[str, ...] = ()
    home: Home = NOBODYS
    interrupted: bool = False

    @property
    def title(self) -> str:
        """Everything but the changes, in a line: `12  2026-11-22T12:30:05Z  alice from 192.0.2.7  undo`."""
        place = f" from {visible(self.source)}" if self.source else ""
        late = "  interrupted, recorded at a later start" if self.interrupted else ""
        return f"{self.number}  {stamp(self.time)}  {visible(self.user)}{place}  {self.kind.value}{late}"


def stamp(time: datetime) -> str:
    """Write a UTC time to the second as ISO 8601 does: `2026-11-22T12:30:05Z`."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def heading(record: Record, director: Director = EMPTY) -> str:
    """Return a record's title, and where it was made: in which namespace, and on which machine unless on this one."""
    home, here = record.home, director.home
    shown = Home("" if home.host.casefold() == here.host.casefold() else home.host, home.netns)
    return f"{record.title} on {home_text(shown)}" if shown != NOBODYS else record.title


def matches(record: Record, words: Sequence[str], director: Director = EMPTY) -> bool:
    """Return whether a record says all these words, in any case; `director` lends the names of the services."""
    text = "\n".join((heading(record, director), *lines(record, director))).casefold()
    return all(word.casefold() in text for word in words)


def lines(record: Record, director: Director = EMPTY) -> Sequence[str]:
    """Write out everything that a record holds, a line each; `director` lends the names of the services."""
    return [*(describe(change, director) for change in record.changes), *map(visible, record.entries)]


def summary(record: Record, director: Director = EMPTY, *, short: bool = False) -> str:
    """Write out the first thing that a record holds, and how many more there are; in `short` with names only."""
    changes, entries = record.changes, record.entries
    first = describe(changes[0], director, short=short) if changes else "".join(map(visible, entries[:1]))
    more = len(changes) + len(entries) - 1
    if short:
        return f"{first}, +{more:,} more" if more > 0 else first
    return f"{first} and {more} more" if more > 0 else first


def find_conflicts(changes: Sequence[Change], director: Director) -> tuple[Change, ...]:
    """List what keeps changes from being made: for each object that is not as they saw it, its `before` -> what it is.

    With `undo(record.changes)` and the present director, names and all: what keeps a record from being taken back.
    """
    return tuple(dict.fromkeys(_misfits(changes, director)))


def _misfits(changes: Sequence[Change], whole: Director) -> Iterator[Change]:
    """Yield what is not as a change saw it; each is folded into the one service that it is about, not into all."""
    parts: dict[ServiceKey | None, Director] = {}
    for change in changes:
        target = change.target
        key = service_of(target)
        director = parts[key] if key in parts else _part(whole, key)
        if isinstance(target, ServerKey) and target.service not in director.pools:
            yield Change(target.service, Service(target.service), None)
            continue
        now = lookup(director, target)
        compared = starts_from_kernel(change) if is_optional(target) else target is not DirectorField.SYNC
        if compared and not is_same(target, change.before, now):
            yield replace(change, after=now)
        if isinstance(target, ServiceKey) and change.after is None and target in director.pools:
            servers = director.pools[target].servers
            yield from (change_server(target, None, server) for server in servers.values())
        parts[key] = fold(director, (change,))


def _part(director: Director, key: ServiceKey | None) -> Director:
    """Return a director with one of its services, or without any."""
    pools = director.pools
    return replace(director, pools={key: pools[key]} if key is not None and key in pools else {})


OWN_NAME = "lvstui"


class Remark(NamedTuple):
    """What a program wrote last about a real server that it checks.

    `about` is how it calls the server and the check, `state` its word for it (`up`, `down`), `at` the time as it wrote
    it. Texts are from outside.
    """

    service: ServiceKey
    about: str
    state: str
    at: str
    message: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A running program that manages virtual services.

    `services` None stands for every service: it owns the whole table, or nobody could read what it owns. Another
    lvstui owns none, as it writes only what a person asks for. `remarks` are what it wrote about servers, as far as
    there is a file of that. `flushes` says that it clears the whole table when it starts.
    """

    program: str
    pid: int
    config: str = ""
    services: frozenset[ServiceKey] | None = None
    remarks: tuple[Remark, ...] = ()
    flushes: bool = False

    def owns(self, key: ServiceKey) -> bool:
        """Return whether this program may write over a service."""
        return self.services is None or key in self.services


def find_claims(owners: Iterable[Owner], changes: Iterable[Change]) -> Mapping[ServiceKey, Owner]:
    """Return which of the services that are changed belong to somebody, in the order of the changes."""
    held = tuple(owners)
    keys = dict.fromkeys(service_of(change.target) for change in changes)
    found = ((key, next((owner for owner in held if owner.owns(key)), None)) for key in keys if key is not None)
    return {key: owner for key, owner in found if owner is not None}
