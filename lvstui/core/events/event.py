"""An event: what was seen to happen, between which two readings, and who was it, as far as that can be known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from lvstui.core.change import Change, Target

ANOTHER: Final = "another program"
"""Who made an edit where nobody manages what was edited: the kernel names nobody."""


class Happening(Enum):
    """What kind of thing happened; the value is its word in a document."""

    EDIT = "edit"
    EDITS = "edits"
    CLEARED = "cleared"
    LVSTUI = "lvstui"
    GONE = "gone"
    BACK = "back"
    UNREADABLE = "unreadable"
    READABLE = "readable"
    HEALTH = "health"
    DRAINED = "drained"
    THRESHOLD = "threshold"
    MARK = "mark"

    @property
    def is_foreign(self) -> bool:
        """Whether it is an edit in the kernel that no lvstui made, as far as the history knows."""
        return self in (Happening.EDIT, Happening.EDITS, Happening.CLEARED)


KINDS: Final = {
    Happening.EDIT: "somebody edited one object, or a service with its servers",
    Happening.EDITS: "somebody edited many objects at once",
    Happening.CLEARED: "somebody removed all services: ipvsadm -C, or the module was loaded anew",
    Happening.LVSTUI: "another lvstui made an edit, which is in the history too",
    Happening.GONE: "the kernel has no IPVS (any more)",
    Happening.BACK: "the kernel has IPVS (again)",
    Happening.UNREADABLE: "the director cannot be read",
    Happening.READABLE: "the director can be read again",
    Happening.HEALTH: "a real server does not serve, or nothing shows that any more",
    Happening.DRAINED: "nothing is left on a drained server",
    Happening.THRESHOLD: "a server has reached its upper threshold, or takes connections again",
    Happening.MARK: "no rule sets the mark of a service any more, or one does again",
}
"""Every kind of event with what it says."""


class Found(NamedTuple):
    """What an event says, before it has a number and a time.

    `who` is a program, the user of another lvstui, or what a state is about; `text` says it in a line, ready to be
    shown: what is strange in names is escaped. `target` is the one object that it is about, if it is one. `how` is how
    it came to be known: `seen` in the kernel, a `state`, or the kind of a record of the history. Of a `total` of
    changes the first are kept. Of a state `old` and `new` are its words, empty for none.
    """

    happening: Happening
    who: str
    text: str
    target: Target | None = None
    how: str = "state"
    changes: tuple[Change, ...] = ()
    total: int = 0
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was seen at `time` (UTC) and not yet at `since`; `number` counts from 1 since the start.

    Without a `since` it is not known by readings.
    """

    number: int
    time: datetime
    since: datetime | None
    found: Found

    @property
    def state(self) -> str:
        """The word of state: edits in the kernel that no lvstui made are `not ours`."""
        return "not ours" if self.found.happening.is_foreign else self.found.new
