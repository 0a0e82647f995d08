"""The head: where one is stays readable, words of state are never cut, and totals give way to both."""

from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import change_service
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import AddressKey, Director, Endpoint, Pool, Protocol, RealServer, ServerKey, Service
from lvstui.core.observed import NO_INFO, Reading, Stats
from lvstui.core.record import Owner
from lvstui.core.snapshot import Host, ProfileState, Snapshot
from lvstui.core.view.head import Bearings, Word, host_texts, status, tabs, totals, way_back, words
from lvstui.core.view.table import Tone

SHOP = AddressKey(Protocol.TCP, IPv4Address("192.0.2.10"), 443)
WEB = Endpoint(IPv4Address("10.0.0.11"), 443)
POOL = Pool(Service(SHOP, name="shop"), {WEB: RealServer(WEB, name="web1")})
SEEN = Snapshot(
    Reading(Director({SHOP: POOL}), NO_INFO, 5.0, {SHOP: Stats(connection_rate=317, in_byte_rate=248_000)}),
    "Linux 6.1.176",
    Host("lb1.example", 3.0, 1.0, 20.0),
)
VIEWS = ("services", "persistence", "marks", "connections", "director", "changes")
SERVICES = Bearings("services")


def line(snapshot: Snapshot, bearings: Bearings, width: int) -> list[str]:
    """Return the lines of the status as text."""
    left, rows = status(snapshot, bearings, width)
    return ["  ".join([total.text for total in left])] + ["  ".join(word.text for word in row) for row in rows]


@pytest.mark.parametrize("width", [158, 78, 58, 38])
@pytest.mark.parametrize("view", VIEWS)
def test_all_six_views_are_on_every_screen_and_the_one_that_is_shown_is_written_out(view: str, width: int) -> None:
    place, titles = tabs(host_texts(SEEN), VIEWS, view, width)
    assert [title[0] for title in titles] == list("123456")
    assert f"{VIEWS.index(view) + 1} {view.capitalize()}" in titles
    assert len("  ".join([place, *titles] if place else titles)) <= width


def test_at_80_columns_the_views_are_written_out_beside_the_host() -> None:
    place, titles = tabs(host_texts(SEEN), VIEWS, "marks", 78)
    assert (place, titles[1], titles[5]) == ("lb1", "2 Persistence", "6 Changes")
    wide, _ = tabs(host_texts(SEEN), VIEWS, "marks", 158)
    assert wide == "lb1.example  Linux 6.1.176"


def test_a_demo_says_so_on_any_screen() -> None:
    demo = replace(SEEN, origin="demo")
    for width in (158, 100, 78):
        place, _ = tabs(host_texts(demo), VIEWS, "services", width)
        assert "demo" in place


def test_a_long_host_is_shortened_before_any_view() -> None:
    long = replace(SEEN, host=Host("loadbalancer-frankfurt"))
    place, titles = tabs(host_texts(long), VIEWS, "services", 78)
    assert place.startswith("lo")
    assert len(place) == 4
    assert titles[1] == "2 Persistence"


def test_numbers_stand_before_their_units_and_fall_away_from_the_right() -> None:
    shown = "317 conn/s  in 248 kB/s  out 0 B/s  1 service  1 server  3 % cpu  1 % softirq  every 1 s"
    assert line(SEEN, SERVICES, 158) == [shown, "no profile"]
    assert line(SEEN, SERVICES, 50) == ["317 conn/s  in 248 kB/s  out 0 B/s", "no profile"]
    assert line(SEEN, SERVICES, 12) == ["", "no profile"]


def test_a_load_that_cannot_be_read_is_left_out() -> None:
    found = [total.text for total in totals(replace(SEEN, host=Host("lb1", None, 3.0, None)))]
    assert "3 % softirq" in found
    assert not any("cpu" in text for text in found)


def test_words_of_state_are_never_cut_and_take_another_line_where_there_is_no_room() -> None:
    state = ProfileState("director.toml", exists=True, unsaved=2)
    busy = replace(SEEN, profile=state, read_only="because", paused=True, owners=(Owner("keepalived", 7),))
    bearings = replace(SERVICES, words=(Word("3 marked", Tone.STAGED),), advised=2)
    every = [word.text for word in words(busy, bearings)]
    assert every == ["2 unsaved", "read-only", "paused", "keepalived", "3 marked", "advice 2"]
    for width in (78, 58, 38, 20):
        first, *rows = line(busy, bearings, width)
        assert "  ".join(rows) == "  ".join(every)
        assert all(len(row) <= width for row in rows)
        assert len(first) + len(rows[0]) + 2 <= width or not first


def test_trouble_stands_first_then_what_a_person_chose_and_what_is_staged_wherever_it_is() -> None:
    health = {ServerKey(SHOP, WEB): Verdict(Trouble.REFUSING, "", 1.0)}
    seen = replace(SEEN, health=health, paused=True)
    bearings = replace(SERVICES, staged={"services": 1, "marks": 2, "director": 0}, advised=1)
    found = words(seen, bearings)
    shown = ["1 refusing", "paused", "1 staged", "2 staged in marks", "advice 1", "no profile"]
    assert [word.text for word in found] == shown
    assert (found[0].view, found[0].filter) == ("services", "state=refusing")
    assert found[4].command == "advice"
    assert {word.tone for word in found[4:]} == {Tone.SECONDARY}


def test_an_interval_that_somebody_chose_is_a_word_and_an_old_reading_says_how_old() -> None:
    slow = replace(SERVICES, interval=5.0, unusual=True)
    assert "every 5 s" in [word.text for word in words(SEEN, slow)]
    old = words(SEEN, replace(SERVICES, age=12.4))[0]
    assert (old.text, old.tone) == ("read 12 s ago", Tone.BAD)
    assert words(SEEN, replace(SERVICES, age=math.inf))[0].text == "cannot be read"


def test_a_view_has_words_of_its_own() -> None:
    own = replace(SERVICES, words=(Word("read 2 s ago"),))
    assert "read 2 s ago" in line(SEEN, own, 78)[1]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (ProfileState("p"), "no profile yet"),
        (ProfileState("p", exists=True), "saved"),
        (ProfileState("p", exists=True, drift=(change_service(POOL.service, None),)), "1 differs"),
        (ProfileState("p", exists=True, trouble="line 3"), "profile unreadable"),
    ],
)
def test_the_state_of_the_profile_is_a_word_that_leads_to_the_changes(state: ProfileState, word: str) -> None:
    found = words(replace(SEEN, profile=state), SERVICES)[-1]
    assert (found.text, found.view) == (word, "changes")
    assert (found.tone is Tone.SECONDARY) == (word in ("saved", "no profile yet"))


def test_the_way_back_leaves_its_beginning_out_and_keeps_the_filter() -> None:
    path = ("Services", "shop", "web2")
    assert way_back(path, "server=web2", 78) == ("Services > shop > web2", "filter server=web2")
    assert way_back(path, "", 16) == (".. > shop > web2", "")
    way, narrowed = way_back(path, "server=10.0.0.11 service=tcp:192.0.2.10:443", 58)
    assert way == "Services > shop > web2"
    assert narrowed.startswith("filter server=10.0.0.11")
    assert len(way) + 3 + len(narrowed) <= 58
    assert way_back((), "a\x1bb", 78) == ("", "filter a\\x1bb")
