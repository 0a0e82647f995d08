"""The profile's file: nothing is lost, whoever else writes it and whatever fails."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lvstui.core.model import AddressKey, Director, Home, Protocol, Service
from lvstui.formats.profile.write import ProfileError, dumps, loads
from lvstui.store import profile_file as module
from lvstui.store.named_files import write_named
from lvstui.store.profile_file import ProfileFile, default_path, versions_folder
from tests.build import pool

LB1 = Director(name="lb1")
BIG = Director(
    {
        key: pool(Service(key, note="n" * 200))
        for key in (AddressKey(Protocol.TCP, IPv4Address("192.0.2.1"), port) for port in range(1, 200))
    },
    name="big",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "director.toml"


def save(path: Path, director: Director) -> None:
    ProfileFile(path).update(lambda _: director)


def _instead(director: Director, _: Director | None) -> Director:
    return director


def versions(path: Path) -> list[str]:
    return [version.read_text() for version in sorted(versions_folder(path).iterdir())]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_where_there_is_no_file_there_is_no_profile(path: Path) -> None:
    assert ProfileFile(path).load() is None


def test_the_first_save_makes_folder_and_file_for_the_owner_alone(path: Path) -> None:
    saved = ProfileFile(path).update(lambda before: replace(LB1, name="none" if before is None else "some"))
    assert saved == module.Saved(Director(name="none"), path)
    assert loads(path.read_text(), "p") == Director(name="none")
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_a_save_leaves_the_file_its_lock_and_its_versions_only(path: Path) -> None:
    save(path, LB1)
    save(path, BIG)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        ".director.toml.lock",
        "director.toml",
        "director.toml.versions",
    ]


def test_mode_and_owner_of_the_file_are_kept(path: Path) -> None:
    save(path, LB1)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 1234)
    owner = path.stat().st_uid
    save(path, BIG)
    assert (mode(path), path.stat().st_uid) == (0o640, owner)


def test_a_link_is_followed_and_stays_a_link(path: Path, tmp_path: Path) -> None:
    save(path, LB1)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    save(link, BIG)
    assert link.is_symlink()
    assert loads(path.read_text(), "p") == BIG
    assert versions(path) == [dumps(LB1)]


def test_an_unchanged_file_gives_the_same_object_again(path: Path) -> None:
    save(path, LB1)
    profile = ProfileFile(path)
    first = profile.load()
    assert first is not None
    assert profile.load() is first
    path.touch()
    assert profile.load() is first
    director = profile.update(lambda _: BIG).director
    assert profile.load() is director
    path.unlink()
    assert profile.load() is None


def test_a_change_by_another_process_is_read_again_and_folded_into(path: Path) -> None:
    save(path, LB1)
    profile = ProfileFile(path)
    profile.load()
    save(path, BIG)
    saved = profile.update(lambda before: replace(before or LB1, name="both"))
    assert saved.reread
    assert saved.director == replace(BIG, name="both")
    assert not profile.update(lambda _: LB1).reread
    assert versions(path) == [dumps(LB1), dumps(BIG), dumps(replace(BIG, name="both"))]


def test_nothing_is_written_where_nothing_changed(path: Path) -> None:
    save(path, LB1)
    before = path.stat()
    saved = ProfileFile(path).update(lambda director: director or BIG)
    assert saved.director == LB1
    assert path.stat() == before
    assert not versions_folder(path).exists()


def test_a_save_keeps_comments_of_a_person_and_so_do_those_after_it(path: Path) -> None:
    save(path, LB1)
    path.write_text(path.read_text() + "# ask ops first\n")
    profile = ProfileFile(path)
    for wanted in (BIG, LB1, BIG):
        saved = profile.update(partial(_instead, wanted))
        assert not saved.lost_comments
        assert "# ask ops first" in path.read_text()
        assert profile.load() is saved.director
        assert ProfileFile(path).load() == wanted


def test_a_save_that_cannot_keep_comments_says_so_and_where_they_are(path: Path) -> None:
    save(path, LB1)
    path.write_text("format = 1\nsync = [ # ask ops first\n{ role = 'master', interface = 'eth0' }]\n")
    saved = ProfileFile(path).update(lambda _: LB1)
    assert saved.lost_comments
    assert saved.version is not None
    assert "# ask ops first" in saved.version.read_text()
    assert loads(path.read_text(), "p") == LB1


def test_the_last_fifty_versions_are_kept(path: Path) -> None:
    profile = ProfileFile(path)
    names = [Director(name=f"n{number}") for number in range(55)]
    remaining = iter(names)
    for _ in names:
        profile.update(lambda _: next(remaining))
    assert versions(path) == [dumps(director) for director in names[4:54]]


def test_a_version_that_cannot_be_kept_does_not_cost_the_save(path: Path) -> None:
    save(path, LB1)
    versions_folder(path).write_text("in the way")
    saved = ProfileFile(path).update(lambda _: BIG)
    assert saved.version is None
    assert loads(path.read_text(), "p") == BIG


def test_a_broken_file_is_reported_every_time_and_never_overwritten(path: Path) -> None:
    save(path, LB1)
    path.write_text("format = 1\nnmae = 1\n")
    profile = ProfileFile(path)
    for _ in range(2):
        with pytest.raises(ProfileError, match=r"director\.toml:2: error: nmae: is not a key here"):
            profile.load()
    with pytest.raises(ProfileError, match="nmae"):
        profile.update(lambda _: BIG)
    assert path.read_text() == "format = 1\nnmae = 1\n"
    path.write_text("format = 1\n")
    assert profile.load() == Director()


def test_a_file_in_another_encoding_is_reported_with_the_line(path: Path) -> None:
    save(path, LB1)
    path.write_bytes(b"format = 1\n# caf\xe9\n")
    with pytest.raises(ProfileError, match=r"director\.toml:2: error: TOML: not UTF-8; save the file in UTF-8"):
        ProfileFile(path).load()


def test_an_error_of_the_fold_leaves_the_file_and_frees_the_lock(path: Path) -> None:
    save(path, LB1)

    def fail(_: Director | None) -> Director:
        raise KeyError("the kernel went away")

    with pytest.raises(KeyError):
        ProfileFile(path).update(fail)
    save(path, BIG)
    assert loads(path.read_text(), "p") == BIG


def test_a_folder_in_place_of_the_file_is_reported(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ProfileError, match=r"director\.toml cannot be read: it is a folder; name a file in it"):
        ProfileFile(path).load()
    with pytest.raises(ProfileError, match=r"director\.toml cannot be saved: it is no plain file; name another file"):
        save(path, LB1)


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to("/dev/null")
    with pytest.raises(ProfileError, match="cannot be saved: it is no plain file"):
        save(link, LB1)
    assert Path("/dev/null").is_char_device()
    assert not list(Path("/dev").glob(".null*"))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    save(path, LB1)
    profile = ProfileFile(path)
    with largest_file(4096), pytest.raises(ProfileError, match=r"cannot be saved: the file would be larger .*ulimit"):
        profile.update(lambda _: BIG)
    assert path.read_text() == dumps(LB1)
    assert profile.load() == LB1
    assert list(versions_folder(path).iterdir()) == []
    assert not list(path.parent.glob(".*.new"))
    assert profile.update(lambda _: BIG).director == BIG


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Take the right to write into a folder away, from root by being somebody else meanwhile."""
    if os.geteuid() == 0:
        folder.chmod(0o755)
        os.seteuid(65534)
    else:
        folder.chmod(0o500)
    try:
        yield
    finally:
        os.seteuid(os.getuid())
        folder.chmod(0o700)


