"""Changes on trial in the kernel in memory, by the worker and by the desk that commands use, with real files."""

from __future__ import annotations

import os
import queue
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest

from lvstui.core.change import Change, DirectorField, change_server, change_service, kernel_writes
from lvstui.core.drift import find_drift
from lvstui.core.model import Director, Pool, RealServer, Service
from lvstui.core.record import Kind, Record, Session
from lvstui.core.snapshot import Snapshot
from lvstui.core.trial import Guard, Phase, boottime
from lvstui.engine import worker
from lvstui.engine.messages import (
    Applied,
    Edit,
    Event,
    Extend,
    Extended,
    Keep,
    Kept,
    Notice,
    Pace,
    ReadNow,
    Rejected,
    SaveAll,
    TakeBack,
    TakenBack,
    Undecided,
)
from lvstui.engine.sentences import sentence
from lvstui.engine.trials import ends, start
from lvstui.engine.trials.desk import TrialDesk
from lvstui.engine.worker import Worker
from lvstui.formats.profile.write import ProfileError, dumps, loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import KernelError, Refused
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile
from lvstui.store.trial_file import TrialFile
from tests.build import SHOP, address_key, server
from tests.clock import Clock

pytestmark = pytest.mark.usefixtures("trial_clock")

ONE = server("10.0.0.11:443", weight=3)
TWO = server("10.0.0.12:443", weight=1)
NEW = server("10.0.0.13:443", weight=1, name="web3")
OTHER = address_key("tcp:192.0.2.20:80")

E = TypeVar("E")


class Lasting(MemoryKernel):
    """A kernel that outlives the lvstui that edits it, without a guard: nobody is started for it here."""

    origin = "Linux"


class Bench:
    """A worker on a kernel in memory with profile, history and a place for a trial."""

    def __init__(self, folder: Path, kernel: MemoryKernel | None = None) -> None:
        start = Director(pools={SHOP: Pool(Service(SHOP), {ONE.endpoint: ONE, TWO.endpoint: TWO})})
        self.kernel = kernel or MemoryKernel(start)
        self.path = folder / "director.toml"
        if not self.path.exists():
            self.path.write_text(dumps(start))
        self.file = TrialFile(folder / "trial.json")
        self.events: list[Event] = []
        self.worker = Worker(
            self.kernel,
            ProfileFile(self.path),
            self.events.append,
            records=HistoryFile(self.path),
            trial=self.file,
            threaded=False,
        )
        self.worker.step(0)

    def ask(self, request: Edit | Keep | Extend | TakeBack | SaveAll | ReadNow) -> list[Event]:
        """Let the worker serve a request, and return what it said before the reading after it."""
        self.events.clear()
        self.worker.submit(request)
        self.worker.step(0)
        return [event for event in self.events if not isinstance(event, Snapshot)]

    def try_out(self, *changes: Change, seconds: float = 60, kind: Kind = Kind.DO) -> Event:
        return self.ask(Edit(changes, kind, trial=seconds))[0]

    def desk(self, user: str = "", said: list[Event] | None = None) -> TrialDesk:
        """Return a desk as that of a command which another session runs."""
        person = Session(user, "", 1, datetime.now(UTC)) if user else None
        post = said.append if said is not None else lambda _: None
        return TrialDesk(self.kernel, TrialFile(self.file.path), person=person, post=post)

    def expire(self) -> str:
        """Let the time of the trial be over, and return its id."""
        trial = self.file.load()
        assert trial is not None
        just_over = boottime() - 0.1
        self.file.mark(replace(trial, phase=Phase.ON_TRIAL, deadline=just_over, guard=Guard.PROCESS))
        return trial.id

    @property
    def shown(self) -> Snapshot:
        return next(event for event in reversed(self.events) if isinstance(event, Snapshot))

    @property
    def running(self) -> Director:
        return self.kernel.read().director

    @property
    def saved(self) -> Director:
        return loads(self.path.read_text(), "director.toml")

    @property
    def records(self) -> list[Record]:
        return list(HistoryFile(self.path).records())

    def weight(self, one: RealServer = ONE) -> int:
        return self.running.pools[SHOP].servers[one.endpoint].weight


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def weigh(one: RealServer, weight: int) -> Change:
    return change_server(SHOP, one, replace(one, weight=weight))


