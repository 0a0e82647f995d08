"""What is wrong with a director, why, and the edit that repairs it."""

from __future__ import annotations

from dataclasses import dataclass

from lvstui.core.change import Change
from lvstui.core.model import MarkKey, ServiceKey
from lvstui.core.packets.packet import Packet


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, with what, why it matters, and what to do.

    `changes` is the edit that repairs it, empty where the remedy lies outside of IPVS and our table, or needs a choice.
    `key` and `mark` say which service and which mark it is about, where it is about one. `packet` is one that shows
    what is wrong when it is walked through the rules.
    """

    about: str
    sentence: str
    reason: str
    remedy: str
    changes: tuple[Change, ...] = ()
    key: ServiceKey | None = None
    mark: int | None = None
    packet: Packet | None = None

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}; {self.reason}. {self.remedy}"

    @property
    def destroys(self) -> bool:
        """Whether the edit removes a whole service."""
        return any(isinstance(change.target, ServiceKey) and change.after is None for change in self.changes)

    def concerns(self, key: ServiceKey) -> bool:
        """Return whether it is about a service; what is about a mark is about all services on it."""
        return self.key == key or (isinstance(key, MarkKey) and self.mark == key.mark)
