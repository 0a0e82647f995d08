"""The help: keys by what they are for, the words of the view behind them, and what a search in it finds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.keys import with_keys
from lvstui.tui.commands import MOVING, AnyCommand, Group
from lvstui.tui.dialogs.help import _BRIEF, Help
from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from tests.tui.conftest import Stage


def page(stage: Stage) -> str:
    return str(stage.app.screen.query_one("#page", Static).render())


def title(stage: Stage) -> str:
    return str(stage.app.screen.query_one("#title", Static).render())


async def every_page(stage: Stage, pilot: Pilot[int]) -> list[str]:
    pages = [page(stage)]
    for _ in range(30):
        await pilot.press("pagedown")
        if page(stage) == pages[-1]:
            return pages
        pages.append(page(stage))
    raise AssertionError("there is no end")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (160, 48)])
async def test_every_key_and_the_whole_notes_of_every_view_are_shown_at_any_size(
    stage: Stage, size: tuple[int, int]
) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await stage.look(pilot)
        for place in range(len(VIEWS)):
            await pilot.press(str(place + 1), "f1")
            pages = await every_page(stage, pilot)
            text = "\n".join(pages)
            commands: Sequence[AnyCommand] = (*MOVING, *stage.app.view.COMMANDS, *EVERYWHERE)
            for command in commands:
                if command.keys and not command.id.startswith("view."):
                    assert command.key_names.split()[0] in text
            words = "".join(text.split())
            for line in with_keys(stage.app.view.NOTES).split("\n"):
                if size[0] < 160:
                    assert "".join(line.split()) in words
                else:  # beside others, in two columns
                    assert all(word in text for word in line.split())
            for shown in pages:
                assert all(len(line) <= size[0] - 2 for line in shown.split("\n"))
                assert len(shown.rstrip("\n").split("\n")) <= size[1] - 2
            await pilot.press("escape")


async def test_a_wide_screen_has_all_keys_on_one_page_and_a_narrow_one_says_how_many_there_are(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        await pilot.press("question_mark")
        assert "1 of" not in title(stage)
        assert "What / finds" in page(stage)
        assert all(f" {group.value} " in f" {' '.join(page(stage).split())} " for group in Group)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "Keys in Services" in title(stage)
        assert "1 of " in title(stage)


async def test_a_search_finds_a_key_first_then_words_and_escape_goes_back_step_by_step(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("question_mark", "slash", "d")
        lines = [line.strip() for line in page(stage).split("\n") if line.strip()]
        assert lines[0] == "Key d"
        assert lines[1].startswith("d ")
        assert "drain" in lines[1]
        await pilot.press(*"rain", "enter")
        assert "weight 0" in page(stage)
        assert "columns" not in page(stage)
        await pilot.press("escape")
        assert "Change" in page(stage)
        await pilot.press("escape")
        assert not isinstance(stage.app.screen, Help)


async def test_a_search_that_finds_nothing_says_so(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("question_mark", "slash", *"xyzzy")
        assert "No key and no word here has that" in page(stage)


def test_the_few_words_are_for_commands_that_exist() -> None:
    everywhere: Sequence[AnyCommand] = (*MOVING, *EVERYWHERE)
    known = {command.id for command in everywhere}
    for view in VIEWS:
        commands: Sequence[AnyCommand] = view.COMMANDS
        known |= {command.id for command in commands}
    assert {name for ids, _ in _BRIEF for name in ids.split()} <= known
