"""Edits that others made, found as what differs between two readings; many at once are summed up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lvstui.core.change import (
    Change,
    Target,
    changes_kernel,
    holds,
    is_optional,
    is_same,
    name_as,
    service_of,
    strip_profile_values,
)
from lvstui.core.describe import describe
from lvstui.core.drift import diff
from lvstui.core.events.event import ANOTHER, Found, Happening
from lvstui.core.model import AddressKey, Director, MarkKey, ServerKey, ServiceKey
from lvstui.core.record import Owner
from lvstui.core.words import count

FEW: Final = 10
"""Up to how many edits of one program are events of their own when they are seen at once."""

KEPT: Final = 100
"""Changes that an event keeps."""


def edits_between(before: Director, now: Director, made: Iterable[Change] = ()) -> tuple[Change, ...]:
    """List the edits that lead from one reading to the next, without those that were `made` by an lvstui.

    What one of the two does not know (marks, daemons, timeouts, a module's settings) was not edited, nor is what the
    kernel moves by itself.
    """
    explained: dict[Target, list[Change]] = {}
    for change in made:
        explained.setdefault(change.target, []).append(change)

    def is_edit(change: Change) -> bool:
        target = change.target
        if is_optional(target) and None in (change.before, change.after):
            return False
        if is_same(target, change.before, change.after):
            return False
        return not any(holds(target, known.after, change.after) for known in explained.get(target, ()))

    return tuple(filter(is_edit, diff(_with_known(before, now), _with_known(now, before))))


def _with_known(director: Director, other: Director) -> Director:
    """Return a reading with what only the other one knows."""
    return replace(
        director,
        timeouts=director.timeouts or other.timeouts,
        sync=other.sync if director.sync is None else director.sync,
        sysctl=director.sysctl or other.sysctl,
        marks=other.marks if director.marks is None else director.marks,
        name=other.name,
        home=other.home,
    )


def as_held(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield what changes do to a kernel, which knows no names and notes."""
    for change in changes:
        if changes_kernel(change):
            before, after = strip_profile_values(change.before), strip_profile_values(change.after)
            yield Change(change.target, before, after)


def events_of(changes: Sequence[Change], now: Director, owners: Iterable[Owner], names: Director) -> Iterator[Found]:
    """Sum edits up to events: a service that comes or goes with its servers is one, a table that was emptied too.

    The rest is grouped by the programs that manage what was edited, and summed up where it is more than a `FEW`.
    `names` is a profile that lends names.
    """
    managers = _Managers(owners)
    gone = [change for change in changes if _is_service(change) and change.after is None]
    if len(gone) > 1 and not now.pools:
        emptied = tuple(change for change in changes if service_of(change.target) is not None)
        text = f"the table was emptied: {tally(emptied)}"
        yield _found(Happening.CLEARED, managers.of_all(emptied), text, emptied, names)
        changes = [change for change in changes if service_of(change.target) is None]
    groups: dict[str, list[tuple[Change, ...]]] = {}
    for edit in _edits(changes):
        groups.setdefault(managers.of(edit[0].target), []).append(edit)
    for who, edits in groups.items():
        if len(edits) <= FEW:
            yield from (_found(Happening.EDIT, who, edit_text(edit, names), edit, names) for edit in edits)
        else:
            every = tuple(change for edit in edits for change in edit)
            yield _found(Happening.EDITS, who, tally(every), every, names)


def edit_text(edit: Sequence[Change], names: Director) -> str:
    """Return an edit in a line: its first change, and how many servers come or go with a service."""
    return with_servers(describe(name_as(edit[0], names), names), edit)


def with_servers(text: str, edit: Sequence[Change]) -> str:
    """Add to what an edit's first change is how many servers come or go with it."""
    servers = len(edit) - 1
    if not servers:
        return text
    return f"{text}, with {'its ' if edit[0].after is None else ''}{count(servers, 'server')}"


def tally(changes: Iterable[Change]) -> str:
    """Return how many objects of each kind changes add, remove and edit: `8 services and 23 servers removed`."""
    counted: dict[str, dict[str, int]] = {"added": {}, "removed": {}, "changed": {}}
    for change in changes:
        verb = "added" if change.before is None else "removed" if change.after is None else "changed"
        noun = "service" if _is_service(change) else "server" if isinstance(change.target, ServerKey) else "setting"
        counted[verb][noun] = counted[verb].get(noun, 0) + 1
    parts = {
        verb: " and ".join(count(nouns[noun], noun) for noun in ("service", "server", "setting") if noun in nouns)
        for verb, nouns in counted.items()
    }
    return ", ".join(f"{part} {verb}" for verb, part in parts.items() if part)


class _Managers:
    """The programs that manage services, looked up for each service once."""

    def __init__(self, owners: Iterable[Owner]) -> None:
        self._owners = tuple(owners)
        self._known: dict[ServiceKey, str] = {}

    def of(self, target: Target) -> str:
        """Return the program that manages what an edit is about, which may have made it; else another one."""
        key = service_of(target)
        if key is None:
            return ANOTHER
        if key not in self._known:
            self._known[key] = next((owner.program for owner in self._owners if owner.owns(key)), ANOTHER)
        return self._known[key]

    def of_all(self, changes: Iterable[Change]) -> str:
        """Return the one program that manages all of it; else another one."""
        found = {self.of(change.target) for change in changes}
        return found.pop() if len(found) == 1 else ANOTHER


def _is_service(change: Change) -> bool:
    return isinstance(change.target, AddressKey | MarkKey)


def _edits(changes: Iterable[Change]) -> Iterable[tuple[Change, ...]]:
    """Group changes by edits: a service that comes or goes first, with its servers behind it; all others alone."""
    edits: dict[Target, list[Change]] = {}
    listed = tuple(changes)
    whole: Mapping[Target, Change] = {
        change.target: change for change in listed if _is_service(change) and None in (change.before, change.after)
    }
    for change in listed:
        target = change.target
        if isinstance(target, ServerKey) and (first := whole.get(target.service)) is not None:
            edits.setdefault(target.service, [first]).append(change)
        elif target in whole:
            edits.setdefault(target, [change])
        else:
            edits[target] = [change]
    return map(tuple, edits.values())


def _found(happening: Happening, who: str, text: str, changes: tuple[Change, ...], names: Director) -> Found:
    target = changes[0].target if happening is Happening.EDIT else None
    kept = tuple(name_as(change, names) for change in changes[:KEPT])
    return Found(happening, who, text, target, "seen", kept, len(changes))
