"""Changes on trial on the screens: a key beside Enter, a countdown in every view, and the keys that end it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from lvstui.core.change import change_server
from lvstui.core.changes.on_trial import TRIAL, TrialKey
from lvstui.core.fields import service_text
from lvstui.core.model import Director, RealServer, ServerKey
from lvstui.core.record import Kind, Record, Session
from lvstui.core.trial import Guard, Phase, Trial, boottime
from lvstui.engine.messages import Kept, Notice, Pace
from lvstui.engine.options import Options
from lvstui.engine.trials.desk import TrialDesk
from lvstui.store.profile_file import ProfileFile
from lvstui.store.trial_file import TrialFile, boot_id
from lvstui.tui.app import LvstuiApp, last_words
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.views.changes import ChangesView
from tests.tui.conftest import Stage

pytestmark = pytest.mark.usefixtures("trial_clock")

SIZES = [(80, 24), (160, 48), (60, 15)]
VIEWS = "123456"


def server(director: Director) -> tuple[ServerKey, RealServer]:
    """Return the first server of the table."""
    service, pool = min(director.pools.items(), key=lambda item: service_text(item[0]))
    endpoint, found = next(iter(pool.servers.items()))
    return ServerKey(service, endpoint), found


def weight(director: Director | None) -> int:
    assert director is not None
    return server(director)[1].weight


def saved(stage: Stage) -> int:
    return weight(ProfileFile(stage.profile).load())


def head(stage: Stage) -> list[str]:
    return stage.shown("head").splitlines()


def asked(stage: Stage) -> str:
    """What a question says."""
    assert isinstance(stage.app.screen, Confirm)
    return " ".join(" ".join(str(part.content) for part in stage.app.screen.query(Static)).split())


async def put_on_trial(stage: Stage, pilot: Pilot[int]) -> None:
    """Put a weight that is one higher on trial."""
    await stage.look(pilot)
    stage.view.table.move_to(server(stage.director)[0])
    await pilot.press("plus", "ctrl+t")
    await stage.look(pilot)


def by_another(stage: Stage, seconds: float = 120.0, user: str = "anna") -> Trial:
    """Put the same on trial as another person's lvstui would."""
    key, before = server(stage.director)
    change = change_server(key.service, before, replace(before, weight=before.weight + 1))
    stage.kernel.write(change)
    record = Record(0, datetime.now(UTC), user, "192.0.2.7", 1, Kind.TRIAL, (change,))
    deadline = boottime() + seconds
    trial = Trial(
        "5e1f", record, boot_id(), deadline, seconds, str(stage.profile), phase=Phase.ON_TRIAL, guard=Guard.PROCESS
    )
    stage.trial.enter(trial)
    return trial


