"""Records: shown in a line, found by words, and taken back only while they fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given

from lvstui.core.change import (
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
    fold,
    undo,
)
from lvstui.core.drift import diff, remove_pool
from lvstui.core.model import (
    Director,
    Pool,
    Service,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.record import Kind, Record, Session, find_conflicts, matches
from tests.build import SHOP, server
from tests.core.strategies import directors, laws

WEB1 = server("10.0.0.11:443", weight=3, name="web1")
WEB2 = server("10.0.0.12:443")
MASTER = SyncDaemon(SyncRole.MASTER, "eth1", max_length=1400)
HERE = Director(
    {SHOP: Pool(Service(SHOP, name="Shop"), {WEB1.endpoint: WEB1, WEB2.endpoint: WEB2})},
    Timeouts(),
    {SyncRole.MASTER: MASTER},
    {"drop_entry": "2", "conn_reuse_mode": "1"},
    "lb1",
)
WHEN = datetime(2026, 11, 22, 12, 30, 5, 999999, UTC)


def record(*changes: Change) -> Record:
    return Record(12, WHEN, "al\nice", "192.0.2.7", 4711, Kind.UNDO, changes)


def test_its_title_says_number_time_user_source_and_kind_with_nothing_unprintable() -> None:
    assert record().title == "12  2026-11-22T12:30:05Z  al\\nice from 192.0.2.7  undo"
    assert replace(record(), source="").title == "12  2026-11-22T12:30:05Z  al\\nice  undo"
    assert str(Session("alice", "pts/0", 7, WHEN)) == "alice from pts/0 since 2026-11-22T12:30:05Z (pid 7)"


def test_it_is_found_by_all_words_that_it_says() -> None:
    weighed = record(change_server(SHOP, WEB1, replace(WEB1, weight=5)))
    assert matches(weighed, [])
    assert matches(weighed, ["192.0.2.7", "WEB1", "weight 3 -> 5"])
    assert matches(weighed, ["shop"], HERE)
    assert not matches(weighed, ["shop"])
    assert not matches(weighed, ["web1", "web2"])


@laws
@given(directors(whole=True), directors(whole=True))
def test_what_was_just_done_always_fits(have: Director, want: Director) -> None:
    changes = diff(have, want)
    assert find_conflicts(changes, have) == ()
    assert find_conflicts(undo(changes), fold(have, changes)) == ()


def fits(*changes: Change) -> bool:
    return not find_conflicts(changes, HERE)


def test_what_somebody_changed_since_is_listed_as_what_they_did() -> None:
    mine = change_server(SHOP, replace(WEB1, weight=9), WEB1)
    assert find_conflicts([mine], HERE) == (change_server(SHOP, replace(WEB1, weight=9), WEB1),)
    renamed = change_server(SHOP, replace(WEB1, name="old"), WEB1)
    assert find_conflicts([renamed], HERE) == (change_server(SHOP, replace(WEB1, name="old"), WEB1),)
    assert not fits(change_service(Service(SHOP, "rr"), Service(SHOP)))
    assert not fits(change_timeouts(Timeouts(1), Timeouts()))
    assert not fits(change_sysctl("conn_reuse_mode", "0", "1"))
    assert not fits(Change(DirectorField.NAME, "lb2", "lb1"))
    assert not fits(change_daemon(None, MASTER))


def test_a_service_that_is_gone_is_listed_once() -> None:
    gone = replace(HERE, pools={})
    changes = [change_server(SHOP, WEB1, None), change_server(SHOP, WEB2, None)]
    assert find_conflicts(changes, gone) == (change_service(Service(SHOP), None),)


def test_a_server_that_came_since_keeps_its_service_from_being_removed() -> None:
    pool = HERE.pools[SHOP]
    assert fits(*remove_pool(pool))
    without = replace(pool, servers={WEB1.endpoint: WEB1})
    assert find_conflicts(list(remove_pool(without)), HERE) == (change_server(SHOP, None, WEB2),)


def test_each_change_is_held_against_what_the_ones_before_it_leave() -> None:
    five = replace(WEB1, weight=5)
    assert fits(change_server(SHOP, WEB1, five), change_server(SHOP, five, replace(WEB1, weight=6)))
    assert not fits(change_server(SHOP, WEB1, five), change_server(SHOP, WEB1, five))


def test_what_the_kernel_chose_by_itself_is_no_change_by_somebody() -> None:
    assert fits(change_daemon(replace(MASTER, max_length=0), None))
    assert not fits(change_daemon(replace(MASTER, max_length=1000), None))
    assert fits(change_sysctl("drop_entry", "1", "0"))
