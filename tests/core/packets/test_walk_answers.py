"""What IPVS sends on to servers, and what they answer, as rules and connection tracking see it."""

from __future__ import annotations

import pytest

from lvstui.core.packets.program import Outcome, Program
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import walk, walk_answer, walk_sent
from tests.core.packets.building import (
    ACCEPT,
    DROP,
    Part,
    base,
    daddr,
    dport,
    iifname,
    oifname,
    packet,
    program,
    rule,
    sport,
    state,
    tcp_flags,
)

NEW, ESTABLISHED, INVALID, UNTRACKED = 8, 2, 1, 64
"""Bits of `ct state`."""


def outcomes(what: Program, protocol: int = 6, *, tracked: bool = False) -> set[Outcome]:
    """Return what may become of an answer from the back to the front."""
    answer = packet("10.0.0.11:80", "198.51.100.1", protocol, interface="back", leaves_by="front")
    return {fate.outcome for fate in walk_answer(what, answer, Surroundings(tracked=tracked)).fates}


def test_an_answer_meets_the_chains_of_what_is_forwarded_up_to_ipvs() -> None:
    for hook in ("ingress", "prerouting", "forward"):
        devices = ("back",) if hook == "ingress" else ()
        assert outcomes(program(base(rule(DROP), hook=hook, devices=devices))) == {Outcome.DROP}
    for hook, priority in (("input", 0), ("output", 0), ("postrouting", 0), ("forward", 101)):
        assert outcomes(program(base(rule(DROP), hook=hook, priority=priority))) == {Outcome.ACCEPT}
    request = walk(program(base(rule(DROP), hook="forward")), packet())
    assert request.fates[0].outcome is Outcome.ACCEPT


@pytest.mark.parametrize(
    ("tests", "drops"),
    [
        ((iifname("back"), oifname("front")), True),
        ((iifname("front"),), False),
        ((oifname("back"),), False),
        ((sport(80), tcp_flags(0x12)), True),
        ((tcp_flags(0x02),), False),
        ((sport(81),), False),
    ],
)
def test_rules_see_both_interfaces_and_the_server_as_its_source(tests: tuple[Part, ...], drops: bool) -> None:
    ruled = program(base(rule(*tests, DROP), hook="forward", priority=0))
    assert outcomes(ruled) == {Outcome.DROP if drops else Outcome.ACCEPT}


def test_the_clients_port_is_not_known() -> None:
    assert outcomes(program(base(rule(dport(40000), DROP), hook="forward"))) == {Outcome.DROP, Outcome.ACCEPT}


@pytest.mark.parametrize(
    ("protocol", "tracked", "seen"), [(6, False, INVALID), (17, False, NEW), (6, True, ESTABLISHED)]
)
def test_connection_tracking_knows_an_answer_only_where_it_keeps_what_ipvs_balances(
    protocol: int, tracked: bool, seen: int
) -> None:
    closed = program(base(rule(state(seen), ACCEPT), hook="forward", priority=0, policy=Outcome.DROP))
    assert outcomes(closed, protocol, tracked=tracked) == {Outcome.ACCEPT}
    open_to_others = program(base(rule(state(seen ^ 0x0F), ACCEPT), hook="forward", priority=0, policy=Outcome.DROP))
    assert outcomes(open_to_others, protocol, tracked=tracked) == {Outcome.DROP}


def test_what_is_sent_on_meets_the_chains_of_what_leaves_this_machine() -> None:
    onward = packet("198.51.100.1:40000", "10.0.0.11:80", interface="", local=True, leaves_by="back")

    def fate(what: Program, *, tracked: bool = False) -> Outcome:
        (found,) = walk_sent(what, onward, Surroundings(tracked=tracked)).fates
        return found.outcome

    for hook in ("output", "postrouting"):
        assert fate(program(base(rule(oifname("back"), daddr("10.0.0.11"), DROP), hook=hook))) is Outcome.DROP
        assert fate(program(base(rule(oifname("front"), DROP), hook=hook))) is Outcome.ACCEPT
    for hook in ("prerouting", "input", "forward"):
        assert fate(program(base(rule(DROP), hook=hook))) is Outcome.ACCEPT
    for seen, tracked in ((UNTRACKED, False), (NEW, True)):
        closed = base(rule(state(seen), ACCEPT), hook="output", priority=0, policy=Outcome.DROP)
        assert fate(program(closed), tracked=tracked) is Outcome.ACCEPT
        assert fate(program(closed), tracked=not tracked) is Outcome.DROP
