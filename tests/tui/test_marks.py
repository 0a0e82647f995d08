"""The marks view, driven by keys on the memory kernel."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from lvstui.core.change import Change, change_group
from lvstui.core.drift import remove_pool
from lvstui.core.fields import service
from lvstui.core.marks.rows import GroupRow, MarkRowKey, RuleRow
from lvstui.core.model import Family, MarkGroup, MarkGroupKey, MarkKey, Persistence, ServerKey
from lvstui.core.observed import RowKey, Rule
from lvstui.core.selectors import selector, selector_text
from lvstui.formats.profile.write import loads
from lvstui.kernel.port import Refused
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.form import FormScreen
from lvstui.tui.dialogs.listing import Copied, Listing
from lvstui.tui.views.marks import MarksView
from lvstui.tui.views.services import ServicesView
from tests.build import group
from tests.tui.conftest import Stage

SIZE = (100, 30)
PORTAL = MarkKey(80, Family.IPV4)


class Marked(Stage):
    """A stage on which the marks view was opened."""

    @property
    def marks(self) -> MarksView:
        return self.app.query_one(MarksView)

    @property
    def groups(self) -> dict[int, MarkGroup]:
        return dict(self.director.marks or {})

    def refuse_rules(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the kernel take everything but rules from now on."""
        write = self.kernel.write

        def reluctant(change: Change) -> None:
            if isinstance(change.target, MarkGroupKey):
                raise Refused("the ruleset changes all the time")
            write(change)

        monkeypatch.setattr(self.kernel, "write", reluctant)

    def rows(self) -> list[MarkRowKey]:
        return list(self.marks.table.selection.keys)

    def service_row(self) -> RowKey | None:
        return self.view.table.cursor_key

    def staged(self) -> str:
        return str(self.app.query_one("#marks #staged", Static).content)

    def lines(self) -> list[str]:
        """What a listing on top says, or else the detail of a row, without what only sets its words apart."""
        if not isinstance(self.app.screen, Listing):
            shown = ("".join(cell.text for cell in line.cells) for line in self.marks.body.detail._lines)
            return [" ".join(line.split()) for line in shown]
        return str(self.app.screen.query_one("#lines", Static).content).splitlines()

    async def open(self, pilot: Pilot[int], mark: int = 80) -> None:
        await self.look(pilot)
        await pilot.press("3")
        self.marks.table.move_to(GroupRow(mark))
        await pilot.pause()

    async def write(self, pilot: Pilot[int], text: str) -> None:
        """Write over what the question proposes."""
        await pilot.press("ctrl+u", *text)

    async def fill(self, pilot: Pilot[int], **values: str) -> None:
        """Go to the fields of a form and write into them."""
        screen = self.app.screen
        assert isinstance(screen, FormScreen)
        for name, text in values.items():
            while screen.current != name.replace("__", "."):
                await pilot.press("tab")
            await self.write(pilot, text)

    async def enter(self, pilot: Pilot[int]) -> None:
        """Apply what is staged, and let the worker do it."""
        await pilot.press("enter")
        await self.look(pilot, 2)


@pytest.fixture
def stage(tmp_path: Path) -> Marked:
    return Marked(tmp_path)


