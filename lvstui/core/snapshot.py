"""The one state that the screens see: a reading with everything that was derived from it, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvstui.core.change import Change
from lvstui.core.model import Director, ServiceKey
from lvstui.core.observed import Reading, Scan
from lvstui.core.owners import Owner
from lvstui.core.record import Record, Session


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


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that the director runs on: its name and what it is busy with, in percent since the last look."""

    name: str
    cpu: float = 0.0
    softirq: float = 0.0
    memory: float = 0.0
    links: tuple[Link, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; `reading.director` carries the profile's names and notes.

    `read_only` says why edits are refused (empty: they are not); `trouble` says why the reading is no longer fresh.
    `undo` and `redo` are the changes that the next undo or redo would make, in order. `schedulers`
    and `interfaces` are those that the kernel has, the latter fit for multicast first. `changes` are the newest records
    of the profile's history, newest last; `others` the sessions of lvstui on it besides this one; `owners` the
    programs that write to the same table. `scan` is what is known of the connection table, None while nobody looks.
    """

    reading: Reading
    origin: str
    host: Host
    history: Mapping[ServiceKey, tuple[int, ...]] = field(default_factory=dict)
    profile: ProfileState = ProfileState()
    read_only: str = ""
    trouble: str = ""
    paused: bool = False
    undo: tuple[Change, ...] = ()
    redo: tuple[Change, ...] = ()
    schedulers: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    changes: tuple[Record, ...] = ()
    others: tuple[Session, ...] = ()
    owners: tuple[Owner, ...] = ()
    scan: Scan | None = None
