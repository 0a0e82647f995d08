"""What services and servers did lately: rings of samples, and the columns of a chart from them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

import pytest

from lvstui.core.history import NO_HISTORY, SERVER_STEPS, SERVICE_STEPS, History, Measure, Recorder
from lvstui.core.model import Director, Endpoint, Family, MarkKey, ServerKey, ServiceKey
from lvstui.core.observed import NO_INFO, Reading, ServerStats, Stats

SHOP, MAIL = MarkKey(80, Family.IPV4), MarkKey(25, Family.IPV4)
WEB = Endpoint(IPv4Address("10.0.0.11"), 80)
DAY = 86_400


def reading(taken: float, rates: Mapping[ServiceKey, int], *, counted: int | None = None) -> Reading:
    """A reading of services with one server each, which get the same; `counted` are all packets so far."""
    packets = round(taken) if counted is None else counted
    stats = {
        key: Stats(in_packets=packets, connection_rate=rate, out_byte_rate=10 * rate) for key, rate in rates.items()
    }
    servers = {key: {WEB: ServerStats(stats=one)} for key, one in stats.items()}
    return Reading(Director(), NO_INFO, taken, stats, servers)


def recorded(rates: Mapping[float, int]) -> History:
    recorder, history = Recorder(), NO_HISTORY
    for taken, rate in rates.items():
        history = recorder.take(reading(taken, {SHOP: rate}))
    return history


def of_shop(history: History, seconds: int, columns: int) -> list[float | None]:
    return history.of(SHOP, Measure.CONNECTIONS, seconds, columns)


def test_nothing_is_known_before_anything_was_read() -> None:
    assert of_shop(NO_HISTORY, 1, 3) == [None, None, None]


def test_the_newest_readings_stand_at_the_right_of_what_was_not_read_yet() -> None:
    assert of_shop(recorded({11: 3, 12: 0, 13: 7}), 1, 5) == [None, None, 3, 0, 7]


def test_services_servers_and_the_whole_director_have_a_past() -> None:
    history = Recorder().take(reading(5, {SHOP: 3, MAIL: 4}))
    assert history.of(ServerKey(MAIL, WEB), Measure.CONNECTIONS, 1, 1) == [4]
    assert history.of(MAIL, Measure.OUT_BYTES, 1, 1) == [40]
    assert history.of_director(Measure.CONNECTIONS, 1, 1) == [7]
    assert history.most(Measure.CONNECTIONS, 24) == 4
    assert history.of(ServerKey(SHOP, Endpoint(WEB.address, 1)), Measure.CONNECTIONS, 1, 1) == [None]


def test_readings_that_come_a_little_early_or_late_leave_no_gap() -> None:
    assert of_shop(recorded({10.0: 1, 10.99: 2, 12.01: 4, 13.0: 3}), 1, 4) == [1.5, 4, 4, 3]


def test_a_rate_holds_for_a_longer_interval_and_a_pause_is_a_gap() -> None:
    assert of_shop(recorded({10: 1, 15: 2, 20: 4}), 1, 11) == [1, *[2] * 5, *[4] * 5]
    assert of_shop(recorded({10: 1, 40: 2}), 1, 31) == [1, *[None] * 29, 2]


def test_counters_that_begin_anew_are_a_gap_not_a_dip() -> None:
    recorder, history = Recorder(), NO_HISTORY
    for taken, counted in ((10, 100), (11, 120), (12, 3), (13, 20)):
        history = recorder.take(reading(taken, {SHOP: 5}, counted=counted))
    assert of_shop(history, 1, 4) == [5, 5, None, 5]


def test_a_column_is_the_mean_of_its_seconds_also_while_it_is_not_full() -> None:
    history = recorded({taken: taken // 10 for taken in range(100, 135)})
    assert of_shop(history, 10, 4) == [10, 11, 12, 13]


@pytest.mark.parametrize("key", [SHOP, ServerKey(SHOP, WEB)])
def test_a_day_is_kept_in_columns_that_tell_its_hours_apart(key: ServiceKey | ServerKey) -> None:
    recorder, history = Recorder(), NO_HISTORY
    for taken in range(0, DAY + DAY // 2, 10):
        history = recorder.take(reading(taken, {SHOP: taken // 3600}))
    found = history.of(key, Measure.CONNECTIONS, 960, 90)
    assert None not in found
    assert found[0] == pytest.approx(12, abs=0.3)
    assert found[-1] == pytest.approx(35, abs=0.3)
    hour = history.of(key, Measure.CONNECTIONS, 40, 90)
    assert None not in hour[2:]


def test_memory_is_bounded() -> None:
    recorder, history = Recorder(), NO_HISTORY
    for taken in range(0, 2 * DAY, 10):
        history = recorder.take(reading(taken, {SHOP: 1}))
    for rings, steps in ((history.services, SERVICE_STEPS), (history.servers, SERVER_STEPS)):
        assert [len(ring) for ring in rings] == [step.length for step in steps]


def test_what_comes_and_goes_does_not_take_the_past_of_the_others() -> None:
    recorder = Recorder()
    recorder.take(reading(10, {SHOP: 1}))
    recorder.take(reading(11, {MAIL: 9, SHOP: 2}))
    history = recorder.take(reading(12, {SHOP: 3}))
    assert of_shop(history, 1, 3) == [1, 2, 3]
    assert history.of(MAIL, Measure.CONNECTIONS, 1, 3) == [None, 9, None]
    assert history.of(ServerKey(SHOP, WEB), Measure.CONNECTIONS, 1, 3) == [1, 2, 3]


def test_a_source_without_statistics_leaves_gaps() -> None:
    recorder = Recorder()
    bare = Reading(Director(), NO_INFO, 10.0, {}, {SHOP: {WEB: ServerStats(stats=None)}})
    history = recorder.take(bare)
    assert history.of(ServerKey(SHOP, WEB), Measure.CONNECTIONS, 1, 1) == [None]
    assert of_shop(history, 1, 1) == [None]


def test_a_past_that_was_handed_out_stays_as_it_was() -> None:
    recorder = Recorder()
    before = recorder.take(reading(10, {SHOP: 1}))
    recorder.take(reading(11, {SHOP: 2}))
    assert of_shop(before, 1, 2) == [None, 1]
