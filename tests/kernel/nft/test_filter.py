"""The door to the packet filter: what it costs, what it says when it cannot look, and our own table through it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvstui.core.change import change_group
from lvstui.core.marks.script import groups, script
from lvstui.core.model import MarkGroup, Ports, Protocol, Selector
from lvstui.core.selectors import merged_networks, merged_ports, selector
from lvstui.kernel.nft import writing
from lvstui.kernel.nft.filter import Found, PacketFilter
from lvstui.kernel.nft.writing import Held
from lvstui.kernel.port import NoRight, Refused
from tests.build import group
from tests.kernel.nft.alone import Clock, alone, needs, needs_nft, nft, output

pytestmark = needs_nft

EMULATED = "LVSTUI_LAB" in os.environ
"""Whether this is a guest, which tries what another kernel may do otherwise: the host tries more, and longer."""

WEB = group(80, "tcp 192.0.2.10 80,443", "tcp 2001:db8::10 80,443")
DNS = group(53, "udp any 53")


@alone
def test_groups_are_written_read_and_taken_back() -> None:
    with closing(PacketFilter(None)) as door:
        assert not door.read().ours
        door.write(change_group(None, WEB))
        door.write(change_group(None, DNS))
        assert groups(door.read().rules) == {53: DNS, 80: WEB}
        assert door.read().ours
        assert door.lookup(80) == WEB
        door.write(change_group(WEB, None))
        assert door.lookup(80) is None
        door.write(change_group(DNS, None))
        assert not door.read().ours
        assert output("nft", "list", "ruleset") == ""


def networks() -> st.SearchStrategy[tuple[IPv4Network, ...] | tuple[IPv6Network, ...]]:
    """Networks of one family, near each other so that some touch."""
    fours = st.builds(
        lambda n, p: IPv4Network((0xC0000200 + n, p), strict=False), st.integers(0, 99), st.integers(0, 32)
    )
    sixes = st.builds(
        lambda n, p: IPv6Network(((0x20010DB8 << 96) + n, p), strict=False), st.integers(0, 99), st.integers(0, 128)
    )
    return st.lists(fours, max_size=5).map(tuple) | st.lists(sixes, max_size=5).map(tuple)


ENDS = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(sorted)
SELECTORS = st.builds(
    lambda protocol, addresses, ports, interface: Selector(
        protocol and Protocol(protocol),
        merged_networks(addresses),
        merged_ports(Ports(*pair) for pair in ports) if protocol in (6, 17, 132) else (),
        interface,
    ),
    st.sampled_from([None, 6, 17, 132, 1, 47, 255]),
    networks(),
    st.lists(ENDS, max_size=5),
    st.sampled_from(["", "eth0", "a", "fifteen-letters", "eth*", "größe"]),
)
GROUPS = st.dictionaries(st.integers(1, 2**32 - 1), st.lists(SELECTORS, min_size=1, max_size=4).map(tuple), max_size=4)


@alone
@settings(max_examples=15 if EMULATED else 100, deadline=None, suppress_health_check=list(HealthCheck))
@given(GROUPS)
def test_what_is_written_is_read_again(drawn: dict[int, tuple[Selector, ...]]) -> None:
    wanted = {mark: MarkGroup(mark, selectors) for mark, selectors in drawn.items()}
    with closing(PacketFilter(None)) as door:
        before = door.read()
        counters = frozenset(rule.counter for rule in before.rules)
        writing.write(None, wanted, Held(before.generation, before.ours, counters))
        found = door.read()
        assert groups(found.rules) == wanted
        assert found.trouble == found.missing == ""
        if wanted:
            nft("\n".join(script(wanted)))
            assert groups(door.read().rules) == wanted


@alone
def test_nothing_is_read_again_while_nothing_changes() -> None:
    clock = Clock()
    nft("table inet t {\nchain c { type filter hook prerouting priority 0; tcp dport 80 counter meta mark set 80 }\n}")
    with closing(PacketFilter(None, clock)) as door:
        first = door.read()
        clock.now += 100
        assert door.read() is first
        nft("add table ip other")
        other = door.read()
        assert other.generation == first.generation + 1
        assert other.rules == first.rules


@pytest.mark.parametrize("shared", [False, True])
@alone
def test_counters_grow_within_a_generation(shared: bool) -> None:
    clock = Clock()
    output("ip", "link", "set", "lo", "up")
    counter = 'counter name "c"' if shared else "counter"
    nft(
        "table ip t {\ncounter c { }\nchain c { type filter hook output priority 0; "
        f"udp dport 9 {counter} meta mark set 80; udp dport 9 log meta mark set 81 }}\n}}"
    )
    with closing(PacketFilter(None, clock)) as door, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        first = door.read()
        assert [rule.packets for rule in first.rules] == [0, None]
        sender.sendto(b"12345678", ("127.0.0.1", 9))
        clock.now += 100
        second = door.read()
        assert [(rule.packets, rule.bytes) for rule in second.rules] == [(1, 36), (None, None)]
        assert second.generation == first.generation
        sender.sendto(b"12345678", ("127.0.0.1", 9))
        assert door.read() is not first
        clock.now += 100
        assert door.read().rules[0].packets == 2
        assert door.read() is door.read()


@alone
def test_a_write_is_tried_again_when_somebody_else_was_quicker() -> None:
    def change() -> float:
        """Change the ruleset while it is being looked at, in the moment between the look and the write."""
        nft("add table ip another")
        return 1e9

    with closing(PacketFilter(None)) as door:
        door.write(change_group(None, WEB))
    with closing(PacketFilter(None, change)) as door:
        door.read()
        door.write(change_group(None, DNS))
        assert door.lookup(53) == DNS
        assert door.lookup(80) == WEB


class Overtaken(PacketFilter):
    """A door at which somebody else is quicker each time: the rules change between the look and the write."""

    def _writable(self) -> Found:
        found = super()._writable()
        nft("add chain ip others busy")
        nft("delete chain ip others busy")
        return found


@alone
def test_a_write_that_is_overtaken_twice_is_refused_and_writes_nothing() -> None:
    nft("add table ip others")
    before = output("nft", "list", "ruleset")
    with closing(Overtaken(None)) as door, pytest.raises(Refused, match="changed while this was written, twice"):
        door.write(change_group(None, WEB))
    assert output("nft", "list", "ruleset") == before


@alone
def test_a_group_that_was_changed_meanwhile_is_not_written_over() -> None:
    with closing(PacketFilter(None)) as door:
        door.write(change_group(None, WEB))
        before = output("nft", "list", "ruleset")
        with pytest.raises(Refused, match="changed meanwhile"):
            door.write(change_group(DNS, None))
        with pytest.raises(Refused, match="changed meanwhile"):
            door.write(change_group(None, WEB))
        assert output("nft", "list", "ruleset") == before


REWRITER = """
import sys
import time
from contextlib import closing
from lvstui.core.model import MarkGroup
from lvstui.core.selectors import selector
from lvstui.kernel.nft import writing
from lvstui.kernel.netlink.channel import ACK
from lvstui.kernel.nft.nfnetlink import Netfilter
names = frozenset(f"m{mark}" for mark in range(1, 41))
with closing(Netfilter(None)) as netfilter:
    exists = False
    for turn in range(1, 60000):
        groups = {mark: MarkGroup(mark, (selector(f"tcp any {turn},{turn + 2}"),)) for mark in range(1, 41)}
        held = writing.Held(netfilter.generation(), exists, names if exists else frozenset())
        *others, last = writing._messages(groups, held)
        assert writing._transact([*others, last._replace(flags=last.flags | ACK)], None) is None  # given up
        writing.write(None, groups, held)
        exists = True
        print(turn, flush=True)
