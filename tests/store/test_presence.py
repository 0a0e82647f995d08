"""Several lvstui on one profile: each sees the others, and nobody sees those that are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvstui.store.presence import Presence


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "director.toml"


@pytest.fixture
def first(profile: Path) -> Iterator[Presence]:
    presence = Presence(profile)
    assert presence.others() == ()
    yield presence
    presence.leave()


@pytest.fixture
def second(profile: Path, first: Presence) -> Iterator[Presence]:
    presence = Presence(profile)
    assert len(presence.others()) == len(first.others()) == 1
    yield presence
    presence.leave()


def test_two_see_each_other_and_not_themselves(first: Presence, second: Presence) -> None:
    (seen,) = second.others()
    assert seen.pid == os.getpid()
    assert f"(pid {os.getpid()})" in str(seen)
    assert len(first.others()) == 1
    assert first.others()[0] is first.others()[0]


def test_one_that_left_is_seen_no_more(first: Presence, second: Presence, profile: Path) -> None:
    second.leave()
    assert first.others() == ()
    assert len(list(profile.parent.iterdir())) == 1


def test_another_profile_in_the_same_folder_is_another_matter(first: Presence, tmp_path: Path) -> None:
    elsewhere = Presence(tmp_path / "other.toml")
    assert elsewhere.others() == ()
    assert first.others() == ()
    elsewhere.leave()


def test_one_that_was_killed_is_seen_no_more_and_its_file_is_cleared_away(first: Presence, profile: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lvstui.store.presence import Presence\n"
        "presence = Presence(Path(sys.argv[1])); print(presence.others(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(profile)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert [session.pid for session in first.others()] == [other.pid]
        assert len(list(profile.parent.iterdir())) == 2
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=10)
        assert first.others() == ()
    assert len(list(profile.parent.iterdir())) == 1


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("content", [b"", b"[]", b'{"user": "x"}', b"\xff"])
def test_a_file_that_says_nothing_is_nobody(profile: Path, content: bytes) -> None:
    (theirs,) = profile.parent.iterdir()
    theirs.write_bytes(content)
    third = Presence(profile)
    assert third.others() == ()
    third.leave()


def test_nobody_meets_at_what_is_no_plain_file(tmp_path: Path) -> None:
    one, other = Presence(tmp_path), Presence(tmp_path)
    assert one.others() == other.others() == one.others() == ()
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.session.*"))


def test_without_the_folder_one_stays_unseen_until_it_is_there(tmp_path: Path) -> None:
    profile = tmp_path / "later" / "director.toml"
    one, other = Presence(profile), Presence(profile)
    assert one.others() == other.others() == ()
    assert not profile.parent.exists()
    profile.parent.mkdir()
    one.others()
    assert len(other.others()) == 1
    one.leave()
    other.leave()
