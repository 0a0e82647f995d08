"""Director and changes view on a real kernel: keys in a terminal, read back with ipvsadm and from /proc/sys."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, filter_by

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"
SYSCTL = Path("/proc/sys/net/ipv4/vs")

NETWORK = """\
link add lvs0 type dummy
link set lvs0 up multicast on
addr add 192.0.2.1/24 dev lvs0
addr add 10.0.0.1/24 dev lvs0
"""
TABLE = """\
-A -t 192.0.2.10:443 -s rr
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 1
-A -f 80 -s wlc -p 600
"""
KEEPALIVED = """\
virtual_server 192.0.2.10 443 {
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.11 443 { weight 3 }
    real_server 10.0.0.12 443 { weight 1 }
}
"""

Open = Callable[[str], Path]


def ipvsadm(*words: str, lines: str = "") -> str:
    return subprocess.run(["ipvsadm", *words], input=lines, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def director() -> Iterator[None]:
    subprocess.run(["ip", "-batch", "-"], input=NETWORK, check=True, text=True)
    ipvsadm("-C")
    ipvsadm("--set", "900", "120", "300")
    yield
    for role in ("master", "backup"):
        subprocess.run(["ipvsadm", "--stop-daemon", role], capture_output=True)
    ipvsadm("-C")
    ipvsadm("--set", "900", "120", "300")
    (SYSCTL / "expire_nodest_conn").write_text("0")
    subprocess.run(["ip", "link", "del", "lvs0"], check=True)


@pytest.fixture
def opened(director: None, terminal: Terminal, tmp_path: Path) -> Open:
    """Open lvstui on a view and wait for a text of it."""
    del director

    def start(view: str) -> Path:
        profile = tmp_path / "director.toml"
        terminal.start([LVSTUI, "--live", "--profile", profile, "--view", view], columns=80, rows=24)
        return profile

    return start


def narrow(terminal: Terminal, words: str) -> None:
    """Filter the rows by words in place of the filter so far."""
    clear(terminal)
    filter_by(terminal, words)
    terminal.keys("Enter")
    terminal.wait_for(lambda text: "\n /" not in text)


def clear(terminal: Terminal) -> None:
    """Take the filter off; what follows Esc at once would be taken for one key with it."""
    if "\n filter " in terminal.screen():
        terminal.keys("Escape")
        terminal.wait_for(lambda text: "\n filter " not in text)


def find(terminal: Terminal, words: str, shown: str) -> None:
    """Filter for a row and put the cursor on it: the one below its heading."""
    narrow(terminal, words)
    terminal.keys("g", "Down")
    terminal.wait_for(shown)


def answer(terminal: Terminal, text: str, staged: str) -> None:
    terminal.keys("Home", "C-k")
    terminal.type(text)
    terminal.keys("Enter")
    terminal.wait_for(staged)


def test_timeouts_settings_and_daemons_are_written_from_keys(opened: Open, terminal: Terminal) -> None:
    ipvsadm("-R", lines=TABLE)
    profile = opened("director")
    terminal.wait_for("tcp_fin")

    find(terminal, "tcp_fin", "tcp_fin: how long")
    terminal.keys("e")
    terminal.wait_for("tcp_fin in seconds")
    answer(terminal, "77", "--set 900 77 300")
    terminal.keys("Enter")
    terminal.wait_for("done: timeouts")
    assert "77" in ipvsadm("-Ln", "--timeout")

    find(terminal, "expire_nodest", "expire_nodest_conn: ")
    terminal.keys("e")
    terminal.wait_for("expire_nodest_conn 0")
    answer(terminal, "1", "0->1")
    terminal.keys("Enter")
    terminal.wait_for("done: ")
    assert (SYSCTL / "expire_nodest_conn").read_text().strip() == "1"

    find(terminal, "sync daemons", "master: sends")
    terminal.keys("Down")
    terminal.wait_for("backup: takes")
    terminal.keys("a")
    terminal.wait_for("start the backup on interface")
    answer(terminal, "lvs0", "--start-daemon backup --mcast-interface lvs0")
    terminal.keys("Down", "Down")
    terminal.wait_for("id: 0 to 255")
    terminal.keys("e")
    terminal.wait_for("backup id")
    answer(terminal, "9", "--syncid 9")
    terminal.keys("Enter")
    terminal.wait_for("done: ")
    assert "backup sync daemon (mcast=lvs0, syncid=9" in ipvsadm("-Ln", "--daemon")

    saved = tomllib.loads(profile.read_text())
    assert saved["timeouts"]["tcp_fin"] == 77
    assert saved["sysctl"] == {"expire_nodest_conn": 1}
    assert [(daemon["role"], daemon["interface"], daemon["id"]) for daemon in saved["sync"]] == [("backup", "lvs0", 9)]

    for _ in range(3):
        terminal.keys("z")
        terminal.wait_for("undo: Enter applies")
        terminal.keys("Enter")
        terminal.wait_for(lambda text: "undo: Enter applies" not in text and "done: " in text)
    terminal.keys("z")
    terminal.wait_for("nothing to undo")
    assert ipvsadm("-Ln", "--daemon").strip() == ""
    assert (SYSCTL / "expire_nodest_conn").read_text().strip() == "0"
    assert ipvsadm("-Ln", "--timeout").split()[-3:] == ["900", "120", "300"]


def test_drift_is_restored_and_saved_from_the_changes_view(opened: Open, terminal: Terminal) -> None:
    ipvsadm("-R", lines=TABLE)
    profile = opened("changes")
    terminal.wait_for("no profile yet")
    terminal.keys("w")
    terminal.wait_for("Save what the kernel holds")
    terminal.keys("Right", "Enter")
    terminal.wait_for("the kernel holds what the profile says")
    ipvsadm("-e", "-t", "192.0.2.10:443", "-r", "10.0.0.11:443", "-m", "-w", "50")
    ipvsadm("-D", "-f", "80")
    terminal.wait_for("2 differences")

    find(terminal, "weight", "kernel -> profile: tcp:192.0.2.10:443")
    terminal.keys("b")
    terminal.wait_for("Enter applies")
    terminal.keys("Enter")
    terminal.wait_for("1 difference:")
    assert "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3" in ipvsadm("-Sn")

    clear(terminal)
    terminal.keys("g", "C")
    terminal.wait_for("Save the kernel's side")
    terminal.wait_for("- mark:80")
    terminal.keys("Right", "Enter")
    terminal.wait_for("the kernel holds what the profile says")
    assert [pool["service"] for pool in tomllib.loads(profile.read_text())["service"]] == ["tcp:192.0.2.10:443"]
    assert "-f 80" not in ipvsadm("-Sn")

    find(terminal, "how=apply", "apply")
    terminal.keys("G")
    terminal.wait_for(lambda text: "weight 50 -> 3" in text and "u undo this" in text)
    terminal.keys("u")
    terminal.wait_for(lambda text: "Enter applies" in text and "weight 3 -> 50" in text)
    terminal.keys("Enter")
    terminal.wait_for(lambda text: "Enter applies" not in text and "done: " in text and "weight 3 -> 50" in text)
    narrow(terminal, "who=root")
    terminal.wait_for(lambda text: re.search(r" 2 +root ", text) is not None)
    assert "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 50" in ipvsadm("-Sn")


def test_what_keepalived_manages_is_edited_after_one_warning(opened: Open, terminal: Terminal, tmp_path: Path) -> None:
    config = tmp_path / "keepalived.conf"
    config.write_text(KEEPALIVED)
    with (tmp_path / "log").open("w") as log:
        keepalived = subprocess.Popen(["keepalived", "-nl", "-f", config], stdout=log, stderr=log)
    try:
        opened("services")
        terminal.wait_for("10.0.0.12:443")
        terminal.wait_for(lambda text: "keepalived" in text.partition("Name")[0])
        terminal.keys("g", "Down", "+", "Enter")
        terminal.wait_for("Edit what keepalived manages?")
        terminal.keys("Enter")
        terminal.wait_for(lambda text: "Edit what" not in text)
        assert "10.0.0.11:443 -m -w 3" in ipvsadm("-Sn")
        terminal.keys("Enter")
        terminal.wait_for("Edit what keepalived manages?")
        terminal.keys("Right", "Enter")
        terminal.wait_for("done: ")
        assert "10.0.0.11:443 -m -w 4" in ipvsadm("-Sn")
        terminal.keys("+", "Enter")
        terminal.wait_for("weight 4 -> 5")
        terminal.wait_for(lambda text: "Enter applies" not in text)
        terminal.wait_for("done: ")
        assert "10.0.0.11:443 -m -w 5" in ipvsadm("-Sn")
    finally:
        keepalived.terminate()
        keepalived.wait(60)
