"""The one state that the screens see: a reading with everything that was derived from it, frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar, TypeVarTuple, cast

from lvstui.core.change import Change
from lvstui.core.events.event import Event
from lvstui.core.health.verdict import Health
from lvstui.core.history import NO_HISTORY, History
from lvstui.core.model import NOBODYS, Director, Home, ServerKey
from lvstui.core.observed import NO_INFO, Glimpse, Reading, Scan
from lvstui.core.probes.finding import Findings
from lvstui.core.record import Owner, Record, Session
from lvstui.core.trial import Pending


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface that is up: its speed in Mbit/s (0: not known), and what passes it each second.

    Drops are packets that this machine threw away: for want of buffers, or on purpose by its driver or queue.
    """

    name: str
    speed: int = 0
    in_bytes: float = 0.0
    out_bytes: float = 0.0
    in_packets: float = 0.0
    out_packets: float = 0.0
    in_drops: float = 0.0
    out_drops: float = 0.0


class Conntrack(NamedTuple):
    """How many flows netfilter tracks in this network namespace, and how many it can."""

    held: int
    most: int


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that the director runs on: its name and what it is busy with, in percent since the last look.

    None is what could not be read. `softirqs` are the CPUs one by one; `conntrack` is None without nf_conntrack.
    """

    name: str
    cpu: float | None = 0.0
    softirq: float | None = 0.0
    memory: float | None = 0.0
    links: tuple[Link, ...] = ()
    softirqs: tuple[float, ...] = ()
    conntrack: Conntrack | None = None


@dataclass(frozen=True, slots=True)
class ProfileState:
    """How the profile stands to the kernel.

    `path` is empty without a profile. `drift` leads from the kernel to the profile; `unsaved` counts those changes
    made here that the file does not hold yet; `trouble` says why it could not be read or written. `saved` is what the
    file holds.
    """

    path: str = ""
    exists: bool = False
    drift: tuple[Change, ...] = ()
    unsaved: int = 0
    trouble: str = ""
    saved: Director | None = None


Inputs = TypeVarTuple("Inputs")
Result = TypeVar("Result")


class Derived:
    """The newest result of each function of a snapshot's parts, with the parts that it was worked out from.

    Most parts are the same objects from one snapshot to the next, so one store is handed on through all of them.
    """

    def __init__(self) -> None:
        self._newest: dict[object, tuple[tuple[object, ...], object]] = {}

    def get(self, function: Callable[[*Inputs], Result], *inputs: *Inputs) -> Result:
        """Return a function's result, worked out anew when an input is another object than last time.

        Small values that are created anew each time (numbers, texts, sets) are compared instead.
        """
        return self.get_for(function, inputs, lambda: function(*inputs))

    def get_for(self, name: object, depends: tuple[object, ...], work: Callable[[], Result]) -> Result:
        """Return what was worked out under a name, again when one of the things that it depends on is another."""
        newest = self._newest.get(name)
        if newest is None or not all(map(_same, newest[0], depends)):
            newest = self._newest[name] = depends, work()
        return cast(Result, newest[1])


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str | int | float | frozenset) and one == other)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; `reading.director` carries the profile's names and notes.

    `read_only` says why edits are refused (empty: they are not); `trouble` says why the reading is no longer fresh.
    `undo` and `redo` are the changes that the next undo or redo would make, in order; `emptied` are the servers whose
    clients were moved with what the undo takes back, who stay where they are. `schedulers`
    and `interfaces` are those that the kernel has, the latter fit for multicast first. `changes` are the newest records
    of the profile's history, newest last; `others` the sessions of lvstui on it besides this one; `owners` the
    programs that write to the same table. `scan` is what is known of the connection table, None while nobody looks;
    `glimpse` who stuck to which server when it was read last.
    `history` is what services and servers did lately. `trial` is the change that is on trial in this namespace.
    `here` is the machine and the namespace that this is. `health` has the real servers that are seen to be in trouble,
    `findings` what those answered that were asked. `events` is what happened since lvstui was started, newest last.
    `derived` is handed on from one snapshot to the next.
    """

    reading: Reading
    origin: str
    host: Host
    history: History = NO_HISTORY
    profile: ProfileState = ProfileState()
    read_only: str = ""
    trouble: str = ""
    paused: bool = False
    undo: tuple[Change, ...] = ()
    emptied: tuple[ServerKey, ...] = ()
    redo: tuple[Change, ...] = ()
    schedulers: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    changes: tuple[Record, ...] = ()
    others: tuple[Session, ...] = ()
    owners: tuple[Owner, ...] = ()
    scan: Scan | None = None
    glimpse: Glimpse | None = None
    here: Home = NOBODYS
    trial: Pending | None = None
    health: Health = field(default_factory=dict)
    findings: Findings = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    derived: Derived = field(default_factory=Derived, compare=False, repr=False)

    def derive(self, function: Callable[[*Inputs], Result], *inputs: *Inputs) -> Result:
        """Return what a module-level function makes of parts of this snapshot, worked out only where one changed."""
        return self.derived.get(function, *inputs)

    def derive_whole(self, function: Callable[[Snapshot], Result], *depends: object) -> Result:
        """Return what a function makes of this whole snapshot, worked out when what it depends on is another object.

        It is for results that need parts which change with every reading, and may lag behind those.
        """
        return self.derived.get_for(function, depends, lambda: function(self))


EMPTY_SNAPSHOT: Final = Snapshot(Reading(Director(), NO_INFO, 0.0), "", Host(""))
"""What is known before anything was read."""
