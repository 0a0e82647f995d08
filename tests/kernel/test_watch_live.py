"""What `lvstui watch` says of a running kernel that ipvsadm edits beside it, and that loses its module."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select

import pytest

from tests.kernel.ipvs.test_client import module_away
from tests.kernel.ipvsadm import ipvsadm

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

PATIENCE = 60
"""Seconds for an event: the guest has one slow processor."""

SERVICES = ("192.0.2.71:80", "192.0.2.72:80")


class Watching:
    """A running `lvstui watch --json`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def next(self) -> Mapping[str, object]:
        """Wait for the next event."""
        assert self._process.stdout
        assert select([self._process.stdout], [], [], PATIENCE)[0], "nothing was seen"
        event: Mapping[str, object] = json.loads(self._process.stdout.readline())
        return event

    def filled(self) -> Sequence[Mapping[str, object]]:
        """Return the events up to those with the servers that `fill` adds: a reading may come between any two edits."""
        seen: list[Mapping[str, object]] = []
        servers = 0
        while servers < len(SERVICES):
            seen.append(self.next())
            servers += str(seen[-1]["text"]).endswith("with 1 server") or "10.0.0.11:80" in str(seen[-1]["text"])
        return seen


@contextmanager
def watching(folder: Path) -> Iterator[Watching]:
    command = [
        sys.executable,
        "-m",
        "lvstui",
        "--profile",
        str(folder / "p.toml"),
        "watch",
        "--json",
        "--interval",
        "0.3",
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stderr
        assert b"watching Linux" in process.stderr.readline()
        try:
            yield Watching(process)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def fill() -> None:
    for service in SERVICES:
        ipvsadm("-A", "-t", service)
        ipvsadm("-a", "-t", service, "-r", "10.0.0.11", "-m", "-w", "3")


def test_what_ipvsadm_does_is_seen_and_a_module_that_goes_is_not_brought_back(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        ipvsadm("-A", "-t", "192.0.2.70:80")  # a reading before which there is none tells nothing: until it is told
        while watch.next()["text"] != "+ tcp:192.0.2.70:80: scheduler wlc":
            pass
        fill()
        assert {event["kind"] for event in watch.filled()} == {"edit"}
        server = ["-t", SERVICES[0], "-r", "10.0.0.11"]
        ipvsadm("-e", *server, "-m", "-w", "9")
        event = watch.next()
        assert (event["kind"], event["who"], event["state"]) == ("edit", "another program", "not ours")
        assert str(event["text"]).endswith("weight 3 -> 9")
        ipvsadm("-d", *server)
        assert watch.next()["text"] == f"- tcp:{SERVICES[0]} / 10.0.0.11:80"
        ipvsadm("-C")
        event = watch.next()
        assert (event["kind"], event["total"]) == ("cleared", 4)
        with module_away():
            assert watch.next()["kind"] == "gone"
            assert not Path("/proc/net/ip_vs").exists()
        event = watch.next()
        assert (event["kind"], event["text"]) == ("back", "IPVS is there again, with no service")
