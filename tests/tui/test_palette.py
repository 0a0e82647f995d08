"""The command palette and the other dialogs answer once, whatever is typed and clicked how fast and on what screen."""

from __future__ import annotations

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.palette import Palette
from lvstui.tui.widgets.table import VirtualTable
from tests.tui.conftest import Stage
from tests.tui.test_services import message, staged, until

KEYS = {"\r": "enter", "\x1b": "escape", ":": "colon", "\x04": "pagedown", "\x05": "pageup", "\x0b": "down"}


def type_at_once(stage: Stage, keys: str) -> None:
    """Send keys as they come in one packet, without waiting for what each one does."""
    for key in keys:
        stage.app.post_message(events.Key(KEYS.get(key, key), key))


def click_at_once(stage: Stage, x: int, y: int, times: int) -> None:
    """Send clicks as a hurried hand makes them, without waiting for what each one does."""
    for _ in range(times):
        for kind in (events.MouseDown, events.MouseUp):
            stage.app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))


async def opened(stage: Stage, pilot: Pilot[int]) -> Palette:
    await stage.look(pilot)
    await pilot.press("down", "minus", "colon")
    assert staged(stage)
    palette = stage.app.screen
    assert isinstance(palette, Palette)
    return palette


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_clicks_beside_the_palette_close_it_and_nothing_else(stage: Stage, times: int) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot)
        click_at_once(stage, 40, 1, times)
        await until(pilot, lambda: not isinstance(stage.app.screen, Palette))
        await pilot.pause()
        assert staged(stage)
        assert len(stage.app.screen_stack) == 1


async def test_a_command_that_is_clicked_on_twice_runs_once(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        palette = await opened(stage, pilot)
        await pilot.press(*"pause")
        region = palette.query_one(VirtualTable).region
        click_at_once(stage, region.x + 3, region.y + 1, 2)
        await until(pilot, lambda: stage.app.frame.pace.paused)
        await pilot.pause()
        assert stage.app.frame.pace.paused
        assert staged(stage)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (8, 3), (2, 2), (1, 1)])
async def test_pages_and_resizes_do_not_end_it_on_any_screen(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        palette = await opened(stage, pilot)
        for width, height in (size, (200, 60), (1, 1), (30, 4), size):
            await pilot.resize_terminal(width, height)
            await pilot.press("pagedown", "pagedown", "pageup", "down", "ctrl+end", "tab", "ctrl+home", "q")
            await pilot.pause()
        assert stage.app.screen is palette
        assert palette.focused
        await pilot.press("escape")
        assert len(stage.app.screen_stack) == 1


async def test_a_name_and_enter_in_one_packet_run_the_command_of_that_name(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        type_at_once(stage, ":interval read\r")
        await until(pilot, lambda: message(stage) == "reading every 2 s")
        assert len(stage.app.screen_stack) == 1


async def test_a_name_that_no_command_has_runs_none(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        palette = await opened(stage, pilot)
        await pilot.press(*"xyzzy~~", "pagedown", "enter")
        assert stage.app.screen is palette
        assert palette.query_one(VirtualTable).cursor_key is None


async def test_a_button_that_is_clicked_on_twice_answers_once(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down", "delete")
        question = stage.app.screen
        assert isinstance(question, Confirm)
        region = question.query_one("#cancel").region
        click_at_once(stage, region.x + 2, region.y, 4)
        await until(pilot, lambda: len(stage.app.screen_stack) == 1)
        await pilot.pause()
        assert len(stage.app.screen_stack) == 1


FIRST = {
    "d": "weight.drain",
    "dr": "weight.drain",
    "dir": "view.director",
    "svc": "view.services",
    "6": "view.changes",
    "Z": "redo",
    "undo": "undo",
    "set note": "service.note",
    "upper": "server.upper",
    "quit": "quit",
    "pers": "view.persistence",
}


async def test_the_best_match_is_first_its_key_then_what_begins_a_word(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        palette = await opened(stage, pilot)
        for typed in FIRST:
            palette.query_one(Input).value = typed
            await pilot.pause()
            assert palette._shown == typed
            place = palette.query_one(VirtualTable).cursor_key
            assert isinstance(place, int)
            assert palette._choices[place].id == FIRST[typed]


async def test_a_command_is_one_line_with_its_words_first(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        palette = await opened(stage, pilot)
        table = palette.query_one(VirtualTable)
        words, keys, name = (cell.text for cell in table._cells(table.selection.keys[0]))
        assert (words, keys, name) == ("go to the services view", "1", "view.services")
