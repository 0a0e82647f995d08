"""What is written to the kernel for an edit of an entry, and how many clients each server gets."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core import fields
from lvstui.core.entries.edits import Manner
from lvstui.core.entries.sync_message import INACTIVE, LOCAL_NODE, TEMPLATE, Message
from lvstui.core.entries.sync_plan import binding_message, ending_messages, restart_timer, spread
from lvstui.core.model import PERSISTENCE_MAX, Endpoint, Protocol, RealServer
from lvstui.core.observed import Connection
from tests.build import director, endpoint, entry, sticky_pool
from tests.core.strategies import laws

CLIENT = ip_address("198.18.0.7")
ONE = endpoint("10.0.0.11:80")


@pytest.mark.parametrize(
    ("service", "protocol", "virtual", "mark"),
    [
        ("tcp:192.0.2.10:80", 6, "192.0.2.10:80", 0),
        ("udp:192.0.2.10:53", 17, "192.0.2.10:53", 0),
        ("tcp:192.0.2.10:0", 6, "192.0.2.10:0", 0),
        ("tcp:192.0.2.10:21", 6, "192.0.2.10:0", 0),
        ("mark:80", 0, "0.0.0.80:0", 80),
        ("mark:16777216", 0, "1.0.0.0:0", 1 << 24),
    ],
)
def test_each_kind_of_service_is_sent_in_its_own_way(service: str, protocol: int, virtual: str, mark: int) -> None:
    message = binding_message(fields.service(service), CLIENT, ONE, 300)
    assert message == Message(protocol, Endpoint(CLIENT, 0), fields.server(virtual), ONE, 300, TEMPLATE, 1, mark)


def test_a_mark_stands_in_the_first_four_bytes_of_an_ipv6_address() -> None:
    message = binding_message(fields.service("mark6:80"), ip_address("fd00::7"), endpoint("[fd00::11]:0"), 300)
    assert message.virtual == endpoint("[0:50::]:0")


@pytest.mark.parametrize(("seconds", "message"), [(0, 1), (-5, 1), (60, 60), (10**9, PERSISTENCE_MAX)])
def test_seconds_are_held_to_what_the_kernel_takes(seconds: int, message: int) -> None:
    assert binding_message(fields.service("mark:80"), CLIENT, ONE, seconds).timeout == message


def test_the_timer_of_an_entry_is_sent_with_the_configured_port_of_its_server() -> None:
    where = director(sticky_pool("mark:80", "10.0.0.11:8080"))
    held = entry("mark:80", "198.18.0.7", "10.0.0.11:0")
    assert restart_timer(held, where, 60).server == endpoint("10.0.0.11:8080")


def children() -> list[Connection]:
    ends = endpoint("198.18.0.7:4000"), endpoint("192.0.2.10:80"), ONE
    udp = endpoint("198.18.0.7:4000"), endpoint("192.0.2.10:53"), ONE
    return [
        Connection(Protocol.TCP, *ends, "ESTABLISHED", 60.0),
        Connection(Protocol.TCP, *ends, "TIME_WAIT", 60.0),
        Connection(Protocol.UDP, *udp, "UDP", 60.0),
    ]


def test_softly_connections_keep_their_server_and_only_idle_ones_go() -> None:
    where = director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80"))
    message = ending_messages(entry("tcp:192.0.2.10:80", "198.18.0.7", "10.0.0.11:80"), children(), where, Manner.SOFT)
    assert [(part.flags, part.state, part.timeout, part.server == ONE) for part in message] == [
        (0, 1, 1, True),
        (INACTIVE, 5, 1, True),
        (INACTIVE, 0, 1, True),
        (TEMPLATE, 1, 2, True),
    ]


def test_killed_connections_become_the_directors_own_which_resets_them() -> None:
    where = director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80"))
    message = ending_messages(
        entry("tcp:192.0.2.10:80", "198.18.0.7", "10.0.0.11:80"), children()[:1], where, Manner.KILL
    )
    assert [(part.flags, part.state, part.timeout) for part in message] == [(LOCAL_NODE, 6, 1), (TEMPLATE, 1, 1)]
    assert message[0].server == message[0].virtual


def servers(*weights: int) -> list[RealServer]:
    return [RealServer(Endpoint(ip_address(f"10.0.0.{place}"), 80), weight=w) for place, w in enumerate(weights, 1)]


@pytest.mark.parametrize(
    ("number", "weights", "counts"),
    [(10, (1, 1), (5, 5)), (10, (3, 1), (8, 2)), (3, (1, 1, 0), (2, 1, 0)), (1, (1, 5), (0, 1)), (0, (1,), (0,))],
)
def test_clients_are_spread_by_weight(number: int, weights: tuple[int, ...], counts: tuple[int, ...]) -> None:
    found = spread(number, servers(*weights))
    assert tuple(found.count(server.endpoint) for server in servers(*weights)) == counts


@laws
@given(st.integers(0, 200), st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_everybody_goes_somewhere_and_nobody_to_a_drained_server(number: int, weights: list[int]) -> None:
    where = servers(*weights)
    found = spread(number, where)
    assert len(found) == (number if any(weights) else 0)
    total = sum(weights)
    for server in where:
        count = found.count(server.endpoint)
        assert count == 0 if not server.weight else abs(count - number * server.weight / total) < 1
