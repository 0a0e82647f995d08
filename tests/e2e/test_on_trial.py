"""Changes on trial from real terminals on a real kernel: screens are killed, sessions are dropped, others decide."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.campaign import trials
from tests.e2e.terminal import Terminal
from tests.kernel.ipvsadm import ipvsadm, saved

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"
STATE = Path("/var/lib/lvstui")

PROFILE = """\
format = 1
[[service]]
service = "tcp:192.0.2.75:443"
scheduler = "wlc"
server = [{ server = "10.0.0.75:443", weight = 3, forwarding = "masq" }]
"""
SERVICE = "-A -t 192.0.2.75:443 -s wlc"
TABLE = [SERVICE, "-a -t 192.0.2.75:443 -r 10.0.0.75:443 -m -w 3"]
TRIED = [SERVICE, "-a -t 192.0.2.75:443 -r 10.0.0.75:443 -m -w 4"]


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Path]:
    if "LVSTUI_LAB" not in os.environ:
        pytest.skip("rewrites the kernel's whole table: runs in the lab guest only (python -m tests.lab test)")
    ipvsadm("-C")
    path = tmp_path / "director.toml"
    path.write_text(PROFILE)
    subprocess.run([LVSTUI, "--profile", path, "apply"], check=True, capture_output=True)
    assert saved() == TABLE
    yield path
    subprocess.run([LVSTUI, "--profile", path, "rollback", "--now"], capture_output=True)
    for ended in STATE.glob("*.ended"):
        ended.unlink()
    ipvsadm("-C")


@pytest.fixture
def colleague() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def open_on(terminal: Terminal, profile: Path, user: str = "anna", columns: int = 120) -> None:
    environment = {"SUDO_USER": user}
    terminal.start([LVSTUI, "--live", "--profile", profile], columns=columns, rows=24, environment=environment)
    terminal.wait_for("10.0.0.75")


def try_out(terminal: Terminal, seconds: int) -> None:
    """Put one weight more on trial."""
    terminal.keys("g", "Down", "+")
    terminal.wait_for("Ctrl-T for 2 min")
    terminal.keys(":")
    terminal.wait_for("a command, or a line such as")
    terminal.type(f"trial {seconds}\r")
    terminal.wait_for(counts_down)
    assert saved() == TRIED


def counts_down(screen: str) -> bool:
    return re.search(r"on trial \d:\d\d", screen) is not None


def written(profile: Path) -> int:
    (service,) = tomllib.loads(profile.read_text())["service"]
    return int(service["server"][0].get("weight", 1))


def is_back() -> bool:
    return saved() == TABLE


def wait_until(reached: Callable[[], bool], terminal: Terminal) -> None:
    terminal.wait_for(lambda _: reached())


def test_the_screen_is_killed_and_the_guard_takes_it_back_which_another_screen_sees_and_says(
    terminal: Terminal, colleague: Terminal, profile: Path
) -> None:
    open_on(colleague, profile)
    open_on(terminal, profile)
    try_out(terminal, 30)
    colleague.wait_for(counts_down)
    colleague.wait_for("has on trial: ")
    terminal.send_signal(signal.SIGKILL)
    assert saved() == TRIED
    screen = colleague.wait_for("taken back by guard")
    assert "what anna" in screen
    assert is_back()
    assert written(profile) == 3
    colleague.wait_for(lambda text: not counts_down(text))


def test_a_session_that_is_dropped_with_all_its_processes_is_taken_back_and_the_next_start_says_so(
    terminal: Terminal, colleague: Terminal, profile: Path
) -> None:
    open_on(terminal, profile)
    try_out(terminal, 12)
    session = os.getsid(terminal.pid)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(process.name)) == session:
                os.kill(int(process.name), signal.SIGKILL)
    assert len(trials.guards()) == 1
    end = Terminal()
    try:
        end.start(["sleep", "1000"])
        wait_until(is_back, end)
    finally:
        end.close()
    assert written(profile) == 3
    open_on(colleague, profile)
    colleague.wait_for("taken back by guard")


def test_another_screen_of_the_same_person_keeps_it_and_no_guard_fires(
    terminal: Terminal, colleague: Terminal, profile: Path
) -> None:
    open_on(terminal, profile)
    try_out(terminal, 100)
    open_on(colleague, profile, columns=80)  # started after it
    colleague.wait_for(counts_down)
    colleague.keys("K")
    colleague.wait_for("kept: ")
    terminal.wait_for(lambda screen: not counts_down(screen) and "kept" in screen)
    wait_until(lambda: not trials.guards(), colleague)
    assert saved() == TRIED
    assert written(profile) == 4
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0


def test_another_person_is_told_who_decides_and_who_leaves_hears_how_to_keep_it(
    terminal: Terminal, colleague: Terminal, profile: Path
) -> None:
    open_on(colleague, profile, "ben")
    open_on(terminal, profile)
    try_out(terminal, 100)
    colleague.wait_for("anna or root decides")
    colleague.keys("K")
    colleague.wait_for("who decides about it, or root")
    colleague.keys("Escape")
    terminal.keys("q")
    terminal.wait_for("Leave, while a change is on trial?")
    terminal.keys("Right", "Enter")
    assert terminal.wait_for_exit() == 0
    assert "`lvstui confirm` keeps it" in " ".join(terminal.screen().split())
    assert (saved(), written(profile)) == (TRIED, 3)
    colleague.keys("K")
    colleague.wait_for("Keep it all the same")
    colleague.keys("Right", "Enter")
    colleague.wait_for("kept: ")
    assert written(profile) == 4


def test_on_a_full_disk_nothing_is_tried(terminal: Terminal, profile: Path) -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", STATE], check=True)
    try:
        with suppress(OSError), (STATE / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        open_on(terminal, profile)
        terminal.keys("g", "Down", "+")
        terminal.wait_for("Ctrl-T for 2 min")
        terminal.keys("C-t")
        terminal.wait_for(lambda screen: "not done: " in screen and "the disk is full" in screen)
        assert saved() == TABLE
        assert not trials.guards()
    finally:
        terminal.close()
        subprocess.run(["umount", "--lazy", STATE], check=True)  # what was ended just now may still have files there
