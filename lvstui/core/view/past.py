"""What was done lately to one thing, and seen of it, as a block of its detail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from lvstui.core.change import Target
from lvstui.core.describe import describe
from lvstui.core.events.event import Happening
from lvstui.core.model import ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.detail import Block, Line
from lvstui.core.view.table import Cell, Tone, fit

_NEWEST: Final = 5
"""Changes of one object that are shown."""

_WHO: Final = 10


class _Done(NamedTuple):
    time: datetime
    who: str
    text: str


def changes(snapshot: Snapshot, key: Target, name: str) -> Iterator[Block]:
    """Yield the newest changes of one thing, of a service with its servers: edits, and states that were seen."""
    found = sorted((*_recorded(snapshot, key), *_seen(snapshot, key)), key=lambda done: done.time, reverse=True)
    lines: list[Line] = [
        (
            Cell(f"{done.time:%m-%d %H:%M}  ", Tone.SECONDARY),
            Cell(fit(done.who, _WHO) + "  ", Tone.SECONDARY),
            Cell(done.text),
        )
        for done in found[:_NEWEST]
    ]
    if lines:
        yield Block(f"Changes of {name}", "", "UTC", lines)


def _is_of(target: Target, key: Target) -> bool:
    """Return whether a target is this object, or a server of this service."""
    return target == key or (isinstance(target, ServerKey) and target.service == key)


def _recorded(snapshot: Snapshot, key: Target) -> Iterator[_Done]:
    for record in snapshot.changes:
        for change in record.changes:
            if _is_of(change.target, key):
                yield _Done(record.time, record.user, _without_title(describe(change), alone=change.target == key))


def _seen(snapshot: Snapshot, key: Target) -> Iterator[_Done]:
    for event in snapshot.events:
        found = event.found
        if found.target is not None and _is_of(found.target, key) and found.happening is not Happening.LVSTUI:
            yield _Done(event.time, found.who if found.happening.is_foreign else "seen", found.text)


def _without_title(described: str, *, alone: bool) -> str:
    """Leave out of a description what it is about, where that is known."""
    title, separator, text = described.partition(": ")
    if not alone or not separator:
        return described.rpartition(" / ")[2]
    return f"{title[:2]}{text}" if title.startswith(("+ ", "- ")) else text
