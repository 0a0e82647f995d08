"""The form that makes a whole mark group, filled in by keys on the memory kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from lvstui.core.marks.rows import GroupRow
from lvstui.core.model import Family, MarkKey, Persistence
from lvstui.core.selectors import selector, selector_text
from lvstui.tui.dialogs.form import FormScreen
from tests.tui.test_forms import screen
from tests.tui.test_marks import Marked

SIZE = (80, 24)


@pytest.fixture
def stage(tmp_path: Path) -> Marked:
    return Marked(tmp_path)


def preview(stage: Marked) -> list[str]:
    return str(stage.app.screen.query_one("#preview", Static).content).splitlines()


async def test_a_whole_group_is_made_with_the_keyboard_and_applied_as_one(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        before = stage.director
        await pilot.press("a")
        assert preview(stage) == ["a preview is shown here once nothing is wrong"]
        await stage.fill(
            pilot,
            addresses="192.0.2.50, 2001:db8::50",
            name="web",
            servers="10.0.0.81 3, 10.0.0.82, fd00::81",
        )
        lines = preview(stage)
        assert "ipvsadm -a -f 81 -r 10.0.0.81:0 -m -w 3" in lines
        assert "lvstui's table as a script for nft -f:" in lines
        await pilot.press("ctrl+s")
        assert stage.director == before
        assert "staged as one: Enter applies, Ctrl-T for 2 min, Esc drops" in stage.staged()
        await stage.enter(pilot)
        assert [selector_text(selector) for selector in stage.groups[81].selectors] == [
            "tcp 192.0.2.50 80,443",
            "tcp 2001:db8::50 80,443",
        ]
        four, six = (stage.director.pools[MarkKey(81, family)] for family in Family)
        assert (len(four.servers), len(six.servers)) == (2, 1)
        assert four.service.persistence == Persistence(300)
        assert stage.marks.table.cursor_key == GroupRow(81)
        assert "saved" in stage.shown("head")
        await pilot.press("z")
        await stage.enter(pilot)
        assert stage.director == before


async def test_what_is_wrong_is_said_at_the_field(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("a", "ctrl+s")
        assert "addresses" in screen(stage)
        assert next(line for line in screen(stage).splitlines() if "addresses" in line).split()[1:3] == ["is", "needed"]
        await stage.fill(pilot, addresses="192.0.2.50", mark="80")
        assert "there is a group for 80 already" in screen(stage)
        await pilot.press("escape")
        assert not stage.marks.pending


async def test_every_field_of_every_template_fits_a_small_screen(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("a")
        for word in ("http+https", "ftp active", "ftp passive", "sip", "any port", "own ports"):
            form = stage.app.screen
            assert isinstance(form, FormScreen)
            assert form.values["template"] == word
            shown = [row for row in form._rows.values() if row.display]
            assert all(row.region.bottom < 22 for row in shown)
            await pilot.press("right")


async def test_the_keys_of_a_field_are_whole_on_a_small_screen(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("a")
        for field, last in (("template", "Esc cancel"), ("addresses", "PgUp PgDn scroll")):
            form = stage.app.screen
            assert isinstance(form, FormScreen)
            assert form.current == field
            keys = form.query_one(".keys", Static)
            assert str(keys.content).endswith(last)
            assert len(str(keys.content)) <= keys.size.width
            await pilot.press("enter")


async def test_known_machines_are_completed(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("a")
        await stage.fill(pilot, addresses="192.0.2.50", servers="web1, app")
        await stage.app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("right", "space", "3")
        form = stage.app.screen
        assert isinstance(form, FormScreen)
        assert form.values["servers"] == "web1, app1 3"
        assert "ipvsadm -a -f 81 -r 10.0.0.21:0 -m -w 3" in preview(stage)


async def test_ports_of_ones_own(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("a", "o")
        await stage.fill(pilot, addresses="192.0.2.50", ports="8000-8010", persistence="0", servers="10.0.0.81")
        await pilot.press("ctrl+s")
        await stage.enter(pilot)
        assert stage.groups[81].selectors == (selector("tcp 192.0.2.50 8000-8010"),)
        assert stage.director.pools[MarkKey(81, Family.IPV4)].service.persistence is None


async def test_when_the_rules_are_refused_nothing_of_the_group_stays(
    stage: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        before = stage.director
        await pilot.press("a")
        await stage.fill(pilot, addresses="192.0.2.50", servers="10.0.0.81")
        await pilot.press("ctrl+s")
        stage.refuse_rules(monkeypatch)
        await stage.enter(pilot)
        assert stage.director == before
        assert "saved" in stage.shown("head")
        assert "taken back" in stage.shown("message")


async def test_a_mark_that_others_set_gets_a_service(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, 21)
        await pilot.press("A")
        form = stage.app.screen
        assert isinstance(form, FormScreen)
        assert (form.values["template"], form.values["mark"]) == ("its rules", "21")
        await stage.fill(pilot, servers="10.0.0.81")
        await pilot.press("ctrl+s")
        await stage.enter(pilot)
        assert len(stage.director.pools[MarkKey(21, Family.IPV4)].servers) == 1
        assert 21 not in stage.groups
        stage.marks.table.move_to(GroupRow(0x4000))
        for server, family in (("10.0.0.81", Family.IPV4), ("fd00::81", Family.IPV6)):
            await pilot.press("A")
            await stage.fill(pilot, servers=server)
            await pilot.press("ctrl+s")
            await stage.enter(pilot)
            assert len(stage.director.pools[MarkKey(0x4000, family)].servers) == 1
        await pilot.press("A")
        assert "J goes to them" in stage.shown("message")
