"""By machine, driven by keys on the memory kernel."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from textual.widgets import Button, Input

from lvstui.core.model import Endpoint, ServerKey
from lvstui.core.observed import MachineKey
from lvstui.formats.profile.write import loads
from lvstui.store.view_memory import Arrangement, ViewMemory
from lvstui.tui.views.services import ServicesView
from tests.build import SHOP, address_key, endpoint
from tests.tui.conftest import Stage

SIZE = (120, 40)
WEB1 = IPv4Address("10.0.0.11")
REDIRECT = address_key("tcp:192.0.2.10:80")
IN_SHOP, IN_REDIRECT = ServerKey(SHOP, Endpoint(WEB1, 443)), ServerKey(REDIRECT, Endpoint(WEB1, 80))


def weights(stage: Stage) -> list[int]:
    """The weights of web1 in its two services."""
    return [stage.director.pools[key.service].servers[key.endpoint].weight for key in (IN_SHOP, IN_REDIRECT)]


async def test_m_regroups_with_the_cursor_on_the_same_server(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(IN_SHOP)
        await pilot.press("m")
        assert stage.view.table.cursor_key == IN_SHOP
        assert "by machine" in stage.shown("head")
        assert stage.view.table.move_to(MachineKey(WEB1))
        await pilot.press("m")
        assert stage.view.table.cursor_key in (IN_SHOP, IN_REDIRECT)
        assert "by machine" not in stage.shown("head")


async def test_regrouping_unfolds_what_the_cursor_goes_into(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("left", "m")
        key = stage.view.table.cursor_key
        assert isinstance(key, ServerKey)
        assert key.service == SHOP
        await pilot.press("m")
        assert stage.view.table.cursor_key == key


async def test_a_machine_is_drained_everywhere_and_restored_from_the_profile(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(WEB1))
        await pilot.press("d")
        for line in ("weight 3 -> 0", "weight 1 -> 0"):
            assert line in stage.shown("staged")
        assert weights(stage) == [3, 1]
        await pilot.press("enter")
        await stage.look(pilot)
        assert weights(stage) == [0, 0]
        saved = loads(stage.profile.read_text(), "profile").pools
        assert saved[SHOP].servers[IN_SHOP.endpoint].resume == 3
    stage.remember(ViewMemory(tmp_path / "view.toml"))
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(WEB1))
        await pilot.press("d", "enter")
        await stage.look(pilot)
        assert weights(stage) == [3, 1]


async def test_a_weight_typed_on_a_machine_is_for_all_of_its_servers(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(WEB1))
        await pilot.press("W", "7", "enter", "enter")
        await stage.look(pilot)
        assert weights(stage) == [7, 7]
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert weights(stage) == [3, 1]


async def test_a_machine_is_deleted_from_all_services_once_its_address_is_typed(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(WEB1))
        await pilot.press("delete")
        dialog = stage.app.screen
        assert dialog.query_one("#go", Button).disabled
        dialog.query_one(Input).value = "10.0.0.11"
        await pilot.pause()
        dialog.query_one("#go", Button).press()
        await stage.look(pilot)
        assert all(WEB1 not in [end.address for end in pool.servers] for pool in stage.director.pools.values())


async def test_what_only_a_server_has_is_not_asked_of_a_machine(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(WEB1))
        for key in ("e", "a", "L", "greater_than_sign", "t"):
            await pilot.press(key)
            assert "go to one of its servers" in stage.shown("message")
            assert len(stage.app.screen_stack) == 1
            assert not stage.view.prompt.has_class("asking")


async def test_machines_fold_and_a_filter_opens_them(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(WEB1))
        await pilot.press("left")
        assert not stage.view.table.move_to(IN_SHOP)
        await pilot.press("slash", *"scheduler=rr", "enter")
        assert stage.view.table.move_to(IN_REDIRECT)
        assert not stage.view.table.move_to(IN_SHOP)
        await pilot.press("escape", "f")
        assert stage.view.table.move_to(IN_SHOP)


async def test_a_drained_server_says_how_it_goes_on_when_the_cursor_comes_to_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 5)
        stage.view.table.move_to(ServerKey(SHOP, endpoint("10.0.0.14:443")))
        await pilot.pause()
        assert "left" in stage.shown("message")
        stage.view.table.move_to(IN_SHOP)
        await pilot.pause()
        assert stage.shown("message").startswith("note of shop: ")


async def test_the_arrangement_is_remembered(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "state" / "view.toml"
    stage.remember(ViewMemory(path))
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("m", "s", "I", "o", "j", "j", "space", "enter")
        assert "method" not in [column.id for column in stage.view.table._sheet.columns]
    stage.remember(ViewMemory(path))
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        assert "by machine" in stage.shown("head")
        assert stage.view.table.sort == ("target", True)
        assert "method" not in [column.id for column in stage.view.table._sheet.columns]


async def test_columns_that_are_hidden_at_first_are_shown_to_those_only_who_asked_for_them(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "view.toml"
    path.write_text('[services]\nsort = "name"\nhidden = ["history"]\n')
    stage.remember(ViewMemory(path))
    hidden = ServicesView(ViewMemory(path)).look.hidden
    assert {"history", "total-in", "in-packets"} <= hidden
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.rearrange(replace(stage.view.look, hidden=hidden - {"total-in"}))
    assert ServicesView(ViewMemory(path)).look.hidden == hidden - {"total-in"}


async def test_an_arrangement_that_is_not_known_any_more_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    memory = ViewMemory(tmp_path / "view.toml")
    memory.keep("services", Arrangement("colour", True, "rack", ("name", "wheels")))
    stage.remember(memory)
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        assert stage.view.table.sort == ("name", True)
        assert stage.view.table.move_to(SHOP)


async def test_escape_leaves_the_columns_as_they_were_and_s_sorts_by_the_one_in_question(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("o", "j", "space", "s", "escape")
        assert stage.view.table.sort == ("name", False)
        await pilot.press("o", "G", "s", "s", "enter")
        assert stage.view.table.sort == ("state", True)
