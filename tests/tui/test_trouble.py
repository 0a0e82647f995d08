"""A real server that does not serve, as the screens show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.health.verdict import Trouble
from lvstui.core.model import ServerKey
from lvstui.core.services.columns import SERVICE_COLUMNS
from lvstui.core.services.rows import cells
from lvstui.core.view.table import Cell, Tone
from tests.build import address_key, endpoint
from tests.tui.conftest import Stage

SHOP = address_key("tcp:192.0.2.10:443")
WEB2 = ServerKey(SHOP, endpoint("10.0.0.12:443"))
STATE = next(place for place, column in enumerate(SERVICE_COLUMNS) if column.id == "state")


def state(stage: Stage, key: ServerKey | None = None) -> Cell:
    assert stage.app.snapshot is not None
    return cells(stage.app.snapshot, replace(stage.view.look, hidden=frozenset()), key or SHOP)[STATE]


@pytest.mark.parametrize("trouble", [Trouble.REFUSING, Trouble.SILENT])
async def test_a_server_in_trouble_is_loud_counted_found_and_explained_and_well_again(
    stage: Stage, trouble: Trouble
) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 3)
        assert (state(stage), state(stage, WEB2)) == (Cell("ok", Tone.SECONDARY), Cell("ok", Tone.SECONDARY))
        stage.view.table.move_to(WEB2)
        stage.kernel.afflict(WEB2, trouble)
        await stage.look(pilot, 10)
        word = trouble.value
        assert state(stage, WEB2) == Cell(word, Tone.BAD)
        assert state(stage) == Cell("2 of 4", Tone.BAD), "one in trouble, one drained"
        assert stage.shown("head").index(f"1 {word}") < stage.shown("head").index("advice")
        said = stage.shown("message")
        assert said.startswith(f"web2 {word}: ")
        assert "0 established, its siblings " in said
        assert "wlc " in said
        stage.view.narrow(f"state={word}")
        await pilot.pause()
        assert stage.view.table.selection.keys == (SHOP, WEB2)
        stage.view.narrow("")
        stage.kernel.afflict(WEB2, None)
        await stage.look(pilot, 6)
        assert state(stage, WEB2) == Cell("ok", Tone.SECONDARY)
        assert f"1 {word}" not in stage.shown("head")
        assert not stage.shown("message").startswith("web2")


async def test_the_end_of_a_trouble_does_not_hide_what_an_edit_did(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 3)
        stage.view.table.move_to(WEB2)
        stage.kernel.afflict(WEB2, Trouble.REFUSING)
        await stage.look(pilot, 10)
        assert stage.shown("message").startswith("web2 refusing: ")
        await pilot.press("plus", "enter")
        await stage.look(pilot)
        done = stage.shown("message")
        assert done.startswith("done: ")
        stage.kernel.afflict(WEB2, None)
        await stage.look(pilot, 2)
        assert state(stage, WEB2) == Cell("ok", Tone.SECONDARY)
        assert stage.shown("message") == done


def test_the_longest_word_for_a_state_is_never_cut() -> None:
    assert SERVICE_COLUMNS[STATE].width == max(len(trouble.value) for trouble in Trouble)
    assert SERVICE_COLUMNS[STATE].priority == 1
