"""A configuration with mistakes, on a real terminal: the screens open, say so, and wear what is right in it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.e2e.terminal import Terminal


def test_a_bad_file_is_a_sentence_on_the_screen_and_the_rest_of_it_counts(tmp_path: Path, terminal: Terminal) -> None:
    path = tmp_path / "lvstui" / "config.toml"
    path.parent.mkdir()
    path.write_text(
        'theme = "nosuch"\ninterval = 0\nview = "director"\n[host]\nbanner = "LIVE"\ncolour = "red"\n'
        '[keys]\n"view.marks" = "F4"\nnocommand = "F5"\n'
    )
    command = [sys.executable, "-m", "lvstui", "--demo"]
    terminal.start(command, columns=100, environment={"XDG_CONFIG_HOME": str(tmp_path)})
    terminal.wait_for("theme: there is no theme")
    terminal.wait_for("2 more;")
    screen = terminal.wait_for("net.ipv4.vs")
    assert "F4" not in screen.splitlines()[-1]
    assert screen.lstrip().startswith("LIVE")
    terminal.keys("F4")
    terminal.wait_for("portal")
    terminal.keys("q")
