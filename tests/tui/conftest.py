"""An app on the memory kernel whose worker is stepped by the test, so that every screen is the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.location import PyTestLocation
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.change import change_server, fold
from lvstui.core.model import Director, ServerKey
from lvstui.core.snapshot import Host
from lvstui.engine.options import Options
from lvstui.host.patience import Lookout
from lvstui.kernel.memory.demo import demo_director, demo_rules
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.profile_file import ProfileFile
from lvstui.store.trial_file import TrialFile
from lvstui.store.view_memory import ViewMemory
from lvstui.tui import app
from lvstui.tui.app import LvstuiApp
from lvstui.tui.views import view
from lvstui.tui.views.services import ServicesView
from tests.clock import Clock

SIZES = [(80, 24), (160, 48)]
"""The terminals that pictures are taken of."""

SNAPSHOTS = Path(__file__).parents[2] / "snapshots"


def _folder(_: type[SVGImageExtension], *, test_location: PyTestLocation) -> str:
    """Keep the pictures in a folder for each test module."""
    return str(SNAPSHOTS / Path(test_location.filepath).stem)


SVGImageExtension.dirname = classmethod(_folder)


class Night(datetime):
    """A calendar on which it is always the same moment, so that pictures of times are the same each time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Night:
        """Return a moment at which people are paged."""
        return cls(2026, 5, 14, 2, 18, 43, tzinfo=tz or UTC)


class Stage:
    """The app with its kernel and its profile."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.kernel = MemoryKernel(demo_director(), clock=self.clock, traffic=True, foreign=demo_rules())
        self.profile, self.trial = folder / "director.toml", TrialFile(folder / "trial.json")
        ProfileFile(self.profile).update(lambda _: demo_director())
        self.app = self._started(read_only=False)

    def _started(self, *, read_only: bool) -> LvstuiApp:
        options = Options(self.kernel, ProfileFile(self.profile), read_only, trial=self.trial)
        host = Host("lb1.example", 3.0, 1.0, 20.0)
        return LvstuiApp(options, host=lambda: host, threaded=False, clock=self.clock, pause=self.clock.sleep)

    def start_read_only(self) -> None:
        """Start again as with --read-only."""
        self.app = self._started(read_only=True)

    def rename(self, key: ServerKey, name: str) -> None:
        """Rename a server in the profile, as another program would."""

        def renamed(saved: Director | None) -> Director:
            assert saved is not None
            server = saved.pools[key.service].servers[key.endpoint]
            return fold(saved, [change_server(key.service, server, replace(server, name=name))])

        ProfileFile(self.profile).update(renamed)

    def remember(self, memory: ViewMemory) -> None:
        """Start again with a memory of how the views were arranged."""
        options = Options(self.kernel, ProfileFile(self.profile), memory=memory)
        self.app = LvstuiApp(options, host=lambda: Host("lb1.example"), threaded=False)

    def shown(self, line: str) -> str:
        """What a line says: `head`, `message`, `staged`, `wrong` or `keys`."""
        return str(self.app.screen_stack[0].query_one(f"#{line}", Static).content)

    @property
    def director(self) -> Director:
        """What the kernel holds."""
        return self.kernel.read().director

    @property
    def view(self) -> ServicesView:
        return self.app.query_one(ServicesView)

    async def look(self, pilot: Pilot[int], times: int = 1) -> None:
        """Let the worker serve what was asked so far, or read the kernel one second later."""
        worker = self.app.worker
        for _ in range(times):
            await pilot.pause()
            self.clock.now += 1.0
            due = worker._due
            for _ in range(max(1, worker._requests.qsize())):
                worker.step(0)
            if worker._due == due:  # only a detail that is open had asked, as it does by itself
                worker.step(0)
            await pilot.pause()


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a key be pressed again at once: tests do so faster than anybody who has read what the first one did."""
    monkeypatch.setattr(LvstuiApp, "again", 0.0)


@pytest.fixture(autouse=True)
def _patience_of_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the screens from giving up what a thread beside them finds out, however long that takes it."""
    monkeypatch.setattr(Lookout.__init__, "__defaults__", (30.0,))
    monkeypatch.setattr(app, "_FILES_PATIENCE", 30.0)
    monkeypatch.setattr(view, "_PATIENCE", 30.0)


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the terminal be none of tmux or screen, whose clipboard the tests would fill."""
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let events and records be of one moment."""
    for module in ("lvstui.engine.observer", "lvstui.store.history_file", "lvstui.tui.views.changes"):
        monkeypatch.setattr(f"{module}.datetime", Night)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Yield an app that no error may come to, since it would go on after one."""
    stage = Stage(tmp_path)
    yield stage
    assert not stage.app.faults
