"""What both kernels make of messages about entries: the one in memory plays what the running one does."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address

import pytest

from lvstui.core.change import change_server, change_service, change_sysctl
from lvstui.core.entries.sync_message import Message
from lvstui.core.entries.sync_plan import binding_message
from lvstui.core.model import (
    Address,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    RealServer,
    Service,
    ServiceKey,
)
from lvstui.core.observed import Entry
from lvstui.kernel.port import Kernel, Refused
from tests.build import address_key, endpoint, known, server

WEB = address_key("tcp:203.0.113.10:80")
WEB6 = address_key("tcp:[2001:db8:2::10]:80")
EVERY_PORT = address_key("tcp:203.0.113.11:0")
DNS = address_key("udp:203.0.113.10:53")
SIP = address_key("udp:203.0.113.10:5060")
MARK, MARK6 = MarkKey(4711, Family.IPV4), MarkKey(4711, Family.IPV6)
_CUT = 1.5
"""Seconds by which an entry's end is read too early: the kernel cuts them, and its timers are coarse."""

KEYS: tuple[ServiceKey, ...] = (WEB, WEB6, EVERY_PORT, DNS, SIP, MARK, MARK6)


def servers(key: ServiceKey) -> tuple[Endpoint, Endpoint]:
    port = key.port if isinstance(key, AddressKey) else 0
    network = "10.0.0.1" if key.family is Family.IPV4 else "fd00::1"
    return Endpoint(ip_address(f"{network}1"), port), Endpoint(ip_address(f"{network}2"), port)


def client(key: ServiceKey) -> Address:
    return ip_address("198.51.100.7" if key.family is Family.IPV4 else "2001:db8:d::7")


@pytest.fixture
def ready(kernel: Kernel) -> Kernel:
    for key in KEYS:
        mask: IPv4Address | int = 128 if key.family is Family.IPV6 else IPv4Address("255.255.255.255")
        engine = "sip" if key == SIP else ""
        kernel.write(change_service(None, Service(key, "rr", persistence=Persistence(300, mask, engine))))
        for end in servers(key):
            kernel.write(change_server(key, None, RealServer(end, Forwarding.MASQ)))
    return kernel


def pin(key: ServiceKey, server: Endpoint, seconds: int = 60) -> Message:
    engine, identity = ("sip", "call-7") if key == SIP else ("", "")
    return binding_message(key, client(key), server, seconds, engine, identity)


def entries(kernel: Kernel, key: ServiceKey) -> list[Entry]:
    """Return the entries of the client of these tests; those of others may still be running out."""
    every = [entry for piece in kernel.scan(engines=True) for entry in piece.entries]
    return [entry for entry in every if (entry.service, entry.client) == (key, client(key))]


def sticky(kernel: Kernel, key: ServiceKey) -> tuple[int, ...]:
    counted = kernel.read().servers[key]
    return tuple(known(counted[endpoint].sticky) for endpoint in servers(key))


def wait_until(done: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    return done()


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_an_entry_is_made_bound_and_runs_out(ready: Kernel, key: ServiceKey) -> None:
    first, _ = servers(key)
    started = time.monotonic()
    ready.send_sync([pin(key, first)])
    ended = time.monotonic()
    (entry,) = entries(ready, key)
    assert (entry.client, entry.server.address, entry.state) == (client(key), first.address, "ASSURED")
    assert started + 60 - _CUT <= entry.ends <= ended + 60 + _CUT
    assert (entry.engine, entry.identity) == (("sip", "call-7") if key == SIP else ("", ""))
    assert sticky(ready, key) == (1, 0)
    ready.send_sync([pin(key, first, 1)])
    assert wait_until(lambda: not entries(ready, key))
    assert sticky(ready, key) == (0, 0)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_an_entry_that_is_there_changes_its_time_and_keeps_its_server(ready: Kernel, key: ServiceKey) -> None:
    first, second = servers(key)
    ready.send_sync([pin(key, first)])
    started = time.monotonic()
    ready.send_sync([pin(key, second, 500)])
    ended = time.monotonic()
    (entry,) = entries(ready, key)
    assert entry.server.address == first.address
    assert started + 500 - _CUT <= entry.ends <= ended + 500 + _CUT
    assert sticky(ready, key) == (1, 0)
    ready.send_sync([pin(key, first, 1)])
    assert wait_until(lambda: not entries(ready, key))


def test_an_entry_to_a_server_that_is_not_configured_is_made_and_counted_nowhere(ready: Kernel) -> None:
    stranger = endpoint("10.0.0.99:80")
    ready.send_sync([pin(WEB, stranger)])
    (entry,) = entries(ready, WEB)
    assert entry.server == stranger
    assert sticky(ready, WEB) == (0, 0)
    ready.send_sync([pin(WEB, stranger, 1)])
    assert wait_until(lambda: not entries(ready, WEB))


def test_a_mark_binds_only_by_the_configured_port(kernel: Kernel) -> None:
    end = endpoint("10.0.0.11:8080")
    kernel.write(change_service(None, Service(MARK, "rr", persistence=Persistence())))
    kernel.write(change_server(MARK, None, RealServer(end, Forwarding.MASQ)))
    for port, count in ((0, 0), (8080, 1)):
        kernel.send_sync([binding_message(MARK, client(MARK), Endpoint(end.address, port), 60)])
        assert kernel.read().servers[MARK][end].sticky == count
        kernel.send_sync([binding_message(MARK, client(MARK), end, 1)])
        assert wait_until(lambda: not entries(kernel, MARK))


def test_nothing_is_taken_where_backup_only_is_set(ready: Kernel) -> None:
    ready.write(change_sysctl("backup_only", "0", "1"))
    with pytest.raises(Refused) as caught:
        ready.send_sync([pin(WEB, servers(WEB)[0])])
    assert "backup_only is 1" in str(caught.value)
    assert entries(ready, WEB) == []


def test_nothing_is_taken_while_a_server_is_of_another_family(ready: Kernel) -> None:
    crossing = server("[fd00::19]:80", Forwarding.TUNNEL)
    ready.write(change_server(WEB, None, crossing))
    with pytest.raises(Refused) as caught:
        ready.send_sync([pin(WEB, servers(WEB)[0])])
    assert "another address family" in str(caught.value)


def test_an_edit_leaves_the_configuration_as_it_is(ready: Kernel) -> None:
    before = ready.read().director
    ready.send_sync([pin(WEB, servers(WEB)[0], 1)])
    assert ready.read().director == before
    assert wait_until(lambda: not entries(ready, WEB))
