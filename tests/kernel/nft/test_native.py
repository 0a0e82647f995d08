"""Native rules of all kinds, read as `nft -j list ruleset` shows them in the same namespace."""

from __future__ import annotations

from contextlib import closing

import pytest

from lvstui.kernel.nft.filter import PacketFilter
from tests.kernel.nft.alone import alone, needs_nft, nft
from tests.kernel.nft.idioms import RULES, SCRIPTS
from tests.kernel.nft.nft_referee import Referee, ruleset
from tests.kernel.nft.rule_facts import facts_of, sort_rules

pytestmark = needs_nft


def same_as_nft() -> int:
    """Compare all that we read with what nft lists, and count it."""
    with closing(PacketFilter(None)) as door:
        found = door.read()
    assert (found.trouble, found.missing) == ("", "")
    assert [rule.raw for rule in found.rules if not rule.decoded] == []
    read, expected = sort_rules(map(facts_of, found.rules)), sort_rules(Referee(ruleset()).rule_facts())
    for rule, other in zip(read, expected, strict=False):
        assert rule == other
    assert len(read) == len(expected)
    return len(read)


@pytest.mark.one_by_one
@pytest.mark.parametrize("idiom", RULES)
@alone
def test_a_rule_is_read_as_nft_prints_it(idiom: str) -> None:
    nft(f"table inet t {{\nchain pre {{ type filter hook prerouting priority -150; {RULES[idiom]} }}\n}}")
    assert same_as_nft()


@pytest.mark.parametrize("idiom", SCRIPTS)
@alone
def test_a_ruleset_is_read_as_nft_prints_it(idiom: str) -> None:
    nft(SCRIPTS[idiom])
    same_as_nft()


@alone
def test_all_of_them_together_are_read_as_nft_prints_them() -> None:
    lines = "\n".join(rule for rule in RULES.values())
    nft(f"table inet t {{\nchain pre {{\ntype filter hook prerouting priority -150\n{lines}\n}}\n}}")
    same_as_nft()


@alone
def test_what_a_jump_and_the_rule_behind_it_both_ask_is_said_once_but_two_limits_are_two() -> None:
    asked = "ct state new tcp dport 80 limit rate 5/day"
    base = f"type filter hook prerouting priority -150; {asked} jump web;"
    nft(f"table inet t {{\nchain web {{ {asked} meta mark set 256; }}\nchain p {{ {base} }}\n}}")
    with closing(PacketFilter(None)) as door:
        (found,) = door.read().rules
    assert found.match.count("ct state new") == found.match.count("tcp dport 80") == 1
    assert len([word for word in found.match if word.startswith("limit")]) == 2
    same_as_nft()
