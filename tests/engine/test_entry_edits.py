"""Entries edited on the kernel in memory: what is sent, what is waited for, and what is reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core.change import Change, change_server, change_service, fold
from lvstui.core.entries.edits import EntryEdit, EntryReport, Expire, Manner, Move, Outcome, Pin, SetTime, report_line
from lvstui.core.entries.resolve import NOBODY, WantedClients
from lvstui.core.entries.sync_message import Message
from lvstui.core.entries.sync_plan import binding_message
from lvstui.core.model import Director, Endpoint, Persistence, RealServer, Service
from lvstui.core.observed import Entry, Reading, Scan, ServerStats
from lvstui.engine import scanner
from lvstui.engine.entry_edits import Tools, carry_out
from lvstui.engine.scanner import read_table
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NoIpvs
from tests.build import address_key, endpoint, known

WEB = address_key("tcp:192.0.2.10:80")
ONE, TWO, THREE = (Endpoint(ip_address(f"10.0.0.1{number}"), 80) for number in (1, 2, 3))
CLIENT = ip_address("198.18.0.7")


class Bench:
    """A kernel in memory whose time passes when somebody waits, with what was waited for and sent."""

    def __init__(self) -> None:
        self.now = 1000.0
        changes: list[Change] = [
            change_service(None, Service(WEB, persistence=Persistence(300))),
            *(change_server(WEB, None, RealServer(end)) for end in (ONE, TWO, THREE)),
        ]
        self.kernel = MemoryKernel(fold(Director(), changes), clock=lambda: self.now)
        self.waited: list[float] = []
        self.budget = 30.0
        self.going_on = True
        self.impatient = False
        self.busy: Entry | None = None
        self.returning: Endpoint | None = None

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waited.append(round(seconds, 6))
        if self.impatient and self.going_on:
            self.going_on = False
            return False
        self.now += seconds
        if self.busy is not None:
            self.kernel.send_sync([binding_message(WEB, self.busy.client, self.busy.server, 2)])
        if self.returning is not None:
            self.kernel.read()
            self.kernel.send_sync([binding_message(WEB, CLIENT, self.returning, 300)])
        return self.going_on

    def scan(self, clients: WantedClients = NOBODY) -> Scan:
        return read_table(self.kernel, self.budget, clients, clock=lambda: self.now)

    def make(self, *edits: EntryEdit, pace: float = 0.0) -> Sequence[EntryReport]:
        tools = Tools(self.kernel.send_sync, self.scan, self.kernel.read, self.wait, self.clock)
        return list(carry_out(edits, tools, pace))

    def held(self, number: int = 7, server: Endpoint = ONE) -> Entry:
        client = ip_address(f"198.18.0.{number}")
        self.kernel.send_sync([binding_message(WEB, client, server, 300)])
        return next(entry for entry in self.scan().entries if entry.client == client)

    def connect(self, port: int = 4000, state: int = 1) -> None:
        virtual = endpoint("192.0.2.10:80")
        self.kernel.send_sync([Message(6, Endpoint(CLIENT, port), virtual, ONE, 900, 0, state)])


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_moved_client_is_on_the_other_server_and_bound(bench: Bench) -> None:
    (report,) = bench.make(Move(bench.held(), TWO, 120))
    assert report.outcome is Outcome.DONE
    assert report.sentence == "198.18.0.7 of tcp:192.0.2.10:80 is on 10.0.0.12:80 now, bound"
    assert report.after is not None
    assert report.after.server == TWO
    assert bench.kernel.read().servers[WEB][TWO].sticky == 1


@pytest.mark.parametrize(("manner", "seconds"), [(Manner.SOFT, 2.15), (Manner.KILL, 1.15)])
def test_an_entry_and_its_connections_are_let_go_together(bench: Bench, manner: Manner, seconds: float) -> None:
    entry = bench.held()
    bench.connect(4000)
    bench.connect(4001, state=5)
    (report,) = bench.make(Expire(entry, manner))
    assert (report.outcome, report.sentence) == (Outcome.DONE, "198.18.0.7 of tcp:192.0.2.10:80 is gone")
    assert bench.waited == [seconds]


def test_a_client_that_keeps_its_entry_alive_is_too_busy(bench: Bench) -> None:
    entry = bench.busy = bench.held()
    (report,) = bench.make(Move(entry, TWO, 120))
    assert report.outcome is Outcome.BUSY
    assert "too busy" in report.sentence
    assert len(bench.waited) == 6


def test_an_entry_that_went_and_whose_client_came_again_at_once_is_no_busy_one(bench: Bench) -> None:
    entry = bench.held()
    bench.returning = TWO
    (report,) = bench.make(Expire(entry))
    assert report.outcome is Outcome.DONE
    assert report.sentence.endswith("was gone, and has come back: now it is on 10.0.0.12:80")


def test_a_client_that_came_again_elsewhere_is_moved_from_there(bench: Bench) -> None:
    entry = bench.held()
    bench.returning = THREE
    (report,) = bench.make(Move(entry, TWO, 120))
    assert report.outcome is Outcome.BUSY
    bench.returning = TWO
    (report,) = bench.make(Move(bench.held(server=THREE), TWO, 120))
    assert (report.outcome, report.after and report.after.server, bench.waited[6:]) == (Outcome.DONE, TWO, [2.15])


def test_edits_are_verified_where_not_every_row_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = bench.held()
    for number in range(20, 90):
        bench.held(number)
    monkeypatch.setattr(scanner, "KEEP", 0)
    monkeypatch.setattr(scanner, "room", lambda: 0)
    moved, pinned = bench.make(Move(entry, TWO, 120), Pin(WEB, ip_address("198.18.7.7"), THREE, 60))
    assert {moved.outcome, pinned.outcome} == {Outcome.DONE}, (moved, pinned)
    (gone,) = bench.make(Expire(entry._replace(server=TWO)))
    assert (gone.outcome, bench.scan().left_out) == (Outcome.DONE, 71)


def test_a_pin_binds_a_client_that_had_no_entry(bench: Bench) -> None:
    (report,) = bench.make(Pin(WEB, CLIENT, THREE, 60))
    assert (report.outcome, report.after and report.after.server) == (Outcome.DONE, THREE)
    (again,) = bench.make(Pin(WEB, CLIENT, ONE, 60))
    assert again.outcome is Outcome.OVERTAKEN
    assert "has an entry already, on 10.0.0.13:80" in again.sentence


def test_entries_of_others_that_end_meanwhile_cast_no_doubt_on_one_that_is_bound(bench: Bench) -> None:
    """On a busy server the table, which takes seconds to be read, never agrees with the counters."""
    for number in range(20, 40):
        bench.held(number, TWO)

    def reading() -> Reading:
        seen = bench.kernel.read()
        servers = {
            end: stats._replace(sticky=max(0, known(stats.sticky) - 5)) for end, stats in seen.servers[WEB].items()
        }
        return replace(seen, servers={WEB: servers})

    tools = Tools(bench.kernel.send_sync, bench.scan, reading, bench.wait, bench.clock)
    (report,) = carry_out([Move(bench.held(), TWO, 120)], tools)
    assert report.outcome is Outcome.DONE, report


def test_an_entry_that_its_server_does_not_count_is_no_success(bench: Bench) -> None:
    def reading() -> Reading:
        seen = bench.kernel.read()
        return replace(seen, servers={WEB: {end: ServerStats() for end in seen.servers[WEB]}})

    tools = Tools(bench.kernel.send_sync, bench.scan, reading, bench.wait, bench.clock)
    (report,) = carry_out([Pin(WEB, CLIENT, TWO, 60)], tools)
    assert (report.outcome, "does not count it" in report.sentence) == (Outcome.FAILED, True)


def test_the_time_that_is_set_is_read_back(bench: Bench) -> None:
    (report,) = bench.make(SetTime(bench.held(), 4321))
    assert (report.outcome, report.sentence) == (Outcome.DONE, "198.18.0.7 of tcp:192.0.2.10:80 has 4321 s left")


def test_the_time_is_right_however_long_it_takes_to_read_it_back(bench: Bench) -> None:
    entry = bench.held()

    def slowly(clients: WantedClients) -> Scan:
        began = bench.now
        scan = bench.scan(clients)
        bench.now += 9
        return replace(scan, began=began, taken=bench.now)

    tools = Tools(bench.kernel.send_sync, slowly, bench.kernel.read, bench.wait, bench.clock)
    (report,) = carry_out([SetTime(entry, 600)], tools)
    assert report.outcome is Outcome.DONE, report


def test_what_is_gone_or_elsewhere_by_now_is_left_alone(bench: Bench) -> None:
    entry = bench.held()
    elsewhere = entry._replace(server=TWO)
    nobody = entry._replace(client=ip_address("198.18.9.9"))
    first, second = bench.make(Expire(elsewhere), SetTime(nobody, 5))
    assert (first.outcome, second.outcome) == (Outcome.OVERTAKEN, Outcome.OVERTAKEN)
    assert "is on 10.0.0.11:80 meanwhile" in first.sentence
    assert "is gone already" in second.sentence


def test_each_of_many_edits_is_reported_whatever_becomes_of_the_others(bench: Bench) -> None:
    entries = [bench.held(number) for number in range(1, 6)]
    edits: list[EntryEdit] = [Move(entry, TWO, 120) for entry in entries[:3]]
    edits += [Move(entries[3], ONE, 120), Expire(entries[4])]
    reports = {id(report.edit): report.outcome for report in bench.make(*edits)}
    done, refused = Outcome.DONE, Outcome.REFUSED
    assert [reports[id(edit)] for edit in edits] == [done, done, done, refused, done]
    assert bench.kernel.read().servers[WEB][TWO].sticky == 3


def test_a_pace_lets_time_pass_between_clients(bench: Bench) -> None:
    edits = [SetTime(bench.held(number), 60) for number in range(1, 5)]
    assert len(bench.make(*edits, pace=2)) == 4
    assert bench.waited == [1.0]


@pytest.mark.parametrize(("pace", "seconds"), [(5, 9.15), (2, 21.15), (0.5, 80.15)])
def test_a_pace_is_kept_however_long_each_client_takes(bench: Bench, pace: float, seconds: float) -> None:
    """Of 40 clients the last one starts when its turn has come, and takes the two seconds of a soft end."""
    entries = [bench.held(number) for number in range(1, 42)]
    began = bench.now
    reports = bench.make(*(Move(entry, TWO, 120) for entry in entries[:40]), pace=pace)
    assert {report.outcome for report in reports} == {Outcome.DONE}
    assert bench.now - began == pytest.approx(seconds)


def test_a_pace_is_kept_though_the_table_takes_long_to_be_read(bench: Bench) -> None:
    def slowly(clients: WantedClients) -> Scan:
        bench.now += 2
        return bench.scan(clients)

    entries = [bench.held(number) for number in range(1, 42)]
    began = bench.now
    tools = Tools(bench.kernel.send_sync, slowly, bench.kernel.read, bench.wait, bench.clock)
    reports = list(carry_out([Move(entry, TWO, 120) for entry in entries[:40]], tools, 2))
    assert {report.outcome for report in reports} == {Outcome.DONE}
    assert bench.now - began < 40


def test_edits_under_way_come_to_their_end_when_they_are_stopped(bench: Bench) -> None:
    """Their entries run out in any case: left alone, their clients would be bound to nobody."""
    edits = [Move(bench.held(number), TWO, 120) for number in range(1, 9)]
    bench.impatient = True
    reports = bench.make(*edits, pace=2)
    assert [report.outcome for report in reports] == [Outcome.DONE] * 2
    assert bench.kernel.read().servers[WEB][TWO].sticky == 2


def test_edits_end_when_they_are_asked_to(bench: Bench) -> None:
    edits = [SetTime(bench.held(number), 60) for number in range(1, 5)]
    bench.going_on = False
    assert len(bench.make(*edits, pace=1)) == 1


def test_a_table_that_is_too_large_to_be_read_back_leaves_it_open(bench: Bench) -> None:
    entry = bench.held()
    for number in range(70):
        bench.held(number + 10)
    bench.budget = -1.0
    (report,) = bench.make(Pin(WEB, ip_address("198.18.7.7"), TWO, 60))
    assert report.outcome is Outcome.UNVERIFIED
    assert "too large" in report.sentence
    assert "one entry more" in report.sentence
    assert entry.server == ONE


def test_a_kernel_that_fails_in_between_is_reported_for_every_edit(bench: Bench) -> None:
    entry = bench.held()

    def fail(_: Sequence[Message]) -> None:
        raise NoIpvs("this kernel has no IPVS")

    tools = Tools(fail, bench.scan, bench.kernel.read, bench.wait, bench.clock)
    (report,) = carry_out([Expire(entry)], tools)
    assert (report.outcome, report.sentence) == (Outcome.FAILED, "this kernel has no IPVS")


def test_a_kernel_that_cannot_be_read_fails_every_edit(bench: Bench) -> None:
    entry = bench.held()
    bench.kernel.failure = NoIpvs("this kernel has no IPVS")
    first, second = bench.make(Expire(entry), SetTime(entry, 5))
    assert [first.outcome, second.outcome] == [Outcome.FAILED, Outcome.FAILED]
    assert first.sentence == "this kernel has no IPVS"


def test_the_history_gets_a_line_that_says_what_was_seen(bench: Bench) -> None:
    (report,) = bench.make(Move(bench.held(), TWO, 120))
    assert report_line(report) == "move: 198.18.0.7 of tcp:192.0.2.10:80 is on 10.0.0.12:80 now, bound"
