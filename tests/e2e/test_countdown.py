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


def test_each_second_of_a_countdown_sends_few_bytes_and_none_without_one() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(ALONE)
        os.execv(LVSTUI, ["lvstui", "--demo"])
    try:
        assert b"tcp:192.0.2.40:8080" in sent(terminal, SECONDS, b"tcp:192.0.2.40:8080")
        os.write(terminal, b"jp")
        assert b"paused" in sent(terminal, SECONDS, b"paused")
        sent(terminal, 1.5)
        assert sent(terminal, 1.5) == b""
        os.write(terminal, b"+")
        assert b"staged" in sent(terminal, SECONDS, b"staged")
        os.write(terminal, b"\x14")
        assert b"on trial" in sent(terminal, SECONDS, b"K")
        sent(terminal, 2.0)
        ticks = sent(terminal, 3.0)
        assert 2 <= len(re.findall(rb"\x1b\[2;\d+H", ticks)) <= 4, ticks
        assert len(ticks) < 4 * TICK, ticks
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
