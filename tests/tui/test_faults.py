"""An error that nobody foresaw ends no screen that can go on, and never hides what is staged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from lvstui.core.view.table import Cell
from lvstui.engine.messages import Notice
from lvstui.tui.app import LvstuiApp, last_words
from lvstui.tui.faults import FAILED
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.table import VirtualTable
from tests.tui.conftest import Stage
from tests.tui.test_services import message, staged


class Unforeseen(Exception):
    """What no code expects."""


def fail(*_: object, **__: object) -> None:
    raise Unforeseen("\x1b[31mbroken")


class Broken(Widget):
    """Cannot be painted."""

    DEFAULT_CSS = "Broken { height: 1; }"

    def render(self) -> str:
        raise Unforeseen("no picture")


class BrokenDialog(Dialog[None]):
    """Cannot be composed."""

    BINDINGS = [("escape", "dismiss(None)", "close")]  # noqa: RUF012

    def compose(self) -> list[Widget]:
        raise Unforeseen("no dialog")


@pytest.fixture
def broken(tmp_path: Path) -> Stage:
    """A stage on which things go wrong; `stage` would complain of that."""
    return Stage(tmp_path)


def in_a_key(app: LvstuiApp, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(VirtualTable, "action_step", fail)
    app.simulate_key("down")


def in_a_timer(app: LvstuiApp, _: pytest.MonkeyPatch) -> None:
    app.set_timer(0.01, fail)


def in_an_event_of_the_worker(app: LvstuiApp, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("lvstui.tui.app.sentence", fail)
    app.worker._post(Notice("something"))


def in_a_picture(app: LvstuiApp, _: pytest.MonkeyPatch) -> None:
    app.mount(Broken(), before="#message")


def in_a_cell(app: LvstuiApp, _: pytest.MonkeyPatch) -> None:
    def cells(key: object) -> list[Cell]:
        raise Unforeseen(f"no cell for {key}")

    app.view.query_one(VirtualTable)._cells = cells
    app.view.query_one(VirtualTable)._sheet.lines = []
    app.view.query_one(VirtualTable)._sheet.forget()
    app.view.query_one(VirtualTable).refresh()


def in_a_dialog(app: LvstuiApp, _: pytest.MonkeyPatch) -> None:
    app.push_screen(BrokenDialog())


@pytest.mark.parametrize(
    "attack", [in_a_key, in_a_timer, in_an_event_of_the_worker, in_a_picture, in_a_cell, in_a_dialog]
)
async def test_an_error_is_told_and_what_is_staged_can_still_be_applied(
    broken: Stage, monkeypatch: pytest.MonkeyPatch, attack: Callable[[LvstuiApp, pytest.MonkeyPatch], None]
) -> None:
    async with broken.app.run_test(size=(100, 30)) as pilot:
        await broken.look(pilot)
        await pilot.press("down", "minus")
        before = broken.director
        assert staged(broken)
        with monkeypatch.context() as patch:
            attack(broken.app, patch)
            await met(broken, pilot)
            assert "Unforeseen" in message(broken)
            assert "\x1b" not in message(broken)
        if len(broken.app.screen_stack) > 1:
            await pilot.press("escape")
        assert staged(broken)
        await pilot.press("enter")
        await broken.look(pilot, 2)
        assert broken.director != before
    assert broken.app.faults.fatal is None


async def met(stage: Stage, pilot: Pilot[int]) -> None:
    for _ in range(5000):
        await pilot.pause(0.01)
        if stage.app.faults:
            return
    raise AssertionError("no error came")


async def test_errors_in_a_storm_end_the_screens_and_list_what_was_staged(broken: Stage) -> None:
    async with broken.app.run_test(size=(100, 30)) as pilot:
        await broken.look(pilot)
        await pilot.press("down", "minus")
        for _ in range(100):
            broken.app.call_later(fail)
        await pilot.pause()
    assert broken.app.return_value == FAILED
    words = list(last_words(broken.app, FAILED))
    assert any("Unforeseen" in line and "test_faults.py" in line for line in words)
    assert any("weight" in line for line in words)


async def test_the_end_of_the_worker_ends_the_screens_with_what_was_staged(broken: Stage) -> None:
    async with broken.app.run_test(size=(100, 30)) as pilot:
        await broken.look(pilot)
        await pilot.press("down", "minus")
        broken.app._post(Unforeseen("the worker is gone"))
        await pilot.pause()
    assert broken.app.return_value == FAILED
    assert any("weight" in line for line in last_words(broken.app, FAILED))
    assert "the worker is gone" in str(broken.app.faults.fatal)


async def test_who_leaves_is_told_of_errors_but_not_of_what_he_dropped(broken: Stage) -> None:
    async with broken.app.run_test(size=(100, 30)) as pilot:
        await broken.look(pilot)
        await pilot.press("down", "minus")
        broken.app.call_later(fail)
        await pilot.pause()
    (line,) = last_words(broken.app, 0)
    assert "Unforeseen" in line
