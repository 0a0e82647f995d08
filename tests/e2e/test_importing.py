"""Another program's file imported on a real kernel: what it adds in a terminal of 80 columns, and then with Enter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal
from tests.e2e.test_director_view import Open, director, ipvsadm, opened

__all__ = ["director", "opened"]  # fixtures

pytestmark = pytest.mark.kernel

CONF = """\
vrrp_instance a {
}
virtual_server 192.0.2.20 80 {
    lvs_sched wrr
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.21 80 { weight 3 }
    real_server 10.0.0.22 80 { weight 1 }
}
"""


@pytest.fixture
def conf() -> Iterator[Path]:
    """Yield a file with a short name, so that all that is said of it fits a small terminal."""
    path = Path("/run/k.conf")
    path.write_text(CONF)
    yield path
    path.unlink()


def test_a_file_is_previewed_dropped_and_applied_as_one_edit(opened: Open, terminal: Terminal, conf: Path) -> None:
    ipvsadm("-A", "-t", "192.0.2.10:443", "-s", "rr")
    before = ipvsadm("-Sn")
    opened("services")
    terminal.wait_for("192.0.2.10:443")
    for last in ("Escape", "Enter"):
        terminal.keys(":")
        terminal.wait_for("a command, or a line such as")
        terminal.type(f"import {conf}")
        terminal.keys("Enter")
        terminal.wait_for("staged as one")
        terminal.wait_for("vrrp_instance a: left out")
        terminal.wait_for("+ tcp:192.0.2.20:80 / 10.0.0.22:80")
        assert ipvsadm("-Sn") == before
        terminal.keys(last)
        terminal.wait_for(lambda text: "staged as one" not in text)
    terminal.wait_for("done: ")
    now = ipvsadm("-Sn")
    assert "-A -t 192.0.2.20:80 -s wrr" in now
    assert "-a -t 192.0.2.20:80 -r 10.0.0.22:80 -m -w 1" in now
    terminal.keys("z")
    terminal.wait_for("Enter applies")
    terminal.keys("Enter")
    terminal.wait_for(lambda text: "Enter applies" not in text)
    terminal.wait_for("done: ")
    assert ipvsadm("-Sn") == before
