"""The laws of changes, on generated directors."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.attributes import with_weight
from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_server,
    change_service,
    change_sysctl,
    changes_in_effect,
    fold,
    inverse,
    kernel_writes,
    lookup,
    merge,
    put,
    set_weight,
    starts_from_kernel,
    strip_profile_values,
    undo,
)
from lvstui.core.drift import add_profile_values, complete_profile, diff, find_drift, keep_managed, remove_pool
from lvstui.core.model import (
    INT_MAX,
    Director,
    Family,
    MarkKey,
    Pool,
    RealServer,
    ServerKey,
    Service,
    SyncRole,
    SysctlKey,
    Timeouts,
)
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import address_key, server
from tests.core.strategies import changes, directors, laws

KEY = address_key("tcp:192.0.2.10:443")
WEB1 = server("10.0.0.11:443", weight=3, name="web1")
WEB2 = server("10.0.0.12:443", weight=3)
SHOP = Pool(Service(KEY, name="shop"), {WEB1.endpoint: WEB1, WEB2.endpoint: WEB2})


def as_reading(director: Director) -> Director:
    """Return the director that is read from a kernel which holds this one."""
    return MemoryKernel(director).read().director


@laws
@given(directors(), directors())
def test_the_differences_lead_from_one_director_to_the_other(have: Director, want: Director) -> None:
    assert fold(have, diff(have, want)) == want


@laws
@given(directors(), directors())
def test_undoing_the_differences_leads_back(have: Director, want: Director) -> None:
    assert fold(want, undo(diff(have, want))) == have


@laws
@given(directors())
def test_a_director_does_not_differ_from_itself_or_an_equal_one(director: Director) -> None:
    twin = replace(director, pools={key: replace(pool) for key, pool in reversed(tuple(director.pools.items()))})
    assert diff(director, director) == ()
    assert diff(director, twin) == ()


@laws
@given(changes())
def test_an_inverted_change_inverted_again_is_the_change(change: Change) -> None:
    assert inverse(inverse(change)) == change
    assert inverse(change) != change


@laws
@given(directors(), directors(), directors())
def test_a_change_folds_into_any_drifted_profile(profile: Director, have: Director, want: Director) -> None:
    for change in diff(have, want):
        assert lookup(put(profile, change.target, change.after, seen=have), change.target) == change.after


@laws
@given(directors(), directors())
def test_folding_a_change_leaves_everything_else_alone(have: Director, want: Director) -> None:
    for change in diff(have, want):
        if isinstance(change.target, ServerKey):
            folded = fold(want, (change,), seen=have)
            assert {**folded.pools, change.target.service: 0} == {**want.pools, change.target.service: 0}
            assert (folded.name, folded.timeouts, folded.sync) == (want.name, want.timeouts, want.sync)


def test_a_server_change_adopts_the_service_that_the_profile_lacks_from_the_reading() -> None:
    seen = Director(pools={KEY: SHOP})
    drained = replace(WEB1, weight=0)
    folded = fold(EMPTY, (change_server(KEY, WEB1, drained),), seen)
    assert folded.pools == {KEY: Pool(SHOP.service, {WEB1.endpoint: drained, WEB2.endpoint: WEB2})}


def test_a_server_change_on_a_service_that_nobody_knows_makes_a_plain_one() -> None:
    assert fold(EMPTY, (change_server(KEY, None, WEB1),)).pools == {KEY: Pool(Service(KEY), {WEB1.endpoint: WEB1})}


@laws
@given(directors(whole=True), directors(whole=True))
def test_what_is_written_to_the_kernel_makes_it_hold_what_is_wanted(have: Director, want: Director) -> None:
    kernel = MemoryKernel(have)
    for change in kernel_writes(diff(have, want)):
        kernel.write(change)
    assert kernel.read().director.pools == as_reading(want).pools
    assert find_drift(kernel.read().director, want) == ()


@laws
@given(st.lists(directors(whole=True), min_size=2, max_size=4))
def test_what_is_written_of_a_whole_history_makes_it_hold_the_last(history: list[Director]) -> None:
    done = [change for have, want in pairwise(history) for change in diff(have, want)]
    kernel = MemoryKernel(history[0])
    for change in kernel_writes(done):
        kernel.write(change)
    assert kernel.read().director.pools == as_reading(history[-1]).pools
    assert find_drift(kernel.read().director, history[-1]) == ()


@laws
@given(directors(), directors())
def test_what_the_kernel_cannot_hold_is_never_written(have: Director, want: Director) -> None:
    for change in kernel_writes(diff(have, want)):
        assert change.target not in (DirectorField.SYNC, DirectorField.NAME)
        assert strip_profile_values(change.before) != strip_profile_values(change.after)


def test_the_removal_of_a_service_is_one_kernel_write() -> None:
    assert kernel_writes(remove_pool(SHOP)) == (change_service(SHOP.service, None),)


def test_a_server_taken_from_a_service_that_was_created_anew_is_written() -> None:
    removal = change_server(KEY, WEB1, None)
    anew = (change_service(SHOP.service, None), change_service(None, SHOP.service), change_server(KEY, None, WEB1))
    assert kernel_writes((*anew, removal)) == (*anew, removal)


def test_a_server_that_comes_back_before_its_service_goes_is_not_written() -> None:
    went = (change_server(KEY, WEB1, None), change_server(KEY, None, WEB2), change_service(SHOP.service, None))
    assert kernel_writes(went) == (change_service(SHOP.service, None),)


def test_servers_that_went_with_their_service_count_as_removed_although_nothing_was_written() -> None:
    failing = change_sysctl("conntrack", "0", "1")
    changes = (*remove_pool(SHOP), failing)
    writes = kernel_writes(changes)
    assert writes == (change_service(SHOP.service, None), failing)
    assert changes_in_effect(changes, writes, 1) == tuple(remove_pool(SHOP))
    assert changes_in_effect(changes, writes, 0) == ()


@laws
@given(directors())
def test_a_kernel_that_holds_the_profile_has_not_drifted(profile: Director) -> None:
    assert find_drift(as_reading(profile), profile) == ()


@laws
@given(directors())
def test_a_reading_without_timeouts_and_daemons_shows_no_drift_in_them(profile: Director) -> None:
    told_by_proc = replace(as_reading(profile), timeouts=None, sync=None)
    assert find_drift(told_by_proc, profile) == ()


@laws
@given(directors(whole=True), directors(whole=True))
def test_writing_the_drift_ends_it(running: Director, profile: Director) -> None:
    kernel = MemoryKernel(running)
    for change in kernel_writes(find_drift(kernel.read().director, profile)):
        kernel.write(change)
    assert find_drift(kernel.read().director, profile) == ()


@laws
@given(directors(), directors())
def test_dressing_changes_nothing_that_the_kernel_holds(running: Director, profile: Director) -> None:
    assert as_reading(add_profile_values(running, profile)) == as_reading(running)


@laws
@given(directors())
def test_a_reading_dressed_by_its_own_profile_is_the_profile(profile: Director) -> None:
    assert add_profile_values(as_reading(profile), profile).pools == profile.pools


def test_what_the_profile_leaves_to_the_kernel_is_taken_from_it() -> None:
    running = MemoryKernel().read().director
    complete = complete_profile(Director(), running)
    assert (complete.timeouts, complete.sync) == (Timeouts(), {})
    assert SyncRole.MASTER not in (complete.sync or {})


SET = Director(sysctl={"conntrack": "1", "drop_entry": "1"})


@laws
@given(directors(), directors())
def test_settings_that_a_profile_leaves_out_are_no_drift(running: Director, profile: Director) -> None:
    held = as_reading(running)
    differences = {c.target.name: c for c in find_drift(held, profile) if isinstance(c.target, SysctlKey)}
    assert differences.keys() <= profile.sysctl.keys()
    for name, change in differences.items():
        assert (change.before, change.after) == (held.sysctl[name], profile.sysctl[name])


def test_a_setting_that_nothing_mentions_is_no_drift_but_one_that_the_kernel_lacks_is() -> None:
    assert find_drift(Director(), SET) == ()
    lacking = replace(as_reading(EMPTY), sysctl={"drop_entry": "2"})
    assert find_drift(lacking, SET) == (change_sysctl("conntrack", None, "1"),)


def test_a_profile_takes_of_the_settings_only_what_it_manages_already() -> None:
    running = replace(as_reading(EMPTY), sysctl={"conntrack": "0", "drop_entry": "2", "am_droprate": "10"})
    assert keep_managed(running, EMPTY).sysctl == {}
    assert keep_managed(running, SET).sysctl == {"conntrack": "0", "drop_entry": "1"}
    assert keep_managed(running, SET).timeouts == running.timeouts


def test_giving_a_setting_up_is_nothing_for_the_kernel_and_taking_it_back_needs_no_look() -> None:
    given_up = change_sysctl("conntrack", "1", None)
    assert kernel_writes((given_up,)) == ()
    assert fold(SET, (given_up,)).sysctl == {"drop_entry": "1"}
    assert kernel_writes((inverse(given_up),)) == (inverse(given_up),)
    assert not starts_from_kernel(inverse(given_up))
    assert starts_from_kernel(change_sysctl("conntrack", "1", "0"))


WEB = MarkKey(80, Family.IPV4)
SERVICE = Service(WEB)
SERVER = server("10.0.0.11:0", weight=3)
OTHER = server("10.0.0.12:0")


def edit(before: RealServer | None, after: RealServer | None) -> Change:
    return change_server(WEB, before, after)


def test_the_weight_it_has_stages_nothing() -> None:
    assert set_weight(WEB, SERVER, 3) is None


def test_a_weight_stays_within_what_the_kernel_can_hold() -> None:
    assert set_weight(WEB, SERVER, -9) == edit(SERVER, replace(SERVER, weight=0, resume=3))
    assert set_weight(WEB, SERVER, INT_MAX + 1) == edit(SERVER, replace(SERVER, weight=INT_MAX))


def test_a_drain_remembers_the_weight_and_any_other_weight_ends_it() -> None:
    drained = with_weight(SERVER, 0)
    assert drained == replace(SERVER, weight=0, resume=3)
    assert with_weight(drained, 0) == drained
    assert with_weight(drained, 3) == SERVER
    assert with_weight(drained, 1) == replace(SERVER, weight=1)


def test_two_edits_of_one_server_are_one_from_the_start_of_the_first() -> None:
    upper, both = replace(SERVER, upper=9), replace(SERVER, upper=9, weight=5)
    assert merge([edit(SERVER, upper)], [edit(upper, both)]) == (edit(SERVER, both),)


def test_a_drain_after_a_staged_weight_goes_back_to_the_weight_that_the_server_has() -> None:
    heavier = replace(SERVER, weight=5)
    assert merge([edit(SERVER, heavier)], [edit(heavier, with_weight(heavier, 0))]) == (
        edit(SERVER, with_weight(SERVER, 0)),
    )


def test_an_edit_taken_back_before_enter_leaves_nothing() -> None:
    upper = replace(SERVER, upper=9)
    assert merge([edit(SERVER, upper)], [edit(upper, SERVER)]) == ()
    assert merge([edit(None, SERVER)], [edit(SERVER, None)]) == ()


def test_edits_of_different_objects_stay_in_the_order_in_which_they_were_made() -> None:
    after = replace(SERVICE, name="web")
    named = change_service(SERVICE, after)
    staged: tuple[Change, ...] = (edit(SERVER, replace(SERVER, upper=9)), edit(None, OTHER))
    assert merge(staged, [named]) == (*staged, named)
    assert merge([change_service(None, SERVICE), edit(None, OTHER)], [named]) == (
        change_service(None, after),
        edit(None, OTHER),
    )


def test_a_removal_comes_after_the_addition_that_takes_its_place() -> None:
    heavier = replace(SERVER, weight=5)
    moved = replace(heavier, endpoint=OTHER.endpoint)
    assert merge([edit(SERVER, heavier)], [edit(None, moved), edit(heavier, None)]) == (
        edit(None, moved),
        edit(SERVER, None),
    )
