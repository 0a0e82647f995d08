"""What the screens say of an edit of what keepalived manages, and of the lines of its file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.fields import service_text
from lvstui.core.model import AddressKey, ServerKey
from lvstui.core.record import Owner
from lvstui.engine.options import Options
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.listing import Copied
from tests.tui.conftest import Stage

PID = 2**30


class OwnedStage(Stage):
    """A stage on which keepalived manages the first service, by a file that is real."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.config = folder / "k.conf"
        pools = self.kernel.read().director.pools.values()
        pool = next(pool for pool in pools if isinstance(pool.service.key, AddressKey))
        key, server = pool.service.key, next(iter(pool.servers.values()))
        assert isinstance(key, AddressKey)
        self.target, self.weight = ServerKey(key, server.endpoint), server.weight
        self.name = service_text(key)
        block = f"real_server {server.endpoint.address} {server.endpoint.port} {{\n weight {server.weight}\n}}\n"
        head = f"virtual_server {key.address} {key.port} {{\nprotocol {key.protocol.name}\n"
        self.config.write_text(f"{head}{block}}}\n")
        owner = Owner("keepalived", PID, str(self.config), frozenset({key}))
        options = Options(self.kernel, ProfileFile(self.profile), owners=lambda: (owner,))
        self.app = LvstuiApp(options, threaded=False)

    @property
    def line(self) -> str:
        """What is to become of the line of the weight."""
        return f"{self.config}:4: weight {self.weight} -> weight {self.weight + 1}"

    def staged(self) -> str:
        return "".join(str(self.view.query_one("#staged", Static).content).split())

    async def heavier(self, pilot: Pilot[int]) -> None:
        """Stage one more weight, and wait for the lines of the file."""
        await self.look(pilot)
        assert self.view.table.move_to(self.target)
        await pilot.press("plus")
        assert "! keepalived manages".replace(" ", "") in self.staged()
        async with asyncio.timeout(60):
            while "initsfile:" not in self.staged():
                await asyncio.sleep(0.02)


@pytest.fixture
def stage(tmp_path: Path) -> OwnedStage:
    return OwnedStage(tmp_path)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_what_is_staged_says_what_becomes_of_it_and_which_line_to_change(
    stage: OwnedStage, size: tuple[int, int]
) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await stage.heavier(pilot)
        text = stage.staged()
        assert f"keepalivedmanages{stage.name}:areloadleavesthis" in text
        assert f"initsfile:{stage.line}".replace(" ", "") in text
        await pilot.press("escape")
        assert not stage.view.pending


async def test_y_copies_the_lines_first_and_the_commands_next_and_writes_neither(stage: OwnedStage) -> None:
    before = stage.config.read_text()
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.heavier(pilot)
        await pilot.press("y")
        await pilot.pause()
        copied = stage.app.screen
        assert isinstance(copied, Copied)
        assert copied._texts["lines of the file"] == stage.line
        assert "ipvsadm -e" in copied._texts["commands"]
        assert next(iter(copied._texts)) == "lines of the file"
        await pilot.press("escape")
        await pilot.pause()
        assert stage.view.pending
    assert stage.config.read_text() == before


async def test_the_question_before_the_first_edit_says_both(stage: OwnedStage) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.heavier(pilot)
        await pilot.press("enter")
        await pilot.pause()
        question = stage.app.screen
        assert isinstance(question, Confirm)
        assert "it is as the file says" in question._lines[0]
        await pilot.press("escape")
        await pilot.pause()
        assert f"initsfile:{stage.line}".replace(" ", "") in stage.staged()
        assert question._lines[-2:] == ["So that it stays, make it in the configuration too:", stage.line]
