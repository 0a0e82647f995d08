"""The screens keep directors apart: where one is stands in the head, and another director's profile is asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.change import change_service
from lvstui.core.changes.rows import DRIFT, RecordKey
from lvstui.core.model import NOBODYS, Director, Home
from lvstui.core.snapshot import Host
from lvstui.engine.options import Options
from lvstui.formats.profile.write import loads
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.views.changes import ChangesView
from tests.tui.conftest import Stage

HERE = Home("lb1", "blue")
ELSEWHERE = Home("lb2")
WHOSE = "is the profile of lb2, and this is lb1, netns blue"


class HomelyStage(Stage):
    """A stage in the namespace blue of lb1, with a history."""

    def _started(self, *, read_only: bool) -> LvstuiApp:
        options = Options(self.kernel, ProfileFile(self.profile), read_only, accounted=True, here=HERE)
        return LvstuiApp(options, host=lambda: Host("lb1"), threaded=False, clock=self.clock, pause=self.clock.sleep)

    def belong(self, home: Home) -> None:
        """Let the profile say whose it is."""

        def moved(saved: Director | None) -> Director:
            assert saved is not None
            return replace(saved, home=home)

        ProfileFile(self.profile).update(moved)

    @property
    def saved(self) -> Director:
        return loads(self.profile.read_text(), "profile")

    @property
    def question(self) -> str:
        """The text of the question that is open; empty where none is."""
        screen = self.app.screen
        if not isinstance(screen, Confirm):
            return ""
        return "\n".join(str(text.content) for text in screen.query(Static))


@pytest.fixture
def stage(tmp_path: Path) -> HomelyStage:
    return HomelyStage(tmp_path)


async def edit(stage: HomelyStage, pilot: Pilot[int]) -> None:
    await pilot.press("plus", "enter")
    await stage.look(pilot)


async def test_the_head_names_the_namespace_on_the_narrowest_screen(stage: HomelyStage) -> None:
    async with stage.app.run_test(size=(40, 12)) as pilot:
        await stage.look(pilot)
        assert "netns blue" in stage.shown("head")


async def test_names_however_long_leave_the_namespace_in_the_head(stage: HomelyStage) -> None:
    stage.belong(Home("h" * 64, "n" * 200))
    stage.start_read_only()
    async with stage.app.run_test(size=(40, 12)) as pilot:
        await stage.look(pilot)
        assert "netns blue" in stage.shown("head")


async def test_an_edit_says_from_then_on_whose_profile_it_is(stage: HomelyStage) -> None:
    assert stage.saved.home == NOBODYS
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down")
        await edit(stage, pilot)
        assert stage.question == ""
        assert stage.saved.home == HERE
        await stage.look(pilot)
        await pilot.press("6")
        view = stage.app.query_one(ChangesView)
        assert view.table.move_to(RecordKey(1))
        await pilot.pause()
        assert "do on netns blue" in str(view.query_one("#sentence", Static).content)


async def test_another_directors_profile_stands_in_the_head_and_is_asked_about_once(stage: HomelyStage) -> None:
    stage.belong(ELSEWHERE)
    before = stage.director
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        assert "profile of lb2" in stage.shown("head")
        assert WHOSE in stage.shown("message")
        await pilot.press("down")
        await edit(stage, pilot)
        assert WHOSE in stage.question
        await pilot.press("escape")
        await stage.look(pilot)
        assert stage.director == before
        assert stage.view.pending
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("right", "enter")
        await stage.look(pilot, 2)
        assert stage.director != before
        assert stage.saved.home == ELSEWHERE
        now = stage.director
        await edit(stage, pilot)
        assert stage.question == ""
        assert stage.director != now


async def test_all_is_saved_into_another_directors_profile_only_after_asking_and_it_is_ours_then(
    stage: HomelyStage,
) -> None:
    stage.belong(ELSEWHERE)
    service, pool = next(iter(stage.director.pools.items()))
    stage.kernel.write(change_service(pool.service, None))
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("w")
        await pilot.press("right", "enter")
        await pilot.pause()
        assert "Take over" in stage.question
        assert service in stage.saved.pools
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert service not in stage.saved.pools
        assert stage.saved.home == HERE


async def restore_all(stage: HomelyStage, pilot: Pilot[int]) -> None:
    await stage.look(pilot)
    await pilot.press("6")
    assert stage.app.query_one(ChangesView).table.move_to(DRIFT)
    await pilot.press("b")
    await pilot.pause()


async def test_a_restore_of_another_directors_profile_is_asked_about(stage: HomelyStage) -> None:
    service, pool = next(iter(stage.director.pools.items()))
    stage.kernel.write(change_service(pool.service, None))
    stage.belong(ELSEWHERE)
    async with stage.app.run_test(size=(100, 24)) as pilot:
        await restore_all(stage, pilot)
        assert WHOSE in stage.question
        await pilot.press("escape")
        assert not stage.app.query_one(ChangesView).pending
        await pilot.press("b", "right", "enter")
        assert stage.app.query_one(ChangesView).pending
        assert service not in stage.director.pools


async def test_a_restore_that_deletes_most_of_what_runs_is_asked_about_and_says_what_goes(stage: HomelyStage) -> None:
    ProfileFile(stage.profile).update(lambda _: Director(home=HERE))
    count = len(stage.director.pools)
    async with stage.app.run_test(size=(100, 24)) as pilot:
        await restore_all(stage, pilot)
        assert f"this deletes more than a part of what runs: {count} of {count} services (" in " ".join(
            stage.question.split()
        )
        await pilot.press("escape")
        assert not stage.app.query_one(ChangesView).pending
        await pilot.press("b", "right", "enter", "enter")
        await stage.look(pilot)
        assert not stage.director.pools


async def test_the_undo_of_what_was_done_elsewhere_is_asked_about(stage: HomelyStage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down")
        await edit(stage, pilot)
        path = stage.profile.with_name("director.toml.history.jsonl")
        path.write_text(path.read_text().replace('"host":"lb1","netns":"blue"', '"host":"lb2"'))
        await stage.look(pilot)
        await pilot.press("6")
        view = stage.app.query_one(ChangesView)
        assert view.table.move_to(RecordKey(1))
        await pilot.press("u")
        await pilot.pause()
        assert "Stage the undo of what was done on lb2? This is lb1, netns blue" in stage.question
        await pilot.press("escape")
        assert not view.pending
        await pilot.press("u", "right", "enter")
        assert view.pending
