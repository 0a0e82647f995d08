"""What keys stage on a weight."""

from dataclasses import replace
from ipaddress import IPv4Address

from lvstui.core.change import ServerChange
from lvstui.core.model import INT_MAX, Endpoint, Family, MarkKey, RealServer
from lvstui.core.staging import set_weight, step_weight, toggle_drain

WEB = MarkKey(80, Family.IPV4)
SERVER = RealServer(Endpoint(IPv4Address("10.0.0.11"), 0), weight=3)


def test_steps_add_up_on_what_is_staged_already() -> None:
    once = step_weight(WEB, SERVER, None, 1)
    twice = step_weight(WEB, SERVER, once, 1)
    assert twice == ServerChange(WEB, SERVER, replace(SERVER, weight=5))


def test_stepping_back_to_the_weight_it_has_stages_nothing() -> None:
    assert step_weight(WEB, SERVER, step_weight(WEB, SERVER, None, 1), -1) is None


def test_a_weight_stays_within_what_the_kernel_can_hold() -> None:
    low = step_weight(WEB, SERVER, None, -9)
    high = set_weight(WEB, SERVER, INT_MAX + 1)
    assert low == ServerChange(WEB, SERVER, replace(SERVER, weight=0, resume=3))
    assert high == ServerChange(WEB, SERVER, replace(SERVER, weight=INT_MAX))


def test_a_drain_remembers_the_weight_and_gives_it_back() -> None:
    drained = toggle_drain(WEB, SERVER, None)
    assert drained == ServerChange(WEB, SERVER, replace(SERVER, weight=0, resume=3))
    assert drained.after is not None
    assert toggle_drain(WEB, drained.after, None) == ServerChange(WEB, drained.after, SERVER)


def test_draining_twice_before_enter_stages_nothing() -> None:
    assert toggle_drain(WEB, SERVER, toggle_drain(WEB, SERVER, None)) is None


def test_draining_after_other_steps_remembers_the_weight_that_the_kernel_has() -> None:
    drained = toggle_drain(WEB, SERVER, step_weight(WEB, SERVER, None, 4))
    assert drained == ServerChange(WEB, SERVER, replace(SERVER, weight=0, resume=3))


def test_a_server_drained_by_others_comes_back_with_weight_one() -> None:
    drained = replace(SERVER, weight=0)
    assert toggle_drain(WEB, drained, None) == ServerChange(WEB, drained, replace(SERVER, weight=1))


def test_raising_a_drained_server_by_hand_ends_the_drain() -> None:
    drained = replace(SERVER, weight=0, resume=3)
    assert step_weight(WEB, drained, None, 1) == ServerChange(WEB, drained, replace(SERVER, weight=1))
