"""Whose profile it is, and how much of a director goes: what has to be confirmed before a profile is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from lvstui.core.change import Change, fold
from lvstui.core.fields import server_text, service_text, visible
from lvstui.core.model import NOBODYS, Director, Home
from lvstui.core.words import first_of

FEWEST: Final = 3
"""Objects of a kind that may always be deleted, as long as others of the kind stay."""

_NAMED: Final = 3
"""Objects that a sentence names."""

_T = TypeVar("_T")


def is_foreign(profile: Home, here: Home) -> bool:
    """Return whether a profile says that it is another director's; one that does not say is nobody else's."""
    if NOBODYS in (profile, here):
        return False
    other_host = bool(profile.host) and profile.host.casefold() != here.host.casefold()
    return other_host or profile.netns != here.netns


def is_same_home(one: Home, other: Home) -> bool:
    """Return whether two homes are one; in the names of hosts capitals do not count."""
    return one.host.casefold() == other.host.casefold() and one.netns == other.netns


def home_text(home: Home) -> str:
    """Write a home for people: `lb1`, `lb1, netns blue`."""
    return ", ".join(filter(None, (visible(home.host), f"netns {visible(home.netns)}" if home.netns else "")))


def whose(path: str, profile: Home, here: Home, what: str = "profile") -> str:
    """Return a sentence on whose profile (or plan) it is; empty where it is this director's or nobody's."""
    if not is_foreign(profile, here):
        return ""
    return f"{visible(path)} is the {what} of {home_text(profile) or 'another director'}, and this is {home_text(here)}"


@dataclass(frozen=True, slots=True)
class Deletion:
    """What changes delete of one kind, in text, of how many that there are: `services`, 12 of 20."""

    kind: str
    gone: tuple[str, ...]
    of: int

    @property
    def is_large(self) -> bool:
        """Whether it is everything, or at least `FEWEST` and more than half."""
        count = len(self.gone)
        return count > 0 and (count == self.of or (count >= FEWEST and 2 * count > self.of))

    def __str__(self) -> str:
        count = len(self.gone)
        return f"{count} of {self.of} {self.kind} ({first_of(self.gone, _NAMED)})"


def find_deletions(running: Director, changes: Iterable[Change]) -> tuple[Deletion, ...]:
    """Return what changes delete of all that runs, by kind; what is deleted and added again stays."""
    left = fold(running, changes)
    lost = (key for key in running.pools if key not in left.pools)
    servers = [(key, endpoint) for key, pool in running.pools.items() for endpoint in pool.servers]
    dropped = ((key, end) for key, end in servers if key not in left.pools or end not in left.pools[key].servers)
    unmarked = (mark for mark in running.groups if mark not in left.groups)
    found = (
        Deletion("services", tuple(map(service_text, lost)), len(running.pools)),
        Deletion(
            "real servers", tuple(f"{server_text(end)} of {service_text(key)}" for key, end in dropped), len(servers)
        ),
        Deletion("firewall marks", tuple(map(str, unmarked)), len(running.groups)),
    )
    return tuple(deletion for deletion in found if deletion.gone)


def warn_of_deletions(deletions: Sequence[Deletion]) -> str:
    """Return a sentence on what would be deleted where it is more than a part of what runs; else empty."""
    if not any(deletion.is_large for deletion in deletions):
        return ""
    return f"this deletes more than a part of what runs: {', '.join(map(str, deletions))}"
