"""The rows of the changes view, and which differences an operator means by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given

from lvstui.core.change import Change, change_server, change_service, change_sysctl, change_timeouts, fold, undo
from lvstui.core.changes import rows as change_rows
from lvstui.core.changes.events import EventKey
from lvstui.core.changes.rows import (
    CHANGE_COLUMNS,
    DRIFT,
    HISTORY,
    LANGUAGE,
    ChangeLook,
    DayKey,
    DriftKey,
    Key,
    RecordKey,
    by_target,
    chosen,
    complete_differences,
    rows,
    sentence,
)
from lvstui.core.drift import diff, find_drift
from lvstui.core.events.event import ANOTHER, Event, Found, Happening
from lvstui.core.model import Director, Service, Timeouts
from lvstui.core.record import Kind, Record, lines
from lvstui.core.snapshot import ProfileState, Snapshot
from lvstui.core.view.table import Cell, layout
from tests.build import SHOP, address_key, pool, server, snapshot
from tests.core.strategies import directors

API = address_key("tcp:192.0.2.11:443")
ONE = server("10.0.0.1:443", weight=3)
TWO = server("10.0.0.2:443", weight=1)
EMPTY = ChangeLook()


def cells(shown: Snapshot, key: Key) -> tuple[Cell, ...]:
    return change_rows.cells(shown, EMPTY, key)


RUNNING = Director({SHOP: pool(Service(SHOP, name="shop"), ONE, TWO)}, Timeouts())
SAVED = Director({API: pool(API, ONE, TWO)}, Timeouts(tcp=7))
DAY = DayKey(date(2026, 11, 22))
SHOWN = snapshot(RUNNING, saved=SAVED)
RECORD = Record(
    3,
    datetime(2026, 11, 22, 12, 30, 5, tzinfo=UTC),
    "alice",
    "192.0.2.7",
    42,
    Kind.UNDO,
    (change_server(SHOP, ONE, replace(ONE, weight=4)), change_timeouts(Timeouts(), Timeouts(udp=9))),
)


def test_every_difference_has_a_line_and_every_record_newest_first() -> None:
    shown = replace(SHOWN, changes=(replace(RECORD, number=2), RECORD))
    listed = rows(shown, EMPTY)
    assert listed[0] == DRIFT
    assert listed[-3:] == [DAY, RecordKey(3), RecordKey(2)]
    assert len(listed) == len(SHOWN.profile.drift) + 4
    for key in listed:
        assert len(cells(shown, key)) == len(CHANGE_COLUMNS)
    assert cells(shown, RecordKey(3))[0].text.strip() == "11-22 12:30"
    assert [cell.text for cell in cells(shown, RecordKey(3))][1:4] == ["3", "alice", "undo"]
    assert cells(shown, RecordKey(3))[5].text == "192.0.2.7"
    assert cells(shown, RecordKey(3))[4].text.endswith("weight 3 -> 4, +1 more")
    assert sentence(shown, RecordKey(3)).startswith("3  2026-11-22T12:30:05Z  alice from 192.0.2.7  undo: ")
    assert len(lines(RECORD, RUNNING)) == 2


def test_who_another_program_is_has_room_in_its_column_and_is_found_by_the_word_there() -> None:
    found = Found(Happening.EDIT, ANOTHER, "weight", None, "seen", RECORD.changes[:1], 1)
    shown = replace(SHOWN, events=(Event(9, RECORD.time, None, found),))
    (column,) = (column for column in CHANGE_COLUMNS if column.id == "who")
    for who in (cells(shown, EventKey(9))[2].text, "keepalived", "ldirectord", "kube-proxy"):
        assert len(who) <= column.width
    assert EventKey(9) in rows(shown, ChangeLook(filter=LANGUAGE.parse("who=others")))
    assert EventKey(9) not in rows(shown, ChangeLook(filter=LANGUAGE.parse("who=keepalived")))
    assert f"{ANOTHER}: weight" in sentence(shown, EventKey(9))


def test_the_sentence_below_says_what_became_of_a_trial_where_no_column_has_room_for_it() -> None:
    begun = replace(RECORD, kind=Kind.TRIAL)
    shown = replace(SHOWN, changes=(begun, replace(RECORD, number=4, kind=Kind.KEEP)))
    assert "trial, kept: " in sentence(shown, RecordKey(3))
    assert "trial: " in sentence(replace(SHOWN, changes=(begun,)), RecordKey(3))


def test_a_line_says_by_names_first_what_changed_and_the_sentence_below_has_the_addresses() -> None:
    named = replace(ONE, name="web1")
    raised = replace(RECORD, changes=(change_server(SHOP, named, replace(named, weight=4)),))
    come = replace(RECORD, number=4, changes=(change_server(SHOP, None, named), *RECORD.changes))
    seen = Event(9, RECORD.time, None, Found(Happening.EDIT, "x", "long", None, "seen", raised.changes, 1))
    shown = replace(SHOWN, changes=(raised, come), events=(seen,))
    assert cells(shown, RecordKey(3))[4].text == "shop / web1: weight 3 -> 4"
    assert cells(shown, EventKey(9))[4].text == "shop / web1: weight 3 -> 4"
    assert cells(shown, RecordKey(4))[4].text.startswith("+ shop / web1 10.0.0.1:443: ")
    assert cells(shown, RecordKey(4))[4].text.endswith(", +2 more")
    assert "tcp:192.0.2.10:443 shop / 10.0.0.1:443 web1: weight 3 -> 4" in sentence(shown, RecordKey(3))
    assert RecordKey(3) in rows(shown, ChangeLook(filter=LANGUAGE.parse("192.0.2.10:443")))


def test_the_headings_say_how_kernel_and_profile_stand() -> None:
    assert cells(SHOWN, DRIFT)[4].text.startswith("7 differences")
    assert "holds what the profile says" in cells(snapshot(RUNNING, saved=RUNNING), DRIFT)[4].text
    missing = replace(SHOWN, profile=ProfileState("p"))
    assert "w saves one" in cells(missing, DRIFT)[4].text
    assert cells(replace(SHOWN, profile=ProfileState()), DRIFT)[4].text == "no profile"
    assert cells(SHOWN, DRIFT)[0].text == "Drift 7"
    assert cells(SHOWN, HISTORY)[4].text == "nothing was done or seen here yet"
    assert cells(replace(SHOWN, changes=(RECORD,)), DAY)[0].text == "2026-11-22 1"


def test_the_history_stands_by_days_and_today_has_seconds() -> None:
    older = replace(RECORD, number=1, time=RECORD.time - timedelta(days=3))
    before = replace(RECORD, number=2, time=RECORD.time - timedelta(days=1))
    shown = replace(SHOWN, changes=(older, before, RECORD))
    look = ChangeLook(today=RECORD.time.date())
    past = rows(shown, look)[-6:]
    assert [key for key in past if isinstance(key, RecordKey)] == [RecordKey(3), RecordKey(2), RecordKey(1)]
    titles = [change_rows.cells(shown, look, key)[0].text for key in past]
    assert titles == ["Today 1", "  12:30:05", "Yesterday 1", "  11-21 12:30", "Thu 11-19 1", "  11-19 12:30"]


def test_at_80_columns_a_record_shows_its_number_and_who_did_what_how() -> None:
    shown = [column.id for column, _ in layout(CHANGE_COLUMNS, 78)]
    assert shown == ["when", "number", "who", "kind", "what"]


def test_a_filter_looks_at_drift_and_history_alike() -> None:
    shown = replace(SHOWN, changes=(RECORD,))
    assert rows(shown, ChangeLook(filter=LANGUAGE.parse("tcp_fin"))) == [DRIFT, HISTORY]
    assert rows(shown, ChangeLook(filter=LANGUAGE.parse("timeouts tcp"))) == [
        DRIFT,
        DriftKey(change_timeouts(None, None).target),
        DAY,
        RecordKey(3),
    ]
    assert rows(shown, ChangeLook(filter=LANGUAGE.parse("timeouts !alice")))[-1] == HISTORY
    assert rows(shown, ChangeLook(filter=LANGUAGE.parse("ALICE"))) == [DRIFT, DAY, RecordKey(3)]


def test_a_whole_service_means_its_servers_too() -> None:
    gone = DriftKey(change_service(Service(SHOP), None).target)
    assert set(chosen(SHOWN, (), gone)) == set(diff(Director(RUNNING.pools), Director()))
    comes = DriftKey(change_service(None, Service(API)).target)
    assert set(chosen(SHOWN, (), comes)) == set(diff(Director(), Director(SAVED.pools)))


def test_marked_lines_count_before_the_cursor_and_the_heading_means_all() -> None:
    timeouts = DriftKey(change_timeouts(None, None).target)
    assert chosen(SHOWN, {timeouts}, DRIFT) == (change_timeouts(Timeouts(), Timeouts(tcp=7)),)
    assert chosen(SHOWN, (), DRIFT) == SHOWN.profile.drift
    assert chosen(SHOWN, (), HISTORY) == ()
    assert chosen(SHOWN, (), None) == ()
    assert chosen(SHOWN, {RecordKey(3)}, timeouts) == (change_timeouts(Timeouts(), Timeouts(tcp=7)),)


def test_a_server_comes_with_the_service_that_the_kernel_lacks() -> None:
    one = change_server(API, None, ONE)
    assert chosen(SHOWN, (), DriftKey(one.target)) == (one,)
    assert complete_differences(SHOWN, (one,)) == (change_service(None, Service(API)), one)
    assert complete_differences(SHOWN, SHOWN.profile.drift) == SHOWN.profile.drift


def test_a_row_whose_change_is_gone_says_nothing() -> None:
    gone = DriftKey(change_sysctl("conntrack", None, None).target)
    assert cells(SHOWN, gone)[3].text == ""
    assert sentence(SHOWN, gone) == ""
    assert [cell.text for cell in cells(SHOWN, RecordKey(99))] == [""] * len(CHANGE_COLUMNS)


@given(directors(), directors())
def test_every_difference_is_about_another_thing_and_can_be_restored_alone(running: Director, saved: Director) -> None:
    shown = snapshot(running, saved=saved)
    lines: tuple[Change, ...] = shown.profile.drift
    assert len({change.target for change in lines}) == len(lines)
    for change in lines:
        assert by_target(lines)[change.target] == change
        meant = chosen(shown, (), DriftKey(change.target))
        left = find_drift(fold(running, complete_differences(shown, meant)), saved)
        assert change not in left
        assert set(left) <= set(lines)


@given(directors(), directors())
def test_every_difference_can_be_saved_alone(running: Director, saved: Director) -> None:
    shown = snapshot(running, saved=saved)
    lines = shown.profile.drift
    for change in lines:
        meant = chosen(shown, (), DriftKey(change.target))
        left = find_drift(running, fold(saved, undo(meant), running))
        assert change not in left
        assert set(left) <= set(lines)
