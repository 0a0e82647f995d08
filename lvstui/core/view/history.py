"""The bounded past of the services, for their small charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvstui.core.model import ServiceKey
from lvstui.core.observed import Reading

HISTORY_LENGTH = 60
"""Readings that a service's history goes back."""


@dataclass(frozen=True, slots=True)
class History:
    """New connections per second of each service at its last readings, oldest first.

    It is the kernel's own estimate: the kernel brings its counters up to date every 2 seconds only
    (net/netfilter/ipvs/ip_vs_est.c), so that what two readings a second apart differ by is nothing, then double.
    """

    services: Mapping[ServiceKey, tuple[int, ...]] = field(default_factory=dict)

    def extended(self, reading: Reading) -> History:
        """Add one reading; services that are gone are forgotten."""
        return History(
            {
                key: (*self.services.get(key, ())[1 - HISTORY_LENGTH :], stats.connection_rate)
                for key, stats in reading.services.items()
            }
        )
