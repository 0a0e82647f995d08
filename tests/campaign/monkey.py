"""A monkey at the keyboard and the mouse: nothing dies, and nothing is written without Enter, a button or a click."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.campaign import Report
from tests.tui.conftest import Stage

SIZES = ((80, 24), (160, 48), (40, 10), (20, 5))
KEYS = (*"123456abcdefghijklmnoprstuvwxyzADEGHIJKMNSTUZ+-0/:[]? ", "up", "down", "left", "right", "pageup", "pagedown")
NAMES = (
    "tab",
    "escape",
    "escape",
    "backspace",
    "delete",
    "home",
    "end",
    "enter",
    "enter",
    "ctrl+p",
    "ctrl+d",
    "ctrl+l",
)
CONFIRMS = {"enter", "space", " ", "click"}


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Press and click at random on the demo, on a screen of each size."""
    for number, size in enumerate(SIZES):
        yield asyncio.run(_monkey(size, seconds / len(SIZES), seed + number))


async def _monkey(size: tuple[int, int], seconds: float, seed: int) -> Report:
    chance, end, tried, wrong = random.Random(seed), time.monotonic() + seconds, 0, ""
    while (not tried or time.monotonic() < end) and not wrong:
        with tempfile.TemporaryDirectory() as folder:
            stage, last = Stage(Path(folder)), ""
            async with stage.app.run_test(size=size) as pilot:
                await stage.look(pilot)
                while (not tried or time.monotonic() < end) and not wrong and stage.app.return_value is None:
                    before, last = stage.kernel.read().director, chance.choice([*KEYS, *NAMES, "click", "resize"])
                    if last == "click":
                        await pilot.click(offset=(chance.randrange(1, size[0]), chance.randrange(size[1])), times=2)
                    elif last == "resize":
                        await pilot.resize_terminal(*size)
                    else:
                        await pilot.press(last)
                    await stage.look(pilot)
                    tried += 1
                    if last not in CONFIRMS and stage.kernel.read().director != before:
                        wrong = f"{last} wrote"
            wrong = wrong or next(map(str, stage.app.faults), "")
    name = f"keys and clicks on {size[0]}x{size[1]}"
    return Report(name, tried, int(bool(wrong)), f"seed {seed}, event {tried}: {wrong}" if wrong else "")
