"""The persistence and connections views, driven by keys on the memory kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from lvstui.core.change import change_server, change_sysctl
from lvstui.core.entries.columns import EntryGrouping, Group
from lvstui.core.entries.resolve import EntryKey, ResolvedEntry
from lvstui.core.entries.rows import resolved_entries
from lvstui.core.fields import server_text, service, service_text
from lvstui.core.model import AddressKey, Endpoint, MarkKey, RealServer, ServerKey
from lvstui.core.observed import Entry, MachineKey
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.listing import Copied, Listing
from lvstui.tui.views.connections import ConnectionsView
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.views.view import View
from tests.tui.conftest import Stage

SIZE = (100, 30)
SHOP = service("tcp:192.0.2.10:443")


class Watched(Stage):
    """A stage on which the persistence view was opened."""

    @property
    def entries(self) -> PersistenceView:
        return self.app.query_one(PersistenceView)

    @property
    def connections(self) -> ConnectionsView:
        return self.app.query_one(ConnectionsView)

    def summary(self, view: str = "persistence") -> str:
        return str(self.app.query_one(f"#{view} #summary", Static).content)

    def resolved(self) -> list[ResolvedEntry]:
        assert self.entries.snapshot is not None
        return list(resolved_entries(self.entries.snapshot).values())

    def held(self) -> list[Entry]:
        return [entry for piece in self.kernel.scan(engines=True) for entry in piece.entries]

    async def open(self, pilot: Pilot[int], key: str = "2") -> None:
        await self.look(pilot)
        await pilot.press(key)
        await self.look(pilot)
        if key == "2":
            self.one_by_one()

    def one_by_one(self) -> None:
        """Show the entries without groups."""
        self.entries.look = replace(self.entries.look, grouping=EntryGrouping.NONE)
        self.entries.redraw()

    async def go_to(self, pilot: Pilot[int], state: str = "ok", service: type[object] = AddressKey) -> ResolvedEntry:
        """Put the cursor on an entry of this kind."""
        one = next(entry for entry in self.resolved() if entry.state == state and isinstance(entry.service, service))
        self.entries.table.move_to(EntryKey(one.entry.service, one.entry.client, one.entry.identity))
        await pilot.pause()
        return one

    async def settle(self, pilot: Pilot[int]) -> None:
        """Let the worker serve all that was asked."""
        await self.look(pilot, 8)


@pytest.fixture
def stage(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_entries_are_shown_only_while_somebody_looks(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        assert stage.entries.snapshot is not None
        assert stage.entries.snapshot.scan is None
        await stage.open(pilot)
        number = len(stage.held())
        assert len(stage.entries.table.selection.keys) == number
        assert f"{number:,} entries" in stage.summary()
        await pilot.press("1")
        await stage.look(pilot)
        assert stage.view.snapshot is not None
        assert stage.view.snapshot.scan is None


async def test_the_time_that_is_left_counts_down(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        before = {entry.entry.client: entry.entry.ends for entry in stage.resolved()}
        await stage.look(pilot, 3)
        assert stage.entries.snapshot is not None
        after = {entry.entry.client: entry.entry.ends for entry in stage.resolved()}
        same = [client for client in before if after.get(client) == before[client]]
        assert len(same) > len(before) // 2


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("service=shop", lambda each: each.entry.service == SHOP),
        ("mark=80", lambda each: isinstance(each.service, MarkKey)),
        ("server=web1", lambda each: str(each.entry.server.address) == "10.0.0.11"),
        ("state=drain", lambda each: each.state == "drain"),
        ("100.64.0.0/11", lambda each: each.entry.client in ip_network("100.64.0.0/11")),
    ],
)
async def test_a_filter_shows_what_it_finds_and_says_of_how_many(
    stage: Watched, text: str, holds: Callable[[ResolvedEntry], bool]
) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("slash", *(_key(character) for character in text), "enter")
        await stage.look(pilot)
        assert stage.entries.snapshot is not None
        every = resolved_entries(stage.entries.snapshot)
        found = [every[key] for key in stage.entries.table.selection.keys if isinstance(key, EntryKey)]
        assert 0 < len(found) < len(every)
        assert all(holds(entry) for entry in found)
        assert f"{len(found):,} of {len(every):,} entries" in stage.summary()


def _key(character: str) -> str:
    return {"=": "equals_sign", ".": "full_stop", "/": "slash"}.get(character, character)


async def test_a_whole_address_finds_the_entry_of_its_network(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        one = next(entry for entry in stage.resolved() if entry.width == 24)
        stage.entries.narrow(str(one.entry.client + 77))
        await stage.look(pilot)
        assert [key.client for key in stage.entries.table.selection.keys if isinstance(key, EntryKey)] == [
            one.entry.client
        ]
        assert stage.entries.wanted_client == one.entry.client + 77


async def test_entries_stand_below_the_servers_of_their_services_at_first_folded(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("2")
        await stage.look(pilot)
        groups = stage.entries.table.selection.keys
        assert all(isinstance(key, Group) for key in groups)
        assert {key.of for key in groups if isinstance(key, Group)} >= {SHOP}
        assert any(isinstance(key, Group) and isinstance(key.of, ServerKey) for key in groups)
        assert " by " not in stage.shown("head")
        await pilot.press("f")
        await pilot.pause()
        assert sum(isinstance(key, EntryKey) for key in stage.entries.table.selection.keys) == len(stage.resolved())
        await pilot.press("f")
        await pilot.pause()
        assert len(stage.entries.table.selection.keys) == sum(
            key.of == SHOP or not isinstance(key.of, ServerKey) for key in groups if isinstance(key, Group)
        )
        await pilot.press("m", "m", "m")
        await pilot.pause()
        assert "by client" in stage.shown("head")
        assert len(stage.entries.table.selection.keys) == len(stage.resolved())


async def test_what_a_filter_finds_stands_unfolded_below_its_server_with_the_cursor_on_it(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        await pilot.press("2")
        await stage.look(pilot)
        await pilot.press("f")  # unfolded by hand they would be folded if that were kept
        await pilot.pause()
        one = stage.resolved()[0]
        stage.entries.find(View.Wanted(filter=str(one.entry.client)))
        await stage.look(pilot, 3)
        assert [type(key) for key in stage.entries.table.selection.keys] == [Group, Group, EntryKey]
        assert isinstance(stage.entries.table.cursor_key, EntryKey)


async def test_a_client_is_moved_by_one_key_a_choice_and_enter(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        one = await stage.go_to(pilot)
        await pilot.press("M")
        await pilot.pause()
        dialog = stage.app.screen
        assert isinstance(dialog, EntryDialog)
        assert "may not be movable" in str(dialog.query_one("#effect", Static).content)
        await pilot.press("down", "enter")
        await stage.settle(pilot)
        (now,) = [entry for entry in stage.held() if entry.client == one.entry.client]
        assert now.server != one.entry.server
        assert "now, bound" in stage.shown("message")


async def test_no_single_key_touches_the_kernel(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await stage.go_to(pilot)
        before = {entry.client: entry.server for entry in stage.held()}
        for key in ("x", "M", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(stage.app.screen, EntryDialog)
            await pilot.press("escape")
            await pilot.pause()
        assert {entry.client: entry.server for entry in stage.held()} == before


async def test_kill_is_asked_for_once_more_with_cancel_in_focus(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        one = await stage.go_to(pilot)
        await pilot.press("x", "k", "enter")
        await pilot.pause()
        assert isinstance(stage.app.screen, Confirm)
        focused = stage.app.screen.focused
        assert isinstance(focused, Button)
        assert focused.id == "cancel"
        await pilot.press("right", "enter")
        await stage.settle(pilot)
        assert one.entry.client not in {entry.client for entry in stage.held()}
        assert "is gone" in stage.shown("message")


async def test_all_marked_entries_are_edited_and_each_is_reported(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        stage.entries.narrow("service=shop server=web1")
        await stage.look(pilot)
        await pilot.press("g", "space", "space", "t", "t")
        await pilot.pause()
        await pilot.press(*["backspace"] * 5, *"777", "enter", "enter")
        await stage.settle(pilot)
        assert isinstance(stage.app.screen, Listing)
        assert sum(int(entry.ends - stage.clock.now) > 700 for entry in stage.held() if entry.ends) >= 2
        await pilot.press("escape")


async def test_a_client_without_an_entry_is_pinned(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("P")
        await pilot.pause()
        await pilot.press("ctrl+u", *(_name(letter) for letter in "203.0.113.9 portal"), "enter")
        await pilot.pause()
        assert isinstance(stage.app.screen, EntryDialog)
        await pilot.press("enter")
        await stage.settle(pilot)
        (pinned,) = [entry for entry in stage.held() if str(entry.client) == "203.0.113.9"]
        assert isinstance(pinned.service, MarkKey)
        assert "bound" in stage.shown("message")


def _name(character: str) -> str:
    return {" ": "space", ".": "full_stop"}.get(character, character)


async def test_a_server_is_emptied_from_its_row(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        drained = next(
            ServerKey(key, end)
            for key, pool in stage.director.pools.items()
            for end, server in pool.servers.items()
            if server.weight == 0 and pool.service.persistence
        )
        stage.view.table.move_to(drained)
        await pilot.press("M")
        await stage.look(pilot)
        await pilot.pause()
        dialog = stage.app.screen
        assert isinstance(dialog, EntryDialog)
        effect = str(dialog.query_one("#effect", Static).content)
        assert "expire_nodest_conn" in effect
        assert "expire_quiescent_template" in effect
        await pilot.press("enter")
        await stage.settle(pilot)
        left = [
            entry for entry in stage.resolved() if entry.server == drained.endpoint and entry.service == drained.service
        ]
        assert left == []


async def test_what_cannot_be_edited_says_why_before_anything_opens(stage: Watched) -> None:
    stage.kernel.write(change_sysctl("backup_only", "0", "1"))
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await stage.go_to(pilot)
        await pilot.press("x")
        await pilot.pause()
        assert "backup_only is 1" in stage.shown("message")
        assert not isinstance(stage.app.screen, EntryDialog)


async def test_a_read_only_session_shows_entries_and_edits_none(stage: Watched) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await stage.go_to(pilot)
        await pilot.press("M")
        await pilot.pause()
        assert "read-only" in stage.shown("message")
        assert not isinstance(stage.app.screen, EntryDialog)


async def test_an_entry_that_changed_meanwhile_is_left_alone(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        one = await stage.go_to(pilot)
        await pilot.press("x")
        await pilot.pause()
        assert one.service is not None
        held = stage.director.pools[one.service].servers
        for endpoint, server in held.items():
            if endpoint == one.entry.server:
                stage.kernel.write(change_server(one.service, server, None))
                stage.kernel.write(change_server(one.service, None, RealServer(endpoint, server.forwarding, 1)))
        stage.kernel.zero(None)
        await pilot.press("enter")
        await stage.settle(pilot)
        assert stage.shown("message")


async def test_the_distribution_shows_each_server_with_its_share(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot)
        await pilot.press("D")
        await stage.look(pilot)
        text = str(stage.app.query_one("#distribution Static", Static).content)
        assert "portal" in text
        assert "app1" in text
        assert "by weight" in text


async def test_a_connection_leads_to_the_entry_that_decides_about_it(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, "4")
        assert "connections" in stage.summary("connections")
        stage.connections.narrow("service=shop")
        await stage.look(pilot)
        assert stage.connections.table.selection.keys
        await pilot.press("g", "E")
        await stage.look(pilot, 3)
        assert stage.app.view is stage.entries
        assert sum(isinstance(key, EntryKey) for key in stage.entries.table.selection.keys) == 1
        assert isinstance(stage.entries.table.cursor_key, EntryKey)


async def test_e_on_a_service_a_server_and_a_machine_shows_who_is_there(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        endpoint = next(iter(stage.director.pools[SHOP].servers))
        place, at = service_text(SHOP), server_text(endpoint)
        for key, wanted in ((SHOP, f"service={place}"), (ServerKey(SHOP, endpoint), f"service={place} server={at}")):
            stage.view.table.move_to(key)
            await pilot.press("E")
            await stage.look(pilot, 3)
            assert stage.app.view is stage.entries
            assert stage.entries.bearings.filter == f"{wanted}"
            found = [key for key in stage.entries.table.selection.keys if isinstance(key, EntryKey)]
            assert found
            assert all(key.service == SHOP for key in found)
            await pilot.press("1")
        await pilot.press("m")
        stage.view.table.move_to(MachineKey(endpoint.address))
        await pilot.press("E")
        await stage.look(pilot)
        assert stage.entries.bearings.filter == f"server={endpoint.address}"


async def test_c_shows_the_connections_of_a_service(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        plain = next(
            key
            for key, pool in stage.director.pools.items()
            if isinstance(key, AddressKey) and pool.service.persistence is None and pool.servers
        )
        stage.view.table.move_to(plain)
        await pilot.press("c")
        await stage.look(pilot)
        assert stage.app.view is stage.connections
        assert stage.connections.bearings.filter == f"service={service_text(plain)}"
        await stage.look(pilot, 3)
        assert stage.connections.table.selection.keys
        assert {key[2] for key in stage.connections.table.selection.keys} == {Endpoint(plain.address, plain.port)}


async def test_a_service_that_is_not_persistent_says_so_instead_of_showing_nothing(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot)
        plain = next(key for key, pool in stage.director.pools.items() if pool.service.persistence is None)
        stage.view.table.move_to(plain)
        await pilot.press("E")
        await pilot.pause()
        assert "is not persistent" in stage.shown("message")
        assert stage.app.view is stage.view


async def test_connections_are_grouped_by_server_and_state_copied_and_lead_to_entries(stage: Watched) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.open(pilot, "4")
        number = len(stage.connections.table.selection.keys)
        await pilot.press("m")
        await stage.look(pilot)
        groups = stage.connections.table.selection.keys
        assert 0 < len(groups) < number
        assert stage.connections.look.grouping.value == "server and state"
        await pilot.press("g", "right")
        await pilot.pause()
        assert len(stage.connections.table.selection.keys) > len(groups)
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(stage.app.screen, Copied)
        await pilot.press("escape", "left")
        await pilot.pause()
        assert len(stage.connections.table.selection.keys) == len(groups)
        stage.connections.narrow("service=shop")
        await stage.look(pilot)
        await pilot.press("g", "E")
        await stage.look(pilot, 3)
        assert stage.app.view is stage.entries
