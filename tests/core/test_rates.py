"""Rates and their history."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.change import EMPTY
from lvstui.core.model import AddressKey, Endpoint, Family, MarkKey, Protocol, ServiceKey
from lvstui.core.observed import Info, Reading, ServerKey, ServerStats, Stats
from lvstui.core.rates import HISTORY_LENGTH, History, Rates, between
from tests.core.strategies import laws

SHOP = AddressKey(Protocol.TCP, IPv4Address("192.0.2.10"), 443)
WEB1 = Endpoint(IPv4Address("10.0.0.11"), 443)
MARK = MarkKey(80, Family.IPV4)

counters = st.builds(Stats, *[st.integers(0, 2**40)] * 5)


def reading(taken: float, shop: Stats | None = None, web1: Stats | None = None) -> Reading:
    return Reading(
        EMPTY,
        Info("1.2.1", 4096),
        taken,
        services={} if shop is None else {SHOP: shop},
        servers={} if web1 is None else {SHOP: {WEB1: ServerStats(stats=web1)}},
    )


def connections(rates: Sequence[float]) -> list[Reading]:
    """Give readings a second apart whose service counts these many new connections between them."""
    totals = [sum(rates[:n]) for n in range(len(rates) + 1)]
    return [reading(float(second), Stats(int(total))) for second, total in enumerate(totals)]


def history_of(readings: Sequence[Reading]) -> History:
    history = History()
    for before, after in pairwise(readings):
        history = history.extended(between(before, after), after)
    return history


def test_a_rate_is_what_was_counted_meanwhile_by_the_second() -> None:
    rates = between(
        reading(10.0, Stats(100, 10, 20, 3000, 4000), Stats(1, 1, 1, 1, 1)),
        reading(12.0, Stats(101, 14, 30, 5000, 4000), Stats(1, 1, 1, 1, 1)),
    )
    assert rates == {SHOP: Rates(0.5, 2.0, 5.0, 1000.0, 0.0), ServerKey(SHOP, WEB1): Rates(0.0, 0.0, 0.0, 0.0, 0.0)}


def test_a_row_that_is_seen_first_or_has_gone_has_no_rate() -> None:
    some = Stats(5)
    assert between(reading(1.0), reading(2.0, some, some)) == {}
    assert between(reading(1.0, some, some), reading(2.0)) == {}


@pytest.mark.parametrize("place", range(5))
def test_a_counter_that_went_backwards_is_a_gap(place: int) -> None:
    old = Stats(7, 7, 7, 7, 7)
    new = Stats(*(6 if n == place else 9 for n in range(5)))
    assert between(reading(1.0, old, old), reading(2.0, new, new)) == {}


@pytest.mark.parametrize("taken", [1.0, 0.5])
def test_without_time_passed_there_are_no_rates(taken: float) -> None:
    assert between(reading(1.0, Stats(1)), reading(taken, Stats(2))) == {}


def test_an_unknown_row_has_no_rate() -> None:
    rates = between(reading(1.0, Stats(1)), reading(2.0, Stats(2)))
    assert rates.get(MARK) is None
    assert rates.get(ServerKey(MARK, WEB1)) is None
    assert len(rates) == 1


@laws
@given(counters, counters, st.floats(0.01, 3600))
def test_a_rate_times_the_time_is_what_was_counted(old: Stats, new: Stats, seconds: float) -> None:
    rate = between(reading(0.0, old), reading(seconds, new)).get(SHOP)
    steps = [after - before for before, after in zip(old[:5], new[:5], strict=True)]
    if min(steps) < 0:
        assert rate is None
    else:
        assert rate is not None
        assert [part * seconds for part in rate] == pytest.approx(steps)


def test_a_history_holds_the_rates_in_order() -> None:
    assert history_of(connections([3, 0, 7])).services == {SHOP: (3.0, 0.0, 7.0)}


def test_a_history_begins_with_a_rate_and_shows_later_gaps() -> None:
    readings = [reading(second, Stats(count)) for second, count in ((0.0, 5), (1.0, 1), (2.0, 4), (3.0, 0), (4.0, 9))]
    assert history_of(readings).services == {SHOP: (3.0, None, 9.0)}


def test_a_history_is_bounded() -> None:
    rates = list(range(HISTORY_LENGTH + 25))
    assert history_of(connections(rates)).services[SHOP] == tuple(float(rate) for rate in rates[-HISTORY_LENGTH:])


def test_services_that_are_gone_are_forgotten() -> None:
    history = History()
    for second in range(50):
        key: ServiceKey = MarkKey(second + 1, Family.IPV4)
        before, after = (
            Reading(EMPTY, Info("1.2.1", 4096), taken, services={key: Stats(count)})
            for taken, count in ((0.0, 1), (1.0, 2))
        )
        history = history.extended(between(before, after), after)
        assert list(history.services) == [key]
