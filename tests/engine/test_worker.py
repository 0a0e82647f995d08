"""The worker on the memory kernel and a real profile file, step by step and without a thread."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from lvstui.core.change import Change, change_group, change_server, change_service, change_sysctl, undo
from lvstui.core.drift import remove_pool
from lvstui.core.model import (
    Director,
    MarkGroup,
    Pool,
    RealServer,
    ServerKey,
    Service,
)
from lvstui.core.observed import Reading
from lvstui.core.record import Kind
from lvstui.core.selectors import selector
from lvstui.core.snapshot import Host, Snapshot
from lvstui.engine.messages import (
    Adopt,
    Applied,
    Edit,
    Event,
    Notice,
    Overtaken,
    Pace,
    Peek,
    Rejected,
    SaveAll,
    Stop,
    Unsaved,
    Zero,
    Zeroed,
)
from lvstui.engine.worker import Worker
from lvstui.formats.profile.write import loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Piece, Refused
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from tests.build import MARK, SHOP, address_key, endpoint, server

WEB1 = endpoint("10.0.0.11:443")
WEB2 = endpoint("10.0.0.12:443")
ONE = RealServer(WEB1, weight=3, upper=1000, lower=800)
TWO = RealServer(WEB2, weight=1)

E = TypeVar("E")


class Bench:
    """A worker with its kernel and file, and all that it said."""

    def __init__(self, folder: Path, *, read_only: str = "", with_file: bool = True) -> None:
        self.kernel = MemoryKernel(Director(pools={SHOP: Pool(Service(SHOP), {WEB1: ONE, WEB2: TWO})}))
        self.path = folder / "director.toml"
        self.events: list[Event] = []
        file = ProfileFile(self.path) if with_file else None
        self.worker = Worker(self.kernel, file, self.events.append, read_only=read_only)
        self.worker.step(0)

    def ask(self, *changes: Change, kind: Kind = Kind.DO, whole: bool = False) -> Event:
        """Submit an edit, let the worker serve it, and return its answer."""
        self.events.clear()
        self.worker.submit(Edit(changes, kind, whole))
        self.worker.step(0)
        return next(e for e in self.events if isinstance(e, Applied | Rejected | Overtaken))

    def said(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def shown(self) -> Snapshot:
        return self.said(Snapshot)[-1]

    @property
    def running(self) -> Director:
        return self.kernel.read().director

    @property
    def saved(self) -> Director:
        return loads(self.path.read_text(), "director.toml")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def weight(server: RealServer, value: int) -> Change:
    return change_server(SHOP, server, replace(server, weight=value))


def test_an_edit_is_in_the_kernel_in_the_profile_and_in_the_next_snapshot(bench: Bench) -> None:
    assert isinstance(bench.ask(weight(ONE, 5)), Applied)
    for director in (bench.running, bench.saved, bench.shown().reading.director):
        assert director.pools[SHOP].servers[WEB1] == replace(ONE, weight=5)
    assert bench.shown().profile.exists
    assert not bench.shown().profile.drift


def test_what_was_written_is_shown_before_anything_is_read_as_a_whole() -> None:
    class Counting(MemoryKernel):
        whole = 0

        def read(self) -> Reading:
            self.whole += 1
            return super().read()

    seen: list[tuple[int, int]] = []

    def look(event: Event) -> None:
        if isinstance(event, Snapshot):
            seen.append((event.reading.director.pools[SHOP].servers[WEB1].weight, kernel.whole))

    kernel = Counting(Director(pools={SHOP: Pool(Service(SHOP), {WEB1: ONE})}))
    worker = Worker(kernel, None, look)
    worker.step(0)
    worker.submit(Edit((weight(ONE, 5),)))
    worker.step(0)
    assert seen == [(3, 1), (5, 1), (5, 2)]


def test_when_an_edit_is_said_to_be_made_its_undo_is_known(bench: Bench) -> None:
    lighter = replace(ONE, weight=1)
    for change in (weight(ONE, 1), weight(lighter, 5)):
        answer = bench.ask(change)
        before = bench.events[: bench.events.index(answer)]
        assert [event.undo for event in before if isinstance(event, Snapshot)][-1:] == [undo((change,))]


def test_the_first_save_writes_the_whole_running_table(bench: Bench) -> None:
    assert not bench.shown().profile.exists
    bench.ask(weight(ONE, 5))
    assert bench.saved.pools.keys() == {SHOP}
    assert bench.saved.pools[SHOP].servers[WEB2] == TWO
    assert bench.saved.timeouts == bench.running.timeouts


def test_a_setting_is_in_the_profile_once_somebody_set_it_and_no_other_is(bench: Bench) -> None:
    change = change_sysctl("expire_nodest_conn", "0", "1")
    assert isinstance(bench.ask(change), Applied)
    assert bench.running.sysctl["expire_nodest_conn"] == "1"
    assert bench.saved.sysctl == {"expire_nodest_conn": "1"}
    assert not bench.shown().profile.drift
    bench.kernel.write(change_sysctl("expire_nodest_conn", "1", "0"))
    bench.kernel.write(change_sysctl("conntrack", "0", "1"))
    bench.worker.step(0)
    assert bench.shown().profile.drift == (change,)
    bench.worker.submit(SaveAll())
    bench.worker.step(0)
    assert bench.saved.sysctl == {"expire_nodest_conn": "0"}
    assert not bench.shown().profile.drift


def test_a_setting_given_up_by_the_profile_can_be_taken_back(bench: Bench) -> None:
    bench.ask(change_sysctl("conntrack", "0", "1"))
    assert isinstance(bench.ask(change_sysctl("conntrack", "1", None)), Applied)
    assert (bench.saved.sysctl, bench.running.sysctl["conntrack"]) == ({}, "1")
    (back,) = bench.shown().undo
    assert back == change_sysctl("conntrack", None, "1")
    bench.kernel.write(change_sysctl("conntrack", "1", "0"))
    assert isinstance(bench.ask(change_sysctl("conntrack", None, "1"), kind=Kind.UNDO), Applied)
    assert (bench.saved.sysctl, bench.running.sysctl["conntrack"]) == ({"conntrack": "1"}, "1")


def test_undo_and_redo_go_the_same_way_as_any_edit(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    back = bench.shown().undo
    assert back == (change_server(SHOP, replace(ONE, weight=5), ONE),)
    assert isinstance(bench.ask(*as_servers(back), kind=Kind.UNDO), Applied)
    assert bench.running.pools[SHOP].servers[WEB1] == ONE
    assert bench.saved.pools[SHOP].servers[WEB1] == ONE
    assert bench.shown().undo == ()
    assert isinstance(bench.ask(*as_servers(bench.shown().redo), kind=Kind.REDO), Applied)
    assert bench.running.pools[SHOP].servers[WEB1].weight == 5
    assert bench.shown().undo == back


def as_servers(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    return tuple(change for change in changes if isinstance(change.target, ServerKey))


def test_nothing_is_written_when_the_kernel_no_longer_holds_what_the_operator_saw(bench: Bench) -> None:
    bench.kernel.write(weight(ONE, 7))
    answer = bench.ask(weight(ONE, 5))
    assert isinstance(answer, Overtaken)
    assert answer.now == replace(ONE, weight=7)
    assert bench.running.pools[SHOP].servers[WEB1].weight == 7
    assert not bench.path.exists()
    bench.worker.submit(answer.insisting)
    bench.worker.step(0)
    assert bench.running.pools[SHOP].servers[WEB1].weight == 5


def test_a_server_that_nobody_saw_keeps_its_service_from_being_deleted(bench: Bench) -> None:
    pool = bench.shown().reading.director.pools[SHOP]
    three = server("10.0.0.13:443")
    bench.kernel.write(change_server(SHOP, None, three))
    answer = bench.ask(*remove_pool(pool))
    assert isinstance(answer, Overtaken)
    assert answer.now == three
    assert SHOP in bench.running.pools
    bench.worker.submit(answer.insisting)
    bench.worker.step(0)
    assert SHOP not in bench.running.pools
    assert change_server(SHOP, None, three) in bench.shown().undo


def test_a_deleted_service_comes_back_with_all_its_servers(bench: Bench) -> None:
    pool = bench.shown().reading.director.pools[SHOP]
    removal = remove_pool(pool)
    assert isinstance(bench.ask(*removal), Applied)
    assert bench.running.pools == {}
    back = list(bench.shown().undo)
    assert isinstance(bench.ask(*back, kind=Kind.UNDO), Applied)
    assert bench.running.pools[SHOP] == pool


def test_a_refused_write_changes_nothing_anywhere_and_names_the_field(bench: Bench) -> None:
    upside_down = replace(ONE, lower=2000)
    answer = bench.ask(change_server(SHOP, ONE, upside_down))
    assert isinstance(answer, Rejected)
    assert answer.done == ()
    assert answer.field == "lower"
    assert bench.running.pools[SHOP].servers[WEB1] == ONE
    assert not bench.path.exists()
    assert bench.shown().undo == ()


def test_a_failure_half_way_says_what_was_written_and_one_undo_takes_it_back(bench: Bench) -> None:
    good, bad = weight(TWO, 9), change_server(SHOP, ONE, replace(ONE, lower=2000))
    answer = bench.ask(good, bad)
    assert isinstance(answer, Rejected)
    assert answer.done == (good,)
    assert bench.saved.pools[SHOP].servers[WEB2].weight == 9
    assert bench.shown().undo == undo((good,))


def test_a_whole_edit_is_taken_back_when_a_part_of_it_is_refused(bench: Bench) -> None:
    held = bench.running
    pool = held.pools[SHOP]
    group = MarkGroup(80, (selector("tcp 192.0.2.10 443"),), "shop")
    edits: list[Change] = [
        change_service(None, Service(MARK)),
        change_server(MARK, None, TWO),
        change_group(None, group),
    ]
    impossible = change_service(None, Service(MARK, scheduler="nonsense"))
    answer = bench.ask(*edits, *remove_pool(pool), impossible, whole=True)
    assert isinstance(answer, Rejected)
    assert answer.done == ()
    assert answer.sentence.endswith("; what was written before it has been taken back")
    assert bench.running == held
    assert not bench.path.exists()
    assert bench.shown().undo == ()


def test_what_of_a_whole_edit_cannot_be_taken_back_is_reported_and_can_be_undone(bench: Bench) -> None:
    class Reluctant(MemoryKernel):
        def write(self, change: Change) -> None:
            if change == change_server(SHOP, replace(TWO, weight=9), TWO):
                raise Refused("somebody holds on to it")
            super().write(change)

    kernel = Reluctant(bench.running)
    worker = Worker(kernel, None, bench.events.append)
    two, one = replace(TWO, weight=9), replace(ONE, weight=9)
    impossible = change_service(None, Service(MARK, scheduler="nonsense"))
    changes = (change_server(SHOP, TWO, two), change_server(SHOP, ONE, one), impossible)
    bench.events.clear()
    worker.submit(Edit(changes, whole=True))
    worker.step(0)
    (answer,) = bench.said(Rejected)
    assert answer.done == (changes[0],)
    assert "1 change could not be taken back: somebody holds on to it" in answer.sentence
    assert kernel.read().director.pools[SHOP].servers == {WEB1: ONE, WEB2: two}
    assert bench.shown().undo == (change_server(SHOP, two, TWO),)


def test_a_name_is_saved_without_a_kernel_write(bench: Bench) -> None:
    answer = bench.ask(change_server(SHOP, ONE, replace(ONE, name="web1")))
    assert isinstance(answer, Applied)
    assert bench.running.pools[SHOP].servers[WEB1] == ONE
    assert bench.saved.pools[SHOP].servers[WEB1].name == "web1"
    assert bench.shown().reading.director.pools[SHOP].servers[WEB1].name == "web1"
    assert bench.shown().profile.drift == ()


def test_a_profile_that_cannot_be_saved_is_unsaved_until_it_can_be(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    before = bench.path.read_text()
    kept, bench.path = bench.path, bench.path.with_suffix(".kept")
    kept.rename(bench.path)
    kept.mkdir()
    answer = bench.ask(weight(replace(ONE, weight=5), 6))
    assert isinstance(answer, Applied)
    assert str(kept) in bench.said(Unsaved)[0].sentence
    assert bench.shown().profile.unsaved == 1
    assert bench.path.read_text() == before
    kept.rmdir()
    bench.path.rename(kept)
    bench.path = kept
    bench.ask(weight(replace(ONE, weight=6), 7))
    assert bench.shown().profile.unsaved == 0
    assert bench.saved.pools[SHOP].servers[WEB1].weight == 7


def test_drift_is_shown_and_taken_into_the_profile_on_request(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    bench.kernel.write(weight(TWO, 4))
    bench.worker.step(0)
    assert bench.shown().profile.drift == (weight(replace(TWO, weight=4), 1),)
    bench.worker.submit(SaveAll())
    bench.worker.step(0)
    assert bench.shown().profile.drift == ()
    assert bench.saved.pools[SHOP].servers[WEB2].weight == 4


def test_an_edit_is_folded_onto_what_another_program_wrote_into_the_profile(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    bench.path.write_text(bench.path.read_text().replace('service = "tcp', 'name = "theirs"\nservice = "tcp'))
    bench.ask(weight(replace(ONE, weight=5), 6))
    assert bench.saved.pools[SHOP].service.name == "theirs"
    assert bench.saved.pools[SHOP].servers[WEB1].weight == 6
    assert "another program" in bench.said(Notice)[0].sentence


def test_a_profile_that_another_program_changed_is_noticed_at_the_next_look(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    bench.path.write_text(bench.path.read_text().replace('service = "tcp', 'name = "theirs"\nservice = "tcp'))
    bench.worker.step(0)
    assert "another program" in bench.said(Notice)[-1].sentence
    assert bench.shown().reading.director.pools[SHOP].service.name == "theirs"


def test_a_difference_that_is_put_back_changes_no_profile_and_nothing_is_said_of_one(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    bench.kernel.write(weight(replace(ONE, weight=5), 9))
    bench.worker.step(0)
    (drift,) = bench.shown().profile.drift
    bench.ask(drift)
    bench.worker.step(0)
    assert not bench.shown().profile.drift
    assert not bench.said(Notice)


def test_a_broken_profile_is_said_once_and_never_overwritten(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    bench.path.write_text("format = [")
    bench.worker.step(0)
    bench.worker.step(0)
    assert len([n for n in bench.said(Notice) if "director.toml" in n.sentence]) == 1
    bench.ask(weight(replace(ONE, weight=5), 6))
    assert bench.said(Unsaved)
    assert bench.path.read_text() == "format = ["


@pytest.mark.parametrize("read_only", ["lvstui was started with --read-only"])
def test_read_only_refuses_every_edit_with_its_reason(tmp_path: Path, read_only: str) -> None:
    bench = Bench(tmp_path, read_only=read_only)
    answer = bench.ask(weight(ONE, 5))
    assert isinstance(answer, Rejected)
    assert answer.sentence == read_only
    assert bench.running.pools[SHOP].servers[WEB1] == ONE


def test_without_a_profile_edits_still_work_and_can_be_undone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, with_file=False)
    assert isinstance(bench.ask(weight(ONE, 5)), Applied)
    assert bench.shown().profile.path == ""
    assert bench.shown().undo
    assert list(tmp_path.iterdir()) == []


def test_zeroing_counters_is_answered_and_refused_where_edits_are(tmp_path: Path, bench: Bench) -> None:
    bench.worker.submit(Zero(SHOP))
    bench.worker.step(0)
    assert bench.said(Zeroed) == [Zeroed(SHOP)]
    bench.worker.submit(Zero(address_key("tcp:192.0.2.99:1")))
    bench.worker.step(0)
    assert bench.said(Notice)[-1].sentence.startswith("not zeroed: ")
    reader = Bench(tmp_path, read_only="because")
    reader.worker.submit(Zero(None))
    reader.worker.step(0)
    assert reader.said(Notice)[-1].sentence == "not zeroed: because"
    assert not reader.said(Zeroed)


def test_a_difference_is_taken_into_the_profile_and_the_kernel_left_alone(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    five = replace(ONE, weight=5)
    bench.kernel.write(weight(five, 7))
    bench.kernel.write(weight(TWO, 9))
    bench.worker.step(0)
    first = next(change for change in bench.shown().profile.drift if weight(replace(ONE, weight=7), 5) == change)
    bench.worker.submit(Adopt((first,)))
    bench.worker.step(0)
    assert bench.saved.pools[SHOP].servers[WEB1].weight == 7
    assert bench.saved.pools[SHOP].servers[WEB2].weight == 1
    assert bench.running.pools[SHOP].servers[WEB1].weight == 7
    assert bench.shown().profile.drift == (weight(replace(TWO, weight=9), 1),)


def test_what_could_not_be_saved_before_is_saved_with_a_difference_that_is_taken(bench: Bench) -> None:
    bench.ask(weight(ONE, 5))
    held = bench.path.read_text()
    bench.path.write_text("nonsense")
    bench.ask(weight(TWO, 4))
    assert bench.shown().profile.unsaved == 1
    bench.path.write_text(held)
    bench.kernel.write(weight(replace(ONE, weight=5), 7))
    bench.worker.step(0)
    taken = weight(replace(ONE, weight=7), 5)
    assert taken in bench.shown().profile.drift
    bench.worker.submit(Adopt((taken,)))
    bench.worker.step(0)
    assert bench.saved == bench.shown().profile.saved
    assert [s.weight for s in bench.saved.pools[SHOP].servers.values()] == [7, 4]
    assert bench.shown().profile.unsaved == 0


def test_the_thread_ends_after_stop_and_serves_what_was_asked_before(bench: Bench) -> None:
    bench.worker.submit(Pace(5.0, paused=True))
    bench.worker.submit(Edit((weight(ONE, 5),)))
    bench.worker.submit(Stop())
    bench.worker.run()
    assert bench.saved.pools[SHOP].servers[WEB1].weight == 5
    assert bench.shown().paused


class Interrupting(MemoryKernel):
    """A kernel during whose first write the program is asked to end."""

    worker: Worker | None = None

    def write(self, change: Change) -> None:
        """Write, and be interrupted from elsewhere."""
        super().write(change)
        if self.worker is not None:
            self.worker.interrupt()


def test_an_interrupted_edit_ends_before_its_next_write_and_is_saved_and_recorded(tmp_path: Path) -> None:
    kernel = Interrupting(Director(pools={SHOP: Pool(Service(SHOP), {WEB1: ONE, WEB2: TWO})}))
    path = tmp_path / "director.toml"
    events: list[Event] = []
    records = HistoryFile(path)
    worker = kernel.worker = Worker(kernel, ProfileFile(path), events.append, records=records, threaded=False)
    worker.step(0)
    worker.submit(Edit((weight(ONE, 5), weight(TWO, 6))))
    worker.submit(Edit((weight(TWO, 7),)))
    worker.submit(Stop())
    worker.run()
    assert [event.done for event in events if isinstance(event, Rejected)] == [(weight(ONE, 5),), ()]
    servers = loads(path.read_text(), "director.toml").pools[SHOP].servers
    assert [servers[WEB1].weight, servers[WEB2].weight] == [5, 1]
    assert [record.changes for record in records.records()] == [(weight(ONE, 5),)]
    assert sorted(left.name for left in tmp_path.iterdir()) == [
        ".director.toml.lock",
        "director.toml",
        "director.toml.history.jsonl",
    ]


def test_edits_do_not_wait_until_packets_are_walked_through_all_rules_but_keep_their_turn() -> None:
    marks = {number: MarkGroup(number, (selector(f"tcp 192.0.2.10 {number}"),)) for number in (80, 81, 82)}
    kernel = MemoryKernel(Director(pools={SHOP: Pool(Service(SHOP), {WEB1: ONE})}, marks=marks))
    lighter, heavier = replace(ONE, weight=1), replace(ONE, weight=9)
    edits = (Edit((change_server(SHOP, ONE, lighter),)), Edit((change_server(SHOP, lighter, heavier),)))
    requests: list[Edit | Pace] = [edits[0], Pace(5.0), edits[1]]
    events: list[Event] = []

    def host() -> Host:
        while requests:
            worker.submit(requests.pop(0))  # in the middle of the first reading
        return Host("lb1")

    def weight() -> int:
        return kernel.read().director.pools[SHOP].servers[WEB1].weight

    worker = Worker(kernel, None, events.append, host=host)
    worker.step(0)
    first, shown = (event for event in events if isinstance(event, Applied | Snapshot))
    assert isinstance(first, Applied)
    assert isinstance(shown, Snapshot)
    # The other edit came after the pace, which is no edit.
    assert (shown.reading.director.pools[SHOP].servers[WEB1], weight()) == (lighter, 1)
    worker.step(0)
    worker.step(0)
    assert weight() == 9


def test_the_table_is_read_for_a_moment_for_who_sticks_and_not_again_while_that_is_known() -> None:
    class Scanned(MemoryKernel):
        scans = 0

        def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
            self.scans += 1
            return super().scan(engines=engines)

    now = 100.0
    kernel = Scanned(Director(pools={SHOP: Pool(Service(SHOP), {WEB1: ONE, WEB2: TWO})}))
    events: list[Event] = []
    worker = Worker(kernel, None, events.append, threaded=False, clock=lambda: now)
    worker.step(0)
    before = kernel.scans
    for _ in range(3):
        worker.submit(Peek())
        worker.step(0)
    assert kernel.scans == before + 1
    shown = [event for event in events if isinstance(event, Snapshot)][-1]
    assert shown.glimpse is not None
    assert (shown.glimpse.whole, shown.glimpse.taken) == (True, now)
    now = 111.0
    worker.submit(Peek())
    worker.step(0)
    assert kernel.scans == before + 2
