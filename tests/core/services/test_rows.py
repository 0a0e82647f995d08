"""Rows and cells of the services view."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import change_server
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import (
    Director,
    Forwarding,
    Persistence,
    Pool,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    Tunnel,
    TunnelType,
)
from lvstui.core.observed import RowKey, ServerStats, Stats
from lvstui.core.services.columns import SERVICE_COLUMNS
from lvstui.core.services.filter import LANGUAGE
from lvstui.core.services.row import ServiceLook
from lvstui.core.services.rows import cells, rows
from lvstui.core.view.brief import whole
from lvstui.core.view.table import Cell, Tone, natural
from tests.build import MARK, SHOP, address_key, pool, server, snapshot

DNS = address_key("udp:192.0.2.9:53")
WEB1 = server("10.0.0.11:443", Forwarding.MASQ, 3, upper=100, name="web1")
WEB2 = server("10.0.0.2:443", Forwarding.TUNNEL, 0, tunnel=Tunnel(TunnelType.GUE, 6080, 1))
SIX = server("[fd00::1]:0")
SHOP_SERVICE = Service(
    SHOP, "sh", ServiceFlags.SCHED_2, Persistence(300, IPv4Address("255.255.255.0")), name="shop", note="ask first"
)
DIRECTOR = Director(
    pools={
        MARK: pool(MARK, SIX),
        SHOP: pool(SHOP_SERVICE, WEB1, WEB2),
        DNS: pool(Service(DNS, "rr")),
    },
    name="lb1",
)
SHOWN = [column.id for column in SERVICE_COLUMNS]
WEB1_KEY = ServerKey(SHOP, WEB1.endpoint)
WEB2_KEY = ServerKey(SHOP, WEB2.endpoint)
SNAPSHOT = snapshot(
    DIRECTOR,
    taken=1.0,
    services={
        SHOP: Stats(connection_rate=12, in_byte_rate=1500, out_byte_rate=2_500_000),
        DNS: Stats(),
        MARK: Stats(connection_rate=99),
    },
    servers={SHOP: {WEB1.endpoint: ServerStats(active=90, inactive=10, sticky=7), WEB2.endpoint: ServerStats(5)}},
)


def texts(key: RowKey, look: ServiceLook | None = None) -> dict[str, str]:
    shown = cells(SNAPSHOT, look or ServiceLook(), key)
    return {column.id: cell.text for column, cell in zip(SERVICE_COLUMNS, shown, strict=True)}


def test_services_stand_by_name_then_those_without_one_by_address_with_their_servers_under_them() -> None:
    assert rows(SNAPSHOT, ServiceLook()) == [SHOP, WEB1_KEY, WEB2_KEY, DNS, MARK, ServerKey(MARK, SIX.endpoint)]


def test_services_sorted_by_address_come_before_marks() -> None:
    by_address = ServiceLook(sort="target")
    assert rows(SNAPSHOT, by_address) == [DNS, SHOP, WEB2_KEY, WEB1_KEY, MARK, ServerKey(MARK, SIX.endpoint)]


def test_names_sort_by_their_numbers() -> None:
    names = ["web10", "Web2", "app", "web1"]
    assert sorted(names, key=natural) == ["app", "web1", "Web2", "web10"]


@pytest.mark.parametrize("names", [("shop", "shop6", "6shop", ""), ("web", "web" + "9" * 5000, "web1", "7")])
def test_any_names_have_an_order_beside_each_other(names: tuple[str, ...]) -> None:
    services = [Service(address_key(f"tcp:192.0.2.99:{port}"), "rr", name=name) for port, name in enumerate(names, 1)]
    director = Director(pools={service.key: pool(service) for service in services})
    assert len(rows(snapshot(director, taken=1.0), ServiceLook())) == len(names)


def test_a_folded_service_hides_its_servers() -> None:
    assert rows(SNAPSHOT, ServiceLook(folded=frozenset([SHOP]))) == [SHOP, DNS, MARK, ServerKey(MARK, SIX.endpoint)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("shop", [SHOP, WEB1_KEY, WEB2_KEY]),
        ("WEB1", [SHOP, WEB1_KEY]),
        ("10.0.0.2", [SHOP, WEB2_KEY]),
        ("gue drain", [SHOP, WEB2_KEY]),
        ("!tcp !udp", [MARK, ServerKey(MARK, SIX.endpoint)]),
        ("!tcp !udp !fd00", [MARK]),
        ("!ok", [SHOP, WEB1_KEY, WEB2_KEY, DNS]),
        ("nothing-like-this", []),
    ],
)
def test_a_filter_keeps_rows_that_show_all_its_words(wanted: str, found: list[RowKey]) -> None:
    assert rows(SNAPSHOT, ServiceLook(filter=LANGUAGE.parse(wanted))) == found


def test_a_filter_finds_servers_in_folded_services() -> None:
    assert rows(SNAPSHOT, ServiceLook(filter=LANGUAGE.parse("web1"), folded=frozenset([SHOP]))) == [SHOP, WEB1_KEY]


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("connections", [MARK, SHOP, DNS]),
        ("out", [SHOP, MARK, DNS]),
        ("name", [MARK, DNS, SHOP]),
        ("weight", [SHOP, MARK, DNS]),
        ("method", [MARK, SHOP, DNS]),
        ("state", [MARK, SHOP, DNS]),
        ("sticky", [SHOP, MARK, DNS]),
    ],
)
def test_every_column_sorts(column: str, order: list[RowKey]) -> None:
    look = ServiceLook(sort=column, descending=True)
    assert [key for key in rows(SNAPSHOT, look) if not isinstance(key, ServerKey)] == order


def test_servers_sort_within_their_service() -> None:
    look = ServiceLook(sort="active", descending=True)
    assert [key for key in rows(SNAPSHOT, look) if isinstance(key, ServerKey)][:2] == [WEB1_KEY, WEB2_KEY]


def test_a_service_shows_what_it_is_and_what_its_servers_hold_together() -> None:
    shown = texts(SHOP)
    assert shown["target"] == "tcp:192.0.2.10:443"
    assert shown["name"] == "▾ shop"
    assert shown["method"] == "sh"
    assert shown["options"] == "5m/24 sh-port"
    assert (shown["active"], shown["inactive"], shown["sticky"]) == ("95", "10", "7")
    assert (shown["connections"], shown["in"], shown["out"]) == ("12", "1.5k", "2.5M")
    assert shown["state"] == "ok"


def test_an_address_without_a_name_stands_in_the_names_place() -> None:
    assert (texts(DNS)["name"], texts(DNS)["target"]) == ("▾ udp:192.0.2.9:53", "")
    assert (texts(WEB2_KEY)["name"], texts(WEB2_KEY)["target"]) == ("    10.0.0.2:443", "")


def test_zero_is_dim_what_is_not_known_is_blank_and_the_zero_that_proves_trouble_is_bad() -> None:
    assert dict(zip(SHOWN, cells(SNAPSHOT, ServiceLook(), WEB2_KEY), strict=True))["inactive"] == Cell("0", Tone.DIM)
    assert texts(DNS)["sticky"] == ""
    silent = replace(SNAPSHOT, health={WEB2_KEY: Verdict(Trouble.SILENT, "evidence", 0.0)})
    reading = replace(SNAPSHOT.reading, servers={SHOP: {WEB2.endpoint: ServerStats(0)}})
    shown = cells(replace(silent, reading=reading), ServiceLook(), WEB2_KEY)
    assert dict(zip(SHOWN, shown, strict=True))["active"] == Cell("0", Tone.BAD)


def test_counts_are_whole_up_to_four_digits() -> None:
    assert (whole(0), whole(9_999), whole(17_300)) == ("0", "9,999", "17.3k")


def test_a_server_shows_its_method_weight_and_state() -> None:
    assert texts(WEB1_KEY)["options"] == "max 100"
    assert texts(WEB1_KEY)["state"] == "over"
    shown = texts(WEB2_KEY)
    assert (shown["method"], shown["options"]) == ("tunnel", "gue:6080 csum")
    assert (shown["weight"], shown["state"]) == ("0", "drain")


def test_a_service_without_servers_is_empty_and_one_with_all_drained_is_down() -> None:
    assert texts(DNS)["state"] == "empty"
    pools: dict[ServiceKey, Pool] = {SHOP: pool(SHOP_SERVICE, WEB2)}
    snapshot = replace(SNAPSHOT, reading=replace(SNAPSHOT.reading, director=Director(pools)))
    assert cells(snapshot, ServiceLook(), SHOP)[-1].text == "down"


def test_a_staged_weight_shows_old_and_new() -> None:
    change = change_server(SHOP, WEB1, replace(WEB1, weight=5))
    shown = cells(SNAPSHOT, ServiceLook(staged={WEB1_KEY: change}), WEB1_KEY)
    weight = dict(zip([column.id for column in SERVICE_COLUMNS], shown, strict=True))["weight"]
    assert (weight.text, weight.tone) == ("3->5", Tone.STAGED)
