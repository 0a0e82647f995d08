"""Edits of mark groups that are killed for real between two writes: no service stays without its rules."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.netfilter.test_groups import rules, services

pytestmark = [pytest.mark.netfilter, pytest.mark.usefixtures("director")]

ADD = ("mark", "add", "80", "tcp 192.0.2.20 80,443", "--server", "10.0.0.11", "--server", "10.0.0.12")
DELETE = ("mark", "delete", "80", "--services", "--yes")


def test_a_group_that_was_interrupted_goes_back_before_its_rules_are_there_and_is_completed_after_that(
    tmp_path: Path,
) -> None:
    where = ("--profile", str(tmp_path / "director.toml"))

    def kill(count: int, *words: str) -> None:
        """Kill a command before its write number `count`, and start lvstui once more."""
        command = [sys.executable, "-m", "tests.kernel.killed", str(count), *where, *words]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert main([*where, "show", "marks"]) == 0

    kill(3, *ADD)
    assert services() == []
    assert rules() == ""
    assert main([*where, *ADD]) == 0
    assert len(services()) == 3
    kill(1, *DELETE)
    assert services() == []
    assert rules() == ""
    assert not [path for path in tmp_path.iterdir() if "journal" in path.name]
