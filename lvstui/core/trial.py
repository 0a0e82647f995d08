"""A change on trial: written to the kernel for a while, and taken back where nobody says that it is to stay."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from lvstui.core.change import (
    Change,
    Target,
    Value,
    changes_kernel,
    fold,
    holds,
    lookup,
    strip_profile_values,
    undo,
    with_profile_values,
)
from lvstui.core.fields import visible
from lvstui.core.model import Director, MarkGroupKey, ServerKey, ServiceKey
from lvstui.core.record import Record, Session

NOTHING_ON_TRIAL: Final = "no change is on trial"

SECONDS: Final = 120.0
"""How long a change is on trial where nobody says."""

LEAST: Final = 1.0
MOST: Final = 86400.0


def boottime() -> float:
    """Return the seconds since the machine was booted, those that it slept too: what trials are timed by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Phase(Enum):
    """How far a trial is: what is being written, what waits for a decision, what is kept and not yet saved."""

    WRITING = "writing"
    ON_TRIAL = "on-trial"
    KEPT = "kept"


class Guard(Enum):
    """Who takes a change back in time: a timer of systemd, a process of its own, or any lvstui that looks (demo)."""

    SYSTEMD = "systemd"
    PROCESS = "process"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Trial:
    """A change on trial, as it is on the disk before the kernel is written.

    `record` says who made it, from where, when (UTC), what it changes and in which namespace. `deadline` is a moment of
    CLOCK_BOOTTIME in seconds, in the boot with the id `boot`; `seconds` is what was asked for at first. `profile` is
    the one that the history lies beside (empty: none), and that takes the change once it is kept, where it `saves`.
    """

    id: str
    record: Record
    boot: str
    deadline: float
    seconds: float
    profile: str = ""
    saves: bool = True
    phase: Phase = Phase.WRITING
    guard: Guard = Guard.PROCESS

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is on trial, in the order in which it was written."""
        return self.record.changes

    @property
    def who(self) -> str:
        """The person, and from where: `anna from 192.0.2.7`."""
        source = self.record.source
        return f"{visible(self.record.user)}{f' from {visible(source)}' if source else ''}"

    def left(self, now: float | None = None) -> float:
        """Return how many seconds are left, below 0 where the time is over; `now` is the machine's clock if None."""
        return self.deadline - (boottime() if now is None else now)


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that waits for a decision; `why_not` says why this session cannot make it, empty where it can."""

    trial: Trial
    why_not: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is on trial."""
        return self.trial.changes

    @property
    def who(self) -> str:
        """The person, and from where."""
        return self.trial.who

    @property
    def since(self) -> datetime:
        """When it was made, in UTC."""
        return self.trial.record.time

    @property
    def seconds(self) -> float:
        """How long it is on trial, as was asked for at first."""
        return self.trial.seconds

    @property
    def left(self) -> float:
        """How many seconds are left now, 0 where it is about to be taken back."""
        return max(0.0, self.trial.left())

    @property
    def guard(self) -> Guard:
        """Who takes it back in time."""
        return self.trial.guard

    @property
    def may_decide(self) -> bool:
        """Whether this session may keep it, extend it and take it back."""
        return not self.why_not


def why_not(trial: Trial, person: Session) -> str:
    """Return why a person may not decide about a trial, empty for who made it, from any login, and for root."""
    if person.user in (trial.record.user, "root"):
        return ""
    return f"the change on trial is by {trial.who}, who decides about it, or root"


class WayBack(NamedTuple):
    """How a trial is taken back: what goes back, in order, and what others made of the rest, from our `after`."""

    back: tuple[Change, ...]
    left_alone: tuple[Change, ...]


