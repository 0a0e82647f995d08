"""The detail of a row of the changes view: a difference, a record, an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lvstui.core.advice.irrevocable import cannot_return
from lvstui.core.change import change_server, change_service
from lvstui.core.changes.detail import detail
from lvstui.core.changes.events import EventKey
from lvstui.core.changes.rows import DRIFT, HISTORY, ChangeLook, DriftKey, Key, RecordKey
from lvstui.core.events.event import ANOTHER, Event, Found, Happening
from lvstui.core.model import Director, Service
from lvstui.core.record import Kind, Record
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.formats.equivalent import equivalent
from tests.build import SHOP, address_key, block_lines, pool, server, snapshot

API = address_key("tcp:192.0.2.11:443")
ONE = server("10.0.0.1:443", weight=3, name="web1")
MORE = replace(ONE, weight=4)
RUNNING = Director({SHOP: pool(Service(SHOP, name="shop"), ONE)})
NOON = datetime(2026, 11, 22, 12, 30, 5, tzinfo=UTC)
RAISED = change_server(SHOP, ONE, MORE)
SHOWN = snapshot(RUNNING, saved=Director({SHOP: pool(Service(SHOP, name="shop"), MORE)}))


def texts(shown: Snapshot, key: Key, width: int = 100) -> list[str]:
    """Return every title and line of the detail."""
    return block_lines(detail(shown, ChangeLook(), key, width, equivalent, cannot_return))


def test_a_difference_shows_both_sides_and_both_ways_to_settle_it() -> None:
    shown = texts(SHOWN, DriftKey(RAISED.target))
    assert shown[0].endswith("shop / 10.0.0.1:443 web1  differs")
    assert any(line.startswith("Kernel") and "weight 3" in line for line in shown)
    assert any(line.startswith("Profile") and "weight 4" in line for line in shown)
    staged = shown.index("b stages the profile's side")
    kept = shown.index("C copies the kernel's side into the profile")
    assert shown[staged + 1].endswith("weight 3 -> 4")
    assert shown[staged + 2].startswith("  ipvsadm -e ")
    assert shown[kept + 1].endswith("weight 4 -> 3")


def test_what_one_side_lacks_is_said_in_words_and_comes_with_the_service_that_it_needs() -> None:
    shown = snapshot(RUNNING, saved=Director({SHOP: RUNNING.pools[SHOP], API: pool(API, ONE)}))
    lines = texts(shown, DriftKey(change_server(API, None, ONE).target))
    assert "Kernel  does not have it" in lines
    assert any(line.strip().startswith("ipvsadm -A ") for line in lines)


def test_the_heading_of_the_drift_counts_it_and_says_so_in_words_where_there_is_none() -> None:
    assert texts(SHOWN, DRIFT)[0] == "Kernel and profile differ  p  1 difference"
    assert texts(snapshot(RUNNING, saved=RUNNING), DRIFT) == ["Kernel and profile agree  p"]
    missing = texts(replace(SHOWN, profile=ProfileState("p")), DRIFT)
    assert missing == ["There is no profile  p", "w saves all that the kernel holds into the profile."]


def test_a_record_shows_who_did_what_how_and_what_its_undo_would_do() -> None:
    record = Record(3, NOON, "alice", "192.0.2.7", 42, Kind.DO, (change_server(SHOP, MORE, ONE),))
    lines = texts(replace(SHOWN, changes=(record,)), RecordKey(3))
    assert lines[0].endswith("weight 4 -> 3  record 3")
    assert "Who     alice from 192.0.2.7, lvstui with pid 42" in lines
    assert "When    2026-11-22T12:30:05Z" in lines
    back = lines.index("u stages the undo")
    assert lines[back + 1].endswith("weight 3 -> 4")
    assert lines[back + 2].startswith("  ipvsadm -e ")
    assert len(lines) == back + 3


def test_a_record_whose_undo_no_longer_fits_says_what_is_in_the_way() -> None:
    record = Record(3, NOON, "alice", "", 42, Kind.DO, (RAISED,))
    lines = texts(replace(SHOWN, changes=(record,)), RecordKey(3), 200)
    assert any(line.startswith("not as it was left then: ") and "weight 4 -> 3" in line for line in lines)


def test_edits_of_entries_are_listed_and_cannot_be_undone() -> None:
    record = Record(3, NOON, "alice", "", 42, Kind.ENTRIES, (), ("move: 10.1.0.10 of shop is on web2 now",))
    lines = texts(replace(SHOWN, changes=(record,)), RecordKey(3))
    assert lines.count("move: 10.1.0.10 of shop is on web2 now") == 1
    assert "Edits of persistence entries cannot be undone: edit the entries again." in lines


def test_of_a_table_that_was_restored_the_first_changes_are_shown() -> None:
    made = tuple(change_server(SHOP, None, server(f"10.0.{place // 250}.{place % 250}:1")) for place in range(300))
    record = Record(3, NOON, "alice", "", 42, Kind.APPLY, (change_service(None, Service(SHOP)), *made))
    lines = texts(replace(SHOWN, changes=(record,)), RecordKey(3))
    assert lines.count("and 201 more") == 2


def test_an_event_shows_who_it_may_have_been_between_which_readings_and_the_way_back() -> None:
    found = Found(Happening.EDIT, ANOTHER, "shop / web1: weight 4 -> 3", RAISED.target, "seen", (RAISED,), 1)
    event = Event(1, NOON, NOON - timedelta(seconds=1), found)
    lines = texts(replace(SHOWN, events=(event,)), EventKey(1), 200)
    assert lines[0] == "shop / web1: weight 4 -> 3  not ours"
    assert any(line.startswith("Who     not known: the kernel names nobody") for line in lines)
    assert "When    between 2026-11-22 12:30:04 and 12:30:05 UTC, by two readings of the director" in lines
    assert "u stages the undo" in lines
    many = replace(event, found=found._replace(total=500))
    lines = texts(replace(SHOWN, events=(many,)), EventKey(1))
    assert "500 changes  the first 1 of them" in lines
    assert "Only an edit of which all changes are known can be taken back." in lines


def test_what_is_gone_and_an_empty_history_have_no_detail() -> None:
    assert texts(SHOWN, RecordKey(99)) == []
    assert texts(SHOWN, HISTORY) == []
