"""The thread that reads the connection table: it can be stopped, keeps to its budget, and says how far it came."""

from __future__ import annotations

import time
from collections.abc import Generator
from ipaddress import ip_address
from itertools import pairwise
from threading import Thread

import pytest

from lvstui.core import fields
from lvstui.core.change import EMPTY
from lvstui.core.entries.resolve import wanted_clients
from lvstui.core.model import Protocol
from lvstui.core.observed import Connection, Scan
from lvstui.engine import scanner
from lvstui.engine.scanner import BUDGET, End, Follow, Scanner, Work, read_table
from lvstui.host import machine
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NoIpvs, Piece
from tests.build import endpoint

SOMEBODY = wanted_clients([ip_address("198.18.9.9")], EMPTY)


class LargeKernel(MemoryKernel):
    """A kernel with a number of pieces of its table, each of which takes a time to be read; somebody is in the last."""

    def __init__(self, pieces: int, seconds: float = 0.0) -> None:
        super().__init__()
        self.now = 100.0
        self.pieces = pieces
        self.seconds = seconds
        self.read_so_far = 0
        self.opened = 0
        self.closed = 0

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        self._check()
        assert engines in (True, False)
        self.opened += 1
        try:
            for number in range(self.pieces):
                self.now += self.seconds
                self.read_so_far += 1
                client = f"198.18.{'9.9' if number == self.pieces - 1 else '0.1'}:{number % 60000 + 1}"
                ends = fields.server(client), endpoint("192.0.2.10:80")
                yield Piece((), [Connection(Protocol.TCP, *ends, endpoint("10.0.0.11:80"), "UDP", self.now)])
        finally:
            self.closed += 1


def scanner_of(kernel: LargeKernel) -> tuple[Scanner, list[Scan]]:
    published: list[Scan] = []
    return Scanner(kernel, published.append, clock=lambda: kernel.now), published


def test_a_small_table_is_published_once_and_whole() -> None:
    reader, published = scanner_of(LargeKernel(5))
    reader.order(Follow(True))
    reader.step(0)
    reader.step(0)
    (scan,) = published
    assert (len(scan.connections), scan.rows, scan.complete, scan.running) == (5, 5, True, False)


def test_nothing_is_read_before_somebody_follows_nor_afterwards() -> None:
    kernel = LargeKernel(5)
    reader, published = scanner_of(kernel)
    reader.step(0)
    assert kernel.opened == 0
    reader.order(Follow(True))
    reader.step(0)
    reader.step(0)
    reader.order(Follow(False))
    reader.step(0)
    reader.step(0)
    assert (kernel.opened, len(published)) == (1, 1)


def test_a_long_reading_shows_how_far_it_is_and_ends_with_its_budget() -> None:
    kernel = LargeKernel(1000, seconds=0.1)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    assert all(scan.running for scan in published[:-1])
    rows = [scan.rows for scan in published]
    assert rows == sorted(rows)
    last = published[-1]
    assert (last.complete, last.running) == (False, False)
    assert BUDGET <= last.taken - last.began <= BUDGET + 1
    reader.order(Follow(False))
    reader.step(0)
    assert kernel.closed == 1


def test_a_search_reads_to_the_end_however_long_it_takes() -> None:
    kernel = LargeKernel(1000, seconds=0.1)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True, SOMEBODY))
    reader.step(0)
    reader.read()
    assert (published[-1].complete, published[-1].rows) == (True, 1000)


def test_a_search_goes_on_where_the_budget_had_stopped_the_reading() -> None:
    kernel = LargeKernel(1000, seconds=0.1)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    assert (kernel.closed, published[-1].complete) == (0, False)
    reader.order(Follow(True, SOMEBODY))
    reader.step(0)
    reader.read()
    assert (published[-1].complete, published[-1].rows, kernel.read_so_far) == (True, 1000, 1000)
    assert kernel.closed == kernel.opened == 1


def test_an_order_ends_a_reading_within_one_piece() -> None:
    kernel = LargeKernel(1000)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.order(Work(lambda: None))
    reader.read()
    assert kernel.read_so_far == 1
    assert (published[-1].complete, published[-1].running) == (False, True)
    reader.step(0)
    assert kernel.closed == 1


def test_what_has_been_done_is_seen_at_once_by_a_reading_from_the_start() -> None:
    kernel = LargeKernel(100, seconds=0.1)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    reader.order(Work(lambda: None))
    reader.step(0)
    reader.step(0)
    assert (kernel.read_so_far, kernel.opened, published[-1].complete) == (200, 2, True)


