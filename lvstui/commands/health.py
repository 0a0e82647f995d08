"""What commands know of the health of real servers: from one reading, or from what is seen in some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from lvstui.core.drift import add_profile_values
from lvstui.core.health.table import of_table
from lvstui.core.health.watch import Watch
from lvstui.core.observed import Scan
from lvstui.core.snapshot import Snapshot
from lvstui.engine.reach import look_up
from lvstui.engine.scanner import read_table
from lvstui.kernel.port import Kernel, KernelError

_ENOUGH: Final = 8.0
"""Seconds after which counters say more of servers that answer through the director than the table does."""

_BUDGET: Final = 0.5
"""Seconds that a reading of the connection table takes at most: a part of it stands for all."""


def with_health(
    kernel: Kernel, snapshot: Snapshot, over: float = 0.0, *, pause: Callable[[float], None] = time.sleep
) -> Snapshot:
    """Return a snapshot with the servers that are in trouble; nothing is sent to find them.

    The connection table is read once, for half a second at most. With `over` seconds counters are read once a second
    meanwhile, and they are what the snapshot holds in the end.
    """
    watch, director = Watch(), snapshot.reading.director
    watch.look(snapshot.reading)
    end = time.monotonic() + over
    reading = snapshot.reading
    while (left := end - time.monotonic()) > 0:
        pause(min(1.0, left))
        reading = kernel.read()
        watch.look(reading)
        look_up(kernel, watch, reading.taken)
        if watch.asks(reading.taken):
            watch.weigh(_glance(kernel), time.monotonic())
    scan = _glance(kernel)
    watch.weigh(scan, time.monotonic())
    found = dict(watch.found)
    if over < _ENOUGH:
        found = {**of_table(scan, reading.director, time.monotonic()), **found}
    if reading is not snapshot.reading:
        named = add_profile_values(reading.director, snapshot.profile.saved or director)
        reading = replace(reading, director=replace(named, home=director.home))
    return replace(snapshot, reading=reading, health=found)


def _glance(kernel: Kernel) -> Scan:
    """Read a part of the table; an empty one where it cannot be read."""
    with suppress(KernelError):
        return read_table(kernel, _BUDGET, engines=False)
    return Scan(trouble="not read")
