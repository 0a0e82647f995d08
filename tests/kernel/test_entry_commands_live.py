"""`lvstui entries` and `lvstui entry` on a real kernel: what a script reads, and where the client's requests go."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.lab.net import ask, kill, revive, shop

pytestmark = pytest.mark.kernel

WEB = "tcp:192.0.2.10:80"
CLIENT = "198.18.8.1"


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with shop():
        yield


class Shell:
    """Runs lvstui on the running kernel, with a profile's history of its own."""

    def __init__(self, folder: Path) -> None:
        self.profile = folder / "director.toml"

    def __call__(self, *words: str, status: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            ended = main(["--live", "--profile", str(self.profile), *words])
        assert ended == status, err.getvalue()
        return out.getvalue() or err.getvalue()

    def entry(self) -> Mapping[str, object] | None:
        """Return the client's entry as JSON shows it."""
        document = json.loads(self("entries", "--filter", f"{CLIENT} service={WEB}", "--json"))
        assert document["complete"] is True
        found: list[Mapping[str, object]] = document["entry"]
        return found[0] if found else None


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_script_pins_moves_times_and_expires_a_client(shell: Shell) -> None:
    pinned = json.loads(shell("entry", "pin", CLIENT, WEB, "10.0.0.13", "--for", "60", "--json"))
    assert (pinned["outcome"], pinned["entry"]["server"]) == ("done", "10.0.0.13:80")
    assert set(ask([(CLIENT, "192.0.2.10", 80)] * 2)) == {"rs3"}
    held = shell.entry()
    assert held is not None
    assert {name: held[name] for name in ("client", "service", "server", "state", "origin")} == {
        "client": CLIENT,
        "service": WEB,
        "server": "10.0.0.13:80",
        "state": "ok",
        "origin": "sync",
    }
    assert held["children"] == 2
    assert "now, bound" in shell("entry", "move", CLIENT, WEB, "10.0.0.11:80", "--kill")
    assert set(ask([(CLIENT, "192.0.2.10", 80)] * 2)) == {"rs1"}
    started = time.monotonic()
    assert "has 900 s left" in shell("entry", "time", CLIENT, WEB, "900")
    assert "expire 198.18.8.1" in shell("entry", "expire", CLIENT, WEB, "--dry-run", status=3)
    held = shell.entry()
    assert held is not None
    assert isinstance(held["left"], int)
    assert 898 - (time.monotonic() - started) <= held["left"] <= 900
    assert "is gone" in shell("entry", "expire", CLIENT, WEB, "--kill")
    assert shell.entry() is None
    assert "has no entry" in shell("entry", "expire", CLIENT, WEB, status=1)
    history = shell("history")
    for word in ("pin: ", "move: ", "time: ", "expire: "):
        assert f"{word}{CLIENT}" in history
    assert not shell.profile.exists(), "entries are observation: they make no profile"


def test_what_the_kernel_would_not_take_is_refused_with_the_reason_and_a_status(shell: Shell) -> None:
    subprocess.run(["sysctl", "-qw", "net.ipv4.vs.backup_only=1"], check=True)
    try:
        assert "backup_only is 1" in shell("entry", "pin", CLIENT, WEB, "10.0.0.11", status=1)
    finally:
        subprocess.run(["sysctl", "-qw", "net.ipv4.vs.backup_only=0"], check=True)
    assert shell.entry() is None
    lvstui = [sys.executable, "-m", "lvstui", "--live", "--profile", str(shell.profile)]
    command = ["setpriv", "--bounding-set=-net_admin", *lvstui, "entry", "pin", CLIENT, WEB, "10.0.0.11"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, "CAP_NET_ADMIN" in ended.stderr) == (4, True), ended.stderr


def test_the_clients_of_a_dead_server_are_served_by_the_others_once_it_is_drained_and_emptied(shell: Shell) -> None:
    stuck, clients = ["198.18.8.20", "198.18.8.21"], [f"198.18.8.{number}" for number in range(20, 32)]
    for client in stuck:
        shell("entry", "pin", client, WEB, "10.0.0.12")
    assert set(ask([(client, "192.0.2.10", 80) for client in stuck])) == {"rs2"}
    kill("rs2")
    try:
        assert set(ask([(client, "192.0.2.10", 80) for client in stuck])) == {""}
        shell("drain", WEB, "10.0.0.12", "--move-clients")
        assert "" not in ask([(client, "192.0.2.10", 80) for client in clients])
    finally:
        revive("rs2")
