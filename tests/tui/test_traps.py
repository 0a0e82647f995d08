"""What somebody who is tired does at 3 a.m. by habit, and what must not happen then."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from lvstui.core.fields import server, service
from lvstui.core.model import ServerKey
from lvstui.store.view_memory import Arrangement, ViewMemory
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.form import FormScreen
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.widgets.lines import Prompt
from tests.tui.conftest import Stage

SIZE = (80, 24)
SHOP = service("tcp:192.0.2.10:443")
WEB1 = ServerKey(SHOP, server("10.0.0.11:443"))
NOTE = "ask the shop team before draining both"


def weight(stage: Stage) -> int:
    return stage.director.pools[SHOP].servers[WEB1.endpoint].weight


def text(stage: Stage) -> str:
    """The text of the whole screen."""
    strips = stage.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def on(stage: Stage, pilot: Pilot[int], *keys: str) -> None:
    """Go to a real server, and press keys there."""
    await stage.look(pilot)
    stage.view.table.move_to(WEB1)
    await pilot.press(*keys)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any two presses of a key here come too fast after each other."""
    monkeypatch.setattr(LvstuiApp, "again", 30.0)


@pytest.mark.usefixtures("unhurried")
async def test_who_walks_through_a_form_with_enter_stages_at_most_and_writes_nothing(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, "e", "tab", "tab", "tab", "9")
        for _ in range(12):
            await pilot.press("enter")
        await stage.look(pilot)
        assert stage.view.staged.changes
        assert "right after another one" in stage.shown("message")
        assert weight(stage) == 3
        await pilot.press("j", "enter")
        await stage.look(pilot)
        assert weight(stage) == 9


async def test_enter_on_the_last_field_goes_to_the_button_that_says_what_it_does(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, "e", "tab", "tab", "tab", "9")
        while isinstance(stage.app.screen, FormScreen) and stage.app.screen.current != "name":
            await pilot.press("enter")
        assert "Enter to Stage" in text(stage)
        await pilot.press("enter")
        assert isinstance(stage.app.screen, FormScreen)
        assert stage.app.screen.current == "accept"
        assert "nothing is written yet" in text(stage)
        await pilot.press("right", "left", "enter")
        assert stage.view.pending


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("keys", [("W", "9", "enter"), ("i", "enter")])
async def test_an_enter_that_stages_does_not_apply_when_it_is_held_down(stage: Stage, keys: tuple[str, ...]) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, *keys, "enter", "enter", "enter")
        await stage.look(pilot)
        assert weight(stage) == 3


async def test_escape_asks_before_it_throws_away_what_was_typed(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, "e", "escape")
        assert len(stage.app.screen_stack) == 1, "nothing was typed"
        await pilot.press("e", "tab", "tab", "tab", "9", "escape")
        assert "weight: 9" in text(stage)
        await pilot.press("escape")
        form = stage.app.screen
        assert isinstance(form, FormScreen)
        assert form.values["weight"] == "9"
        await pilot.press("escape", "right", "enter")
        await pilot.pause()
        assert len(stage.app.screen_stack) == 1
        assert not stage.view.pending


@pytest.mark.parametrize("key", ["e", "A"])
async def test_the_buttons_of_a_form_are_on_the_smallest_screen(stage: Stage, key: str) -> None:
    async with stage.app.run_test(size=(60, 15)) as pilot:
        await on(stage, pilot, key)
        await pilot.pause()
        assert any("Stage" in line and "Cancel" in line for line in text(stage).splitlines())


async def test_a_choice_is_seen_to_be_one_and_says_its_words(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, "e")
        row = next(line for line in text(stage).splitlines() if "forwarding" in line)
        assert "< masq >" in row
        assert "masq route tunnel" in row


