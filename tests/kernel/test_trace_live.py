"""`lvstui trace` on a real kernel: what it says of a packet, and where the packet really goes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.lab.net import ask, shop

pytestmark = pytest.mark.kernel

# The clients are of networks that no other file asks from, as entries stay in a guest that several files share.

NAMES = {"10.0.0.11": "rs1", "10.0.0.12": "rs2", "10.0.0.13": "rs3"}


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with shop():
        yield


class Shell:
    """Runs `lvstui trace` on the running kernel."""

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "director.toml"

    def __call__(self, *words: str) -> dict[str, object]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(["--live", "--profile", str(self._profile), "trace", "--json", *words])
        assert status == 0, err.getvalue()
        found: dict[str, object] = json.loads(out.getvalue())
        return found


@pytest.fixture
def trace(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def address(found: dict[str, object]) -> str:
    return str(found["server"]).rpartition(":")[0].strip("[]")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.mark.parametrize(
    ("client", "target", "mark", "service"),
    [
        ("198.18.71.1", "192.0.2.10:80", 0, "tcp:192.0.2.10:80"),
        ("198.18.72.1", "192.0.2.20:443", 80, "mark:80"),
        ("2001:db8:c:71::71", "[2001:db8:1::10]:80", 0, "tcp:[2001:db8:1::10]:80"),
    ],
)
def test_the_entry_of_a_client_is_foretold_and_kept(
    trace: Shell, client: str, target: str, mark: int, service: str
) -> None:
    before = trace(client, f"tcp:{target}")
    assert (before["mark"], before["certain"], before["service"], before["entry"]) == (mark, True, service, None)
    assert isinstance(before["candidate"], list)
    assert len(before["candidate"]) > 1
    host, _, port = target.rpartition(":")
    first = ask([(client, host.strip("[]"), int(port))])[0]
    after = trace(client, f"tcp:{target}")
    assert after["entry_decides"] is True
    hop = after["next_hop"]
    assert isinstance(hop, dict)
    assert (hop["kind"], hop["interface"], hop["address"]) == ("unicast", "back", address(after))
    assert hop["link_address"]
    if "." in client:
        assert NAMES[address(after)] == first
    assert ask([(client, host.strip("[]"), int(port))] * 3) == [first] * 3


def test_two_clients_of_one_network_share_their_entry(trace: Shell) -> None:
    (first,) = ask([("198.18.74.1", "192.0.2.20", 80)])
    found = trace("198.18.74.200:4000", "tcp:192.0.2.20:443")
    assert (NAMES[address(found)], found["entry_decides"]) == (first, True)
    assert ask([("198.18.74.200", "192.0.2.20", 443)]) == [first]


def test_an_open_connection_and_one_that_may_be_are_told_apart(trace: Shell) -> None:
    found = trace("198.18.73.9:4000", "tcp:192.0.2.10:443", "--established")
    assert (found["end"], found["server"]) == ("left", None)
    found = trace("198.18.73.9:4000", "tcp:192.0.2.10:443")
    assert found["end"] == "served"
    assert "10.0.0.13:443" not in str(found["candidate"])  # weight 0


def test_an_address_that_is_not_local_comes_to_ipvs_by_a_route_for_its_mark_only(trace: Shell) -> None:
    marking = ["PREROUTING", "-d", "203.0.113.5", "-p", "tcp", "-j", "MARK", "--set-mark", "80"]
    subprocess.run(["iptables", "-t", "mangle", "-A", *marking], check=True)
    try:
        away = trace("198.18.73.3", "tcp:203.0.113.5:80", "--in", "front")
        assert (away["mark"], away["service"], away["end"]) == (80, None, "away")
        ip("rule", "add", "fwmark", "80", "lookup", "100")
        ip("route", "add", "local", "default", "dev", "lo", "table", "100")
        found = trace("198.18.73.3", "tcp:203.0.113.5:80", "--in", "front")
        assert (found["mark"], found["service"], found["end"]) == (80, "mark:80", "served")
    finally:
        subprocess.run(["ip", "rule", "del", "fwmark", "80"], check=False)
        subprocess.run(["ip", "route", "flush", "table", "100"], check=False)
        subprocess.run(["iptables", "-t", "mangle", "-D", *marking], check=True)


def test_a_route_that_leads_nowhere_is_said(trace: Shell) -> None:
    ip("route", "add", "blackhole", "203.0.113.7")
    try:
        assert trace("198.18.73.3", "tcp:203.0.113.7:80")["end"] == "away"
    finally:
        ip("route", "del", "203.0.113.7")


def test_what_the_director_sends_itself_is_followed_too(trace: Shell) -> None:
    found = trace("192.0.2.1:45000", "tcp:192.0.2.10:80", "--from-director")
    assert (found["service"], found["end"]) == ("tcp:192.0.2.10:80", "served")
    found = trace("192.0.2.1", "tcp:192.0.2.20:443", "--from-director")  # marked when it comes back by lo
    assert (found["mark"], found["service"]) == (80, "mark:80")
    curl = "import socket; socket.create_connection(('192.0.2.20', 80), 60, ('192.0.2.1', 45001)).close()"
    subprocess.run([sys.executable, "-c", curl], check=True)
    after = trace("192.0.2.1", "tcp:192.0.2.20:443", "--from-director")
    assert after["entry_decides"] is True
