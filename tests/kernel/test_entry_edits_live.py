"""Entries edited on a real kernel: the client's next request is answered by the server that it was moved to."""

from __future__ import annotations

import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address

import pytest

from lvstui.core import fields
from lvstui.core.entries.edits import Expire, Manner, Move, Outcome, Pin, SetTime
from lvstui.core.entries.resolve import server_of, service_of
from lvstui.core.model import Endpoint, ServiceKey
from lvstui.core.observed import Entry
from lvstui.engine.scanner import read_table
from lvstui.kernel.live import Live
from tests.build import address_key, known
from tests.kernel.clients import HeldOpen, Knocking
from tests.kernel.editing import find_entry, make_edits
from tests.kernel.test_owners import until
from tests.lab.net import ask, shop

pytestmark = pytest.mark.kernel

WEB = "tcp:192.0.2.10:80"
WIDE = "tcp:192.0.2.10:443"
MARK = "mark:80"
WEB6 = "tcp:[2001:db8:1::10]:80"
_NAMES = {
    "10.0.0.11": "rs1",
    "10.0.0.12": "rs2",
    "10.0.0.13": "rs3",
    "fd00::11": "rs1",
    "fd00::12": "rs2",
    "fd00::13": "rs3",
}


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with shop():
        wide = "-t 192.0.2.10:443 -s wrr -p 300 -M 255.255.255.0"
        subprocess.run(["ipvsadm", "-E", *wide.split()], check=True)
        yield


@pytest.fixture
def kernel() -> Iterator[Live]:
    live = Live()
    before, addresses = live.read().director, _addresses()
    yield live
    now = live.read().director
    assert (now.sync, now.sysctl) == ({}, before.sysctl)
    assert _addresses() == addresses
    live.close()


def _addresses() -> set[tuple[str, str]]:
    """Name every interface with its addresses, but for those that the kernel gives to each by itself after a while."""
    output = subprocess.run(["ip", "-o", "address"], check=True, capture_output=True, text=True).stdout
    links = {(line.split()[1], line.split()[3]) for line in output.splitlines() if "scope link" not in line}
    return links | {(name, "") for _, name in socket.if_nameindex()}


def others(kernel: Live, service: ServiceKey, held: Entry) -> list[Endpoint]:
    servers = kernel.read().director.pools[service].servers
    return [endpoint for endpoint in servers if endpoint.address != held.server.address]


def unbound(kernel: Live, service: ServiceKey, endpoint: Endpoint) -> int:
    """Return how many entries point to a server that does not count them, with each that runs out meanwhile."""
    director = kernel.read().director
    entries = [found for found in read_table(kernel, 30).entries if service_of(found, director) == service]
    pointing = [found for found in entries if server_of(found, director.pools[service]) == endpoint]
    return len(pointing) - known(kernel.read().servers[service][endpoint].sticky)


def is_counted(kernel: Live, service: ServiceKey, endpoint: Endpoint, before: int) -> bool:
    """Return whether no more entries than before are not counted."""
    return unbound(kernel, service, endpoint) <= before


CASES = [
    pytest.param(WEB, "198.18.0.21", "198.18.0.21", [("192.0.2.10", 80)], id="/32"),
    pytest.param(WIDE, "198.18.6.24", "198.18.6.0", [("192.0.2.10", 443)], id="/24, a server with weight 0"),
    pytest.param(MARK, "198.18.5.22", "198.18.5.0", [("192.0.2.20", 80), ("192.0.2.20", 443)], id="mark, /24"),
    pytest.param(WEB6, "2001:db8:c:7::23", "2001:db8:c:7::", [("2001:db8:1::10", 80)], id="IPv6, /64"),
]


