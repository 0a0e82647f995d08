"""What is said about a drained server."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.draining import outlook
from lvstui.core.model import Endpoint, RealServer
from lvstui.core.observed import ServerStats

DRAINED = RealServer(Endpoint(IPv4Address("10.0.0.11"), 443), weight=0)
KEPT = {"expire_quiescent_template": "0", "expire_nodest_conn": "0"}
EXPIRED = {"expire_quiescent_template": "1", "expire_nodest_conn": "1"}


def test_nothing_is_said_of_a_server_that_takes_clients() -> None:
    assert outlook(replace(DRAINED, weight=1), ServerStats(1, 1, 1), KEPT) == ""


def test_a_server_with_nothing_left_can_be_worked_on() -> None:
    assert "nothing left" in outlook(DRAINED, ServerStats(), KEPT)


def test_what_is_left_is_counted_and_the_settings_are_put_into_words() -> None:
    said = outlook(DRAINED, ServerStats(active=3, inactive=4, sticky=5), KEPT)
    assert said.startswith("7 conn 5 sticky left; sticky clients return (expire_quiescent_template 0)")
    assert said.endswith("deleting it leaves connections hanging (expire_nodest_conn 0)")
    said = outlook(DRAINED, ServerStats(active=3, inactive=4, sticky=5), EXPIRED)
    assert "move on (expire_quiescent_template 1)" in said
    assert "ends connections at once (expire_nodest_conn 1)" in said


@pytest.mark.parametrize(
    ("seen", "absent"),
    [(ServerStats(active=1), "expire_quiescent_template"), (ServerStats(sticky=1), "expire_nodest_conn")],
)
def test_a_setting_that_does_not_matter_now_is_not_spoken_of(seen: ServerStats, absent: str) -> None:
    assert absent not in outlook(DRAINED, seen, KEPT)


def test_settings_that_are_not_known_are_not_spoken_of() -> None:
    assert outlook(DRAINED, ServerStats(1, 0, 1), {}) == "1 conn 1 sticky left"