async def test_the_name_of_a_service_that_goes_is_typed_at_once_and_a_wrong_one_is_said(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("delete", *"ship", "enter")
        assert "not yet: type shop" in text(stage)
        await pilot.press("backspace", "backspace", *"op", "enter")
        assert stage.app.screen.query_one("#go", Button).has_focus
        await pilot.press("enter")
        await stage.look(pilot)
        assert SHOP not in stage.director.pools


@pytest.mark.usefixtures("unhurried")
async def test_typing_the_name_and_holding_enter_deletes_nothing(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("delete", *"shop", "enter", "enter", "enter")
        await stage.look(pilot)
        assert SHOP in stage.director.pools
        assert "right after another one" in text(stage)


@pytest.mark.usefixtures("unhurried")
async def test_the_enter_that_ends_a_number_does_not_apply_it_and_that_is_said(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("2")
        await stage.look(pilot)
        await pilot.press("f", "G", "t", *"77", "enter", "enter")
        await stage.look(pilot)
        assert "for 77 s" in text(stage)
        assert "right after another one" in " ".join(text(stage).split())
        await pilot.press("down", "enter")
        assert "for 77 s" not in text(stage)


async def test_where_no_name_is_typed_cancel_has_the_focus_and_down_reads_on_where_there_is_more(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        stage.app.push_screen(Confirm("Sure?", ["one line"], "Do it"))
        await pilot.pause()
        assert stage.app.screen.query_one("#cancel", Button).has_focus
        assert "scroll" not in text(stage)
        await pilot.press("escape")
        stage.app.push_screen(Confirm("Sure?", [f"line {place}" for place in range(40)], "Do it"))
        await pilot.pause()
        await pilot.pause()
        assert "Up Down PgUp PgDn scroll" in text(stage)
        await pilot.press(*["down"] * 5)
        assert "line 0" not in text(stage)
        assert stage.app.screen.query_one("#cancel", Button).has_focus


async def test_what_is_wrong_with_an_answer_is_said_whole_below_it(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, "2", "P")
        field = stage.app.query_one(PersistenceView).prompt.query_one(Input)
        field.value = ""
        await pilot.press(*"203.0.113.77")
        await pilot.pause()
        said = " ".join(line.strip() for line in text(stage).splitlines())
        assert "write CLIENT SERVICE; persistent are" in said
        assert "portal" in said


async def test_a_scheduler_that_the_kernel_lacks_is_refused_before_it_is_staged(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await on(stage, pilot, "percent_sign", *"zz", "enter")
        assert "no module ip_vs_zz" in str(stage.view.prompt.query_one("#wrong", Static).content)
        assert not stage.view.pending


async def test_a_time_that_is_typed_into_the_question_is_the_time(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("2")
        await stage.look(pilot, 2)
        await pilot.press("t")
        assert isinstance(stage.app.screen, EntryDialog), stage.shown("message")
        await pilot.press(*"600", "enter")
        assert isinstance(stage.app.screen, EntryDialog)
        assert "for 600 s" in text(stage)
        await pilot.press("escape", "M", "7", "7")
        assert stage.app.screen.query_one(Prompt).query_one(Input).value == "77"


async def test_what_an_edit_of_entries_reports_does_not_swallow_the_keys_of_views(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.app.push_screen(Listing("Entries: 21 done", ["done  one"]))
        await pilot.pause()
        await pilot.press("6")
        assert len(stage.app.screen_stack) == 1
        assert stage.app.view.id == "changes"


async def test_a_note_stands_where_one_acts_and_where_one_looks(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await on(stage, pilot, "d")
        assert f"note  of shop: {NOTE}" in stage.shown("staged")
        await pilot.press("escape", "up", "down")
        assert NOTE in stage.shown("message")
        await pilot.press("delete")
        assert NOTE in text(stage)


async def test_an_order_by_a_column_that_is_not_shown_is_said_once(stage: Stage) -> None:
    memory = ViewMemory(stage.profile.with_name("view.toml"))
    memory.keep("services", Arrangement("options", False, "service", ()))
    stage.remember(memory)
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        assert "sorted by Options, which has no room here" in stage.shown("message")
        await pilot.press("down", "z")
        await stage.look(pilot)
        assert "sorted by" not in stage.shown("message")
