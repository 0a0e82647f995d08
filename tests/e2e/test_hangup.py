"""A terminal that goes away, as a dropped SSH line does: SIGHUP comes, and SIGCONT with it."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

LVSTUI = Path(sys.executable).parent / "lvstui"
SECONDS = 60.0
ALONE = {"TERM": "xterm-256color", "XDG_STATE_HOME": "/nonexistent"}
"""A terminal of any kind, and no memory of other screens."""


def test_a_hang_up_ends_it_though_the_terminal_cannot_be_written_to() -> None:
    for _ in range(3):
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(ALONE)
            os.execv(LVSTUI, ["lvstui", "--demo"])
        try:
            read_until(terminal, b"tcp:192.0.2.40:8080")
            os.close(terminal)
            os.kill(pid, signal.SIGCONT)
            assert os.waitstatus_to_exitcode(ended(pid)) == 128 + signal.SIGHUP
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_though_its_terminal_reads_no_more(number: signal.Signals) -> None:
    pid, terminal = started()
    try:
        for key in b"2136" * 12:
            os.write(terminal, bytes([key]))
            select.select([], [], [], 0.05)  # each key paints its screen, until the terminal's buffer is full
        os.kill(pid, number)
        assert os.waitstatus_to_exitcode(ended(pid)) == 128 + number
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)


def test_bytes_that_are_no_text_do_not_end_it() -> None:
    pid, terminal = started()
    try:
        os.write(terminal, b"\xe9\xff\x80")
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:  # so that what is typed next is a packet of its own
            if select.select([terminal], [], [], 0.1)[0]:
                os.read(terminal, 65536)
        os.write(terminal, b":quit\r")
        assert os.waitstatus_to_exitcode(ended(pid, terminal)) == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)


def started() -> tuple[int, int]:
    """Start the demo on a large terminal, and return its process and the other end of the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(ALONE)
        termios.tcsetwinsize(0, (60, 200))
        os.execv(LVSTUI, ["lvstui", "--demo"])
    read_until(terminal, b"tcp:192.0.2.40:8080")
    return pid, terminal


def read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + SECONDS
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)


def ended(pid: int, terminal: int | None = None) -> int:
    """Wait for the end of a process, while its terminal reads where one is named."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if terminal is not None and select.select([terminal], [], [], 0.05)[0]:
            with suppress(OSError):
                os.read(terminal, 65536)
        else:
            select.select([], [], [], 0.05)
    raise AssertionError("it did not end")
