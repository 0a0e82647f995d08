"""The README's tour as a reader takes it: exactly the keys that it names, in the open lab, and what it says is seen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, assert_never

import pytest

from tests.docs.tour import Act, Do, steps
from tests.e2e.terminal import ScreenTimeoutError, Terminal
from tests.lab import faults, net

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"
OF_TMUX: Final[Mapping[str, str]] = {"Esc": "Escape", "Ctrl-F": "C-f"}
"""Keys that tmux calls otherwise."""
CLIENTS = 6
"""On the drained server before the tour begins: a reader of the first step gives them the time to come."""


@pytest.fixture
def lab() -> Iterator[None]:
    """Build what `make lab` shows."""
    with net.shop(traffic=True):
        yield
        net.revive("rs2")


def sticky() -> int:
    """Count the clients that stick to the server which the tour drains."""
    listed = ["ipvsadm", "-Ln", "--persistent-conn", "-t", "192.0.2.10:80"]
    lines = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    return next((int(line.split()[3]) for line in lines if "10.0.0.11:80" in line), 0)


def act(terminal: Terminal, act: Act) -> None:
    """Do what the tour tells, or wait for what it says is seen."""
    match act.do:
        case Do.PRESS:
            before = terminal.screen()
            listed = act.text == "Esc" and "Esc closes" in before
            applies = act.text == "Enter" and ("staged: Enter applies" in before or "undo: Enter applies" in before)
            terminal.keys(OF_TMUX.get(act.text, act.text))
            if applies:  # nobody goes on before it is made
                terminal.wait_for(lambda screen: "Enter applies" not in screen and "done: " in screen)
            if listed:
                terminal.wait_for(lambda screen: "Esc closes" not in screen)
        case Do.TYPE:
            terminal.type(act.text)
        case Do.RUN:
            faults.FAULTS[act.text.removeprefix("lab-")]("rs2")
        case Do.SEE:
            terminal.wait_for(
                lambda screen: act.text in " ".join(map(str.strip, screen.splitlines()))
            )  # wrapped or not
        case _:
            assert_never(act.do)


@pytest.mark.usefixtures("lab")
def test_the_tour_works_as_it_is_written(terminal: Terminal, tmp_path: Path) -> None:
    while sticky() < CLIENTS:
        time.sleep(0.5)
    terminal.start([LVSTUI, "--profile", tmp_path / "director.toml"])
    terminal.wait_for(lambda screen: "no profile yet" in screen and "192.0.2.10:53" in screen)
    for title, acts in steps():
        for each in acts:
            try:
                act(terminal, each)
            except ScreenTimeoutError as error:
                raise AssertionError(f"{title}: {each.text!r} is not seen. {error}") from None
    assert terminal.wait_for_exit() == 0
