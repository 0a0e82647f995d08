"""Many servers edited at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.change import change_server, change_service, fold, undo
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    INT_MAX,
    Director,
    Endpoint,
    Pool,
    ServerKey,
    Service,
)
from lvstui.core.observed import MachineKey
from lvstui.core.services.batch import (
    Destination,
    copies,
    destination,
    removal,
    targets,
    toggle,
    weigh,
)
from lvstui.core.weights import step, weight_rule
from tests.build import MARK, SHOP, endpoint, server

A = server("10.0.0.11:443", weight=3, name="web1")
B = server("10.0.0.12:443", weight=0, resume=5, name="web2")
C = server("10.0.0.11:0", weight=1, name="app1")
DIRECTOR = Director(
    {
        SHOP: Pool(Service(SHOP, name="shop"), {A.endpoint: A, B.endpoint: B}),
        MARK: Pool(Service(MARK, name="portal"), {C.endpoint: C}),
    }
)
KEY_A, KEY_B, KEY_C = ServerKey(SHOP, A.endpoint), ServerKey(SHOP, B.endpoint), ServerKey(MARK, C.endpoint)
ALL = targets(DIRECTOR, [SHOP, MARK])


def outcome(text: str) -> list[int]:
    """The weights of all servers once a text was applied to them."""
    changes = weigh(ALL, {}, weight_rule(text))
    after = fold(DIRECTOR, changes)
    return [after.pools[key.service].servers[key.endpoint].weight for key in (KEY_A, KEY_B, KEY_C)]


def test_a_service_and_a_machine_stand_for_all_of_their_servers_once() -> None:
    assert list(targets(DIRECTOR, [SHOP])) == [KEY_A, KEY_B]
    assert list(targets(DIRECTOR, [MachineKey(A.endpoint.address), SHOP])) == [KEY_A, KEY_C, KEY_B]


def test_rows_that_are_gone_stand_for_nothing() -> None:
    assert targets(Director(), [SHOP, KEY_A, MachineKey(A.endpoint.address)]) == {}


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("5", [5, 5, 5]),
        ("+2", [5, 0, 3]),
        ("-1", [2, 0, 0]),
        ("50%", [2, 0, 1]),
        ("10%", [1, 0, 1]),
        ("*1.5", [5, 0, 2]),
        ("*0", [0, 0, 0]),
        ("drain", [0, 0, 0]),
        (" Restore ", [3, 5, 1]),
        ("*999999", [2999997, 0, 999999]),
    ],
)
def test_weights_become_what_was_asked_and_drained_servers_stay_drained_unless_told(
    text: str, weights: list[int]
) -> None:
    assert outcome(text) == weights


@pytest.mark.parametrize("text", ["", "x", "5%%", "+", "--1", "1.5", "²", "*", "+99999999999", str(INT_MAX + 1)])
def test_a_weight_that_cannot_be_read_is_a_sentence(text: str) -> None:
    with pytest.raises(FieldError):
        weight_rule(text)


def test_steps_add_up_on_what_is_staged_and_stepping_back_stages_nothing() -> None:
    servers = {KEY_A: A}
    once = dict(zip(servers, weigh(servers, {}, step(1)), strict=True))
    assert weigh(servers, once, step(1)) == (change_server(SHOP, A, replace(A, weight=5)),)
    assert weigh(servers, once, step(-1)) == ()


def test_a_weight_stays_within_what_the_kernel_can_hold() -> None:
    heavy = replace(A, weight=INT_MAX)
    assert weigh({KEY_A: heavy}, {}, step(1)) == ()


def test_an_edit_starts_from_what_the_operator_saw_though_the_server_changed_meanwhile() -> None:
    staged = {KEY_A: change_server(SHOP, A, replace(A, weight=4))}
    now = {KEY_A: replace(A, weight=77)}
    assert weigh(now, staged, step(1)) == (change_server(SHOP, A, replace(A, weight=5)),)


def test_what_else_is_staged_on_a_server_stays_when_its_weight_is_stepped() -> None:
    staged = {KEY_A: change_server(SHOP, A, replace(A, upper=100))}
    assert weigh({KEY_A: A}, staged, step(1)) == (change_server(SHOP, A, replace(A, upper=100, weight=4)),)
    assert weigh({KEY_A: A}, staged, weight_rule("restore")) == tuple(staged.values())


def test_the_drain_key_drains_all_then_takes_that_back() -> None:
    drained = weigh(ALL, {}, toggle(ALL, {}))
    assert drained == (
        change_server(SHOP, A, replace(A, weight=0, resume=3)),
        change_server(MARK, C, replace(C, weight=0, resume=1)),
    )
    staged = {change.target: change for change in drained if isinstance(change.target, ServerKey)}
    assert weigh(ALL, staged, toggle(ALL, staged)) == ()


def test_the_drain_key_brings_drained_servers_back_with_the_weights_they_had() -> None:
    after = fold(DIRECTOR, weigh(ALL, {}, weight_rule("drain")))
    drained = targets(after, [SHOP, MARK])
    back = fold(after, weigh(drained, {}, toggle(drained, {})))
    weights = [back.pools[key.service].servers[key.endpoint].weight for key in (KEY_A, KEY_B, KEY_C)]
    assert weights == [3, 5, 1]


def test_removing_services_and_servers_leaves_nothing_out_and_nothing_twice() -> None:
    changes = removal(DIRECTOR, [KEY_A, SHOP, KEY_C])
    assert changes == (
        change_server(MARK, C, None),
        change_server(SHOP, A, None),
        change_server(SHOP, B, None),
        change_service(DIRECTOR.pools[SHOP].service, None),
    )
    assert fold(fold(DIRECTOR, changes), undo(changes)) == DIRECTOR


def test_removing_a_machine_removes_it_from_every_service() -> None:
    after = fold(DIRECTOR, removal(DIRECTOR, [MachineKey(A.endpoint.address)]))
    assert [list(pool.servers) for pool in after.pools.values()] == [[B.endpoint], []]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop", Destination(SHOP)),
        (" mark:80 ", Destination(MARK)),
        ("tcp:192.0.2.10:443 port 8443", Destination(SHOP, 8443)),
        ("shop port 80", Destination(SHOP, 80)),
    ],
)
def test_a_destination_is_a_service_by_name_or_notation_with_a_port_where_asked(text: str, found: Destination) -> None:
    assert destination(DIRECTOR, text) == found


@pytest.mark.parametrize("text", ["", "nowhere", "tcp:192.0.2.99:443", "shop port 99999", "shop port x"])
def test_a_destination_that_is_not_there_is_a_sentence(text: str) -> None:
    with pytest.raises(FieldError):
        destination(DIRECTOR, text)


def test_servers_are_copied_with_all_they_have_and_another_port_only_where_asked() -> None:
    assert copies(DIRECTOR, {KEY_A: A}, Destination(MARK)) == (change_server(MARK, None, A),)
    moved = replace(A, endpoint=Endpoint(A.endpoint.address, 0))
    assert copies(DIRECTOR, {KEY_A: A}, Destination(MARK, 0)) == ()
    assert copies(Director({MARK: Pool(Service(MARK))}), {KEY_A: A}, Destination(MARK, 0)) == (
        change_server(MARK, None, moved),
    )


def test_a_copied_name_that_is_taken_there_is_left_behind() -> None:
    other = replace(A, endpoint=endpoint("10.0.0.99:0"), name="app1")
    (change,) = copies(DIRECTOR, {KEY_A: other}, Destination(MARK))
    assert change.after == replace(other, name="")
