"""Which client is where, and how it is moved: real requests, a real terminal, the next answer from another server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, filter_by
from tests.lab.net import ask, shop

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"
SERVERS = {"rs1": "10.0.0.11", "rs2": "10.0.0.12", "rs3": "10.0.0.13"}


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with shop():
        subprocess.run(["ipvsadm", "-E", "-u", "192.0.2.10:53", "-s", "rr", "-p", "300"], check=True)
        yield


def start(terminal: Terminal, folder: Path, columns: int, view: str = "persistence") -> Terminal:
    command: list[str | Path] = [LVSTUI, "--live", "--profile", folder / "director.toml", "--view", view]
    terminal.start(command, columns=columns, rows=24 if columns == 80 else 48)
    terminal.wait_for("entr")
    return terminal


@pytest.fixture(params=[80, 160])
def screen(request: pytest.FixtureRequest, terminal: Terminal, tmp_path: Path) -> Terminal:
    return start(terminal, tmp_path, request.param)


def run(*arguments: str | Path) -> str:
    return subprocess.run([LVSTUI, *arguments], capture_output=True, text=True, check=True).stdout


def row(screen: str, client: str) -> str:
    """Return the row that begins with the client; the head line may name it too."""
    return next((line for line in screen.splitlines() if line.strip().startswith(client)), "")


def heads(screen: str, client: str) -> tuple[str, str]:
    """Return the rows of the service and of the server that the client's row stands below."""
    above = screen[: screen.index(row(screen, client))].splitlines() if row(screen, client) else []
    groups = [line for line in above if line.lstrip().startswith("▾")]
    service = next((line for line in reversed(groups) if line.startswith(" ▾")), "")
    server = next((line for line in reversed(groups) if line.startswith("   ▾")), "")
    return service, server


def server_of(screen: str, client: str) -> str:
    """Return the row of the server that the client sticks to."""
    return heads(screen, client)[1]


def choices(screen: str) -> list[str]:
    """Return the lines of the dialog's servers, in their order."""
    return [line for line in screen.partition("Real server")[2].splitlines() if re.search(r"10\.0\.0\.1\d", line)][:2]


def left(line: str) -> int | None:
    """Read the countdown of a row in seconds; None where there is none."""
    found = re.search(r"~?\d+\s+(?:(\d+):)?(\d+)s?\s+ok", line)
    return int(found[1] or 0) * 60 + int(found[2]) if found else None


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    """Return clients for one test alone: an entry outlives the test that made it."""
    columns: int = request.node.callspec.params["screen"]
    return columns // 2


def find(screen: Terminal, text: str) -> None:
    """Filter until one entry is left, as those of other tests are still there, and go to its row, the last."""
    filter_by(screen, text)
    screen.keys("Enter")
    screen.wait_for(lambda shown: " 1 of " in shown)
    screen.keys("G")


def leave(screen: Terminal) -> None:
    screen.keys("q")
    assert screen.wait_for_exit() == 0
    assert subprocess.run(["ipvsadm", "-L", "--daemon"], capture_output=True, text=True).stdout == ""


def test_an_entry_appears_counts_down_and_its_client_is_moved(screen: Terminal, number: int) -> None:
    client = f"198.18.0.{number}"
    (first,) = ask([(client, "192.0.2.10", 80)])
    find(screen, f"{client} service=tcp:192.0.2.10:80")
    shown = screen.wait_for(lambda text: SERVERS[first] in server_of(text, client))
    before = left(row(shown, client))
    assert before, shown
    screen.wait_for(lambda text: (now := left(row(text, client))) is not None and now < before)
    other = next(name for name in SERVERS if name != first)
    screen.keys("M")
    dialog = screen.wait_for(lambda text: "Enter applies" in text and any(SERVERS[other] in c for c in choices(text)))
    place = next(index for index, line in enumerate(choices(dialog)) if SERVERS[other] in line)
    screen.keys(*["Down"] * place, "Enter")
    screen.wait_for("now, bound", seconds=60)
    assert set(ask([(client, "192.0.2.10", 80)] * 3)) == {other}
    leave(screen)


def test_a_client_of_a_marked_group_is_pinned_and_both_ports_follow(screen: Terminal, number: int) -> None:
    client, network = f"198.18.{number}.9", f"198.18.{number}.0"
    screen.keys("P")
    screen.wait_for("pin CLIENT SERVICE")
    screen.keys("C-u")
    screen.type(f"{client} mark:80")
    screen.keys("Enter")
    screen.wait_for(lambda shown: "/24" in shown and "Enter applies" in shown)
    screen.keys("Down", "Enter")
    screen.wait_for("now, bound", seconds=60)
    answers = set(ask([(client, "192.0.2.20", 80), (client, "192.0.2.20", 443)] * 2))
    assert len(answers) == 1
    find(screen, f"{client} mark=80")
    shown = screen.wait_for(lambda text: SERVERS[next(iter(answers))] in server_of(text, network))
    assert "mark:80" in heads(shown, network)[0]
    leave(screen)


