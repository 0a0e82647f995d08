"""The key T: a packet's way on the screens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.widgets.lines import Prompt
from tests.tui.conftest import SIZES, Stage

SIZE = (80, 24)


async def asked(stage: Stage, pilot: Pilot[int], view: str, *keys: str) -> str:
    """Press T on a row of a view and return the question that is proposed."""
    await stage.look(pilot, 30)
    await pilot.press(view)
    await stage.look(pilot, 2)
    await pilot.press(*keys, "T")
    await pilot.pause()
    return stage.app.view.query_one(Prompt).query_one(Input).value


async def answered(stage: Stage, pilot: Pilot[int], client: str = "") -> list[str]:
    """Answer the question and return what is shown."""
    await pilot.press(*client, "enter")
    stage.app.worker.step(0)
    await pilot.pause()
    screen = stage.app.screen
    assert isinstance(screen, Listing)
    return list(screen._lines)


@pytest.mark.parametrize(
    ("view", "keys", "proposed", "client", "shown"),
    [
        (
            "1",
            ("slash", *"shop-redirect", "enter"),
            "tcp:192.0.2.10:80 ",
            "100.64.1.9",
            "service    shop-redirect tcp:192.0.2.10:80",
        ),
        ("3", ("down",), "tcp:192.0.2.20:80 ", "100.64.1.9:4000", "service    portal mark:80"),
    ],
)
async def test_a_row_proposes_where_the_packet_is_sent(
    stage: Stage, view: str, keys: tuple[str, ...], proposed: str, client: str, shown: str
) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        assert await asked(stage, pilot, view, *keys) == proposed
        lines = await answered(stage, pilot, client)
        assert any(line.startswith(shown) for line in lines)
        assert max(map(len, lines)) < 80


async def test_an_entry_and_a_connection_propose_their_client_too(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        question = await asked(stage, pilot, "2")
        assert question.startswith("tcp:")
        lines = await answered(stage, pilot)
        assert any(line.startswith("entry") and line.endswith("decides") for line in lines)
        await pilot.press("escape")
        question = await asked(stage, pilot, "4")
        assert question.endswith(" established")
        lines = await answered(stage, pilot)
        assert any(line.startswith("connection") for line in lines)
        assert any("its connection decides" in line for line in lines)


async def test_a_question_that_cannot_be_read_says_why_and_stays(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await asked(stage, pilot, "1")
        await pilot.press(*"nonsense", "enter")
        await pilot.pause()
        assert stage.app.view.query_one(Prompt).has_class("asking")
        assert "not an IPv4 or IPv6 address" in str(stage.app.view.query_one(Prompt).query_one("#wrong").render())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_trace(stage: Stage, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def traced(pilot: Pilot[int]) -> None:
        await asked(stage, pilot, "3", "down")
        await answered(stage, pilot, "100.64.1.9:4000")

    assert snap_compare(stage.app, terminal_size=size, run_before=traced)