def test_a_search_goes_on_with_the_reading_that_it_interrupts() -> None:
    kernel = LargeKernel(1000, seconds=0.001)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.order(Follow(True, SOMEBODY))
    reader.read()
    assert len(published[-1].connections) == 1
    reader.step(0)
    reader.step(0)
    assert (published[-1].rows, kernel.read_so_far, kernel.opened) == (1000, 1000, 1)


def test_nothing_is_held_open_once_nobody_looks_any_more() -> None:
    kernel = LargeKernel(1000, seconds=0.1)
    reader, _ = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.order(Follow(False))
    reader.read()
    reader.step(0)
    assert kernel.read_so_far == kernel.closed == 1


def test_it_rests_four_times_as_long_as_a_reading_took() -> None:
    kernel = LargeKernel(100, seconds=0.02)
    reader, _ = scanner_of(kernel)
    reader.order(Follow(True, pace=1.0))
    reader.step(0)
    reader.read()
    ended = kernel.now
    assert reader._due == pytest.approx(ended + 8.0, abs=0.1)


def test_a_large_table_is_shown_less_often_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "SHOWING", 0.1)
    reader, published = scanner_of(LargeKernel(100, seconds=0.15))
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    shown = [scan.rows for scan in published]
    assert all(later - earlier >= 0.1 * earlier / 0.15 for earlier, later in pairwise(shown[:-1]))
    assert 2 < len(shown) < 10


def test_a_partial_reading_does_not_hide_one_that_knew_more() -> None:
    kernel = LargeKernel(50, seconds=0.01)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    kernel.seconds = 3.0
    reader.read()
    assert [scan.rows for scan in published if scan.running] == []


def test_more_rows_than_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "KEEP", 30)
    monkeypatch.setattr(scanner, "room", lambda: 30)
    reader, published = scanner_of(LargeKernel(100))
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    scan = published[-1]
    assert (len(scan.connections), scan.rows, scan.left_out, scan.complete, scan.whole) == (30, 100, 70, True, False)


def test_as_many_rows_are_kept_as_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "spare_memory", lambda: 4 << 30)
    assert 500_000 < scanner.room() < 1_500_000
    monkeypatch.setattr(machine, "spare_memory", lambda: 0)
    assert scanner.room() == scanner.KEEP
    monkeypatch.setattr(scanner, "KEEP", 10)
    reader, published = scanner_of(LargeKernel(100))
    monkeypatch.setattr(machine, "spare_memory", lambda: 60 * 4 * scanner._ROW)
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    assert (len(published[-1].connections), published[-1].left_out) == (60, 40)


def test_whoever_is_looked_for_is_kept_however_many_others_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "KEEP", 30)
    monkeypatch.setattr(scanner, "room", lambda: 30)
    kernel = LargeKernel(100)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True, SOMEBODY))
    reader.step(0)
    reader.read()
    assert published[-1].connections[-1].client.address in SOMEBODY
    assert published[-1].left_out == 69
    assert read_table(kernel, 30, SOMEBODY).connections[-1].client.address in SOMEBODY


def test_a_stopped_reading_is_not_taken_up_for_somebody_whom_it_may_have_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanner, "KEEP", 30)
    monkeypatch.setattr(scanner, "room", lambda: 30)
    kernel = LargeKernel(1000, seconds=0.1)
    reader, published = scanner_of(kernel)
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    assert published[-1].left_out
    reader.order(Follow(True, SOMEBODY))
    reader.step(0)
    reader.read()
    assert (kernel.opened, published[-1].complete, len(published[-1].connections)) == (2, True, 31)


def test_a_table_that_cannot_be_read_says_why_and_is_read_again_later() -> None:
    kernel = LargeKernel(3)
    reader, published = scanner_of(kernel)
    kernel.failure = NoIpvs("this kernel has no IPVS")
    reader.order(Follow(True))
    reader.step(0)
    reader.read()
    assert published[-1].trouble == "this kernel has no IPVS"
    kernel.failure = None
    reader.read()
    assert (published[-1].trouble, published[-1].rows) == ("", 3)


def test_work_is_done_in_the_thread_and_the_thread_ends_when_it_is_asked_to() -> None:
    kernel = LargeKernel(10**9)
    reader = Scanner(kernel, lambda _: None)
    done: list[str] = []
    thread = Thread(target=reader.run, daemon=True)
    thread.start()
    reader.order(Follow(True, SOMEBODY))
    deadline = time.monotonic() + 60
    while not kernel.read_so_far and time.monotonic() < deadline:
        time.sleep(0.01)
    reader.order(Work(lambda: done.append("worked")))
    reader.order(End())
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert done == ["worked"]
    assert kernel.closed == kernel.opened
