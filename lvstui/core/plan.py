"""A plan: changes that somebody has looked at, made as they stand there, or not at all where things have moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lvstui.core.change import (
    Change,
    Value,
    change_server,
    holds,
    is_same,
    lookup,
    name_as,
    service_of,
    strip_profile_values,
)
from lvstui.core.describe import describe
from lvstui.core.model import NOBODYS, AddressKey, Director, Home, MarkKey
from lvstui.core.record import find_conflicts


class Step(NamedTuple):
    """A change of a plan, and what the usual profile said of its object when the plan was made (None: nothing)."""

    change: Change
    saved: Value | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes, each of another object, in the order in which they are made.

    `profile` is the file that the kernel was compared with, `home` whose director it was, `user`, `source` and `time`
    (UTC) who made the plan, from where, and when.
    """

    steps: tuple[Step, ...]
    profile: str
    user: str
    source: str
    time: datetime
    home: Home = NOBODYS

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it changes: all but what only stands in the profile, and goes there with its service."""
        return tuple(change for change, _ in self.steps if change.before is not None or change.after is not None)


class Moved(NamedTuple):
    """An object that is no longer as a plan saw it: from what it saw to what there is now, and what it planned."""

    change: Change
    planned: Change
    in_profile: bool = False

    def line(self, names: Director) -> str:
        """Return it as a line; the names of services are those of `names`."""
        where = " in the profile" if self.in_profile else ""
        return f"changed since{where}: {describe(self.change, names)}; planned was: {describe(self.planned, names)}"


def steps(changes: tuple[Change, ...], wanted: Director, profile: Director) -> tuple[Step, ...]:
    """Return the steps of a plan: from what there is, with the profile's names, to what is wanted, with its own.

    Before a service goes there is one from nothing to nothing for each server that only the profile has.
    """
    return tuple(_steps(changes, wanted, profile))


def _steps(changes: Sequence[Change], wanted: Director, profile: Director) -> Iterator[Step]:
    targets = {change.target for change in changes}
    for change in changes:
        target = change.target
        for server in _taken_along(change, profile):
            if server.target not in targets:
                yield Step(Change(server.target, None, None), server.after)
        after = name_as(change, wanted).after
        yield Step(Change(target, name_as(change, profile).before, after), lookup(profile, target))


def _taken_along(change: Change, profile: Director) -> Iterator[Change]:
    """Yield, as additions, the servers that a profile loses with the service that a change removes."""
    pool = profile.pools.get(change.target) if isinstance(change.target, AddressKey | MarkKey) else None
    if pool is not None and change.after is None:
        yield from (change_server(pool.service.key, None, server) for server in pool.servers.values())


def find_moved(plan: Plan, running: Director, profile: Director) -> tuple[Moved, ...]:
    """List what is no longer as the plan saw it, in the kernel and then in the profile.

    What the profile says already as the plan would have it is as it should be.
    """
    return (*_moved_in_kernel(plan, running, profile), *_moved_in_profile(plan, profile))


def is_made(plan: Plan, running: Director, profile: Director) -> bool:
    """Return whether kernel and profile are as the plan would make them; never of one that changes nothing."""
    return bool(plan.steps) and all(
        holds(change.target, change.after, lookup(running, change.target))
        and is_same(change.target, change.after, lookup(profile, change.target))
        for change in plan.changes
    )


def _moved_in_kernel(plan: Plan, running: Director, profile: Director) -> Iterator[Moved]:
    changes = [
        Change(change.target, strip_profile_values(change.before), strip_profile_values(change.after))
        for change in plan.changes
    ]
    by_target = {change.target: change for change in plan.changes}
    by_service = {service_of(change.target): change for change in reversed(plan.changes)}
    for found in find_conflicts(changes, running):
        planned = by_target.get(found.target) or by_service[service_of(found.target)]
        yield Moved(name_as(found, profile), planned)


def _moved_in_profile(plan: Plan, profile: Director) -> Iterator[Moved]:
    targets = {change.target for change, _ in plan.steps}
    for change, saved in plan.steps:
        target = change.target
        now = lookup(profile, target)
        if is_same(target, change.after, now):
            continue
        if not is_same(target, saved, now):
            yield Moved(Change(target, saved, now), change, in_profile=True)
        else:
            added = (server for server in _taken_along(change, profile) if server.target not in targets)
            yield from (Moved(server, change, in_profile=True) for server in added)
