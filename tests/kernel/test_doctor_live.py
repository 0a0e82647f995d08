"""`lvstui doctor` on a real kernel: each fault is made, found, and taken back; and what is healthy says so."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from lvstui.cli import main
from tests.lab.fill import fill
from tests.lab.net import ask, has_iptables, shop

pytestmark = pytest.mark.kernel

WEB, SECURE, NAMES, SIX = "tcp:192.0.2.10:80", "tcp:192.0.2.10:443", "udp:192.0.2.10:53", "tcp:[2001:db8:1::10]:80"
MARK = "mark:80"
DIRECT, TUNNEL, LONE = "tcp:10.0.0.100:80", "tcp:192.0.2.20:8080", "tcp:192.0.2.10:81"

SERVICES: Final = """\
-A -t 10.0.0.100:80 -s rr
-a -t 10.0.0.100:80 -r 10.0.0.11:80 -g
-a -t 10.0.0.100:80 -r 10.0.0.12:80 -g
-A -t 192.0.2.20:8080 -s rr
-a -t 192.0.2.20:8080 -r 10.0.0.13:8080 -i
-A -t 192.0.2.10:81 -s rr
-a -t 192.0.2.10:81 -r 10.0.0.11:81 -m
"""

PREPARED: Final = """\
ip addr add 10.0.0.100/32 dev back
for name in rs1 rs2; do
    ip netns exec $name sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
    ip -n $name addr add 10.0.0.100/32 dev lo
done
for name in rs1 rs2 rs3; do ip netns exec $name sysctl -qw net.ipv4.tcp_synack_retries=0; done
ip link set back mtu 1540
for name in rs1 rs2 rs3; do ip link set $name mtu 1540; ip -n $name link set eth0 mtu 1540; done
ip link set front mtu 1500
modprobe ip_vs_ftp
"""

CROWDED: Final = """\
-A -t 192.0.2.10:80 -s rr -p 300
-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m
-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m
-a -t 192.0.2.10:80 -r 10.0.0.13:80 -m
"""

KNOCK: Final = """\
import socket, sys
for _ in range(16):
    s = socket.socket()
    s.bind(("198.18.7.7", 0))
    s.setblocking(False)
    s.connect_ex(("192.0.2.10", int(sys.argv[1])))
"""

MASTER: Final = """\
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.2"))
while True:
    s.sendto(bytes((0, 77, 0, 8, 0, 1, 0, 0)), ("224.0.0.81", 8848))
    print("sent", flush=True)
    time.sleep(0.1)
