"""Whole mark groups as changes: made, bundled from services, taken apart again."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from lvstui.core import fields
from lvstui.core.change import fold, undo
from lvstui.core.fields import FieldError
from lvstui.core.marks.edits import (
    TEMPLATES,
    bundle_services,
    create_group,
    families,
    free_mark,
    split_group,
    template_selectors,
)
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Family,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    Persistence,
    Probe,
    RealServer,
    Service,
    ServiceKey,
)
from lvstui.core.observed import Rule, Ruleset
from lvstui.core.selectors import selector, selector_text
from tests.build import director, group, pool, sticky_pool


def key(text: str) -> AddressKey:
    found: ServiceKey = fields.service(text)
    assert isinstance(found, AddressKey)
    return found


HTTP, HTTPS = key("tcp:192.0.2.10:80"), key("tcp:192.0.2.10:443")
WEB = director(
    sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80"),
    sticky_pool("tcp:192.0.2.10:443", "10.0.0.11:443", "10.0.0.13:443", timeout=600),
)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("http+https", ["tcp 192.0.2.10 80,443", "tcp 2001:db8::10 80,443"]),
        ("ftp active", ["tcp 192.0.2.10 21", "tcp 2001:db8::10 21"]),
        ("ftp passive", ["tcp 192.0.2.10 21,10000-20000", "tcp 2001:db8::10 21,10000-20000"]),
        ("any port", ["any 192.0.2.10", "any 2001:db8::10"]),
    ],
)
def test_a_template_selects_its_ports_for_both_families(name: str, texts: list[str]) -> None:
    template = TEMPLATES[name]
    addresses = (ip_network("192.0.2.10"), ip_network("2001:db8::10"))
    assert [selector_text(selector) for selector in template_selectors(template, addresses)] == texts


def test_a_free_mark_is_one_that_no_service_group_or_rule_uses() -> None:
    used = Director(
        {MarkKey(80, Family.IPV4): sticky_pool("mark:80", "10.0.0.1:0")},
        marks={81: group(81, "tcp any 1")},
    )
    assert free_mark(used, None) == 82
    assert free_mark(used, Ruleset((Rule("nft", "ip", "mangle", "PREROUTING", value=82),))) == 83


def test_a_group_is_created_with_a_service_for_each_of_its_families() -> None:
    group = MarkGroup(80, (selector("tcp 192.0.2.10 80,443"), selector("tcp 2001:db8::10 80,443")), "web")
    servers = [RealServer(Endpoint(fields.address("server", text), 0)) for text in ("10.0.0.11", "fd00::11")]
    service = Service(MarkKey(80, Family.IPV4), persistence=Persistence(300), name="web")
    after = fold(Director(), create_group(group, service, servers, Director()))
    four, six = (after.pools[MarkKey(80, family)] for family in (Family.IPV4, Family.IPV6))
    assert [str(end.address) for pool in (four, six) for end in pool.servers] == ["10.0.0.11", "fd00::11"]
    assert (four.service.name, six.service.name) == ("web", "web-v6")
    assert six.service.persistence == Persistence(300, 128)
    assert after.marks == {80: group}
    assert families((selector("tcp any 80"),)) == (Family.IPV4, Family.IPV6)


def test_two_services_become_one_group_that_serves_before_they_go() -> None:
    changes = bundle_services(WEB, [HTTP, HTTPS], 80, "shop")
    after = fold(WEB, changes)
    (only,) = after.pools.values()
    assert only.service.key == MarkKey(80, Family.IPV4)
    assert only.service.persistence == Persistence(600)
    assert sorted(fields.server_text(end) for end in only.servers) == ["10.0.0.11:0", "10.0.0.12:0", "10.0.0.13:0"]
    assert after.marks is not None
    assert [selector_text(selector) for selector in after.marks[80].selectors] == ["tcp 192.0.2.10 80,443"]
    marked = next(place for place, change in enumerate(changes) if isinstance(change.target, MarkGroupKey))
    removed = [p for p, c in enumerate(changes) if isinstance(c.target, ServiceKey) and c.after is None]
    assert all(place > marked for place in removed)
    assert fold(after, undo(changes)) == WEB


def test_the_service_whose_clients_stick_leads_in_a_group() -> None:
    redirect = pool("tcp:192.0.2.10:80", "10.0.0.11:80")
    redirect = replace(redirect, service=replace(redirect.service, scheduler="rr"))
    shop = sticky_pool("tcp:192.0.2.10:443", "10.0.0.11:443", timeout=60)
    heavy = {end: replace(server, weight=7) for end, server in shop.servers.items()}
    where = director(redirect, replace(shop, servers=heavy))
    (only,) = fold(where, bundle_services(where, [HTTP, HTTPS], 80)).pools.values()
    assert (only.service.scheduler, [server.weight for server in only.servers.values()]) == ("wlc", [7])
    assert only.service.persistence == Persistence(60)


def test_a_group_asks_its_servers_at_the_port_that_they_had() -> None:
    where = replace(WEB, pools={**WEB.pools, HTTP: replace(WEB.pools[HTTP], service=Service(HTTP, probe=Probe()))})
    pools = fold(where, bundle_services(where, [HTTP], 80)).pools
    assert [held.service.probe for held in pools.values() if isinstance(held.service.key, MarkKey)] == [Probe(port=80)]


def test_a_group_becomes_a_service_for_each_port_again() -> None:
    grouped = fold(WEB, bundle_services(WEB, [HTTP, HTTPS], 80))
    apart = fold(grouped, split_group(grouped, 80))
    assert set(apart.pools) == {HTTP, HTTPS}
    assert apart.marks == {}
    assert all(end.port == 443 for end in apart.pools[HTTPS].servers)
    assert len(apart.pools[HTTP].servers) == 3


@pytest.mark.parametrize(
    ("held", "field", "sentence"),
    [
        (director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:8080")), "service", "sends to another port"),
        (director(sticky_pool("ip47:192.0.2.10:80", "10.0.0.11:80")), "service", "only tcp, udp and sctp"),
    ],
)
def test_what_a_mark_cannot_do_is_refused(held: Director, field: str, sentence: str) -> None:
    keys = [key for key in held.pools if isinstance(key, AddressKey)]
    with pytest.raises(FieldError) as caught:
        bundle_services(held, keys, 80)
    assert (caught.value.field, sentence in caught.value.sentence) == (field, True)


@pytest.mark.parametrize("text", ["tcp any 80", "any 192.0.2.10", "tcp 192.0.2.0/24 80,443", "tcp 192.0.2.1 1-100"])
def test_a_group_that_no_few_services_could_be_is_not_taken_apart(text: str) -> None:
    held = replace(WEB, marks={80: MarkGroup(80, (selector(text),))})
    with pytest.raises(FieldError):
        split_group(held, 80)
