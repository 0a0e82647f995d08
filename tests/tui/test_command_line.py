"""Lines in the palette: arguments are completed, checked at once, staged as keys do, and remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from lvstui.core.model import Endpoint, MarkKey, ServerKey
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.palette import Palette
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.widgets.table import VirtualTable
from tests.tui.conftest import Stage
from tests.tui.test_services import message


async def typed(stage: Stage, pilot: Pilot[int], text: str) -> Palette:
    """Open the palette, where it is not open yet, and type a text into it."""
    if not isinstance(stage.app.screen, Palette):
        await pilot.press("colon")
    palette = stage.app.screen
    assert isinstance(palette, Palette)
    palette.query_one(Input).value = text
    await pilot.pause()
    return palette


async def give(stage: Stage, pilot: Pilot[int], text: str) -> None:
    await typed(stage, pilot, text)
    await pilot.press("enter")
    await pilot.pause()


def hint(palette: Palette) -> str:
    return str(palette.query_one("#hint", Static).content)


def offered(palette: Palette) -> list[object]:
    return list(palette.query_one(VirtualTable).selection.keys)


def staged(stage: Stage) -> dict[str, int]:
    """What is staged in the services view: the new weights by the names of the servers."""
    found = {}
    for change in stage.view.staged.changes:
        after = change.after
        found[getattr(after, "name", "")] = getattr(after, "weight", -1)
    return found


async def test_weights_are_staged_for_the_row_or_for_the_servers_that_are_named(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        before = stage.director
        await pilot.press("down")
        key = stage.view.table.cursor_key
        assert isinstance(key, ServerKey)
        name = stage.app.snapshot.reading.director.pools[key.service].servers[key.endpoint].name
        await give(stage, pilot, "weight 5")
        assert staged(stage) == {name: 5}
        await give(stage, pilot, "weight +2")
        assert staged(stage) == {name: 7}
        await pilot.press("escape")
        await give(stage, pilot, "drain web2")
        assert set(staged(stage)) == {"web2"}
        assert set(staged(stage).values()) == {0}
        await give(stage, pilot, "restore web2")
        assert not stage.view.pending
        await give(stage, pilot, "weight 50% web1 web3")
        assert set(staged(stage)) == {"web1", "web3"}
        await stage.look(pilot)
        assert stage.director == before


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("weight 5x", "whole number"),
        ("weight 5 web99x", "no real server is called"),
        ("sort activ3", "did you mean active?"),
        ("go nowhere-at-all", "nothing here is called"),
        ("theme lvstui-drak", "there is no theme"),
        ("interval 0", "from 0.2 to 3600"),
        ("interval nan", "from 0.2 to 3600"),
        ("trace x:y 10.1.0.9", "no target"),
        ("filter weight=foo", "needs a number"),
        ("timeout -1", "must be"),
        ("scheduler wlcc", "no module ip_vs_wlcc"),
        ("move 10.1.0.9 nobody", "no real server is called"),
        ("view nothing", "no view is called"),
        ('name "x', ""),
    ],
)
async def test_a_wrong_argument_is_a_sentence_at_once_and_enter_does_nothing(
    stage: Stage, line: str, sentence: str
) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        palette = await typed(stage, pilot, line)
        assert sentence in hint(palette)
        if sentence:
            await pilot.press("enter")
            assert stage.app.screen is palette
            assert sentence in hint(palette)
        assert not stage.view.pending


async def test_words_are_completed_from_what_is_on_the_director(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        palette = await typed(stage, pilot, "wei")
        await pilot.press("tab")
        assert palette.query_one(Input).value == "weight "
        palette = await typed(stage, pilot, "weight 5 10.0.0.1")
        assert "10.0.0.11:80" in offered(palette)
        palette = await typed(stage, pilot, "weight 5 web")
        assert offered(palette)[:2] == ["web1", "web2"]
        await pilot.press("down", "tab")
        assert palette.query_one(Input).value == "weight 5 web2 "
        assert "inactive" in offered(await typed(stage, pilot, "sort in"))
        assert set(offered(await typed(stage, pilot, "theme "))) >= {"light", *stage.app.themes.palettes}
        assert "wlc" in offered(await typed(stage, pilot, "scheduler w"))
        assert "server=web2" in offered(await typed(stage, pilot, "filter server=we")) or "name=" in offered(
            await typed(stage, pilot, "filter na")
        )
        palette = await typed(stage, pilot, "sort ac")
        await pilot.press("down", "up", "enter")
        assert stage.view.table.sort == ("active", False)
        assert message(stage) == "sorted by active"


async def test_go_leads_to_services_servers_marks_and_clients(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(stage, pilot, "go 10.0.0.12")
        key = stage.view.table.cursor_key
        assert isinstance(key, ServerKey)
        assert str(key.endpoint.address) == "10.0.0.12"
        pools = stage.app.snapshot.reading.director.pools
        shop = next(key for key, pool in pools.items() if pool.service.name == "shop")
        await give(stage, pilot, "go shop")
        assert stage.view.about == shop
        mark = next(key for key in stage.director.pools if isinstance(key, MarkKey))
        await give(stage, pilot, f"go {mark.mark}")
        assert stage.app.view.NAME == "marks"
        await give(stage, pilot, "go 100.64.3.3")
        assert stage.app.view.NAME == "persistence"
        assert stage.app.view.bearings.filter == "100.64.3.3"
        await pilot.press("escape")
        assert stage.app.view.NAME == "marks"


async def test_lines_of_another_view_open_it_where_they_name_what_they_act_on(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(stage, pilot, "view director")
        assert stage.app.view.NAME == "director"
        palette = await typed(stage, pilot, "drain ")
        assert "web2" in offered(palette)
        await pilot.press("enter")
        assert stage.app.screen is palette
        assert "or go to its row first" in hint(palette)
        await give(stage, pilot, "drain web2")
        assert stage.app.view.NAME == "services"
        assert set(staged(stage)) == {"web2"}
        await pilot.press("escape", "5")
        await give(stage, pilot, "set tcp 800")
        assert stage.app.view.NAME == "director"
        assert stage.app.view.pending


async def test_a_client_is_moved_after_the_question_that_the_key_asks(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await stage.look(pilot, 3)
        view = stage.app.query_one(PersistenceView)
        entry = next(iter(stage.app.snapshot.scan.entries)) if stage.app.snapshot.scan else None
        assert entry is not None
        there = stage.director.pools[entry.service].servers
        other = next(end for end in there if end.address != entry.server.address)
        await pilot.press("1")
        await give(stage, pilot, f"move {entry.client} {other.address}")
        await stage.look(pilot, 3)
        dialog = stage.app.screen
        assert isinstance(dialog, EntryDialog)
        target = dialog._request.target
        assert isinstance(target, Endpoint)
        assert target.address == other.address
        assert stage.app.view is view
        await pilot.press("escape")


async def test_lines_are_remembered_and_up_goes_back_to_them_but_not_to_notes(stage: Stage, tmp_path: Path) -> None:
    memory = ViewMemory(tmp_path / "view.toml")
    stage.remember(memory)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(stage, pilot, "interval 5")
        assert message(stage) == "reading every 5 s"
        await give(stage, pilot, "sort weight")
        await give(stage, pilot, "note the password is swordfish")
        await give(stage, pilot, "pause")
        await pilot.press("colon", "up")
        palette = stage.app.screen
        assert isinstance(palette, Palette)
        field = palette.query_one(Input)
        assert field.value == "sort weight"
        await pilot.press("up")
        assert field.value == "interval 5"
        await pilot.press("up", "down", "down")
        assert field.value == ""
        await pilot.press("up", "enter")
        assert stage.view.table.sort == ("weight", False)
    assert list(ViewMemory(tmp_path / "view.toml").lines) == ["sort weight", "interval 5"]
    assert "swordfish" not in (tmp_path / "view.toml").read_text()


async def test_what_is_found_by_its_key_alone_is_said_to_be(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        assert "is only the key" in hint(await typed(stage, pilot, "%"))
        assert "is only the key" not in hint(await typed(stage, pilot, "d"))
        assert "weight WEIGHT [SERVER...]" in hint(await typed(stage, pilot, "set the weight"))


async def test_words_that_are_no_argument_find_the_command_of_these_words(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        for text, found in {
            "interval read": "interval",
            "sort invert": "sort.invert",
            "weight up": "weight.up",
        }.items():
            palette = await typed(stage, pilot, text)
            place = palette.query_one(VirtualTable).cursor_key
            assert isinstance(place, int)
            assert palette._choices[place].id == found


async def test_a_read_only_lvstui_takes_lines_that_look_and_refuses_those_that_edit(stage: Stage) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(stage, pilot, "drain web2")
        assert "--read-only" in message(stage)
        assert not stage.view.pending
        await give(stage, pilot, "sort active")
        assert stage.view.table.sort == ("active", False)


async def test_a_theme_that_is_shipped_needs_no_more_than_its_last_word(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(stage, pilot, "theme light")
        assert stage.app.theme == "lvstui-light"
        await give(stage, pilot, "theme lvstui-safe")
        assert stage.app.theme == "lvstui-safe"
