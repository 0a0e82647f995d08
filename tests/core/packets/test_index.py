"""An index of a chain leaves out no rule that may match a packet."""

from __future__ import annotations

import random

import pytest

from lvstui.core.packets import index
from lvstui.core.packets.program import Check, Immediate, Line, Load, Mark, Member, Program, Write
from lvstui.core.packets.walk import Way, walk
from tests.core.packets import building
from tests.core.packets.building import base, contents, daddr, dport, packet, protocol, rule, set_mark


def lines(chance: random.Random) -> list[Line]:
    """Return rules of all kinds that an index tells apart, and of some that it does not."""
    found = []
    for number in range(40):
        asked = [
            daddr(f"192.0.2.{chance.randrange(4)}", chance.choice(["==", "==", "!="])),
            protocol(chance.choice([6, 17])),
            dport(chance.randrange(80, 84), chance.choice(["==", ">"])),
            (Load(4, building.DPORT), Member(4, contents(*(bytes((0, n)) for n in chance.sample(range(80, 84), 2))))),
            (Check(("tcp dport", "udp dport"), ((80, 80),)),),
            (Check(("ip daddr",), ((0xC0000201, 0xC0000201), (0xC0000202, 0xC0000202)), chance.random() < 0.3),),
        ]
        parts = chance.sample(asked, chance.randrange(3))
        done = chance.choice(
            [
                (Mark(1 << number % 30, 1 << number % 30),),
                set_mark(number),
                (Immediate(4, bytes((0, chance.randrange(80, 84)))), Write(4, building.DPORT)),
            ]
        )
        found.append(rule(*parts, done, handle=number + 1))
    return found


def ways(program: Program) -> list[Way]:
    return [
        walk(program, packet(service=f"192.0.2.{host}:{port}", protocol=protocol), steps=True)
        for host in range(4)
        for port in range(79, 85)
        for protocol in (6, 17)
    ]


@pytest.mark.parametrize("seed", range(25))
def test_packets_go_the_same_way_with_an_index_and_without(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rules = lines(random.Random(seed))
    found = ways(building.program(base(*rules)))
    monkeypatch.setattr(index, "_SHORT", 1000)
    assert ways(building.program(base(*rules))) == found


def test_an_unknown_header_may_match_every_rule() -> None:
    rules = [rule(building.sport(port), set_mark(port)) for port in range(1, 41)]
    way = walk(building.program(base(*rules)), packet(source="198.51.100.1"))
    assert {fate.mark for fate in way.fates} == set(range(41))
