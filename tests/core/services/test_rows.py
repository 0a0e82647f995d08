"""Rows and cells of the services view."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import change_server
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
from lvstui.core.services.columns import LANGUAGE, SERVICE_COLUMNS
from lvstui.core.services.row import ServiceLook
from lvstui.core.services.rows import cells, rows
from lvstui.core.snapshot import Host, ProfileState
from lvstui.core.view.brief import headline
from lvstui.core.view.table import Tone
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


def test_services_stand_by_address_then_marks_with_their_servers_under_them() -> None:
    assert rows(SNAPSHOT, ServiceLook()) == [DNS, SHOP, WEB2_KEY, WEB1_KEY, MARK, ServerKey(MARK, SIX.endpoint)]


def test_a_folded_service_hides_its_servers() -> None:
    assert rows(SNAPSHOT, ServiceLook(folded=frozenset([SHOP]))) == [DNS, SHOP, MARK, ServerKey(MARK, SIX.endpoint)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("shop", [SHOP, WEB2_KEY, WEB1_KEY]),
        ("WEB1", [SHOP, WEB1_KEY]),
        ("10.0.0.2", [SHOP, WEB2_KEY]),
        ("gue drain", [SHOP, WEB2_KEY]),
        ("!tcp !udp", [MARK, ServerKey(MARK, SIX.endpoint)]),
        ("!tcp !udp !fd00", [MARK]),
        ("!ok", [DNS, SHOP, WEB2_KEY, WEB1_KEY]),
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
        ("name", [SHOP, MARK, DNS]),
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
    assert shown["target"] == "- tcp:192.0.2.10:443"
    assert shown["name"] == "shop"
    assert shown["method"] == "sh"
    assert shown["options"] == "5m/24 sh-port"
    assert (shown["active"], shown["inactive"], shown["sticky"]) == ("95", "10", "7")
    assert (shown["connections"], shown["in"], shown["out"]) == ("12", "1.5k", "2.5M")
    assert shown["state"] == "ok"


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


def test_the_headline_says_where_how_much_and_whether_it_is_saved() -> None:
    director = replace(SNAPSHOT, origin="Linux 6.1.176", host=Host("lb1.example"))
    line = "  ".join(cell.text for cell in headline(director, 200))
    assert line.startswith("lb1  Linux 6.1.176  IPVS 1.2.1 table 4096  3 services 3 servers  111 conn/s")
    assert line.endswith("no profile")


def test_a_load_that_cannot_be_read_is_a_dash_in_the_headline() -> None:
    shown = [cell.text for cell in headline(replace(SNAPSHOT, host=Host("lb1", None, 3.0, None)), 200)]
    assert "cpu - softirq 3%" in shown


def test_a_narrow_headline_drops_what_matters_least_and_keeps_what_is_wrong() -> None:
    state = ProfileState("director.toml", exists=True, unsaved=2)
    shown = [c.text for c in headline(replace(SNAPSHOT, profile=state, read_only="because", paused=True), 45)]
    assert shown[-3:] == ["2 unsaved", "read-only", "paused"]
    assert len("  ".join(shown)) <= 45


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (ProfileState("p"), "no profile yet"),
        (ProfileState("p", exists=True), "saved"),
        (ProfileState("p", exists=True, drift=(change_server(SHOP, WEB1, None),)), "drift 1"),
        (ProfileState("p", exists=True, trouble="line 3"), "profile unreadable"),
    ],
)
def test_the_state_of_the_profile_is_a_word(state: ProfileState, word: str) -> None:
    assert word in [cell.text for cell in headline(replace(SNAPSHOT, profile=state), 200)]
