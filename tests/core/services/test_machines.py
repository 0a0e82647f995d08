"""Real servers grouped by machine: rows, cells, order, states."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import Change, change_server
from lvstui.core.model import (
    Endpoint,
    RealServer,
    ServerKey,
    Service,
)
from lvstui.core.observed import MachineKey, RowKey, ServerStats, Stats
from lvstui.core.services.columns import MACHINE_COLUMNS, SERVICE_COLUMNS
from lvstui.core.services.row import Grouping, ServiceLook, machine_state, machines
from lvstui.core.services.rows import cells, columns, group_of, rows
from lvstui.core.view.brief import server_state
from lvstui.core.view.table import Cell, Tone
from tests.build import MARK, address_key, director, pool, snapshot

WEB = address_key("tcp:192.0.2.10:443")
ONE, TWO = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.11")
A = RealServer(Endpoint(ONE, 443), weight=3, name="web1")
B = RealServer(Endpoint(TWO, 8443), weight=0, resume=2, name="web2")
C = RealServer(Endpoint(ONE, 0), weight=1, name="app1")
DIRECTOR = director(pool(Service(MARK, name="portal"), C), pool(Service(WEB, name="shop"), A, B))
FIRST, SECOND = MachineKey(ONE), MachineKey(TWO)
WEB_A, WEB_B, MARK_C = ServerKey(WEB, A.endpoint), ServerKey(WEB, B.endpoint), ServerKey(MARK, C.endpoint)
SNAPSHOT = snapshot(
    DIRECTOR,
    taken=1.0,
    services={WEB: Stats(), MARK: Stats()},
    servers={
        WEB: {A.endpoint: ServerStats(10, 1, 2, Stats(connection_rate=3)), B.endpoint: ServerStats(50)},
        MARK: {C.endpoint: ServerStats(5, 1, 1, Stats(connection_rate=4, in_bytes=7))},
    },
)
BY_MACHINE = ServiceLook(grouping=Grouping.MACHINE)


def texts(key: RowKey, look: ServiceLook = BY_MACHINE) -> dict[str, str]:
    shown = cells(SNAPSHOT, look, key)
    return {column.id: cell.text for column, cell in zip(columns(look), shown, strict=True)}


def test_machines_stand_by_name_with_all_their_places_under_them() -> None:
    assert rows(SNAPSHOT, BY_MACHINE) == [FIRST, MARK_C, WEB_A, SECOND, WEB_B]
    assert rows(SNAPSHOT, replace(BY_MACHINE, sort="target")) == [FIRST, WEB_A, MARK_C, SECOND, WEB_B]
    assert [column.id for column in columns(BY_MACHINE)] == [column.id for column in MACHINE_COLUMNS]
    assert columns(BY_MACHINE)[0].title == MACHINE_COLUMNS[0].title


def test_both_groupings_show_the_same_servers() -> None:
    servers = {key for key in rows(SNAPSHOT, ServiceLook()) if isinstance(key, ServerKey)}
    assert {key for key in rows(SNAPSHOT, BY_MACHINE) if isinstance(key, ServerKey)} == servers
    assert {key for places in machines(DIRECTOR).values() for key in places} == servers


def test_a_machine_sums_up_what_its_servers_hold() -> None:
    shown = texts(FIRST)
    assert (shown["target"], shown["name"], shown["options"]) == ("10.0.0.2", "▾ app1, web1", "in 2 services")
    assert (shown["weight"], shown["active"], shown["inactive"], shown["sticky"]) == ("1-3", "15", "2", "3")
    assert (shown["connections"], shown["state"]) == ("7", "ok")


def test_a_server_under_its_machine_names_its_service_and_its_own_port_where_that_differs() -> None:
    assert (texts(WEB_A)["name"], texts(WEB_A)["target"]) == ("    shop", "tcp:192.0.2.10:443")
    assert texts(WEB_B)["target"] == "tcp:192.0.2.10:443 -> :8443"
    assert (texts(MARK_C)["name"], texts(MARK_C)["target"]) == ("    portal", "mark:80")


def test_a_machine_shows_its_weights_as_they_are_and_with_what_is_staged() -> None:
    look = replace(BY_MACHINE, staged={WEB_A: change_server(WEB, A, replace(A, weight=0))})
    assert texts(FIRST, look)["weight"] == "0-1"  # 1-3->0-1 does not fit
    gone: dict[RowKey, Change] = {WEB_A: change_server(WEB, A, None), MARK_C: change_server(MARK, C, None)}
    assert texts(FIRST, replace(BY_MACHINE, staged=gone))["weight"] == "delete"
    assert texts(WEB_A, look)["weight"] == "3->0"
    assert texts(SECOND, look)["weight"] == "0"


def test_a_folded_machine_hides_its_servers_and_a_filter_finds_them_all_the_same() -> None:
    folded = replace(BY_MACHINE, folded=frozenset([FIRST]))
    assert rows(SNAPSHOT, folded) == [FIRST, SECOND, WEB_B]
    assert texts(FIRST, folded)["name"] == "▸ app1, web1"


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("active", [SECOND, WEB_B, FIRST, WEB_A, MARK_C]),
        ("connections", [FIRST, MARK_C, WEB_A, SECOND, WEB_B]),
        ("weight", [FIRST, WEB_A, MARK_C, SECOND, WEB_B]),
        ("name", [SECOND, WEB_B, FIRST, WEB_A, MARK_C]),
        ("state", [FIRST, MARK_C, WEB_A, SECOND, WEB_B]),
    ],
)
def test_machines_sort_by_every_column_and_their_servers_within(column: str, order: list[RowKey]) -> None:
    assert rows(SNAPSHOT, replace(BY_MACHINE, sort=column, descending=True)) == order


def test_a_hidden_column_takes_its_cells_along() -> None:
    look = ServiceLook(hidden=frozenset(["target", "history"]))
    assert len(columns(look)) == len(SERVICE_COLUMNS) - 2
    assert "target" not in texts(WEB_A, look)
    assert texts(WEB_A, look)["state"] == "ok"


def test_a_row_knows_what_it_stands_under() -> None:
    assert group_of(WEB_A, Grouping.MACHINE) == FIRST
    assert group_of(WEB_A, Grouping.SERVICE) == WEB
    assert group_of(FIRST, Grouping.MACHINE) == FIRST


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["ok"], "ok"),
        (["drain", "drain"], "drain"),
        (["done", "done"], "done"),
        (["drain", "done"], "drain"),
        (["ok", "done"], "part"),
        (["ok", "drain", "done"], "part"),
        (["ok", "over"], "over"),
        (["drain", "over"], "over"),
    ],
)
def test_the_state_of_a_machine_follows_from_those_of_its_servers(words: list[str], word: str) -> None:
    assert machine_state(Cell(state) for state in words).text == word


@pytest.mark.parametrize("seen", [ServerStats(active=1), ServerStats(inactive=1), ServerStats(sticky=1)])
def test_a_drained_server_is_done_only_when_nothing_is_left_on_it(seen: ServerStats) -> None:
    assert server_state(B, seen) == Cell("drain", Tone.WARN)
    assert server_state(B, ServerStats()).text == "done"
