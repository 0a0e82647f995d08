"""Sessions: who runs one, also behind sudo and su; each sees the others on its profile, and none that is gone."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvstui.store.sessions import Presence, author

ENDLESS = b'{"user": "x", "source": "", "pid": 1e999, "since": "2026-11-22T12:30:05+00:00"}'


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
        "import sys; from pathlib import Path; from lvstui.store.sessions import Presence, author\n"
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
        other.wait(timeout=60)
        assert first.others() == ()
    assert len(list(profile.parent.iterdir())) == 1


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("content", [b"", b"[]", b'{"user": "x"}', b"\xff", ENDLESS, b"[" * 4000])
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


ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc in which nobody logged in, and our parent was started by process 4242."""
    folder = tmp_path / "proc"
    login(folder, 2**32 - 1)
    process(folder, os.getppid(), "PATH=/bin", 4242)
    process(folder, 4242, "SSH_CONNECTION=192.0.2.7 50000 192.0.2.1 22", 1)
    return folder


def login(folder: Path, number: int) -> None:
    (folder / "self").mkdir(parents=True, exist_ok=True)
    (folder / "self" / "loginuid").write_text(str(number))


def process(folder: Path, pid: int, environment: str, parent: int) -> None:
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "environ").write_text(f"A=b\0{environment}\0")
    (folder / str(pid) / "stat").write_text(f"{pid} (a ) S shell) S {parent} 1 1 0")


def test_the_one_who_called_sudo_comes_first(proc: Path) -> None:
    login(proc, 0)
    assert author({"SUDO_USER": "alice"}, proc).user == "alice"


def test_else_the_one_who_logged_in(proc: Path) -> None:
    login(proc, 0)
    assert author({}, proc).user == "root"
    login(proc, 4_000_000)
    assert author({}, proc).user == "4000000"


def test_else_the_effective_user(proc: Path, tmp_path: Path) -> None:
    assert author({}, proc).user == ME
    assert author({}, tmp_path / "no proc").user == ME


def test_the_client_of_ssh_is_the_source(proc: Path) -> None:
    assert author({"SSH_CONNECTION": "2001:db8::7 50000 2001:db8::1 22"}, proc).source == "2001:db8::7"


def test_a_client_that_sudo_took_out_is_found_above_us(proc: Path) -> None:
    assert author({}, proc).source == "192.0.2.7"


def test_what_may_not_be_looked_at_is_left_out(tmp_path: Path) -> None:
    assert "192.0.2.7" not in author({}, tmp_path / "no proc").source
