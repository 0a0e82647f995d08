"""A director with a million persistence entries.

A kernel before 6.14 needs most of an hour to show all of them, as each read of the table begins at its start; newer
ones show them in half a minute.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench.big_table import namespace, within
from tests.e2e.terminal import Terminal, filter_by
from tests.lab.fill import fill

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"
ENTRIES = 1_000_000
LINEAR = tuple(int(number) for number in platform.release().split(".")[:2]) >= (6, 14)
"""Whether the kernel goes on in its table where the last read ended."""
MEMORY_MAX = 400
"""MiB of the whole program, whatever the size of the table."""

SERVICE = """\
-A -t 192.0.2.10:80 -s rr -p 3600
-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m
-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m
-a -t 192.0.2.10:80 -r 10.0.0.13:80 -m
"""


@pytest.fixture(scope="module")
def crowded() -> Iterator[str]:
    """Yield a network namespace whose director remembers a million clients."""
    with namespace("crowded") as name:
        subprocess.run(["ip", "-n", name, "route", "add", "10.0.0.0/24", "dev", "lo"], check=True)
        subprocess.run(within(name, "ipvsadm", "-R"), input=SERVICE, text=True, check=True)
        fill(ENTRIES, name)
        yield name


@pytest.fixture
def screen(crowded: str, terminal: Terminal, tmp_path: Path) -> Terminal:
    command: list[str | Path] = [LVSTUI, "--netns", crowded, "--profile", tmp_path / "director.toml"]
    terminal.start(command, columns=80, rows=24)
    terminal.wait_for("192.0.2.10:80", seconds=120)
    return terminal


def answering(screen: Terminal) -> float:
    """Open the help and leave it; return the seconds that took."""
    started = time.monotonic()
    screen.keys("?")
    screen.wait_for("Nothing is written before Enter")
    screen.keys("Escape")
    screen.wait_for(lambda text: "Nothing is written before Enter" not in text)
    return time.monotonic() - started


def memory(screen: Terminal) -> int:
    """Return the most memory that the program ever had, in MiB."""
    status = Path(f"/proc/{screen.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


def reads_on(screen: Terminal) -> bool:
    """Return whether the program has the connection table open."""
    for descriptor in Path(f"/proc/{screen.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if "ip_vs_conn" in str(descriptor.readlink()):
                return True
    return False


def test_a_million_entries_leave_everything_usable(screen: Terminal) -> None:
    screen.wait_for("333k")  # the counts come from netlink, at once
    calm = answering(screen)
    screen.keys("2")
    screen.wait_for(lambda text: "Service, client" in text and is_read(text))
    screen.keys("f")  # the clients below their servers
    shown = screen.wait_for(lambda text: "100.64." in text and is_read(text))
    if not LINEAR:
        assert re.search(r"partial: [\d,]+ of about 1,000,000 rows", shown)
        assert reads_on(screen)
    assert answering(screen) < 10 * calm + 1
    client = re.findall(r"100\.\d+\.\d+\.\d+", shown)[0]
    filter_by(screen, client)
    screen.keys("Enter")
    shown = screen.wait_for(lambda text: re.search(r" 1 of [\d,]+ entries", text) is not None)
    assert client in shown
    if LINEAR:
        screen.wait_for(over, seconds=300)
    else:
        assert "partial" in shown
        screen.wait_for(lambda text: int((re.findall(r"reading (\d+) s", text) or ["0"])[0]) > 25, seconds=120)
    screen.keys("1")
    screen.wait_for("Conn/s")
    deadline = time.monotonic() + 30
    while reads_on(screen):
        assert time.monotonic() < deadline, "the table is read though nobody looks at it any more"
        time.sleep(0.1)
    assert memory(screen) < MEMORY_MAX
    screen.keys("q")
    assert screen.wait_for_exit() == 0


def is_read(text: str) -> bool:
    """Return whether rows of the table are there: keys that come before them are dropped after a second."""
    return re.search(r"reading \d+ s", text) is not None or over(text)


def over(text: str) -> bool:
    """Return whether the screen says that it has read the whole table."""
    return "1,000,000" in text and "partial" not in text
