"""Rulesets that the kernel holds, read as a program and walked through: the marks that packets have for IPVS."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from ipaddress import ip_address

import pytest

from lvstui.core.model import Protocol
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Check, Instruction, Outcome, Program, Unread
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import Way, walk
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.nfnetlink import Netfilter
from lvstui.kernel.nft.reading import hooks, tables
from lvstui.kernel.nft.reading.instructions import Instructions
from lvstui.kernel.nft.reading.program import Programmer
from tests.kernel.nft.alone import alone, needs, needs_nft, nft, output
from tests.kernel.nft.idioms import IPTABLES, IPV4, IPV6, RULES, SCRIPTS
from tests.kernel.nft.test_iptables import append
from tests.kernel.nft.turned import Turned

pytestmark = needs_nft

AROUND = Surroundings(lambda address: "local" if address == ip_address("192.0.2.10") else "unicast")
ADDRESSES = {4: ("198.51.100.7", "192.0.2.10"), 6: ("2001:db8:f::7", "2001:db8::10")}


def packet(words: str) -> Packet:
    """Return the packet of words such as `tcp 80`, `udp 192.0.2.20 53 established`, `tcp 2001:db8::10 80 mark 5`."""
    protocol, *rest = words.split()
    target = rest.pop(0) if rest[0][-1].isdigit() and ("." in rest[0] or ":" in rest[0]) else "192.0.2.10"
    address = ip_address(target)
    return Packet(
        Protocol({"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1}[protocol]),
        ip_address(ADDRESSES[address.version][0]),
        address,
        int(rest[0]),
        1024,
        "eth0",
        established="established" in rest,
        connection_mark=int(rest[rest.index("mark") + 1], 0) if "mark" in rest else None,
    )


def marks(way: Way) -> set[int | str]:
    """Return what IPVS may get: marks (`any` with bits that are not known), and how packets end that it never gets."""
    found: set[int | str] = set()
    for fate in way.fates:
        found.add(fate.outcome.value if fate.outcome is not Outcome.ACCEPT else "any" if fate.unknown else fate.mark)
    return found


def read() -> Program:
    with closing(PacketFilter(None)) as door:
        program = door.read().program
    assert not program.trouble
    return program


def base(rules: str, more: str = "", kind: str = "filter hook prerouting priority -150", family: str = "inet") -> str:
    """Return a table with one base chain."""
    return f"table {family} t {{\n{more}\nchain pre {{\ntype {kind};\n{rules}\n}}\n}}"


STYLES: dict[str, tuple[str, dict[str, set[int | str]]]] = {
    "the first match ends the way": (
        base(
            """ip daddr 192.0.2.10 tcp dport { 80, 443 } meta mark set 80 accept
            ip daddr 192.0.2.10 udp dport 53 meta mark set 53 return
            ip daddr { 192.0.2.10, 192.0.2.20 } meta mark set 99""",
            family="ip",
        ),
        {"tcp 80": {80}, "tcp 443": {80}, "udp 53": {53}, "tcp 8080": {99}, "tcp 192.0.2.20 80": {99}},
    ),
    "a mark that is shifted out of the connection's": (
        base("meta mark set ct mark >> 8"),
        {"tcp 80 mark 0x5000": {0x50}, "tcp 80 mark 0xff": {0}},
    ),
    "a mark that is shifted into its upper bits": (base("meta mark set ct mark << 8"), {"tcp 80 mark 0x50": {0x5000}}),
    "what is random or never the same": (
        base("meta random > 1000000000 meta mark set 12\nct id 12345 meta mark set 16"),
        {"tcp 80": {0, 12, 16}},
    ),
    "bits of the connection's mark": (
        base("ct mark set ct mark & 0xffff00ff | 0x1200\nmeta mark set ct mark & 0xff00"),
        {"tcp 80 mark 0x3456": {0x1200}},
    ),
    "rules after a jump": (
        base(
            "tcp dport 80 jump web\nmeta mark 1 accept\nmeta mark set 9",
            "chain web { ip saddr 198.51.100.0/24 meta mark set 1 return\nmeta mark set 7\n}",
        ),
        {"tcp 80": {1}, "tcp 81": {9}},
    ),
    "rules after a goto": (
        base("tcp dport 80 goto web\nmeta mark set 9", "chain web { meta mark set 1\n}"),
        {"tcp 80": {1}, "tcp 81": {9}},
    ),
    "a map of verdicts": (
        base(
            "tcp dport vmap { 80 : jump web, 21-22 : drop, 443 : accept, 8080 : goto web }\nmeta mark set 9",
            "chain web { meta mark set meta mark | 1\n}",
        ),
        {"tcp 80": {9}, "tcp 22": {"drop"}, "tcp 443": {0}, "tcp 8080": {1}, "tcp 25": {9}},
    ),
    "a map of verdicts after which a rule goes on": (
        base("tcp dport vmap { 80 : continue, 81 : accept } meta mark set 5\nmeta mark set meta mark | 16"),
        {"tcp 80": {21}, "tcp 81": {0}, "tcp 82": {16}},
    ),
    "a map of marks, with a default": (
        base("meta mark set tcp dport map { 80 : 8, 1000-2000 : 9, * : 7 }"),
        {"tcp 80": {8}, "tcp 1500": {9}, "tcp 81": {7}, "icmp 0": {0}},
    ),
    "a map over several fields": (
        base(
            "meta mark set ip daddr . meta l4proto . th dport map @m",
            "map m { type ipv4_addr . inet_proto . inet_service : mark\nflags interval\n"
            "elements = { 192.0.2.0/28 . tcp . 80-90 : 5, 192.0.2.10 . udp . 53 : 6 }\n}",
        ),
        {"tcp 85": {5}, "udp 53": {6}, "udp 54": {0}, "tcp 192.0.2.200 80": {0}},
    ),
    "a set that packets fill": (
        base("ip saddr @seen meta mark set 5", "set seen { type ipv4_addr\nflags dynamic,timeout\ntimeout 1m\n}"),
        {"tcp 80": {0, 5}},
    ),
    "a set to which something is added": (
        base(
            "add @seen { ip saddr } meta mark set 5", "set seen { type ipv4_addr\nflags dynamic,timeout\ntimeout 1m\n}"
        ),
        {"tcp 80": {5}},
    ),
    "a set with a limit for each element": (
        base(
            "add @seen { ip saddr limit rate 1/minute } meta mark set 5",
            "set seen { type ipv4_addr\nflags dynamic\n}",
        ),
        {"tcp 80": {0, 5}},
    ),
    "limits": (
        base("limit rate 3/minute meta mark set 5\nquota 5 mbytes accept\nmeta mark set meta mark | 16"),
        {"tcp 80": {0, 5, 16, 21}},
    ),
    "turns": (base("meta mark set numgen inc mod 3 offset 10"), {"tcp 80": {10, 11, 12}}),
    "not in a set": (base("tcp dport != { 80, 443 } meta mark set 5"), {"tcp 80": {0}, "tcp 81": {5}, "icmp 0": {0}}),
    "less and more": (
        base("tcp dport < 80 meta mark set 1\ntcp dport >= 1024 meta mark set 2\nudp dport != 50-60 meta mark set 3"),
        {"tcp 79": {1}, "tcp 80": {0}, "tcp 1024": {2}, "udp 55": {0}, "udp 61": {3}},
    ),
    "interfaces": (
        base('iifname "eth*" meta mark set 1\niifname "eth1" meta mark set 2\niifname { "eth0", "lo" } ct mark set 4'),
        {"tcp 80": {1}},
    ),
    "states": (
        base("ct state established,related meta mark set 1 accept\nct state new meta mark set 2"),
        {"tcp 80": {2}, "tcp 80 established": {1}},
    ),
    "the state before it is known": (
        base("ct state new meta mark set 2", kind="filter hook prerouting priority -300"),
        {"tcp 80": {0}},
    ),
    "untracked": (base("notrack\nmeta mark set 3", kind="filter hook prerouting priority -300"), {"tcp 80": {3}}),
    "a kind of address": (base("fib daddr type local meta mark set 1"), {"tcp 80": {1}, "tcp 192.0.2.9 80": {0}}),
    "another destination": (
        base("tcp dport 80 dnat ip to 192.0.2.99:8080", kind="nat hook prerouting priority -150")
        + "\ntable inet u {\nchain in {\ntype filter hook input priority 0;\n"
        "ip daddr 192.0.2.99 tcp dport 8080 meta mark set 5\n}\nchain pre {\n"
        "type filter hook prerouting priority -140;\ntcp dport 8080 meta mark set 6\n}\n}",
        {"tcp 80": {5}, "tcp 8080": {6}},
    ),
    "a policy": (
        base("tcp dport 80 meta mark set 1 accept", kind="filter hook prerouting priority 0; policy drop"),
        {"tcp 80": {1}, "tcp 81": {"drop"}},
    ),
    "rejected": (
        base(
            "tcp dport 80 meta mark set 1 reject\nmeta mark set 4",
            kind="filter hook input priority 0",
        ),
        {"tcp 80": {"reject"}, "tcp 82": {4}},
    ),
    "too late": (base("meta mark set 5", kind="filter hook input priority 100"), {"tcp 80": {0}}),
    "just in time": (base("meta mark set 5", kind="filter hook input priority 98"), {"tcp 80": {5}}),
    "in the order of priorities": (
        base("meta mark 2 meta mark set 3", kind="filter hook prerouting priority -10")
        + "\n"
        + base("meta mark set 2", kind="filter hook prerouting priority -20", family="ip"),
        {"tcp 80": {3}, "tcp 2001:db8::10 80": {0}},
    ),
    "a header that is written": (
        base("tcp dport 80 tcp dport set 8080\ntcp dport 8080 meta mark set 5"),
        {"tcp 80": {5}, "tcp 81": {0}},
    ),
    "a mark that is masked before it is looked up": (
        base("meta mark set 0x123\nmeta mark & 0xff vmap { 0x23 : jump hit }", "chain hit { meta mark set 1\n}"),
        {"tcp 80": {1}},
    ),
    "a dormant table": (base("meta mark set 5", "flags dormant;"), {"tcp 80": {0}}),
    "a hash": (base("meta mark set jhash ip saddr mod 2 offset 4"), {"tcp 80": {4, 5}}),
    "a named limit": (base('limit name "l" meta mark set 5', "limit l { rate 1/minute\n}"), {"tcp 80": {0, 5}}),
    "a map to limits": (
        base('limit name tcp dport map { 80 : "l" } meta mark set 5', "limit l { rate 1/minute\n}"),
        {"tcp 80": {0, 5}, "tcp 81": {0}},
    ),
    "a map to counters": (
        base('counter name tcp dport map { 80 : "c" } meta mark set 5', "counter c {\n}"),
        {"tcp 80": {5}, "tcp 81": {0}},
    ),
}


@pytest.mark.parametrize("style", STYLES)
@alone
def test_packets_have_the_marks_that_the_kernel_gives_them(style: str) -> None:
    script, expected = STYLES[style]
    nft(script)
    program = read()
    assert {words: marks(walk(program, packet(words), AROUND)) for words in expected} == expected


IPTABLES_STYLES: dict[str, tuple[Sequence[str], dict[str, set[int | str]]]] = {
    "the connection's mark, set and restored": (
        (
            "-A PREROUTING -d 192.0.2.10 -p tcp --dport 80 -m conntrack --ctstate NEW -j CONNMARK --set-mark 80",
            "-A PREROUTING -j CONNMARK --restore-mark",
        ),
        {"tcp 80": {80}, "tcp 81": {0}, "tcp 80 established": {80}},
    ),
    "the ports of sctp": (
        ("-A PREROUTING -d 192.0.2.10/32 -p sctp -m sctp --dport 36412 -j MARK --set-mark 0x50",),
        {"sctp 36412": {0x50}, "sctp 36413": {0}},
    ),
    "parts of the connection's mark": (
        ("-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff00",),
        {"tcp 80 mark 0x1234": {0x1200}},
    ),
    "a shifted mark of the connection": (
        ("-A PREROUTING -j CONNMARK --restore-mark --right-shift-mark 8",),
        {"tcp 80 mark 0x1234": {0x12}},
    ),
    "a bit that is turned": (
        (
            ":MASQ - [0:0]",
            "-A MASQ -j MARK --set-xmark 0x4000/0x4000",
            "-A PREROUTING -p tcp --dport 80 -j MASQ",
            "-A PREROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
            "-A PREROUTING -j MARK --set-xmark 0x4001/0x0",
        ),
        {"tcp 80": {1}, "tcp 81": {0}},
    ),
    "several ports, and neither of two": (
        (
            "-A PREROUTING -p tcp -m multiport --dports 80,443,1000:2000 -j MARK --set-mark 1",
            "-A PREROUTING -p tcp -m multiport ! --ports 80,443 -j MARK --set-mark 2",
        ),
        {"tcp 80": {1}, "tcp 1500": {2}, "tcp 5": {2}, "udp 80": {0}},
    ),
    "what cannot be known": (
        ("-A PREROUTING -m statistic --mode nth --every 2 --packet 0 -j MARK --set-mark 8",),
        {"tcp 80": {0, 8}},
    ),
    "TPROXY": (
        ("-A PREROUTING -p tcp --dport 80 -j TPROXY --on-port 3128 --tproxy-mark 1/1",),
        {"tcp 80": {1, "drop"}, "tcp 81": {0}},
    ),
    "HMARK": (
        ("-A PREROUTING -p tcp -j HMARK --hmark-tuple src --hmark-mod 2 --hmark-offset 6 --hmark-rnd 1",),
        {"tcp 80": {6, 7}},
    ),
    "targets that go on": (
        ("-A PREROUTING -j LOG", "-A PREROUTING -j TOS --set-tos 4", "-A PREROUTING -j MARK --set-mark 3"),
        {"tcp 80": {3}},
    ),
}


@needs("iptables-nft", "-t", "mangle", "-S")
@pytest.mark.parametrize("style", IPTABLES_STYLES)
@alone
def test_packets_have_the_marks_that_iptables_gives_them(style: str) -> None:
    rules, expected = IPTABLES_STYLES[style]
    append("iptables-nft", *rules)
    program = read()
    assert {words: marks(walk(program, packet(words), AROUND)) for words in expected} == expected


def turned() -> Program:
    """Return the ruleset as a machine of the other byte order has it."""
    with closing(Netfilter(None)) as netfilter:
        other = Turned(netfilter)
        found = Programmer(Instructions(other.codec), dict, str).tables(tables.read(other))
        return hooks.arrange(found, other.codec.order, lambda *_: ())


@pytest.mark.parametrize("style", [name for name in STYLES if "sets" not in name])
@alone
def test_the_marks_are_the_same_on_a_machine_of_the_other_byte_order(style: str) -> None:
    script, expected = STYLES[style]
    nft(script)
    program = turned()
    assert program.order != sys.byteorder
    assert {words: marks(walk(program, packet(words), AROUND)) for words in expected} == expected


@needs("iptables-nft", "-t", "mangle", "-S")
@pytest.mark.parametrize("style", [style for style in IPTABLES_STYLES if style != "HMARK"])
@alone
def test_the_marks_of_iptables_are_the_same_in_the_other_byte_order(style: str) -> None:
    rules, expected = IPTABLES_STYLES[style]
    append("iptables-nft", *rules)
    program = turned()
    assert {words: marks(walk(program, packet(words), AROUND)) for words in expected} == expected


def lines(program: Program) -> dict[str, tuple[Instruction, ...]]:
    """Return the code of all rules, by their text."""
    found: dict[str, tuple[Instruction, ...]] = {}
    for stop in (stop for stops in program.hooks.values() for stop in stops):
        for chain in stop.table.chains.values():
            found |= {f"{line.text} [{chain.name} {line.handle}]": line.code for line in chain.lines}
    return found


@alone
def test_every_rule_of_nft_is_understood() -> None:
    rules = "\n".join(RULES.values())
    nft(base(rules))
    for script in SCRIPTS.values():
        nft(script)
    found = lines(read())
    assert len(found) > len(RULES)
    assert [text for text, code in found.items() if any(isinstance(each, Unread) for each in code)] == []


@needs("iptables-nft", "-t", "mangle", "-S")
@pytest.mark.parametrize("program", ["iptables-nft", "ip6tables-nft"])
@alone
def test_every_rule_of_iptables_is_understood(program: str) -> None:
    idioms = IPTABLES | (IPV6 if program.startswith("ip6") else IPV4)
    append(program, *(rule for rule in idioms.values() if "--match-set" not in rule))
    found = lines(read())
    unread = {text for text, code in found.items() if any(isinstance(each, Unread) for each in code)}
    assert {text for text in unread if "by ipset" not in text} == set()


@alone
def test_the_program_is_the_same_object_until_rules_change() -> None:
    nft(base("counter meta mark set 5"))
    with closing(PacketFilter(None)) as door:
        first = door.read().program
        assert door.read().program is first
        nft("add rule inet t pre meta mark set 6")
        assert door.read().program is not first


@alone
def test_tables_without_marks_are_read_for_a_trace_only() -> None:
    nft(
        base("tcp dport 80 meta mark set 5")
        + "\ntable ip f {\nset bad { type ipv4_addr\nelements = { 198.51.100.7 }\n}\n"
        "chain in {\ntype filter hook input priority 0\nip saddr @bad drop\n}\n}"
    )
    with closing(PacketFilter(None)) as door:
        assert marks(walk(door.read().program, packet("tcp 80"))) == {5}
        assert marks(walk(door.program(), packet("tcp 80"))) == {"drop"}


@alone
def test_a_map_of_verdicts_is_written_with_its_keys() -> None:
    nft(base("meta mark set 1\ntcp dport vmap { 80 : jump web, 443-445 : drop }", "chain web {\n}"))
    assert [text for text in lines(read()) if "vmap" in text] == [
        "tcp dport vmap { 80 : jump web, 443-445 : drop } [pre 5]"
    ]


@alone
def test_a_rule_is_written_in_words() -> None:
    nft(base('ip daddr 192.0.2.10 tcp dport { 80, 443 } counter meta mark set 80 accept comment "web"'))
    (text,) = lines(read())
    assert text.startswith('ip daddr 192.0.2.10 tcp dport 80, 443 meta mark set 0x50 accept comment "web"')


@needs("iptables-nft", "-t", "mangle", "-S")
@alone
def test_a_match_knows_the_protocol_that_the_rule_asks_for() -> None:
    append("iptables-nft", "-p udp -m multiport --dports 53 -j MARK --set-mark 1")
    (code,) = lines(read()).values()
    assert Check(("udp dport",), ((53, 53),)) in code


@alone
def test_of_two_chains_of_the_same_priority_the_newer_comes_first() -> None:
    nft(base("meta mark set 1"))
    nft("table ip u {\nchain pre {\ntype filter hook prerouting priority -150\nmeta mark set 2\n}\n}")
    assert [stop.table.name for stop in read().hooks["prerouting"]] == ["u", "t"]


@alone
def test_interfaces_are_known_by_their_numbers() -> None:
    output("ip", "link", "set", "lo", "up")
    nft(base("iif lo meta mark set 1"))
    assert marks(walk(read(), packet("tcp 80"), Surroundings(interface_index=lambda _: 7))) == {0}
    assert marks(walk(read(), packet("tcp 80"), Surroundings(interface_index=lambda _: 1))) == {1}
