"""The dialog of columns says which of those shown have no room."""

from __future__ import annotations

from textual.widgets import Static

from lvstui.tui.dialogs.choose_columns import ChooseColumns
from lvstui.tui.widgets.table import VirtualTable, shown_columns
from tests.tui.conftest import Stage


def without_room(stage: Stage) -> set[str]:
    assert isinstance(stage.app.screen, ChooseColumns)
    table: VirtualTable[str] = stage.app.screen.query_one(VirtualTable)
    return {key for key in table.selection.keys if any(cell.text == "no room now" for cell in table._cells(key))}


def room(stage: Stage) -> str:
    return str(stage.app.screen.query_one("#room", Static).content)


async def test_columns_that_are_shown_and_have_no_room_now_are_named_so(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        fits = {column.id for column in shown_columns(stage.view.table)}
        every = {column.id for column in stage.view.ROWS.every_column} - stage.view.look.hidden
        await pilot.press("o")
        assert without_room(stage) == every - fits
        assert room(stage) == f"{len(every - fits)} of those shown have no room: hide others"


async def test_hiding_columns_makes_room_for_others_at_once(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("o")
        before = without_room(stage)
        for key in ("weight", "active", "connections"):
            stage.app.screen.query_one(VirtualTable).move_to(key)
            await pilot.press("space")
        after = without_room(stage)
        assert after < before
        await pilot.press("enter")
        assert before - after <= {column.id for column in shown_columns(stage.view.table)}


async def test_where_all_have_room_that_is_said(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("o")
        for key in without_room(stage):
            stage.app.screen.query_one(VirtualTable).move_to(key)
            await pilot.press("space")
        assert without_room(stage) == set()
        assert room(stage) == "all of those shown have room"
