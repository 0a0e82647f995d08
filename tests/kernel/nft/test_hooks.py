"""The order in which packets come to base chains: from the kernel's own list of its hooks, where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

import pytest

from lvstui.core.packets.program import Chain, Program, Table
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.nfnetlink import Hooked, Netfilter
from lvstui.kernel.nft.reading.hooks import arrange
from tests.kernel.nft.alone import alone, needs, needs_nft, nft, output

IP, IP6, INET, NETDEV = 2, 10, 1, 5


def table(name: str, family: str, *chains: Chain, tool: str = "nft") -> Table:
    return Table(tool, family, name, {chain.name: chain for chain in chains})


def chain(priority: int, hook: str = "prerouting", kind: str = "filter", name: str = "c", device: str = "") -> Chain:
    return Chain(name, (), hook, priority, kind=kind, devices=(device,) if device else ())


def names(program: Program, hook: str = "prerouting") -> list[str]:
    return [stop.table.name for stop in program.hooks[hook]]


def listing(places: Mapping[tuple[int, int, str], Sequence[Hooked]]) -> Program:
    """Return the program of two tables of nf_tables and one of iptables, all at one priority."""
    tables = (
        table("old", "ip", chain(-150)),
        table("both", "inet", chain(-150)),
        table("six", "ip6", chain(-150)),
        table("mangle", "ip", chain(-150), tool="iptables-legacy"),
    )
    return arrange(tables, "little", lambda *place: places.get(place, ()))


def test_chains_come_by_priority() -> None:
    tables = (table("late", "ip", chain(0)), table("first", "inet", chain(-300)), table("mid", "ip6", chain(-150)))
    assert names(arrange(tables, "little", lambda *_: ())) == ["first", "mid", "late"]


def test_the_newer_comes_first_where_the_kernel_does_not_say_it() -> None:
    assert names(listing({})) == ["mangle", "six", "both", "old"]


def test_the_kernels_list_decides_among_those_of_the_same_priority() -> None:
    four = [
        Hooked(IP, -150, "nft_do_chain_inet", INET, "both", "c"),
        Hooked(IP, -150, "iptable_mangle_hook"),
        Hooked(IP, -150, "nft_do_chain_ipv4", IP, "old", "c"),
    ]
    six = [
        Hooked(IP6, -150, "nft_do_chain_ipv6", IP6, "six", "c"),
        Hooked(IP6, -150, "nft_do_chain_inet", INET, "both", "c"),
    ]
    assert names(listing({(IP, 0, ""): four, (IP6, 0, ""): six})) == ["six", "both", "mangle", "old"]


def test_nobody_asks_for_the_list_where_priorities_differ() -> None:
    def ask(*_: object) -> Sequence[Hooked]:
        raise AssertionError

    tables = (table("a", "ip", chain(0)), table("b", "ip6", chain(0)), table("c", "inet", chain(1)))
    assert names(arrange(tables, "little", ask)) == ["b", "a", "c"]


def test_chains_of_nat_run_where_the_kernels_nat_does() -> None:
    tables = (
        table("nat", "ip", chain(-199, kind="nat")),
        table("marks", "ip", chain(-120)),
        table("nat2", "ip", chain(-190, kind="nat")),
    )
    program = arrange(tables, "little", lambda *_: ())
    assert names(program) == ["marks", "nat", "nat2"]
    assert [stop.chain.priority for stop in program.hooks["prerouting"]] == [-120, -100, -100]


@pytest.mark.parametrize(
    ("hook", "number", "priority", "function"),
    [
        ("prerouting", 0, -200, "ipv4_conntrack_in"),
        ("input", 1, 99, "ip_vs_in_hook"),
        ("output", 3, -98, "ip_vs_in_hook"),
    ],
)
def test_a_chain_knows_whether_it_comes_before_what_the_kernel_does_there(
    hook: str, number: int, priority: int, function: str
) -> None:
    entries = [
        Hooked(IP, priority, "nft_do_chain_ipv4", IP, "before", "c"),
        Hooked(IP, priority, function),
        Hooked(IP, priority, "nft_do_chain_ipv4", IP, "after", "c"),
    ]
    tables = [table(name, "ip", chain(priority, hook)) for name in ("before", "after")]
    program = arrange(tables, "little", lambda *place: entries if place == (IP, number, "") else ())
    assert {stop.table.name: stop.early for stop in program.hooks[hook]} == {"before": True, "after": False}


def test_what_is_not_listed_is_not_known_to_be_early() -> None:
    (stop,) = arrange([table("t", "ip", chain(99, "input"))], "little", lambda *_: ()).hooks["input"]
    assert stop.early is None


def test_chains_at_ingress_are_listed_by_device() -> None:
    tables = (
        table("a", "netdev", chain(0, "ingress", device="eth0")),
        table("b", "inet", chain(0, "ingress", device="eth0")),
    )
    entries = [Hooked(NETDEV, 0, "f", NETDEV, "a", "c"), Hooked(NETDEV, 0, "f", INET, "b", "c")]
    program = arrange(tables, "little", lambda *place: entries if place == (NETDEV, 0, "eth0") else ())
    assert names(program, "ingress") == ["a", "b"]


def listed(family: int, hook: int, device: str = "") -> list[str]:
    """Return the tables of the chains that the kernel lists; skip where it lists none."""
    with closing(Netfilter(None)) as netfilter:
        try:
            return [entry.table for entry in netfilter.hooks(family, hook, device) if entry.table]
        except OSError as problem:
            pytest.skip(f"this kernel does not list its hooks: {problem}")


@needs_nft
@alone
def test_the_order_is_that_of_the_kernel() -> None:
    def make(name: str, family: str, chain_name: str = "c") -> None:
        head = "type filter hook prerouting priority -150"
        nft(f"table {family} {name} {{\nchain {chain_name} {{\n{head}\nmeta mark set 1\n}}\n}}")

    make("a", "ip")
    make("b", "inet")
    make("c", "ip")
    make("a", "ip", "later")
    with closing(PacketFilter(None)) as door:
        found = door.program().hooks["prerouting"]
    assert [stop.table.name for stop in found] == listed(IP, 0) == ["a", "c", "b", "a"]
    assert [stop.chain.name for stop in found] == ["later", "c", "c", "c"]


@needs_nft
@alone
def test_the_order_at_ingress_is_that_of_the_kernel() -> None:
    output("ip", "link", "set", "lo", "up")
    for family in ("netdev", "inet"):
        head = 'type filter hook ingress device "lo" priority 0'
        nft(f"table {family} of_{family} {{\nchain c {{\n{head}\nmeta mark set 1\n}}\n}}")
    with closing(PacketFilter(None)) as door:
        assert names(door.program(), "ingress") == listed(NETDEV, 0, "lo") == ["of_inet", "of_netdev"]


@needs_nft
@needs("iptables-legacy", "-t", "mangle", "-S")
@alone
def test_tables_of_legacy_iptables_stand_where_the_kernel_has_them() -> None:
    head = "type filter hook prerouting priority -150"
    nft(f"table ip older {{\nchain c {{\n{head}\nmeta mark set 1\n}}\n}}")
    output("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "2")
    nft(f"table ip newer {{\nchain c {{\n{head}\nmeta mark set 3\n}}\n}}")
    assert listed(IP, 0) == ["newer", "older"]
    with closing(PacketFilter(None)) as door:
        assert names(door.program()) == ["newer", "mangle", "older"]


@needs_nft
@alone
def test_a_chain_at_the_priority_of_connection_tracking_knows_its_place() -> None:
    head = "type filter hook prerouting priority -200"
    nft(f"table ip before {{\nchain c {{\n{head}\nmeta mark set 1\n}}\n}}")
    nft("table ip asks {\nchain c {\ntype filter hook prerouting priority 0\nct state new meta mark set 1\n}\n}")
    nft(f"table ip after {{\nchain c {{\n{head}\nmeta mark set 1\n}}\n}}")
    assert set(listed(IP, 0)) == {"before", "asks", "after"}
    with closing(PacketFilter(None)) as door:
        found = {stop.table.name: stop.early for stop in door.program().hooks["prerouting"]}
    assert found == {"after": True, "before": False, "asks": None}
