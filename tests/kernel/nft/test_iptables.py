"""Rules of iptables, in nf_tables and without it, read as its own save lists them in the same namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from _pytest.mark import ParameterSet

from lvstui.kernel.nft.filter import PacketFilter
from tests.kernel.nft.alone import alone, needs, output
from tests.kernel.nft.idioms import IPTABLES, IPV4, IPV6
from tests.kernel.nft.iptables_referee import saved
from tests.kernel.nft.rule_facts import facts_of, sort_rules

PROGRAMS = ("iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy")
SETS = needs("ipset", "create", "shops", "hash:ip")


def _idioms() -> Iterator[ParameterSet]:
    for program in PROGRAMS:
        works = needs(program, "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "1")
        for name, rule in (IPTABLES | (IPV6 if program.startswith("ip6") else IPV4)).items():
            marks = [works, SETS if "--match-set" in rule else pytest.mark.one_by_one]
            yield pytest.param(program, rule, id=f"{program} {name}", marks=marks)


def same_as_saved(*programs: str) -> int:
    """Compare all that we read with what iptables saves, and count it."""
    with closing(PacketFilter(None)) as door:
        found = door.read()
    assert found.trouble == ""
    assert [rule.raw for rule in found.rules if not rule.decoded] == []
    read = sort_rules(map(facts_of, found.rules))
    expected = sort_rules(facts for name in programs for facts in saved(f"{name}-save"))
    for rule, other in zip(read, expected, strict=False):
        assert rule == other
    assert len(read) == len(expected)
    return len(read)


def append(program: str, *rules: str) -> None:
    """Append rules to the table mangle, with iptables' own reader for quotes."""
    family = "inet6" if program.startswith("ip6") else "inet"
    if any("--match-set" in rule for rule in rules):
        output("ipset", "create", "shops", "hash:ip", "family", family)
        output("ipset", "create", "doors", "hash:ip,port", "family", family)
    lines = "\n".join(rule if rule.startswith((":", "-A")) else f"-A PREROUTING {rule}" for rule in rules)
    output(f"{program}-restore", "--noflush", text=f"*mangle\n{lines}\nCOMMIT\n")


@pytest.mark.parametrize(("program", "rule"), _idioms())
@alone
def test_a_rule_is_read_as_iptables_saves_it(program: str, rule: str) -> None:
    append(program, rule)
    assert same_as_saved(program) == 1


@pytest.mark.parametrize("program", [pytest.param(name, marks=needs(name, "-t", "mangle", "-S")) for name in PROGRAMS])
@alone
def test_jumps_are_followed(program: str) -> None:
    address = "2001:db8::10" if program.startswith("ip6") else "192.0.2.10"
    append(
        program,
        ":web - [0:0]",
        ":deep - [0:0]",
        ":lost - [0:0]",
        "-A deep -j MARK --set-mark 1",
        "-A web -p tcp --dport 80 -j deep",
        "-A web -p tcp --dport 443 -g deep",
        "-A lost -j MARK --set-mark 2",
        f"-A PREROUTING -d {address} -j web",
        "-A OUTPUT -p tcp --dport 8080 -j MARK --set-mark 3",
        "-A PREROUTING -p udp -j ACCEPT",
    )
    assert same_as_saved(program) == 4


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=needs(f"iptables-{kind}", "-t", "mangle", "-S")) for kind in ("nft", "legacy")],
)
@alone
def test_all_of_them_together_are_read_as_saved(kind: str) -> None:
    programs = (f"iptables-{kind}", f"ip6tables-{kind}")
    for program in programs:
        rules = (IPTABLES | (IPV6 if program.startswith("ip6") else IPV4)).values()
        append(program, *(rule for rule in rules if "--match-set" not in rule))
    assert same_as_saved(*programs) == 2 * len(IPTABLES) - 4 + len(IPV4) + len(IPV6)