def test_on_trial_the_kernel_has_it_and_the_profile_has_not_and_it_is_shown_as_no_drift(bench: Bench) -> None:
    event = bench.try_out(weigh(ONE, 5))
    assert isinstance(event, Applied)
    assert sentence(event)[0].startswith(
        "on trial: tcp:192.0.2.10:443 / 10.0.0.11:443: weight 3 -> 5; taken back in 60 s"
    )
    assert (bench.weight(), bench.saved.pools[SHOP].servers[ONE.endpoint].weight) == (5, 3)
    shown = bench.shown
    assert not shown.profile.drift
    assert not shown.undo
    assert shown.trial is not None
    assert shown.trial.changes == (weigh(ONE, 5),)
    assert shown.trial.left == 60
    assert (shown.trial.guard, shown.trial.may_decide, shown.trial.seconds) == (Guard.SCREEN, True, 60)
    assert [record.kind for record in bench.records] == [Kind.TRIAL]


def test_what_is_kept_is_in_the_profile_in_the_history_and_can_be_undone(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    (event,) = bench.ask(Keep())
    assert isinstance(event, Kept)
    assert sentence(event)[0] == "kept: tcp:192.0.2.10:443 / 10.0.0.11:443: weight 3 -> 5"
    assert bench.saved.pools[SHOP].servers[ONE.endpoint].weight == 5
    assert bench.shown.trial is None
    assert bench.shown.undo == (weigh(replace(ONE, weight=5), 3),)
    assert [record.kind for record in bench.records] == [Kind.TRIAL, Kind.KEEP]
    assert bench.file.load() is None


def test_what_nobody_keeps_goes_back_by_itself_also_while_nothing_is_read(
    bench: Bench, trial_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.worker.submit(Pace(1.0, paused=True))
    bench.worker.step(0)
    bench.try_out(weigh(ONE, 5), seconds=0.2)
    waited: list[float] = []

    def wait(timeout: float) -> None:
        waited.append(timeout)
        trial_clock.sleep(timeout + 0.001)
        raise queue.Empty

    monkeypatch.setattr(bench.worker, "_requests", SimpleNamespace(get=wait))
    bench.events.clear()
    bench.worker.step()  # waits for nothing but the deadline
    assert waited == pytest.approx([0.2])
    assert bench.weight() == 3
    assert bench.shown.trial is None
    (said,) = (event.sentence for event in bench.events if isinstance(event, Notice))
    assert "taken back, what" in said
    assert [record.kind for record in bench.records] == [Kind.TRIAL, Kind.TAKE_BACK]


def test_what_others_try_and_decide_is_seen_though_nothing_is_read_for_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_GLANCE", 0.01)
    bench.worker.submit(Pace(1.0, paused=True))
    bench.worker.step(0)
    colleague = bench.desk()
    assert isinstance(colleague.try_out(Edit((weigh(ONE, 5),), trial=60.0), None, saves=False), Applied)
    seen = []
    bench.worker.step()
    seen.append(bench.shown.trial is not None)
    assert isinstance(colleague.take_back(), TakenBack)
    bench.worker.step()
    seen.append(bench.shown.trial is not None)
    assert seen == [True, False]
    assert bench.shown.reading.director.pools[SHOP].servers[ONE.endpoint].weight == 3


def test_taken_back_at_once_all_is_as_before_in_kernel_and_profile(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5), change_server(SHOP, None, NEW), change_server(SHOP, TWO, None))
    (event,) = bench.ask(TakeBack())
    assert isinstance(event, TakenBack)
    assert event.is_whole
    assert not kernel_writes(find_drift(bench.running, bench.saved))
    assert bench.weight() == 3
    assert bench.ask(Keep()) == [Undecided("no change is on trial")]


def test_an_extended_trial_has_so_much_more_time(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5), seconds=60)
    (event,) = bench.ask(Extend(40))
    assert isinstance(event, Extended)
    assert bench.shown.trial is not None
    assert bench.shown.trial.left == 100
    assert bench.shown.trial.seconds == 60


