"""A director built from an empty kernel with keys alone, applied again, and taken back step by step."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"

NETWORK = """\
link add lvs0 type dummy
link set lvs0 up
addr add 192.0.2.1/24 dev lvs0
addr add 10.0.0.1/24 dev lvs0
addr add fd00::1/64 dev lvs0 nodad
"""

WANTED = """\
-A -t 192.0.2.10:443 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 2
-a -t 192.0.2.10:443 -r 10.0.0.13:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-A -u 192.0.2.53:53 -s rr -o
-a -u 192.0.2.53:53 -r 10.0.0.14:53 -m -w 1
-A -t [2001:db8::10]:80 -s wlc
-a -t [2001:db8::10]:80 -r [fd00::15]:80 -g -w 4
-A -f 80 -s wlc -p 600
-a -f 80 -r 10.0.0.16:0 -g -w 1
"""
THRESHOLDS = {"10.0.0.11:443": ["1000", "800"], "10.0.0.12:443": ["500", "0"]}
NAMES = ("shop", "resolver", "shop6", "portal", "web1", "web2", "web3", "dns1", "web6", "gate")

Step = tuple[str, tuple[str, ...], str]
"""The key that opens a form, what is written from field to field (`-`: nothing), and the row that it makes."""

STEPS: tuple[Step, ...] = (
    ("A", ("-", "192.0.2.10", "443", "sh", "y", "y", "-", "y", "-", "/24", "-", "shop"), "tcp:192.0.2.10:443"),
    ("a", ("10.0.0.11", "-", "masq", "3", "1000", "800", "web1"), "10.0.0.11:443"),
    ("a", ("10.0.0.12", "-", "-", "2", "500", "-", "web2"), "10.0.0.12:443"),
    ("a", ("10.0.0.13", "-", "tunnel", "-", "-", "-", "gue", "6080", "csum", "web3"), "10.0.0.13:443"),
    ("A", ("udp", "192.0.2.53", "53", "rr", "y", "-", "resolver"), "udp:192.0.2.53:53"),
    ("a", ("10.0.0.14", "-", "masq", "-", "-", "-", "dns1"), "10.0.0.14:53"),
    ("A", ("-", "2001:db8::10", "80", "-", "-", "-", "shop6"), "tcp:[2001:db8::10]:80"),
    ("a", ("fd00::15", "-", "route", "4", "-", "-", "web6"), "[fd00::15]:80"),
    ("A", ("mark", "80", "-", "-", "y", "600", "-", "-", "portal"), "mark:80"),
    ("a", ("10.0.0.16", "-", "route", "-", "-", "-", "gate"), "10.0.0.16"),
)


def ipvsadm(*words: str) -> str:
    return subprocess.run(["ipvsadm", *words], check=True, capture_output=True, text=True).stdout


def saved() -> list[str]:
    """The lines of `ipvsadm -Sn`, sorted: it lists services in the order of its hash table."""
    return sorted(line.rstrip() for line in ipvsadm("-Sn").splitlines())


def thresholds() -> dict[str, list[str]]:
    """Upper and lower threshold of each server that has any, as `ipvsadm -Ln --thresholds` lists them."""
    rows = (line.split() for line in ipvsadm("-Ln", "--thresholds").splitlines() if line.startswith("  -> "))
    return {row[1]: row[2:4] for row in rows if row[2:3] not in ([], ["0"])}


@pytest.fixture
def nothing() -> Iterator[None]:
    subprocess.run(["ip", "-batch", "-"], input=NETWORK, check=True, text=True)
    ipvsadm("-C")
    yield
    ipvsadm("-C")
    subprocess.run(["ip", "link", "del", "lvs0"], check=True)


def fill(terminal: Terminal, values: tuple[str, ...]) -> None:
    """Write into one field after the other; the keys come in bursts, as over a slow line."""
    for place, value in enumerate(values):
        if place:
            terminal.keys("Tab")
        if value != "-":
            terminal.type(value)
    terminal.keys("C-s")


def take_step(terminal: Terminal, step: Step) -> None:
    key, values, row = step
    terminal.keys(key)
    terminal.wait_for("New se")
    fill(terminal, values)
    terminal.wait_for("staged: Enter applies")
    terminal.keys("Enter")
    terminal.wait_for(lambda screen: "Enter applies" not in screen and row in screen and "done:" in screen)


def take_back(terminal: Terminal, row: str) -> None:
    terminal.wait_for(lambda screen: row in screen and "Enter applies" not in screen)
    terminal.keys("z")
    terminal.wait_for("undo: Enter applies")
    terminal.keys("Enter")
    terminal.wait_for(lambda screen: row not in screen.partition("done:")[0])


def test_a_shop_is_built_applied_again_and_taken_back(nothing: None, terminal: Terminal, tmp_path: Path) -> None:
    del nothing
    profile = tmp_path / "director.toml"
    terminal.start([LVSTUI, "--live", "--profile", profile], columns=80, rows=24)
    terminal.wait_for("A add service")
    for step in STEPS:
        take_step(terminal, step)

    assert saved() == sorted(WANTED.splitlines())
    assert thresholds() == THRESHOLDS
    assert all(f'name = "{name}"' in profile.read_text() for name in NAMES)

    ipvsadm("-C")
    assert saved() == []
    subprocess.run([LVSTUI, "apply", "--live", profile], check=True, capture_output=True)
    assert saved() == sorted(WANTED.splitlines())
    assert thresholds() == THRESHOLDS

    for _, _, row in reversed(STEPS):
        take_back(terminal, row)
    assert saved() == []
    terminal.wait_for("A add service")


MOVING = """\
-A -f 80 -s sh -p 600 -b sh-port
-a -f 80 -r 10.0.0.11:0 -g -w 2
-a -f 80 -r 10.0.0.12:0 -m -w 3
"""


def test_another_mark_and_another_address_are_additions_and_removals_that_undo_brings_back(
    nothing: None, terminal: Terminal, tmp_path: Path
) -> None:
    del nothing
    subprocess.run(["ipvsadm", "-R"], input=MOVING, check=True, text=True)
    terminal.start([LVSTUI, "--live", "--profile", tmp_path / "director.toml"], columns=80, rows=24)
    terminal.wait_for("10.0.0.12")
    terminal.keys("e")
    terminal.wait_for("Service mark:80")
    terminal.keys("Tab")
    terminal.type("81")
    terminal.wait_for("mark:80 is removed")
    terminal.keys("C-s")
    terminal.wait_for("staged: Enter applies")
    assert saved() == sorted(MOVING.splitlines())
    terminal.keys("Enter")
    terminal.wait_for("done:")
    assert saved() == sorted(MOVING.replace("-f 80", "-f 81").splitlines())
    terminal.wait_for(lambda screen: "mark:81" in screen and "mark:80" not in screen)
    terminal.keys("Down", "e")
    terminal.wait_for("Server 10.0.0.11:0 of mark:81")
    terminal.type("10.0.0.19")
    terminal.keys("C-s")
    terminal.wait_for("staged: Enter applies")
    terminal.keys("Enter")
    terminal.wait_for(lambda screen: "10.0.0.19" in screen and "Enter applies" not in screen)
    assert saved() == sorted(MOVING.replace("-f 80", "-f 81").replace("10.0.0.11", "10.0.0.19").splitlines())
    take_back(terminal, "10.0.0.19")
    take_back(terminal, "mark:81")
    assert saved() == sorted(MOVING.splitlines())