def test_a_folder_without_permission_is_reported_with_the_remedy() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "director.toml"
        save(path, LB1)
        path.chmod(0o644)
        with without_rights(path.parent):
            assert ProfileFile(path).load() == LB1
            with pytest.raises(ProfileError, match=r"permission is missing; run lvstui as the file's owner"):
                save(path, BIG)
        assert path.read_text() == dumps(LB1)


def test_a_name_that_utf8_cannot_write_is_reported_and_nothing_is_lost(path: Path) -> None:
    save(path, LB1)
    with pytest.raises(ProfileError, match="a name or note has characters that UTF-8 cannot write"):
        save(path, Director(name="\ud800"))
    assert path.read_text() == dumps(LB1)


def test_a_lock_that_is_never_freed_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, LB1)
    monkeypatch.setattr(module, "_LOCK_PATIENCE", 0.0)
    with (path.parent / ".director.toml.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ProfileError, match="another lvstui holds its lock; end that one"):
            save(path, BIG)
    save(path, BIG)


KILLED = """
import os, signal, sys
from pathlib import Path
from lvstui.core.model import Director
from lvstui.store.profile_file import ProfileFile

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

{owner}.{call} = die
ProfileFile(Path(sys.argv[1])).update(lambda _: Director(name="new"))
"""


@pytest.mark.parametrize(("owner", "call"), [("os", "fchmod"), ("os", "fsync"), ("os", "replace"), ("os", "link")])
def test_a_kill_at_any_moment_leaves_the_old_file_and_the_next_save_works(path: Path, owner: str, call: str) -> None:
    save(path, LB1)
    ended = subprocess.run([sys.executable, "-c", KILLED.format(owner=owner, call=call), str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == dumps(LB1)
    save(path, BIG)
    assert loads(path.read_text(), "p") == BIG
    assert not list(path.parent.glob(".*.new"))


BUSY = """
import sys
from dataclasses import replace
from pathlib import Path
from lvstui.core.model import Director
from lvstui.store import profile_file
from lvstui.store.profile_file import ProfileFile

profile_file._LOCK_PATIENCE = 50.0  # the disk may be slow
profile = ProfileFile(Path(sys.argv[1]))
while True:
    saved = profile.update(lambda d: replace(d, name=str(int(d.name) + 1)))
    print(saved.director.name, flush=True)
"""


def test_a_kill_in_the_midst_of_saving_never_tears_the_file(path: Path) -> None:
    save(path, Director(name="0"))
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", BUSY, str(path)], stdout=subprocess.PIPE, text=True) as busy:
            assert busy.stdout is not None
            names = [busy.stdout.readline() for _ in range(20)]
            busy.kill()
        assert int(loads(path.read_text(), "p").name) >= int(names[-1])


def test_two_processes_at_once_lose_no_change(path: Path) -> None:
    save(path, Director(name="0"))
    counting = BUSY.replace("while True:", "for _ in range(50):")
    both = [subprocess.Popen([sys.executable, "-c", counting, str(path)], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert loads(path.read_text(), "p").name == "100"


def test_the_usual_path_is_roots_or_that_of_the_users_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_path() == Path("/etc/lvstui/director.toml")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x/config")
    assert default_path() == Path("/x/config/lvstui/director.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_path() == Path("/home/me/.config/lvstui/director.toml")


def test_each_network_namespace_with_a_name_has_a_usual_path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_path(Home("lb1")) == Path("/etc/lvstui/director.toml")
    assert default_path(Home("lb1", "blue")) == Path("/etc/lvstui/netns/blue.toml")
    assert default_path(Home("lb1", "net:[4026532281]")) is None
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x/config")
    assert default_path(Home("lb1", "blue")) == Path("/x/config/lvstui/netns/blue.toml")


def test_an_output_is_written_whole_through_links_and_to_devices(tmp_path: Path) -> None:
    target, link = tmp_path / "out", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o644)
    link.symlink_to(target)
    write_named(link, b"new")
    assert (target.read_bytes(), link.is_symlink(), mode(target)) == (b"new", True, 0o644)
    write_named(Path("/dev/null"), b"gone")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(ProfileError, match="out2 cannot be written: there is no such file or folder"):
        write_named(tmp_path / "none" / "out2", b"")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "out"]
