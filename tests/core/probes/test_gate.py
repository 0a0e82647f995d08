"""What decides about a change on trial by itself: answers of servers, and connections that come or do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from lvstui.core.change import change_server, change_service
from lvstui.core.model import Director, Pool, ServerKey, Service
from lvstui.core.probes.answer import Outcome
from lvstui.core.probes.gate import SETTLED, Decision, Gate, touched_servers
from tests.build import MARK, SHOP, server

ONE, TWO = server("10.0.0.11:443", weight=3), server("10.0.0.12:443", weight=0)
KEY = ServerKey(SHOP, ONE.endpoint)
GOOD: Mapping[ServerKey, Sequence[Outcome]] = {KEY: [Outcome.ANSWERS]}


def decisions(gate: Gate, rounds: Sequence[tuple[float, Sequence[Outcome], int]]) -> list[tuple[Decision, str]]:
    return [gate.judge(seconds, {KEY: outcomes}, {SHOP: rate}) for seconds, outcomes, rate in rounds]


def test_servers_that_answer_again_and_again_and_get_their_connections_are_kept_once_rates_have_settled() -> None:
    gate = Gate({SHOP: 100})
    found = decisions(gate, [(second, [Outcome.ANSWERS], 90) for second in range(1, 11)])
    assert [decision for decision, _ in found] == [Decision.WAIT] * 9 + [Decision.KEEP]
    assert SETTLED == 10


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome.is_bad])
def test_a_server_that_fails_twice_in_a_row_ends_the_trial_at_once(outcome: Outcome) -> None:
    found = decisions(Gate({}), [(1, [outcome], 0), (2, [Outcome.ANSWERS], 0), (3, [outcome], 0), (4, [outcome], 0)])
    assert [decision for decision, _ in found] == [Decision.WAIT] * 3 + [Decision.TAKE_BACK]
    assert found[-1][1].startswith("10.0.0.11 ")


def test_a_service_that_gets_less_than_half_of_what_it_got_ends_the_trial() -> None:
    found = decisions(Gate({SHOP: 100}), [(second, [Outcome.ANSWERS], 49) for second in range(8, 14)])
    assert [decision for decision, _ in found] == [Decision.WAIT] * 4 + [Decision.TAKE_BACK] * 2
    assert found[-1][1] == "49 connections come in a second, and 100 did before"


def test_few_connections_say_nothing_and_where_nobody_can_be_asked_either_a_person_decides() -> None:
    assert decisions(Gate({SHOP: 4}), [(11, [Outcome.ANSWERS], 0)] * 3)[-1][0] is Decision.KEEP
    (decision, why) = Gate({SHOP: 4}).judge(1, {KEY: [Outcome.UNASKED]}, {SHOP: 4})
    assert decision is Decision.OPEN
    assert why.startswith("no server can be asked")


def test_an_answer_that_proves_nothing_keeps_nothing() -> None:
    found = decisions(Gate({}), [(20, [Outcome.UNKNOWN], 0)] * 5)
    assert {decision for decision, _ in found} == {Decision.WAIT}


def test_the_servers_that_a_change_touches_are_those_that_get_connections() -> None:
    director = Director({SHOP: Pool(Service(SHOP), {ONE.endpoint: ONE, TWO.endpoint: TWO})})
    whole = [change_service(Service(SHOP), Service(SHOP, "rr"))]
    assert touched_servers(whole, director) == (KEY,)
    assert touched_servers([change_server(SHOP, ONE, replace(ONE, weight=5))], director) == (KEY,)
    assert touched_servers([change_server(SHOP, replace(TWO, weight=4), TWO)], director) == ()
    assert touched_servers([change_service(None, Service(MARK))], director) == ()
    assert Gate({}).judge(1, GOOD, {})[0] is Decision.WAIT
