"""The changes view, driven by keys on the memory kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.change import Change, change_server, change_timeouts
from lvstui.core.changes import rows as changes
from lvstui.core.changes.events import EventKey
from lvstui.core.changes.rows import DRIFT, HISTORY, DriftKey, RecordKey
from lvstui.core.model import RealServer, ServerKey, ServiceKey, Timeouts
from lvstui.core.record import Kind
from lvstui.core.snapshot import Host
from lvstui.core.view.table import Tone
from lvstui.engine.options import Options
from lvstui.formats.profile.write import dumps, loads
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.changes import ChangesView
from lvstui.tui.views.view import View
from lvstui.tui.widgets.table import shown_columns
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

    def every_server(self) -> Iterator[tuple[ServerKey, RealServer]]:
        """Every server with its key, as the kernel holds it."""
        for key, pool in self.kernel.read().director.pools.items():
            for endpoint, server in pool.servers.items():
                yield ServerKey(key, endpoint), server

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

    def detail(self) -> str:
        """What the panel shows, line by line; empty where it is not there."""
        panel = self.changes.body.detail
        return "\n".join(panel.render_line(y).text for y in range(panel.size.height)) if panel.display else ""

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
        await pilot.press("b")
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
        await pilot.press("b", "enter")
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
        await pilot.press("C")
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
        await pilot.press("space", "g", "C")
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert stage.saved(1).weight == 9
        assert stage.saved() == old


async def test_an_edit_stands_in_the_history_and_is_taken_back_from_there(stage: AccountedStage) -> None:
    before = stage.server()[1]
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        weights = {key: server.weight for key, server in stage.every_server()}
        await pilot.press("down", "plus", "enter")
        await stage.look(pilot, 2)
        await pilot.press("6")
        assert stage.changes.table.move_to(RecordKey(1))
        await pilot.pause()
        (key,) = [key for key, server in stage.every_server() if server.weight != weights[key]]
        weight = weights[key]
        assert f"weight {weight} -> {weight + 1}" in stage.text("#sentence")
        await pilot.press("enter")
        await pilot.pause()
        assert "record 1" in stage.detail()
        assert f"weight {weight} -> {weight + 1}" in stage.detail()
        await pilot.press("escape", "u")
        assert f"weight {weight + 1} -> {weight}" in stage.text("#staged")
        await pilot.press("enter")
        await stage.look(pilot, 2)
        assert stage.app.snapshot is not None
        assert {key: server.weight for key, server in stage.every_server()} == weights
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


async def test_an_edit_behind_our_back_is_said_and_listed_and_can_be_taken_back(stage: AccountedStage) -> None:
    before = stage.server()[1]
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.open(pilot)
        stage.drift(7)
        await stage.look(pilot)
        assert stage.shown("message").startswith("another program: tcp:192.0.2.10:443 shop / ")
        assert stage.changes.table.move_to(EventKey(1))
        await pilot.press("enter")
        await pilot.pause()
        assert "Who     not known: the kernel names nobody" in stage.detail()
        await pilot.press("escape", "u", "enter")
        await stage.look(pilot)
        assert stage.server()[1] == before
        assert len(stage.app.snapshot.events) == 1  # what was taken back here was no other program


async def test_what_others_did_hides_no_warning_and_many_edits_are_one_sentence(stage: AccountedStage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.open(pilot)
        stage.app.say("something is wrong", Tone.WARN)
        stage.drift(7)
        await stage.look(pilot)
        assert stage.shown("message") == "something is wrong"
        stage.app.say("")
        stage.drift(8)
        stage.drift(9, place=1)
        await stage.look(pilot)
        assert stage.shown("message").startswith("2 edits by others, the newest by another program: ")
        stage.drift(10)
        await stage.look(pilot)
        assert "weight 8 -> 10" in stage.shown("message")


@pytest.mark.parametrize(
    ("text", "left"),
    [("how=seen", 1), ("who=another", 0), ("state=not", 1), ("how=do", 0), ("7", 1), ("!how=seen how=drift", 0)],
)
async def test_events_are_found_by_who_how_and_state(stage: AccountedStage, text: str, left: int) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.open(pilot)
        stage.drift(7)
        await stage.look(pilot)
        stage.changes.narrow(text)
        assert sum(isinstance(key, EventKey) for key in changes.rows(stage.app.snapshot, stage.changes.look)) == left


async def test_a_tall_screen_has_the_detail_of_a_difference_below_the_rows_and_no_sentence_twice(
    stage: AccountedStage,
) -> None:
    change = stage.drift(7)
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.open(pilot)
        assert stage.changes.table.move_to(DriftKey(change.target))
        await pilot.pause(0.3)
        panel, table = stage.changes.body.detail.region, stage.changes.table.region
        assert panel.y >= table.bottom
        assert panel.width == 160
        assert "C copies the kernel's side into the profile" in stage.detail()
        assert not stage.changes.query_one("#sentence").display


def shown(view: View) -> str:
    """What can be read of the sentence below a table, the words of its lines one after the other."""
    sentence = view.query_one("#sentence", Static)
    lines = (sentence.render_line(y).text for y in range(sentence.size.height))
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_what_was_done_can_be_read_to_its_end_on_a_small_screen(
    stage: AccountedStage, size: tuple[int, int]
) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await stage.look(pilot)
        await pilot.press("down", "d", "enter")
        await stage.open(pilot)
        await pilot.press("G")
        await pilot.pause()
        assert shown(stage.changes).endswith("-> 0, remembers 2")
        if size[0] < 80:
            assert [column.id for column in shown_columns(stage.changes.table)] == ["when", "kind", "what"]


async def test_what_a_setting_does_can_be_read_to_its_end_on_a_small_screen(stage: AccountedStage) -> None:
    async with stage.app.run_test(size=(60, 15)) as pilot:
        await stage.look(pilot)
        await pilot.press("5", "slash", *"expire_nodest", "enter", "G")
        await pilot.pause()
        assert shown(stage.app.view).endswith(
            "Takes 0 or 1. It touches 8 services: shop, shop-redirect, portal and 5 more."
        )
