"""The commands of ipvsadm that would do the same."""

from __future__ import annotations

import shlex
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given

from lvstui.core.change import (
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
)
from lvstui.core.model import (
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    Service,
    ServiceFlags,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.formats.ipvsadm import command, save_lines
from tests.build import address_key, pool, server
from tests.core.strategies import changes, laws

KEY = address_key("tcp:192.0.2.10:443")
UDP6 = address_key("udp:[2001:db8::10]:53")
SCTP = address_key("sctp:192.0.2.10:99")
GRE_PROTOCOL = AddressKey(Protocol(47), IPv4Address("192.0.2.10"), 0)
MARK6 = MarkKey(80, Family.IPV6)
WEB = server("10.0.0.11:443", Forwarding.MASQ, 5, 1000, 800)
WEB6 = server("[fd00::12]:443", Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE, 6080, 1))
MASTER = SyncDaemon(SyncRole.MASTER, "eth1", 5)
START = (
    "ipvsadm --start-daemon master --mcast-interface eth1 --syncid 5 "
    "--mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1"
)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            change_server(KEY, replace(WEB, weight=3), WEB),
            "ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 5 -x 1000 -y 800",
        ),
        (
            change_server(UDP6, None, WEB6),
            "ipvsadm -a -u [2001:db8::10]:53 -r [fd00::12]:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
        ),
        (change_server(MARK6, WEB6, None), "ipvsadm -d -f 80 -6 -r [fd00::12]:443"),
        (
            change_server(KEY, None, replace(WEB6, tunnel=Tunnel(TunnelType.GRE))),
            "ipvsadm -a -t 192.0.2.10:443 -r [fd00::12]:443 -i -w 1 --tun-type gre --tun-nocsum",
        ),
        (
            change_server(KEY, None, replace(WEB, forwarding=Forwarding.TUNNEL, upper=0, lower=0)),
            "ipvsadm -a -t 192.0.2.10:443 -r 10.0.0.11:443 -i -w 5 --tun-type ipip",
        ),
        (
            change_service(
                None,
                Service(
                    KEY,
                    "sh",
                    ServiceFlags.ONE_PACKET | ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2,
                    Persistence(600, IPv4Address("255.255.255.0"), "sip"),
                ),
            ),
            "ipvsadm -A -t 192.0.2.10:443 -s sh -p 600 -M 255.255.255.0 --pe sip -o -b sh-fallback,sh-port",
        ),
        (
            change_service(Service(MARK6), Service(MARK6, persistence=Persistence(300, 64))),
            "ipvsadm -E -f 80 -6 -s wlc -p 300 -M 64",
        ),
        (change_service(Service(SCTP), None), "ipvsadm -D --sctp-service 192.0.2.10:99"),
        (change_timeouts(None, Timeouts(1, 2, 3)), "ipvsadm --set 1 2 3"),
        (change_daemon(None, MASTER), START),
        (change_daemon(MASTER, None), "ipvsadm --stop-daemon master"),
        (change_daemon(replace(MASTER, id=1), MASTER), f"ipvsadm --stop-daemon master && {START}"),
        (change_service(Service(KEY), Service(KEY, name="shop")), None),
        (change_server(KEY, WEB, replace(WEB, name="web1")), None),
        (change_server(KEY, None, replace(WEB, forwarding=Forwarding.LOCAL)), None),
        (change_service(None, Service(GRE_PROTOCOL)), None),
        (change_timeouts(Timeouts(), None), None),
        (change_sysctl("conntrack", "0", "1"), "sysctl -w net.ipv4.vs.conntrack=1"),
        (change_sysctl("sync_threshold", "3 50", "3 0"), "sysctl -w 'net.ipv4.vs.sync_threshold=3 0'"),
        (change_sysctl("conntrack", "1", None), None),
        (Change(DirectorField.SYNC, False, True), None),
        (Change(DirectorField.NAME, "", "lb1"), None),
    ],
)
def test_a_change_is_one_command_with_everything_spelled_out(change: Change, line: str | None) -> None:
    assert command(change) == line


def test_what_comes_from_outside_is_quoted_for_the_shell() -> None:
    hostile = SyncDaemon(SyncRole.BACKUP, "a;reboot", 0)
    line = command(change_daemon(None, hostile))
    assert line is not None
    assert shlex.split(line)[4] == "a;reboot"
    assert "--mcast-interface 'a;reboot' " in line


@laws
@given(changes())
def test_every_command_is_one_line_for_the_shell(change: Change) -> None:
    line = command(change)
    assert line is None or (line.isprintable() and shlex.split(line)[0] in ("ipvsadm", "sysctl"))


def test_a_director_is_saved_as_ipvsadm_restores_it() -> None:
    director = Director(
        {
            KEY: pool(Service(KEY, "wrr", name="shop"), WEB, WEB6),
            MARK6: pool(Service(MARK6, "mh", ServiceFlags.SCHED_2 | ServiceFlags.SCHED_3)),
        },
        Timeouts(),
        {SyncRole.MASTER: MASTER},
    )
    assert save_lines(director) == [
        "--set 900 120 300",
        "-A -t 192.0.2.10:443 -s wrr",
        "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 5 -x 1000 -y 800",
        "-a -t 192.0.2.10:443 -r [fd00::12]:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
        "-A -f 80 -6 -s mh -b mh-port,flag-3",
        START.removeprefix("ipvsadm "),
    ]


def test_what_ipvsadm_cannot_say_stands_as_a_comment() -> None:
    local = replace(WEB, forwarding=Forwarding.LOCAL)
    director = Director(
        {
            GRE_PROTOCOL: pool(GRE_PROTOCOL, WEB),
            KEY: Pool(Service(KEY), {WEB.endpoint: local}),
        },
        sysctl={"conntrack": "1"},
    )
    assert save_lines(director) == [
        "# left out: sysctl -w net.ipv4.vs.conntrack=1",
        "# left out with its servers: ip47:192.0.2.10:0: ipvsadm knows no such protocol",
        "-A -t 192.0.2.10:443 -s wlc",
        "# left out: -t 192.0.2.10:443 -r 10.0.0.11:443: ipvsadm cannot set forwarding local",
    ]
