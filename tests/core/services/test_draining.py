"""What is said about a drained server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.model import Persistence
from lvstui.core.observed import ServerStats
from lvstui.core.services.row import outlook
from tests.build import server

DRAINED = server("10.0.0.11:443", weight=0)
KEPT = {"expire_quiescent_template": "0", "expire_nodest_conn": "0"}
FIVE_MINUTES = Persistence(300)
EXPIRED = {"expire_quiescent_template": "1", "expire_nodest_conn": "1"}


def test_nothing_is_said_of_a_server_that_takes_clients() -> None:
    assert outlook(replace(DRAINED, weight=1), ServerStats(1, 1, 1), KEPT) == ""


def test_a_server_with_nothing_left_can_be_worked_on() -> None:
    assert "nothing left" in outlook(DRAINED, ServerStats(), KEPT)


def test_what_is_left_is_counted_and_everything_known_is_said_where_there_is_room() -> None:
    left = ServerStats(active=3, inactive=4, sticky=5)
    assert outlook(DRAINED, left, KEPT, FIVE_MINUTES, 250) == (
        "7 conn 5 sticky left; M moves them; clients return, entries last 5m (expire_quiescent_template 0); "
        "open connections keep theirs; deleting it leaves connections hanging (expire_nodest_conn 0); "
        "E shows when the last entry ends"
    )
    assert outlook(DRAINED, left, EXPIRED, FIVE_MINUTES, 250) == (
        "7 conn 5 sticky left; M moves them; clients move on, idle end in 5m (expire_quiescent_template 1); "
        "open connections keep theirs; deleting it ends connections at once (expire_nodest_conn 1); "
        "E shows when the last entry ends"
    )


@pytest.mark.parametrize("left", [ServerStats(12, 0, 236), ServerStats(34_512, 0, 34_512), ServerStats(0, 0, 1)])
def test_eighty_columns_hold_how_much_is_left_and_until_when(left: ServerStats) -> None:
    for settings, until in ((KEPT, "; M moves them; clients return, entries last 5m"), (EXPIRED, "end in 5m")):
        said = outlook(DRAINED, left, settings, FIVE_MINUTES)
        assert "sticky left; " in said
        assert until in said
        assert len(said) <= 78
        assert said in outlook(DRAINED, left, settings, FIVE_MINUTES, 250)
    assert outlook(DRAINED, left, {}, FIVE_MINUTES).endswith("each ends 5m after its client's last connection")


def test_a_narrow_screen_shows_what_is_left_at_least() -> None:
    assert outlook(DRAINED, ServerStats(3, 4, 5), KEPT, FIVE_MINUTES, 10) == "7 conn 5 sticky left"


def test_entries_that_outlive_the_persistence_of_their_service_have_no_bound() -> None:
    said = outlook(DRAINED, ServerStats(sticky=5), KEPT)
    assert said == "0 conn 5 sticky left; M moves them; clients return"


@pytest.mark.parametrize(
    ("seen", "absent"),
    [(ServerStats(active=1), "expire_quiescent_template"), (ServerStats(sticky=1), "expire_nodest_conn")],
)
def test_a_setting_that_does_not_matter_now_is_not_spoken_of(seen: ServerStats, absent: str) -> None:
    assert absent not in outlook(DRAINED, seen, KEPT, FIVE_MINUTES, 250)


def test_settings_that_are_not_known_are_not_spoken_of() -> None:
    said = outlook(DRAINED, ServerStats(1, 0, 1), {}, width=250)
    assert said == "1 conn 1 sticky left; open connections keep theirs; E shows when the last entry ends"
