"""The advice, opened by one key from every view, on the memory kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.change import change_group, change_service
from lvstui.core.fields import service
from lvstui.core.marks.rows import GroupRow
from lvstui.core.model import Family, MarkGroup, MarkKey, Service
from lvstui.core.selectors import selector
from lvstui.core.view.table import Tone
from lvstui.tui.dialogs.advice import AdviceScreen
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.widgets.lines import Chunks
from lvstui.tui.widgets.table import VirtualTable
from tests.build import rule
from tests.tui.test_marks import Marked

SIZE = (100, 30)


@pytest.fixture
def stage(tmp_path: Path) -> Marked:
    return Marked(tmp_path)


def screen(stage: Marked) -> AdviceScreen:
    assert isinstance(stage.app.screen, AdviceScreen)
    return stage.app.screen


def details(stage: Marked) -> str:
    return str(screen(stage).query_one("#reason", Static).content)


async def go_to(pilot: Pilot[int], stage: Marked, words: str) -> None:
    """Put the cursor on the advice that says these words."""
    await pilot.press("home")
    for _ in range(10):
        if words in screen(stage).chosen.sentence:
            return
        await pilot.press("down")
    raise AssertionError(words)


async def test_the_head_says_how_many_there_are_and_one_key_tells_them(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        assert "advice 2" in stage.shown("head")
        for key in ("1", "2", "3", "4", "5", "6"):
            await pilot.press(key, "i")
            assert "Advice: 2 problems" in str(screen(stage).query_one("#title", Static).content)
            await pilot.press("escape")


async def test_an_edit_is_staged_and_written_by_enter(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("i")
        await go_to(pilot, stage, "is drained")
        assert "sysctl -w net.ipv4.vs.expire_quiescent_template=1" in details(stage)
        await pilot.press("enter")
        assert stage.view.pending
        assert stage.director.sysctl["expire_quiescent_template"] == "0"
        await stage.enter(pilot)
        assert stage.director.sysctl["expire_quiescent_template"] == "1"
        assert "advice 1" in stage.shown("head")


async def test_an_edit_that_removes_services_asks_first(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("i")
        await go_to(pilot, stage, "may land on different servers")
        await pilot.press("enter")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("right", "enter")
        await stage.look(pilot, 2)
        assert MarkKey(81, Family.IPV4) in stage.director.pools
        assert service("tcp:192.0.2.10:443") not in stage.director.pools


async def test_it_opens_on_what_concerns_the_row_and_leads_there(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.kernel.write(change_group(stage.groups[80], None))
        await stage.look(pilot)
        stage.view.table.move_to(MarkKey(80, Family.IPV4))
        await pilot.press("i")
        assert screen(stage).chosen.sentence == "the rules are gone from the packet filter"
        assert "+ nft rule inet lvstui prerouting, output: ip daddr 192.0.2.20" in details(stage)
        await pilot.press("J")
        assert stage.app.view.id == "marks"
        assert stage.marks.table.cursor_key == GroupRow(80)
        await pilot.press("i", "enter")
        await stage.enter(pilot)
        assert 80 in stage.groups


async def test_the_detail_of_a_mark_says_what_is_wrong_with_it(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("t")
        await stage.write(pilot, "0")
        await pilot.press("enter")
        await stage.enter(pilot)
        await pilot.press("enter")
        assert any("several ports in one group, and no persistence" in line for line in stage.lines())


async def test_read_only_shows_advice_and_refuses_its_edits(stage: Marked) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("i", "enter")
        assert "--read-only" in stage.shown("message")
        assert not stage.view.pending


async def test_many_alike_are_one_line_that_unfolds(stage: Marked) -> None:
    for number in range(30, 40):
        stage.kernel.write(change_service(None, Service(MarkKey(number, Family.IPV4), "rr")))
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        assert "advice 3" in stage.shown("head")
        await pilot.press("i")
        assert "Advice: 3 problems at 12 places" in str(screen(stage).query_one("#title", Static).content)
        assert "1 keeps clients from being served" in str(screen(stage).query_one("#title", Static).content)
        await go_to(pilot, stage, "no rule sets it")
        assert "mark 30 and 9 more: no rule sets it" in details(stage)
        assert "mark 39" in details(stage)
        await pilot.press("enter", "down", "down")
        assert details(stage).startswith("mark 31: no rule sets it")
        await pilot.press("J")
        assert stage.marks.table.cursor_key == GroupRow(31)


async def test_a_word_says_what_keeps_clients_from_being_served_and_what_may(stage: Marked) -> None:
    stage.kernel.write(change_service(None, Service(MarkKey(30, Family.IPV4), "rr")))
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("i")
        table = screen(stage).query_one(VirtualTable)
        words = {}
        for row in table.selection.keys:
            severity, _, sentence = table._cells(row)
            words[sentence.text] = severity.text, severity.tone
        assert words.pop("no rule sets it") == ("wrong", Tone.BAD)
        assert set(words.values()) == {("warning", Tone.WARN)}


async def test_the_height_is_used_and_the_whole_sentence_of_the_row_is_there_at_80_columns(stage: Marked) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("i")
        table, reason = screen(stage).query_one(VirtualTable), screen(stage).query_one(Chunks)
        assert table.size.height == len(table.selection.keys) + 1
        assert table.size.height + reason.size.height == 22
        for _ in table.selection.keys:
            assert screen(stage).chosen.sentence in " ".join(details(stage).split())
            await pilot.press("down")


async def test_the_packet_that_shows_what_is_wrong_is_traced(stage: Marked) -> None:
    late = rule(80, "tcp 192.0.2.20 8080", table="mangle", hook="input", chain="input", priority=120)
    stage.kernel._rulebook._foreign = (late,)
    stage.kernel.write(change_group(None, MarkGroup(99, (selector("tcp 192.0.2.99 99"),))))
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("i")
        await go_to(pilot, stage, "comes too late")
        assert "packet  198.51.100.1:40000 tcp:192.0.2.20:8080" in details(stage)
        await pilot.press("T")
        await stage.look(pilot)
        assert isinstance(stage.app.screen, Listing)
