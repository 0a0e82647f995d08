"""A packet takes the way through chains, tables and hooks that the kernel would take."""

from __future__ import annotations

import pytest

from lvstui.core.packets.program import Ask, Check, Immediate, Mark, Outcome, Program, Verdict
from lvstui.core.packets.walk import Fate, walk
from tests.core.packets.building import (
    ACCEPT,
    DROP,
    RETURN,
    base,
    chain,
    daddr,
    dport,
    goto,
    iifname,
    jump,
    marked,
    or_mark,
    packet,
    program,
    protocol,
    rule,
    set_mark,
    table,
)

REJECT = Verdict(Outcome.REJECT)


def only(what: Program, service: str = "192.0.2.10:80", source: str = "198.51.100.1:40000") -> Fate:
    """Return the only fate of a packet to a service."""
    way = walk(what, packet(source, service))
    assert way.certain
    return way.fates[0]


def test_without_rules_a_packet_comes_as_it_is() -> None:
    fate = only(Program())
    assert (fate.outcome, fate.mark, fate.unknown) == (Outcome.ACCEPT, 0, 0)
    assert (str(fate.destination), fate.port) == ("192.0.2.10", 80)


def test_a_rule_that_matches_sets_the_mark() -> None:
    rules = program(base(rule(protocol(), daddr("192.0.2.10"), dport(80), set_mark(80))))
    assert only(rules).mark == 80
    assert only(rules, "192.0.2.10:81").mark == 0
    assert only(rules, "192.0.2.11:80").mark == 0


def test_what_a_rule_has_written_stays_when_a_later_test_of_it_fails() -> None:
    assert only(program(base(rule(set_mark(80), dport(81), set_mark(1))))).mark == 80


def test_accept_ends_its_base_chain_only() -> None:
    first = base(rule(set_mark(80), ACCEPT), rule(set_mark(1)))
    assert only(program(first)).mark == 80
    assert only(program(first, base(rule(set_mark(2)), priority=-140))).mark == 2


@pytest.mark.parametrize("verdict", [DROP, REJECT, Verdict(Outcome.STOLEN)])
def test_other_verdicts_end_everything(verdict: Verdict) -> None:
    rules = program(base(rule(set_mark(80), verdict)), base(rule(set_mark(1)), priority=-140))
    fate = only(rules)
    assert (fate.outcome, fate.mark) == (verdict.outcome, 80)


def test_what_a_program_gets_may_come_back_with_any_mark() -> None:
    rules = program(base(rule(set_mark(80), Verdict(Outcome.QUEUE))), base(rule(or_mark(1)), priority=-140))
    ended, back = walk(rules, packet()).fates
    assert (ended.outcome, ended.mark) == (Outcome.QUEUE, 80)
    assert (back.outcome, back.mark, back.unknown) == (Outcome.ACCEPT, 1, 0xFFFFFFFE)


def test_a_policy_ends_its_base_chain() -> None:
    rules = program(base(rule(dport(80), ACCEPT), policy=Outcome.DROP))
    assert only(rules).outcome is Outcome.ACCEPT
    assert only(rules, "192.0.2.10:81").outcome is Outcome.DROP


def test_return_in_a_base_chain_leads_to_its_policy() -> None:
    assert only(program(base(rule(RETURN), rule(ACCEPT), policy=Outcome.DROP))).outcome is Outcome.DROP


def test_a_jump_comes_back_at_the_end_of_the_chain_and_by_return() -> None:
    ends = chain("ends", rule(or_mark(1)))
    returns = chain("returns", rule(or_mark(2)), rule(RETURN), rule(or_mark(4)))
    rules = program(base(rule(jump("ends")), rule(jump("returns")), rule(or_mark(8))), ends, returns)
    assert only(rules).mark == 1 | 2 | 8


def test_a_goto_comes_back_to_where_its_chain_was_jumped_to_from() -> None:
    sub = chain("sub", rule(goto("web")), rule(or_mark(2)))
    web = chain("web", rule(or_mark(4)))
    assert only(program(base(rule(jump("sub")), rule(or_mark(8))), sub, web)).mark == 4 | 8


