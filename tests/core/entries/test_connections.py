"""What the connections view shows, and finds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from lvstui.core.entries.connections import (
    CONNECTION_COLUMNS,
    LANGUAGE,
    ConnectionGroup,
    ConnectionGrouping,
    ConnectionLook,
    cells,
    columns,
    group_of,
    grouped,
    rows,
    summary,
    words_of,
)
from lvstui.core.entries.connections import found as listed
from lvstui.core.model import Protocol
from lvstui.core.observed import Scan
from lvstui.core.view.table import layout
from tests.build import connection, director, entry, pool, server, snapshot, sticky_pool

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
    return [str(client.address) for _, client, _, _ in listed(SNAPSHOT, look)]


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
    assert [line[7] for line in shown] == ["198.18.0.0/24 4:59", "", "~198.18.0.9 0s"]


def test_the_summary_is_as_honest_as_that_of_the_entries() -> None:
    look = ConnectionLook(filter=LANGUAGE.parse("proto=udp"))
    assert summary(SNAPSHOT, look) == "1 of 3 connections  read 1 s ago  in 1.0 s"
    partial = replace(SNAPSHOT, scan=replace(SCAN, complete=False, running=True))
    assert summary(partial, ConnectionLook()) == "3 connections  partial: 5 of about 5 rows  reading 1 s"
    assert summary(replace(SNAPSHOT, scan=None), look) == "not read yet"


def test_connections_in_groups_show_at_once_where_all_are_in_one_state() -> None:
    look = ConnectionLook(grouping=ConnectionGrouping.STATE)
    groups = [key for key in rows(SNAPSHOT, look) if isinstance(key, ConnectionGroup)]
    assert groups == list(rows(SNAPSHOT, look))
    below = grouped(SNAPSHOT, look)
    assert sum(len(below[group]) for group in groups) == 3
    assert all(len(below[one]) >= len(below[two]) for one, two in pairwise(groups))
    first = cells(SNAPSHOT, look, groups[0])
    assert first[0].text.startswith("▸ ")
    assert first[1].text == f"{len(below[groups[0]])} of 3"
    unfolded = replace(look, unfolded=frozenset(groups))
    assert len(rows(SNAPSHOT, unfolded)) == len(groups) + 3
    one = next(key for key in rows(SNAPSHOT, unfolded) if not isinstance(key, ConnectionGroup))
    assert cells(SNAPSHOT, unfolded, one)[0].text.startswith("    ")
    assert group_of(SNAPSHOT, unfolded, one) in groups


@pytest.mark.parametrize("grouping", list(ConnectionGrouping))
def test_every_grouping_has_a_cell_for_every_column(grouping: ConnectionGrouping) -> None:
    look = ConnectionLook(grouping=grouping)
    for key in rows(SNAPSHOT, look):
        assert len(cells(SNAPSHOT, look, key)) == len(columns(look))


def test_another_grouping_or_a_fold_puts_no_connection_into_order_again() -> None:
    plain = ConnectionLook()
    before = listed(SNAPSHOT, plain)
    grouping = replace(plain, grouping=ConnectionGrouping.STATE)
    for look in (grouping, replace(grouping, unfolded=frozenset(grouped(SNAPSHOT, grouping)))):
        assert listed(SNAPSHOT, look) is before
    key = before[0]
    group = group_of(SNAPSHOT, grouping, key)
    assert group is not None
    assert key in grouped(SNAPSHOT, grouping)[group]


@pytest.mark.parametrize("width", [58, 78])
def test_on_narrow_screens_clients_and_states_of_connections_are_whole(width: int) -> None:
    widths = {column.id: cells for column, cells in layout(CONNECTION_COLUMNS, width)}
    assert (widths["client"], widths["state"]) == (21, 11)
    assert widths["service"] >= len("mail-in :25")
    assert widths["server"] >= len("cache3 :8080")


def test_a_server_that_serves_all_ports_is_known_by_its_name() -> None:
    key = "mark:80"
    named = pool(sticky_pool(key).service, replace(server("10.0.0.13:0"), name="app1"))
    shown = snapshot(director(named), taken=101.0, scan=replace(SCAN, entries=()))
    look = ConnectionLook(filter=LANGUAGE.parse("server=app1"))
    (row,) = listed(shown, look)
    columns_now = [column.id for column in columns(look)]
    found_cells = dict(zip(columns_now, cells(shown, look, row), strict=True))
    assert (found_cells["server"].text, found_cells["address"].text) == ("app1", "10.0.0.13:443")


def test_the_words_of_connections_are_put_together_once_whatever_is_typed_and_searched() -> None:
    look = ConnectionLook()
    keys = listed(SNAPSHOT, look)
    before = [*map(words_of(SNAPSHOT, look), keys)]
    assert before[0] == "198.18.0.7:4000 192.0.2.10:80 tcp:192.0.2.10:80 10.0.0.11:80 10.0.0.11 tcp established"
    for text in ("e", "es", "est"):
        look = ConnectionLook(filter=LANGUAGE.parse(text))
        assert [str(client.address) for _, client, _, _ in listed(SNAPSHOT, look)] == ["198.18.0.7", "198.18.0.9"]
    assert all(one is other for one, other in zip(before, map(words_of(SNAPSHOT, look), keys), strict=True))
    later = replace(SNAPSHOT, scan=replace(SCAN, connections=(WEB._replace(state="CLOSE"),)))
    assert words_of(later, look)(keys[0]).endswith(" close")
    (group, *_) = rows(SNAPSHOT, ConnectionLook(grouping=ConnectionGrouping.SERVICE))
    assert "tcp:192.0.2.10:80" in words_of(SNAPSHOT, ConnectionLook(grouping=ConnectionGrouping.SERVICE))(group)
