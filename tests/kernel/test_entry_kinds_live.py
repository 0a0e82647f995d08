"""Entries of UDP, SIP and FTP edited on a real kernel, with clients that speak them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from lvstui.core import fields
from lvstui.core.entries.edits import Expire, Manner, Move, Outcome, Pin, SetTime
from lvstui.core.model import Endpoint
from lvstui.core.observed import Entry
from lvstui.kernel.live import Live
from tests.build import endpoint
from tests.kernel.clients import answering, call, greeting
from tests.kernel.editing import find_entry, make_edits
from tests.lab.net import ask, shop

pytestmark = pytest.mark.kernel

DNS, SIP, FTP = map(fields.service, ("udp:192.0.2.10:53", "udp:192.0.2.10:5060", "tcp:192.0.2.10:21"))
NAMES = {"10.0.0.11": "rs1", "10.0.0.12": "rs2", "10.0.0.13": "rs3"}
CALL = "f81d4fae-7dec@198.18.7.2"

SERVICES = """\
-E -u 192.0.2.10:53 -s rr -p 300
-A -u 192.0.2.10:5060 -s rr -p 300 --pe sip
-a -u 192.0.2.10:5060 -r 10.0.0.11:5060 -m
-a -u 192.0.2.10:5060 -r 10.0.0.12:5060 -m
-A -t 192.0.2.10:21 -s rr -p 300
-a -t 192.0.2.10:21 -r 10.0.0.11:21 -m
-a -t 192.0.2.10:21 -r 10.0.0.12:21 -m
"""


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with shop(), answering(("rs1", "rs2")):
        subprocess.run(["ipvsadm", "-R"], input=SERVICES, text=True, check=True)
        yield


@pytest.fixture
def kernel() -> Iterator[Live]:
    live = Live()
    yield live
    assert live.read().director.sync == {}
    live.close()


def name(held: Entry) -> str:
    return NAMES[str(held.server.address)]


def other(kernel: Live, held: Entry) -> Endpoint:
    servers = kernel.read().director.pools[held.service].servers
    return next(endpoint for endpoint in servers if endpoint.address != held.server.address)


def test_a_udp_client_goes_where_it_is_moved_to(kernel: Live) -> None:
    client = "198.18.7.1"
    _goes_where_it_is_moved_to(
        kernel, lambda: ask([(client, "192.0.2.10", 53)])[0], lambda: find_entry(kernel, DNS, client)
    )


def test_a_sip_call_goes_where_it_is_moved_to_and_no_other_call_with_it(kernel: Live) -> None:
    client = "198.18.7.2"
    stays = call(client, "another@198.18.7.2")
    _goes_where_it_is_moved_to(kernel, lambda: call(client, CALL), lambda: find_entry(kernel, SIP, client, CALL))
    assert call(client, "another@198.18.7.2") == stays


def _goes_where_it_is_moved_to(kernel: Live, asked: Callable[[], str], found: Callable[[], Entry | None]) -> None:
    first = asked()
    held = found()
    assert held is not None
    assert name(held) == first
    started = time.monotonic()
    (timed,) = make_edits(kernel, SetTime(held, 900))
    assert timed.outcome is Outcome.DONE, timed
    assert timed.after is not None
    assert started + 898 <= timed.after.ends <= time.monotonic() + 901
    (moved,) = make_edits(kernel, Move(held, other(kernel, held), 300))
    assert moved.outcome is Outcome.DONE, moved
    assert moved.after is not None
    assert {asked() for _ in range(3)} == {name(moved.after)} != {first}
    (gone,) = make_edits(kernel, Expire(moved.after))
    assert (gone.outcome, found()) == (Outcome.DONE, None), gone


def test_a_client_is_pinned_before_it_ever_came_over_udp_and_by_a_sip_call(kernel: Live) -> None:
    (dns,) = make_edits(kernel, Pin(DNS, ip_address("198.18.7.3"), endpoint("10.0.0.13:53"), 120))
    assert dns.outcome is Outcome.DONE, dns
    assert set(ask([("198.18.7.3", "192.0.2.10", 53)] * 3)) == {"rs3"}
    for call_id, address in (("one@198.18.7.3", "10.0.0.11"), ("two@198.18.7.3", "10.0.0.12")):
        server = Endpoint(ip_address(address), 5060)
        (sip,) = make_edits(kernel, Pin(SIP, ip_address("198.18.7.3"), server, 120, "sip", call_id))
        assert sip.outcome is Outcome.DONE, sip
        assert {call("198.18.7.3", call_id) for _ in range(2)} == {NAMES[address]}


def test_an_ftp_client_is_timed_and_let_go_but_neither_pinned_nor_moved(kernel: Live) -> None:
    client = "198.18.7.4"
    first = greeting(client)
    held = find_entry(kernel, FTP, client)
    assert held is not None
    assert (name(held), held.server.port) == (first, 0)
    (timed,) = make_edits(kernel, SetTime(held, 900))
    assert timed.outcome is Outcome.DONE, timed
    target = next(end for end in kernel.read().director.pools[FTP].servers if end.address != held.server.address)
    for edit in (Move(held, target, 60), Pin(FTP, ip_address("198.18.7.5"), target, 60)):
        (refused,) = make_edits(kernel, edit)
        assert (refused.outcome, "FTP's port 21" in refused.sentence) == (Outcome.REFUSED, True), refused
    assert find_entry(kernel, FTP, client) is not None
    (gone,) = make_edits(kernel, Expire(held, Manner.KILL))
    assert (gone.outcome, find_entry(kernel, FTP, client)) == (Outcome.DONE, None), gone
