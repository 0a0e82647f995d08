"""Records as lines of JSON: nothing is lost on the way, and nothing else is taken for a record."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.change import Change, DirectorField, change_server, change_sysctl
from lvstui.core.drift import diff
from lvstui.core.model import NOBODYS, Director, Home, RealServer
from lvstui.core.record import Kind, Record
from lvstui.formats.records import Unreadable, dump, load
from tests.core.strategies import ENDPOINTS, SERVICE_KEYS, changes, directors, laws

WHEN = datetime(2026, 11, 22, 12, 30, 5, 123000, UTC)


def record(*edits: Change) -> Record:
    return Record(12, WHEN, "alice", "192.0.2.7", 4711, Kind.DO, edits)


@laws
@given(changes())
def test_every_change_survives_the_way_through_json(change: Change) -> None:
    assert load(dump(record(change))) == record(change)


@laws
@given(directors(), directors(whole=True))
def test_all_that_leads_from_one_director_to_another_survives_in_order(have: Director, want: Director) -> None:
    edits = diff(have, want)
    line = dump(record(*edits))
    assert line.isascii()
    assert "\n" not in line
    assert load(line).changes == edits


@pytest.mark.parametrize(
    "change",
    [
        change_sysctl("sync_threshold", "3 50", "5 100"),
        change_sysctl("conn_reuse_mode", None, ""),
        change_sysctl("\x1b[31m", "1", None),
        Change(DirectorField.SYNC, False, True),
    ],
)
def test_settings_survive_too(change: Change) -> None:
    assert load(dump(record(change))).changes == (change,)


@given(st.text(), st.text(), st.sampled_from(Kind))
def test_the_one_who_did_it_survives_whatever_his_name(user: str, source: str, kind: Kind) -> None:
    told = Record(1, WHEN, user, source, 1, kind, ())
    if not all(text.isprintable() for text in (user, source)):
        assert dump(told).isprintable()
    assert load(dump(told)) == told


@pytest.mark.parametrize("home", [NOBODYS, Home("lb1"), Home("lb1", "blue"), Home("", "a\x1bb")])
def test_where_it_was_done_survives_and_a_record_that_does_not_say_is_as_before(home: Home) -> None:
    line = dump(replace(record(), home=home))
    assert load(line) == replace(record(), home=home)
    assert ("host" in json.loads(line), "netns" in json.loads(line)) == (bool(home.host), bool(home.netns))


def test_the_names_are_those_of_the_profile() -> None:
    (endpoint, *_) = ENDPOINTS[SERVICE_KEYS[0].family]
    server = RealServer(endpoint, weight=3, name="web1")
    told = json.loads(dump(record(change_server(SERVICE_KEYS[0], server, None))))
    assert told == {
        "number": 12,
        "time": "2026-11-22T12:30:05.123Z",
        "user": "alice",
        "source": "192.0.2.7",
        "pid": 4711,
        "kind": "do",
        "changes": [
            {
                "what": "server",
                "service": "tcp:192.0.2.10:443",
                "server": "10.0.0.11:0",
                "old": {"name": "web1", "weight": 3},
                "new": None,
            }
        ],
    }


GOOD = dump(record(change_sysctl("am_droprate", "10", "20")))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "7",
        '"text"',
        GOOD[:-1],
        GOOD.replace('"do"', '"dance"'),
        GOOD.replace("12,", '"12",'),
        GOOD.replace('"changes":[', '"changes":[7,'),
        GOOD.replace('"sysctl",', '"something of a newer lvstui",'),
        GOOD.replace('"old":"10","new":"20"', '"old":null,"new":null'),
        GOOD.replace("2026-", "20x6-"),
        "[" * 100_000,
    ],
)
def test_what_is_no_record_is_reported(line: str) -> None:
    assert line != GOOD
    with pytest.raises(Unreadable):
        load(line)
