"""Whose profile it is, and how much of a director would go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from lvstui.core.change import EMPTY, change_service
from lvstui.core.director.rows import DirectorLook, DirectorRow, Part, cells, rows
from lvstui.core.drift import diff, find_drift
from lvstui.core.home import find_deletions, home_text, is_foreign, warn_of_deletions, whose
from lvstui.core.model import NOBODYS, Director, Home, MarkGroup, Pool, Service
from lvstui.core.snapshot import EMPTY_SNAPSHOT, ProfileState
from tests.build import SHOP, address_key, pool, server
from tests.core.strategies import directors

ROWS = ("home", "profile")
HERE = Home("lb1")
BLUE = Home("lb1", "blue")


def services(count: int, servers: int = 0) -> Director:
    """A director of that many services with that many servers each."""
    keys = [address_key(f"tcp:192.0.2.{number}:80") for number in range(1, count + 1)]
    held = {end.endpoint: end for end in (server(f"10.0.0.{number}:80") for number in range(1, servers + 1))}
    return Director({key: Pool(Service(key), held) for key in keys})


@pytest.mark.parametrize("here", [HERE, BLUE, Home("lb1", "net:[4026532281]")])
def test_a_profile_is_this_directors_or_nobodys_unless_host_or_namespace_is_another(here: Home) -> None:
    own = (NOBODYS, here, Home("LB1", here.netns))
    others = (Home("lb2", here.netns), Home("lb1", "red"), Home("lb1.example.net", here.netns), Home("", "red"))
    assert [is_foreign(home, here) for home in own] == [False] * 3
    assert [is_foreign(home, here) for home in others] == [True] * 4
    assert is_foreign(HERE, BLUE)
    assert is_foreign(BLUE, HERE)
    assert not is_foreign(here, NOBODYS)


def test_whose_profile_it_is_is_said_with_both_sides_and_escaped() -> None:
    assert whose("p.toml", HERE, HERE) == ""
    assert whose("p.toml", HERE, BLUE) == "p.toml is the profile of lb1, and this is lb1, netns blue"
    assert (
        whose("p.toml", Home("lb2", "a\x1bb"), HERE) == "p.toml is the profile of lb2, netns a\\x1bb, and this is lb1"
    )
    assert home_text(NOBODYS) == ""


@pytest.mark.parametrize(
    ("running", "left", "is_large"),
    [(1, 1, False), (1, 0, True), (2, 1, False), (2, 0, True), (3, 1, False), (4, 1, True), (4, 2, False),
     (6, 3, False), (7, 4, False), (7, 3, True), (200, 100, False), (200, 99, True), (0, 5, False)],
)  # fmt: skip
def test_more_than_half_and_at_least_three_is_much_and_so_is_everything(
    running: int, left: int, is_large: bool
) -> None:
    before, after = services(running), services(left)
    assert bool(warn_of_deletions(find_deletions(before, diff(before, after)))) == is_large
    before, after = services(1, running), services(1, left)
    assert bool(warn_of_deletions(find_deletions(before, diff(before, after)))) == is_large


@pytest.mark.parametrize(("home", "value"), [(HERE, "another's"), (BLUE, "its own"), (NOBODYS, "its own")])
def test_the_director_view_says_where_one_is_and_which_profile_is_at_work(home: Home, value: str) -> None:
    profile = ProfileState("/etc/lvstui/netns/blue.toml", True, saved=Director(home=home))
    snapshot = replace(EMPTY_SNAPSHOT, origin="Linux 6.1", here=BLUE, profile=profile)
    shown = [[cell.text for cell in cells(snapshot, DirectorLook(), DirectorRow(Part.HOST, name))] for name in ROWS]
    assert [row[:2] for row in shown] == [["    name", "lb1, netns blue"], ["    profile", value]]
    assert shown[1][-1].startswith("/etc/lvstui/netns/blue.toml")
    assert [row in rows(snapshot, DirectorLook()) for row in (DirectorRow(Part.HOST, name) for name in ROWS)] == [
        True
    ] * 2
    assert DirectorRow(Part.HOST, "home") not in rows(replace(snapshot, here=NOBODYS), DirectorLook())


def test_what_would_go_is_counted_and_the_first_are_named() -> None:
    before = services(5, 2)
    sentence = warn_of_deletions(find_deletions(before, diff(before, services(1, 2))))
    assert sentence == (
        "this deletes more than a part of what runs: 4 of 5 services (tcp:192.0.2.2:80, tcp:192.0.2.3:80, "
        "tcp:192.0.2.4:80 and 1 more), 8 of 10 real servers (10.0.0.1:80 of tcp:192.0.2.2:80, "
        "10.0.0.2:80 of tcp:192.0.2.2:80, 10.0.0.1:80 of tcp:192.0.2.3:80 and 5 more)"
    )


def test_rules_of_all_marks_are_much_too() -> None:
    before = Director(marks={mark: MarkGroup(mark) for mark in (1, 2)})
    assert "2 of 2 firewall marks (1, 2)" in warn_of_deletions(find_deletions(before, diff(before, EMPTY)))


def test_a_service_that_is_deleted_and_added_again_stays() -> None:
    before = Director({SHOP: pool(SHOP, "10.0.0.1:443")})
    service = before.pools[SHOP].service
    changes = [*diff(before, EMPTY), change_service(None, service), *diff(Director({SHOP: Pool(service)}), before)]
    assert find_deletions(before, changes) == ()


@given(directors(), directors())
def test_nothing_counts_as_deleted_that_is_still_there(before: Director, after: Director) -> None:
    changes = diff(before, after)
    gone = {deletion.kind: len(deletion.gone) for deletion in find_deletions(before, changes)}
    assert gone.get("services", 0) == len(before.pools.keys() - after.pools.keys())
    held, kept = ({(key, end) for key, pool in side.pools.items() for end in pool.servers} for side in (before, after))
    assert gone.get("real servers", 0) == len(held - kept)


@given(directors())
def test_whose_a_director_is_is_no_difference(director: Director) -> None:
    assert diff(director, replace(director, home=Home("elsewhere", "red"))) == ()
    assert find_drift(director, replace(director, home=Home("elsewhere", "red"))) == find_drift(director, director)
