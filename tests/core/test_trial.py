"""How a change on trial is taken back object by object, on generated directors and on those that people meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given

from lvstui.core.change import Change, change_server, change_service, fold, kernel_writes
from lvstui.core.drift import diff, find_drift, remove_pool
from lvstui.core.model import Director, Pool, RealServer, ServerKey, Service, ServiceKey
from lvstui.core.record import Kind, Record, Session
from lvstui.core.trial import Trial, WayBack, find_held, find_way_back, why_not, with_held, without
from lvstui.engine.messages import Applied, Edit
from lvstui.engine.writing import Writing
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import SHOP, address_key, server
from tests.core.strategies import directors, laws

WEB1 = server("10.0.0.11:443", weight=3, name="web1")
WEB2 = server("10.0.0.12:443", weight=1)
WEB3 = server("10.0.0.13:443", weight=1)
OTHER = address_key("tcp:192.0.2.20:80")
PLAIN = Director({SHOP: Pool(Service(SHOP), {WEB1.endpoint: WEB1, WEB2.endpoint: WEB2})})


def weigh(one: RealServer, weight: int, key: ServiceKey = SHOP) -> Change:
    return change_server(key, one, replace(one, weight=weight))


def added(key: ServiceKey, *servers: RealServer) -> tuple[Change, ...]:
    return (change_service(None, Service(key)), *(change_server(key, None, one) for one in servers))


def took_back(changes: Sequence[Change], others: Sequence[Change] = ()) -> tuple[Director, WayBack]:
    """Make changes, then those of others, take the former back, and return what there is then."""
    running = fold(fold(PLAIN, changes), others)
    way = find_way_back(changes, running)
    return fold(running, way.back), way


@laws
@given(directors(whole=True), directors(whole=True))
def test_what_nobody_has_touched_goes_back_to_what_it_was(start: Director, wanted: Director) -> None:
    kernel = MemoryKernel(start)
    before = kernel.read().director
    changes = find_drift(before, wanted)
    outcome = Writing(kernel, Edit(changes)).run()
    assume(isinstance(outcome, Applied))
    way = find_way_back(changes, kernel.read().director)
    assert not way.left_alone
    assert isinstance(Writing(kernel, Edit(way.back)).run(), Applied)
    assert not kernel_writes(diff(kernel.read().director, before))


@laws
@given(directors(whole=True), directors(whole=True), directors(whole=True))
def test_what_others_have_changed_is_left_alone_and_the_rest_goes_back(
    start: Director, wanted: Director, others: Director
) -> None:
    before = MemoryKernel(start).read().director
    changes = find_drift(before, wanted)
    tried = fold(before, changes, before)
    theirs = kernel_writes(diff(tried, replace(others, timeouts=tried.timeouts, sysctl=tried.sysctl)))[::2]
    running = fold(tried, theirs, tried)
    way = find_way_back(changes, running)
    after = fold(running, way.back, running)
    ours = {change.target for change in changes}
    touched = {change.target for change in theirs} - ours
    for key, pool in running.pools.items():
        for endpoint, one in pool.servers.items():
            if ServerKey(key, endpoint) in touched:  # only somebody else's: it is there as they left it
                assert after.pools[key].servers[endpoint] == one
    assert {change.target for change in way.left_alone}.isdisjoint(change.target for change in way.back)


def test_of_a_trial_that_was_half_written_only_what_is_there_goes_back() -> None:
    changes = (weigh(WEB1, 5), weigh(WEB2, 7))
    running = fold(PLAIN, changes[:1])
    way = find_way_back(changes, running)
    assert way == WayBack((weigh(replace(WEB1, weight=5), 3),), ())


def test_a_service_that_was_deleted_and_is_there_half_again_goes_back_from_where_it_is() -> None:
    pool = PLAIN.pools[SHOP]
    heavier = replace(WEB1, weight=9)
    changes = (*remove_pool(pool), *added(SHOP, heavier))
    for reached in range(len(changes) + 1):
        running = fold(PLAIN, changes[:reached])
        way = find_way_back(changes, running)
        assert not way.left_alone, reached
        assert fold(running, way.back).pools == PLAIN.pools, reached


def test_a_server_that_somebody_else_has_weighed_meanwhile_stays_as_they_left_it_and_is_named() -> None:
    after, way = took_back((weigh(WEB1, 5), weigh(WEB2, 7)), [weigh(replace(WEB1, weight=5), 6)])
    assert {one.weight for one in after.pools[SHOP].servers.values()} == {6, 1}
    assert [(change.before, change.after) for change in way.left_alone] == [
        (replace(WEB1, weight=5), replace(WEB1, weight=6))
    ]


def test_what_others_have_changed_is_named_by_its_name_which_the_kernel_does_not_know() -> None:
    pool = PLAIN.pools[SHOP]
    six = {WEB1.endpoint: replace(WEB1, weight=6, name=""), WEB2.endpoint: WEB2}
    way = find_way_back((weigh(WEB1, 5),), Director({SHOP: replace(pool, servers=six)}))
    assert [(change.before, change.after) for change in way.left_alone] == [
        (replace(WEB1, weight=5), replace(WEB1, weight=6))
    ]


def test_what_somebody_else_took_back_already_is_not_named() -> None:
    after, way = took_back((weigh(WEB1, 5),), [weigh(replace(WEB1, weight=5), 3)])
    assert (after, way) == (PLAIN, WayBack((), ()))


def test_a_service_that_others_have_put_a_server_into_stays_with_that() -> None:
    after, way = took_back(added(OTHER, WEB1), [change_server(OTHER, None, WEB3)])
    assert set(after.pools[OTHER].servers) == {WEB3.endpoint}
    assert [change.target for change in way.left_alone] == [OTHER]


def test_a_service_on_trial_with_a_server_that_others_have_weighed_stays_with_that() -> None:
    after, way = took_back(added(OTHER, WEB1, WEB2), [weigh(WEB1, 9, OTHER)])
    assert set(after.pools[OTHER].servers) == {WEB1.endpoint}
    assert {change.target for change in way.left_alone} == {OTHER, ServerKey(OTHER, WEB1.endpoint)}


def test_a_server_does_not_go_back_into_a_service_that_others_have_deleted() -> None:
    after, way = took_back(
        (change_server(SHOP, WEB1, None),), list(remove_pool(Pool(Service(SHOP), {WEB2.endpoint: WEB2})))
    )
    assert not after.pools
    assert [change.target for change in way.left_alone] == [ServerKey(SHOP, WEB1.endpoint)]


def test_servers_do_not_go_back_into_a_service_that_others_have_made_anew() -> None:
    after, way = took_back(tuple(remove_pool(PLAIN.pools[SHOP])), [change_service(None, Service(SHOP, "rr"))])
    assert after.pools == {SHOP: Pool(Service(SHOP, "rr"))}
    assert {change.target for change in way.left_alone} >= {SHOP}


def test_a_profile_has_what_is_on_trial_only_as_long_as_the_kernel_holds_it() -> None:
    changes = (weigh(WEB1, 5), weigh(WEB2, 7))
    running = fold(fold(PLAIN, changes), [weigh(replace(WEB2, weight=7), 8)])
    assert with_held(PLAIN, changes, running) == fold(PLAIN, changes[:1])
    assert without(running, changes) == fold(PLAIN, [weigh(WEB2, 8)])
    assert without(running, changes, [ServerKey(SHOP, WEB1.endpoint)]) == running
    assert find_held(changes, running) == changes[:1]


@pytest.mark.parametrize(("user", "may"), [("anna", True), ("root", True), ("ben", False)])
def test_the_same_person_and_root_decide_about_a_trial_and_nobody_else(user: str, may: bool) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    trial = Trial("a1", Record(0, now, "anna", "192.0.2.7", 1, Kind.DO, ()), "boot", 10.0, 10.0)
    reason = why_not(trial, Session(user, "", 2, now))
    assert (not reason) is may
    assert may or "by anna from 192.0.2.7, who decides about it, or root" in reason
