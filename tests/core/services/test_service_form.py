"""The form of a service: what it shows, refuses and makes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given

from lvstui.core.change import Change, change_server, change_service, fold
from lvstui.core.fields import server, service
from lvstui.core.model import (
    Director,
    Forwarding,
    Persistence,
    Pool,
    Probe,
    ProbeType,
    RealServer,
    Service,
    ServiceFlags,
    Statuses,
)
from lvstui.core.rules import Severity
from lvstui.core.services.forms import ServiceForm
from tests.core.strategies import directors, laws

SHOP = Service(
    service("tcp:192.0.2.10:443"),
    "sh",
    ServiceFlags.SCHED_2,
    Persistence(300, IPv4Address("255.255.255.0")),
    name="shop",
    note="ask first",
)
WEB1 = RealServer(server("10.0.0.11:443"), Forwarding.MASQ, 3, name="web1")
ROUTED = RealServer(server("10.0.0.12:443"), Forwarding.ROUTE)
POOL = Pool(SHOP, {server.endpoint: server for server in (WEB1, ROUTED)})
DNS = Pool(Service(service("udp:192.0.2.53:53"), name="dns"))
DIRECTOR = Director({SHOP.key: POOL, DNS.service.key: DNS})
KNOWN = ("mh", "rr", "sh", "wlc")

EDIT = ServiceForm(DIRECTOR, KNOWN, POOL)
ADD = ServiceForm(DIRECTOR, KNOWN)


def problems(asked: ServiceForm, **values: str) -> list[tuple[str, str, Severity]]:
    """What is wrong once these values are written over those at the start."""
    form = asked.form
    return [(p.field, p.sentence, p.severity) for p in form.problems({**form.start, **values})]


def changes_of(asked: ServiceForm, **values: str) -> tuple[Change, ...]:
    form = asked.form
    return asked.changes(form.reset_hidden({**form.start, **values}))


def labels(asked: ServiceForm, **values: str) -> list[str]:
    form = asked.form
    now = {**form.start, **values}
    return [field.relabel(now) if field.relabel else field.label for field in form.visible(now)]


@laws
@given(directors())
def test_a_form_left_as_it_is_changes_nothing(director: Director) -> None:
    for pool in director.pools.values():
        asked = ServiceForm(director, (), pool)
        form = asked.form
        assert [problem for problem in form.problems(form.start) if problem.severity is Severity.ERROR] == []
        assert asked.changes(form.reset_hidden(form.start)) == ()


def test_every_attribute_is_asked_and_edited() -> None:
    assert changes_of(EDIT, scheduler="wlc", persistence="no", name="store", note="") == (
        change_service(SHOP, replace(SHOP, scheduler="wlc", persistence=None, name="store", note="")),
    )
    assert changes_of(EDIT, timeout="60", mask="/16", engine="sip", **{"one-packet": "yes", "flag-1": "yes"}) == (
        change_service(
            SHOP,
            replace(
                SHOP,
                flags=ServiceFlags.ONE_PACKET | ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2,
                persistence=Persistence(60, IPv4Address("255.255.0.0"), "sip"),
            ),
        ),
    )


def test_a_probe_is_asked_for_by_its_type_with_what_that_type_has() -> None:
    assert "  path" not in labels(EDIT)
    assert labels(EDIT, probe="http")[-5:] == ["  port", "  path", "  status", "  name", "  timeout"]
    texts = {"probe": "http", "probe.path": "/health", "probe.status": "200", "probe.timeout": "0.5"}
    web = Probe(ProbeType.HTTP, path="/health", status=(Statuses(200, 200),), timeout=0.5)
    (change,) = changes_of(EDIT, **texts)
    assert change.after == replace(SHOP, probe=web)
    asked = ServiceForm(DIRECTOR, KNOWN, Pool(replace(SHOP, probe=web)))
    (change,) = changes_of(asked, probe="tls")
    assert change.after == replace(SHOP, probe=Probe(ProbeType.TLS, timeout=0.5))
    assert changes_of(asked, probe="none") == (change_service(replace(SHOP, probe=web), SHOP),)
    assert [name for name, *_ in problems(EDIT, probe="dns")][:1] == ["probe.name"]
    assert [name for name, *_ in problems(EDIT, **{**texts, "probe.path": "health"})] == ["probe.path"]
    assert "probe" not in labels(ServiceForm(DIRECTOR, KNOWN, POOL, profile=False))


def test_flags_have_the_names_of_the_scheduler() -> None:
    assert "sh-port" in labels(EDIT)
    assert "mh-port" in labels(EDIT, scheduler="mh")
    assert "sh-port" not in labels(ADD)
    assert not [label for label in labels(ADD) if label.startswith("flag")]
    assert "flag-2" in labels(EDIT, scheduler="wlc"), "it is set, and stays set unless it is taken out"


def test_a_mark_asks_for_its_number_and_not_for_an_address() -> None:
    assert labels(ADD, protocol="mark6")[:3] == ["protocol", "mark", "scheduler"]
    assert changes_of(ADD, protocol="mark6", mark="80", persistence="yes", mask="64") == (
        change_service(None, Service(service("mark6:80"), "wlc", persistence=Persistence(300, 64))),
    )


@pytest.mark.parametrize(
    ("address", "mask"), [("192.0.2.1", ""), ("2001:db8::1", ""), ("2001:db8::1", "255.255.255.255")]
)
def test_no_mask_is_the_whole_address_of_the_family(address: str, mask: str) -> None:
    (change,) = changes_of(ADD, address=address, port="80", persistence="yes", mask=mask)
    assert isinstance(change.after, Service)
    assert change.after.persistence is not None
    assert not change.after.persistence.wide
    assert problems(ADD, address=address, port="80", persistence="yes", mask=mask) == []


def test_another_port_is_a_new_service_with_its_servers_and_then_the_removal_of_the_old_one() -> None:
    changes = EDIT.changes({**EDIT.form.start, "port": "8443"})
    moved = replace(SHOP, key=service("tcp:192.0.2.10:8443"))
    assert changes == (
        change_service(None, moved),
        change_server(moved.key, None, WEB1),
        change_server(moved.key, None, ROUTED),
        change_server(SHOP.key, WEB1, None),
        change_server(SHOP.key, ROUTED, None),
        change_service(SHOP, None),
    )
    after = fold(DIRECTOR, changes)
    assert after.pools[moved.key] == Pool(moved, POOL.servers)
    assert SHOP.key not in after.pools


def test_another_key_is_said_and_so_is_what_it_means_for_the_servers() -> None:
    assert problems(EDIT, port="8443") == [
        ("address", "a new service with its 2 servers; tcp:192.0.2.10:443 is removed", Severity.WARNING),
        (
            "address",
            "10.0.0.12:443: server: route cannot change the port: packets arrive at 8443; write that, or use masq",
            Severity.WARNING,
        ),
    ]
    found = problems(EDIT, address="2001:db8::10", mask="")
    assert ("address", Severity.ERROR) in [(field, severity) for field, _, severity in found]


@pytest.mark.parametrize(
    ("values", "field", "words", "severity"),
    [
        ({"address": "192.0.2.10", "port": "443"}, "address", "exists already", Severity.ERROR),
        ({"address": "192.0.2.10", "port": "70000"}, "port", "from 0 to 65535", Severity.ERROR),
        ({"address": "192.0.2", "port": "1"}, "address", "not an IPv4 or IPv6 address", Severity.ERROR),
        ({"address": "192.0.2.9", "port": "0"}, "port", "without persistence", Severity.WARNING),
        ({"protocol": "mark", "mark": "0"}, "mark", "from 1 to 4294967295", Severity.ERROR),
        ({"protocol": "mark", "mark": "1", "name": "dns"}, "name", "another service", Severity.ERROR),
        ({"protocol": "mark", "mark": "1", "scheduler": "nope"}, "scheduler", "no module ip_vs_nope", Severity.WARNING),
        ({"protocol": "mark", "mark": "1", "scheduler": "a b"}, "scheduler", "without spaces", Severity.ERROR),
        (
            {"protocol": "mark", "mark": "1", "persistence": "yes", "mask": "255.0.255.0"},
            "mask",
            "holes",
            Severity.WARNING,
        ),
        ({"protocol": "mark6", "mark": "1", "persistence": "yes", "mask": "129"}, "mask", "1 to 128", Severity.ERROR),
        (
            {"protocol": "mark", "mark": "1", "persistence": "yes", "timeout": "9999999"},
            "timeout",
            "31",
            Severity.WARNING,
        ),
        ({"address": "192.0.2.9", "port": "80", "one-packet": "yes"}, "one-packet", "udp", Severity.WARNING),
    ],
)
def test_what_is_wrong_is_said_at_its_field(values: dict[str, str], field: str, words: str, severity: Severity) -> None:
    (found,) = problems(ADD, **values)
    assert found[0] == field
    assert words in found[1]
    assert found[2] is severity


def test_a_protocol_known_by_number_only_can_be_kept() -> None:
    odd = Pool(Service(service("ip47:192.0.2.1:0"), persistence=Persistence()))
    asked = ServiceForm(Director({odd.service.key: odd}), (), odd)
    assert changes_of(asked, scheduler="rr") == (change_service(odd.service, replace(odd.service, scheduler="rr")),)


def test_without_a_profile_no_name_is_asked() -> None:
    assert "name" not in labels(ServiceForm(DIRECTOR, KNOWN, POOL, profile=False))
    assert "note" not in labels(ServiceForm(DIRECTOR, KNOWN, POOL, profile=False))
