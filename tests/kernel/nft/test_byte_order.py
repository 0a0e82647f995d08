"""Rules of a machine of the other byte order are read as those of this one: the same ruleset in both orders."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import closing

import pytest

from lvstui.core.observed import Rule
from lvstui.kernel.nft.nfnetlink import GETRULE, Netfilter
from lvstui.kernel.nft.reading import tables
from lvstui.kernel.nft.reading.explain import Explainer
from tests.kernel.nft.alone import alone, needs, needs_nft, nft
from tests.kernel.nft.idioms import IPTABLES, IPV4, IPV6, RULES, SCRIPTS
from tests.kernel.nft.rule_facts import FULL
from tests.kernel.nft.test_iptables import append
from tests.kernel.nft.turned import OTHER, Turned

pytestmark = needs_nft


def read(netfilter: Netfilter) -> Sequence[Rule]:
    seen = tables.read(netfilter)
    return Explainer(netfilter.codec, lambda: dict(socket.if_nameindex()), netfilter.ipset).explain(seen)


def same_in_both_orders() -> int:
    """Read the ruleset as it is and turned round, compare, and count the rules."""
    with closing(Netfilter(None)) as netfilter:
        native, turned = read(netfilter), read(Turned(netfilter))
    assert [rule.raw for rule in native if not rule.decoded] == []
    for rule, other in zip(native, turned, strict=True):
        assert rule == other
    return len(native)


@alone
def test_rules_of_all_kinds_are_read_in_both_orders() -> None:
    lines = "\n".join(RULES.values())
    nft(f"table inet t {{\nchain pre {{\ntype filter hook prerouting priority -150\n{lines}\n}}\n}}")
    assert same_in_both_orders() >= len(RULES)


@pytest.mark.parametrize("idiom", SCRIPTS)
@alone
def test_sets_maps_and_jumps_are_read_in_both_orders(idiom: str) -> None:
    nft(SCRIPTS[idiom])
    same_in_both_orders()


@pytest.mark.parametrize(
    "program",
    [pytest.param(name, marks=needs(name, "-t", "mangle", "-S")) for name in ("iptables-nft", "ip6tables-nft")],
)
@alone
def test_rules_of_iptables_are_read_in_both_orders(program: str) -> None:
    idioms = IPTABLES | (IPV6 if program.startswith("ip6") else IPV4)
    append(program, *(rule for rule in idioms.values() if "--match-set" not in rule))
    assert same_in_both_orders() > 40


@alone
def test_a_shift_shows_its_bits_in_both_orders() -> None:
    nft("table inet t {\nchain c {\ntype filter hook prerouting priority 0\nmeta mark set ct mark << 8\n}\n}")
    with closing(Netfilter(None)) as netfilter:
        for found in (read(netfilter), read(Turned(netfilter))):
            (rule,) = found
            assert (rule.verb, rule.value, rule.mask, rule.bits, rule.shift) == ("restore", None, FULL, FULL, 8)


@alone
def test_a_ruleset_read_in_the_wrong_order_shows_no_marks() -> None:
    """Show what is turned round, and that the order matters."""
    nft("table inet t {\nchain c {\ntype filter hook prerouting priority 0\ntcp dport 80 meta mark set 80\n}\n}")
    with closing(Netfilter(None)) as netfilter:
        (item,) = Turned(netfilter).dump(GETRULE)
        assert OTHER.attributes(item.body)[1] == b"t\0"
        assert netfilter.codec.attributes(item.body).get(1) != b"t\0"