"""


def waiting(condition: str) -> str:
    """Write what waits for a condition, and goes on after a while where it never comes true."""
    return f"for _ in $(seq 600); do {condition} && break; sleep 0.1; done"


def knocking(port: int) -> str:
    """Write what knocks at a port of the shop.

    IPVS counts every two seconds: what has just come in is not seen yet, and not zeroed by `ipvsadm -Z`.
    """
    counted = """awk '$1 == "->" && $3 + 0 >= 16 { seen = 1 } END { exit !seen }'"""
    listed = f"ipvsadm -Ln --stats --exact -t 192.0.2.10:{port}"
    return f"ip netns exec client {sys.executable} -c '{KNOCK}' {port}; {waiting(f'{listed} | {counted}')}"


class Fault(NamedTuple):
    """What is done to the director or around it, and which question finds it with which words.

    A server that ipvsadm would give another port is `added` by lvstui.
    """

    question: str
    service: str
    made: str
    undone: str
    words: str
    state: str = "wrong"
    added: tuple[str, ...] = ()


FAULTS: Final = {
    "addresses that are missing": {
        "the virtual address is missing": Fault(
            "address",
            WEB,
            "ip addr del 192.0.2.10/32 dev front",
            "ip addr add 192.0.2.10/32 dev front",
            "192.0.2.10 is no",
        ),
        "the virtual address of IPv6 is missing": Fault(
            "address",
            SIX,
            "ip addr del 2001:db8:1::10/128 dev front",
            "ip addr add 2001:db8:1::10/128 dev front nodad",
            "2001:db8:1::10 is no address",
        ),
        "the address of a mark is missing": Fault(
            "address",
            MARK,
            "ip addr del 192.0.2.20/32 dev front",
            "ip addr add 192.0.2.20/32 dev front",
            "192.0.2.20 is no",
        ),
        "the interface of the virtual address is down": Fault(
            "address",
            "tcp:203.0.113.9:80",
            "ip link add idle type veth peer name idle2; ip addr add 203.0.113.9/32 dev idle;"
            "ipvsadm -A -t 203.0.113.9:80 -s rr; ipvsadm -a -t 203.0.113.9:80 -r 10.0.0.11:80 -m",
            "ipvsadm -D -t 203.0.113.9:80; ip link del idle",
            "203.0.113.9 is on idle, which is down",
        ),
        "the virtual address of IPv6 is a duplicate": Fault(
            "address",
            "tcp:[2001:db8:1::77]:80",
            "ip -n client addr add 2001:db8:1::77/64 dev eth0 nodad; ip addr add 2001:db8:1::77/128 dev front; sleep 1;"
            "ipvsadm -A -t [2001:db8:1::77]:80 -s rr; ipvsadm -a -t [2001:db8:1::77]:80 -r [fd00::11]:80 -m",
            "ipvsadm -D -t [2001:db8:1::77]:80; ip addr del 2001:db8:1::77/128 dev front;"
            "ip -n client addr del 2001:db8:1::77/64 dev eth0",
            "2001:db8:1::77 is on front, but",
        ),
        "an interface forwards nothing": Fault(
            "forwarding",
            WEB,
            "sysctl -qw net.ipv4.conf.back.forwarding=0",
            "sysctl -qw net.ipv4.conf.back.forwarding=1",
            "net.ipv4.conf.back.forwarding is 0",
        ),
    },
    "who else has them": {
        "another host has the virtual address": Fault(
            "other-owner",
            WEB,
            "ip -n client addr add 192.0.2.10/32 dev lo",
            "ip -n client addr del 192.0.2.10/32 dev lo",
            "another host answers for 192.0.2.10 by front",
        ),
        "another host has the virtual address of IPv6": Fault(
            "other-owner",
            SIX,
            "ip -n client addr add 2001:db8:1::10/128 dev eth0 nodad",
            "ip -n client addr del 2001:db8:1::10/128 dev eth0",
            "another host answers for 2001:db8:1::10",
        ),
        "a real server answers ARP for the virtual address": Fault(
            "other-owner",
            DIRECT,
            "ip netns exec rs2 sysctl -qw net.ipv4.conf.all.arp_ignore=0; bash -c 'echo > /dev/udp/10.0.0.12/9'",
            "ip netns exec rs2 sysctl -qw net.ipv4.conf.all.arp_ignore=1",
            "its real server 10.0.0.12:80",
        ),
        "both directors are masters": Fault(
            "masters",
            WEB,
            "ipvsadm --start-daemon master --mcast-interface front --syncid 77;"
            f"ip netns exec client {sys.executable} -c '{MASTER}' > /run/master 2>&1 & echo $! > /run/master.pid;"
            + waiting("[ -s /run/master ]"),
            "kill $(cat /run/master.pid); ipvsadm --stop-daemon master",
            "192.0.2.2 is a master too, with the same id 77",
        ),
        "nothing is forwarded": Fault(
            "forwarding",
            WEB,
            "sysctl -qw net.ipv4.ip_forward=0",
            "sysctl -qw net.ipv4.ip_forward=1",
            "net.ipv4.ip_forward is 0",
        ),
        "IPv6 is not forwarded": Fault(
            "forwarding",
            SIX,
            "sysctl -qw net.ipv6.conf.all.forwarding=0",
            "sysctl -qw net.ipv6.conf.all.forwarding=1",
            "net.ipv6.conf.all.forwarding is 0",
        ),
    },
    "what this machine drops": {
        "rp_filter drops what is answered by another interface": Fault(
            "rp-filter",
            WEB,
            "sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route replace 198.18.0.0/16 via 10.0.0.13",
            "ip route replace 198.18.0.0/16 via 192.0.2.2; sysctl -qw net.ipv4.conf.all.rp_filter=0",
            "sends in by front is dropped",
        ),
    },
    "ways of answers": {
        "rp_filter drops answers that come in by another interface": Fault(
            "rp-filter",
            LONE,
            """
        ip link add back2 type veth peer name eth1 netns rs1
        ip addr add 10.1.0.1/24 dev back2; ip link set back2 up
        ip -n rs1 addr add 10.1.0.2/24 dev eth1; ip -n rs1 link set eth1 up
        ip -n rs1 route replace default via 10.1.0.1
        sysctl -qw net.ipv4.conf.all.rp_filter=1
        """
            + knocking(81),
            """
        ip -n rs1 route replace default via 10.0.0.1
        ip link del back2; sysctl -qw net.ipv4.conf.all.rp_filter=0; ipvsadm -Z
        """,
            "nothing comes back from 10.0.0.11:81",
        ),
    },
    "answers that pass by": {
        "answers take another way": Fault(
            "answers",
            "tcp:192.0.2.10:83",
            "ip -n rs3 route del default; ipvsadm -A -t 192.0.2.10:83 -s rr;"
            "ipvsadm -a -t 192.0.2.10:83 -r 10.0.0.13:83 -m;" + knocking(83),
            "ip -n rs3 route add default via 10.0.0.1; ipvsadm -D -t 192.0.2.10:83",
            "nothing comes back from 10.0.0.13:83",
        ),
    },
    "servers": {
        "nothing may be sent to a server": Fault(
            "rules",
            DIRECT,
            "iptables -A OUTPUT -o back -d 10.0.0.100 -p tcp --dport 80 -j DROP",
            "iptables -F OUTPUT",
            "what is sent on to 10.0.0.11:80 and",
            "warning",
        ),
        "a direct server is in another network": Fault(
            "network",
            DIRECT,
            "ip route add 10.9.9.0/24 via 10.0.0.13; ipvsadm -a -t 10.0.0.100:80 -r 10.9.9.9:80 -g",
            "ipvsadm -d -t 10.0.0.100:80 -r 10.9.9.9:80; ip route del 10.9.9.0/24",
            "10.9.9.9:80 (by 10.0.0.13)",
        ),
        "a direct server is on another port": Fault(
            "ports",
            "tcp:10.0.0.100:88",
            "ipvsadm -A -t 10.0.0.100:88 -s rr",
            "ipvsadm -D -t 10.0.0.100:88",
            "10.0.0.13:8080 is on another port",
            added=("tcp:10.0.0.100:88", "10.0.0.13:8080", "forwarding=route"),
        ),
        "a server is not in its network": Fault(
            "routes",
            LONE,
            "ipvsadm -a -t 192.0.2.10:81 -r 10.0.0.99:81 -m; bash -c 'echo > /dev/udp/10.0.0.99/9'",
            "ipvsadm -d -t 192.0.2.10:81 -r 10.0.0.99:81",
            "10.0.0.99:81: it does not answer on back",
        ),
        "a server has no route": Fault(
            "routes",
            "tcp:192.0.2.10:84",
            "ipvsadm -A -t 192.0.2.10:84 -s rr; ipvsadm -a -t 192.0.2.10:84 -r 10.8.8.8:84 -m",
            "ipvsadm -D -t 192.0.2.10:84",
            "10.8.8.8:84: there is no route",
        ),
        "sh refuses the clients of a drained server": Fault(
            "refusing",
            "tcp:192.0.2.10:82",
            "ipvsadm -A -t 192.0.2.10:82 -s sh; ipvsadm -a -t 192.0.2.10:82 -r 10.0.0.11:82 -m;"
            "ipvsadm -a -t 192.0.2.10:82 -r 10.0.0.12:82 -m -w 0",
            "ipvsadm -D -t 192.0.2.10:82",
            "10.0.0.12:82: at weight 0",
        ),
        "every server is drained": Fault(
            "weights",
            "tcp:192.0.2.10:85",
            "ipvsadm -A -t 192.0.2.10:85 -s rr; ipvsadm -a -t 192.0.2.10:85 -r 10.0.0.11:85 -m -w 0",
            "ipvsadm -D -t 192.0.2.10:85",
            "every real server has weight 0",
        ),
        "clients hang on a deleted server": Fault(
            "deleted",
            "udp:192.0.2.10:99",
            "ipvsadm -A -u 192.0.2.10:99 -s rr; ipvsadm -a -u 192.0.2.10:99 -r 10.0.0.12:99 -m;"
            "ip netns exec client bash -c 'echo > /dev/udp/192.0.2.10/99';"
            "ipvsadm -a -u 192.0.2.10:99 -r 10.0.0.13:99 -m; ipvsadm -d -u 192.0.2.10:99 -r 10.0.0.12:99",
            "ipvsadm -D -u 192.0.2.10:99",
            "of deleted servers (10.0.0.12)",
        ),
        "the module for FTP is missing": Fault(
            "modules",
            "tcp:192.0.2.10:21",
            "ipvsadm -A -t 192.0.2.10:21 -s rr; ipvsadm -a -t 192.0.2.10:21 -r 10.0.0.11:21 -m; rmmod ip_vs_ftp",
            "ipvsadm -D -t 192.0.2.10:21; modprobe ip_vs_ftp",
            "ip_vs_ftp is not loaded",
        ),
    },
    "marks": {
        "a mark is set by nobody": Fault(
            "mark",
            "mark:81",
            "ipvsadm -A -f 81 -s rr; ipvsadm -a -f 81 -r 10.0.0.11:0 -m",
            "ipvsadm -D -f 81",
            "no rule",
        ),
        "a mark is set to packets of the other family only": Fault(
            "mark",
            "mark6:80",
            "ipvsadm -A -f 80 -6 -s rr; ipvsadm -a -f 80 -6 -r [fd00::11]:0 -m",
            "ipvsadm -D -f 80 -6",
            "no rule",
        ),
        "a mark is set too late": Fault(
            "mark",
            "mark:82",
            "ipvsadm -A -f 82 -s rr; ipvsadm -a -f 82 -r 10.0.0.11:0 -m;"
            "iptables -t mangle -A POSTROUTING -d 192.0.2.20 -p tcp --dport 82 -j MARK --set-mark 82",
            "ipvsadm -D -f 82; iptables -t mangle -D POSTROUTING -d 192.0.2.20 -p tcp --dport 82 -j MARK --set-mark 82",
            "late",
        ),
        "a later rule takes a mark away": Fault(
            "mark",
            MARK,
            "iptables -t mangle -A PREROUTING -p tcp -j MARK --set-mark 9",
            "iptables -t mangle -D PREROUTING -p tcp -j MARK --set-mark 9",
            "overwritten",
        ),
    },
    "what may be meant": {
        "another service takes the packets": Fault(
            "arrival",
            LONE,
            "iptables -t mangle -A PREROUTING -p tcp -d 192.0.2.10 --dport 81 -j MARK --set-mark 80",
            "iptables -t mangle -D PREROUTING -p tcp -d 192.0.2.10 --dport 81 -j MARK --set-mark 80",
            "mark:80 instead",
            "warning",
        ),
        "a firewall drops the packets": Fault(
            "arrival",
            SECURE,
            "iptables -t mangle -A PREROUTING -p tcp -d 192.0.2.10 --dport 443 -j DROP",
            "iptables -t mangle -D PREROUTING -p tcp -d 192.0.2.10 --dport 443 -j DROP",
            "is dropped",
            "warning",
        ),
        "answers of a server are dropped, as connection tracking does not know them": Fault(
            "rules",
            WEB,
            "iptables -A FORWARD -p tcp --sport 80 -m conntrack --ctstate INVALID -j DROP;" + knocking(80),
            "iptables -F FORWARD; ipvsadm -Z",
            "answers is dropped: chain FORWARD of filter",
        ),
        "full packets do not fit into a tunnel": Fault(
            "mtu",
            TUNNEL,
            "ip link set back mtu 1510",
            "ip link set back mtu 1540",
            "over 1490 bytes do not fit",
            "warning",
        ),
    },
    "the director": {
        "drop_entry is at work": Fault(
            "defences",
            WEB,
            "sysctl -qw net.ipv4.vs.drop_entry=3",
            "sysctl -qw net.ipv4.vs.drop_entry=0",
            "drop_entry is 3",
        ),
        "connection tracking is full": Fault(
            "conntrack",
            WEB,
            "iptables -t mangle -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT;"
            "bash -c 'echo > /dev/udp/10.0.0.11/9';"
            "sysctl -qw net.netfilter.nf_conntrack_max=1",
            "sysctl -qw net.netfilter.nf_conntrack_max=8192;"
            "iptables -t mangle -D OUTPUT -m conntrack --ctstate INVALID -j ACCEPT",
            "of 1 connections are tracked",
        ),
        "IPVS stands aside": Fault(
            "standing-aside",
            WEB,
            "ipvsadm --start-daemon backup --mcast-interface front; sysctl -qw net.ipv4.vs.backup_only=1",
            "ipvsadm --stop-daemon backup; sysctl -qw net.ipv4.vs.backup_only=0",
            "backup_only is 1",
        ),
    },
}
"""What is made at once, as each of it can be told apart: by its question and its service."""


def sh(script: str) -> None:
    subprocess.run(["sh", "-c", script], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with shop():
        sh(PREPARED)
        subprocess.run(["ipvsadm", "-R"], input=SERVICES, text=True, check=True)
        clients = [("198.18.7.1", "192.0.2.10", 80), ("198.18.7.2", "192.0.2.20", 443)]
        ask([*clients, ("2001:db8:c::71", "2001:db8:1::10", 80), ("198.18.7.3", "192.0.2.10", 53)])
        yield


@contextmanager
def made(faults: Iterable[Fault], profile: Path) -> Iterator[None]:
    with ExitStack() as undoing:
        for fault in faults:
            undoing.callback(sh, fault.undone)
            sh(fault.made)
            if fault.added:
                assert main(["--live", "--profile", str(profile), "add", *fault.added]) == 0
        yield


def doctor(folder: Path, *words: str) -> tuple[int, list[Mapping[str, str]]]:
    """Return the exit status, and what is not fine."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["--live", "--profile", str(folder / "p.toml"), "doctor", "--json", *words])
    assert not err.getvalue()
    found: list[Mapping[str, str]] = json.loads(out.getvalue())["finding"]
    return status, [finding for finding in found if finding["state"] != "fine"]


