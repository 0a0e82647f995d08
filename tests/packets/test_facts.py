"""What the kernel does with packets that is easily believed to be otherwise; the walk says the same."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import pytest

from lvstui.core.model import Protocol
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.nfnetlink import NUMBERS, Netfilter
from tests.kernel.nft.alone import needs, needs_nft
from tests.packets.frames import Flow, address
from tests.packets.network import alone, network, run
from tests.packets.referee import Tally, compare
from tests.packets.traffic import Shot

pytestmark = needs_nft  # on this machine alone: an emulated one, which takes minutes, gets random rules

GONE = None


class Case(NamedTuple):
    """Rules, and the marks of a connection's first and next packet where IPVS takes them; `GONE` if they are not."""

    rules: str
    first: int | None
    next: int | None


def chain(name: str, hook: str, priority: int, *rules: str, kind: str = "filter", policy: str = "accept") -> str:
    """Write a base chain."""
    lines = "\n".join(rules)
    return f"chain {name} {{\ntype {kind} hook {hook} priority {priority}; policy {policy};\n{lines}\n}}\n"


def table(*chains: str, family: str = "inet", name: str = "t") -> str:
    """Write a table."""
    return f"table {family} {name} {{\n{''.join(chains)}}}\n"


def sub(name: str, *rules: str) -> str:
    """Write a chain without a hook."""
    lines = "\n".join(rules)
    return f"chain {name} {{\n{lines}\n}}\n"


def pre(*rules: str, priority: int = -150, policy: str = "accept", name: str = "p") -> str:
    """Write a base chain at prerouting."""
    return chain(name, "prerouting", priority, *rules, policy=policy)


