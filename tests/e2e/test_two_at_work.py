"""Two lvstui on one director, each in its own terminal: they see each other and lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"

TABLE = """\
-A -t 192.0.2.10:443 -s wlc
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 4
"""


def ipvsadm(*words: str, lines: str = "") -> str:
    return subprocess.run(["ipvsadm", *words], input=lines, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Path]:
    if "LVSTUI_LAB" not in os.environ:
        pytest.skip("rewrites the kernel's whole table: runs in the lab guest only (python -m tests.lab test)")
    ipvsadm("-C")
    ipvsadm("-R", lines=TABLE)
    yield tmp_path / "director.toml"
    ipvsadm("-C")


@pytest.fixture
def colleague() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def opened(terminal: Terminal, profile: Path) -> None:
    terminal.start([LVSTUI, "--live", "--profile", profile], columns=160, rows=30)
    terminal.wait_for("10.0.0.12")


def edit(terminal: Terminal, down: int, key: str) -> None:
    terminal.keys("g", *["Down"] * down, key)
    terminal.wait_for("Enter applies")
    terminal.keys("Enter")
    terminal.wait_for("done:")


def weights(profile: Path) -> list[int]:
    (service,) = tomllib.loads(profile.read_text())["service"]
    return [server.get("weight", 1) for server in service["server"]]


def test_two_see_each_other_and_each_others_edits_and_lose_none(
    terminal: Terminal, colleague: Terminal, profile: Path
) -> None:
    opened(terminal, profile)
    assert " here" not in terminal.screen()
    opened(colleague, profile)
    colleague.wait_for("another lvstui is at work on this profile: ")
    colleague.wait_for("2 here")
    terminal.wait_for("2 here")
    edit(terminal, 1, "+")
    edit(colleague, 2, "+")
    assert weights(profile) == [4, 5]
    assert sorted(line.split()[-1] for line in ipvsadm("-Sn").splitlines() if line.startswith("-a")) == ["4", "5"]
    listed = subprocess.run(
        [LVSTUI, "--profile", profile, "history"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [line.split()[0] for line in listed[::2]] == ["1", "2"]
    assert listed[1].endswith("10.0.0.11:443: weight 3 -> 4")
    assert listed[3].endswith("10.0.0.12:443: weight 4 -> 5")
    colleague.send_signal(signal.SIGKILL)
    terminal.wait_for(lambda screen: "2 here" not in screen)
    terminal.keys("q")
    terminal.wait_for_exit()
    assert not list(profile.parent.glob(".director.toml.session.*"))