def test_an_entry_expires_by_key_and_the_command_line_sees_the_same(
    screen: Terminal, number: int, tmp_path: Path
) -> None:
    client = f"198.18.1.{number}"
    ask([(client, "192.0.2.10", 80)])
    wanted = f"{client} service=tcp:192.0.2.10:80"
    (listed,) = json.loads(run("--live", "entries", "--json", "--filter", wanted))["entry"]
    assert (listed["client"], listed["service"], listed["state"], listed["origin"]) == (
        client,
        "tcp:192.0.2.10:80",
        "ok",
        "local",
    )
    assert listed["children"] >= 1
    find(screen, f"{client} service=tcp:192.0.2.10:80")
    screen.keys("x")
    screen.wait_for("Enter applies")
    screen.keys("k", "Enter")
    screen.wait_for("Reset")
    screen.keys("Right", "Enter")
    screen.wait_for("is gone", seconds=60)
    assert client not in run("--live", "entries", "--filter", wanted)
    profile = tmp_path / "director.toml"
    assert f"expire: {client} of tcp:192.0.2.10:80 is gone" in run("--profile", profile, "history")
    assert not profile.exists(), "entries are observation: no profile is written for them"
    leave(screen)


KINDS = [
    pytest.param("mark=80", "198.18.90.1", "192.0.2.20", 443, id="mark, /24"),
    pytest.param("service=tcp:[2001:db8:1::10]:80", "2001:db8:c:90::1", "2001:db8:1::10", 80, id="IPv6, /64"),
    pytest.param("service=udp:192.0.2.10:53", "198.18.90.2", "192.0.2.10", 53, id="UDP"),
]


@pytest.mark.parametrize(("wanted", "client", "address", "port"), KINDS)
def test_clients_of_every_kind_of_service_are_timed_and_moved(
    terminal: Terminal, tmp_path: Path, wanted: str, client: str, address: str, port: int
) -> None:
    screen = start(terminal, tmp_path, 160)
    (first,) = ask([(client, address, port)])
    find(screen, f"{client} {wanted}")
    screen.keys("t")
    screen.wait_for(lambda text: re.search(r"seconds\s+\d+", text) is not None)
    screen.keys("C-u")
    screen.type("1234")
    screen.keys("Enter")
    screen.wait_for("for 1234 s")
    screen.keys("Enter")
    screen.wait_for("has 1234 s left", seconds=60)
    screen.keys("M")
    screen.wait_for("Enter applies")
    screen.keys("Enter")
    screen.wait_for("now, bound", seconds=60)
    (second,) = set(ask([(client, address, port)] * 3))
    assert second != first
    leave(screen)


def test_a_drained_server_is_emptied_at_a_pace_and_its_clients_are_spread(terminal: Terminal, tmp_path: Path) -> None:
    clients = [f"198.18.91.{number}" for number in range(1, 31)]
    before = ask([(client, "192.0.2.10", 80) for client in clients])
    drained = max(SERVERS, key=before.count)
    screen = start(terminal, tmp_path, 80, "services")
    filter_by(screen, f"{SERVERS[drained]}:80")
    screen.keys("Enter", "Down")
    screen.wait_for(lambda text: "d drain" in text and f"{SERVERS[drained]}:80" in text)
    screen.keys("d")
    screen.wait_for("->0")
    screen.keys("Enter")
    screen.wait_for("done:")
    assert "M moves them" in screen.wait_for("sticky left")
    screen.keys("M")
    for sentence in ("spread by weight", "expire_quiescent_template 0", "Enter applies"):
        screen.wait_for(sentence)
    screen.keys("p")
    screen.wait_for("clients a second (0")
    screen.keys("C-u")
    screen.type("20")
    screen.keys("Enter")
    screen.wait_for(lambda text: "20 clients a second" in " ".join(text.split()))
    screen.keys("Enter")
    screen.wait_for(lambda text: re.search(r"Entries: \d+ done", text) is not None, seconds=120)
    screen.keys("Escape")
    screen.wait_for(lambda text: "Entries: " not in text)
    after = ask([(client, "192.0.2.10", 80) for client in clients])
    assert set(after) == set(SERVERS) - {drained}
    assert [now for now, then in zip(after, before, strict=True) if then != drained] == [
        then for then in before if then != drained
    ]
    subprocess.run(
        ["ipvsadm", "-e", "-t", "192.0.2.10:80", "-r", f"{SERVERS[drained]}:80", "-m", "-w", "1"], check=True
    )
    leave(screen)