CASES = {
    "of two chains of a table at one priority the second comes first": Case(
        table(pre("meta mark set 1", name="a"), pre("meta mark set 2", name="b")), 1, 1
    ),
    "before connection tracking there is no connection to match its mark": Case(
        table(pre("ct mark 0 meta mark set 1", "ct state new meta mark set 2", priority=-300)), 0, 0
    ),
    "before connection tracking every packet is invalid": Case(
        table(pre("ct state invalid meta mark set 1", priority=-300)), 1, 1
    ),
    "before connection tracking a connection gets no mark": Case(
        table(pre("ct mark set 7", priority=-300), pre("meta mark set ct mark", name="q")), 0, 0
    ),
    "chains of nat see the first packet alone": Case(
        table(chain("n", "prerouting", -100, "meta mark set 1", kind="nat")), 1, 0
    ),
    "chains of nat run at nat's own priority, whatever theirs says": Case(
        table(
            chain("n", "prerouting", -150, "meta mark set 1", kind="nat"),
            pre("meta mark 0 meta mark set 2", priority=-140),
        ),
        1,
        2,
    ),
    "of two chains of nat the lower priority comes first": Case(
        table(
            chain("m", "prerouting", -90, "meta mark 0 meta mark set 1", kind="nat"),
            chain("n", "prerouting", -101, "meta mark 0 meta mark set 2", kind="nat"),
        ),
        2,
        0,
    ),
    "accept in a chain of nat leads to the next one": Case(
        table(
            chain("m", "prerouting", -101, "meta mark set 1 accept", kind="nat"),
            chain("n", "prerouting", -99, "meta mark set 2", kind="nat"),
        ),
        2,
        0,
    ),
    "a translation is the end of all chains of nat": Case(
        table(
            chain("m", "prerouting", -101, "dnat ip to 192.0.2.2", kind="nat"),
            chain("n", "prerouting", -99, "meta mark set 2", kind="nat"),
        ),
        0,
        0,
    ),
    "nat at input comes after IPVS": Case(table(chain("n", "input", -150, "meta mark set 1", kind="nat")), 0, 0),
    "input sees the translated destination": Case(
        table(
            chain("n", "prerouting", -100, "tcp dport 80 dnat ip to 192.0.2.2:8080", kind="nat"),
            chain("i", "input", 0, "ip daddr 192.0.2.2 tcp dport 8080 meta mark set 3"),
        ),
        3,
        3,
    ),
    "mangle sees the destination as it was sent, also of a next packet": Case(
        table(
            chain("n", "prerouting", -100, "tcp dport 80 dnat ip to 192.0.2.2:8080", kind="nat"),
            pre("ip daddr 192.0.2.1 tcp dport 80 meta mark set 3"),
        ),
        3,
        3,
    ),
    "an accepting chain is not the end of the hook": Case(
        table(pre("meta mark set 1 accept"), pre("meta mark set 2", priority=-140, name="q")), 2, 2
    ),
    "a goto of a base chain ends with its policy": Case(
        table(sub("c", "meta mark set 1"), pre("goto c", "accept", policy="drop")), GONE, GONE
    ),
    "a goto of a chain returns behind the jump that led there": Case(
        table(
            sub("c", "meta mark set 1"),
            sub("b", "goto c", "meta mark set 2"),
            pre("jump b", "meta mark set meta mark | 0x10"),
        ),
        0x11,
        0x11,
    ),
    "a return of a chain that a goto led to goes there too": Case(
        table(
            sub("c", "return", "meta mark set 1"),
            sub("b", "goto c", "meta mark set 2"),
            pre("jump b", "meta mark set meta mark | 0x10"),
        ),
        0x10,
        0x10,
    ),
    "a return of a base chain is its policy": Case(
        table(pre("tcp dport 80 return", "accept", policy="drop")), GONE, GONE
    ),
    "accept in a chain ends the base chain": Case(
        table(sub("c", "meta mark set 1 accept"), pre("jump c", "meta mark set 2", policy="drop")), 1, 1
    ),
    "what a rule did stays where a later condition of it fails": Case(
        table(pre("meta mark set 1 tcp dport 81 meta mark set 2")), 1, 1
    ),
    "a map of verdicts without the key goes on": Case(
        table(pre("tcp dport vmap { 81 : drop, 82 : accept }", "meta mark set 1")), 1, 1
    ),
    "a map of marks without the key ends the rule": Case(
        table(pre("meta mark set 1", "meta mark set tcp dport map { 81 : 2 } drop")), 1, 1
    ),
    "untracked is no other state, and has no connection's mark": Case(
        table(
            pre("notrack", priority=-300),
            pre("ct state untracked meta mark set 1", "ct mark set 5", "ct mark 5 meta mark set 2", name="q"),
        ),
        1,
        1,
    ),
    "notrack after connection tracking does nothing": Case(
        table(pre("notrack", "ct state new meta mark set 1", "ct state established meta mark set 2")), 1, 2
    ),
    "what has a zone is not kept out of connection tracking any more": Case(
        table(
            pre("ct zone set 1", "ct state new meta mark set 1", "notrack", priority=-300),
            pre("ct state untracked meta mark set 2", "meta mark set meta mark | 0x10", name="q"),
            chain("o", "output", -300, "ct zone set 1"),
        ),
        0x11,
        0x11,
    ),
    "what is kept out of connection tracking comes back into it by a zone": Case(
        table(
            pre("notrack", "ct zone set 1", priority=-300),
            pre("ct state new meta mark set 1", "ct state established meta mark set 2", name="q"),
            chain("o", "output", -300, "ct zone set 1"),
        ),
        1,
        2,
    ),
    "a zone after connection tracking does nothing": Case(
        table(pre("ct zone set 1", "ct state new ct mark set 5", "meta mark set ct mark")), 5, 5
    ),
    "an answer may write the mark of its connection": Case(
        table(
            pre("meta mark set ct mark"),
            chain("o", "output", -150, "tcp sport 80 ip daddr 198.18.0.1 ct direction reply ct mark set 5"),
        ),
        0,
        5,
    ),
    "an answer of another kind does not": Case(
        table(
            pre("meta mark set ct mark"),
            chain("o", "output", -150, "ct state new ct mark set 5", "tcp sport 81 ct mark set 6"),
            chain(
                "q", "postrouting", 0, "ct direction original ct mark set 7", "oifname wan1 ct state new ct mark set 8"
            ),
        ),
        0,
        0,
    ),
    "an answer may write it behind the routes": Case(
        table(pre("meta mark set ct mark"), chain("q", "postrouting", 0, "ct mark set ct mark | 0x10")), 0, 0x10
    ),
    "the first packet may write it behind IPVS": Case(
        table(pre("meta mark set ct mark"), chain("i", "input", 150, "ct state new ct mark set 9")), 0, 9
    ),
    "what an answer restores and saves again is as it was": Case(
        table(
            sub(
                "h", "meta mark set ct mark & 0x3f00", "meta mark & 0x3f00 == 0 meta mark set 0x100", "ct mark set mark"
            ),
            pre("jump h"),
            chain("o", "output", -150, "jump h", kind="route"),
        ),
        0x100,
        0x100,
    ),
    "the way back of what comes from everywhere leads there again": Case(
        table(
            pre("fib saddr . iif oif front meta mark set 1", "fib saddr . iif oif 0 drop", priority=-300),
            pre("fib saddr . mark . iif oif missing drop", "fib saddr . iif oif exists meta mark set 3", name="q"),
        ),
        3,
        3,
    ),
    "the mark of a connection comes back": Case(
        table(pre("ct state new ct mark set 0x1200", "meta mark set (ct mark & 0xff00) >> 8")), 0x12, 0x12
    ),
    "a mark that is shifted out is gone": Case(
        table(pre("meta mark set 0x80000001", "meta mark set meta mark << 1")), 2, 2
    ),
    "a jump into a chain that only one table has": Case(
        table(sub("c", "meta mark set 1"), pre(), name="a")
        + table(sub("c", "meta mark set 2"), pre("jump c"), name="b"),
        2,
        2,
    ),
    "a chain of IPv6 does not see it": Case(table(pre("meta mark set 1"), family="ip6"), 0, 0),
    "at ingress a mark stays": Case(
        table(chain("i", 'ingress device "front"', 0, "meta mark set 9"), family="netdev"), 9, 9
    ),
    "at ingress of another interface it does not come by": Case(
        table(chain("i", 'ingress device "wan1"', 0, "meta mark set 9"), family="netdev"), 0, 0
    ),
    "what comes after IPVS is not seen": Case(table(chain("i", "input", 150, "meta mark set 9 drop")), 0, 0),
    "a dormant table is not seen": Case("table inet t {\nflags dormant\n" + pre("meta mark set 9 drop") + "}\n", 0, 0),
    "an established connection is no new one": Case(
        table(pre("ct state vmap { new : continue, established : accept }", "meta mark set 1")), 1, 0
    ),
    "a destination that a rule writes is seen by the next rule": Case(
        table(pre("tcp dport set 8080", "tcp dport 8080 meta mark set 1")), 1, 1
    ),
}


