"""The theme is chosen in a list: the screen wears the one under the cursor, Enter takes it, Esc keeps the old one."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from lvstui.engine.options import Options
from lvstui.store.profile_file import ProfileFile
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.themes import ThemeChooser
from lvstui.tui.ink import Depth
from lvstui.tui.themes import COARSE, DEFAULT, ThemeError
from tests.tui.conftest import Stage
from tests.tui.test_services import until


async def opened(app: LvstuiApp, pilot: Pilot[int]) -> None:
    """Open the chooser by the palette, as it has no key."""
    await pilot.press("colon", *"theme:", "enter")
    await until(pilot, lambda: isinstance(app.screen, ThemeChooser))


async def test_the_screen_wears_the_theme_under_the_cursor_and_esc_keeps_the_old_one(stage: Stage) -> None:
    app = stage.app
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        assert app.theme == DEFAULT
        await pilot.press("down")
        await until(pilot, lambda: app.theme == COARSE)
        assert app.ink.codes
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == DEFAULT)
        assert not app.ink.codes


async def test_enter_takes_a_theme_and_the_next_start_has_it(stage: Stage, tmp_path: Path) -> None:
    memory = ViewMemory(tmp_path / "view.toml")
    stage.remember(memory)
    app = stage.app
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("end", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ThemeChooser))
        assert app.theme == "lvstui-safe"
    assert ViewMemory(tmp_path / "view.toml").theme == "lvstui-safe"
    stage.remember(ViewMemory(tmp_path / "view.toml"))
    assert stage.app.theme == "lvstui-safe"


async def test_a_theme_that_cannot_be_remembered_is_worn_and_said_to_be_forgotten(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    stage.remember(ViewMemory(tmp_path / "state" / "view.toml"))
    app = stage.app
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("end", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ThemeChooser))
        assert app.theme == "lvstui-safe"
        assert stage.shown("message").startswith("lvstui-safe is worn until you quit, and not remembered: ")
        assert "a part of the path is not a folder" in stage.shown("message")


def app_with(stage: Stage, folder: Path, theme: str = "", depth: Depth = Depth.MANY) -> LvstuiApp:
    options = Options(stage.kernel, ProfileFile(stage.profile), theme=theme, theme_folders=(folder,))
    return LvstuiApp(options, threaded=False, depth=depth)


async def test_a_theme_that_the_terminal_cannot_show_is_neither_worn_nor_taken(stage: Stage, tmp_path: Path) -> None:
    app = app_with(stage, tmp_path, depth=Depth.EIGHT)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.theme == COARSE
        await opened(app, pilot)
        await pilot.press("home", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ThemeChooser)
        assert app.theme == COARSE


async def test_a_bad_file_of_the_user_is_said_at_the_start_and_left_out(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('name = "bad"\ndark = 1\n')
    app = app_with(stage, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        said = app.query_one("#message")
        assert "bad.toml:2: error: dark: must be true or false" in str(said.render())
        assert "bad" not in app.themes.palettes


def test_a_name_that_no_theme_has_is_refused_with_the_names_there_are(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(ThemeError, match="there are lvstui-dark"):
        app_with(stage, tmp_path, theme="dark")