async def test_every_mark_is_a_row_with_rules_and_servers_below(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        assert stage.rows() == [GroupRow(21), GroupRow(80), GroupRow(0x4000)]
        assert "rules about marks, 2 of others" in str(stage.app.query_one("#marks #summary", Static).content)
        await pilot.press("right")
        below = [key for key in stage.rows() if isinstance(key, RuleRow | ServerKey)]
        assert [type(key).__name__ for key in below] == ["RuleRow"] * 2 + ["ServerKey"] * 3
        await pilot.press("down", "left")
        assert stage.marks.table.cursor_key == GroupRow(80)
        await pilot.press("f")
        assert len(stage.rows()) == 10
        await pilot.press("f", "slash", *"port=443", "enter")
        assert stage.rows() == [GroupRow(80)]
        assert stage.marks.bearings.filter == "port=443"
        await pilot.press("escape", "s", "I")
        assert stage.marks.table.sort == ("name", True)


async def test_packets_grow_with_the_traffic(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("enter")
        before = next(line for line in stage.lines() if line.startswith("packets "))
        await pilot.press("escape")
        await stage.look(pilot, 20)
        await pilot.press("enter")
        assert next(line for line in stage.lines() if line.startswith("packets ")) != before


async def test_the_detail_shows_rules_servers_and_the_script(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, 21)
        await pilot.press("enter")
        lines = stage.lines()
        path = "mangle_PREROUTING > mangle_PREROUTING_ZONES > mangle_PRE_public > mangle_PRE_public_allow"
        assert f"inet firewalld: {path} handle 212" in " ".join(lines)
        await pilot.press("escape")
        stage.marks.table.move_to(GroupRow(80))
        await pilot.press("enter")
        lines = stage.lines()
        assert "State ok packets get the mark, and a service takes them" in lines
        assert any("10.0.0.21:0 app1: route weight 5" in line for line in lines)
        assert any('counter name "m80" meta mark set 0x00000050' in line for line in lines)
        await pilot.press("escape", "y")
        assert isinstance(stage.app.screen, Copied)
        assert "table inet lvstui {" in stage.lines()
        assert "ipvsadm -A -f 80 -s wrr -p 1800" in stage.lines()


async def test_packets_are_edited_in_a_form_and_written_only_by_enter(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("e")
        await stage.fill(pilot, match__0="tcp 192.0.2.20 80,443,8080", match__1="udp 192.0.2.20 443")
        await pilot.press("ctrl+s")
        assert "match tcp 192.0.2.20 80,443 -> tcp 192.0.2.20 80,443,8080; udp 192.0.2.20 443" in stage.staged()
        assert "+ nft rule inet lvstui prerouting, output: ip daddr 192.0.2.20 udp dport 443" in stage.staged()
        assert len(stage.groups[80].selectors) == 1
        await stage.enter(pilot)
        assert [*map(selector_text, stage.groups[80].selectors)] == ["tcp 192.0.2.20 80,443,8080", "udp 192.0.2.20 443"]
        saved = loads(stage.profile.read_text(), "profile").marks
        assert saved is not None
        assert saved[80].selectors == stage.groups[80].selectors
        await pilot.press("right", "down", "down", "delete", "z")
        assert "staged" in stage.staged()
        await stage.enter(pilot)
        assert [*map(selector_text, stage.groups[80].selectors)] == ["tcp 192.0.2.20 80,443,8080"]


async def test_a_name_and_a_time_are_asked_for_in_a_line(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("L")
        await stage.write(pilot, "web")
        await pilot.press("enter", "t")
        await stage.write(pilot, "60")
        await pilot.press("enter")
        assert 'name "portal" -> "web"' in stage.staged()
        await stage.enter(pilot)
        assert stage.director.pools[PORTAL].service.persistence == Persistence(60)
        saved = loads(stage.profile.read_text(), "profile").marks
        assert saved is not None
        assert saved[80].name == "web"


async def test_a_group_is_deleted_after_its_name_was_typed(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("delete", "ctrl+s")
        assert isinstance(stage.app.screen, FormScreen)
        await stage.fill(pilot, typed="portal")
        await pilot.press("ctrl+s")
        assert "staged as one" in stage.staged()
        assert stage.groups
        await stage.enter(pilot)
        assert not stage.groups
        assert PORTAL not in stage.director.pools
        await pilot.press("z")
        await stage.enter(pilot)
        assert stage.groups
        assert len(stage.director.pools[PORTAL].servers) == 3


async def test_rules_alone_can_go_and_the_state_says_so(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("delete", "right")
        await stage.fill(pilot, typed="portal")
        await pilot.press("ctrl+s")
        await stage.enter(pilot)
        assert (stage.groups, PORTAL in stage.director.pools) == ({}, True)
        await pilot.press("enter")
        assert stage.lines()[1].startswith("State no rule ")


async def test_a_rule_of_others_is_adopted_and_never_written(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, 21)
        await pilot.press("delete")
        assert "rules of other programs" in stage.shown("message")
        await pilot.press("C")
        await stage.enter(pilot)
        assert stage.groups[21] == group(21, "tcp 192.0.2.21 21,10000-20000")
        stage.marks.table.move_to(GroupRow(0x4000))
        await pilot.press("C")
        assert "cannot be copied: its conditions are more than" in stage.shown("message")


async def test_a_lost_table_is_said_and_one_key_stages_putting_it_back(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        before = stage.director
        stage.kernel.write(change_group(stage.groups[80], None))
        for change in remove_pool(before.pools[PORTAL]):
            stage.kernel.write(change)
        await stage.look(pilot)
        await pilot.press("enter")
        assert stage.lines()[1] == "State lost the profile's rules are gone from the packet filter"
        await pilot.press("escape", "b")
        assert "staged as one" in stage.staged()
        await stage.enter(pilot)
        assert stage.director == before
        await pilot.press("b")
        assert "nothing is missing" in stage.shown("message")


async def test_a_group_is_taken_apart_into_services_after_a_question(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("B")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("right", "enter")
        await stage.look(pilot, 2)
        assert not stage.groups
        names = {pool.service.name for pool in stage.view.snapshot.reading.director.pools.values()}
        assert {"portal-80", "portal-443"} <= names


async def test_marked_rows_are_timed_and_adopted_together_and_end_one_at_a_time(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, 21)
        await pilot.press("space", "space", "delete")
        assert "one group at a time" in stage.shown("message")
        await pilot.press("B")
        assert len(stage.app.screen_stack) == 1
        await pilot.press("C", "t")
        await stage.write(pilot, "60")
        await pilot.press("enter")
        await stage.enter(pilot)
        assert (21 in stage.groups, stage.director.pools[PORTAL].service.persistence) == (True, Persistence(60))


async def test_services_are_bundled_from_the_services_view_after_a_question(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        before = stage.director
        assert stage.app.query_one(ServicesView).table.move_to(service("tcp:192.0.2.10:80"))
        await pilot.press("B")
        screen = stage.app.screen
        assert isinstance(screen, FormScreen)
        assert screen.values["services"] == "tcp:192.0.2.10:80, tcp:192.0.2.10:443"
        assert screen.values["name"] == "shop"
        await pilot.press("ctrl+s")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("right", "enter")
        await stage.look(pilot, 2)
        key = MarkKey(81, Family.IPV4)
        assert stage.groups[81].selectors == (selector("tcp 192.0.2.10 80,443"),)
        assert stage.director.pools[key].service.scheduler == "wlc"
        assert stage.director.pools[key].service.persistence == Persistence(300, IPv4Address("255.255.255.0"))
        weights = {end.address: server.weight for end, server in stage.director.pools[key].servers.items()}
        assert sorted(weights.values()) == [0, 2, 3, 3]
        assert len(stage.director.pools) == len(before.pools) - 1
        await pilot.press("z")
        await stage.enter(pilot)
        assert stage.director == before


async def test_what_is_refused_half_way_is_taken_back(stage: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        before = stage.director
        await pilot.press("B", "right")
        stage.refuse_rules(monkeypatch)
        await pilot.press("enter")
        await stage.look(pilot, 2)
        assert stage.director == before
        assert "what was written before it has been taken back" in stage.shown("message")


async def test_keys_lead_to_entries_and_to_the_service(stage: Marked) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(PORTAL)
        await pilot.press("left", "home", "3")
        stage.marks.table.move_to(GroupRow(80))
        await pilot.press("J")
        assert stage.app.view.id == "services"
        assert stage.service_row() == PORTAL
        await pilot.press("J")
        assert stage.app.view.id == "marks"
        assert stage.marks.table.cursor_key == GroupRow(80)
        await pilot.press("right", "end", "up", "J")
        assert stage.service_row() == ServerKey(PORTAL, list(stage.director.pools[PORTAL].servers)[-1])
        await pilot.press("3", "E")
        await stage.look(pilot)
        assert stage.app.view.id == "persistence"
        assert stage.app.view.bearings.filter == "mark=80"


async def test_without_a_packet_filter_the_ipvs_side_still_works(
    stage: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = stage.kernel.read
    missing = "this kernel has no nf_tables"

    def without() -> object:
        reading = read()
        rules = reading.rules and replace(reading.rules, rules=(), missing=missing)
        return replace(reading, rules=rules, director=director)

    director = replace(read().director, marks=None)
    monkeypatch.setattr(stage.kernel, "read", without)
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        assert missing in str(stage.app.query_one("#marks #summary", Static).content)
        await pilot.press("enter")
        assert any(line.strip().startswith("iptables -t mangle -A PREROUTING") for line in stage.lines())
        await pilot.press("escape", "e")
        assert stage.shown("message") == f"rules cannot be written: {missing}"
        await pilot.press("a")
        await stage.fill(pilot, addresses="192.0.2.50", servers="10.0.0.81")
        preview = str(stage.app.screen.query_one("#preview", Static).content)
        assert f"# {missing}; the rules as commands:" in preview
        await pilot.press("ctrl+s")
        await stage.enter(pilot)
        assert len(stage.kernel._director.pools[MarkKey(81, Family.IPV4)].servers) == 1


async def test_rules_that_were_not_decoded_are_shown_as_they_are(tmp_path: Path) -> None:
    stage = Marked(tmp_path)
    raw = Rule("nft", "ip", "mangle", "PREROUTING", 9, hook="prerouting", decoded=False, raw="xt target \x1b[31mHMARK")
    stage.kernel._rulebook._foreign = (raw,)
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, 0)
        await pilot.press("right", "enter")
        assert "raw: xt target \\x1b[31mHMARK" in stage.lines()


async def test_read_only_refuses_every_edit_with_its_reason(stage: Marked) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        for key in ("a", "e", "L", "t", "C", "B", "b", "delete"):
            await pilot.press("enter", "escape", key)
            assert "--read-only" in stage.shown("message"), key
            assert len(stage.app.screen_stack) == 1
        assert not stage.app.screen.query_one(Input).has_focus
