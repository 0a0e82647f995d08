"""Whether the host forwards packets, with sysctl's own files as referee."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvstui.core.model import Family
from lvstui.kernel.procfs.sysctl import Forwards

FILE = Path("/proc/sys/net/ipv4/ip_forward")


def test_what_the_file_says_is_told() -> None:
    forwards = Forwards()
    assert forwards.read().get(Family.IPV4) is (FILE.read_text().strip() == "1")
    forwards.close()
    assert Family.IPV4 in forwards.read()
    forwards.close()


def test_a_namespace_that_is_not_there_tells_nothing() -> None:
    assert Forwards("no-such-namespace").read() == {}


@pytest.mark.kernel
def test_a_switch_that_is_turned_is_seen_at_the_next_reading() -> None:
    before = FILE.read_text()
    forwards = Forwards()
    try:
        for text, expected in (("1", True), ("0", False), ("1", True)):
            FILE.write_text(text)
            assert forwards.read()[Family.IPV4] is expected
    finally:
        FILE.write_text(before)
        forwards.close()
