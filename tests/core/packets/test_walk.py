"""A packet takes the way through the rules that the kernel would take."""

from __future__ import annotations

from lvstui.core.packets.program import Ask, Outcome, Program
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
    jump,
    packet,
    program,
    protocol,
    rule,
    set_mark,
)


def only(what: Program, service: str = "192.0.2.10:80") -> Fate:
    """Return the only fate of a packet to a service."""
    way = walk(what, packet(service=service))
    assert way.certain
    return way.fates[0]


def test_without_rules_a_packet_comes_as_it_is() -> None:
    fate = only(Program())
    assert (fate.outcome, fate.mark, fate.unknown) == (Outcome.ACCEPT, 0, 0)
    assert (str(fate.destination), fate.port) == ("192.0.2.10", 80)


def test_a_rule_that_matches_sets_the_mark() -> None:
    rules = program(base(rule(protocol(), daddr("192.0.2.10"), dport(80), set_mark(80))))
    assert only(rules).mark == 80
    assert only(rules, service="192.0.2.10:81").mark == 0
    assert only(rules, service="192.0.2.11:80").mark == 0


def test_accept_ends_its_base_chain_only() -> None:
    first = base(rule(set_mark(80), ACCEPT), rule(set_mark(1)))
    assert only(program(first)).mark == 80
    assert only(program(first, base(rule(set_mark(2)), priority=-140))).mark == 2


def test_drop_ends_everything() -> None:
    rules = program(base(rule(set_mark(80), DROP)), base(rule(set_mark(1)), priority=-140))
    assert only(rules).outcome is Outcome.DROP


def test_a_jump_comes_back_and_a_goto_does_not() -> None:
    web = chain("web", rule(set_mark(80)), rule(RETURN), rule(set_mark(1)))
    assert only(program(base(rule(jump("web")), rule(dport(80), set_mark(2))), web)).mark == 2
    assert only(program(base(rule(goto("web")), rule(dport(80), set_mark(2))), web)).mark == 80


def test_what_cannot_be_known_makes_both_ways_possible_the_one_without_it_first() -> None:
    way = walk(program(base(rule(Ask("limit"), set_mark(80)))), packet())
    assert [fate.mark for fate in way.fates] == [0, 80]
    assert not way.certain
