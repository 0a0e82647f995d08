"""A mark whose only rule marks nothing that IPVS takes gets advice, whatever else the rules of each kind ask."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from lvstui.core.advice.services import advice
from lvstui.kernel.live import Live
from tests.build import director, pool, snapshot
from tests.kernel.nft.alone import alone, needs, needs_nft, nft, output

BASES = (
    "",
    "chain p { type filter hook prerouting priority -150; policy drop; }",
    "chain p { type filter hook prerouting priority -150; limit rate 5/day meta mark set 7; limit rate 9/day drop; }",
    "chain p { type filter hook prerouting priority -150; meta mark set ct mark; }",
)
LOST = (
    "meta mark set 201",
    "tcp dport 80 meta mark set 201",
    "ct state new ip saddr 10.0.0.0/8 tcp dport 80 meta mark set 201",
    "limit rate 5/second meta mark set 201",
    "meta mark set tcp dport map { 80 : 201, 81 : 202 }",
)
LATE = "chain late { type filter hook input priority 100; ct state new ip saddr 10.0.0.0/8 meta mark set 201; }"
OTHER = "-A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-mark 5\n"
TARGETS = ("-j MARK --set-mark 201", "-m conntrack --ctstate NEW -j MARK --set-mark 201")


def advised(load: Callable[[], object]) -> list[str]:
    """Load rules in a network namespace of our own, and return the advice of a director with a service on mark 201."""
    found: list[str] = []

    @alone
    def read() -> None:
        load()
        with closing(Live()) as live:
            rules = live.read_filter().rules
        found.extend(map(str, advice(snapshot(director(pool("mark:201", "10.0.0.1:0")), rules=rules))))

    read()
    return found


@needs_nft
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("rule", LOST)
def test_a_chain_of_nftables_that_nothing_jumps_to(rule: str, base: str) -> None:
    (sentence,) = advised(partial(nft, f"table inet t {{\n{base}\nchain lost {{ {rule}; }}\n}}"))
    assert "mark 201: its rule is in a chain that nothing jumps to (inet t lost)" in sentence


SAVED = "chain lost { tcp dport 80 ct mark set 201; }"


@needs_nft
def test_what_is_saved_where_nothing_comes_is_set_by_no_rule_or_by_one_that_is_restored_in_vain() -> None:
    (sentence,) = advised(partial(nft, f"table inet t {{\n{BASES[3]}\n{SAVED}\n}}"))
    assert "mark 201: its rule is in a chain that nothing jumps to (inet t lost)" in sentence
    for base in BASES[:3]:
        (sentence,) = advised(partial(nft, f"table inet t {{\n{base}\n{SAVED}\n}}"))
        assert "mark 201: no rule sets it" in sentence
    saved = SAVED.replace("{", "{ type filter hook prerouting priority -150;")
    (sentence,) = advised(partial(nft, f"table inet t {{\n{saved}\n}}"))
    assert "mark 201: no rule sets it" in sentence


@needs_nft
def test_a_rule_behind_ipvs_that_asks_for_more_than_a_selector_says() -> None:
    (sentence,) = advised(partial(nft, f"table inet t {{\n{BASES[2]}\n{LATE}\n}}"))
    assert "mark 201: its rule comes too late for IPVS (inet t late)" in sentence


@pytest.mark.parametrize("other", ["", OTHER])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "tool",
    [pytest.param(tool, marks=needs(tool, "-t", "mangle", "-S")) for tool in ("iptables-nft", "iptables-legacy")],
)
def test_a_chain_of_iptables_that_nothing_jumps_to(tool: str, target: str, other: str) -> None:
    rules = f"*mangle\n:lost - [0:0]\n{other}-A lost -p tcp --dport 80 {target}\nCOMMIT\n"
    (sentence,) = advised(lambda: output(f"{tool}-restore", text=rules))
    assert "mark 201: its rule is in a chain that nothing jumps to" in sentence
