"""What a server is asked follows from its service, its forwarding method and the rules of its mark."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from lvstui.core import fields
from lvstui.core.model import AddressKey, Director, Endpoint, Forwarding, Pool, RealServer, ServerKey, Service
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question, questions, virtual_addresses
from lvstui.core.selectors import selector


def ask(
    service: str, server: str, forwarding: Forwarding, *selectors: str, at: str = ""
) -> Sequence[Question] | Answer:
    key, endpoint = fields.service(service), fields.server(server)
    other = fields.service("tcp:192.0.2.99:80")
    pool = Pool(Service(key), {endpoint: RealServer(endpoint, forwarding)})
    director = Director({key: pool, other: Pool(Service(other))})
    named = fields.service(at) if at else None
    assert named is None or isinstance(named, AddressKey)
    return questions(
        director, ServerKey(key, endpoint), map(selector, selectors), at=named, shared=virtual_addresses(director)
    )


def asked(found: Sequence[Question] | Answer) -> list[tuple[str, str]]:
    assert not isinstance(found, Answer)
    return [
        (fields.server_text(question.virtual) if question.virtual else "", fields.server_text(question.endpoint))
        for question in found
    ]


@pytest.mark.parametrize(
    ("service", "server", "forwarding", "expected"),
    [
        ("tcp:192.0.2.10:80", "10.0.0.11:8080", Forwarding.MASQ, ("192.0.2.10:80", "10.0.0.11:8080")),
        ("tcp:192.0.2.10:80", "10.0.0.11:80", Forwarding.ROUTE, ("192.0.2.10:80", "10.0.0.11:80")),
        # A port is written anew by masq alone: packets of the others come with that of their client.
        ("tcp:192.0.2.10:80", "10.0.0.11:8080", Forwarding.TUNNEL, ("192.0.2.10:80", "10.0.0.11:80")),
        ("tcp:[2001:db8::10]:80", "[fd00::11]:80", Forwarding.ROUTE, ("[2001:db8::10]:80", "[fd00::11]:80")),
    ],
)
def test_a_server_is_asked_at_the_port_where_packets_come_to_it(
    service: str, server: str, forwarding: Forwarding, expected: tuple[str, str]
) -> None:
    assert asked(ask(service, server, forwarding)) == [expected]


def test_a_mark_is_asked_for_at_the_addresses_and_ports_of_its_rules() -> None:
    found = ask("mark:80", "10.0.0.11:0", Forwarding.ROUTE, "tcp 192.0.2.20 80,443", "tcp 2001:db8::20 80")
    assert asked(found) == [("192.0.2.20:80", "10.0.0.11:80"), ("192.0.2.20:443", "10.0.0.11:443")]
    found = ask("mark6:80", "[fd00::11]:0", Forwarding.ROUTE, "tcp 192.0.2.20 80,443", "tcp 2001:db8::20 80")
    assert asked(found) == [("[2001:db8::20]:80", "[fd00::11]:80")]


def test_masq_needs_no_address_but_a_port() -> None:
    assert asked(ask("mark:80", "10.0.0.11:0", Forwarding.MASQ, "tcp 192.0.2.0/24 80")) == [("", "10.0.0.11:80")]
    assert asked(ask("mark:80", "10.0.0.11:8080", Forwarding.MASQ, "any 192.0.2.0/24")) == [("", "10.0.0.11:8080")]


@pytest.mark.parametrize(
    ("service", "forwarding", "selectors"),
    [
        ("mark:80", Forwarding.MASQ, ()),
        ("mark:80", Forwarding.ROUTE, ("tcp 192.0.2.0/24 80",)),
        ("mark:80", Forwarding.MASQ, ("tcp 192.0.2.20",)),
        ("mark:80", Forwarding.ROUTE, ("tcp 192.0.2.20 1000-2000",)),
        ("tcp:192.0.2.10:0", Forwarding.ROUTE, ()),
    ],
)
def test_what_is_not_known_has_to_be_named(service: str, forwarding: Forwarding, selectors: tuple[str, ...]) -> None:
    found = ask(service, "10.0.0.11:0", forwarding, *selectors)
    assert isinstance(found, Answer)
    assert found.outcome is Outcome.UNASKED
    assert "name one with --at" in found.sentence
    named = ask(service, "10.0.0.11:0", forwarding, *selectors, at="tcp:192.0.2.10:443")
    assert asked(named) == [("192.0.2.10:443", "10.0.0.11:443")]


def test_addresses_of_services_are_no_source_of_what_is_asked() -> None:
    found = ask("mark:80", "10.0.0.11:0", Forwarding.ROUTE, "tcp 192.0.2.20 80")
    assert not isinstance(found, Answer)
    assert found[0].shared == {ip_address("192.0.2.20"), ip_address("192.0.2.99")}


def test_of_many_ports_a_few_are_asked() -> None:
    found = ask("mark:80", "10.0.0.11:0", Forwarding.ROUTE, "tcp 192.0.2.20 80,443,8080,8443,9000")
    assert [question.endpoint for question in found if isinstance(question, Question)] == [
        Endpoint(ip_address("10.0.0.11"), port) for port in (80, 443, 8080, 8443)
    ]