@pytest.mark.parametrize("group", FAULTS)
def test_faults_are_found(tmp_path: Path, group: str) -> None:
    faults = [fault for fault in FAULTS[group].values() if has_iptables() or not needs_iptables(fault)]
    if not faults:
        pytest.skip("without iptables the lab marks by tc, which is not read")
    with made(faults, tmp_path / "p.toml"):
        status, found = doctor(tmp_path)
    for fault in faults:
        named = [one for one in found if one["question"] == fault.question and one["service"] in (fault.service, None)]
        assert named, (fault, found)
        assert fault.words in named[0]["found"]
        assert named[0]["state"] == fault.state, (fault, found)
        assert named[0]["looked_at"]
        assert named[0]["remedy"]
    assert status == (3 if any(fault.state == "wrong" for fault in faults) else 0), found


def needs_iptables(fault: Fault) -> bool:
    return "iptables" in fault.made or fault.service == MARK


def test_a_table_that_is_too_small_is_found(tmp_path: Path) -> None:
    sh("ip netns add crowd; ip -n crowd link set lo up; ip -n crowd addr add 192.0.2.10/32 dev lo")
    try:
        subprocess.run(["ip", "netns", "exec", "crowd", "ipvsadm", "-R"], input=CROWDED, text=True, check=True)
        fill(17_000, "crowd")  # they go with the namespace
        _, found = doctor(tmp_path, WEB, "--netns", "crowd")
    finally:
        sh("ip netns del crowd")
    (crowded,) = [finding for finding in found if finding["question"] == "table"]
    assert "in a table of 4096 buckets" in crowded["found"]
    assert "conn_tab_bits=15" in crowded["remedy"]