@pytest.mark.parametrize("manner", Manner)
@pytest.mark.parametrize(("service_text", "client", "masked", "targets"), CASES)
def test_the_next_request_of_a_moved_client_is_answered_by_the_other_server(
    kernel: Live, service_text: str, client: str, masked: str, targets: list[tuple[str, int]], manner: Manner
) -> None:
    service = fields.service(service_text)
    ask([(client, *target) for target in targets])
    held = find_entry(kernel, service, masked)
    assert held is not None
    target = others(kernel, service, held)[0]
    (report,) = make_edits(kernel, Move(held, target, 300, manner))
    assert (report.outcome, report.after and report.after.server.address) == (Outcome.DONE, target.address), report
    answers = ask([(client, *address) for address in targets * 3])
    assert set(answers) == {_NAMES[str(target.address)]}


@pytest.mark.parametrize(("service_text", "client", "masked", "targets"), CASES)
def test_a_client_without_an_entry_is_pinned_to_every_server_in_turn(
    kernel: Live, service_text: str, client: str, masked: str, targets: list[tuple[str, int]]
) -> None:
    service = fields.service(service_text)
    for endpoint in kernel.read().director.pools[service].servers:
        held = find_entry(kernel, service, masked)
        if held is not None:
            assert make_edits(kernel, Expire(held, Manner.KILL))[0].outcome is Outcome.DONE
        before = unbound(kernel, service, endpoint)
        (report,) = make_edits(kernel, Pin(service, ip_address(client), endpoint, 120))
        assert report.outcome is Outcome.DONE, report
        until(partial(is_counted, kernel, service, endpoint, before), "an entry that its server counts")
        assert set(ask([(client, *address) for address in targets * 2])) == {_NAMES[str(endpoint.address)]}


@pytest.mark.parametrize(("service_text", "client", "masked", "targets"), CASES)
def test_time_is_set_and_an_entry_expires(
    kernel: Live, service_text: str, client: str, masked: str, targets: list[tuple[str, int]]
) -> None:
    service = fields.service(service_text)
    ask([(client, *targets[0])])
    held = find_entry(kernel, service, masked)
    assert held is not None
    started = time.monotonic()
    (timed,) = make_edits(kernel, SetTime(held, 1234))
    assert timed.outcome is Outcome.DONE, timed
    assert timed.after is not None
    assert started + 1232 <= timed.after.ends <= time.monotonic() + 1235
    (expired,) = make_edits(kernel, Expire(held))
    assert expired.outcome is Outcome.DONE, expired
    assert find_entry(kernel, service, masked) is None


def test_an_open_connection_is_reset_by_kill_and_kept_by_soft(kernel: Live) -> None:
    service = fields.service(WEB)
    for manner, client in ((Manner.KILL, "198.18.0.31"), (Manner.SOFT, "198.18.0.32")):
        with HeldOpen(client) as connection:
            held = find_entry(kernel, service, client)
            assert held is not None
            target = others(kernel, service, held)[0]
            (report,) = make_edits(kernel, Move(held, target, 300, manner))
            answer = connection.finish()
        if manner is Manner.KILL:
            assert (report.outcome, answer) == (Outcome.DONE, "reset"), report
            assert ask([(client, "192.0.2.10", 80)]) == [_NAMES[str(target.address)]]
        else:
            assert report.outcome is not Outcome.REFUSED
            assert answer in ("reset", *_NAMES.values())


def test_a_client_that_connects_all_the_time_is_reported_as_too_busy(kernel: Live) -> None:
    """A client that comes at least every second keeps its entry; a machine that stalls for as long proves nothing."""
    service = fields.service(WEB)
    client = "198.18.0.41"
    gap = 0.0
    for _ in range(10):
        with Knocking(client) as knocking:
            held = find_entry(kernel, service, client)
            assert held is not None
            started = time.monotonic()
            (report,) = make_edits(kernel, Expire(held))
            gap = knocking.longest_gap(started, time.monotonic())
        if gap < 1:
            break
    else:
        pytest.fail(f"the machine never let the client come every second: {gap:.1f} s")
    assert report.outcome is Outcome.BUSY, report
    assert "too busy" in report.sentence


