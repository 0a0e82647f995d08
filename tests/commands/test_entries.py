"""The commands about persistence entries, on the kernel in memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.commands import entries
from lvstui.core.entries.sync_message import TCP_STATES, Message
from lvstui.core.entries.sync_plan import binding_message
from lvstui.core.model import Endpoint, Persistence, Service
from lvstui.engine import scanner
from tests.build import SHOP
from tests.commands.crowded import CrowdedKernel
from tests.test_cli import PROFILE, Ran, Shell

WEB1, WEB2 = (endpoint for endpoint in list(PROFILE.pools[SHOP].servers)[:2])
CLIENT = ip_address("198.18.0.7")


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    service = Service(SHOP, persistence=Persistence(300), name="shop")
    shell.want(replace(PROFILE, pools={**PROFILE.pools, SHOP: replace(PROFILE.pools[SHOP], service=service)}, sync={}))
    assert shell.run("apply").status == 0
    return shell


def stick(shell: Shell, server: Endpoint = WEB1, seconds: int = 300) -> None:
    shell.kernel.send_sync([binding_message(SHOP, CLIENT, server, seconds)])


def listed(shell: Shell, *arguments: str) -> list[Mapping[str, object]]:
    document = json.loads(shell.run("entries", "--json", *arguments).out)
    assert document["complete"]
    found: list[Mapping[str, object]] = document["entry"]
    return found


def test_entries_are_listed_with_names_and_times(shell: Shell) -> None:
    stick(shell)
    ran = shell.run("entries")
    head, line = ran.out.splitlines()
    assert head.split()[:4] == ["CLIENT", "SERVICE", "SERVER", "LEFT"]
    assert line.split()[:2] == ["198.18.0.7", "shop"]
    (entry,) = listed(shell)
    assert {key: entry[key] for key in ("client", "service", "server", "state", "origin", "children")} == {
        "client": "198.18.0.7",
        "service": "tcp:192.0.2.10:443",
        "server": f"{WEB1.address}:{WEB1.port}",
        "state": "ok",
        "origin": "sync",
        "children": 0,
    }
    left = entry["left"]
    assert isinstance(left, int)
    assert 295 <= left <= 300


def test_a_filter_chooses_and_a_wrong_one_is_a_usage_error(shell: Shell) -> None:
    stick(shell)
    assert len(listed(shell, "--filter", "198.18.0.0/16 left>1m")) == 1
    assert listed(shell, "--filter", "service=mail") == []
    ran = shell.run("entries", "--filter", "colour=red")
    assert (ran.status, "there is no field colour" in ran.err) == (2, True)


def test_an_entry_is_moved_and_the_history_says_so(shell: Shell) -> None:
    stick(shell)
    ran = shell.run("entry", "move", "198.18.0.7", "shop", f"{WEB2.address}:{WEB2.port}", "--kill")
    assert ran.status == 0, ran.err
    assert "now, bound" in ran.out
    (entry,) = listed(shell)
    assert entry["server"] == f"{WEB2.address}:{WEB2.port}"
    history = shell.run("history").out
    assert "entries" in history
    assert "move: 198.18.0.7 of shop is on" in history
    assert shell.run("diff").status == 0, "entries never enter the profile"


def test_a_client_is_pinned_timed_and_let_go(shell: Shell) -> None:
    pinned = shell.run("entry", "pin", "198.18.0.7", "shop", str(WEB2.address), "--for", "60", "--json")
    document = json.loads(pinned.out)
    assert (pinned.status, document["outcome"]) == (0, "done")
    assert 50 <= document["entry"]["left"] <= 60
    assert shell.run("entry", "time", "198.18.0.7", "shop", "1000").status == 0
    left = listed(shell)[0]["left"]
    assert isinstance(left, int)
    assert left >= 995
    assert shell.run("entry", "expire", "198.18.0.7", "shop", "--kill").status == 0
    assert listed(shell) == []


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_door_that_cannot_be_shut_is_said_once_by_an_edit(shell: Shell, form: tuple[str, ...]) -> None:
    stick(shell)
    shell.kernel.ajar = "any user of this machine could change entries too"
    ran = shell.run("entry", "move", "198.18.0.7", "shop", str(WEB2.address), "--kill", *form)
    assert (ran.status, ran.err) == (0, f"lvstui: {shell.kernel.ajar}\n")


def test_a_dry_run_prints_what_would_happen_and_does_nothing(shell: Shell) -> None:
    stick(shell)
    ran = shell.run("entry", "move", "198.18.0.7", "shop", str(WEB2.address), "--dry-run")
    assert ran.status == 3
    assert "may not be movable" in ran.out
    document = json.loads(shell.run("entry", "expire", "198.18.0.7", "shop", "--dry-run", "--json").out)
    assert (document["outcome"], document["text"]) == (None, "expire 198.18.0.7 of shop")
    assert document["entry"]["client"] == "198.18.0.7"
    (entry,) = listed(shell)
    assert entry["server"] == f"{WEB1.address}:{WEB1.port}"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("expire", "198.18.9.9", "shop"), 1, "198.18.9.9 has no entry of shop"),
        (("move", "198.18.0.7", "shop", str(WEB1.address)), 1, "already"),
        (("pin", "fd00::1", "shop", str(WEB2.address)), 1, "of another address family"),
        (("pin", "nobody", "shop", str(WEB2.address)), 2, "is not an IPv4 or IPv6 address"),
        (("time", "198.18.0.7", "shop", "0"), 2, "must be from 1 to"),
        (("expire", "198.18.0.7", "nothing"), 1, 'no service is "nothing"'),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    shell: Shell, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    stick(shell)
    ran = shell.run("entry", *arguments)
    assert (ran.status, sentence in ran.err) == (status, True), ran.err


def test_a_missing_right_has_its_own_status(shell: Shell) -> None:
    stick(shell)
    shell.kernel.read_only = "the right to change IPVS is missing"
    ran = shell.run("entry", "expire", "198.18.0.7", "shop")
    assert (ran.status, "the right to change IPVS is missing" in ran.err) == (4, True)


def test_read_only_refuses_edits_of_entries(shell: Shell) -> None:
    assert shell.run("--read-only", "entry", "expire", "198.18.0.7", "shop").status == 2


def crowded(capsys: pytest.CaptureFixture[str], folder: Path, kernel: CrowdedKernel, *arguments: str) -> Ran:
    """List the entries of a director whose table is larger than what is listed at once."""
    status = main(["--profile", str(folder / "none.toml"), "entries", *arguments], lambda _: kernel)
    printed = capsys.readouterr()
    return Ran(status, printed.out, printed.err)


@pytest.mark.parametrize("connections", [0, 500])
def test_a_large_table_is_listed_as_a_small_one_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: tuple[str, ...]
    for arguments in ((), ("--filter", "100.64.0.0/24"), ("--filter", "conns>0"), ("--filter", "nobody")):
        kernel = CrowdedKernel(3000, connections)
        whole = crowded(capsys, tmp_path, kernel, *arguments)
        monkeypatch.setattr(entries, "_AT_ONCE", 100)
        streamed = crowded(capsys, tmp_path, kernel, *arguments)
        monkeypatch.undo()
        assert (streamed.status, streamed.err) == (whole.status, whole.err) == (0, "")
        assert _timeless(streamed.out) == _timeless(whole.out)


def _timeless(out: str) -> list[list[str]]:
    """Return what was printed, without blanks and the seconds that are left, which differ by one now and then."""
    return [[word for place, word in enumerate(line.split()) if place != 3] for line in out.splitlines()]


def test_a_large_table_as_json_has_the_same_in_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents, listed = [], []
    for at_once in (20_000, 100):
        monkeypatch.setattr(entries, "_AT_ONCE", at_once)
        out = crowded(capsys, tmp_path, CrowdedKernel(3000, 500), "--json").out
        document = json.loads(out)
        listed.append([re.sub(r"\"left\": \d+", "", line) for line in out.splitlines() if "client" in line])
        documents.append(document | {"entry": [entry | {"left": 0} for entry in document["entry"]]})
    assert documents[0] == documents[1]
    assert listed[0] == listed[1]
    assert (documents[0]["complete"], documents[0]["rows"], len(documents[0]["entry"])) == (True, 3500, 3000)


def test_rows_that_the_kernel_lists_again_at_the_start_of_a_piece_are_printed_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_AT_ONCE", 100)
    ran = crowded(capsys, tmp_path, CrowdedKernel(3000, again=3))
    clients = [line.split()[0] for line in ran.out.splitlines()[1:]]
    assert len(clients) == len(set(clients)) == 3000


def test_a_reading_that_is_cut_short_says_so_and_is_no_success(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_AT_ONCE", 100)
    monkeypatch.setattr(entries, "_BUDGET", 0.0)
    monkeypatch.setattr(scanner, "_STEADY", 10**9)
    ran = crowded(capsys, tmp_path, CrowdedKernel(3000), "--json")
    assert (ran.status, json.loads(ran.out)["complete"]) == (1, False)
    assert "partial" in ran.err


def test_a_kernel_that_fails_in_the_middle_leaves_a_whole_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_AT_ONCE", 100)
    kernel = CrowdedKernel(3000, fails=True)
    ran = crowded(capsys, tmp_path, kernel, "--json")
    document = json.loads(ran.out)
    assert (ran.status, document["complete"], len(document["entry"])) == (1, False, 2970)
    assert "the module went" in ran.err


@pytest.mark.parametrize("connections", [0, 5000])
def test_memory_does_not_grow_with_the_table(connections: int) -> None:
    """Kept as objects, so many more entries would take well over 100 MiB; the first 100,000 rows are remembered."""
    assert _memory(250_000, connections) - _memory(30_000, connections) < 60


def _memory(entries: int, connections: int) -> int:
    command = [sys.executable, "-m", "tests.commands.crowded", str(entries), str(connections)]
    done = subprocess.run(
        [*command, "--profile", "/nonexistent/none.toml", "entries"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == entries + 1
    return int(done.stderr.split()[-2])


def test_a_drain_moves_the_clients_of_the_server_to_the_others_and_says_so_before(shell: Shell) -> None:
    shell.run("set", "shop", "10.0.0.12", "weight=1", "forwarding=masq")
    stick(shell, WEB1)
    first = shell.run("drain", "shop", "web1", "--move-clients", "--dry-run")
    assert first.status == 3
    assert "then move the clients of shop from web1 (10.0.0.11:443) to the others, by weight" in first.out
    ran = shell.run("drain", "shop", "web1", "--move-clients")
    assert (ran.status, ran.err) == (0, "")
    assert "weight 3 -> 0" in ran.out
    assert "now, bound" in ran.out
    (entry,) = listed(shell)
    assert entry["server"] == "10.0.0.12:443"
    assert "move: 198.18.0.7 of shop" in shell.run("history").out
    again = shell.run("drain", "shop", "web1", "--move-clients")
    assert (again.status, again.out, again.err) == (0, "no client sticks there\n", "")


def test_clients_stay_where_no_other_server_could_take_them(shell: Shell) -> None:
    stick(shell, WEB1)
    ran = shell.run("drain", "shop", "web1", "--move-clients")
    assert ran.status == 1
    assert "there is no other server to go to" in ran.err
    assert listed(shell)[0]["server"] == "10.0.0.11:443"


def refuse(shell: Shell, server: Endpoint, well: Endpoint) -> None:
    """Leave in the table what a server that refuses everybody leaves there, beside one that serves."""
    ends = [(server, "CLOSE", 10), (well, "ESTABLISHED", 900)]
    virtual = Endpoint(SHOP.address, SHOP.port)
    messages = [
        Message(6, Endpoint(CLIENT + number, 4000), virtual, end, seconds, 0, TCP_STATES.index(state))
        for place, (end, state, seconds) in enumerate(ends)
        for number in range(1000 + 40 * place, 1040 + 40 * place)
    ]
    shell.kernel.send_sync(messages)


def test_clients_are_spread_over_servers_that_serve_and_who_chooses_another_is_warned(shell: Shell) -> None:
    shell.run("set", "shop", "10.0.0.12", "weight=1", "forwarding=masq")
    shell.run("add", "shop", "10.0.0.13:443", "weight=100", "forwarding=masq")
    web3 = Endpoint(ip_address("10.0.0.13"), 443)
    stick(shell, WEB1)
    refuse(shell, web3, WEB2)
    told = "10.0.0.13:443 is refusing: its clients are not served there"
    assert told in shell.run("entry", "move", str(CLIENT), "shop", "10.0.0.13", "--dry-run").out
    assert told in shell.run("entry", "pin", "198.18.0.8", "shop", "10.0.0.13").err
    ran = shell.run("drain", "shop", "web1", "--move-clients")
    assert (ran.status, ran.err) == (0, "")
    assert listed(shell, "--filter", str(CLIENT))[0]["server"] == "10.0.0.12:443"
