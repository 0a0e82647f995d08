"""What a director in memory counts as a whole, and how that is spread over its CPUs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from lvstui.core.observed import Stats

_UP_TO: Final = tuple(accumulate((31, 27, 22, 20)))
"""Percent of the packets that arrive up to each CPU: queues of a network card never share evenly."""


def whole(services: Iterable[Stats]) -> Stats:
    """Sum up what the services of a director count."""
    columns = zip(*services, strict=True)
    return Stats(*map(sum, columns))


def by_cpu(total: Stats) -> tuple[Stats, ...]:
    """Share the counters of the whole among four CPUs, without rates, as the kernel tells them."""
    counters = total[:5]
    cpus = []
    before = (0,) * len(counters)
    for percent in _UP_TO:
        upto = tuple(count * percent // 100 for count in counters)
        cpus.append(Stats(*(count - less for count, less in zip(upto, before, strict=True))))
        before = upto
    return tuple(cpus)
