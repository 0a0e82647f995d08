"""Changes of mark groups on trial: services and rules come and go back together, also where somebody is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.netfilter.test_groups import rules, services
from tests.netfilter.test_killed import ADD, DELETE

pytestmark = [pytest.mark.netfilter, pytest.mark.usefixtures("director")]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    assert condition()


def test_a_group_on_trial_goes_back_with_its_rules_and_one_that_was_deleted_comes_back(tmp_path: Path) -> None:
    where = ("--profile", str(tmp_path / "director.toml"))
    assert main([*where, *ADD, "--confirm-within", "30"]) == 0
    assert len(services()) == 3
    assert "192.0.2.20" in rules()
    wait_for(lambda: not services() and "192.0.2.20" not in rules())
    assert main([*where, *ADD]) == 0
    before = services(), rules()
    assert main([*where, *DELETE, "--confirm-within", "30"]) == 0
    assert services() == []
    wait_for(lambda: (services(), rules()) == before)
    assert main([*where, "diff"]) == 0


def test_a_group_whose_author_is_killed_between_its_writes_is_taken_back_at_once(tmp_path: Path) -> None:
    where = ("--profile", str(tmp_path / "director.toml"))
    command = [sys.executable, "-m", "tests.kernel.killed", "3", *where, *ADD, "--confirm-within", "600"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    wait_for(lambda: not services() and not rules())
    assert main([*where, *ADD]) == 0
