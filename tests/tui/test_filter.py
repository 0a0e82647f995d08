"""The filter at its prompt."""

from __future__ import annotations

from lvstui.core.model import ServerKey
from tests.tui.conftest import Stage


def shown(stage: Stage) -> list[object]:
    return list(stage.view.table.selection.keys)


async def test_a_field_narrows_once_it_is_right_and_a_wrong_one_is_a_sentence_meanwhile(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        everything = shown(stage)
        await pilot.press("slash", *"weight=")
        assert "needs a number" in stage.shown("wrong")
        await pilot.press("enter", "0")
        assert stage.shown("wrong") == ""
        narrowed = [key for key in shown(stage) if isinstance(key, ServerKey)]
        weights = [stage.director.pools[key.service].servers[key.endpoint].weight for key in narrowed]
        assert weights
        assert set(weights) == {0}
        await pilot.press("enter")
        assert "filter weight=0" in stage.shown("head")
        await pilot.press("escape")
        assert shown(stage) == everything


async def test_enter_does_not_take_a_wrong_filter_and_escape_gets_out_of_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        everything = shown(stage)
        await pilot.press("slash", *"10.0.0.0/99", "enter")
        assert "no network" in stage.shown("wrong")
        assert stage.view.prompt.has_class("asking")
        await pilot.press("escape")
        assert shown(stage) == everything
        assert not stage.view.prompt.has_class("asking")


async def test_help_says_what_the_filter_understands(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 60)) as pilot:
        await stage.look(pilot)
        await pilot.press("question_mark", "pagedown")
        text = "\n".join(str(widget.render()) for widget in stage.app.screen.query("Static"))
        for part in ("10.0.0.0/8", "weight=0", "state=drain", "scheduler", "conn/s"):
            assert part in text
