"""The filter's language."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.fields import FieldError
from lvstui.core.model import (
    Forwarding,
    Persistence,
    ServerKey,
    Service,
    ServiceFlags,
)
from lvstui.core.observed import MachineKey, RowKey, ServerStats, Stats
from lvstui.core.services.filter import LANGUAGE
from lvstui.core.services.row import Grouping, ServiceLook
from lvstui.core.services.rows import rows
from tests.build import MARK, address_key, director, pool, server, snapshot
from tests.core.strategies import laws

parse = LANGUAGE.parse

WEB = address_key("tcp:192.0.2.10:443")
DNS = address_key("udp:[2001:db8::53]:53")
A = server("10.0.0.11:8443", Forwarding.MASQ, 3, upper=2000, name="web1")
B = server("10.1.0.12:443", Forwarding.MASQ, 0, name="web2")
C = server("[fd00::53]:53", Forwarding.TUNNEL, 1)
D = server("10.0.0.11:0", Forwarding.ROUTE, 2)
DIRECTOR = director(
    pool(Service(WEB, "wlc", persistence=Persistence(300), name="shop", note="ask first"), A, B),
    pool(Service(DNS, "sh", ServiceFlags.SCHED_2), C),
    pool(Service(MARK, "rr"), D),
)
SNAPSHOT = snapshot(
    DIRECTOR,
    taken=1.0,
    services={WEB: Stats(connection_rate=5)},
    servers={WEB: {A.endpoint: ServerStats(1500, 20, 3, Stats(connection_rate=5)), B.endpoint: ServerStats(7)}},
)
WEB_A, WEB_B, DNS_C, MARK_D = (
    ServerKey(WEB, A.endpoint),
    ServerKey(WEB, B.endpoint),
    ServerKey(DNS, C.endpoint),
    ServerKey(MARK, D.endpoint),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.0/8", [WEB, WEB_A, WEB_B, MARK, MARK_D]),
        ("10.1.0.7/16", [WEB, WEB_B]),
        ("192.0.2.0/24", [WEB, WEB_A, WEB_B]),
        ("fd00::/8", [DNS, DNS_C]),
        ("!10.0.0.0/8 udp", [DNS, DNS_C]),
        ("weight=0", [WEB, WEB_B]),
        ("weight>1", [WEB, WEB_A, MARK, MARK_D]),
        ("weight>=1 weight<=2", [DNS, DNS_C, MARK, MARK_D]),
        ("weight!=0", [WEB, WEB_A, DNS, DNS_C, MARK, MARK_D]),
        ("!weight=0", [WEB, WEB_A, DNS, DNS_C, MARK, MARK_D]),
        ("!weight!=0", [WEB, WEB_B]),
        ("scheduler=wlc", [WEB, WEB_A, WEB_B]),
        ("scheduler=WLC", [WEB, WEB_A, WEB_B]),
        ("scheduler=lc", []),
        ("forwarding=tunnel", [DNS, DNS_C]),
        ("method=route", [MARK, MARK_D]),
        ("name=web", [WEB, WEB_A, WEB_B]),
        ("name=web2", [WEB, WEB_B]),
        ("note=first web1", [WEB, WEB_A]),
        ("state=drain", [WEB, WEB_B]),
        ("active>1k", [WEB, WEB_A]),
        ("active>1.5k", [WEB]),
        ("upper>0", [WEB, WEB_A]),
        ("sticky=3", [WEB, WEB_A]),
        ("conn/s=5", [WEB, WEB_A]),
        ("mark=80", [MARK, MARK_D]),
        ("!mark=80 !udp", [WEB, WEB_A, WEB_B]),
        ("port=443", [WEB, WEB_A, WEB_B]),
        ("port=8443", [WEB, WEB_A]),
        ("proto=udp", [DNS, DNS_C]),
        ("persistence>0", [WEB, WEB_A, WEB_B]),
        ("flag=sh-port", [DNS, DNS_C]),
        ("  shop   web1 ", [WEB, WEB_A]),
        ("5m/24", []),
    ],
)
def test_a_filter_finds_what_its_terms_say(text: str, found: Sequence[RowKey]) -> None:
    assert rows(SNAPSHOT, ServiceLook(filter=parse(text))) == sorted(found, key=rows(SNAPSHOT, ServiceLook()).index)


def test_a_sentence_about_a_term_shows_it_escaped() -> None:
    with pytest.raises(FieldError) as raised:
        parse("10.0.0.0/\x1b[2J")
    assert "\\x1b[2J" in raised.value.sentence


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("weight=", "weight: needs a number"),
        ("weight=ten", "weight: needs a number"),
        ("weigth=1", "no field weigth"),
        ("10.0.0.0/", "10.0.0.0/ is no network"),
        ("web 10.0.0.0/40", "is no network"),
        ("fd00::/129", "is no network"),
        ("proto=tpc", "proto: is tcp, udp, sctp"),
        ("forwarding=mask", "forwarding: is masq"),
        ("state=ill", "state: is ok"),
        ("name>a", "name: is a text"),
        ("name=", "name: needs a value"),
        ("!", "behind the !"),
        ("web !", "behind the !"),
    ],
)
def test_a_wrong_term_is_a_sentence(text: str, part: str) -> None:
    with pytest.raises(FieldError) as raised:
        parse(text)
    assert part in str(raised.value)


@laws
@given(st.one_of(st.text(max_size=30), st.text("!=<>/.:0123456789kM abwnmeight", max_size=20)))
def test_no_text_breaks_the_filter(text: str) -> None:
    try:
        found = parse(text)
    except FieldError:
        return
    for grouping in Grouping:
        assert set(rows(SNAPSHOT, ServiceLook(filter=found, grouping=grouping))) <= set(
            rows(SNAPSHOT, ServiceLook(grouping=grouping))
        )


VALUES = {
    "weight": "3",
    "upper": "2000",
    "active": "1500",
    "inactive": "20",
    "sticky": "3",
    "conn/s": "5",
    "port": "443",
    "mark": "80",
    "persistence": "300",
    "name": "web1",
    "note": "first",
    "scheduler": "wlc",
    "flag": "sh-port",
    "forwarding": "masq",
    "proto": "tcp",
    "state": "ok",
}


@pytest.mark.parametrize("grouping", Grouping)
@pytest.mark.parametrize("field", LANGUAGE.fields)
def test_each_server_is_found_by_a_field_or_by_its_negation(field: str, grouping: Grouping) -> None:
    def servers(text: str) -> set[RowKey]:
        found = rows(SNAPSHOT, ServiceLook(filter=parse(text), grouping=grouping))
        return {row for row in found if isinstance(row, ServerKey)}

    term = f"{field}={VALUES.get(field, '0')}"
    assert servers(term)
    assert servers(f"!{term}") == {WEB_A, WEB_B, DNS_C, MARK_D} - servers(term)


def test_a_machine_is_found_by_its_address_and_by_what_is_on_it() -> None:
    machine = MachineKey(A.endpoint.address)
    assert rows(SNAPSHOT, ServiceLook(filter=parse("10.0.0.0/24"), grouping=Grouping.MACHINE)) == [
        machine,
        WEB_A,
        MARK_D,
    ]
    assert rows(SNAPSHOT, ServiceLook(filter=parse("mark=80"), grouping=Grouping.MACHINE)) == [machine, MARK_D]
    assert rows(SNAPSHOT, ServiceLook(filter=parse("!mark=80 active>1k"), grouping=Grouping.MACHINE)) == [
        machine,
        WEB_A,
    ]


def test_filters_with_the_same_text_are_equal_and_the_empty_one_finds_everything() -> None:
    assert parse("a  b") == parse("a b")
    assert not parse("")
    assert rows(SNAPSHOT, ServiceLook(filter=parse(""))) == rows(SNAPSHOT, ServiceLook())


def test_words_do_not_find_counters_since_rows_would_come_and_go_with_the_traffic() -> None:
    assert rows(SNAPSHOT, ServiceLook(filter=parse("1.5k"))) == []
