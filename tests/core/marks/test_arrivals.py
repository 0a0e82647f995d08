"""What is said about the packets of rules is what packets show that are walked through the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from lvstui.core.marks.arrivals import MAYBE, OK, Arrival, arrivals, arrives, other_port
from lvstui.core.marks.mark import found_arrivals
from lvstui.core.model import Protocol, Selector
from lvstui.core.observed import Rule, Ruleset
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Ask, Base, Check, Header, Line, Load, Mark, Nat, Outcome, Program, Verdict
from lvstui.core.packets.walk import walk
from lvstui.core.selectors import selector
from lvstui.kernel.memory.program import program_of
from tests.build import rule, snapshot
from tests.core.advice import rulesets
from tests.core.packets import building


def seen(*rules: Rule) -> list[str]:
    """Return how it stands with each rule."""
    return [arrival.state for arrival in arrivals(rules, program_of(rules)).values()]


def lb(handle: int, mark: int, text: str) -> Rule:
    return rule(mark, text, table="lb", chain="pre", priority=-150, handle=handle)


def first_match(*lines: Line) -> Program:
    return building.program(building.table(building.base(*lines, name="pre"), name="lb"))


def asks(text: str) -> tuple[Check, ...]:
    """Return the conditions of a selector."""
    (stop,) = program_of([rule(1, text)]).hooks["prerouting"]
    return tuple(step for step in stop.chain.lines[0].code if isinstance(step, Check))


WEB, DNS = "tcp 192.0.2.10 80,443", "udp 192.0.2.10 53"
BOTH = "any 192.0.2.10,192.0.2.20"


def test_what_accept_or_return_ends_is_not_overwritten_by_a_wider_rule_below() -> None:
    program = first_match(
        building.rule(*asks(WEB), Mark(80, 0xFFFFFFFF), building.ACCEPT, handle=1),
        building.rule(*asks(DNS), Mark(53, 0xFFFFFFFF), building.RETURN, handle=2),
        building.rule(*asks(BOTH), Mark(99, 0xFFFFFFFF), handle=3),
    )
    rules = (lb(1, 80, WEB), lb(2, 53, DNS), lb(3, 99, BOTH))
    assert [found.state for found in arrivals(rules, program).values()] == [OK, OK, OK]


def test_without_accept_the_wider_rule_below_overwrites_and_a_packet_shows_it() -> None:
    rules = (lb(1, 80, WEB), lb(2, 53, DNS), lb(3, 99, BOTH))
    program = program_of(rules)
    found = arrivals(rules, program)
    assert [arrival.state for arrival in found.values()] == ["overwritten", "overwritten", OK]
    packet, step = found[0].packet, found[0].step
    assert packet is not None
    assert step is not None
    assert (found[0].mark, step.handle) == (99, 3)
    assert walk(program, packet).fates[0].mark == 99
    assert not arrives(program, packet, 80)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tcp any", "tcp 192.0.2.10 80"),
        ("any 192.0.2.0/24", "tcp 192.0.2.10 80,443"),
        ("tcp 192.0.2.10 1-1000", "tcp 192.0.2.10 443"),
        ("tcp 192.0.2.10 80", "tcp 192.0.2.10 80 in wg0"),
        ("any 2001:db8::/32", "tcp 2001:db8::10 80"),
    ],
)
def test_a_default_with_an_exception_behind_it_is_wanted(first: str, second: str) -> None:
    assert seen(rule(99, first), rule(80, second, handle=2)) == [OK, OK]


def test_a_port_that_is_named_and_always_lost_is_overwritten() -> None:
    assert seen(rule(80), rule(90, "tcp 192.0.2.10 443", handle=2)) == ["overwritten", OK]


def test_a_rule_behind_one_that_ends_the_chain_is_passed() -> None:
    program = first_match(
        building.rule(*asks(BOTH), Mark(99, 0xFFFFFFFF), building.ACCEPT, handle=1),
        building.rule(*asks(WEB), Mark(80, 0xFFFFFFFF), building.ACCEPT, handle=2),
    )
    found = arrivals((lb(1, 99, BOTH), lb(2, 80, WEB)), program)
    assert [arrival.state for arrival in found.values()] == [OK, "passed"]
    assert found[1].step is not None
    assert found[1].step.handle == 1


def test_a_return_that_ends_the_base_chain_is_what_a_packet_passes_by_and_not_the_policy() -> None:
    program = first_match(
        building.rule(*asks(BOTH), Verdict(Outcome.RETURN), handle=1),
        building.rule(*asks(WEB), Mark(80, 0xFFFFFFFF), handle=2),
    )
    (found,) = arrivals((lb(2, 80, WEB),), program).values()
    assert found.step is not None
    assert (found.state, found.step.handle) == ("passed", 1)


def test_bits_that_nobody_adds_to_are_no_harm_and_others_bits_are() -> None:
    assert seen(rule(80, mask=0xFF)) == [OK]
    assert seen(rule(80, mask=0xFF), rule(0x100, mask=0xFF00, priority=-130)) == ["masked", "masked"]


def test_a_late_rule_harms_nobody_whose_packets_have_the_mark_before() -> None:
    late = rule(80, hook="input", priority=100, chain="input", handle=2)
    assert seen(late) == ["late"]
    assert seen(rule(80), late) == [OK, OK]


def test_what_cannot_be_known_is_not_claimed() -> None:
    program = first_match(
        building.rule(*asks(WEB), Mark(80, 0xFFFFFFFF), handle=1),
        building.rule(Ask("limit"), Mark(99, 0xFFFFFFFF), handle=2),
    )
    assert arrivals((lb(1, 80, WEB),), program) == {0: Arrival(MAYBE)}


def test_of_a_rule_that_asks_more_a_packet_that_it_marked_shows_that_it_is_overwritten() -> None:
    client = building.compare(building.SADDR, b"\x0a", "==")  # 10.0.0.0/8
    client = (Load(4, Header(Base.NETWORK, 12, 1)), *client[1:])
    program = first_match(
        building.rule(client, building.protocol(), building.dport(80), building.set_mark(81), handle=1),
        building.rule(building.protocol(), building.dport(80), building.set_mark(80), handle=2),
    )
    asking = replace(lb(1, 81, "any"), selector=None, match=("ip saddr 10.0.0.0/8", "tcp dport 80"))
    assert [found.state for found in arrivals((asking, lb(2, 80, "tcp any 80")), program).values()] == [
        "overwritten",
        OK,
    ]
    assert [found.state for found in arrivals((replace(asking, match=("tcp dport 81",)),), program).values()] == [MAYBE]


def test_a_mark_of_the_connection_that_is_restored_arrives() -> None:
    ruleset = rulesets.ruleset("connmark_restored")
    assert [arrival.state for arrival in arrivals(ruleset.rules, ruleset.program).values()] == [OK]


def test_swarms_packets_arrive() -> None:
    ruleset = rulesets.ruleset("swarm_ingress")
    assert [arrival.state for arrival in arrivals(ruleset.rules, ruleset.program).values()] == [OK] * 4


def test_what_is_redirected_arrives_by_the_address_of_the_interface_and_is_looked_at_again_when_that_changes() -> None:
    redirect = building.base(
        building.rule(*asks("tcp 192.0.2.10 8080"), Nat(None, (80, 80), redirect=True)), kind="nat"
    )
    program = building.program(
        building.table(
            building.base(building.rule(*asks("tcp 192.0.2.10 8080"), Mark(80, 0xFFFFFFFF), handle=1), name="pre"),
            building.base(building.rule(*asks("any 10.0.0.9"), Mark(99, 0xFFFFFFFF)), hook="input", name="in"),
            replace(redirect, name="nat", priority=-100),
            name="lb",
        )
    )
    at = snapshot(rules=Ruleset((lb(1, 80, "tcp 192.0.2.10 8080"),), program=program))
    states = []
    for held in (None, "10.0.0.2", "10.0.0.9"):
        addresses = {} if held is None else {"eth0": (ip_address(held),)}
        at = replace(at, reading=replace(at.reading, addresses=addresses))
        states += [found.state for found in found_arrivals(at).values()]
    assert states == [MAYBE, OK, "overwritten"]


def test_packets_are_walked_once_on_a_machine_of_several_interfaces_too() -> None:
    at = replace(snapshot(rules=Ruleset((lb(1, 80, WEB),))), interfaces=("eth0", "eth1", "lo"))
    found = found_arrivals(at)
    assert found
    assert found_arrivals(replace(at, interfaces=("eth0", "lo"))) is found
    assert found_arrivals(replace(at, interfaces=("eth1", "lo"))) is not found


def test_another_port_of_a_client_is_found() -> None:
    packet = building.packet(service="192.0.2.10:80")
    assert other_port(packet, selector("tcp 192.0.2.10 80")) is None
    found = other_port(packet, selector("tcp 192.0.2.10 80,443"))
    assert found is not None
    assert (found.source, found.destination_port) == (packet.source, 443)
    assert other_port(packet, selector("tcp 2001:db8::1 443")) is None


def of(what: Selector) -> Iterator[Packet]:
    """Return packets that a selector means, from all around the edges of the rules below."""
    protocols = [what.protocol] if what.protocol is not None else [Protocol.TCP, Protocol.UDP]
    for address in map(IPv4Address, ("192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.200", "198.18.0.1")):
        for port in (1, 50, 79, 80, 81, 100, 101, 443):
            meant = not what.addresses or any(address in network for network in what.addresses)
            if meant and (not what.ports or any(first <= port <= last for first, last in what.ports)):
                for protocol in protocols:
                    yield Packet(protocol, ip_address("198.51.100.1"), address, port, 40000)


def test_a_rule_fails_exactly_where_none_of_its_packets_keeps_the_mark() -> None:
    places = [("prerouting", -150), ("prerouting", -120), ("input", 90), ("input", 120)]
    texts = ["tcp 192.0.2.10 80", "tcp 192.0.2.0/24 1-100", "tcp any 80", "udp 192.0.2.10 80", "tcp 192.0.2.11 80"]
    tried = 0
    for mix in range(40):
        chosen = [(texts[(mix * 7 + n * 3) % 5], places[(mix * 5 + n * n) % 4]) for n in range(2 + mix % 4)]
        rules = tuple(
            rule(80 + n % 3, text, handle=n + 1, hook=hook, chain=hook, priority=priority)
            for n, (text, (hook, priority)) in enumerate(chosen)
        )
        program = program_of(rules)
        for place, arrival in arrivals(rules, program).items():
            held = rules[place]
            assert held.selector is not None
            kept = any(arrives(program, packet, held.value or 0) for packet in of(held.selector))
            assert (arrival.state == OK) == kept, (chosen, place)
            tried += not kept
    assert tried > 20
