"""What a change on trial does that nobody can take back, said before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lvstui.core.change import Change
from lvstui.core.describe import title_of
from lvstui.core.model import AddressKey, Director, Endpoint, MarkKey, ServerKey, ServiceKey
from lvstui.core.observed import Reading, ServerStats
from lvstui.core.words import count

_NAMED: Final = 5
"""Objects that are named one by one."""


def cannot_return(changes: Sequence[Change], reading: Reading) -> tuple[str, ...]:
    """Return what of changes does not come back when they are taken back, a sentence for each object of a few.

    These are the connections, entries and counters of what is deleted, and the connections that come by then to what
    is added.
    """
    found = list(dict.fromkeys(_sentences(changes, reading)))
    more = len(found) - _NAMED
    if more > 0:
        found = [*found[:_NAMED], f"the same holds for {count(more, 'more object')}"]
    return tuple(found)


def _sentences(changes: Sequence[Change], reading: Reading) -> Iterator[str]:
    director = reading.director
    gone = {change.target for change in changes if change.after is None}
    come = {change.target for change in changes if change.before is None}
    for change in changes:
        match change:
            case Change(AddressKey() | MarkKey() as key, _, None):
                yield _lost(change, director, list(reading.servers.get(key, {}).values()))
            case Change(ServerKey(key, endpoint), _, None) if key not in gone:
                yield _lost(change, director, _counted(reading, key, endpoint))
            case Change(AddressKey() | MarkKey(), None, _):
                yield _broken(change, director)
            case Change(ServerKey(key), None, _) if key not in come:
                yield _broken(change, director)
            case _:
                pass


def _counted(reading: Reading, key: ServiceKey, endpoint: Endpoint) -> list[ServerStats]:
    seen = reading.servers.get(key, {}).get(endpoint)
    return [seen] if seen else []


def _lost(change: Change, director: Director, seen: Sequence[ServerStats]) -> str:
    """Say what goes with an object that is deleted."""
    connections = sum(stats.active + stats.inactive for stats in seen)
    sticky = sum(stats.sticky or 0 for stats in seen)
    parts = [count(connections, "connection")] if connections else []
    parts += [count(sticky, "sticky client")] if sticky else []
    lost = f"{' and '.join(parts)} may be lost for good, and its counters" if parts else "its counters"
    return f"{title_of(change, director, short=True)}: {lost} start from zero when it comes back"


def _broken(change: Change, director: Director) -> str:
    """Say what goes with an object that was added, once it is taken back."""
    return f"{title_of(change, director, short=True)}: connections that it has by then break when it is taken back"
