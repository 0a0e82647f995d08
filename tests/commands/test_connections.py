"""The command connections: the filters of its view, times in seconds, and the entry that each hangs on."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvstui.core.entries.sync_message import TCP_STATES, Message
from lvstui.core.model import Endpoint
from tests.build import SHOP
from tests.commands.test_entries import CLIENT, stick
from tests.test_cli import WEB1, WEB2, Shell


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    stick(shell, WEB1.endpoint)
    virtual = Endpoint(SHOP.address, SHOP.port)
    for number, (state, end) in enumerate([("ESTABLISHED", WEB1), ("CLOSE", WEB2)]):
        client = Endpoint(CLIENT + number, 4000)
        message = Message(6, client, virtual, end.endpoint, 60, 0, TCP_STATES.index(state))
        shell.kernel.send_sync([message])
    return shell


def test_connections_are_listed_with_their_entry_by_the_order_of_their_clients(shell: Shell) -> None:
    head, *lines = shell.run("connections").out.splitlines()
    assert head.split() == ["CLIENT", "SERVICE", "SERVER", "STATE", "LEFT", "FROM"]
    assert [line.split()[0] for line in lines] == [f"{CLIENT}:4000", f"{CLIENT + 1}:4000"]
    document = json.loads(shell.run("connections", "--json").out)
    first, second = document["connection"]
    assert (document["complete"], document["left_out"]) == (True, 0)
    assert (first["client"], first["server_name"], first["state"]) == (f"{CLIENT}:4000", "web1", "ESTABLISHED")
    assert first["entry"]["client"] == str(CLIENT)
    assert 55 <= first["left"] <= 60
    assert second["entry"] is None


def test_a_filter_asks_what_that_of_the_view_asks(shell: Shell) -> None:
    found = json.loads(shell.run("connections", "--json", "--filter", "state=CLOSE server=10.0.0.12").out)
    assert [ip_address(one["client"].rpartition(":")[0]) for one in found["connection"]] == [CLIENT + 1]
    assert shell.run("connections", "--filter", "state=SYN").out == "There is no such connection.\n"
    ran = shell.run("connections", "--filter", "stat=x")
    assert (ran.status, ran.err) == (2, "lvstui: filter: there is no field stat; did you mean state?\n")
