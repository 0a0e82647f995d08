"""The one state that the screens see: a reading with everything that was derived from it, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvstui.core.change import Change
from lvstui.core.model import ServiceKey
from lvstui.core.observed import Reading


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that the director runs on: its name and what it is busy with, in percent since the last look."""

    name: str
    cpu: float = 0.0
    softirq: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class ProfileState:
    """How the profile stands to the kernel.

    `path` is empty without a profile. `drift` leads from the kernel to the profile; `unsaved` counts those changes
    made here that the file does not hold yet; `trouble` says why it could not be read or written.
    """

    path: str = ""
    exists: bool = False
    drift: tuple[Change, ...] = ()
    unsaved: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; `reading.director` carries the profile's names and notes.

    `read_only` says why edits are refused (empty: they are not); `trouble` says why the reading is no longer fresh.
    `undo` and `redo` are the changes that the next undo or redo would make, in order.
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
