"""The file of a change on trial: read when it has changed, marked in place, and shared with other processes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lvstui.core.model import Home
from lvstui.core.record import Kind, Record
from lvstui.core.trial import Phase, Trial
from lvstui.formats.profile.flaws import ProfileError
from lvstui.store.trial_file import Ended, TrialFile
from lvstui.store.trial_place import has_news, trial_path


@pytest.fixture
def file(tmp_path: Path) -> TrialFile:
    return TrialFile(tmp_path / "state" / "trial.json")


def trial(identity: str = "a1") -> Trial:
    record = Record(0, datetime(2026, 11, 27, tzinfo=UTC), "anna", "", 1, Kind.DO, ())
    return Trial(identity, record, "boot", 100.5, 60.0, "/etc/lvstui/director.toml")


def age(path: Path) -> None:
    """Let a file be a minute old."""
    old = time.time() - 60
    os.utime(path, (old, old))


def test_a_trial_comes_back_as_it_was_entered_and_marked(file: TrialFile) -> None:
    assert file.load() is None
    file.enter(trial())
    assert file.load() == trial()
    marked = replace(trial(), phase=Phase.ON_TRIAL, deadline=200.25)
    file.mark(marked)
    assert file.load() == marked
    assert file.load() is file.load()
    assert TrialFile(file.path).load() == marked
    file.remove()
    assert file.load() is None


def test_what_another_process_marks_within_a_tick_is_seen_and_an_old_file_is_not_read_again(file: TrialFile) -> None:
    file.enter(trial())
    for number in range(100):
        marked = replace(trial(), deadline=float(number + 1))
        TrialFile(file.path).mark(marked)
        assert file.load() == marked
    age(file.path)
    known = file.load()
    file.path.chmod(0o600)
    assert file.load() == known


@pytest.mark.parametrize(
    "content", [b"", b"nonsense\n", b"lvstui-trial 1 on-trial systemd  000000000100.500\n{", b"\xff"]
)
def test_what_is_no_trial_is_said_each_time_with_what_to_do(file: TrialFile, content: bytes) -> None:
    file.enter(trial())
    file.load()
    file.path.write_bytes(content)
    age(file.path)
    for _ in range(2):
        with pytest.raises(
            ProfileError, match=r"is no change on trial that this lvstui knows: .*; then remove the file"
        ):
            file.load()


def test_one_at_a_time_holds_the_lock_and_others_see_that(file: TrialFile) -> None:
    assert not file.is_held()
    with file.hold(0):
        assert TrialFile(file.path).is_held()
        with pytest.raises(ProfileError, match="is being written or taken back at this moment"), file.hold(0):
            pass
    assert not file.is_held()


def test_what_became_of_a_trial_is_there_until_it_is_forgotten(file: TrialFile) -> None:
    file.enter(trial())
    assert has_news(file.path)
    ended = Ended("a1", "anna", "taken back")
    file.end(ended)
    assert file.load() is None
    assert (file.ended(), has_news(file.path)) == (ended, True)
    file.forget_ended()
    assert (file.ended(), has_news(file.path)) == (None, False)


def test_a_link_is_not_followed_to_what_another_user_has(file: TrialFile, tmp_path: Path) -> None:
    file.enter(trial())
    content = file.path.read_bytes()
    file.remove()
    target = tmp_path / "elsewhere"
    target.write_bytes(content)
    if os.geteuid() == 0:
        os.chown(target, 65534, 65534)
        file.path.symlink_to(target)
        with pytest.raises(ProfileError):
            file.load()


def test_each_namespace_has_a_trial_of_its_own() -> None:
    names = {trial_path(Home("lb1", netns)).name for netns in ("", "blue", "net:[4026532281]")}
    assert names == {"trial.json", "trial-blue.json", "trial-net:[4026532281].json"}
