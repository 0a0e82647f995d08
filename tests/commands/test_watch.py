"""`lvstui watch`: a line for each event, until somebody ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lvstui.commands.place import Place, Status
from lvstui.commands.watch import happenings, line
from lvstui.core.change import Change, change_server
from lvstui.core.model import Director
from lvstui.core.observed import Reading
from lvstui.core.record import Kind, Owner, Record
from lvstui.formats.events import table
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NO_IPVS, NoIpvs
from lvstui.store.profile_file import ProfileFile
from tests.build import SHOP, pool, server

ONE, TWO = server("10.0.0.11:443", name="web1"), server("10.0.0.12:443")
START = Director({SHOP: pool(SHOP, ONE, TWO)})
HEAVIER = change_server(SHOP, ONE, replace(ONE, weight=9))
GONE = change_server(SHOP, TWO, None)


class Edited(MemoryKernel):
    """A kernel that somebody edits, once before each reading but the first."""

    def __init__(self, *edits: Sequence[Change]) -> None:
        super().__init__(START)
        self._edits = iter([(), *edits])

    def read(self) -> Reading:
        """Let the next edit be made, and read."""
        for change in next(self._edits, ()):
            self.write(change)
        return super().read()


def place_of(kernel: MemoryKernel, folder: Path, *owners: Owner) -> Place:
    profile = ProfileFile(folder / "director.toml")
    profile.update(lambda _: START)
    return Place(kernel, profile, owners=lambda: owners)


def test_each_edit_is_a_line_with_the_names_of_the_profile_and_who_manages_it(tmp_path: Path) -> None:
    place = place_of(Edited([HEAVIER], [], [GONE]), tmp_path, Owner("keepalived", 7))
    files = set(tmp_path.iterdir())
    seen = happenings(place, 0.01)
    text = line(next(seen))
    assert text.endswith("Z  keepalived  seen  tcp:192.0.2.10:443 / 10.0.0.11:443 web1: weight 1 -> 9  not ours")
    assert line(next(seen)).endswith("  - tcp:192.0.2.10:443 / 10.0.0.12:443  not ours")
    assert set(tmp_path.iterdir()) == files


SERVER = {
    "what": "server",
    "service": "tcp:192.0.2.10:443",
    "server": "10.0.0.11:443",
    "mark": None,
    "sync": None,
    "sysctl": None,
}
VALUES = {
    "name": "web1",
    "server": "10.0.0.11:443",
    "forwarding": "route",
    "weight": 1,
    "upper": 0,
    "lower": 0,
    "tunnel": {"type": "ipip", "port": 0, "checksum": "nocsum"},
    "resume": None,
}


def test_json_has_every_field(tmp_path: Path) -> None:
    document = dict(table(next(happenings(place_of(Edited([HEAVIER]), tmp_path), 0.01))))
    assert str(document.pop("time")) > str(document.pop("since"))
    assert document == {
        "kind": "edit",
        "who": "another program",
        "how": "seen",
        "state": "not ours",
        "text": "tcp:192.0.2.10:443 / 10.0.0.11:443 web1: weight 1 -> 9",
        "target": SERVER,
        "old": None,
        "new": None,
        "change": [
            {
                **SERVER,
                "old": VALUES | {"weight": 1},
                "new": VALUES | {"weight": 9},
                "text": "tcp:192.0.2.10:443 / 10.0.0.11:443 web1: weight 1 -> 9",
                "command": ["ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -g -w 9"],
                "outcome": None,
                "reason": None,
            }
        ],
        "total": 1,
    }


def test_what_lvstui_did_is_told_with_who_did_it(tmp_path: Path) -> None:
    kernel = Edited([HEAVIER], [GONE])
    place = place_of(kernel, tmp_path)
    seen = happenings(place, 0.01)
    next(seen)
    history = place.history
    history.add(Record(0, datetime.now(UTC), "ben", "", 2, Kind.ROLLBACK, (GONE,)))
    event = next(seen)
    assert (event.found.how, event.found.happening.value) == ("rollback", "lvstui")


def test_ipvs_that_goes_and_comes_back_is_told_and_ends_nothing(tmp_path: Path) -> None:
    kernel = Edited()
    kernel.failure = NoIpvs(NO_IPVS)
    seen = happenings(place_of(kernel, tmp_path), 0.01)
    assert next(seen).found.happening.value == "gone"
    kernel.failure = None
    assert next(seen).found.text == "IPVS is there again, with 1 service and 2 servers"


PROGRAM = """
from lvstui import __main__, cli
from tests.commands.test_watch import Edited, GONE, HEAVIER
cli._open_live = lambda netns, loads: Edited([HEAVIER], [GONE])
__main__.main()
"""


@contextmanager
def running(folder: Path, *options: str, output: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """Run the command on a kernel of which somebody edits one server, then another."""
    command = [sys.executable, "-c", PROGRAM, "--profile", str(folder / "p.toml"), "watch", "--interval", "0.2"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [*command, *options], stdout=output, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_it_watches_prints_each_line_at_once_and_a_signal_ends_it_well(
    tmp_path: Path, number: int
) -> None:
    with running(tmp_path, "--json") as process:
        assert process.stdout
        assert process.stderr
        assert process.stderr.readline().startswith("lvstui: watching demo every 0.2 s, ")
        assert json.loads(process.stdout.readline())["change"][0]["new"]["weight"] == 9
        process.send_signal(number)
        assert process.wait(60) == Status.OK
        assert process.stderr.read() == ""


def test_a_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # before anything is written
    with running(tmp_path, output=writer) as process:
        os.close(writer)
        assert process.wait(60) == Status.BROKEN_PIPE
