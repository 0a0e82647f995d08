"""The guard of a change on trial as a process: when it goes, fires or looks on; what it writes is tried elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lvstui.core.model import Home
from lvstui.core.record import Kind, Record
from lvstui.core.trial import Guard, Phase, Trial, boottime
from lvstui.engine.trials import arming, guard
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.trials import dumps, loads
from lvstui.store.trial_file import TrialFile, boot_id
from tests.clock import Clock

NAMELESS = Home("lb1", "net:[1]")
"""A namespace that no timer of systemd finds, so that a process is on guard on every machine."""


def trial_for(seconds: float, phase: Phase = Phase.ON_TRIAL) -> Trial:
    record = Record(0, datetime(2026, 11, 27, tzinfo=UTC), "anna", "", 1, Kind.DO, (), home=NAMELESS)
    deadline = boottime() + seconds
    return Trial("a1b2", record, boot_id(), round(deadline, 3), seconds, phase=phase)


@pytest.fixture
def file(tmp_path: Path) -> TrialFile:
    return TrialFile(tmp_path / "a $folder with blanks" / "trial.json")


def guards(file: TrialFile) -> list[int]:
    """Return the processes on guard over a file."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(file.path).encode() in words:
            found.append(int(folder.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_process_on_guard_has_a_session_of_its_own_and_goes_with_its_trial(file: TrialFile) -> None:
    trial = trial_for(600)
    file.enter(trial)
    arming.start_process(trial, file.path, NAMELESS)
    (found,) = guards(file)
    status = Path(f"/proc/{found}/stat").read_text().rpartition(")")[2].split()
    assert int(status[1]) != os.getpid()  # nobody's child here
    assert os.getsid(found) not in (os.getsid(0), 0)
    assert {str(Path(f"/proc/{found}/fd/{number}").readlink()) for number in range(3)} == {"/dev/null"}
    assert str(Path(f"/proc/{found}/cwd").readlink()) == "/"
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(found, number)
    time.sleep(0.1)
    assert guards(file) == [found]
    file.remove()
    assert wait_for(lambda: not guards(file))


def test_a_guard_goes_when_its_trial_was_kept_or_another_one_came(file: TrialFile) -> None:
    changes: tuple[Callable[[Trial], Trial], ...] = (
        lambda trial: replace(trial, phase=Phase.KEPT),
        lambda trial: replace(trial, id="c3d4"),
    )
    for change in changes:
        trial = trial_for(600)
        file.enter(trial)
        arming.start_process(trial, file.path, NAMELESS)
        file.enter(change(trial))
        assert wait_for(lambda: not guards(file))


def test_a_guard_that_cannot_start_is_said_before_anything_is_written(
    file: TrialFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_for(600)
    with pytest.raises(
        ProfileError, match="nobody can be set to take the change back in time: what should do it cannot "
    ):
        arming.arm(trial, file.path, NAMELESS)  # there is no such trial
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ProfileError, match="nobody can be set to take the change back in time: No such file"):
        arming.start_process(trial, file.path, NAMELESS)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ProfileError, match="has not started"):
        arming.start_process(trial, file.path, NAMELESS)


@pytest.fixture
def clock(trial_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let time pass only while a guard in this process sleeps."""
    monkeypatch.setattr(guard, "time", trial_clock)
    return trial_clock


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of trials that a guard takes back, in place of that."""
    found: list[str] = []

    def take_back(file: TrialFile, identity: str, _: object) -> bool:
        found.append(identity)
        file.remove()
        return True

    monkeypatch.setattr(guard, "_take_back", take_back)
    return found


def test_a_timer_that_looks_early_goes_and_one_whose_time_was_moved_stays(
    file: TrialFile, fired: list[str], clock: Clock
) -> None:
    trial = trial_for(600)
    file.enter(trial)
    guard.watch(file, trial.id, None, armed=trial.deadline)
    assert fired == []
    later = trial_for(0.3)
    file.enter(later)
    start = clock.now
    guard.watch(file, later.id, None, armed=later.deadline - 10)  # armed for an end that was moved since
    assert clock.now - start > 0.2
    assert fired == [later.id]


def test_a_trial_that_is_extended_while_its_guard_fires_keeps_its_guard(
    file: TrialFile, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_for(0.05)
    file.enter(trial)
    fired: list[float] = []

    def fire(*_: object) -> bool:
        fired.append(clock.now)
        if len(fired) == 1:
            file.mark(replace(trial, deadline=trial.deadline + 0.4))
        else:
            file.remove()
        return True

    monkeypatch.setattr(guard, "_take_back", fire)
    guard.watch(file, trial.id, None, armed=None)
    assert fired[1] - fired[0] > 0.3


def test_a_guard_tries_for_as_long_as_there_is_its_trial(file: TrialFile, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = trial_for(0)
    file.enter(trial)
    tried: list[str] = []

    def fail(_: TrialFile, identity: str, __: object) -> bool:
        tried.append(identity)
        if len(tried) == 1000:
            file.remove()  # as somebody else does, who has taken it back
        return False

    monkeypatch.setattr(guard, "_take_back", fail)
    monkeypatch.setattr(guard, "_AGAIN", 0)
    monkeypatch.setattr(guard, "_SELDOM", 0)
    guard.watch(file, trial.id, None, armed=None)
    assert tried == [trial.id] * 1000


def test_a_guard_goes_some_time_after_its_namespace(
    file: TrialFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trial = trial_for(0)
    file.enter(trial)
    tried: list[object] = []
    name = tmp_path / "tried"
    name.touch()

    def fail(*words: object) -> bool:
        tried.append(words)
        if len(tried) == 500:
            name.unlink()
        return False

    monkeypatch.setattr(guard, "_take_back", fail)
    monkeypatch.setattr(guard, "_AGAIN", 0)
    monkeypatch.setattr(guard, "_SELDOM", 0)
    monkeypatch.setattr(guard, "namespace_path", lambda _: name)
    guard.watch(file, trial.id, "tried", armed=None)
    assert len(tried) == 500
    assert file.load() is not None  # whoever starts lvstui in one of that name ends it


@pytest.mark.usefixtures("clock")
def test_a_guard_takes_back_what_was_left_half_written_and_nothing_that_is_being_written(
    file: TrialFile, fired: list[str]
) -> None:
    trial = trial_for(0.4, Phase.WRITING)
    file.enter(trial)
    with file.hold(0):
        assert not guard._is_left(TrialFile(file.path), trial.id)
    guard.watch(file, trial.id, None, armed=None)
    assert fired == [trial.id]
    assert trial.left() > 0


def test_a_trial_is_read_as_it_was_written_and_its_head_stays_as_long() -> None:
    trial = trial_for(600)
    assert loads(dumps(trial)) == trial
    lengths = {
        dumps(replace(trial, phase=phase, guard=held, deadline=deadline)).index(b"\n")
        for phase in Phase
        for held in Guard
        for deadline in (1.0, 99999999.999)
    }
    assert len(lengths) == 1


@pytest.mark.usefixtures("clock")
def test_a_guard_whose_file_was_damaged_puts_its_trial_down_again_when_the_time_is_over(
    file: TrialFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_for(0.3)
    file.enter(trial)
    found: list[Trial | None] = []
    loaded = TrialFile.load

    def load(one: TrialFile) -> Trial | None:
        known = loaded(one)
        file.path.write_bytes(file.path.read_bytes()[:100])  # once the guard has seen it
        monkeypatch.setattr(TrialFile, "load", loaded)
        return known

    def fire(*_: object) -> bool:
        found.append(TrialFile(file.path).load())
        file.remove()
        return True

    monkeypatch.setattr(TrialFile, "load", load)
    monkeypatch.setattr(guard, "_take_back", fire)
    guard.watch(file, trial.id, None, armed=None)
    assert found == [trial]
    assert trial.left() <= 0
