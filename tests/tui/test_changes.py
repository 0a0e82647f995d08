"""The changes view, driven by keys on the memory kernel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.change import Change, change_server, change_timeouts
from lvstui.core.changes.rows import DRIFT, HISTORY, DriftKey, RecordKey
from lvstui.core.model import RealServer, ServerKey, ServiceKey, Timeouts
from lvstui.core.record import Kind
from lvstui.core.snapshot import Host
from lvstui.engine.options import Options
from lvstui.formats.profile.write import dumps, loads
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.changes import ChangesView
from tests.tui.conftest import Stage


class AccountedStage(Stage):
    """A stage whose edits go into a history."""

    def _started(self, *, read_only: bool) -> LvstuiApp:
        options = Options(self.kernel, ProfileFile(self.profile), read_only, accounted=True)
        return LvstuiApp(options, host=lambda: Host("lb1.example"), threaded=False)

    def server(self, place: int = 0) -> tuple[ServiceKey, RealServer]:
        """A server of the first service, as the kernel holds it."""
        key, pool = next(iter(self.kernel.read().director.pools.items()))
        return key, list(pool.servers.values())[place]

    def drift(self, weight: int, place: int = 0) -> Change:
        """Let somebody else set a weight in the kernel."""
        key, server = self.server(place)
        change = change_server(key, server, replace(server, weight=weight))
        self.kernel.write(change)
        return change

    @property
    def changes(self) -> ChangesView:
        return self.app.query_one(ChangesView)

    def saved(self, place: int = 0) -> RealServer:
        """The server as the profile has it."""
        key, server = self.server(place)
        return loads(self.profile.read_text(), "profile").pools[key].servers[server.endpoint]

    def text(self, name: str) -> str:
        return str(self.changes.query_one(name, Static).content)

    async def open(self, pilot: Pilot[int]) -> None:
        await self.look(pilot)
        await pilot.press("6")
        await pilot.pause()


@pytest.fixture
def stage(tmp_path: Path) -> AccountedStage:
    return AccountedStage(tmp_path)


async def test_drift_is_restored_line_by_line(stage: AccountedStage) -> None:
    before = stage.server()[1], stage.server(1)[1]
    change = stage.drift(7)
    stage.drift(9, place=1)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        assert stage.changes.table.move_to(DriftKey(change.target))
        await pilot.pause()
        assert "weight 7 -> " in stage.text("#sentence")
        await pilot.press("r")
        assert "Enter applies" in stage.text("#staged")
        await pilot.press("enter")
        await stage.look(pilot)
        assert stage.server()[1] == before[0]
        assert stage.server(1)[1].weight == 9
        assert stage.app.snapshot is not None
        assert len(stage.app.snapshot.profile.drift) == 1


async def test_what_is_refused_of_a_restore_is_listed_and_the_rest_is_written(stage: AccountedStage) -> None:
    before = stage.server()[1]
    stage.drift(7)
    saved = loads(stage.profile.read_text(), "profile")
    stage.profile.write_text(dumps(replace(saved, sysctl={**saved.sysctl, "of_tomorrow": "1"})))
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        assert stage.changes.table.move_to(DRIFT)
        await pilot.press("r", "enter")
        await stage.look(pilot)
        listing = stage.app.screen
        assert isinstance(listing, Listing)
        title = str(listing.query_one(".title", Static).content)
        assert title.startswith("Not all was written: refused: of_tomorrow: this kernel has no such setting")
        assert stage.server()[1] == before


async def test_all_drift_is_saved_from_its_heading_after_asking_and_the_kernel_is_left_alone(
    stage: AccountedStage,
) -> None:
    stage.drift(7)
    stage.kernel.write(change_timeouts(Timeouts(), Timeouts(tcp=77)))
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        assert stage.changes.table.move_to(DRIFT)
        await pilot.press("s")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert stage.saved().weight == 7
        assert stage.server()[1].weight == 7
        assert loads(stage.profile.read_text(), "profile").timeouts == Timeouts(tcp=77)
        assert stage.app.snapshot is not None
        assert not stage.app.snapshot.profile.drift


async def test_marked_lines_are_taken_and_the_others_left(stage: AccountedStage) -> None:
    stage.drift(7)
    other = stage.drift(9, place=1)
    old = stage.saved()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        stage.changes.table.move_to(DriftKey(other.target))
        await pilot.press("space", "g", "s")
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert stage.saved(1).weight == 9
        assert stage.saved() == old


async def test_an_edit_stands_in_the_history_and_is_taken_back_from_there(stage: AccountedStage) -> None:
    before = stage.server()[1]
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down", "plus", "enter")
        await stage.look(pilot, 2)
        await pilot.press("6")
        assert stage.changes.table.move_to(RecordKey(1))
        await pilot.pause()
        assert "weight 1 -> 2" in stage.text("#sentence")
        await pilot.press("enter")
        assert isinstance(stage.app.screen, Listing)
        await pilot.press("escape", "u")
        assert "weight 2 -> 1" in stage.text("#staged")
        await pilot.press("enter")
        await stage.look(pilot, 2)
        assert stage.app.snapshot is not None
        key = stage.app.snapshot.changes[0].changes[0].target
        assert isinstance(key, ServerKey)
        pools = stage.kernel.read().director.pools
        assert pools[key.service].servers[key.endpoint].weight == 1
        assert [record.number for record in stage.app.snapshot.changes] == [1, 2]
        assert stage.server()[1] == before


async def test_an_old_edit_that_no_longer_fits_asks_what_is_to_be_done(stage: AccountedStage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down", "plus", "enter")
        await stage.look(pilot, 2)
        assert stage.app.snapshot is not None
        newest = stage.app.snapshot.changes[0].changes[0]
        assert isinstance(newest.after, RealServer)
        stage.kernel.write(replace(newest, before=newest.after, after=replace(newest.after, weight=50)))
        await pilot.press("6")
        stage.changes.table.move_to(RecordKey(1))
        await pilot.press("u", "enter")
        await stage.look(pilot)
        assert isinstance(stage.app.screen, Confirm)
        assert isinstance(newest.target, ServerKey)
        pool = stage.kernel.read().director.pools[newest.target.service]
        assert pool.servers[newest.target.endpoint].weight == 50


async def test_an_edit_of_entries_is_not_undone_and_u_says_so(stage: AccountedStage) -> None:
    HistoryFile(stage.profile).append(Kind.ENTRIES, (), ["move: 10.1.0.10 of shop is on web2 now, bound"])
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        assert stage.changes.table.move_to(RecordKey(1))
        await pilot.press("u")
        assert "cannot be undone" in stage.shown("message")
        assert not stage.changes.pending


async def test_a_filter_keeps_the_lines_with_its_words(stage: AccountedStage) -> None:
    change = stage.drift(7)
    other = stage.drift(9, place=1)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        await pilot.press("slash", *"weight 7", "enter")
        assert stage.changes.table.move_to(DriftKey(change.target))
        assert not stage.changes.table.move_to(DriftKey(other.target))
        assert stage.changes.table.move_to(HISTORY)
        await pilot.press("escape")
        assert stage.changes.table.move_to(DriftKey(other.target))


async def test_read_only_neither_restores_nor_saves(stage: AccountedStage) -> None:
    stage.drift(7)
    stage.start_read_only()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.open(pilot)
        for key in "rs":
            await pilot.press(key)
            assert not stage.changes.pending
            assert not isinstance(stage.app.screen, Confirm)
