"""Many rows at once, driven by keys on the memory kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from lvstui.core.change import change_server
from lvstui.core.model import ServerKey, ServiceKey
from lvstui.engine.messages import Edit
from lvstui.formats.profile.write import loads
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.listing import Copied, Listing
from tests.build import SHOP, address_key, endpoint, server
from tests.tui.conftest import Stage

SIZE = (120, 40)
CACHE = address_key("tcp:192.0.2.40:8080")


def weights(stage: Stage, key: ServiceKey = SHOP) -> list[int]:
    return [server.weight for server in stage.director.pools[key].servers.values()]


async def mark(stage: Stage, pilot: Pilot[int], *keys: ServiceKey | ServerKey) -> None:
    """Mark rows with the space key."""
    for key in keys:
        assert stage.view.table.move_to(key)
        await pilot.press("space")


async def answer(pilot: Pilot[int], text: str) -> None:
    """Type into the prompt and press Enter."""
    pilot.app.query_one(Input).value = text
    await pilot.press("enter")


async def test_a_marked_service_stands_for_its_servers_and_drained_ones_stay_drained(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await mark(stage, pilot, SHOP)
        assert "1 marked" in stage.shown("head")
        await pilot.press("plus", "plus")
        for line in ("weight 3 -> 5", "weight 2 -> 4"):
            assert line in stage.shown("staged")
        await pilot.press("enter")
        await stage.look(pilot)
        assert weights(stage) == [5, 5, 4, 0]
        assert not stage.view.table.marked
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert weights(stage) == [3, 3, 2, 0]


async def test_w_asks_for_all_marked_rows_and_lists_every_line(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await mark(stage, pilot, SHOP, CACHE)
        await pilot.press("W", "x")
        assert "whole number" in stage.shown("wrong")
        await answer(pilot, "*2")
        lines = stage.shown("staged").splitlines()
        assert lines[0] == "staged 7 changes: Enter applies, Ctrl-T for 2 min, Esc drops, [ ] scroll"
        assert len(lines) == 9
        assert all("weight" in line for line in lines[1:-1])
        assert lines[-1].startswith("note  of shop: ask the shop team")
        await pilot.press("enter")
        await stage.look(pilot)
        assert (weights(stage), weights(stage, CACHE)) == ([6, 6, 4, 0], [4, 2, 4, 2])
        await pilot.press("z")
        assert len(stage.shown("staged").splitlines()) == 9
        await pilot.press("enter")
        await stage.look(pilot)
        assert (weights(stage), weights(stage, CACHE)) == ([3, 3, 2, 0], [2, 1, 2, 1])


async def test_what_is_staged_can_be_scrolled_to_its_last_line(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("g", "v", "G", "v", "d")
        panel = stage.view.query_one("#pending")
        assert panel.max_scroll_y > 0
        await pilot.press(*["right_square_bracket"] * 3)
        assert panel.scroll_y == panel.max_scroll_y
        await pilot.press(*["left_square_bracket"] * 3)
        assert panel.scroll_y == 0


async def test_d_drains_all_marked_and_restores_them_with_the_weights_they_had(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await mark(stage, pilot, SHOP)
        await pilot.press("d", "enter")
        await stage.look(pilot)
        assert weights(stage) == [0, 0, 0, 0]
        saved = loads(stage.profile.read_text(), "profile").pools[SHOP].servers.values()
        assert [server.resume for server in saved] == [3, 3, 2, 3]
        await mark(stage, pilot, SHOP)
        await pilot.press("d", "enter")
        await stage.look(pilot)
        assert weights(stage) == [3, 3, 2, 3]


async def test_keys_for_weights_do_nothing_on_a_service_that_is_not_marked(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        for key in ("plus", "d", "W"):
            await pilot.press(key)
            assert not stage.view.pending
            assert "mark it with Space" in stage.shown("message")


async def test_delete_names_all_marked_servers_and_one_undo_brings_them_back(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        before = stage.director
        first, second, *_ = (ServerKey(SHOP, endpoint) for endpoint in before.pools[SHOP].servers)
        await mark(stage, pilot, first, second)
        await pilot.press("delete")
        dialog = stage.app.screen
        assert isinstance(dialog, Confirm)
        shown = "\n".join(str(line.content) for line in dialog.query(Static))
        assert "Delete 2 real servers?" in shown
        for key in (first, second):
            assert str(key.endpoint.address) in shown
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert len(stage.director.pools[SHOP].servers) == 2
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert stage.director.pools[SHOP] == replace(before.pools[SHOP], servers=stage.director.pools[SHOP].servers)
        assert stage.director.pools[SHOP].servers == before.pools[SHOP].servers


async def test_whole_services_are_deleted_only_once_their_number_is_typed(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await mark(stage, pilot, SHOP, CACHE)
        await pilot.press("delete")
        dialog = stage.app.screen
        assert dialog.query_one("#go", Button).disabled
        dialog.query_one(Input).value = "2 services"
        await pilot.pause()
        dialog.query_one("#go", Button).press()
        await stage.look(pilot)
        assert SHOP not in stage.director.pools
        assert CACHE not in stage.director.pools


async def test_servers_are_copied_to_a_service_by_name_after_the_lines_are_shown(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        count = len(stage.director.pools[CACHE].servers)
        stage.view.table.move_to(SHOP)
        await pilot.press("C", "x")
        assert "is not a service" in stage.shown("wrong")
        await answer(pilot, "cache port 8080")
        assert "+ tcp:192.0.2.40:8080 / 10.0.0.11:8080" in stage.shown("staged")
        assert len(stage.director.pools[CACHE].servers) == count
        await pilot.press("enter")
        await stage.look(pilot)
        copied = stage.director.pools[CACHE].servers[endpoint("10.0.0.11:8080")]
        assert (copied.weight, copied.upper, len(stage.director.pools[CACHE].servers)) == (3, 4000, count + 4)


async def test_copying_where_they_are_already_is_said_at_the_prompt(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("C")
        await answer(pilot, "shop")
        assert "has all of them" in stage.shown("wrong")
        assert not stage.view.pending


async def test_an_edit_that_ends_half_way_names_what_was_written_and_undo_takes_exactly_that_back(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        before = weights(stage)
        first, second, *_ = stage.director.pools[SHOP].servers.values()
        named = loads(stage.profile.read_text(), "profile").pools[SHOP].servers[first.endpoint]
        wrong = server("10.0.0.99:443", upper=1, lower=2)
        changes = (
            change_server(SHOP, named, replace(named, weight=9)),
            change_server(SHOP, None, wrong),
            change_server(SHOP, second, replace(second, weight=9)),
        )
        stage.view.ask(Edit(changes))
        await stage.look(pilot)
        listing = stage.app.screen
        assert isinstance(listing, Listing)
        lines = str(listing.query_one("#lines").render()).splitlines()
        assert [line.split("  ")[0] for line in lines if "written " in line] == [
            "written",
            "not written",
            "not written",
        ]
        assert "weight 3 -> 9" in lines[0]
        assert weights(stage) == [9, *before[1:]]
        await pilot.press("escape", "z", "enter")
        await stage.look(pilot)
        assert weights(stage) == before


async def test_y_shows_commands_and_toml_and_sends_the_commands_to_the_clipboard(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("y")
        excerpt = stage.app.screen
        assert isinstance(excerpt, Copied)
        shown = str(excerpt.query_one("#lines").render())
        assert "[[service]]" in shown
        assert stage.app.clipboard.startswith("ipvsadm -A -t 192.0.2.10:443 -s wlc -p 300 -M 255.255.255.0\nipvsadm -a")
        await pilot.press("y")
        assert stage.app.clipboard.startswith("[[service]]")
        await pilot.press("escape")
        assert not isinstance(stage.app.screen, Listing)


async def test_counters_are_zeroed_only_after_a_confirm(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 10)
        assert stage.kernel.read().services[SHOP].connections > 0
        stage.view.table.move_to(SHOP)
        await pilot.press("O", "escape")
        await stage.look(pilot)
        assert stage.kernel.read().services[SHOP].connections > 0
        await pilot.press("O", "right", "enter")
        await pilot.pause()
        stage.app.worker.step(0)
        await pilot.pause()
        assert stage.kernel.read().services[SHOP].connections == 0
        assert stage.kernel.read().services[CACHE].connections > 0
        assert "counters of tcp:192.0.2.10:443 are zero" in stage.shown("message")
        await pilot.press("colon", *"zero.all", "enter", "right", "enter")
        await pilot.pause()
        stage.app.worker.step(0)
        assert stage.kernel.read().services[CACHE].connections == 0


@pytest.mark.parametrize("key", ["plus", "d", "W", "C", "delete", "O"])
async def test_read_only_refuses_all_of_it_and_says_why(stage: Stage, key: str) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await mark(stage, pilot, SHOP)
        await pilot.press(key)
        assert not stage.view.pending
        assert not isinstance(stage.app.screen, Confirm)
        assert "--read-only" in stage.shown("message")


async def test_marks_that_a_filter_hides_are_let_go(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await mark(stage, pilot, SHOP, CACHE)
        await pilot.press("slash", *"cache", "enter")
        assert stage.view.table.marked == {CACHE}


async def test_more_than_a_clipboard_takes_is_shown_and_not_sent(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.app.push_screen(Copied("Much", {"commands": "ipvsadm -C\n" * 10_000, "TOML": "[timeouts]"}))
        await pilot.pause()
        assert "too long" in str(stage.app.screen.query_one(".foot", Static).content)
        assert stage.app.clipboard == ""
        await pilot.press("y")
        assert stage.app.clipboard == "[timeouts]"