def test_a_goto_from_a_base_chain_leads_to_its_policy() -> None:
    rules = program(base(rule(goto("web")), rule(ACCEPT), policy=Outcome.DROP), chain("web", rule(or_mark(4))))
    assert (only(rules).outcome, only(rules).mark) == (Outcome.DROP, 4)


def test_accept_in_a_chain_that_was_jumped_to_ends_the_base_chain() -> None:
    rules = program(base(rule(jump("web")), rule(set_mark(1))), chain("web", rule(set_mark(80), ACCEPT)))
    assert only(rules).mark == 80


@pytest.mark.parametrize(("jumps", "outcome"), [(16, Outcome.ACCEPT), (17, Outcome.DROP)])
def test_the_seventeenth_jump_drops_the_packet(jumps: int, outcome: Outcome) -> None:
    chains = [chain(f"c{n}", rule(jump(f"c{n + 1}"))) for n in range(1, jumps)]
    rules = program(base(rule(jump("c1"))), *chains, chain(f"c{jumps}", rule(set_mark(1))))
    assert only(rules).outcome is outcome


def test_gotos_are_not_counted_as_jumps() -> None:
    chains = [chain(f"c{n}", rule(goto(f"c{n + 1}"))) for n in range(1, 40)]
    assert only(program(base(rule(jump("c1"))), *chains, chain("c40", rule(set_mark(1))))).mark == 1


def test_chains_in_a_circle_which_no_kernel_takes_drop_the_packet() -> None:
    assert only(program(base(rule(goto("a"))), chain("a", rule(goto("a"))))).outcome is Outcome.DROP


def test_chains_that_jump_to_each_other_too_often_are_given_up_with_a_sentence() -> None:
    chains = [chain(f"c{n}", *[rule(jump(f"c{n + 1}"))] * 8) for n in range(1, 12)]
    way = walk(program(base(rule(jump("c1"))), *chains, chain("c12", rule(or_mark(1)))), packet())
    assert way.trouble == "the rules lead through more chains than can be followed"
    assert not way.certain


def test_a_chain_that_is_not_there_leaves_nothing_certain() -> None:
    way = walk(program(base(rule(set_mark(80)), rule(jump("gone")))), packet())
    assert way.trouble == "there is no chain gone"
    assert (way.certain, way.fates[0].unknown) == (False, 0xFFFFFFFF)


def test_the_trouble_of_a_program_is_that_of_each_way() -> None:
    way = walk(program(base(rule(set_mark(80))), trouble="not all rules could be read"), packet())
    assert (way.trouble, way.certain) == ("not all rules could be read", False)


def test_hooks_come_one_after_another_and_base_chains_by_their_place() -> None:
    rules = program(
        base(rule(marked(3), set_mark(4)), hook="input", priority=-150),
        base(rule(marked(0), set_mark(2)), priority=-300),
        base(rule(marked(2), set_mark(3)), priority=-150),
    )
    assert only(rules).mark == 4


def test_what_comes_in_passes_prerouting_and_input_what_goes_out_only_output() -> None:
    rules = program(
        base(rule(or_mark(1))),
        base(rule(or_mark(2)), hook="input", priority=0),
        base(rule(or_mark(4)), hook="output", priority=-150),
    )
    assert walk(rules, packet()).fates[0].mark == 3
    assert walk(rules, packet(local=True)).fates[0].mark == 4


@pytest.mark.parametrize(
    ("hook", "priority", "early", "marks"),
    [
        ("input", 98, None, [1]),
        ("input", 99, True, [1]),
        ("input", 99, False, [0]),
        ("input", 99, None, [0, 1]),
        ("input", 100, None, [0]),
        ("output", -99, None, [1]),
        ("output", -98, True, [1]),
        ("output", -98, None, [0, 1]),
        ("output", -97, None, [0]),
        ("prerouting", 300, None, [1]),
    ],
)
def test_rules_count_that_come_before_ipvs(hook: str, priority: int, early: bool | None, marks: list[int]) -> None:
    rules = program(base(rule(set_mark(1)), hook=hook, priority=priority), early=early)
    assert [fate.mark for fate in walk(rules, packet(local=hook == "output")).fates] == marks


