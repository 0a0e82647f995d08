"""What holds for all tests: how properties are tried, and what of this machine and of who started them is kept away."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lvstui.store import config_file
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


@pytest.fixture
def trial_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the clock that changes on trial are timed by stand, in this process, until the test lets time pass."""
    clock = Clock()
    monkeypatch.setattr("time.clock_gettime", lambda _: clock.now)
    return clock
