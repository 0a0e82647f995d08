"""A machine on a real kernel: drained everywhere, and back with the weights it had after lvstui was started anew."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"

TABLE = """\
-A -t 192.0.2.10:443 -s wlc
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3 -x 1000 -y 800
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 4
-A -u 192.0.2.53:53 -s rr
-a -u 192.0.2.53:53 -r 10.0.0.11:53 -m -w 7
-A -f 80 -s wlc -p 600
-a -f 80 -r 10.0.0.11:0 -i -w 2 --tun-type gue --tun-port 6080 --tun-csum
-a -f 80 -r 10.0.0.12:0 -g -w 1
"""


def ipvsadm(*words: str, lines: str = "") -> str:
    return subprocess.run(["ipvsadm", *words], input=lines, check=True, capture_output=True, text=True).stdout


def everything() -> str:
    """What ipvsadm shows of the configuration, without counters."""
    return "\n".join((ipvsadm("-Sn"), ipvsadm("-Ln", "--thresholds"), ipvsadm("-Ln", "--tun-info")))


def weights() -> dict[str, list[str]]:
    """The weights of each machine, by its address, in the order of the services."""
    found: dict[str, list[str]] = {}
    for line in ipvsadm("-Sn").splitlines():
        words = line.split()
        if words[0] == "-a":
            found.setdefault(words[words.index("-r") + 1].split(":")[0], []).append(words[words.index("-w") + 1])
    return found


@pytest.fixture
def again(terminal: Terminal) -> Iterator[Terminal]:
    """A second terminal, for starting anew."""
    del terminal
    second = Terminal()
    yield second
    second.close()


@pytest.fixture
def table() -> Iterator[None]:
    ipvsadm("-C")
    ipvsadm("-R", lines=TABLE)
    yield
    ipvsadm("-C")


def start(terminal: Terminal, folder: Path) -> None:
    """Open lvstui on the table, with profile and state in a folder, and wait until it shows the table."""
    command: list[str | Path] = [LVSTUI, "--live", "--profile", folder / "director.toml"]
    terminal.start(command, columns=100, rows=30, environment={"XDG_STATE_HOME": str(folder / "state")})
    terminal.wait_for("10.0.0.12")


def stage_drain_key(terminal: Terminal, *changes: str) -> None:
    """Press the drain key on the first row, a machine, and wait for the changes that it stages."""
    terminal.keys("g", "d")
    terminal.wait_for(lambda screen: "3 staged" in screen and all(change in screen for change in changes))


@pytest.mark.usefixtures("table")
def test_a_machine_is_drained_everywhere_and_comes_back_with_its_weights_after_a_restart(
    terminal: Terminal, again: Terminal, tmp_path: Path
) -> None:
    before, weights_before = everything(), weights()
    start(terminal, tmp_path)
    terminal.keys("m")
    terminal.wait_for("by machine")
    stage_drain_key(terminal, "weight 3 -> 0", "weight 7 -> 0", "weight 2 -> 0")
    assert everything() == before
    terminal.keys("Enter")
    terminal.wait_for("saved")
    terminal.wait_for("done:")
    assert weights() == {"10.0.0.11": ["0", "0", "0"], "10.0.0.12": weights_before["10.0.0.12"]}
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0

    start(again, tmp_path)
    again.wait_for("by machine")
    stage_drain_key(again, "weight 0 -> 3", "weight 0 -> 7", "weight 0 -> 2")
    again.keys("Enter")
    again.wait_for("done:")
    assert everything() == before
    assert weights() == weights_before
