"""A countdown on a slow link: a second sends the cells that change, and without a change on trial nothing is sent."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

LVSTUI = Path(sys.executable).parent / "lvstui"
ALONE = {"TERM": "xterm-256color", "XDG_STATE_HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
SECONDS = 60.0
TICK = 100
"""Bytes that a second of the countdown may take: twice what it does, as two may come late and together."""


def sent(terminal: int, seconds: float, wanted: bytes = b"") -> bytes:
    """Return what is sent for so long, or until something wanted is there."""
    seen, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline and not (wanted and wanted in seen):
        if select.select([terminal], [], [], 0.05)[0]:
            seen += os.read(terminal, 65536)
    return seen


def settle(terminal: int, seconds: float, most: int) -> None:
    """Read until no more than so many bytes come in so many seconds: a busy machine may paint late."""
    deadline = time.monotonic() + SECONDS
    while len(last := sent(terminal, seconds)) > most:
        assert time.monotonic() < deadline, last


def test_each_second_of_a_countdown_sends_few_bytes_and_none_without_one() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(ALONE)
        os.execv(LVSTUI, ["lvstui", "--demo"])
    try:
        assert b"tcp:192.0.2.40:8080" in sent(terminal, SECONDS, b"tcp:192.0.2.40:8080")
        os.write(terminal, b"jp")
        assert b"paused" in sent(terminal, SECONDS, b"paused")
        settle(terminal, 1.5, 0)
        os.write(terminal, b"+")
        assert b"staged" in sent(terminal, SECONDS, b"staged")
        os.write(terminal, b"\x14")
        assert b"on trial" in sent(terminal, SECONDS, b"on trial")
        settle(terminal, 1.0, 2 * TICK)
        ticks, number, began = b"", 0, time.monotonic()
        while number < 3:
            ticks += sent(terminal, 1.0)
            number = len(re.findall(rb"\x1b\[2;\d+H", ticks))
            assert time.monotonic() < began + SECONDS, ticks
        assert number <= time.monotonic() - began + 2, ticks  # one may have been due before
        assert len(ticks) < (number + 1) * TICK, ticks
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