"""


@pytest.fixture
def rewriter() -> Iterator[list[subprocess.Popen[str]]]:
    """Hold the process that rewrites the ruleset, and end it with the test."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


@alone
def test_a_snapshot_is_never_a_mixture_of_two_generations(rewriter: list[subprocess.Popen[str]]) -> None:
    process = subprocess.Popen([sys.executable, "-c", REWRITER], stdout=subprocess.PIPE, text=True)
    rewriter.append(process)
    assert process.stdout is not None
    process.stdout.readline()
    turns: set[tuple[Ports, ...]] = set()
    looks = complete = 0
    with closing(PacketFilter(None)) as door:
        until = time.monotonic() + 15
        while len(turns) < (10 if EMULATED else 100) and time.monotonic() < until:
            found = door.read()
            looks += 1
            if found.trouble and not turns:
                continue  # there was no moment yet to read it whole
            ports = {rule.selector.ports for rule in found.rules if rule.selector is not None}
            assert len(ports) == 1, "a mixture"
            assert all(rule.decoded for rule in found.rules)
            assert len(found.rules) == 80
            turns.add(ports.pop())
            complete += not found.trouble
            if found.trouble:
                assert "change too fast" in found.trouble
            assert process.poll() is None
    assert len(turns) > 3
    assert complete > looks / 2


