"""A terminal that goes away, as a dropped SSH line does: SIGHUP comes, and SIGCONT with it."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

LVSTUI = Path(sys.executable).parent / "lvstui"
SECONDS = 60.0


def test_a_hang_up_ends_it_though_the_terminal_cannot_be_written_to() -> None:
    for _ in range(3):
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(LVSTUI, ["lvstui", "--demo"])
        try:
            read_until(terminal, b"tcp:192.0.2.10:443")
            os.close(terminal)
            os.kill(pid, signal.SIGCONT)
            assert os.waitstatus_to_exitcode(ended(pid)) == 128 + signal.SIGHUP
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise


def read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + SECONDS
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)


def ended(pid: int) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        select.select([], [], [], 0.05)
    raise AssertionError("it did not end")
