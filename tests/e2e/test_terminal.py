"""The driver of the end-to-end tests, tried on small programs."""

import signal
import sys

import pytest

from tests.e2e.terminal import ScreenTimeoutError, Terminal

ECHO = "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: print('got', repr(line), flush=True)"
SIZE = """
import os, signal
def show(*_):
    print(os.get_terminal_size(), flush=True)
signal.signal(signal.SIGWINCH, show)
show()
while True:
    signal.pause()
"""


def test_keys_and_text_reach_the_program_as_they_stand(terminal: Terminal) -> None:
    terminal.start([sys.executable, "-c", ECHO])
    terminal.wait_for("ready")
    terminal.type("a;b #{c} é;")
    terminal.keys("Enter", "+", "-", ";", "Enter")
    terminal.wait_for(r"got 'a;b #{c} é;\n'")
    terminal.wait_for(r"got '+-;\n'")


def test_the_program_sees_its_size_and_each_new_one(terminal: Terminal) -> None:
    terminal.start([sys.executable, "-c", SIZE], columns=100, rows=30)
    terminal.wait_for("columns=100, lines=30")
    terminal.resize(160, 48)
    terminal.wait_for("columns=160, lines=48")


def test_the_environment_is_the_test_s_own(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.start(["sh", "-c", "echo $MINE ${NO_COLOR-unset}; cat"], environment={"MINE": "two words"})
    terminal.wait_for("two words unset")


def test_styles_show_reverse_video(terminal: Terminal) -> None:
    terminal.start(["sh", "-c", r"printf 'plain \033[7mreverse\033[0m'; cat"])
    terminal.wait_for("plain reverse")
    assert "plain \x1b[7mreverse" in terminal.styles()


def test_a_program_s_exit_status_and_last_screen_are_kept(terminal: Terminal) -> None:
    terminal.start(["sh", "-c", "echo the end; exit 7"])
    assert terminal.wait_for_exit() == 7
    assert terminal.screen().strip() == "the end"


def test_a_signal_is_reported_as_a_shell_reports_it(terminal: Terminal) -> None:
    terminal.start(["sleep", "100"])
    terminal.send_signal(signal.SIGTERM)
    assert terminal.wait_for_exit() == 128 + signal.SIGTERM


def test_what_does_not_come_is_an_error_that_shows_the_screen(terminal: Terminal) -> None:
    terminal.start(["sh", "-c", "echo something else; cat"])
    terminal.wait_for("something else")
    with pytest.raises(ScreenTimeoutError, match=r"'wanted' did not come[^|]*\n\|something else\|"):
        terminal.wait_for("wanted", seconds=0)
    terminal.keys("C-d")
    with pytest.raises(ScreenTimeoutError, match="ended with 0 before 'wanted' came"):
        terminal.wait_for("wanted")
