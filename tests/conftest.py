"""How properties are tried, where a test does not say it: a busy machine is no reason to fail."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lvstui.store import config_file

settings.register_profile("lvstui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lvstui")


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine configures from the tests."""
    monkeypatch.setattr(config_file, "SYSTEM", Path("/nowhere"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(config_file, "home_folder", lambda: "")
