"""What is configured, on the screens: keys in all views and in what names them, banner, columns, theme, new servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from textual.widgets import Static

from lvstui.core.keys import give
from lvstui.core.new_server import NewServer
from lvstui.core.snapshot import Host
from lvstui.core.view.head import Banner
from lvstui.engine.options import Options
from lvstui.store.profile_file import ProfileFile
from lvstui.store.view_memory import Arrangement, ViewMemory
from lvstui.tui.app import LvstuiApp
from lvstui.tui.commands import AnyCommand
from lvstui.tui.dialogs.form import FormScreen
from lvstui.tui.dialogs.help import Help
from lvstui.tui.dialogs.themes import ThemeChooser
from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from lvstui.tui.themes import gather
from lvstui.tui.views.table_view import TableView
from tests.tui.conftest import Stage
from tests.tui.test_themes import contrast


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    """Give the keys back to their commands for the tests that follow."""
    yield
    give({})


def configured(
    stage: Stage,
    *,
    keys: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    memory: ViewMemory | None = None,
    theme: str = "",
    server: Mapping[str, str] | None = None,
    banner: Banner | None = None,
) -> None:
    """Start the app again with what is configured."""
    options = Options(
        stage.kernel,
        ProfileFile(stage.profile),
        keys=keys or {},
        columns=columns or {},
        memory=memory,
        theme=theme,
        theme_origin="config.toml:1" if theme else "",
        new_server=NewServer(server or {}),
        banner=banner or Banner(),
    )
    stage.app = LvstuiApp(options, host=lambda: Host("lb1.example"), threaded=False, clock=stage.clock)


def every_command() -> Iterator[AnyCommand]:
    yield from EVERYWHERE
    for view in VIEWS:
        yield from view.COMMANDS


async def test_in_every_view_a_command_answers_to_its_new_key_and_no_more_to_its_old_one(stage: Stage) -> None:
    configured(stage, keys={"columns": ["f6"], "help": ["f7"], "search": ["f8"], "table.down": ["y"], "excerpt": []})
    async with stage.app.run_test(size=(100, 30)) as pilot:
        for place, view in enumerate(VIEWS, 1):
            await pilot.press(str(place))
            await stage.look(pilot)
            await pilot.press("question_mark")
            assert not isinstance(stage.app.screen, Help), view
            await pilot.press("f7")
            assert isinstance(stage.app.screen, Help), view
            await pilot.press("escape")
            await pilot.press("f8")
            assert stage.app.view.prompt.asking, view
            await pilot.press("escape")
            shown = stage.app.view
            assert isinstance(shown, TableView)
            if len(shown.table.selection.keys) > 1:
                shown.table.action_end(0)
                first = shown.table.cursor_key
                await pilot.press("j")
                assert shown.table.cursor_key == first, view
                await pilot.press("y")
                assert shown.table.cursor_key != first, view


async def test_swapped_keys_do_each_others_work(stage: Stage) -> None:
    configured(stage, keys={"weight.up": ["minus"], "weight.down": ["plus"]})
    async with stage.app.run_test(size=(100, 30)) as pilot:
        await stage.look(pilot)
        await pilot.press("down")
        assert "- + weight" in stage.shown("keys")
        await pilot.press("minus")
        assert "weight 2 -> 3" in stage.shown("staged")
        await pilot.press("escape", "plus")
        assert "weight 2 -> 1" in stage.shown("staged")


async def test_keys_that_a_command_never_loses_still_work_beside_a_new_one(stage: Stage) -> None:
    configured(stage, keys={"open": ["x", "enter"], "drop": ["f9", "escape"]})
    async with stage.app.run_test(size=(100, 30)) as pilot:
        await stage.look(pilot)
        for way_out in ("f9", "escape"):
            await pilot.press("down", "plus")
            assert stage.shown("staged")
            await pilot.press(way_out)
            assert not stage.shown("staged")


async def test_the_line_of_keys_the_help_and_the_palette_show_the_new_key(stage: Stage) -> None:
    configured(stage, keys={"weight.drain": ["f6"], "quit": ["f10", "ctrl+c"], "advice": []})
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        await pilot.press("down")
        keys = stage.shown("keys")
        assert "F6 drain" in keys
        assert keys.rstrip().endswith("F10 quit")
        assert "i advice" not in keys
        await pilot.press("question_mark")
        page = str(stage.app.screen.query_one("#page", Static).content)
        assert "F6" in page
        assert "F10" in page
        await pilot.press("escape", "colon", *"drain")
        await pilot.pause()
        strips = stage.app.screen._compositor.render_strips()
        assert any("F6" in "".join(segment.text for segment in line) for line in strips)


async def test_a_banner_stands_before_the_host_in_its_colour(stage: Stage) -> None:
    for name in gather().palettes:
        configured(stage, banner=Banner("PRODUCTION", "error"), theme=name)
        async with stage.app.run_test(size=(100, 24)) as pilot:
            await stage.look(pilot)
            assert stage.shown("head").lstrip().startswith("PRODUCTION  lb1")
            head = stage.app.screen.query_one("#head", Static)
            segments = [segment for segment in head.render_line(0) if "PRODUCTION" in segment.text]
            (style,) = (segment.style for segment in segments)
            assert style is not None
            assert style.color is not None
            assert style.bgcolor is not None
            front, ground = style.color.get_truecolor(), style.bgcolor.get_truecolor()
            assert contrast(front, ground) >= 4.5, name
    assert stage.app.theme == name


@pytest.mark.parametrize("width", [40, 60, 80, 160])
async def test_a_banner_is_there_however_narrow_the_screen(stage: Stage, width: int) -> None:
    configured(stage, banner=Banner("LIVE"))
    async with stage.app.run_test(size=(width, 24)) as pilot:
        await stage.look(pilot)
        assert stage.shown("head").lstrip().startswith("LIVE")


async def test_configured_columns_beat_what_was_remembered_and_the_order_is_still_remembered(
    stage: Stage, tmp_path: Path
) -> None:
    memory = ViewMemory(tmp_path / "view.toml")
    memory.keep("services", Arrangement(sort="weight", descending=True, hidden=("weight",)))
    configured(stage, columns={"services": ["weight", "active"]}, memory=memory)
    async with stage.app.run_test(size=(160, 24)) as pilot:
        await stage.look(pilot)
        shown = {column.id for column in stage.view.ROWS.columns(stage.view.look)}
        assert {"weight", "active"} <= shown
        assert "state" not in shown
        assert (stage.view.look.sort, stage.view.look.descending) == ("weight", True)


async def test_a_configured_theme_beats_the_remembered_one_and_the_chooser_says_so(
    stage: Stage, tmp_path: Path
) -> None:
    memory = ViewMemory(tmp_path / "view.toml")
    memory.keep_theme("lvstui-safe")
    configured(stage, theme="lvstui-light", memory=memory)
    async with stage.app.run_test(size=(100, 30)) as pilot:
        assert stage.app.theme == "lvstui-light"
        stage.app.action_run_command("themes")
        await pilot.pause()
        assert isinstance(stage.app.screen, ThemeChooser)
        feet = [str(foot.content) for foot in stage.app.screen.query(".foot").results(Static)]
        assert feet[0] == "Until you leave: the theme to start with is asked for in config.toml:1."


async def test_a_new_server_in_a_form_begins_as_configured(stage: Stage) -> None:
    configured(stage, server={"forwarding": "tunnel", "weight": "7", "upper": "90"})
    async with stage.app.run_test(size=(100, 30)) as pilot:
        await stage.look(pilot)
        await pilot.press("a")
        screen = stage.app.screen
        assert isinstance(screen, FormScreen)
        begun = screen._form.start
        assert (begun["forwarding"], begun["weight"], begun["upper"]) == ("tunnel", "7", "90")
