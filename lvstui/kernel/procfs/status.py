"""What /proc/net/ip_vs_status shows root of the connection table, since Linux 7.2: exact counts.

It also counts chains by their length, up to 7, which stands for all longer ones: the mean says more of a full table.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from lvstui.core.observed import TableStatus
from lvstui.kernel.namespace import KeptFile
from lvstui.kernel.port import KernelError

STATUS: Final = "/proc/thread-self/net/ip_vs_status"

_REST: Final = 20
"""For this many times as long as a reading took there is none: the kernel walks the whole table for it."""

_AWAY: Final = 10.0
"""Seconds until the file is looked for again where there is none."""

_ROWS: Final = re.compile(r"^Conns:\t(\d{1,19})$", re.MULTILINE)
_BUCKETS: Final = re.compile(r"^Conn buckets:\t(\d{1,19}) ", re.MULTILINE)


class Status:
    """The file in one network namespace; `clock` returns seconds."""

    def __init__(self, netns: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = KeptFile(STATUS, netns)
        self._clock = clock
        self._resting = 0.0
        self._known: TableStatus | None = None

    def read(self) -> TableStatus | None:
        """Return what is known of the table, None where the kernel does not show it or only to others."""
        began = self._clock()
        if began >= self._resting:
            try:
                self._known = parse(self._file.read().decode("ascii", "replace"))
            except (OSError, KernelError):
                self._file.close()
                self._known = None
            ended = self._clock()
            self._resting = ended + (_REST * (ended - began) if self._known else _AWAY)
        return self._known

    def close(self) -> None:
        """Close the file; the next reading would open it anew."""
        self._file.close()


def parse(text: str) -> TableStatus | None:
    """Read the text of the file; of any other text nothing is known."""
    rows, buckets = _ROWS.search(text), _BUCKETS.search(text)
    if rows is None or buckets is None:
        return None
    return TableStatus(int(rows[1]), int(buckets[1]))