def test_what_is_healthy_says_so(tmp_path: Path) -> None:
    assert ailing(doctor(tmp_path)) == (0, [])


def test_a_probe_finds_what_nothing_else_shows(tmp_path: Path) -> None:
    # A namespace is a router if the guest was one when it was made, and a router sends back what is not for it.
    sh("ip netns exec rs2 sysctl -qw net.ipv4.ip_forward=0")
    sh("ip -n rs2 addr del 10.0.0.100/32 dev lo; ipvsadm -D -t 192.0.2.10:81")  # nobody listens on port 81
    try:
        status, found = ailing(doctor(tmp_path, "--probe"))
    finally:
        sh("ip -n rs2 addr add 10.0.0.100/32 dev lo; ipvsadm -A -t 192.0.2.10:81 -s rr")
        sh("ipvsadm -a -t 192.0.2.10:81 -r 10.0.0.11:81 -m")
    said = {finding["service"]: finding for finding in found}
    assert (status, len(found), set(said)) == (3, 2, {DIRECT, TUNNEL}), found
    assert "10.0.0.100 is probably missing on it" in said[DIRECT]["found"]
    assert "10.0.0.13:8080: " in said[TUNNEL]["found"]  # it has no device of tunnels
    assert {finding["question"] for finding in found} == {"probe"}


def ailing(answer: tuple[int, list[Mapping[str, str]]]) -> tuple[int, list[Mapping[str, str]]]:
    """Return the answer without advice, and without marks that are not read."""
    status, found = answer
    left = [finding for finding in found if finding["question"] != "advice"]
    if not has_iptables():
        left = [finding for finding in left if finding["service"] != MARK]
        status = 3 if any(finding["state"] == "wrong" for finding in left) else 0
    return status, left


def test_what_only_root_may_know_is_said_so() -> None:
    command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "lvstui", "--live", "doctor", WEB]
    environment = {**os.environ, "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    text = " ".join(ended.stdout.split())
    assert "could not be known, because the right CAP_NET_RAW is missing" in text
