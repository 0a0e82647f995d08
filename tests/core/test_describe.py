"""A change in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
)
from lvstui.core.describe import describe
from lvstui.core.model import (
    Forwarding,
    Persistence,
    Probe,
    ProbeType,
    Service,
    ServiceFlags,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from tests.build import address_key, director, pool, server
from tests.core.strategies import changes, laws

KEY = address_key("tcp:192.0.2.10:443")
V6 = address_key("udp:[2001:db8::10]:53")
SHOP = Service(KEY, name="shop")
WEB = server("10.0.0.11:443", Forwarding.MASQ, 3, name="web1")
GUE = Tunnel(TunnelType.GUE, 6080, 1)
MASTER = SyncDaemon(SyncRole.MASTER, "eth1", 5)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            change_server(KEY, WEB, replace(WEB, weight=5)),
            "tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 5",
        ),
        (
            change_server(KEY, WEB, replace(WEB, weight=0, upper=9, resume=3, tunnel=GUE)),
            "tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: "
            "weight 3 -> 0, upper none -> 9, tunnel none -> gue port 6080 csum, remembers 3",
        ),
        (
            change_server(KEY, replace(WEB, weight=0, resume=3), WEB),
            "tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 0 -> 3, no longer remembers 3",
        ),
        (
            change_server(KEY, None, WEB),
            '+ tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: forwarding masq, weight 3, name "web1"',
        ),
        (change_server(KEY, WEB, None), "- tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1"),
        (
            change_service(SHOP, replace(SHOP, scheduler="sh", flags=ServiceFlags.SCHED_2, persistence=Persistence())),
            "tcp:192.0.2.10:443 shop: scheduler wlc -> sh, flags none -> sh-port, persistence none -> 300s",
        ),
        (
            change_service(None, Service(V6, persistence=Persistence(600, 64, "sip"))),
            "+ udp:[2001:db8::10]:53: scheduler wlc, persistence 600s prefix 64 engine sip",
        ),
        (change_service(SHOP, None), "- tcp:192.0.2.10:443 shop"),
        (
            change_service(SHOP, replace(SHOP, note="x" * 60)),
            f'tcp:192.0.2.10:443 shop: note none -> "{"x" * 40}..."',
        ),
        (
            change_service(SHOP, replace(SHOP, probe=Probe(ProbeType.HTTP, path="/health"))),
            "tcp:192.0.2.10:443 shop: probe none -> http path /health",
        ),
        (change_timeouts(Timeouts(), Timeouts(tcp=1200)), "timeouts: tcp 900s -> 1200s"),
        (change_sysctl("expire_nodest_conn", "0", "1"), "sysctl expire_nodest_conn: 0 -> 1"),
        (change_sysctl("est_cpulist", "", "0-3"), 'sysctl est_cpulist: "" -> 0-3'),
        (change_sysctl("conntrack", None, "1"), "+ sysctl conntrack: 1"),
        (change_sysctl("conntrack", "1", None), "sysctl conntrack: left to the kernel"),
        (change_timeouts(Timeouts(), None), "timeouts: left to the kernel"),
        (change_timeouts(None, Timeouts()), "+ timeouts: tcp 900s, tcp_fin 120s, udp 300s"),
        (change_daemon(None, MASTER), "+ sync master: interface eth1, id 5, group 224.0.0.81, port 8848, ttl 1"),
        (change_daemon(MASTER, replace(MASTER, id=6)), "sync master: id 5 -> 6"),
        (Change(DirectorField.SYNC, False, True), "sync daemons: managed by the profile"),
        (Change(DirectorField.SYNC, True, False), "sync daemons: left to the kernel"),
        (Change(DirectorField.NAME, "", "lb1"), 'director: name none -> "lb1"'),
        (Change(DirectorField.NAME, "", "a" * 41), f'director: name none -> "{"a" * 40}..."'),
    ],
)
def test_a_change_is_described_in_one_line(change: Change, line: str) -> None:
    assert describe(change, director(pool(SHOP))) == line


def test_the_name_of_a_service_is_left_out_where_it_is_not_known() -> None:
    assert describe(change_server(KEY, WEB, None), EMPTY) == "- tcp:192.0.2.10:443 / 10.0.0.11:443 web1"


@laws
@given(changes())
def test_whatever_the_names_are_the_line_can_be_printed(change: Change) -> None:
    assert describe(change).isprintable()
