"""What is derived from a snapshot is worked out once, and anew when a part of it changed; the past of the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lvstui.core.model import Director, Family, MarkKey, ServiceKey
from lvstui.core.observed import Info, Reading, Stats
from lvstui.core.snapshot import EMPTY_SNAPSHOT, HISTORY_LENGTH, Derived, History, extend_history

SHOP = MarkKey(80, Family.IPV4)


def test_a_result_is_kept_until_an_input_is_another_object() -> None:
    worked: list[str] = []

    def work(director: Director, word: str) -> Sequence[object]:
        worked.append(word)
        return [director, word]

    snapshot = replace(EMPTY_SNAPSHOT, derived=Derived())
    director = Director()
    first = snapshot.derive(work, director, "one")
    assert snapshot.derive(work, director, "o" + "ne") is first
    assert replace(snapshot, origin="later").derive(work, director, "one") is first
    assert snapshot.derive(work, Director(), "one") is not first
    assert worked == ["one", "one"]


def test_the_empty_snapshot_holds_nothing() -> None:
    assert EMPTY_SNAPSHOT.reading.director == Director()
    assert EMPTY_SNAPSHOT.reading.connections == 0
    assert not EMPTY_SNAPSHOT.undo
    assert EMPTY_SNAPSHOT.scan is None


def reading(rate: int, key: ServiceKey = SHOP) -> Reading:
    return Reading(Director(), Info("1.2.1", 4096), 0.0, services={key: Stats(connection_rate=rate)})


def history_of(rates: Sequence[int]) -> History:
    history: History = {}
    for rate in rates:
        history = extend_history(history, reading(rate))
    return history


def test_a_history_holds_the_rates_in_order() -> None:
    assert history_of([3, 0, 7]) == {SHOP: (3, 0, 7)}


def test_a_history_is_bounded() -> None:
    rates = list(range(HISTORY_LENGTH + 25))
    assert history_of(rates)[SHOP] == tuple(rates[-HISTORY_LENGTH:])


def test_services_that_are_gone_are_forgotten() -> None:
    history: History = {}
    for mark in range(1, 50):
        history = extend_history(history, reading(1, MarkKey(mark, Family.IPV4)))
        assert list(history) == [MarkKey(mark, Family.IPV4)]
