"""A day of the screens at --interval 0.2, as fast as it goes: memory, objects, files and threads stay what they were.

It walks through all views again and again, ten ticks in each, with an edit in each round. What is used is looked at
after each round; the middle of the last third of a run is held against that of the third before it, the first third
being there to fill what has a bound. The reports say what is used, and what it grew by in 1,000 ticks; in less than
`_LEAST` rounds only files and threads are judged.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from lvstui.core.change import change_server
from lvstui.engine.messages import Edit
from tests.campaign import Report
from tests.campaign.monkey import Cage, pressed

_TICKS: Final = 10
_LEAST: Final = 60
_SIZE: Final = 160, 48
_TOLERANCE: Final = {"kB of memory": (0.02, 1024), "objects": (0.01, 200), "open files": (0.0, 0), "threads": (0.0, 0)}
"""What may come on top from a third to the next: a part of what was used, and a number."""


def run(seconds: float, seed: int) -> Iterator[Report]:  # noqa: ARG001 - nothing here is left to chance
    """Tick, then judge each of the things that are used."""
    rounds = asyncio.run(_rounds(seconds))
    step = _TICKS * 6
    third = len(rounds) // 3
    for name, (part, number) in _TOLERANCE.items():
        values = [used[name] for used in rounds]
        before, after = median(values[third : 2 * third] or values), median(values[2 * third :])
        judged = len(rounds) >= _LEAST or number == 0
        failed = judged and after - before > before * part + number
        growth = (after - before) / max(1, third * step) * 1000
        text = f"{name}: {after:,.0f}, {growth:+,.1f} in 1,000"
        yield Report(text, len(rounds) * step, int(failed), f"{before:,.0f} became {after:,.0f}" if failed else "")


async def _rounds(seconds: float) -> list[dict[str, int]]:
    """Walk through the views until the time is over, at least once; return what was used after each round."""
    end, rounds = time.monotonic() + seconds, list[dict[str, int]]()
    with tempfile.TemporaryDirectory() as folder:
        cage = Cage(Path(folder), _SIZE)
        async with cage.app.run_test(size=_SIZE) as pilot:
            await pilot.pause()
            while not rounds or time.monotonic() < end:
                _edit(cage)
                for view in "234561":
                    await cage.do([pressed(view)])
                    for _ in range(_TICKS - 1):
                        await cage.do([])
                rounds.append(_used())
        assert not cage.trouble
    return rounds


def _edit(cage: Cage) -> None:
    """Raise or lower the weight of a server by one, as often the one as the other."""
    key, pool = next((key, pool) for key, pool in cage.kernel.read().director.pools.items() if pool.servers)
    server = next(iter(pool.servers.values()))
    cage.app.worker.submit(Edit((change_server(key, server, replace(server, weight=server.weight ^ 1)),)))


def _used() -> dict[str, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "kB of memory": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        "objects": len(gc.get_objects()),
        "open files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }
