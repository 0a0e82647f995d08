"""What z says of the last edit of persistence entries, which is never taken back, and where it leads from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from lvstui.core.entries.resolve import ResolvedEntry
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.listing import PastEdit
from tests.tui.test_persistence import Watched

SIZE = (100, 30)


@pytest.fixture
def stage(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def shown(stage: Watched) -> str:
    """The text of the whole screen."""
    strips = stage.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def server_now(stage: Watched, one: ResolvedEntry) -> object:
    (now,) = [entry for entry in stage.held() if entry.client == one.entry.client]
    return now.server


async def move_one(stage: Watched, pilot: Pilot[int]) -> ResolvedEntry:
    """Edit a weight, then move a client."""
    await stage.look(pilot)
    await pilot.press("down", "plus", "enter")
    await stage.look(pilot)
    await stage.open(pilot)
    one = await stage.go_to(pilot)
    await pilot.press("M", "down", "enter")
    await stage.settle(pilot)
    return one


async def test_z_after_a_move_says_what_it_was_and_stages_nothing(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        one = await move_one(stage, pilot)
        moved = server_now(stage, one)
        await pilot.press("z")
        assert isinstance(stage.app.screen, PastEdit)
        assert "moved 1 client of" in shown(stage)
        assert "is a move of its own: Enter asks how" in shown(stage)
        assert "The undo of the edit before it: " in shown(stage)
        await pilot.press("escape")
        assert not any(view.pending for view in stage.app.views.values())
        assert server_now(stage, one) == moved


async def test_only_a_second_z_stages_the_undo_of_the_edit_before_the_move(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await move_one(stage, pilot)
        await pilot.press("z", "z")
        await pilot.pause()
        assert stage.entries.pending
        await pilot.press("enter")
        await stage.look(pilot, 2)
        await pilot.press("z")
        assert not isinstance(stage.app.screen, PastEdit), "the last edit was of a weight"


async def test_enter_moves_the_client_back_to_where_it_was_after_asking(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        one = await move_one(stage, pilot)
        assert server_now(stage, one) != one.entry.server
        await pilot.press("1", "z", "enter")
        await stage.look(pilot, 3)
        assert isinstance(stage.app.screen, EntryDialog)
        assert server_now(stage, one) != one.entry.server, "nothing is written yet"
        await pilot.press("enter")
        await stage.settle(pilot)
        assert server_now(stage, one) == one.entry.server


async def test_of_an_entry_that_was_let_go_it_is_said_that_nothing_leads_back(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await stage.go_to(pilot)
        await pilot.press("x", "enter")
        await stage.settle(pilot)
        await pilot.press("z")
        assert isinstance(stage.app.screen, PastEdit)
        assert "let run out 1 entry of" in shown(stage)
        assert "edit the entries again" in shown(stage)
        await pilot.press("z")
        await pilot.pause()
        assert not stage.entries.pending