LOCAL = {
    "what the director sends passes output alone": Case(
        table(chain("o", "output", -150, "meta mark set 1"), pre("meta mark set 2")), 1, 1
    ),
    "an answer that comes in may write the mark of its connection": Case(
        table(chain("o", "output", -150, "meta mark set ct mark"), pre("ct direction reply ct mark set 3")), 0, 3
    ),
    "a chain of routes may mark too": Case(
        table(chain("o", "output", -150, "meta mark set 1", kind="route"), chain("f", "output", 0, "meta mark set 2")),
        1,
        1,
    ),
    "nat at output comes before IPVS": Case(
        table(
            chain("n", "output", -90, "meta mark set 1 tcp dport 80 dnat ip to 192.0.2.2", kind="nat"),
        ),
        1,
        0,
    ),
    "before connection tracking there is no connection at output either": Case(
        table(chain("o", "output", -300, "ct state invalid meta mark set 1", "ct mark set 5")), 1, 1
    ),
}

XTABLES = {
    "a policy ends the chain of a table, not the next table": Case(
        "*raw\n-A PREROUTING -j MARK --set-mark 1\nCOMMIT\n*mangle\n:PREROUTING DROP\n"
        "-A PREROUTING -m mark --mark 1 -j RETURN\nCOMMIT\n",
        GONE,
        GONE,
    ),
    "a goto returns behind the jump that led there": Case(
        "*mangle\n:a - [0:0]\n:b - [0:0]\n-A a -g b\n-A a -j MARK --set-mark 7\n-A b -j MARK --set-mark 1\n"
        "-A PREROUTING -j a\n-A PREROUTING -j MARK --or-mark 0x10\nCOMMIT\n",
        0x11,
        0x11,
    ),
    "a goto of a chain of the kernel ends with its policy": Case(
        "*mangle\n:PREROUTING DROP [0:0]\n:b - [0:0]\n-A b -j MARK --set-mark 1\n"
        "-A PREROUTING -g b\n-A PREROUTING -j ACCEPT\nCOMMIT\n",
        GONE,
        GONE,
    ),
    "MARK goes on, with its mask": Case(
        "*mangle\n-A PREROUTING -j MARK --set-mark 0xff0\n-A PREROUTING -j MARK --set-mark 0x5/0xf\n"
        "-A PREROUTING -j MARK --set-xmark 0x3/0x1\nCOMMIT\n",
        0xFF7,
        0xFF7,
    ),
    "accept ends one table": Case(
        "*raw\n-A PREROUTING -j MARK --set-mark 1\n-A PREROUTING -j ACCEPT\n-A PREROUTING -j DROP\nCOMMIT\n"
        "*mangle\n-A PREROUTING -j MARK --or-mark 2\nCOMMIT\n",
        3,
        3,
    ),
    "the mark of a connection is saved and restored through both masks": Case(
        "*mangle\n-A PREROUTING -m conntrack --ctstate NEW -j MARK --set-mark 0xabcd\n"
        "-A PREROUTING -m conntrack --ctstate NEW -j CONNMARK --save-mark --nfmask 0xff00 --ctmask 0xffff\n"
        "-A PREROUTING -m conntrack --ctstate ESTABLISHED -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf000\n"
        "COMMIT\n",
        0xABCD,
        0xA000,
    ),
    "a mark is shifted on its way": Case(
        "*mangle\n-A PREROUTING -j CONNMARK --set-mark 0x12\n"
        "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xff --left-shift-mark 8\nCOMMIT\n",
        0x1200,
        0x1200,
    ),
    "what is to have a helper is not kept out of connection tracking any more": Case(
        "*raw\n-A PREROUTING -p tcp -j CT\n-A PREROUTING -p tcp -j CT --notrack\nCOMMIT\n*mangle\n"
        "-A PREROUTING -m conntrack --ctstate NEW -j MARK --set-mark 1\n"
        "-A PREROUTING -m conntrack --ctstate UNTRACKED -j MARK --set-mark 2\nCOMMIT\n",
        1,
        0,
    ),
    "in raw there is no connection": Case(
        "*raw\n-A PREROUTING -m connmark --mark 0 -j MARK --or-mark 1\n"
        "-A PREROUTING -m connmark ! --mark 5 -j MARK --or-mark 2\n"
        "-A PREROUTING -m conntrack --ctstate INVALID -j MARK --or-mark 4\n"
        "-A PREROUTING -m conntrack ! --ctstate NEW -j MARK --or-mark 8\n"
        "-A PREROUTING -m conntrack ! --ctproto 17 -j MARK --or-mark 16\nCOMMIT\n",
        12,
        12,
    ),
    "what is not tracked has no mark of a connection": Case(
        "*raw\n-A PREROUTING -j CT --notrack\nCOMMIT\n*mangle\n-A PREROUTING -j CONNMARK --set-mark 5\n"
        "-A PREROUTING -j CONNMARK --restore-mark\n"
        "-A PREROUTING -m conntrack --ctstate UNTRACKED -j MARK --or-mark 0x10\nCOMMIT\n",
        0x10,
        0x10,
    ),
    "nat sees the first packet, input the translated one": Case(
        "*nat\n-A PREROUTING -p tcp --dport 80 -j MARK --set-mark 1\n"
        "-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 192.0.2.3:8080\nCOMMIT\n"
        "*mangle\n-A INPUT -d 192.0.2.3 -p tcp --dport 8080 -j MARK --or-mark 0x10\nCOMMIT\n",
        0x11,
        0x10,
    ),
    "each packet is one whose address is noted": Case(
        "*mangle\n-A PREROUTING -m recent --set --name noted --rsource -j MARK --or-mark 1\n"
        "-A PREROUTING -m recent ! --set --name noted --rsource -j MARK --or-mark 2\nCOMMIT\n",
        1,
        1,
    ),
    "the way back of what comes from everywhere leads there again": Case(
        "*raw\n-A PREROUTING -m rpfilter -j MARK --or-mark 1\n-A PREROUTING -m rpfilter --invert -j DROP\n"
        "-A PREROUTING -m rpfilter --validmark -j MARK --or-mark 2\nCOMMIT\n",
        3,
        3,
    ),
    "any of both ports": Case(
        "*mangle\n-A PREROUTING -p tcp -m multiport --ports 5000 -j MARK --or-mark 1\n"
        "-A PREROUTING -p tcp -m multiport ! --ports 80 -j MARK --or-mark 2\n"
        "-A PREROUTING -p tcp -m multiport ! --dports 81:90,5000 -j MARK --or-mark 4\nCOMMIT\n",
        5,
        5,
    ),
}


