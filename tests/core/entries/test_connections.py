"""What the connections view shows, and finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.entries.connections import LANGUAGE, ConnectionLook, cells, rows, summary
from lvstui.core.model import Protocol
from lvstui.core.observed import Scan
from tests.build import connection, director, entry, pool, snapshot, sticky_pool

DIRECTOR = director(
    sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.255.255.0"),
    pool("udp:192.0.2.10:53", "10.0.0.12:53"),
    sticky_pool("mark:80", "10.0.0.13:0"),
)
WEB = connection("198.18.0.7:4000", "192.0.2.10:80", "10.0.0.11:80")
DNS = connection("198.18.0.8:4001", "192.0.2.10:53", "10.0.0.12:53", Protocol.UDP)._replace(state="UDP", ends=130.0)
MARKED = connection("198.18.0.9:4002", "192.0.2.20:443", "10.0.0.13:443")
SCAN = Scan(
    (entry("tcp:192.0.2.10:80", "198.18.0.0", "10.0.0.11:80", 400.0), entry("mark:80", "198.18.0.9", "10.0.0.13:0")),
    (WEB, DNS, MARKED),
    began=99.0,
    taken=100.0,
    rows=5,
    complete=True,
)
SNAPSHOT = snapshot(DIRECTOR, taken=101.0, scan=SCAN)


def found(text: str) -> list[str]:
    """Return the clients of the connections that a filter finds."""
    look = ConnectionLook(filter=LANGUAGE.parse(text))
    return [str(client.address) for _, client, _, _ in rows(SNAPSHOT, look)]


@pytest.mark.parametrize(
    ("text", "clients"),
    [
        ("service=tcp:192.0.2.10:80", ["198.18.0.7"]),
        ("service=udp:192.0.2.10:53", ["198.18.0.8"]),
        ("service=mark:80", ["198.18.0.9"]),
        ("mark=80", ["198.18.0.9"]),
        ("server=10.0.0.12", ["198.18.0.8"]),
        ("state=estab", ["198.18.0.7", "198.18.0.9"]),
        ("proto=udp", ["198.18.0.8"]),
        ("port=443", ["198.18.0.9"]),
        ("left>10", ["198.18.0.8"]),
        ("198.18.0.8/31", ["198.18.0.8", "198.18.0.9"]),
        ("!proto=tcp", ["198.18.0.8"]),
    ],
)
def test_a_filter_finds_connections_by_what_they_are(text: str, clients: list[str]) -> None:
    assert found(text) == clients


def test_a_row_names_the_entry_that_decides_about_the_client_with_its_countdown() -> None:
    look = ConnectionLook()
    shown = [[cell.text for cell in cells(SNAPSHOT, look, key)] for key in rows(SNAPSHOT, look)]
    assert [line[0] for line in shown] == ["198.18.0.7:4000", "198.18.0.8:4001", "198.18.0.9:4002"]
    assert [line[5] for line in shown] == ["198.18.0.0/24 4:59", "", "~198.18.0.9 0s"]


def test_the_summary_is_as_honest_as_that_of_the_entries() -> None:
    look = ConnectionLook(filter=LANGUAGE.parse("proto=udp"))
    assert summary(SNAPSHOT, look) == "1 of 3 connections, read 1 s ago, in 1.0 s"
    partial = replace(SNAPSHOT, scan=replace(SCAN, complete=False, running=True))
    assert summary(partial, ConnectionLook()) == "3 connections, partial: 5 of about 5 rows, reading 1 s"
    assert summary(replace(SNAPSHOT, scan=None), look) == "the connection table is not being read"
