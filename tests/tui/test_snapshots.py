"""Pictures of the screens; `make snapshots` takes them anew once somebody has looked at what changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import Stage

Compare = Callable[..., bool]

SIZES = [(80, 24), (160, 48)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_services(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def with_traffic(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 30)
        await pilot.press("down", "down")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=size, run_before=with_traffic)


def test_a_staged_weight(stage: Stage, snap_compare: Compare) -> None:
    async def staged(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("down", "plus", "plus")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=staged)


def test_the_delete_dialog(stage: Stage, snap_compare: Compare) -> None:
    async def asked(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("down", "delete")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=asked)


def test_help(stage: Stage, snap_compare: Compare) -> None:
    async def helped(pilot: Pilot[int]) -> None:
        await stage.look(pilot)
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 30), run_before=helped)