def test_many_clients_move_together(kernel: Live) -> None:
    service = fields.service(WEB)
    clients = [f"198.18.2.{number}" for number in range(1, 21)]
    ask([(client, "192.0.2.10", 80) for client in clients])
    held = [found for client in clients if (found := find_entry(kernel, service, client))]
    assert len(held) == len(clients)
    on = Counter(entry.server for entry in held)
    target = min(kernel.read().director.pools[service].servers, key=lambda endpoint: on[endpoint])
    edits = [Move(entry, target, 300, Manner.KILL) for entry in held if entry.server != target]
    assert len(edits) > len(clients) // 2
    reports = make_edits(kernel, *edits)
    assert {report.outcome for report in reports} == {Outcome.DONE}, reports
    assert set(ask([(client, "192.0.2.10", 80) for client in clients])) == {_NAMES[str(target.address)]}


def test_a_client_of_every_port_is_pinned_timed_moved_and_let_go(kernel: Live) -> None:
    added = """\
-A -t 192.0.2.20:0 -s rr -p 300
-a -t 192.0.2.20:0 -r 10.0.0.11:0 -m
-a -t 192.0.2.20:0 -r 10.0.0.12:0 -m
"""
    service, client = address_key("tcp:192.0.2.20:0"), "198.18.9.1"
    both = [(client, "192.0.2.20", 80), (client, "192.0.2.20", 443)]
    subprocess.run(["iptables", "-t", "mangle", "-F"], check=True)
    subprocess.run(["ipvsadm", "-R"], input=added, text=True, check=True)
    try:
        first, second = kernel.read().director.pools[service].servers
        (pinned,) = make_edits(kernel, Pin(service, ip_address(client), first, 200))
        assert pinned.outcome is Outcome.DONE, pinned
        assert set(ask(both)) == {_NAMES[str(first.address)]}
        held = find_entry(kernel, service, client)
        assert held is not None
        (timed,) = make_edits(kernel, SetTime(held, 777))
        assert timed.outcome is Outcome.DONE, timed
        (moved,) = make_edits(kernel, Move(held, second, 200))
        assert moved.outcome is Outcome.DONE, moved
        assert set(ask(both)) == {_NAMES[str(second.address)]}
        assert moved.after is not None
        (gone,) = make_edits(kernel, Expire(moved.after, Manner.KILL))
        assert gone.outcome is Outcome.DONE, gone
    finally:
        subprocess.run(["ipvsadm", "-D", "-t", "192.0.2.20:0"], check=True)


def test_what_has_changed_since_it_was_seen_is_left_alone(kernel: Live) -> None:
    service = fields.service(WEB)
    client = "198.18.0.51"
    ask([(client, "192.0.2.10", 80)])
    held = find_entry(kernel, service, client)
    assert held is not None
    target, *_ = others(kernel, service, held)
    assert make_edits(kernel, Move(held, target, 300, Manner.KILL))[0].outcome is Outcome.DONE
    (again,) = make_edits(kernel, Expire(held))
    assert again.outcome is Outcome.OVERTAKEN, again
    now = find_entry(kernel, service, client)
    assert now is not None
    assert make_edits(kernel, Expire(now, Manner.KILL))[0].outcome is Outcome.DONE
    assert make_edits(kernel, Expire(now))[0].outcome is Outcome.OVERTAKEN


def test_backup_only_and_mixed_families_are_refused_with_the_reason(kernel: Live) -> None:
    service = fields.service(WEB)
    endpoint = next(iter(kernel.read().director.pools[service].servers))
    pin = Pin(service, ip_address("198.18.0.61"), endpoint, 60)
    subprocess.run(["sysctl", "-qw", "net.ipv4.vs.backup_only=1"], check=True)
    try:
        assert "backup_only" in make_edits(kernel, pin)[0].sentence
    finally:
        subprocess.run(["sysctl", "-qw", "net.ipv4.vs.backup_only=0"], check=True)
    mixed = ["-t", "192.0.2.10:80", "-r", "[fd00::12]:80"]
    subprocess.run(["ipvsadm", "-a", *mixed, "-i"], check=True)
    try:
        (report,) = make_edits(kernel, pin)
        assert (report.outcome, "another address family" in report.sentence) == (Outcome.REFUSED, True)
    finally:
        subprocess.run(["ipvsadm", "-d", *mixed], check=True)