@pytest.fixture
def ben(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the operator be nobody whom everything is allowed."""
    monkeypatch.setenv("SUDO_USER", "ben")


@pytest.mark.parametrize("size", SIZES)
async def test_a_key_beside_enter_applies_on_trial_and_every_view_counts_down_until_it_is_kept(
    stage: Stage, size: tuple[int, int]
) -> None:
    before = weight(stage.director)
    async with stage.app.run_test(size=size) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(server(stage.director)[0])
        await pilot.press("plus")
        await pilot.pause()
        assert "Enter applies, Ctrl-T for 2 min, Esc drops" in stage.shown("staged")
        assert stage.shown("keys").startswith("Enter apply  Ctrl-T for 2 min  Esc drop")
        await pilot.press("ctrl+t")
        await stage.look(pilot)
        assert (weight(stage.director), saved(stage)) == (before + 1, before)
        assert stage.shown("message").startswith("on trial: ")
        for view in VIEWS:
            await pilot.press(view)
            await pilot.pause()
            assert re.search(r"on trial 2:00(  |$)", "\n".join(head(stage)[1:-1]))
            assert re.search(r"K keep  R longer  z (take )?back", head(stage)[-1])
            assert all(len(line) <= size[0] - 2 for line in head(stage))
        await pilot.press("K")
        await stage.look(pilot)
        assert (weight(stage.director), saved(stage)) == (before + 1, before + 1)
        assert stage.shown("message").startswith("kept: ")
        assert "on trial" not in stage.shown("head")


async def test_each_second_is_shown_as_it_begins_and_nothing_ticks_without_a_trial(stage: Stage) -> None:
    now = boottime()
    stage.app.frame.trial._clock = lambda: now
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        ticking = [stage.app.frame.trial._timer]
        trial = by_another(stage)
        await stage.look(pilot)
        for left, shown in ((107.3, "1:48"), (106.9, "1:47"), (59.9, "1:00"), (0.2, "0:01"), (-3.0, "0:00")):
            now = trial.deadline - left
            stage.app.frame._second()
            assert f"on trial {shown}" in head(stage)[1]
            assert f"back in {shown}" in head(stage)[2]
        ticking.append(stage.app.frame.trial._timer)
        stage.trial.remove()
        await stage.look(pilot)
        ticking.append(stage.app.frame.trial._timer)
        assert [timer is not None for timer in ticking] == [False, True, False]
        assert len(head(stage)) == 2


async def test_what_nobody_keeps_is_taken_back_and_is_said_also_while_paused(stage: Stage) -> None:
    before = weight(stage.director)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await put_on_trial(stage, pilot)
        stage.app.worker.submit(Pace(1.0, paused=True))
        trial = stage.trial.load()
        assert trial is not None
        stage.trial.mark(replace(trial, deadline=boottime() - 1.0))
        await stage.look(pilot, 2)
        assert (weight(stage.director), saved(stage)) == (before, before)
        assert "taken back" in stage.shown("message")
        assert "on trial" not in stage.shown("head")


async def test_z_takes_back_after_asking_with_cancel_in_focus(stage: Stage) -> None:
    before = weight(stage.director)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await put_on_trial(stage, pilot)
        await pilot.press("z")
        assert "Take back now what is on trial?" in asked(stage)
        await pilot.press("enter")
        await stage.look(pilot)
        assert weight(stage.director) == before + 1
        await pilot.press("z", "right", "enter")
        await stage.look(pilot)
        assert (weight(stage.director), saved(stage)) == (before, before)
        assert stage.shown("message").startswith("taken back")
        await pilot.press("z")
        await pilot.pause()
        assert stage.shown("message") == "nothing to undo"


async def test_r_and_lines_of_the_palette_give_it_longer_and_take_it_back(stage: Stage) -> None:
    before = weight(stage.director)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(server(stage.director)[0])
        await pilot.press("plus", "colon", *"trial 30", "enter")
        await stage.look(pilot)
        assert "on trial 0:30" in head(stage)[1]
        await pilot.press("R")
        await stage.look(pilot)
        assert "on trial 2:30" in head(stage)[1]
        await pilot.press("colon", *"extend 300", "enter")
        await stage.look(pilot)
        assert "on trial 7:30" in head(stage)[1]
        await pilot.press("colon", *"take back", "enter", "right", "enter")
        await stage.look(pilot)
        assert weight(stage.director) == before
        for word in ("0", "86401", "soon"):
            await pilot.press("colon", *f"trial {word}", "enter")
            await pilot.pause()
            assert len(stage.app.screen_stack) == 2
            await pilot.press("escape")


async def test_keys_say_why_they_do_nothing(stage: Stage) -> None:
    async with stage.app.run_test(size=(100, 24)) as pilot:
        await stage.look(pilot)
        for key in "KR":
            await pilot.press(key)
            await pilot.pause()
            assert stage.shown("message").startswith("nothing is on trial")
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert stage.shown("message").startswith("nothing is staged")
        await put_on_trial(stage, pilot)
        await pilot.press("plus", "ctrl+t")
        await stage.look(pilot)
        assert stage.shown("message").startswith("one change is on trial already")
        assert stage.view.pending


async def test_another_persons_trial_says_who_decides_and_is_kept_only_after_asking(stage: Stage, ben: None) -> None:
    del ben
    before = weight(stage.director)
    async with stage.app.run_test(size=(100, 24)) as pilot:
        by_another(stage)
        await stage.look(pilot)
        assert stage.shown("message").startswith("anna from 192.0.2.7 has on trial: ")
        assert "K keeps" not in stage.shown("message")
        assert head(stage)[2].endswith("anna or root decides")
        await pilot.press("K")
        assert "by anna from 192.0.2.7, who decides about it, or root" in asked(stage)
        await pilot.press("enter")
        await stage.look(pilot)
        assert saved(stage) == before
        await pilot.press("K", "right", "enter")
        await stage.look(pilot)
        assert (weight(stage.director), saved(stage)) == (before + 1, before + 1)


async def test_whoever_is_the_same_person_or_starts_later_sees_it_and_may_keep_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    before = weight(stage.director)
    by_another(stage)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        assert stage.shown("message").endswith("unless it is kept; K keeps it")
        await pilot.press("K")
        await stage.look(pilot)
        assert saved(stage) == before + 1


async def test_a_screen_that_is_read_only_sees_it_and_keeps_nothing(stage: Stage) -> None:
    before = weight(stage.director)
    by_another(stage)
    stage.start_read_only()
    async with stage.app.run_test(size=(100, 24)) as pilot:
        await stage.look(pilot)
        assert head(stage)[2].endswith("read-only here: lvstui confirm keeps it")
        for key in "KRz":
            await pilot.press(key)
            await stage.look(pilot)
            assert "read-only" in stage.shown("message")
        assert saved(stage) == before


async def test_a_question_has_a_button_for_a_trial_and_the_key_goes_to_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        key, _ = server(stage.director)
        stage.view.table.move_to(key)
        await pilot.press("ctrl+d", "ctrl+t")
        assert "gone also on trial: " in asked(stage)
        focused = stage.app.screen.focused
        assert isinstance(focused, Button)
        assert str(focused.label) == "Delete for 2 min"
        await stage.look(pilot)
        assert key.endpoint in stage.director.pools[key.service].servers
        await pilot.press("enter")
        await stage.look(pilot)
        assert key.endpoint not in stage.director.pools[key.service].servers
        assert "on trial 2:00" in head(stage)[1]
        await pilot.press("z", "right", "enter")
        await stage.look(pilot)
        assert key.endpoint in stage.director.pools[key.service].servers


async def test_a_name_has_to_be_typed_for_a_trial_too(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        service = server(stage.director)[0].service
        stage.view.table.move_to(service)
        await pilot.press("ctrl+d", "ctrl+t")
        assert "not yet: type " in asked(stage)
        await pilot.press(*stage.app.snapshot.reading.director.pools[service].service.name, "ctrl+t", "enter")
        await stage.look(pilot)
        assert service not in stage.director.pools
        assert "on trial" in head(stage)[1]


async def test_the_changes_view_lists_what_is_on_trial_and_calls_it_no_drift(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        by_another(stage)
        await stage.look(pilot)
        await pilot.press("6")
        await stage.look(pilot)
        view = stage.app.query_one(ChangesView)
        assert tuple(view.table.selection.keys[:2]) == (TRIAL, TrialKey(1))
        rows = [[cell.text.strip() for cell in view.ROWS.cells(view.snapshot, view.look, TrialKey(p))] for p in (0, 1)]
        assert rows[0][0] == "On trial 1"
        assert rows[0][4] == "taken back in 2:00 unless kept"
        assert (rows[1][2], rows[1][3], rows[1][-1]) == ("anna", "trial", "on trial")
        assert not stage.app.snapshot.profile.drift
        assert head(stage)[1].endswith("saved")
        view.table.move_to(TrialKey(1))
        await pilot.press("enter")
        await pilot.pause()
        panel = view.body.detail
        lines = "\n".join(panel.render_line(y).text for y in range(panel.size.height))
        assert "taken back by a process of its own, also when this lvstui" in " ".join(lines.split())
        await pilot.press("escape", *"/who=nobody", "enter")
        assert view.table.selection.keys[0] == TRIAL
        assert TrialKey(1) not in view.table.selection.keys


async def test_who_leaves_hears_that_it_goes_on_and_how_it_is_kept(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        trial = by_another(stage)
        stage.trial.enter(replace(trial, record=replace(trial.record, pid=os.getpid())))
        await stage.look(pilot)
        assert "has on trial" not in stage.shown("message")
        assert any("`lvstui confirm` keeps it" in line for line in last_words(stage.app, 0))
        await pilot.press("q")
        assert "Leave, while a change is on trial?" in asked(stage)
        assert "`lvstui confirm` keeps it" in asked(stage)
        await pilot.press("enter")
        assert stage.app.return_code is None
        await pilot.press("q", "right", "enter")
        await pilot.pause()
        assert stage.app.return_code == 0


async def test_what_another_screen_kept_is_said(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        by_another(stage)
        await stage.look(pilot)
        desk = TrialDesk(stage.kernel, TrialFile(stage.trial.path), person=Session("anna", "", 1, datetime.now(UTC)))
        assert isinstance(desk.keep(), Kept)
        await stage.look(pilot)
        assert stage.shown("message").startswith("kept, what anna from 192.0.2.7 had on trial: ")
        assert "on trial" not in stage.shown("head")


async def test_what_comes_by_itself_hides_nothing_of_what_is_said_at_the_start(stage: Stage) -> None:
    options = Options(
        stage.kernel, ProfileFile(stage.profile), notice="taken back by guard: all of it", trial=stage.trial
    )
    stage.app = LvstuiApp(options, threaded=False, clock=stage.clock, pause=stage.clock.sleep)
    by_another(stage)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        stage.app._post(Notice("another lvstui is at work"))
        await stage.look(pilot)
        said = stage.shown("message")
        assert said.startswith("taken back by guard: all of it; another lvstui is at work; anna from 192.0.2.7 has on ")
        await pilot.press("K")
        await stage.look(pilot)
        assert stage.shown("message").startswith("kept: ")
