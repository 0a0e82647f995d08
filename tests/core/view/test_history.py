"""The past of the services."""

from __future__ import annotations

from collections.abc import Sequence

from lvstui.core.change import EMPTY
from lvstui.core.model import Family, MarkKey, ServiceKey
from lvstui.core.observed import Info, Reading, Stats
from lvstui.core.view.history import HISTORY_LENGTH, History

SHOP = MarkKey(80, Family.IPV4)


def reading(rate: int, key: ServiceKey = SHOP) -> Reading:
    return Reading(EMPTY, Info("1.2.1", 4096), 0.0, services={key: Stats(connection_rate=rate)})


def history_of(rates: Sequence[int]) -> History:
    history = History()
    for rate in rates:
        history = history.extended(reading(rate))
    return history


def test_a_history_holds_the_rates_in_order() -> None:
    assert history_of([3, 0, 7]).services == {SHOP: (3, 0, 7)}


def test_a_history_is_bounded() -> None:
    rates = list(range(HISTORY_LENGTH + 25))
    assert history_of(rates).services[SHOP] == tuple(rates[-HISTORY_LENGTH:])


def test_services_that_are_gone_are_forgotten() -> None:
    history = History()
    for mark in range(1, 50):
        history = history.extended(reading(1, MarkKey(mark, Family.IPV4)))
        assert list(history.services) == [MarkKey(mark, Family.IPV4)]
