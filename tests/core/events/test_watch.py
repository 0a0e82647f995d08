"""What is said to have happened between two readings, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_daemon,
    change_group,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
    fold,
)
from lvstui.core.drift import add_profile_values, remove_pool
from lvstui.core.events.event import Event, Happening
from lvstui.core.events.foreign import FEW
from lvstui.core.events.states import Sight
from lvstui.core.events.watch import KEPT, Look, Watch
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Director, Pool, ServerKey, Service, SyncDaemon, SyncRole, Timeouts
from lvstui.core.observed import NO_INFO, Reading, ServerStats
from lvstui.core.record import Kind, Owner, Record
from tests.build import MARK, SHOP, address_key, group, pool, server

API = address_key("tcp:192.0.2.11:443")
ONE, TWO = server("10.0.0.11:443", weight=3), server("10.0.0.12:443", weight=1, upper=100)
NAMES = Director({SHOP: pool(Service(SHOP, name="shop"), replace(ONE, name="web1"), replace(TWO, name="web2"))})
START = Director(
    {SHOP: pool(SHOP, ONE, TWO), API: pool(API, ONE)},
    Timeouts(),
    sync={},
    sysctl={"conntrack": "0", "drop_entry": "0"},
    marks={80: group(80, "tcp 192.0.2.10 80")},
)
MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC)
KEEPALIVED = Owner("keepalived", 7, services=frozenset({API}))


class Bench:
    """A watch on a director that is edited, a reading each second."""

    def __init__(self, start: Director = START) -> None:
        self.watch = Watch(pid=1)
        self.held = start
        self.seconds = 0
        self.seen: dict[ServerKey, ServerStats] = {}
        self.sight = Sight(unset=frozenset())
        self.records: tuple[Record, ...] = ()
        self.owners: tuple[Owner, ...] = (KEEPALIVED,)
        self.at_work = False
        self.look()

    def write(self, *changes: Change) -> None:
        self.held = fold(self.held, changes)

    def look(self, seconds: int = 1) -> Sequence[Event]:
        """Take a reading some seconds later, and return the events that are new."""
        before = len(self.watch.events)
        self.seconds += seconds
        reading = Reading(
            add_profile_values(self.held, NAMES),
            NO_INFO,
            0.0,
            servers={
                key: {one: self.seen.get(ServerKey(key, one), ServerStats()) for one in pool.servers}
                for key, pool in self.held.pools.items()
            },
        )
        now = MIDNIGHT + timedelta(seconds=self.seconds)
        look = Look(now, self.held, reading, NAMES, self.sight, self.owners, lambda: self.at_work, lambda: self.records)
        return self.watch.look(look)[before:]

    def record(self, *changes: Change, pid: int = 2, kind: Kind = Kind.DO) -> None:
        self.records += (Record(len(self.records) + 1, MIDNIGHT, "ben", "", pid, kind, changes),)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def reweigh(weight: int) -> Change:
    return change_server(SHOP, ONE, replace(ONE, weight=weight))


DAEMON = SyncDaemon(SyncRole.MASTER, "eth0", 3)

EDITS = [
    (reweigh(9), "another program", "tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 9"),
    (change_server(SHOP, ONE, None), "another program", "- tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1"),
    (change_server(API, None, TWO), "keepalived", "+ tcp:192.0.2.11:443 / 10.0.0.12:443: "),
    (change_service(Service(API), Service(API, "rr")), "keepalived", "tcp:192.0.2.11:443: scheduler wlc -> rr"),
    (change_timeouts(Timeouts(), Timeouts(tcp=77)), "another program", "timeouts: tcp 900s -> 77s"),
    (change_sysctl("conntrack", "0", "1"), "another program", "sysctl conntrack: 0 -> 1"),
    (change_daemon(None, DAEMON), "another program", "+ sync master: "),
    (change_group(group(80, "tcp 192.0.2.10 80"), None), "another program", "- mark 80"),
]


@pytest.mark.parametrize(("change", "who", "text"), EDITS)
def test_an_edit_by_another_program_is_one_event_with_who_manages_it(
    bench: Bench, change: Change, who: str, text: str
) -> None:
    bench.write(change)
    (event,) = bench.look()
    assert (event.found.happening, event.found.who, event.found.how) == (Happening.EDIT, who, "seen")
    assert event.found.text.startswith(text)
    assert event.found.target == change.target
    assert event.state == "not ours"
    assert event.since is not None
    assert (event.time - event.since).total_seconds() == 1
    assert not bench.look()


def test_a_service_that_goes_or_comes_with_its_servers_is_one_event(bench: Bench) -> None:
    shop = bench.held.pools[SHOP]
    bench.write(*remove_pool(shop))
    (event,) = bench.look()
    assert event.found.text == "- tcp:192.0.2.10:443 shop, with its 2 servers"
    assert (event.found.total, event.found.target) == (3, SHOP)
    bench.held = replace(bench.held, pools={**bench.held.pools, SHOP: shop})
    (event,) = bench.look()
    assert event.found.text.startswith("+ tcp:192.0.2.10:443 shop: ")
    assert event.found.text.endswith(", with 2 servers")


def test_a_table_that_is_emptied_is_one_event(bench: Bench) -> None:
    bench.held = replace(bench.held, pools={})
    (event,) = bench.look()
    assert event.found.happening is Happening.CLEARED
    assert event.found.text == "the table was emptied: 2 services and 3 servers removed"
    assert (event.found.who, event.state) == ("another program", "not ours")


def test_many_edits_at_once_are_one_event_which_keeps_the_first_of_them(bench: Bench) -> None:
    keys = [address_key(f"tcp:192.0.2.{number}:80") for number in range(20, 220)]
    bench.held = replace(bench.held, pools={**bench.held.pools, **{key: pool(key, ONE, TWO) for key in keys}})
    (event,) = bench.look()
    assert event.found.happening is Happening.EDITS
    assert event.found.text == "200 services and 400 servers added"
    assert (len(event.found.changes), event.found.total) == (100, 600)


def test_a_few_edits_are_events_of_their_own_and_those_of_each_program_are_counted_apart(bench: Bench) -> None:
    bench.owners = (Owner("keepalived", 7, services=frozenset({SHOP})),)
    bench.held = replace(bench.held, pools={**bench.held.pools, SHOP: pool(SHOP)})
    bench.write(change_server(API, ONE, None), *(change_server(API, None, server(f"10.0.1.{n}:80")) for n in range(9)))
    found = [event.found.who for event in bench.look()]
    assert found == ["keepalived"] * 2 + ["another program"] * FEW


def test_what_this_lvstui_made_is_no_event_and_what_others_make_of_it_is(bench: Bench) -> None:
    bench.watch.made([reweigh(5)])
    bench.write(reweigh(5))
    assert not bench.look()
    bench.watch.made([reweigh(7)])
    (event,) = bench.look()  # it was written, and overwritten before the next reading
    assert event.found.text.endswith("web1: weight 7 -> 5")


def test_what_another_lvstui_recorded_is_told_as_its_own_and_not_as_foreign(bench: Bench) -> None:
    bench.write(reweigh(5))
    bench.record(reweigh(5), kind=Kind.UNDO)
    (event,) = bench.look()
    assert event.found.happening is Happening.LVSTUI
    assert (event.found.who, event.found.how, event.state) == ("ben", "undo", "")
    assert event.since is None


def test_an_edit_that_another_lvstui_has_not_recorded_yet_waits_until_it_has(bench: Bench) -> None:
    bench.write(reweigh(5))
    bench.at_work = True
    assert not bench.look()
    bench.record(reweigh(5))
    bench.at_work = False
    assert [event.found.happening for event in bench.look()] == [Happening.LVSTUI]


def test_an_edit_is_somebody_elses_when_another_lvstui_is_at_work_for_too_long(bench: Bench) -> None:
    bench.write(reweigh(5))
    bench.at_work = True
    assert not bench.look(29)
    assert [event.found.happening for event in bench.look()] == [Happening.EDIT]


def test_a_record_that_was_read_before_its_edit_explains_that_at_the_next_reading(bench: Bench) -> None:
    bench.record(reweigh(5))
    assert [event.found.happening for event in bench.look()] == [Happening.LVSTUI]
    bench.write(reweigh(5))
    assert not bench.look()
    bench.write(reweigh(3))
    bench.look()
    bench.write(reweigh(5))
    assert [event.found.happening for event in bench.look()] == [Happening.EDIT]


def test_own_records_and_those_before_the_start_are_no_news(bench: Bench) -> None:
    bench.record(reweigh(5), pid=1)
    assert not bench.look()
    assert not Bench().look()


def test_a_module_that_goes_and_comes_back_empty_is_two_events_whatever_it_held(bench: Bench) -> None:
    bench.watch.fail(MIDNIGHT, "this kernel has no IPVS", is_gone=True)
    bench.watch.fail(MIDNIGHT, "this kernel has no IPVS", is_gone=True)
    assert bench.watch.events[-1].found.text == "this kernel has no IPVS; with it went 2 services and 3 servers"
    bench.held = Director(timeouts=Timeouts(), sync={}, sysctl={"conntrack": "1"}, marks=bench.held.marks)
    (event,) = bench.look()
    assert event.found.happening is Happening.BACK
    assert event.found.text.startswith("IPVS is there again, with no service: 2 services and 3 servers removed")
    assert len(bench.watch.events) == 2


def test_a_director_without_ipvs_at_first_is_told_and_what_it_then_has_is_no_edit() -> None:
    watch = Watch()
    watch.fail(MIDNIGHT, "this kernel has no IPVS", is_gone=True)
    look = Look(MIDNIGHT, START, Reading(START, NO_INFO, 0.0), EMPTY)
    assert [event.found.happening for event in watch.look(look)] == [Happening.GONE, Happening.BACK]


def test_what_was_edited_while_nothing_could_be_read_is_told_afterwards(bench: Bench) -> None:
    bench.watch.fail(MIDNIGHT, "the kernel does not answer", is_gone=False)
    bench.write(reweigh(9))
    assert [event.found.happening for event in bench.look()] == [Happening.READABLE, Happening.EDIT]


@pytest.mark.parametrize(
    "less",
    [
        lambda held: replace(held, marks=None),
        lambda held: replace(held, sysctl={}),
        lambda held: replace(held, sync=None, timeouts=None),
    ],
)
def test_what_cannot_be_seen_for_a_while_was_not_edited(bench: Bench, less: Callable[[Director], Director]) -> None:
    whole = bench.held
    bench.held = less(whole)
    assert not bench.look()
    bench.held = whole
    assert not bench.look()


def test_a_defence_that_the_kernel_moves_within_its_mode_was_not_edited() -> None:
    bench = Bench(replace(START, sysctl={"drop_entry": "1"}))
    bench.write(change_sysctl("drop_entry", "1", "2"))
    assert not bench.look()


def test_trouble_of_a_server_and_its_end_are_events_with_the_evidence(bench: Bench) -> None:
    key = ServerKey(SHOP, ONE.endpoint)
    refusing = MappingProxyType({key: Verdict(Trouble.REFUSING, "208 of 212 connections reset", 0.0)})
    bench.sight = bench.sight._replace(health=refusing)
    (event,) = bench.look()
    assert event.found.text == "shop / web1: ok -> refusing, 208 of 212 connections reset"
    assert (event.found.who, event.found.how, event.state) == ("web1", "state", "refusing")
    assert not bench.look()
    bench.sight = bench.sight._replace(health={})
    (event,) = bench.look()
    assert (event.found.text, event.state) == ("shop / web1: no longer refusing", "ok")


def test_a_drained_server_is_told_once_when_nothing_is_left_on_it(bench: Bench) -> None:
    key = ServerKey(SHOP, ONE.endpoint)
    bench.watch.made([reweigh(0)])
    bench.write(reweigh(0))
    for seen in (ServerStats(3), ServerStats(0, 2), ServerStats(sticky=1)):
        bench.seen[key] = seen
        assert not bench.look()
    bench.seen[key] = ServerStats()
    assert [event.found.happening for event in bench.look()] == [Happening.DRAINED]
    assert not bench.look()


def test_a_threshold_is_told_when_it_is_reached_and_when_the_kernel_sends_connections_again(bench: Bench) -> None:
    key = ServerKey(SHOP, TWO.endpoint)
    told = []
    for connections in (99, 100, 101, 80, 75, 100, 74, 0):
        bench.seen[key] = ServerStats(connections)
        told.append([event.state for event in bench.look()])
    assert told == [[], ["over"], [], [], [], [], ["ok"], []]


def test_a_mark_that_no_rule_sets_any_more_is_told_and_so_is_its_return() -> None:
    bench = Bench(replace(START, pools={MARK: Pool(Service(MARK), {})}))
    bench.sight = Sight(unset=frozenset({80}))
    (event,) = bench.look()
    assert (event.found.who, event.state) == ("mark 80", "no rule")
    bench.sight = Sight(unset=None)
    assert not bench.look()
    bench.sight = Sight(unset=frozenset())
    (event,) = bench.look()
    assert event.found.text == "mark 80 is set by a rule again"


def test_many_servers_that_change_alike_are_one_event() -> None:
    servers = [server(f"10.0.0.{number}:443") for number in range(1, 30)]
    bench = Bench(replace(START, pools={SHOP: pool(SHOP, *servers)}))
    silent = Verdict(Trouble.SILENT, "12 new in 20 s", 0.0)
    bench.sight = bench.sight._replace(health={ServerKey(SHOP, one.endpoint): silent for one in servers})
    (event,) = bench.look()
    assert event.found.text.startswith("29 servers: now silent; the first: ")


def test_a_reading_without_anything_new_returns_the_same_events(bench: Bench) -> None:
    bench.write(reweigh(9))
    bench.look()
    events = bench.watch.events
    bench.look()
    assert bench.watch.events is events


def test_the_newest_events_are_kept(bench: Bench) -> None:
    for number in range(KEPT + 5):
        bench.watch.fail(MIDNIGHT, "x", is_gone=bool(number % 2))
    assert len(bench.watch.events) == KEPT
    assert bench.watch.events[-1].number == KEPT + 5


def test_a_reading_that_shows_less_than_the_one_before_is_no_edit(bench: Bench) -> None:
    bare = replace(START, pools={SHOP: pool(SHOP, replace(ONE), replace(TWO, upper=0))})
    look = Look(MIDNIGHT, bare, Reading(bare, NO_INFO, 0.0, partial=True), NAMES)
    assert not bench.watch.look(look)


def test_names_and_notes_are_no_edits_in_the_kernel(bench: Bench) -> None:
    bench.watch.made([Change(DirectorField.NAME, "", "lb1"), change_server(SHOP, ONE, replace(ONE, name="x"))])
    assert not bench.look()
