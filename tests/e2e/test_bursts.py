"""Keys that come in one packet, as a slow line delivers them, do what they do one by one."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.e2e.terminal import Terminal

LVSTUI = Path(sys.executable).parent / "lvstui"


def test_a_filter_in_one_packet_is_a_filter_and_the_key_behind_it_a_key(terminal: Terminal) -> None:
    terminal.start([LVSTUI, "--demo", "--view", "director"])
    terminal.wait_for("tcp_fin")
    terminal.type("/tcp_fin")
    terminal.wait_for("\n / tcp_fin\n")
    terminal.type("\x15udp\rp")
    # It was not paused before, or it would go on now.
    terminal.wait_for(lambda screen: "  paused" in screen and "filter udp\n" in screen)


def test_a_form_in_one_packet_is_filled_in_field_by_field(terminal: Terminal) -> None:
    terminal.start([LVSTUI, "--demo"])
    terminal.wait_for("192.0.2.40:8080")
    terminal.type("A\r192.0.2.77\r8443\rsh\r")
    screen = terminal.wait_for(lambda screen: "sh-fallback" in screen and "8443" in screen)
    form = {line[2:15].strip(): line[15:40].strip("< >") for line in screen.splitlines()}
    assert [form[label] for label in ("protocol", "address", "port", "scheduler")] == [
        "tcp",
        "192.0.2.77",
        "8443",
        "sh",
    ]


def test_a_command_named_in_the_palette_in_one_packet_is_named_whole(terminal: Terminal) -> None:
    terminal.start([LVSTUI, "--demo"])
    terminal.wait_for("192.0.2.40:8080")
    terminal.type(":stop read")
    terminal.wait_for(lambda screen: "stop read" in [line.strip(" │┃▎🔎") for line in screen.splitlines()])
    terminal.wait_for("stop reading, or resume it")
    terminal.wait_for(lambda screen: "undo of the last edit" not in screen)  # the list has followed what was typed
    terminal.keys("Enter")
    terminal.wait_for("  paused")
