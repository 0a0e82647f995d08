"""The detail of a row: where it stands, what keys do in it, and that it follows the cursor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from lvstui.core.change import change_service, fold
from lvstui.core.model import Director, ServerKey
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.views.table_view import TableView
from lvstui.tui.widgets.detail import Detail
from tests.build import SHOP
from tests.tui.conftest import Stage
from tests.tui.test_services import until


def detail(stage: Stage) -> Detail:
    assert isinstance(stage.app.view, TableView)
    return stage.app.view.body.detail


def table(stage: Stage) -> Widget:
    assert isinstance(stage.app.view, TableView)
    return stage.app.view.table


def shown(stage: Stage) -> str:
    """What the panel shows, line by line."""
    panel = detail(stage)
    if not panel.display:
        return ""
    return "\n".join(panel.render_line(y).text for y in range(panel.size.height))


async def go_to_server(stage: Stage, pilot: Pilot[int], name: str) -> None:
    assert stage.app.snapshot is not None
    pools = stage.app.snapshot.reading.director.pools
    keys = (ServerKey(k, e) for k, pool in pools.items() for e, server in pool.servers.items() if server.name == name)
    stage.view.table.move_to(next(keys))
    await pilot.pause(0.3)


async def test_a_wide_screen_has_the_detail_beside_the_table_and_a_tall_one_below_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        await go_to_server(stage, pilot, "web1")
        panel, table = detail(stage).region, stage.view.table.region
        assert panel.y == table.y
        assert panel.height > table.height, "the chart of all services stands below the table"
        assert table.right == panel.x
        assert "of shop, tcp:192.0.2.10:443" in shown(stage)
        await pilot.resize_terminal(110, 40)
        await pilot.pause()
        panel, table = detail(stage).region, stage.view.table.region
        assert table.bottom == panel.y
        assert panel.width == 110
        assert "web1" in shown(stage)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not shown(stage)


@pytest.mark.parametrize("key", ["escape", "1"])
async def test_enter_shows_the_detail_over_the_table_of_a_small_screen_and_esc_or_the_digit_goes_back(
    stage: Stage, key: str
) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await go_to_server(stage, pilot, "web1")
        assert not shown(stage)
        await pilot.press("enter")
        await pilot.pause()
        assert "10.0.0.11:443" in shown(stage)
        assert "Configuration" in shown(stage)
        assert detail(stage).has_focus
        await pilot.press(key)
        await pilot.pause()
        assert not shown(stage)
        assert stage.view.table.has_focus


@pytest.mark.parametrize("keys", [("6", "down"), ("slash", *"nobody", "enter")])
async def test_enter_on_what_has_no_detail_says_so_and_shows_no_empty_screen(
    stage: Stage, keys: tuple[str, ...]
) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press(*keys)
        await pilot.press("enter")
        await pilot.pause()
        assert stage.shown("message") == "there is no more to be seen of this row"
        assert not stage.app.view.query(".over")


async def test_what_an_open_detail_says_is_not_repeated_below_the_table(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot, 2)
        await go_to_server(stage, pilot, "web2")
        await stage.look(pilot, 12)
        assert "ask the shop team" in shown(stage)
        assert stage.shown("message") == ""
        await go_to_server(stage, pilot, "web4")
        await stage.look(pilot, 12)
        assert "M moves them" in shown(stage)
        assert stage.shown("message") == ""


async def test_a_long_note_leaves_the_table_its_rows_and_is_whole_in_the_detail(stage: Stage) -> None:
    """One of 4,096 characters took half of the screen as long as the cursor was on its service."""
    note = "ask the shop team first, and " * 100 + "then us"

    def noted(saved: Director | None) -> Director:
        assert saved is not None
        service = saved.pools[SHOP].service
        return fold(saved, [change_service(service, replace(service, note=note))])

    ProfileFile(stage.profile).update(noted)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 2)
        await go_to_server(stage, pilot, "web2")
        assert stage.shown("message").startswith("note of shop: ask the shop team first")
        assert stage.shown("message").endswith(" Enter shows all")
        assert stage.app.frame.query_one("#message").size.height <= 3
        await pilot.press("enter")
        await pilot.pause()
        read = shown(stage)
        for _ in range(3):
            await pilot.press("pagedown")
            await pilot.pause()
            read += shown(stage)
        assert "then us" in read


async def test_the_foot_says_how_to_get_back_from_an_open_detail_and_from_what_is_staged(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 2)
        assert "Esc" not in stage.shown("keys")
        await pilot.press("enter")
        await pilot.pause()
        assert stage.shown("keys").startswith("Esc back  ")
        await pilot.press("escape")
        await pilot.pause()
        assert "Esc" not in stage.shown("keys")
        await go_to_server(stage, pilot, "web1")
        await pilot.press("plus")
        await pilot.pause()
        assert stage.shown("keys").startswith("Enter apply  Ctrl-T for 2 min  Esc drop  ")


async def test_the_detail_follows_the_cursor_and_what_is_staged_goes_before_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await go_to_server(stage, pilot, "web1")
        await pilot.press("enter", "plus")
        await pilot.pause()
        assert stage.view.staged.changes
        await pilot.press("escape")
        assert not stage.view.staged.changes
        assert shown(stage), "the first Esc drops what is staged, and leaves the detail"
        await go_to_server(stage, pilot, "web2")
        assert "10.0.0.12:443" in shown(stage)


async def test_brackets_scroll_the_detail_and_what_is_new_there_stays_where_one_reads(stage: Stage) -> None:
    async with stage.app.run_test(size=(140, 12)) as pilot:
        await stage.look(pilot)
        await go_to_server(stage, pilot, "web1")
        first = shown(stage)
        await pilot.press("right_square_bracket")
        await pilot.pause()
        scrolled = detail(stage).scroll_offset.y
        assert scrolled > 0
        await stage.look(pilot)
        assert detail(stage).scroll_offset.y == scrolled
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert shown(stage).splitlines()[0] == first.splitlines()[0]


async def test_free_rows_below_a_short_table_show_what_all_services_did_until_rows_need_them(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        whole = stage.app.view.query(Detail).first()
        assert whole.display
        assert "All services, connections/s" in whole.render_line(0).text
        await pilot.resize_terminal(160, 38)
        await pilot.pause()
        assert not whole.display


async def test_a_key_shows_charts_over_a_longer_time_and_they_say_so(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        assert "last 15 min, 10 s a column" in shown(stage)
        await pilot.press("comma")
        assert "last 1 h, 40 s a column" in shown(stage)
        await pilot.press("full_stop", "full_stop")
        assert "last 90 s, 1 s a column" in shown(stage)


async def test_a_held_key_moves_the_cursor_and_the_detail_follows_when_it_rests(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        await until(pilot, lambda: stage.view.body._resting is None)
        with monkeypatch.context() as patch:
            patch.setattr("lvstui.tui.widgets.detail._REST", 1000.0)  # the next key comes sooner on any machine
            await pilot.press("down")
            seen = shown(stage)
            await pilot.press("g", *["down"] * 5)
            assert shown(stage) == seen
        await pilot.press("down")
        await until(pilot, lambda: shown(stage) != seen)
        key = stage.view.table.cursor_key
        assert isinstance(key, ServerKey)
        assert str(key.endpoint.address) in shown(stage)


async def entered(stage: Stage, pilot: Pilot[int], view: str) -> str:
    """Go to a view, and return what Enter shows there over the table; Esc goes back to the table."""
    await stage.look(pilot)
    await pilot.press(view)
    await stage.look(pilot)
    assert not shown(stage)
    await pilot.press("enter")
    await pilot.pause()
    said = shown(stage)
    assert said.split()
    await pilot.press("escape")
    await pilot.pause()
    assert not shown(stage)
    assert table(stage).has_focus
    return said


async def test_enter_shows_the_detail_of_what_sticks(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        assert "Share of entries" in await entered(stage, pilot, "2")


async def test_enter_shows_the_detail_of_a_connection(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        assert "Persistence entry" in await entered(stage, pilot, "4")


async def test_tables_that_need_most_of_a_screen_have_the_detail_below(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        for view in "24":
            await pilot.press(view)
            await stage.look(pilot)
            assert detail(stage).region.width == 160
            assert table(stage).region.bottom == detail(stage).region.y
            assert table(stage).region.height > 20, "nothing else takes rows"
        await pilot.resize_terminal(200, 48)
        await pilot.pause()
        assert detail(stage).region.x == table(stage).region.right == 142


async def test_a_screen_that_was_narrow_or_wide_for_a_moment_is_what_it_was_before(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("j", "enter")
        await pilot.pause()
        for size in ((200, 60), (60, 15), (20, 5), (160, 48), (1, 1), (79, 23), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert stage.app.frame.query_one("#head").size.height == 2
        assert detail(stage).display
        assert detail(stage).has_focus
        await pilot.press("escape")
        assert not detail(stage).display


async def test_charts_come_first_in_a_low_panel_and_its_first_cell_shows_that_keys_go_there(stage: Stage) -> None:
    async with stage.app.run_test(size=(110, 40)) as pilot:
        await stage.look(pilot, 2)
        await go_to_server(stage, pilot, "web1")
        lines = shown(stage).splitlines()
        assert lines[0].lstrip().startswith("web1")
        assert "Connections/s" in "\n".join(lines[:6])
        panel = detail(stage)

        def first_ground() -> object:
            style = next(iter(panel.render_line(0))).style
            return style and style.bgcolor

        away = first_ground()
        await pilot.press("enter")
        await pilot.pause()
        assert panel.has_focus
        assert first_ground() != away


async def test_an_open_detail_shows_who_sticks_though_nobody_looks_at_the_connection_table(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        await go_to_server(stage, pilot, "web1")
        await stage.look(pilot, 3)
        assert "Who sticks" in shown(stage)
        assert "left" in shown(stage).partition("Who sticks")[2].splitlines()[1]
        assert stage.app.snapshot.scan is None