@alone
def test_what_is_not_understood_is_shown_as_it_is() -> None:
    rules = (
        "ip6 dscp @classes tcp dport 80 meta mark set 5",
        "tcp dport 80 meta mark set jhash ip saddr mod 4 offset 16",
        "meta mark set ip daddr map @later",
        "tcp dport 80 meta mark set 6",
    )
    lines = "\n".join(rules)
    nft(
        "table inet t {\nmap later { type ipv4_addr : mark; }\nset classes { type dscp; }\n"
        "chain c {\ntype filter hook prerouting priority 0\n"
        f"{lines}\n}}\n}}"
    )
    with closing(PacketFilter(None)) as door:
        option, hashed, empty, plain = door.read().rules
    assert (option.decoded, option.value, option.selector) == (False, 5, None)
    assert option.match[:2] == ("meta nfproto ipv6", "[lookup @classes]")  # shifted across its bytes
    assert option.match[-1] == "tcp dport 80"
    assert option.raw == " ".join((*option.match, "set mark 0x5"))
    assert (hashed.decoded, hashed.value) == (False, None)
    assert hashed.raw == "tcp dport 80 meta nfproto ipv4 meta mark set jhash ip saddr mod 4 offset 16"
    assert (empty.decoded, empty.value) == (False, None)
    assert empty.raw == "meta nfproto ipv4 meta mark set ip daddr map @later"
    assert plain.decoded
    assert plain.raw == ""


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("ip daddr 192.0.2.10 tcp dport { 443, 80 }", "tcp 192.0.2.10 80,443"),
        ("ip daddr @vips tcp dport @ports", "tcp 192.0.2.10,192.0.2.64/27 80,443"),
        ("ip daddr . tcp dport { 192.0.2.10 . 80, 192.0.2.10 . 443 }", "tcp 192.0.2.10 80,443"),
        ("tcp dport != 80", "tcp any 0-79,81-65535"),
        ("tcp dport >= 8000 tcp dport <= 8010", "tcp any 8000-8010"),
        ("tcp dport > 1023", "tcp any 1024-65535"),
        ("ip6 daddr 2001:db8::/64 udp dport 53", "udp 2001:db8::/64 53"),
        ("meta nfproto ipv4", "any 0.0.0.0/0"),
        ('iifname "eth0" meta l4proto 47', "ip47 any in eth0"),
        ("ip daddr 192.0.2.10 jump web", "tcp 192.0.2.10 80"),
        ("ip daddr 192.0.2.10 tcp dport vmap { 80 : jump both, 443 : jump both }", "tcp 192.0.2.10 80,443"),
        ("jump web", "tcp any 80"),
        ("", "any"),
        ("ip saddr 10.0.0.1", None),
        ("ct state new", None),
        ('iifname "eth*"', None),
        ("ip daddr @seen", None),
        ("ip daddr 192.0.2.10 ip daddr 192.0.2.11", None),
        ("ip daddr 192.0.2.10 limit rate 1/second", None),
        ("meta l4proto { tcp, udp } th dport 53", None),
    ],
)
@alone
def test_a_selector_says_all_that_it_can(rule: str, text: str | None) -> None:
    mark = "" if "jump " in rule else "meta mark set 80"
    nft(f"""
table inet t {{
	set vips {{ type ipv4_addr; flags interval; elements = {{ 192.0.2.10, 192.0.2.64/27 }}; }}
	set ports {{ type inet_service; elements = {{ 80, 443 }}; }}
	set seen {{ type ipv4_addr; flags dynamic, timeout; timeout 1m; }}
	chain web {{ {"tcp dport 80 meta mark set 80" if "web" in rule else "accept"} }}
	chain both {{ {"meta mark set 80" if "both" in rule else "accept"} }}
	chain c {{ type filter hook prerouting priority 0; {rule} {mark} }}
}}""")
    with closing(PacketFilter(None)) as door:
        (found,) = door.read().rules
    assert found.selector == (selector(text) if text is not None else None)


@alone
def test_a_named_namespace_is_looked_into() -> None:
    name = f"lvstui-{os.getpid()}"
    output("ip", "netns", "add", name)
    try:
        with closing(PacketFilter(name)) as door:
            door.write(change_group(None, WEB))
            assert 'counter name "m80"' in output("ip", "netns", "exec", name, "nft", "list", "ruleset")
            assert output("nft", "list", "ruleset") == ""
            assert groups(door.read().rules) == {80: WEB}
    finally:
        output("ip", "netns", "delete", name)
    with closing(PacketFilter(name)) as door:
        assert f'no network namespace "{name}"' in door.read().trouble
        with pytest.raises(Refused, match="no network namespace"):
            door.write(change_group(None, WEB))


