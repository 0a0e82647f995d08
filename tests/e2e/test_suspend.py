"""Ctrl-Z goes to the shell with a terminal as it was, and fg comes back to a whole screen that takes keys."""

from __future__ import annotations

import sys

from tests.e2e.terminal import Terminal


def test_ctrl_z_gives_the_terminal_back_and_fg_paints_everything_anew(terminal: Terminal) -> None:
    terminal.start(["bash", "--norc", "-i"], environment={"PS1": "shell> "})
    terminal.wait_for("shell>")
    terminal.type(f"{sys.executable} -m lvstui --demo\n")
    terminal.wait_for("1 Services")
    for _ in range(2):
        terminal.keys("C-z")
        terminal.wait_for("Stopped")
        terminal.type("echo it is $((6*7))\n")
        terminal.wait_for("it is 42")
        terminal.type("clear; fg\n")
        terminal.wait_for("? help  q quit")
        terminal.keys("5")
        terminal.wait_for("timeouts")
        terminal.keys("1")
        terminal.wait_for("api1")
    terminal.keys("q")
    terminal.wait_for("shell>")
    terminal.type("exit\n")
    assert terminal.wait_for_exit() == 0


def test_without_a_shell_to_come_back_to_ctrl_z_says_so(terminal: Terminal) -> None:
    terminal.start(["setsid", "--ctty", "--wait", sys.executable, "-m", "lvstui", "--demo"])
    terminal.wait_for("1 Services")
    terminal.keys("C-z")
    terminal.wait_for("no shell to come back from")
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0
