"""Worker and scanner together, each in its thread: watching, editing, reporting, and ending."""

from __future__ import annotations

import queue
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TypeVar

import pytest

from lvstui.core.change import change_service, set_weight
from lvstui.core.entries.edits import EntryEdit, Expire, Manner, Move, Outcome, SetTime
from lvstui.core.model import Persistence, ServerKey, Service
from lvstui.core.observed import Entry
from lvstui.core.record import Kind
from lvstui.core.snapshot import Snapshot
from lvstui.engine.messages import (
    Edit,
    EditEntries,
    EntriesDone,
    EntryProgress,
    Event,
    Notice,
    Stop,
    StopEntries,
    Watch,
)
from lvstui.engine.worker import Worker
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Piece
from lvstui.store.history_file import HistoryFile
from tests.build import address_key

E = TypeVar("E")


class Desk:
    """A worker in its thread on the demo's kernel, with a history; `wait` returns the next event of a kind."""

    def __init__(self, folder: Path, read_only: str = "") -> None:
        self.kernel = MemoryKernel(demo_director(), traffic=True)
        self.records = HistoryFile(folder / "director.toml")
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.notices: list[str] = []
        self.worker = Worker(
            self.kernel, None, self._events.put, interval=0.2, records=self.records, read_only=read_only
        )
        self.thread = Thread(target=self.worker.run, daemon=True)
        self.thread.start()

    def wait(self, kind: type[E], seconds: float = 300.0) -> E:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            event = self._events.get(timeout=left)
            if isinstance(event, Notice):
                self.notices.append(event.sentence)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came")

    def forget(self) -> None:
        """Let go of the events that came so far."""
        while not self._events.empty():
            self._events.get()

    def entry(self, place: int = 0) -> Entry:
        """Watch until the table is known, and return one of its entries."""
        self.worker.submit(Watch(True))
        while (snapshot := self.wait(Snapshot)).scan is None or not snapshot.scan.complete:
            pass
        return snapshot.scan.entries[place]

    def make(self, *edits: EntryEdit, pace: float = 0.0) -> EntriesDone:
        self.worker.submit(EditEntries(edits, pace))
        return self.wait(EntriesDone)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.worker.submit(Stop())
    desk.thread.join(timeout=300)
    assert not desk.thread.is_alive()


def test_a_scan_comes_while_somebody_watches_and_goes_when_nobody_does(desk: Desk) -> None:
    assert desk.wait(Snapshot).scan is None
    desk.entry()
    desk.worker.submit(Watch(False))
    deadline = time.monotonic() + 60
    while desk.wait(Snapshot).scan is not None:
        assert time.monotonic() < deadline


def test_what_engines_distinguish_clients_by_is_asked_for_by_a_session_that_begins_with_the_entries() -> None:
    """Such a session watches before it knows what services there are."""
    asked: list[bool] = []

    class Asked(MemoryKernel):
        def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
            asked.append(engines)
            return super().scan(engines=engines)

    sip = address_key("udp:192.0.2.10:5060")
    kernel = Asked()
    kernel.write(change_service(None, Service(sip, persistence=Persistence(300, engine="sip"))))
    worker = Worker(kernel, None, lambda _: None, threaded=False)
    worker.submit(Watch(True))
    worker.step(0)
    worker.step(0)
    assert asked[-1]


def test_an_edit_is_made_reported_and_recorded(desk: Desk) -> None:
    entry = desk.entry()
    done = desk.make(SetTime(entry, 4321))
    (report,) = done.reports
    assert report.outcome is Outcome.DONE
    (record,) = desk.records.recent()
    assert (record.kind, record.changes) == (Kind.ENTRIES, ())
    assert record.entries[0].startswith("time: ")
    assert record.entries[0].endswith("has 4321 s left")


