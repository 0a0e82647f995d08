"""What the marks view will show: each mark with its rules, its services and how it stands with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.advice.services import advice
from lvstui.core.marks.columns import LANGUAGE, MARK_COLUMNS
from lvstui.core.marks.mark import (
    OTHERS,
    STATES,
    by_mark,
    mark_at,
    marks,
    summary,
    why_not_writable,
)
from lvstui.core.marks.rows import GroupRow, MarkLook, RuleRow, cells, columns, rows
from lvstui.core.marks.script import groups, iptables_lines, script
from lvstui.core.model import MarkGroup, Persistence, ServerKey
from lvstui.core.observed import Rule, Ruleset
from lvstui.core.selectors import overlap, selector
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.core.view.table import Cell, Tone
from tests.build import director, group, rule, snapshot
from tests.core.advice import rulesets
from tests.core.advice.test_advice import MARKED

STICKY = replace(MARKED, service=replace(MARKED.service, persistence=Persistence()))


def shown(*rules: Rule, pools: bool = True) -> Snapshot:
    return snapshot(director(*([STICKY] if pools else [])), rules=Ruleset(rules))


@pytest.mark.parametrize(
    ("snapshot", "word"),
    [
        (shown(rule(80)), "ok"),
        (shown(), "no rule"),
        (shown(rule(80), pools=False), "no service"),
        (shown(rule(80, mask=0xFF), rule(0x100, mask=0xFF00, priority=-130)), "masked"),
        (shown(rule(80, hook="input", priority=120)), "late"),
        (shown(rule(80, hook="")), "unreached"),
        (shown(rule(80, dormant=True)), "dormant"),
        (shown(rule(80), rule(81, handle=2)), "overwritten"),
        (snapshot(director(MARKED), rules=Ruleset((rule(80),))), "no sticky"),
    ],
)
def test_how_it_stands_with_a_mark_is_a_word(snapshot: Snapshot, word: str) -> None:
    assert mark_at(snapshot, 80).state.text == word
    assert word in STATES


ANYWHERE = replace(rule(80, "tcp any 80"), table="mangle")


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ((ANYWHERE,), "not ours"),
        ((replace(ANYWHERE, selector=None, match=("ip saddr 10.0.0.0/8",)),), "not ours"),
        ((replace(ANYWHERE, selector=None, match=("ip daddr != 192.0.2.10",)),), "not ours"),
        ((replace(rule(80), table="nat", mask=80),), "not ours"),
        ((replace(rule(80), table="mangle"),), "no service"),
        ((replace(ANYWHERE, selector=None, match=("ip6 daddr @vips", "ct state new")),), "no service"),
        ((ANYWHERE, replace(rule(80), table="other")), "no service"),
    ],
)
def test_a_mark_that_another_program_sets_for_itself_is_not_ours_and_quiet(rules: tuple[Rule, ...], word: str) -> None:
    seen = shown(*rules, pools=False)
    state = mark_at(seen, 80).state
    assert (state.text, state.tone in (Tone.SECONDARY, Tone.DIM)) == (word, True)
    assert list(advice(seen)) == []
    assert mark_at(shown(*rules), 80).state.text not in ("not ours", "no service")


def test_a_group_of_ours_without_a_service_is_no_service_whatever_it_is_for() -> None:
    held = replace(director(), marks={80: group(80, "tcp any 80")})
    for seen in (snapshot(held, rules=Ruleset((rule(80, "tcp any 80"),))), snapshot(held, rules=Ruleset((ANYWHERE,)))):
        assert mark_at(seen, 80).state == Cell("no service", Tone.WARN)


def test_a_rule_that_turns_bits_over_sets_no_mark() -> None:
    found = by_mark(rulesets.rules("kube_proxy_affinity"))
    assert [known.rule.chain for known in found[0x4000]] == ["KUBE-MARK-MASQ"] * len(found[0x4000])
    assert [(known.rule.chain, known.verb) for known in found[OTHERS]] == [("KUBE-POSTROUTING", "flip 0x4000")]


def test_a_mark_has_its_rules_and_servers_below_it() -> None:
    seen = shown(rule(80), rule(80, "tcp 2001:db8::10 80", handle=2), rule(0, raw="xt"))
    assert list(marks(seen)) == [80, 0]
    assert rows(seen, MarkLook()) == [GroupRow(80), GroupRow(0)]
    below = rows(seen, MarkLook(unfolded=frozenset((80,))))
    assert [type(key) for key in below] == [GroupRow, RuleRow, RuleRow, ServerKey, ServerKey, GroupRow]
    for key in below:
        assert len(cells(seen, MarkLook(), key)) == len(columns(MarkLook())) == len(MARK_COLUMNS)


def test_packets_of_a_shared_counter_count_once() -> None:
    one = rule(80, packets=7, counter="m80")
    seen = shown(one, replace(one, chain="output", handle=9), rule(80, packets=5, handle=3, table="other"))
    assert mark_at(seen, 80).packets == 12


def test_lost_rules_are_known_from_the_profile() -> None:
    saved = replace(director(STICKY), marks={80: group(80, "tcp 192.0.2.10 80", name="web")})
    seen = replace(shown(), profile=ProfileState("p", True, saved=saved))
    assert mark_at(seen, 80).state.text == "lost"
    assert "web" in [cell.text for cell in cells(seen, MarkLook(), GroupRow(80))]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("80", 1),
        ("!lvstui", 0),
        ("192.0.2.10", 1),
        ("192.0.2.0/24", 1),
        ("nothing", 0),
        ("mark=80 port=443 proto=tcp table=lvstui hook=prerouting", 1),
        ("server=10.0.0.11 servers=2 persist=5m sticky=0", 1),
        ("state=ok", 1),
        ("state=no-rule", 0),
        ("port>500", 0),
    ],
)
def test_a_filter_finds_marks_as_in_every_view(text: str, count: int) -> None:
    assert len(rows(shown(rule(80)), MarkLook(filter=LANGUAGE.parse(text)))) == count


def test_the_summary_says_what_is_known_or_why_nothing_is() -> None:
    assert summary(shown(rule(80))).startswith("1 rule about marks, 0 of others")
    assert summary(snapshot(director())) == "rules of the packet filter are not read here"
    assert summary(snapshot(director(), rules=Ruleset(trouble="no right"))) == "no right"


def test_where_rules_cannot_be_written_the_profile_says_which_groups_there_should_be() -> None:
    saved = replace(director(STICKY), marks={80: group(80, "tcp 192.0.2.10 80", name="web")})
    where = replace(director(), marks=None)
    seen = replace(snapshot(where, rules=Ruleset(missing="no nf_tables")), profile=ProfileState("p", True, saved=saved))
    assert {number: mark.group for number, mark in marks(seen).items()} == saved.marks
    assert summary(seen) == why_not_writable(seen) == "no nf_tables"
    assert why_not_writable(snapshot(where)) == "rules of the packet filter are not read here"
    assert why_not_writable(shown(rule(80))) == ""


def test_our_groups_are_found_again_in_their_rules() -> None:
    held = groups([rule(80), rule(80, "tcp 2001:db8::10 443", handle=2), rule(9, chain="output"), rule(5, table="x")])
    assert held == {80: group(80, "tcp 192.0.2.10 80,443", "tcp 2001:db8::10 443")}


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("tcp 192.0.2.10 80", "tcp 192.0.2.0/24 1-100", True),
        ("tcp 192.0.2.10 80", "udp 192.0.2.10 80", False),
        ("tcp 192.0.2.10 80", "tcp 192.0.2.10 443", False),
        ("tcp 192.0.2.10", "tcp 2001:db8::10", False),
        ("tcp any 80 in eth0", "tcp any 80 in eth1", False),
        ("any in eth0", "tcp 192.0.2.10 80", True),
    ],
)
def test_selectors_meet_where_some_packet_is_meant_by_both(one: str, other: str, meets: bool) -> None:
    assert overlap(selector(one), selector(other)) is overlap(selector(other), selector(one)) is meets


def test_the_script_is_what_nft_takes_and_the_iptables_lines_say_the_same() -> None:
    group = MarkGroup(80, (selector("tcp 192.0.2.10 80,443"), selector("udp any 5060 in eth0")))
    text = "\n".join(script({80: group}))
    assert text.startswith("table inet lvstui\ndelete table inet lvstui\n")
    assert text.count("ip daddr 192.0.2.10 tcp dport { 80, 443 }") == 2
    assert text.count('iifname "eth0" udp dport 5060') == 1, "what goes out came in through no interface"
    lines = iptables_lines(group)
    assert lines[0] == (
        "iptables -t mangle -A PREROUTING -d 192.0.2.10 -p tcp -m multiport --dports 80,443 -j MARK --set-mark 80"
    )
    assert sum(line.startswith("ip6tables") for line in lines) == 1
    assert script({}) == ["table inet lvstui", "delete table inet lvstui"]