PROGRAM = """
from lvstui.core.change import change_group
from lvstui.core.model import MarkGroup
from lvstui.core.selectors import selector
from lvstui.kernel.nft.filter import Found, PacketFilter
door = PacketFilter(None)
try:
    door.write(change_group(None, MarkGroup(80, (selector("tcp 192.0.2.10 80,443"),))))
except Exception as problem:
    print(type(problem).__name__)
found = door.read()
print(len(found.rules), found.ours)
print(found.trouble)
print(found.missing)
"""


@alone
def test_without_the_right_it_says_so() -> None:
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    name, rules, trouble, missing = output(*nobody, sys.executable, "-c", PROGRAM).splitlines()
    assert (name, rules) == (NoRight.__name__, "0 False")
    assert "CAP_NET_ADMIN" in trouble
    assert "CAP_NET_ADMIN" in missing


@alone
def test_the_right_to_administrate_the_network_is_enough() -> None:
    only = ["--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin", "--bounding-set", "-all,+net_admin"]
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *only]
    rules, trouble, missing = output(*nobody, sys.executable, "-c", PROGRAM).split("\n")[:3]
    assert (rules, missing) == ("2 True", "")
    assert trouble == "" or "legacy iptables" in trouble


OWN = """
import ctypes, pathlib
assert ctypes.CDLL(None).unshare(0x10000000) == 0  # CLONE_NEWUSER
pathlib.Path("/proc/self/uid_map").write_text("0 65534 1")
assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET
"""


@needs("setpriv", "--reuid", "65534", "--clear-groups", "unshare", "-Urn", "true")
@alone
def test_in_a_namespace_of_ones_own_no_right_is_needed() -> None:
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    assert output(*nobody, sys.executable, "-c", OWN + PROGRAM).split("\n")[:3] == ["2 True", "", ""]


@alone
def test_a_group_of_many_addresses_fits_into_a_transaction() -> None:
    many = tuple(IPv4Network((0x0A000000 + 2 * n, 32)) for n in range(4000))
    ports = tuple(Ports(2 * n, 2 * n) for n in range(1, 3000))
    group = MarkGroup(80, (Selector(Protocol.TCP, many, ports), Selector(Protocol.UDP, many[:3000], ports)))
    with closing(PacketFilter(None)) as door:
        door.write(change_group(None, group))
        assert door.lookup(80) == group


@alone
def test_what_maps_ask_is_asked_of_what_follows_them() -> None:
    nft(
        "table inet t {\n"
        "counter web { }\nlimit lim { rate 5/second; }\n"
        "map ways { type inet_service : verdict; elements = { 80 : accept, 25 : drop, 21 : continue } }\n"
        "map ends { type inet_service : verdict; elements = { 80 : accept } }\n"
        'map counters { type inet_service : counter; elements = { 80 : "web" } }\n'
        'map limits { type inet_service : limit; elements = { 80 : "lim" } }\n'
        "chain c {\ntype filter hook prerouting priority 0\n"
        "tcp dport vmap @ways meta mark set 1\n"
        "tcp dport vmap @ends meta mark set 2\n"
        "counter name tcp dport map @counters meta mark set 3\n"
        "limit name tcp dport map @limits meta mark set 4\n"
        "ct mark set tcp dport map { 80 : 1, 443 : 2 } meta mark set 5\n"
        "}\n}"
    )
    with closing(PacketFilter(None)) as door:
        rules = [rule for rule in door.read().rules if rule.verb == "set"]
    assert all(rule.decoded for rule in rules)
    assert [rule.match for rule in rules] == [
        ("tcp dport 21",),
        ("meta l4proto tcp", "tcp dport vmap lets no packet go on"),
        ("tcp dport @counters",),
        ("tcp dport @limits", "limit name of @limits"),
        ("tcp dport 80, 443",),
    ]
    assert [rule.selector is not None for rule in rules] == [True, False, True, False, True]


@alone
def test_interfaces_by_number_are_not_all_that_joined_keys_ask() -> None:
    nft(
        "table inet t {\nchain c {\ntype filter hook prerouting priority 0\niif . oif { lo . lo } meta mark set 1\n}\n}"
    )
    with closing(PacketFilter(None)) as door:
        (rule,) = door.read().rules
    assert rule.match == ("iif . oif 1 . 1",)
