"""Other programs that write to the same table, and which services are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lvstui.core.change import Change, service_of
from lvstui.core.fields import service_text
from lvstui.core.model import ServiceKey

OWN_NAME = "lvstui"

_SHOWN = 3
"""Services that a warning names."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A running program that manages virtual services.

    `services` None stands for every service: it owns the whole table, or nobody could read what it owns. Another
    lvstui owns none, as it writes only what a person tells it.
    """

    program: str
    pid: int
    config: str = ""
    services: frozenset[ServiceKey] | None = None

    def owns(self, key: ServiceKey) -> bool:
        """Tell whether this program may write over a service."""
        return self.services is None or key in self.services


def claimed(owners: Iterable[Owner], changes: Iterable[Change]) -> Mapping[ServiceKey, Owner]:
    """Tell which of the services that are changed belong to somebody, in the order of the changes."""
    held = tuple(owners)
    keys = dict.fromkeys(service_of(change.target) for change in changes)
    found = ((key, next((owner for owner in held if owner.owns(key)), None)) for key in keys if key is not None)
    return {key: owner for key, owner in found if owner is not None}


def warnings(claims: Mapping[ServiceKey, Owner]) -> list[str]:
    """Warn of what belongs to somebody, a sentence for each owner: `keepalived manages tcp:192.0.2.10:443: ...`."""
    held: dict[Owner, list[str]] = {}
    for key, owner in claims.items():
        held.setdefault(owner, []).append(service_text(key))
    return [
        f"{owner.program} manages {_listed(services)}: it may overwrite this at its next check or reload"
        for owner, services in held.items()
    ]


def _listed(services: Sequence[str]) -> str:
    more = len(services) - _SHOWN
    return ", ".join(services[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
