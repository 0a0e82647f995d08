"""However a terminal was dragged about, in the end it shows what a start at that size shows."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import Stage
from tests.tui.test_snapshots import LOOK, SCENES, Scene, pressed

TALL, USUAL, LOW = (250, 70), (80, 24), (60, 15)

DRAGGED: dict[str, tuple[Scene, tuple[int, int]]] = {
    "director in detail": (pressed("5", "down", "enter"), USUAL),
    "a form": (SCENES["form of a service"], LOW),
}


def shown(stage: Stage) -> list[str]:
    return [strip.text for strip in stage.app.screen._compositor.render_strips()]


async def settled(stage: Stage, pilot: Pilot[int]) -> None:
    """Wait until two looks at the screen show the same."""
    before: list[str] = []
    while before != (before := shown(stage)):
        await pilot.pause()
        await pilot.pause()


@pytest.mark.parametrize("name", DRAGGED)
@pytest.mark.usefixtures("night")
async def test_what_was_dragged_about_shows_what_a_start_at_that_size_shows(
    stage: Stage, tmp_path: Path, name: str
) -> None:
    scene, size = DRAGGED[name]
    chance = random.Random(name)
    async with stage.app.run_test(size=USUAL) as pilot:
        await scene(stage, pilot)
        for _ in range(4):
            await pilot.resize_terminal(chance.randrange(20, 251), chance.randrange(5, 71))
        await pilot.resize_terminal(*size)
        await settled(stage, pilot)
        dragged = shown(stage)
    (tmp_path / "other").mkdir()
    other = Stage(tmp_path / "other")
    async with other.app.run_test(size=size) as pilot:
        await scene(other, pilot)
        await settled(other, pilot)
        assert dragged == shown(other)


@pytest.mark.parametrize(
    ("keys", "wanted"), [((), "All services, connections/s  "), (("2", LOOK, LOOK), "Share of entries  ")]
)
async def test_what_has_room_only_now_is_whole_before_the_next_reading(
    stage: Stage, keys: tuple[str, ...], wanted: str
) -> None:
    """On a director that is read every ten seconds, or paused, nothing else would put it right."""
    async with stage.app.run_test(size=USUAL) as pilot:
        await pressed(*keys)(stage, pilot)
        assert not any(wanted in line for line in shown(stage))
        await pilot.resize_terminal(*TALL)
        await settled(stage, pilot)
        assert any(wanted in line for line in shown(stage))
