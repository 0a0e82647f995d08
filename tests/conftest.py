"""What holds for all tests: how properties are tried, and what of this machine and of who started them is kept away."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lvstui.commands import place
from lvstui.host import invoker, tmux
from lvstui.store import config_file, history_file, profile_file, sessions, theme_files
from tests.clock import Clock

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell that runs them in its background ignores it for them
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no reason to fail, and each run tries the same cases.
settings.register_profile(
    "lvstui", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lvstui")


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine configures from the tests."""
    monkeypatch.setattr(config_file, "SYSTEM", Path("/nowhere"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(config_file, "home_folder", lambda: "")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this process from giving up what a busy machine is slow at; what never answers is tried with less."""
    for module in (config_file, history_file, invoker, sessions, theme_files, tmux):
        monkeypatch.setattr(module, "_PATIENCE", 30.0)
    monkeypatch.setattr(profile_file, "_LOCK_PATIENCE", 30.0)
    monkeypatch.setattr(place, "_OWNERS_PATIENCE", 30.0)
    monkeypatch.setattr("lvstui.engine.scanner._NICE", 0)  # or whatever else runs here would let its thread starve


@pytest.fixture
def trial_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the clock that changes on trial are timed by stand, in this process, until the test lets time pass."""
    clock = Clock()
    monkeypatch.setattr("time.clock_gettime", lambda _: clock.now)
    return clock
