"""Completion beside the running kernel: what runs is offered, whether a profile has it or not, and quickly."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from lvstui.commands.completion.places import find
from tests.kernel.ipvsadm import ipvsadm

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]


def words(profile: Path, *before: str) -> set[str]:
    return set(find(["--profile", str(profile), *before], "").words)


def test_services_and_servers_that_run_are_offered_beside_those_of_the_profile(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    profile.write_text(
        'format = 1\n[[service]]\nname = "shop"\nservice = "tcp:192.0.2.10:443"\n'
        'server = [{ name = "web1", server = "10.0.0.11:443" }]\n'
    )
    ipvsadm("-A", "-t", "192.0.2.10:443")
    ipvsadm("-a", "-t", "192.0.2.10:443", "-r", "10.0.0.12:443", "-m")
    ipvsadm("-A", "-f", "80", "-6", "-p", "300", "-M", "64")
    assert {"shop", "tcp:192.0.2.10:443", "mark6:80"} <= words(profile, "set")
    assert words(profile, "delete", "shop") == {"web1", "10.0.0.11:443", "10.0.0.12:443"}
    assert {"80"} <= words(profile, "mark", "delete")


def test_a_large_table_is_looked_through_before_anybody_waits(tmp_path: Path) -> None:
    words(tmp_path / "none.toml", "set")  # what is imported once is not counted
    some, many = (_calls(tmp_path / "none.toml", range(*span)) for span in ((1, 101), (101, 1001)))
    assert (many - some) / 900 < 150  # what a service takes does not grow with their number; it was 68


def _calls(profile: Path, added: range) -> int:
    """Return how many functions are called to look through a table with so many services more."""
    lines = [f"-A -u 10.{n >> 8}.{n & 255}.1:53 -s rr" for n in added]
    lines += [f"-a -u 10.{n >> 8}.{n & 255}.1:53 -r 10.9.{n >> 8}.{n & 255}:53 -m" for n in added]
    ipvsadm("-R", lines=lines)
    calls = 0

    def count(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = words(profile, "set")
    finally:
        sys.setprofile(None)
    assert len(found) >= added.stop
    return calls
