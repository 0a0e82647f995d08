"""What others can make us wait for is waited for with patience, and once."""

from __future__ import annotations

from threading import Event

import pytest

from lvstui.host.patience import Lookout, within


def test_what_ends_in_time_gives_its_result_or_its_error() -> None:
    assert within(60, lambda: 7) == 7
    with pytest.raises(KeyError):
        within(60, dict[int, int]().popitem)


def test_what_does_not_end_is_left_to_itself() -> None:
    never = Event()
    with pytest.raises(TimeoutError):
        within(0.01, never.wait)
    never.set()


def test_a_lookout_has_the_newest_result_and_waits_once_for_one_that_is_late() -> None:
    go, begun, calls = Event(), Event(), list[int]()

    def work() -> int:
        calls.append(1)
        begun.set()
        go.wait()
        return len(calls)

    look = Lookout(work, 0, patience=0.01)
    assert look() == 0
    begun.wait()
    assert [look() for _ in range(50)] == [0] * 50
    assert len(calls) == 1
    go.set()
    while look() == 0:
        pass
    assert Lookout(lambda: 5, 0, patience=60)() == 5


def test_a_lookout_raises_what_its_work_raised_and_goes_on() -> None:
    results = iter([3])
    look = Lookout(lambda: next(results), 0, patience=60)
    assert look() == 3
    with pytest.raises(StopIteration):
        look()
