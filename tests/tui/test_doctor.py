"""The key X: what is wrong with a service, on the screens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.health.verdict import Trouble
from lvstui.core.model import ServerKey
from lvstui.tui.views.examining import Diagnosis
from tests.tui.conftest import SIZES, Stage

SIZE = (80, 24)


async def examined(stage: Stage, pilot: Pilot[int], *keys: str) -> Diagnosis:
    """Press X on a row and return what is shown."""
    await stage.look(pilot, 3)
    await pilot.press(*keys, "X")
    return await answered(stage, pilot)


async def answered(stage: Stage, pilot: Pilot[int]) -> Diagnosis:
    await pilot.pause()
    stage.app.worker.step(0)
    await pilot.pause()
    screen = stage.app.screen
    assert isinstance(screen, Diagnosis)
    return screen


async def test_a_row_is_examined_as_its_service(stage: Stage) -> None:
    api = "Doctor: api tcp:[2001:db8::10]:443"
    async with stage.app.run_test(size=SIZE) as pilot:
        for keys, title in (((), api), (("down",), api), (("3", "down"), "Doctor: portal mark:80")):
            screen = await examined(stage, pilot, *keys)
            assert screen._title == title
            assert any("questions asked of 1 service" in line for line in screen._lines)
            assert max(map(len, screen._lines)) < 80
            await pilot.press("escape")


async def test_p_asks_the_real_servers_too_and_what_they_say_takes_the_place_of_the_rest(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        before = await examined(stage, pilot)
        assert not any("Does each server answer" in line for line in before._lines)
        for endpoint in stage.director.pools[before.key].servers:
            stage.kernel.afflict(ServerKey(before.key, endpoint), Trouble.REFUSING)
        await pilot.press("p")
        assert "asking" in str(before.query_one(".foot", Static).content)
        after = await answered(stage, pilot)
        assert after._lines[0].startswith("wrong")
        assert before not in stage.app.screen_stack
        await pilot.press("escape")
        await pilot.pause()
        assert len(stage.app.screen_stack) == 1


async def test_what_real_servers_say_to_nobody_is_not_shown(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await examined(stage, pilot)
        await pilot.press("p", "escape")
        await pilot.pause()
        stage.app.worker.step(0)
        await pilot.pause()
        assert len(stage.app.screen_stack) == 1


async def test_a_machine_is_no_service(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 3)
        await pilot.press("m", "g", "X")
        await pilot.pause()
        assert "go to a service" in stage.shown("message")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_diagnosis(stage: Stage, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def shown(pilot: Pilot[int]) -> None:
        await examined(stage, pilot)

    assert snap_compare(stage.app, terminal_size=size, run_before=shown)
