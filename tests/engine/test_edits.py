"""The one way on which an edit goes: what is checked before, and what becomes of it where the kernel refuses."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.change import Change, Target, Value, change_server, change_service, change_timeouts, fold, undo
from lvstui.core.model import Director, Pool, RealServer, Service, ServiceKey, Timeouts
from lvstui.core.record import Kind
from lvstui.engine import edits
from lvstui.engine.edits import Editor
from lvstui.engine.messages import Applied, Edit, EditOutcome, Event, Notice, Overtaken, Rejected, Unsaved
from lvstui.engine.profile import FollowedProfile
from lvstui.engine.writing import Writing
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NoRight, Refused
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from tests.build import MARK, SHOP, server

ONE = server("10.0.0.11:443", weight=1)
IMPOSSIBLE = change_service(None, Service(MARK, scheduler="nonsense"))


class Counting(MemoryKernel):
    """A kernel that counts how often single objects are read."""

    reads = 0

    def lookup(self, target: Target) -> Value | None:
        """Count a reading."""
        self.reads += 1
        return super().lookup(target)


def shop(*servers: RealServer) -> Director:
    return Director({SHOP: Pool(Service(SHOP), {one.endpoint: one for one in servers})})


def many(count: int) -> Sequence[RealServer]:
    return [server(f"10.0.1.{number}:443", weight=1) for number in range(1, count + 1)]


def heavier(servers: Sequence[RealServer], key: ServiceKey = SHOP) -> tuple[Change, ...]:
    return tuple(change_server(key, one, replace(one, weight=9)) for one in servers)


def editor(kernel: MemoryKernel, said: list[Event]) -> Editor:
    return Editor(kernel, FollowedProfile(None, kernel, said.append), None, said.append)


def make(kernel: MemoryKernel, *changes: Change, kind: Kind = Kind.DO) -> EditOutcome:
    said: list[Event] = []
    outcome = editor(kernel, said).make(Edit(changes, kind), kernel.read().director)
    assert not any(isinstance(event, Notice | Unsaved) for event in said)
    return outcome


def test_a_service_can_be_removed_and_added_anew_in_one_edit() -> None:
    kernel = MemoryKernel(shop(ONE))
    anew = (change_server(SHOP, ONE, None), change_service(Service(SHOP), None), change_service(None, Service(SHOP)))
    assert isinstance(make(kernel, *anew), Applied)
    assert kernel.read().director.pools == shop().pools


def test_of_many_changes_the_table_is_read_once_and_of_few_each_object() -> None:
    servers = many(30)
    kernel = Counting(shop(*servers))
    assert isinstance(make(kernel, *heavier(servers[:3])), Applied)
    assert kernel.reads == 6  # the memory kernel itself looks once at each write
    kernel.reads = 0
    assert isinstance(make(kernel, *heavier(servers[3:])), Applied)
    assert kernel.reads == 27


def test_one_of_many_that_somebody_changed_meanwhile_keeps_all_from_being_written() -> None:
    servers = many(30)
    kernel = MemoryKernel(shop(*servers))
    kernel.write(change_server(SHOP, servers[-1], replace(servers[-1], weight=5)))
    before = kernel.read().director
    answer = make(kernel, *heavier(servers))
    assert isinstance(answer, Overtaken)
    assert answer.done == ()
    assert answer.made_by_others == change_server(SHOP, servers[-1], replace(servers[-1], weight=5))
    assert kernel.read().director is before
    insisting = make(kernel, *answer.insisting.changes)
    assert isinstance(insisting, Applied)
    assert {one.weight for one in kernel.read().director.pools[SHOP].servers.values()} == {9}


def test_what_somebody_changed_meanwhile_is_reported_with_the_names_of_the_profile() -> None:
    kernel = MemoryKernel(shop(replace(ONE, weight=5)))
    named = replace(ONE, name="web1")
    answer = make(kernel, change_server(SHOP, named, replace(named, weight=9)))
    assert isinstance(answer, Overtaken)
    assert answer.made_by_others == change_server(SHOP, named, replace(named, weight=5))
    assert answer.rebased == change_server(SHOP, replace(named, weight=5), replace(named, weight=9))


def test_an_undo_that_is_refused_half_way_leaves_the_kernel_and_the_undo_as_they_were() -> None:
    kernel = MemoryKernel(shop(ONE))
    said: list[Event] = []
    desk = editor(kernel, said)
    done = (*heavier([ONE]), change_timeouts(Timeouts(), Timeouts(tcp=700)))
    assert isinstance(desk.make(Edit(done), kernel.read().director), Applied)
    after = kernel.read().director
    outcome = desk.make(Edit((*desk.undo, IMPOSSIBLE), Kind.UNDO), after)
    assert isinstance(outcome, Rejected)
    assert outcome.failed == IMPOSSIBLE
    assert outcome.sentence.endswith("; what was written before it has been taken back")
    assert kernel.read().director == after
    assert desk.undo == undo(done)
    assert desk.redo == ()


class Reluctant(MemoryKernel):
    """A kernel that refuses to let go of a service."""

    def write(self, change: Change) -> None:
        """Refuse the removal of `MARK`."""
        if change.target == MARK and change.after is None:
            raise Refused("somebody holds on to it")
        super().write(change)


def test_a_long_session_undoes_its_newest_changes_and_keeps_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "UNDOABLE", 100)
    light, heavy = Timeouts(900, 120, 300), Timeouts(901, 120, 300)
    kernel = MemoryKernel(Director(timeouts=light))
    made = editor(kernel, [])

    def edit(count: int) -> None:
        there = change_timeouts(light, heavy), change_timeouts(heavy, light)
        assert isinstance(made.make(Edit(there * (count // 2)), kernel.read().director), Applied)

    def undo_all() -> list[int]:
        undone = []
        while made.undo:
            undone.append(len(made.undo))
            assert isinstance(made.make(Edit(made.undo, Kind.UNDO), kernel.read().director), Applied)
        return undone

    for count in (6, 96, 4, 2):
        edit(count)
    assert undo_all() == [2, 4]
    edit(102)
    assert undo_all() == [102]


def test_what_cannot_be_taken_back_is_reported_and_can_be_undone() -> None:
    kernel = Reluctant(shop(ONE))
    said: list[Event] = []
    desk = editor(kernel, said)
    added = change_service(None, Service(MARK))
    outcome = desk.make(Edit((added, *heavier([ONE]), IMPOSSIBLE), whole=True), kernel.read().director)
    assert isinstance(outcome, Rejected)
    assert outcome.done == (added,)
    assert outcome.sentence.endswith("1 change could not be taken back: somebody holds on to it")
    assert set(kernel.read().director.pools) == {SHOP, MARK}
    assert kernel.read().director.pools[SHOP].servers[ONE.endpoint] == ONE
    assert desk.undo == undo((added,))


def test_each_write_is_listed_once_it_holds() -> None:
    kernel = MemoryKernel(shop(ONE))
    changes = (*heavier([ONE]), change_timeouts(Timeouts(), Timeouts(tcp=700)), IMPOSSIBLE)
    writing = Writing(kernel, Edit(changes))
    outcome = writing.run()
    assert isinstance(outcome, Rejected)
    assert outcome.done == writing.done == changes[:2]
    assert kernel.read().director.pools == fold(shop(ONE), changes[:2]).pools


class Interrupted(MemoryKernel):
    """A kernel at whose second write somebody presses Ctrl-C."""

    def write(self, change: Change) -> None:
        """Write a weight, and be interrupted at anything else."""
        if not isinstance(change.after, RealServer):
            raise KeyboardInterrupt
        super().write(change)


def test_what_was_written_until_somebody_interrupts_is_saved_and_recorded(tmp_path: Path) -> None:
    kernel = Interrupted(shop(ONE))
    said: list[Event] = []
    file, records = ProfileFile(tmp_path / "p.toml"), HistoryFile(tmp_path / "p.toml", to_syslog=False)
    desk = Editor(kernel, FollowedProfile(file, kernel, said.append), records, said.append)
    changes = (*heavier([ONE]), change_timeouts(Timeouts(), Timeouts(tcp=700)))
    with pytest.raises(KeyboardInterrupt):
        desk.make(Edit(changes, Kind.APPLY), kernel.read().director)
    saved = file.load()
    assert saved is not None
    assert saved.pools == fold(shop(ONE), changes[:1]).pools
    assert [record.changes for record in records.records()] == [changes[:1]]
    assert desk.undo == undo(changes[:1])
    assert said == []


def test_a_kernel_that_may_not_be_written_refuses_with_its_reason() -> None:
    kernel = MemoryKernel(shop(ONE))
    kernel.read_only = "start lvstui as root"
    outcome = make(kernel, *heavier([ONE]))
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, NoRight)
    assert outcome.sentence == "start lvstui as root"
    assert outcome.failed is None