def find_held(changes: Sequence[Change], director: Director) -> tuple[Change, ...]:
    """Return those changes that hold in a director; of an object that was written several times, all up to the last.

    Not those of an object that is as it was before them all. What only the profile knows holds with all before it.
    """
    first: dict[Target, Change] = {}
    last: dict[Target, int] = {}
    for place, change in enumerate(changes):
        if changes_kernel(change) and not is_unknown(change.target, director):
            first.setdefault(change.target, change)
            if is_now(change.target, change.after, director):
                last[change.target] = place
    for target, change in first.items():
        if is_now(target, change.before, director):
            last.pop(target, None)
    held: list[Change] = []
    complete = bool(last) or not any(map(changes_kernel, changes))
    for place, change in enumerate(changes):
        is_held = place <= last.get(change.target, -1) if changes_kernel(change) else complete
        complete = complete and is_held
        if is_held:
            held.append(change)
    return tuple(held)


def is_now(target: Target, value: Value | None, director: Director) -> bool:
    """Return whether a director holds this value of a target, names and notes aside."""
    return holds(target, value, strip_profile_values(lookup(director, target)))


def is_unknown(target: Target, director: Director) -> bool:
    """Return whether a target cannot be read here: rules without the packet filter."""
    return isinstance(target, MarkGroupKey) and director.marks is None


def find_touched(changes: Sequence[Change], director: Director) -> tuple[Change, ...]:
    """Return what others made of the objects of changes: from what the changes left to what there is now.

    Objects that are as they were before them are not among these.
    """
    held = {change.target for change in find_held(changes, director)}
    first: dict[Target, Change] = {}
    last: dict[Target, Change] = {}
    for change in filter(changes_kernel, changes):
        first.setdefault(change.target, change)
        last[change.target] = change
    return tuple(
        Change(target, change.after, _now(target, change.after, director))
        for target, change in last.items()
        if target not in held and not is_now(target, first[target].before, director)
    )


def _now(target: Target, known: Value | None, director: Director) -> Value | None:
    """Return what a target is now, with the name, note and probe that are known: the kernel has none of those."""
    return with_profile_values(strip_profile_values(lookup(director, target)), known)


def find_way_back(changes: Sequence[Change], director: Director) -> WayBack:
    """Return how to take changes back in a director as it is now, object by object.

    What is as the changes left it goes back, the last one first. What somebody else has changed since stays, and so
    does what depends on it: a service that others have put a server into, and the servers of one that is theirs by now.
    """
    touched = {change.target: change for change in find_touched(changes, director)}
    back = undo(filter(changes_kernel, find_held(changes, director)))
    while stuck := _stuck(back, touched, director):
        back = tuple(change for change in back if change.target not in stuck)
        touched.update(stuck)
    return WayBack(back, tuple(touched.values()))


def _stuck(back: Sequence[Change], touched: Iterable[Target], director: Director) -> dict[Target, Change]:
    """Return what of a way back depends on what is left alone: by its target, what it is now."""
    left = fold(director, back)
    found: dict[Target, Change] = {}
    lost = {change.target for change in back}
    for change in back:
        target = change.target
        match target:
            case ServerKey(service) if change.after is not None:
                if service not in director.pools and service not in lost:  # others removed it
                    found[target] = Change(target, change.before, None)
                elif service in touched:
                    found[target] = Change(target, change.before, _now(target, change.before, director))
            case ServerKey() | MarkGroupKey():
                pass
            case _ if change.after is None and isinstance(target, ServiceKey) and target in director.pools:
                strangers = [end for end in director.pools[target].servers if ServerKey(target, end) not in lost]
                if strangers and target not in left.pools:
                    found[target] = Change(target, change.before, _now(target, change.before, director))
            case _:
                pass
    return found


def without(director: Director, changes: Sequence[Change], touched: Iterable[Target] = ()) -> Director:
    """Return a director without those changes of a trial that hold in it, but for objects that are `touched`."""
    kept = frozenset(touched)
    held = (change for change in find_held(changes, director) if change.target not in kept)
    return fold(director, undo(held))


def with_held(saved: Director, changes: Sequence[Change], running: Director) -> Director:
    """Return a profile as it would be with those changes of a trial that hold in a kernel."""
    return fold(saved, find_held(changes, running), running)