def test_snapshots_go_on_while_an_edit_waits_for_the_kernel(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, goes_on = Flag(), Flag()

    def wait(seconds: float) -> bool:
        waits.set()
        goes_on.wait(60)
        time.sleep(seconds)
        return True

    monkeypatch.setattr(desk.worker._desk, "_wait", wait)
    entry = desk.entry()
    desk.worker.submit(EditEntries((Expire(entry, Manner.KILL),)))
    assert waits.wait(60)
    desk.forget()
    for _ in range(3):
        desk.wait(Snapshot)
    goes_on.set()
    assert desk.wait(EntriesDone).reports[0].outcome is Outcome.DONE


def test_edits_that_are_stopped_say_how_many_were_not_tried(desk: Desk) -> None:
    desk.entry()
    entries = [entry for piece in desk.kernel.scan() for entry in piece.entries][:6]
    desk.worker.submit(EditEntries(tuple(SetTime(entry, 600) for entry in entries), pace=0.05))
    desk.wait(EntryProgress)
    desk.worker.submit(StopEntries())
    done = desk.wait(EntriesDone)
    assert 1 <= len(done.reports) < done.total == 6


def test_the_worker_ends_soon_though_an_edit_is_under_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, wait = Flag(), desk.worker._desk._wait

    def wait_long(seconds: float) -> bool:
        waits.set()
        return wait(seconds + 1000)

    monkeypatch.setattr(desk.worker._desk, "_wait", wait_long)
    entry = desk.entry()
    servers = desk.kernel.read().director.pools[entry.service].servers
    target = next(endpoint for endpoint in servers if endpoint.address != entry.server.address)
    desk.worker.submit(EditEntries((Move(entry, target, 300),)))
    assert waits.wait(60)
    desk.worker.submit(Stop())
    desk.thread.join(timeout=300)
    assert not desk.thread.is_alive()


def test_an_error_that_nobody_foresaw_ends_the_worker_loudly() -> None:
    class Odd(MemoryKernel):
        def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
            raise ZeroDivisionError(engines)

    worker = Worker(Odd(), None, lambda _: None)
    worker.submit(Watch(True))
    with pytest.raises(ZeroDivisionError):
        worker.run()


def test_a_read_only_worker_edits_no_entry(tmp_path: Path) -> None:
    desk = Desk(tmp_path, read_only="lvstui was started with --read-only")
    entry = desk.entry()
    desk.worker.submit(EditEntries((Expire(entry),)))
    assert "read-only" in desk.wait(Notice).sentence
    desk.worker.submit(Stop())
    desk.thread.join(timeout=300)
    assert desk.records.recent() == ()


def test_a_door_that_cannot_be_shut_is_said_once_a_session(desk: Desk) -> None:
    desk.kernel.ajar = "any user of this machine could change entries too"
    for seconds in (1000, 2000):
        desk.make(SetTime(desk.entry(), seconds))
    assert desk.notices == [desk.kernel.ajar]


def test_an_edit_that_empties_a_server_moves_its_clients_once_it_holds(desk: Desk) -> None:
    entry = desk.entry()
    place = ServerKey(entry.service, entry.server)
    server = desk.kernel.read().director.pools[place.service].servers[place.endpoint]
    drain = set_weight(place.service, server, 0)
    assert drain is not None
    desk.worker.submit(Edit((drain,), empties=(place,)))
    done = desk.wait(EntriesDone)
    moves = {report.edit: report.outcome for report in done.reports if isinstance(report.edit, Move)}
    assert len(moves) == len(done.reports)
    assert all(move.server != place.endpoint for move in moves)
    soon = time.monotonic() + 60  # an entry that runs out by itself meanwhile is not there to be moved
    assert {outcome for move, outcome in moves.items() if move.entry.ends > soon} == {Outcome.DONE}
    edited, moved = desk.records.records()
    assert (edited.changes, moved.kind) == ((drain,), Kind.ENTRIES)
    assert len(moved.entries) == len(done.reports)


def test_a_server_to_which_nobody_sticks_is_empty_already(desk: Desk) -> None:
    pools = desk.kernel.read().director.pools
    key = next(key for key, pool in pools.items() if pool.service.persistence is None and len(pool.servers) > 1)
    server = next(iter(pools[key].servers.values()))
    drain = set_weight(key, server, 0)
    assert drain is not None
    desk.worker.submit(Edit((drain,), empties=(ServerKey(key, server.endpoint),)))
    assert desk.wait(EntriesDone).total == 0
