"""An app on the memory kernel whose worker is stepped by the test, so that every screen is the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from lvstui.core.snapshot import Host
from lvstui.kernel.demo import demo_director
from lvstui.kernel.memory import MemoryKernel
from lvstui.options import Options
from lvstui.store.file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.screens.services import ServicesView


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """The app with its kernel and its profile."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.kernel = MemoryKernel(demo_director(), clock=self.clock, traffic=True)
        self.profile = folder / "director.toml"
        file = ProfileFile(self.profile)
        file.update(lambda _: demo_director())
        options = Options(self.kernel, file)
        host = Host("lb1.example", 3.0, 1.0, 20.0)
        self.app = LvstuiApp(options, host=lambda: host, threaded=False)

    @property
    def view(self) -> ServicesView:
        return self.app.query_one(ServicesView)

    async def look(self, pilot: Pilot[int], times: int = 1) -> None:
        """Let the worker serve what was asked, or read the kernel one second later."""
        for _ in range(times):
            await pilot.pause()
            self.clock.now += 1.0
            self.app.worker.step(0)
            await pilot.pause()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