def compare_with(way: str, *load: str, text: str) -> Tally:
    """Load rules and compare a connection's packets with their walks."""

    def work() -> Tally:
        with network() as lines:
            run(*load, text=text)
            with closing(PacketFilter(None)) as rules:
                program = rules.program()
            source = address("198.18.0.1" if way == "in" else "192.0.2.7")
            flow = Flow(Protocol.TCP, source, 5000, address("192.0.2.1"), 80)
            return compare(lines, program, [Shot(flow, "front" if way == "in" else "", follows=True)], way)

    return alone(work)


def lists_hooks() -> bool:
    """Return whether this kernel lists its hooks (NFNL_SUBSYS_HOOK, since Linux 5.14)."""
    with closing(Netfilter(None)) as netfilter:
        try:
            netfilter.hooks(NUMBERS["ip"], 0)
        except OSError:
            return False
    return True


def check(tally: Tally, case: Case) -> None:
    """Check the case itself, then what the walk says of it."""
    assert tally.came == ([GONE] if case.first is GONE else [case.first, case.next])
    assert tally.wrong == []
    assert tally.unsure == 0


@pytest.mark.parametrize("fact", CASES)
def test_of_what_comes_in(fact: str) -> None:
    check(compare_with("in", "nft", "-f", "-", text=CASES[fact].rules), CASES[fact])


@pytest.mark.nft
def test_of_two_tables_at_one_priority_the_newer_one_comes_first_where_the_kernel_says_so() -> None:
    rules = table(pre("meta mark set 1"), name="a") + table(pre("meta mark set 2"), name="b")
    tally = compare_with("in", "nft", "-f", "-", text=rules)
    assert tally.came == [1, 1]
    assert tally.wrong == []
    assert tally.unsure == (0 if lists_hooks() else 2)


@pytest.mark.parametrize("fact", LOCAL)
def test_of_what_the_director_sends(fact: str) -> None:
    check(compare_with("out", "nft", "-f", "-", text=LOCAL[fact].rules), LOCAL[fact])


@pytest.mark.parametrize("fact", XTABLES)
@pytest.mark.parametrize(
    "restore",
    [
        pytest.param("iptables-nft-restore", marks=needs("iptables-nft", "-S")),
        pytest.param("iptables-legacy-restore", marks=needs("iptables-legacy", "-t", "mangle", "-S")),
    ],
)
def test_of_iptables(restore: str, fact: str) -> None:
    check(compare_with("in", restore, text=XTABLES[fact].rules), XTABLES[fact])