@pytest.mark.parametrize(
    ("family", "marks"), [("ip", (1, 0)), ("ip6", (0, 1)), ("inet", (1, 1)), ("bridge", (0, 0)), ("arp", (0, 0))]
)
def test_tables_are_for_the_packets_of_their_family(family: str, marks: tuple[int, int]) -> None:
    rules = program(table(base(rule(set_mark(1))), family=family))
    assert only(rules).mark == marks[0]
    assert only(rules, "[2001:db8::10]:80", "[2001:db8:1::1]:40000").mark == marks[1]


def test_a_dormant_table_does_nothing() -> None:
    assert only(program(table(base(rule(set_mark(1))), dormant=True))).mark == 0


@pytest.mark.parametrize(
    ("interface", "devices", "marks"),
    [
        ("eth0", ("eth0", "eth1"), [1]),
        ("eth2", ("eth0", "eth1"), [0]),
        ("eth2", ("eth*",), [1]),
        ("", ("eth0",), [0, 1]),
    ],
)
def test_chains_at_ingress_are_for_their_devices(interface: str, devices: tuple[str, ...], marks: list[int]) -> None:
    one = table(base(rule(set_mark(1)), hook="ingress", priority=0, devices=devices), family="netdev")
    assert [fate.mark for fate in walk(program(one), packet(interface=interface)).fates] == marks


def test_ingress_comes_before_prerouting_and_not_to_what_the_director_sends() -> None:
    first = table(base(rule(marked(0), set_mark(1)), hook="ingress", devices=("eth0",)), family="netdev")
    second = table(base(rule(marked(1), set_mark(2)), priority=-400), name="u")
    assert only(program(second, first)).mark == 2
    assert walk(program(first), packet(local=True)).fates[0].mark == 0


def test_steps_say_what_happened_and_only_when_they_are_asked_for() -> None:
    web = chain("web", rule(set_mark(80), text="meta mark set 80", handle=7), rule(Ask("limit"), DROP, text="limited"))
    rules = program(
        base(rule(daddr("192.0.2.11"), DROP), rule(jump("web"), text="jump web", handle=3), name="pre"), web
    )
    first, second = walk(rules, packet(), steps=True).fates
    assert [(step.chain, step.text, step.outcome.value, step.target, step.mark) for step in first.steps] == [
        ("pre", "jump web", "jump", "web", 0),
        ("web", "meta mark set 80", "continue", "", 80),
        ("web", "limited", "continue", "", 80),
        ("pre", "policy accept", "accept", "", 80),
    ]
    assert [(step.certain, step.matched) for step in first.steps] == [(True, True)] * 2 + [(False, False), (True, True)]
    assert [(step.text, step.outcome, step.certain, step.matched) for step in second.steps[2:]] == [
        ("limited", Outcome.DROP, False, True)
    ]
    step = first.steps[1]
    assert (step.tool, step.family, step.table, step.hook, step.priority) == ("nft", "inet", "t", "prerouting", -150)
    assert step.handle == 7
    assert all(not fate.steps for fate in walk(rules, packet()).fates)


def test_a_step_knows_no_mark_of_which_bits_are_unknown() -> None:
    rules = program(base(rule(Verdict(Outcome.QUEUE))), base(rule(or_mark(1)), priority=-140))
    assert [step.mark for step in walk(rules, packet(), steps=True).fates[1].steps] == [0, None, None]


def test_iptables_and_nft_walk_side_by_side() -> None:
    legacy = table(
        base(rule(Check(("ip daddr",), ((0xC000020A, 0xC000020A),)), Mark(80, 0xFFFFFFFF))),
        family="ip",
        name="mangle",
        tool="iptables-legacy",
    )
    native = table(base(rule(iifname("eth0"), marked(80), set_mark(81)), priority=-140))
    assert only(program(native, legacy)).mark == 81


def test_an_empty_rule_matches_and_does_nothing() -> None:
    assert only(program(base(rule(), rule(Immediate(4, b"\1")), rule(set_mark(1))))).mark == 1
