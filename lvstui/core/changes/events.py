"""Events in the changes view: their rows among the records of the history, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lvstui.core.change import EMPTY, Change
from lvstui.core.describe import describe
from lvstui.core.events.event import ANOTHER, Event, Happening
from lvstui.core.events.foreign import with_servers
from lvstui.core.model import Director
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell, Tone
from lvstui.core.words import count


@dataclass(frozen=True, slots=True)
class EventKey:
    """An event by its number."""

    number: int


class EventRow(NamedTuple):
    """An event; one of `today` shows its seconds; `director` lends the names of the services."""

    event: Event
    today: bool = False
    director: Director = EMPTY


def listed(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events that have rows of their own, newest first: what other lvstui made has its record."""
    return [event for event in reversed(events) if event.found.happening is not Happening.LVSTUI]


def find_event(snapshot: Snapshot, key: object) -> Event | None:
    """Find an event by its key; None for any other key."""
    if not isinstance(key, EventKey):
        return None
    return snapshot.derive(_by_number, snapshot.events).get(key.number)


def _by_number(events: Sequence[Event]) -> Mapping[int, Event]:
    return {event.number: event for event in events}


def author(event: Event) -> str:
    """Return who did it in a word that a column has room for."""
    return "others" if event.found.who == ANOTHER else event.found.who


def state(event: Event) -> Cell:
    """Return the word of state of an event; what ends well is quiet."""
    if event.found.happening.is_foreign:
        return Cell(event.state, Tone.WARN)
    quiet = event.state in ("ok", "done", "drain", "")
    bad = event.found.happening is Happening.HEALTH
    return Cell(event.state, Tone.SECONDARY if quiet else Tone.BAD if bad else Tone.WARN)


def what(row: EventRow) -> str:
    """Return an event in a line that has little room: an edit by the names of what it is about."""
    found = row.event.found
    if found.happening is Happening.EDIT and found.total == len(found.changes) > 0:
        return with_servers(describe(found.changes[0], row.director, short=True), found.changes)
    return found.text


def text(event: Event) -> str:
    """Return all that a filter finds an event by, in lower case."""
    found = event.found
    changes = "\n".join(map(describe, found.changes))
    return f"{event.time:%Y-%m-%dT%H:%M:%SZ} {found.who} {found.how} {found.text} {event.state}\n{changes}".casefold()


def facts(event: Event) -> Iterator[tuple[str, str]]:
    """Yield what is known of an event, but for its changes: words with what they say."""
    found = event.found
    if found.happening.is_foreign:
        yield "Who", _who(event)
    if event.since is None:
        yield "When", f"{event.time:%Y-%m-%d %H:%M:%S} UTC"
    else:
        since = f"{event.since:%Y-%m-%d %H:%M:%S}"
        same = event.since.date() == event.time.date()
        until = f"{event.time:%H:%M:%S}" if same else f"{event.time:%Y-%m-%d %H:%M:%S}"
        yield "When", f"between {since} and {until} UTC, by two readings of the director"
    yield "How", found.how


def _who(event: Event) -> str:
    who = event.found.who
    if who == ANOTHER:
        return "not known: the kernel names nobody; no lvstui on this profile, and no manager that claims it"
    return f"{who}, as it manages that; the kernel names nobody"


def sentence(event: Event) -> str:
    """Return an event in a sentence below the table."""
    found = event.found
    by = f"{found.who}: " if found.happening.is_foreign else ""
    return f"{event.time:%Y-%m-%d %H:%M:%S} UTC, {found.how}: {by}{found.text}"


def undoable(event: Event) -> tuple[Change, ...]:
    """Return the changes that others made, where an event holds all of them; else none."""
    found = event.found
    return found.changes if found.happening.is_foreign and found.total == len(found.changes) else ()


def newest(events: Sequence[Event]) -> int:
    """Return the number of the newest event, 0 where there is none."""
    return events[-1].number if events else 0


def news(events: Sequence[Event], after: int) -> str:
    """Return in one sentence what others did since the event of a number; empty for nothing."""
    if newest(events) <= after:
        return ""
    told = [event for event in events if event.number > after and _is_news(event)]
    if not told:
        return ""
    found = told[-1].found
    who = f"{found.who} (lvstui)" if found.happening is Happening.LVSTUI else found.who
    if len(told) == 1:
        return f"{who}: {found.text}; 6 lists what others did"
    return f"{count(len(told), 'edit')} by others, the newest by {who}: {found.text}; 6 lists them"


def _is_news(event: Event) -> bool:
    return event.found.happening.is_foreign or event.found.happening is Happening.LVSTUI
