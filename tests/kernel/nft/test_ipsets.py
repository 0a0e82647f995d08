"""Sets of ipset: what they hold is read over netlink, and a packet walked past a rule that asks about one."""

from __future__ import annotations

import subprocess
from contextlib import closing
from ipaddress import ip_address

import pytest

from lvstui.core.model import Protocol
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.walk import walk
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.ipsets.membership import _resolved
from lvstui.kernel.nft.ipsets.reading import IpSet, read
from lvstui.kernel.nft.nfnetlink import Netfilter
from lvstui.kernel.nft.xtables.iptables_save import Saved
from tests.kernel.nft.alone import Clock, alone, needs, output
from tests.kernel.nft.ipset_cases import CASES, CLIENT, SERVICE


def packet(text: str) -> Packet:
    """Return a packet of `198.51.100.7 tcp 192.0.2.10 80`, which comes in by eth0."""
    client, protocol, service, port = text.split()
    number = Protocol[protocol.upper()]
    return Packet(number, ip_address(client), ip_address(service), int(port), 40000, "eth0")


LEGACY = needs("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "1")
NFT = needs("iptables-nft", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "1")
SETS = needs("ipset", "create", "x", "hash:ip")


def restore(*lines: str) -> None:
    """Make sets; a kernel that lacks a type lets the test be skipped."""
    done = subprocess.run(
        ["ipset", "restore"], input="\n".join((*lines, "")), capture_output=True, text=True, check=False
    )
    if "set type not supported" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr


@SETS
@LEGACY
@NFT
@pytest.mark.parametrize("name", CASES)
@alone
def test_a_packet_is_in_a_set_or_not(name: str) -> None:
    create, elements, ways, wanted = CASES[name]
    restore(f"create x {create}", *(f"add x {element}" for element in elements))
    for tool, inside, outside in (("legacy", 1, 2), ("nft", 4, 8)):
        rule = f"-A PREROUTING -m set --match-set x {ways} -j MARK --or-mark {inside}\n"
        negated = f"-A PREROUTING -m set ! --match-set x {ways} -j MARK --or-mark {outside}\n"
        output(f"iptables-{tool}-restore", text=f"*mangle\n{rule}{negated}COMMIT\n")
    with closing(PacketFilter(None)) as door:
        program = door.program()
    assert program.trouble == ""
    for text, held in wanted.items():
        way = walk(program, packet(text))
        assert way.certain, text
        assert way.fates[0].mark == (5 if held else 10), text


@SETS
@LEGACY
@alone
def test_a_set_of_sets_holds_what_one_of_them_holds() -> None:
    lines = (
        *("create a hash:ip", "create b hash:ip,port", "create all list:set", "create many list:set"),
        *(f"add a {CLIENT}", "add a 198.51.100.9", f"add b {CLIENT},tcp:40000"),
        *("add b 198.51.100.8,tcp:40000", "add all a", "add many a", "add many b"),
    )
    restore(*lines)
    rules = (
        "-A PREROUTING -m set --match-set all src -j MARK --or-mark 1",
        "-A PREROUTING -m set --match-set many src,src -j MARK --or-mark 2",
    )
    output("iptables-legacy-restore", text="\n".join(("*mangle", *rules, "COMMIT\n")))
    with closing(PacketFilter(None)) as door:
        program = door.program()
    for client, mark in ((CLIENT, 3), ("198.51.100.8", 2), ("198.51.100.9", 3), ("198.51.100.10", 0)):
        way = walk(program, packet(f"{client} tcp {SERVICE} 80"))
        assert (way.certain, way.fates[0].mark) == (True, mark)


@SETS
@needs("ip6tables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "1")
@alone
def test_a_set_of_ipv6_is_read() -> None:
    output(
        "ipset", "restore", text="create x hash:net family inet6\nadd x 2001:db8::/64\nadd x 2001:db8::8/125 nomatch\n"
    )
    rule = "-A PREROUTING -m set --match-set x src -j MARK --set-mark 5"
    output("ip6tables-legacy-restore", text=f"*mangle\n{rule}\nCOMMIT\n")
    with closing(PacketFilter(None)) as door:
        program = door.program()
    for client, mark in (("2001:db8::1", 5), ("2001:db8::9", 0), ("2001:db8::10", 5), ("2001:db8:1::1", 0)):
        way = walk(program, packet(f"{client} tcp 2001:db8:9::9 80"))
        assert (way.certain, way.fates[0].mark) == (True, mark)


@SETS
@LEGACY
@alone
def test_the_program_follows_the_sets_when_they_are_read_again() -> None:
    output("ipset", "create", "x", "hash:ip")
    rule = "-A PREROUTING -m set --match-set x src -j MARK --set-mark 5"
    output("iptables-legacy-restore", text=f"*mangle\n{rule}\nCOMMIT\n")
    clock = Clock()
    with closing(PacketFilter(None, clock)) as door:
        asked = packet(f"{CLIENT} tcp {SERVICE} 80")
        assert walk(door.read().program, asked).fates[0].mark == 0
        before = door.read().program
        clock.now += 100
        assert door.read().program is before
        output("ipset", "add", "x", CLIENT)
        clock.now += 100
        assert walk(door.read().program, asked).fates[0].mark == 5


@SETS
@alone
def test_of_a_set_that_is_not_there_nothing_is_known() -> None:
    with closing(Netfilter(None)) as netfilter:
        assert read(netfilter, "none") == IpSet("none")
        assert read(netfilter, "a" * 99) == IpSet("a" * 99)


def test_a_rule_about_a_set_that_is_not_known_may_match() -> None:
    rule = "-A PREROUTING -m set ! --match-set x src -j MARK --set-xmark 0x5/0xffffffff"
    saved = Saved(f"*mangle\n:PREROUTING ACCEPT [0:0]\n{rule}\nCOMMIT\n", 4)
    (line,) = saved.tables[0].chains["PREROUTING"].lines
    assert [str(each) for each in line.code[:1]] == ["Ask(text='ipset != x src')"]


def test_the_smallest_network_decides() -> None:
    networks = [((0, 99), False), ((10, 29), True), ((20, 23), False), ((21, 21), True), ((200, 210), False)]
    covered = {n for (first, last), excepts in _resolved(networks) if not excepts for n in range(first, last + 1)}
    expected = {*range(10), 20, 22, 23, *range(30, 100), *range(200, 211)}
    assert covered == expected
