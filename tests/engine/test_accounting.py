"""Every edit accounted for: the worker with its history, and two workers on one profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.change import Change, DirectorField, change_server, change_sysctl
from lvstui.core.model import RealServer
from lvstui.core.record import Kind
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.head import Bearings, words
from lvstui.engine.messages import Applied, Edit, Event, Notice, Rejected, Stop
from lvstui.engine.worker import Worker
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from lvstui.store.sessions import Presence
from tests.build import SHOP, director, pool, server

ONE = server("10.0.0.11:443", weight=3, upper=1000, lower=800)
TWO = server("10.0.0.12:443")


class Seat:
    """One lvstui at work, stepped by the test."""

    def __init__(self, kernel: MemoryKernel, profile: Path) -> None:
        self.events: list[Event] = []
        self.worker = Worker(
            kernel, ProfileFile(profile), self.events.append, records=HistoryFile(profile), presence=Presence(profile)
        )
        self.look()

    def look(self) -> Snapshot:
        self.worker.step(0)
        return next(event for event in reversed(self.events) if isinstance(event, Snapshot))

    def ask(self, *changes: Change, kind: Kind = Kind.DO) -> Snapshot:
        self.events.clear()
        self.worker.submit(Edit(changes, kind))
        return self.look()

    def answered(self, kind: type[Applied | Rejected]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    def leave(self) -> None:
        self.worker.submit(Stop())
        self.worker.step(0)

    @property
    def notices(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, Notice)]


@pytest.fixture
def kernel() -> MemoryKernel:
    return MemoryKernel(director(pool(SHOP, ONE, TWO)))


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "director.toml"


@pytest.fixture
def seat(kernel: MemoryKernel, profile: Path) -> Iterator[Seat]:
    opened = Seat(kernel, profile)
    yield opened
    opened.leave()


@pytest.fixture
def colleague(kernel: MemoryKernel, profile: Path, seat: Seat) -> Iterator[Seat]:
    opened = Seat(kernel, profile)
    seat.look()
    yield opened
    opened.leave()


def weight(server: RealServer, value: int) -> Change:
    return change_server(SHOP, server, replace(server, weight=value))


def test_every_edit_undo_and_redo_is_a_record(seat: Seat) -> None:
    seat.ask(weight(ONE, 5))
    shown = seat.ask(*seat.look().undo, kind=Kind.UNDO)
    shown = seat.ask(*shown.redo, kind=Kind.REDO)
    shown = seat.ask(Change(DirectorField.NAME, "", "lb1"))
    assert [record.kind for record in shown.changes] == [Kind.DO, Kind.UNDO, Kind.REDO, Kind.DO]
    assert [record.number for record in shown.changes] == [1, 2, 3, 4]
    assert shown.changes[0].changes == (weight(ONE, 5),)
    assert shown.changes[3].changes == (Change(DirectorField.NAME, "", "lb1"),)


def test_the_records_of_a_quiet_director_are_not_read_again(seat: Seat) -> None:
    seat.ask(weight(ONE, 5))
    assert seat.look().changes is seat.look().changes


def test_of_an_edit_that_failed_half_way_only_what_was_made_is_recorded(seat: Seat) -> None:
    shown = seat.ask(weight(TWO, 9), change_server(SHOP, ONE, replace(ONE, lower=2000)))
    assert seat.answered(Rejected)
    assert [record.changes for record in shown.changes] == [(weight(TWO, 9),)]


def test_what_was_refused_is_not_recorded(seat: Seat) -> None:
    shown = seat.ask(change_server(SHOP, ONE, replace(ONE, lower=2000)))
    assert seat.answered(Rejected)
    assert shown.changes == ()
    assert seat.ask(change_sysctl("am_droprate", "no such value", "20")).changes == ()


def test_a_history_that_cannot_be_written_is_said_and_stops_no_edit(
    kernel: MemoryKernel, profile: Path, seat: Seat
) -> None:
    profile.with_name("director.toml.history.jsonl").mkdir()
    seat.ask(weight(ONE, 5))
    assert seat.answered(Applied)
    assert kernel.read().director.pools[SHOP].servers[ONE.endpoint].weight == 5
    assert seat.look().profile.drift == ()
    assert any("missing in the history" in sentence and "it is a folder" in sentence for sentence in seat.notices)
    seat.events.clear()
    seat.look()
    assert seat.notices == []


def test_rollback_can_be_undone_like_any_edit(seat: Seat) -> None:
    seat.ask(weight(ONE, 5))
    shown = seat.ask(weight(replace(ONE, weight=5), 3), kind=Kind.ROLLBACK)
    assert shown.undo == (weight(ONE, 5),)
    assert shown.changes[-1].kind is Kind.ROLLBACK


def test_the_second_one_sees_who_is_there_and_both_show_it(seat: Seat, colleague: Seat) -> None:
    assert [sentence for sentence in colleague.notices if "another lvstui is at work on this profile" in sentence]
    assert len(colleague.look().others) == len(seat.look().others) == 1
    assert "2 here" in [cell.text for cell in words(seat.look(), Bearings("services"))]
    seat.events.clear()
    assert "2 here" in [cell.text for cell in words(seat.look(), Bearings("services"))]
    assert seat.notices == []


def test_one_alone_is_not_counted(seat: Seat) -> None:
    assert not any("here" in cell.text for cell in words(seat.look(), Bearings("services")))


def test_who_leaves_is_no_longer_shown(seat: Seat, colleague: Seat) -> None:
    colleague.leave()
    assert seat.look().others == ()


def test_two_see_each_others_edits_within_a_look_and_lose_none(seat: Seat, colleague: Seat, profile: Path) -> None:
    seat.ask(weight(ONE, 5))
    shown = colleague.look()
    assert shown.reading.director.pools[SHOP].servers[ONE.endpoint].weight == 5
    assert shown.changes == seat.look().changes
    colleague.ask(weight(TWO, 7))
    shown = seat.ask(weight(replace(ONE, weight=5), 6))
    assert [record.number for record in shown.changes] == [1, 2, 3]
    saved = ProfileFile(profile).load()
    assert saved is not None
    assert [server.weight for server in saved.pools[SHOP].servers.values()] == [6, 7]
    assert shown.profile.drift == ()
