"""The frame: six views as tabs, a way back from wherever one was led, and words that lead to what they are about."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.model import AddressKey, ServerKey
from lvstui.engine.options import Options
from lvstui.tui.app import LvstuiApp
from lvstui.tui.commands import find
from lvstui.tui.dialogs.help import Help
from lvstui.tui.everywhere import EVERYWHERE
from tests.tui.conftest import Stage

VIEWS = ("services", "persistence", "marks", "connections", "director", "changes")
NOWHERE = "this is where you came in"


def head(stage: Stage) -> list[str]:
    return stage.shown("head").splitlines()


async def click(stage: Stage, pilot: Pilot[int], name: str, word: str) -> None:
    """Click on a word of the head or of the keys."""
    widget = stage.app.screen_stack[0].query_one(f"#{name}", Static)
    lines = str(widget.content).splitlines()
    y = next(place for place, line in enumerate(lines) if word in line)
    await pilot.click(widget, offset=(lines[y].index(word) + 1, y))
    await pilot.pause()


def sticky(stage: Stage) -> AddressKey:
    """Return a service to whose servers clients stick."""
    pools = stage.director.pools.items()
    return next(key for key, pool in pools if isinstance(key, AddressKey) and pool.service.persistence)


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 15)])
async def test_each_view_has_its_tab_two_lines_of_head_and_the_keys_at_the_end(
    stage: Stage, size: tuple[int, int]
) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await stage.look(pilot, 2)
        for place, view in enumerate(VIEWS, 1):
            await pilot.press(str(place))
            await stage.look(pilot)
            assert view == stage.app.view.NAME
            assert f"{place} {view.capitalize()}" in head(stage)[0]
            assert head(stage)[1].endswith("saved")
            assert all(len(line) <= size[0] - 2 for line in head(stage))
            assert stage.shown("keys").endswith("? help  q quit")
            assert stage.app.screen.query_one("#keys").region.bottom == size[1]


async def test_escape_goes_back_step_by_step_with_cursor_and_filter_as_they_were(stage: Stage) -> None:
    async with stage.app.run_test(size=(100, 30)) as pilot:
        await stage.look(pilot)
        service = sticky(stage)
        server = ServerKey(service, next(iter(stage.director.pools[service].servers)))
        name = stage.app.snapshot.reading.director.pools[service].service.name
        await pilot.press("slash", *name, "enter")
        stage.view.table.move_to(server)
        await pilot.press("E")
        await stage.look(pilot, 2)
        assert stage.app.view.NAME == "persistence"
        assert head(stage)[2].startswith(f"Services > {name} > ")
        assert "filter service=" in head(stage)[2]
        await pilot.press("slash", "x", "enter", "escape")
        assert stage.app.view.NAME == "persistence"
        await pilot.press("escape")
        assert stage.app.view is stage.view
        assert (stage.view.filter_text, stage.view.table.cursor_key) == (name, server)
        await pilot.press("backspace")
        assert stage.view.filter_text == ""
        assert len(head(stage)) == 2
        await pilot.press("escape")
        assert NOWHERE in stage.shown("message")


async def test_a_view_opened_by_its_digit_shows_everything_and_has_no_way_back(stage: Stage) -> None:
    async with stage.app.run_test(size=(100, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(sticky(stage))
        await pilot.press("E")
        await stage.look(pilot)
        assert "filter" in stage.shown("head")
        await pilot.press("1", "2")
        await stage.look(pilot)
        assert "filter" not in stage.shown("head")
        await pilot.press("escape")
        assert stage.app.view.NAME == "persistence"
        assert NOWHERE in stage.shown("message")


@pytest.mark.parametrize("view", range(1, 7))
async def test_escape_says_in_every_view_when_there_is_nothing_to_go_back_to(stage: Stage, view: int) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 2)
        await pilot.press(str(view), "escape")
        assert NOWHERE in stage.shown("message")


async def test_a_click_on_a_tab_a_word_a_title_and_a_key_does_what_they_say(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot, 2)
        await click(stage, pilot, "head", "5 Director")
        assert stage.app.view.NAME == "director"
        await click(stage, pilot, "head", "saved")
        assert stage.app.view.NAME == "changes"
        await pilot.press("escape")
        assert stage.app.view.NAME == "director"
        await click(stage, pilot, "head", "1 Services")
        table = stage.view.table
        await pilot.click(table, offset=(3, 0))
        first = stage.view.look
        assert (first.sort, first.descending) == (stage.view.ROWS.every_column[0].id, True)
        await pilot.click(table, offset=(3, 0))
        assert not stage.view.look.descending
        rows = len(table.selection.keys)
        await pilot.click(table, offset=(1, 1))
        assert len(table.selection.keys) < rows
        await pilot.click(table, offset=(1, 1))
        assert len(table.selection.keys) == rows
        await click(stage, pilot, "keys", "help")
        assert isinstance(stage.app.screen, Help)


async def test_f1_helps_and_ctrl_r_reads_at_once_also_while_paused(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("p")
        await stage.look(pilot)
        assert "paused" in stage.shown("head")
        before = stage.app.snapshot.reading.taken
        await pilot.press("ctrl+r")
        await stage.look(pilot)
        assert stage.app.snapshot.reading.taken > before
        await pilot.press("p", "f1")
        assert isinstance(stage.app.screen, Help)


async def test_the_interval_in_force_has_its_word(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        assert "every 2 s" not in stage.shown("head")
        await pilot.press("r")
        await stage.look(pilot)
        assert "every 2 s" in stage.shown("head")


async def test_the_demo_says_nothing_of_the_load_of_this_machine(stage: Stage) -> None:
    app = LvstuiApp(Options(stage.kernel, None), threaded=False)
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.pause()
        app.worker.step(0)
        await pilot.pause()
        shown = str(app.query_one("#head", Static).content)
        assert "conn/s" in shown
        assert "cpu" not in shown


async def test_while_a_line_asks_only_its_keys_are_shown(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("slash")
        await pilot.pause()
        assert stage.shown("keys").strip() == "Enter take  Esc cancel"
        await pilot.press("escape")
        await pilot.pause()
        assert stage.shown("keys").endswith(find(EVERYWHERE, "quit").bar)


async def test_what_is_staged_comes_first_among_the_keys_and_has_its_word_in_every_view(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        service = sticky(stage)
        stage.view.table.move_to(ServerKey(service, next(iter(stage.director.pools[service].servers))))
        await pilot.press("plus")
        await pilot.pause()
        assert stage.shown("keys").startswith("Enter apply  Ctrl-T for 2 min  Esc drop")
        assert "1 staged" in stage.shown("head")
        await pilot.press("5")
        assert "1 staged in services" in stage.shown("head")
        await pilot.press("1", "escape")
        await pilot.pause()
        assert "staged" not in stage.shown("head")


async def test_a_sentence_of_a_view_that_is_left_is_not_shown_in_the_next_one(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 2)
        services = stage.view
        await pilot.press("2")
        services.say("note of shop: ask first", standing=True)
        await pilot.pause()
        assert "note of shop" not in stage.shown("message")
        await pilot.press("1")
        services.say("note of shop: ask first", standing=True)
        await pilot.pause()
        assert "note of shop" in stage.shown("message")


async def test_read_only_offers_no_edits(stage: Stage) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        assert "read-only" in stage.shown("head")
        off = stage.app.frame.keys.off
        assert not {"e edit", "a add"} & set(stage.shown("keys").split("  ")) - set(off)


async def test_a_long_sentence_is_shown_to_its_end(stage: Stage) -> None:
    async with stage.app.run_test(size=(60, 24)) as pilot:
        await stage.look(pilot)
        stage.app.say(" ".join(f"word{number}" for number in range(60)) + " the end")
        await pilot.pause()
        line = stage.app.screen.query_one("#message")
        shown = "\n".join("".join(part.text for part in line.render_line(y)) for y in range(line.size.height))
        assert "the end" in shown
        assert line.size.height <= 12


async def test_a_click_on_the_key_that_applies_writes_nothing(stage: Stage) -> None:
    """The first click into a window often means no more than that window."""
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        before = stage.director
        await pilot.press("down", "d")
        await pilot.pause()
        await click(stage, pilot, "keys", "Enter apply")
        await stage.look(pilot)
        assert stage.director == before
        assert stage.shown("message") == "a click writes nothing: press Enter to apply what is staged"
        await pilot.press("enter")
        await stage.look(pilot)
        assert stage.director != before
