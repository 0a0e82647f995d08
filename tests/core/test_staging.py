"""What is staged: a weight with what a drain remembers, and one edit on top of another."""

from dataclasses import replace

from lvstui.core.attributes import weighed
from lvstui.core.change import Change, change_server, change_service
from lvstui.core.model import INT_MAX, Family, MarkKey, RealServer, Service
from lvstui.core.staging import merge, set_weight
from tests.build import server

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
    drained = weighed(SERVER, 0)
    assert drained == replace(SERVER, weight=0, resume=3)
    assert weighed(drained, 0) == drained
    assert weighed(drained, 3) == SERVER
    assert weighed(drained, 1) == replace(SERVER, weight=1)


def test_two_edits_of_one_server_are_one_from_the_start_of_the_first() -> None:
    upper, both = replace(SERVER, upper=9), replace(SERVER, upper=9, weight=5)
    assert merge([edit(SERVER, upper)], [edit(upper, both)]) == (edit(SERVER, both),)


def test_a_drain_after_a_staged_weight_goes_back_to_the_weight_that_the_server_has() -> None:
    heavier = replace(SERVER, weight=5)
    assert merge([edit(SERVER, heavier)], [edit(heavier, weighed(heavier, 0))]) == (edit(SERVER, weighed(SERVER, 0)),)


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
