"""What a director counts as a whole, and each of its CPUs: /proc/net/ip_vs_stats_percpu."""

from __future__ import annotations

import os
from typing import NamedTuple

from lvstui.core.observed import Stats
from lvstui.kernel.namespace import call_in
from lvstui.kernel.port import KernelError

TABLE = "/proc/thread-self/net/ip_vs_stats_percpu"
"""The statistics of the calling thread's network namespace."""

_ROOM = 1 << 16
_COUNTERS = 5


class Counted(NamedTuple):
    """The whole director since the counters were zeroed, with rates; each CPU since IPVS was loaded, without."""

    total: Stats = Stats()
    cpus: tuple[Stats, ...] = ()


class Totals:
    """The file in one network namespace; it stays open, and belongs to that namespace for good."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._file = -1
        self._online = os.cpu_count() or 1

    def read(self) -> Counted:
        """Read it; returns nothing counted where it cannot be read."""
        try:
            return parse(self._content(), self._online)
        except (OSError, KernelError, ValueError):
            self.close()  # the module went, and may be back
        try:
            return parse(self._content(), self._online)
        except (OSError, KernelError, ValueError):
            return Counted()

    def close(self) -> None:
        """Close the file; the next use would open it anew."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _content(self) -> str:
        if self._file < 0:
            self._file = call_in(self._netns, _open)
        content = b""
        while part := os.pread(self._file, _ROOM, len(content)):
            content += part
        return content.decode("ascii")


def _open() -> int:
    return os.open(TABLE, os.O_RDONLY | os.O_CLOEXEC)


def parse(text: str, online: int) -> Counted:
    """Read the text of the table, which is in hexadecimal; raises ValueError for any other text.

    The kernel lists all CPUs that the machine could have; those beyond the `online` ones are left out while idle.
    """
    cpus: list[Stats] = []
    total: list[int] = []
    rates: list[int] = []
    for line in text.splitlines()[2:]:
        words = line.split()
        if not words or words[0] == "Conns/s":
            continue
        if words[0] == "~":
            total = _numbers(words[1:])
        elif total:
            rates = _numbers(words)
        else:
            cpus.append(Stats(*_numbers(words[1:])))
    if not rates:
        raise ValueError("the statistics end before their end")
    while len(cpus) > online and cpus[-1] == Stats():
        cpus.pop()
    return Counted(Stats(*total, *rates), tuple(cpus))


def _numbers(words: list[str]) -> list[int]:
    if len(words) != _COUNTERS:
        raise ValueError("a row of the statistics does not hold five numbers")
    return [int(word, 16) for word in words]