def test_a_second_trial_is_refused_with_who_has_the_first_and_for_how_long(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    event = bench.try_out(weigh(TWO, 5))
    assert isinstance(event, Rejected)
    assert "is on trial for another 60 s: keep it (`lvstui confirm`) or take it back" in event.sentence
    assert bench.weight(TWO) == 1


@pytest.mark.parametrize(
    ("changes", "empties", "reason"),
    [
        ((Change(DirectorField.NAME, "", "lb1"),), False, "nothing of this reaches the kernel"),
        ((weigh(ONE, 0),), True, "clients that were moved cannot be moved back"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_written(
    bench: Bench, changes: Sequence[Change], empties: bool, reason: str
) -> None:
    from lvstui.core.model import ServerKey

    moved = (ServerKey(SHOP, ONE.endpoint),) if empties else ()
    (event, *_) = bench.ask(Edit(tuple(changes), empties=moved, trial=60))
    assert isinstance(event, Rejected)
    assert event.sentence.startswith(reason)
    assert bench.file.load() is None
    assert bench.weight() == 3


def test_a_refused_trial_leaves_neither_a_guard_nor_a_file_nor_a_change(bench: Bench) -> None:
    event = bench.try_out(weigh(ONE, 5), change_service(None, Service(OTHER, "nonsense")))
    assert isinstance(event, Rejected)
    assert "what was written before it has been taken back" in event.sentence
    assert (bench.weight(), bench.file.load(), bench.shown.trial, bench.records) == (3, None, None, [])
    assert not bench.file.path.exists()


def test_an_edit_of_others_meanwhile_stays_is_named_and_is_never_saved_with_ours(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5), change_service(None, Service(OTHER)), change_server(OTHER, None, NEW))
    (event, *_) = bench.ask(Edit((weigh(replace(ONE, weight=5), 6),)))
    assert isinstance(event, Applied)
    assert bench.saved.pools[SHOP].servers[ONE.endpoint].weight == 6
    assert OTHER not in bench.saved.pools
    (ended,) = bench.ask(TakeBack())
    assert isinstance(ended, TakenBack)
    assert not ended.is_whole
    assert (
        "changed by others since, and left alone: tcp:192.0.2.10:443 / 10.0.0.11:443: weight 5 -> 6"
        in (sentence(ended)[0])
    )
    assert bench.weight() == 6
    assert OTHER not in bench.running.pools


def test_of_what_is_kept_the_profile_takes_only_what_others_have_left(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5), weigh(TWO, 8))
    bench.kernel.write(weigh(replace(ONE, weight=5), 6))
    (event,) = bench.ask(Keep())
    assert isinstance(event, Kept)
    assert (event.done, len(event.left_alone)) == ((weigh(TWO, 8),), 1)
    weights = [one.weight for one in bench.saved.pools[SHOP].servers.values()]
    assert weights == [3, 8]
    assert bench.records[-1].changes == (weigh(TWO, 8),)


def test_saving_all_that_the_kernel_holds_leaves_out_what_is_on_trial(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    bench.kernel.write(weigh(TWO, 9))
    bench.ask(SaveAll())
    assert [one.weight for one in bench.saved.pools[SHOP].servers.values()] == [3, 9]
    assert not bench.shown.profile.drift


def test_a_profile_that_is_first_written_while_something_is_on_trial_lacks_that(bench: Bench) -> None:
    bench.path.unlink()
    bench.try_out(weigh(ONE, 5))
    bench.ask(Edit((weigh(TWO, 9),)))
    assert [one.weight for one in bench.saved.pools[SHOP].servers.values()] == [3, 9]


def test_a_server_that_others_put_into_a_service_on_trial_is_saved_with_that_service_alone(bench: Bench) -> None:
    bench.try_out(change_service(None, Service(OTHER, "rr")), change_server(OTHER, None, NEW))
    bench.ask(Edit((change_server(OTHER, None, ONE),)))
    assert bench.saved.pools[OTHER] == Pool(Service(OTHER, "rr"), {ONE.endpoint: ONE})


def test_what_another_program_changes_meanwhile_is_still_seen_as_its_edit(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    assert not [event for event in bench.shown.events if event.found.happening.is_foreign]
    bench.kernel.write(weigh(TWO, 9))
    bench.ask(ReadNow())
    (event,) = (event for event in bench.shown.events if event.found.happening.is_foreign)
    assert "weight 1 -> 9" in event.found.text
    assert [change.target for change in bench.shown.profile.drift] == [event.found.target]


def test_another_session_of_the_same_person_keeps_it_and_another_person_does_not(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    stranger = bench.desk("somebody")
    assert stranger.pending is not None
    assert not stranger.pending.may_decide
    for event in (stranger.keep(), stranger.extend(60), stranger.take_back()):
        assert isinstance(event, Undecided)
        assert "who decides about it, or root" in event.sentence
    assert isinstance(bench.desk().keep(), Kept)
    assert bench.saved.pools[SHOP].servers[ONE.endpoint].weight == 5
    bench.ask(ReadNow())
    assert bench.shown.trial is None


def test_another_person_who_insists_takes_it_back(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    assert isinstance(bench.desk("somebody").take_back(force=True), TakenBack)
    assert bench.weight() == 3
    assert bench.records[-1].user == "somebody"


def test_of_a_person_and_the_guard_the_first_to_decide_wins(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    first = bench.expire()
    assert isinstance(bench.desk().keep(), Kept)
    assert bench.desk().fire(first) is None
    assert bench.weight() == 5
    bench.try_out(weigh(replace(ONE, weight=5), 7))
    second = bench.expire()
    assert isinstance(bench.desk().fire(second), TakenBack)
    event = bench.desk().keep()
    assert isinstance(event, Undecided)
    assert event.sentence.startswith("no change is on trial: ")
    assert "taken back by guard" in event.sentence
    assert bench.weight() == 5


def test_who_keeps_long_after_the_end_keeps_nothing_also_where_the_guard_was_killed(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    trial = bench.file.load()
    assert trial is not None
    bench.file.mark(replace(trial, phase=Phase.ON_TRIAL, deadline=1.0, guard=Guard.PROCESS))
    event = bench.desk().keep()
    assert isinstance(event, Undecided)
    assert "no change is on trial: " in event.sentence
    assert bench.weight() == 3


def test_a_guard_fires_neither_early_nor_for_another_trial(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5), seconds=60)
    trial = bench.file.load()
    assert trial is not None
    assert bench.desk().fire(trial.id) is None
    assert bench.desk().fire("another") is None
    assert bench.weight() == 5


def test_a_trial_of_another_boot_is_named_and_dropped_and_nothing_is_written(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    trial = bench.file.load()
    assert trial is not None
    bench.file.enter(replace(trial, boot="the one before"))
    desk = bench.desk()
    (said,) = desk.news(is_read=False)
    assert said.endswith("was on trial when the machine went down: it has not come back, as nobody kept it")
    assert bench.file.load() is None
    assert bench.weight() == 5
    assert bench.desk().news(is_read=True) == (said,)  # until somebody has read it
    assert bench.desk().news(is_read=False) == ()


def test_what_was_kept_and_not_saved_before_the_machine_went_down_is_named_as_that(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    trial = bench.file.load()
    assert trial is not None
    bench.file.enter(replace(trial, boot="the one before", phase=Phase.KEPT))
    (said,) = bench.desk().news(is_read=True)
    assert said.endswith(
        "it has not come back, as the profile could not take it, though it was kept; make it once more"
    )
    assert bench.file.load() is None


def test_what_went_back_while_the_file_could_not_be_removed_is_said_and_the_file_is_removed_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.try_out(weigh(ONE, 5))

    def fail(*_: object) -> None:
        raise ProfileError("the file system is read-only")

    with monkeypatch.context() as patch:
        patch.setattr(TrialFile, "remove", fail)
        (event,) = bench.ask(TakeBack())
        assert isinstance(event, Undecided)
        assert event.sentence.startswith("taken back, what ")
        assert event.sentence.endswith("weight 5 -> 3; the file system is read-only")
    assert bench.weight() == 3
    assert bench.file.load() is not None
    assert isinstance(bench.desk().take_back(), TakenBack)
    assert bench.file.load() is None


def test_what_was_killed_while_it_was_written_is_taken_back_by_the_next_start(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5), weigh(TWO, 9))
    trial = bench.file.load()
    assert trial is not None
    bench.file.enter(replace(trial, phase=Phase.WRITING))
    bench.kernel.write(weigh(replace(TWO, weight=9), 1))  # had not been written yet
    (said,) = bench.desk().news(is_read=False)
    assert "taken back, what" in said
    assert (bench.weight(), bench.weight(TWO)) == (3, 1)


def test_nobody_takes_back_what_is_being_written_at_this_moment(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    trial = bench.file.load()
    assert trial is not None
    bench.file.enter(replace(trial, phase=Phase.WRITING))
    with bench.file.hold(0):
        bench.desk().look()
        assert bench.weight() == 5
    bench.desk().look()
    assert bench.weight() == 3


def test_a_trial_whose_guard_was_killed_is_taken_back_by_whoever_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Lasting(Director(pools={SHOP: Pool(Service(SHOP), {ONE.endpoint: ONE, TWO.endpoint: TWO})}))
    monkeypatch.setattr(start, "arm", lambda *_: Guard.PROCESS)
    monkeypatch.setattr(ends, "log", lambda _: None)
    bench = Bench(tmp_path, kernel)
    bench.try_out(weigh(ONE, 5), seconds=0.01)
    trial = bench.file.load()
    assert trial is not None
    bench.desk().look()
    assert bench.weight() == 5  # the guard may be about to do it
    bench.file.mark(replace(trial, phase=Phase.ON_TRIAL, deadline=trial.deadline - 60))
    bench.ask(ReadNow())
    assert bench.weight() == 3
    assert [type(event) for event in bench.events if isinstance(event, Notice)] == [Notice]


def test_without_a_guard_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object) -> Guard:
        raise ProfileError("nobody can be set to take the change back in time: no process")

    monkeypatch.setattr(start, "arm", nobody)
    bench = Bench(tmp_path, Lasting(Director(pools={SHOP: Pool(Service(SHOP), {ONE.endpoint: ONE})})))
    event = bench.try_out(weigh(ONE, 5))
    assert isinstance(event, Rejected)
    assert event.sentence.startswith("nobody can be set")
    assert (bench.weight(), bench.file.load()) == (3, None)


def test_where_its_file_cannot_be_written_nothing_is_written(bench: Bench) -> None:
    bench.file.path.mkdir()
    event = bench.try_out(weigh(ONE, 5))
    assert isinstance(event, Rejected)
    assert "trial.json cannot be" in event.sentence
    assert bench.weight() == 3


def test_what_is_kept_while_the_profile_cannot_be_written_stays_and_is_saved_later(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    good = bench.path.read_text()
    bench.path.write_text("[broken")
    (event,) = (event for event in bench.ask(Keep()) if isinstance(event, Kept))
    assert "the kernel has it, the profile does not yet" in sentence(event)[0]
    assert bench.weight() == 5
    bench.path.write_text(good)
    assert isinstance(bench.desk().keep(), Kept)
    assert bench.saved.pools[SHOP].servers[ONE.endpoint].weight == 5
    assert bench.file.load() is None


def test_what_was_kept_and_then_killed_is_in_the_profile_after_the_next_start(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    trial = bench.file.load()
    assert trial is not None
    bench.file.mark(replace(trial, phase=Phase.KEPT))
    (said,) = bench.desk().news(is_read=False)
    assert said.startswith("kept: ")
    assert bench.saved.pools[SHOP].servers[ONE.endpoint].weight == 5
    assert bench.desk().fire(trial.id) is None


def test_what_the_kernel_refuses_to_take_back_is_named(tmp_path: Path) -> None:
    class Stubborn(MemoryKernel):
        is_stubborn = False

        def write(self, change: Change) -> None:
            if self.is_stubborn and change.target == weigh(ONE, 1).target:
                raise Refused("the kernel has no memory left")
            super().write(change)

    kernel = Stubborn(Director(pools={SHOP: Pool(Service(SHOP), {ONE.endpoint: ONE, TWO.endpoint: TWO})}))
    bench = Bench(tmp_path, kernel)
    bench.try_out(weigh(ONE, 5), weigh(TWO, 9))
    kernel.is_stubborn = True
    (event,) = bench.ask(TakeBack())
    assert isinstance(event, TakenBack)
    assert not event.is_whole
    assert "the kernel would not take back" in sentence(event)[0]
    assert "has no memory left" in sentence(event)[0]
    assert (bench.weight(), bench.weight(TWO)) == (5, 1)


def test_a_kernel_that_cannot_be_written_at_all_is_tried_again(tmp_path: Path) -> None:
    class Gone(MemoryKernel):
        is_gone = False

        def write(self, change: Change) -> None:
            if self.is_gone:
                raise KernelError("the module is gone")
            super().write(change)

    kernel = Gone(Director(pools={SHOP: Pool(Service(SHOP), {ONE.endpoint: ONE})}))
    bench = Bench(tmp_path, kernel)
    bench.try_out(weigh(ONE, 5))
    kernel.is_gone = True
    assert bench.ask(TakeBack()) == [Undecided("the module is gone")]
    kernel.is_gone = False
    assert isinstance(bench.ask(TakeBack())[0], TakenBack)
    assert bench.weight() == 3


def test_of_a_trial_that_goes_on_past_a_refusal_what_was_written_goes_back(bench: Bench) -> None:
    event = bench.try_out(weigh(ONE, 5), change_service(None, Service(OTHER, "nonsense")), kind=Kind.APPLY)
    assert not isinstance(event, Applied)
    assert bench.weight() == 5
    assert bench.shown.trial is not None
    bench.ask(TakeBack())
    assert bench.weight() == 3


def test_a_desk_says_at_a_start_what_waits_for_a_decision(bench: Bench) -> None:
    bench.try_out(weigh(ONE, 5))
    (said,) = bench.desk().news(is_read=False)
    assert "weight 3 -> 5) is on trial, and is taken back in 60 s: `lvstui confirm` keeps it" in said


def test_a_file_that_another_user_or_version_has_written_is_no_trial(bench: Bench) -> None:
    bench.file.path.write_bytes(b"lvstui-trial 9 nonsense\n{}\n")
    assert bench.desk().pending is None
    event = bench.try_out(weigh(ONE, 5))
    assert isinstance(event, Rejected)
    assert "is no change on trial that this lvstui knows" in event.sentence
    if os.geteuid() == 0:
        os.chown(bench.file.path, 65534, 65534)
        event = bench.try_out(weigh(ONE, 5))
        assert isinstance(event, Rejected)
        assert "another user" in event.sentence
    assert bench.weight() == 3


def test_a_profile_named_from_one_folder_takes_what_is_kept_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    here, there = tmp_path, tmp_path / "elsewhere"
    there.mkdir()
    (there / "director.toml").write_text("format = 1\n")
    monkeypatch.chdir(here)
    edit = Edit((change_server(SHOP, ONE, replace(ONE, weight=5)),), trial=60)
    bench.desk().try_out(edit, Path("director.toml"), saves=True)
    monkeypatch.chdir(there)
    assert isinstance(bench.desk().keep(), Kept)
    assert loads(bench.path.read_text(), "").pools[SHOP].servers[ONE.endpoint].weight == 5
    assert (there / "director.toml").read_text() == "format = 1\n"
    assert [record.kind for record in HistoryFile(bench.path).records()] == [Kind.TRIAL, Kind.KEEP]
