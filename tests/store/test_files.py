"""Files are opened without a trap: foreign links, pipes, devices, second names, and what never ends."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core.model import Director
from lvstui.core.record import Kind
from lvstui.formats.profile.write import ProfileError, dumps
from lvstui.store import files, named_files, profile_file
from lvstui.store.files import Unsafe, lock_file, open_regular, read_file, resolve, who_may_change
from lvstui.store.history_file import HistoryFile
from lvstui.store.named_files import read_handed, write_named
from lvstui.store.profile_file import VERSIONS_KEPT, ProfileFile, versions_folder
from lvstui.store.sessions import Presence
from lvstui.store.view_memory import Arrangement, ViewMemory

SOMEBODY = 65534
LB1, LB2 = Director(name="lb1"), Director(name="lb2")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "p.toml"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a folder with a file in it that nobody but its owner may change."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "precious").write_text("as it was")
    return folder


def plant(link: Path, target: Path) -> None:
    """Make a symbolic link of another user, in a folder where others may write."""
    link.parent.chmod(0o777)
    link.symlink_to(target)
    os.lchown(link, SOMEBODY, SOMEBODY)


def save(path: Path, director: Director) -> tuple[str, ...]:
    return ProfileFile(path).update(lambda _: director).remarks


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


TRAPS: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", TRAPS)
def test_what_is_no_regular_file_is_refused_at_once_and_named(profile: Path, kind: str) -> None:
    TRAPS[kind](profile)
    with pytest.raises(ProfileError, match=f"p.toml cannot be read: it is {kind}"):
        ProfileFile(profile).load()
    with pytest.raises(ProfileError, match=r"p\.toml cannot be saved: it is no plain file"):
        save(profile, LB1)
    with pytest.raises(ProfileError, match="is no plain file; name another profile"):
        HistoryFile(profile).append(Kind.DO, [])
    assert Presence(profile).others() == ()  # whoever opened a pipe or read a device would never come here


@pytest.mark.parametrize("kind", TRAPS)
@pytest.mark.parametrize("name", ["p.toml.history.jsonl", "p.toml.history.1.jsonl"])
def test_a_history_that_is_no_regular_file_is_refused_at_once(profile: Path, kind: str, name: str) -> None:
    TRAPS[kind](profile.with_name(name))
    with pytest.raises(ProfileError, match=f"cannot be read: it is {kind}"):
        HistoryFile(profile).recent()
    with pytest.raises(ProfileError, match=f"cannot be read: it is {kind}"):
        list(HistoryFile(profile).records())
    with pytest.raises(ProfileError, match=rf"cannot be (read|written): it is {kind}"):
        HistoryFile(profile).append(Kind.DO, [])


@pytest.mark.parametrize("kind", TRAPS)
def test_a_lock_or_a_view_memory_that_is_no_regular_file_stops_nobody(profile: Path, kind: str) -> None:
    TRAPS[kind](profile.with_name(".p.toml.lock"))
    with pytest.raises(ProfileError, match=r"p\.toml cannot be saved: its lock .*lock is no plain file; remove it"):
        save(profile, LB1)
    TRAPS[kind](profile.with_name("view.toml"))
    memory = ViewMemory(profile.with_name("view.toml"))
    memory.keep("services", Arrangement("active"))
    assert memory.recall("services") == Arrangement("active")


@pytest.mark.parametrize("kind", TRAPS)
def test_a_session_file_that_is_no_regular_file_is_nobodys(profile: Path, kind: str) -> None:
    TRAPS[kind](profile.with_name(".p.toml.session.1-x"))
    assert Presence(profile).others() == ()


def test_a_file_larger_than_what_is_read_is_refused_unread(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with profile.open("wb") as file:
        file.truncate(files.LARGEST + 1)
    monkeypatch.setattr(os, "read", None)
    with pytest.raises(ProfileError, match=r"p\.toml cannot be read: it is larger than the 32 MiB"):
        ProfileFile(profile).load()


def test_a_file_without_an_end_is_read_no_further_than_allowed() -> None:
    with suppress(FileNotFoundError), pytest.raises(Unsafe, match="larger than the 1 KiB"):
        read_file(Path("/proc/kallsyms"), 1024)


@as_root
def test_a_link_of_another_user_is_not_followed_wherever_it_is_on_the_way(profile: Path, victim: Path) -> None:
    (victim / "p.toml").write_text(dumps(LB1))
    plant(profile, victim / "p.toml")
    plant(profile.with_name("way"), victim)
    for path, link in ((profile, "p.toml"), (profile.with_name("way") / "p.toml", "way")):
        with pytest.raises(ProfileError, match=f"cannot be read: .*{link} is a symbolic link of the user nobody"):
            ProfileFile(path).load()
        with pytest.raises(ProfileError, match=r"cannot be saved: .* is a symbolic link of the user nobody"):
            save(path, LB2)
        with pytest.raises(ProfileError, match=r"cannot be written: .* is a symbolic link of the user nobody"):
            write_named(path, b"new")
    assert sorted(path.name for path in victim.iterdir()) == ["p.toml", "precious"]
    assert (victim / "p.toml").read_text() == dumps(LB1)


@as_root
def test_a_link_that_another_user_cannot_have_put_there_is_followed(profile: Path, victim: Path) -> None:
    profile.symlink_to(victim / "p.toml")
    profile.parent.chmod(0o777)
    save(profile, LB1)
    assert (victim / "p.toml").read_text() == dumps(LB1)
    guarded = victim / "link"
    guarded.symlink_to("p.toml")
    os.lchown(guarded, SOMEBODY, SOMEBODY)
    assert ProfileFile(guarded).load() == LB1


@as_root
def test_a_second_name_for_roots_own_link_is_not_followed(profile: Path, victim: Path) -> None:
    mine = victim / "mine"
    mine.symlink_to(victim / "precious")
    profile.parent.chmod(0o777)
    os.link(mine, profile, follow_symlinks=False)
    with pytest.raises(ProfileError, match="is a symbolic link"):
        ProfileFile(profile).load()


def test_a_path_is_followed_as_the_system_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/up").symlink_to("../../c")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/file").symlink_to(tmp_path / "a/./b/../new")
    (tmp_path / "round").symlink_to("round")
    monkeypatch.chdir(tmp_path / "a")
    for text in ("b/up/file", "b/up/../c/file", "./b", "..", ".", "../c/..", "b/up", "/", "none/x", "../round"):
        assert resolve(Path(text)) in (Path(os.path.realpath(text)), Path(text)), text
    assert resolve(Path("b/up/file")) == tmp_path / "a/new"
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(Path("../round"))


@as_root
def test_a_link_called_versions_makes_nobody_delete_anything_elsewhere(profile: Path, victim: Path) -> None:
    for number in range(60):
        (victim / f"2026-01-01T00-00-00.{number:09d}Z.toml").touch()
    plant(versions_folder(profile), victim)
    save(profile, LB1)
    (remark,) = save(profile, LB2)
    assert "saved, but the version before is not kept" in remark
    assert "versions is a symbolic link of the user nobody" in remark
    assert len(list(victim.iterdir())) == 61
    assert profile.read_text() == dumps(LB2)


@as_root
def test_versions_are_kept_in_no_folder_of_another_user(profile: Path) -> None:
    save(profile, LB1)
    folder = versions_folder(profile)
    folder.mkdir()
    os.chown(folder, SOMEBODY, SOMEBODY)
    (remark,) = save(profile, LB2)
    assert remark.endswith("p.toml.versions cannot be used: it belongs to the user nobody; remove it")
    assert not list(folder.iterdir())


def test_only_what_is_named_as_a_version_is_removed(profile: Path) -> None:
    save(profile, LB1)
    save(profile, LB2)
    folder = versions_folder(profile)
    for number in range(60):
        (folder / f"2020-01-01T00-00-00.{number:09d}Z.toml").touch()
    (folder / "0 my own Z.toml").touch()
    save(profile, LB1)
    assert len(list(folder.iterdir())) == VERSIONS_KEPT + 1
    assert (folder / "0 my own Z.toml").exists()


@as_root
def test_the_view_memory_is_written_through_no_foreign_link(tmp_path: Path, victim: Path) -> None:
    path = tmp_path / "view.toml"
    plant(path.with_name(f".view.toml.{os.getpid()}.new"), victim / "precious")
    ViewMemory(path).keep("services", Arrangement("active"))
    assert ViewMemory(path).recall("services") == Arrangement("active")
    path.unlink()
    plant(path, victim / "precious")
    ViewMemory(path).keep("services", Arrangement("active"))
    assert (victim / "precious").read_text() == "as it was"


@as_root
def test_nothing_is_appended_to_a_file_that_another_name_leads_to(profile: Path, victim: Path) -> None:
    profile.parent.chmod(0o777)
    profile.with_name("p.toml.history.jsonl").hardlink_to(victim / "precious")
    with pytest.raises(ProfileError, match="cannot be written: it has a second name"):
        HistoryFile(profile).append(Kind.DO, [])
    assert (victim / "precious").read_text() == "as it was"


@as_root
@pytest.mark.parametrize("name", ["p.toml.history.jsonl", "p.toml.history.1.jsonl"])
def test_a_history_that_another_user_put_there_is_refused(profile: Path, name: str) -> None:
    profile.parent.chmod(0o777)
    planted = profile.with_name(name)
    planted.write_text('{"number":999999,\n')
    os.chown(planted, SOMEBODY, SOMEBODY)
    history = HistoryFile(profile)
    refusal = "it belongs to the user nobody; remove it"
    with pytest.raises(ProfileError, match=refusal):
        history.append(Kind.DO, [])
    with pytest.raises(ProfileError, match=refusal):
        list(history.records())
    with pytest.raises(ProfileError, match=refusal):
        history.recent()
    assert planted.read_text() == '{"number":999999,\n'
    os.chown(profile.parent, SOMEBODY, SOMEBODY)  # in that user's own folder it is theirs to keep
    assert history.append(Kind.DO, []).number == 1000000


@as_root
def test_a_lock_that_another_user_made_and_holds_is_soon_given_up_and_named(profile: Path) -> None:
    with profile.with_name(".p.toml.lock").open("w") as lock:
        os.fchown(lock.fileno(), SOMEBODY, SOMEBODY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        start = time.monotonic()
        with pytest.raises(ProfileError, match=r"somebody holds the lock of .*lock, a file of nobody; remove"):
            save(profile, LB1)
        assert time.monotonic() - start < profile_file._LOCK_PATIENCE
    save(profile, LB1)


def test_a_second_name_of_the_profile_is_said_to_keep_the_version_before(profile: Path) -> None:
    save(profile, LB1)
    other = profile.with_name("other.toml")
    other.hardlink_to(profile)
    (remark,) = save(profile, LB2)
    assert "had a second name (a hard link), which still has the version before" in remark
    assert other.read_text() == dumps(LB1)
    assert save(profile, LB1) == ()


def test_a_pipe_of_the_shell_is_read_to_its_end_or_until_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_handed(Path("/tmp/x")) is None
    reading, writing = os.pipe()
    os.write(writing, b"text")
    monkeypatch.setattr(named_files, "_PATIENCE", 0.1)
    with pytest.raises(ProfileError, match="nothing came through it for 0 seconds"):
        read_handed(Path(f"/dev/fd/{reading}"))
    os.write(writing, b"text")
    os.close(writing)
    assert read_handed(Path(f"/proc/self/fd/{reading}")) == b"text"
    os.close(reading)
    with pytest.raises(ProfileError, match="it is not open here"):
        read_handed(Path("/dev/fd/9999"))
    with open("/dev/zero", "rb") as zero, pytest.raises(ProfileError, match="neither a file nor a pipe"):  # noqa: PTH123
        read_handed(Path(f"/dev/fd/{zero.fileno()}"))


def test_a_profile_is_no_pipe_of_the_shell() -> None:
    reading, writing = os.pipe()
    with pytest.raises(ProfileError, match="cannot be read: it is a named pipe"):
        ProfileFile(Path(f"/dev/fd/{reading}")).load()
    os.close(reading)
    os.close(writing)


def test_a_pipe_that_nobody_reads_from_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ProfileError, match="nobody reads from this pipe; start the reader first"):
        write_named(pipe, b"new")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_named(pipe, b"new")
    assert os.read(reader, 10) == b"new"
    monkeypatch.setattr(named_files, "_PATIENCE", 0.1)
    with pytest.raises(ProfileError, match="nobody reads what is written to it"):
        write_named(pipe, b"x" * 2**20)
    os.close(reader)


def test_a_lock_is_taken_again_and_again_without_leaving_descriptors(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with lock_file(tmp_path / "lock", 1, ""):
            pass
        with suppress(OSError):
            open_regular(tmp_path / "none/x")
        with suppress(OSError):
            open_regular(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_who_may_change_a_profile_is_known(profile: Path) -> None:
    assert who_may_change(profile) == ""
    save(profile, LB1)
    assert who_may_change(profile) == ""
    profile.parent.chmod(0o1777)
    assert who_may_change(profile) == ""
    profile.parent.chmod(0o777)
    assert who_may_change(profile) == "every user"
    profile.parent.chmod(0o700)
    profile.chmod(0o666)
    assert who_may_change(profile) == "every user"
    profile.chmod(0o600)
    if os.geteuid() == 0:
        for path in (profile, profile.parent):
            path.chmod(0o770)
            assert who_may_change(profile) == ""  # the group is root's own
            os.chown(path, 0, SOMEBODY)
            assert who_may_change(profile) == "the group nogroup"
            os.chown(path, 0, 54321)
            path.chmod(0o770)
            assert who_may_change(profile) == "the group 54321"
            path.chmod(0o700)
            assert who_may_change(profile) == ""
        profile.parent.chmod(0o1770)
        assert who_may_change(profile) == ""
        os.chown(profile.parent, SOMEBODY, SOMEBODY)
        assert who_may_change(profile) == "the user nobody"


def test_check_warns_of_a_profile_that_others_may_change(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(profile, LB1)
    profile.chmod(0o666)
    assert main(["check", str(profile)]) == 0
    assert "p.toml:1: warning: file: every user may change it, and so what `apply` writes" in capsys.readouterr().out


def test_what_lies_in_the_way_of_the_new_content_is_gone_round(profile: Path) -> None:
    profile.with_name(".p.toml.new").mkdir()
    save(profile, LB1)
    assert profile.read_text() == dumps(LB1)
    assert sorted(path.name for path in profile.parent.iterdir()) == [".p.toml.lock", ".p.toml.new", "p.toml"]


def test_a_history_behind_a_link_of_ours_is_kept_and_grows_there(profile: Path, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    profile.with_name("p.toml.history.jsonl").symlink_to(tmp_path / "log/history")
    history = HistoryFile(profile, largest=1000)
    for _ in range(20):
        history.append(Kind.DO, [])
    assert [record.number for record in HistoryFile(profile, largest=1000).recent()][-1] == 20
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["history", "p.toml.history.1.jsonl"]


def test_in_a_folder_that_is_gone_nothing_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ProfileError, match=r"p\.toml cannot be saved: there is no such file or folder"):
        save(Path("p.toml"), LB1)
    monkeypatch.chdir(tmp_path)


@as_root
def test_a_pipe_behind_a_link_of_another_user_is_not_written_to(tmp_path: Path, victim: Path) -> None:
    os.mkfifo(victim / "pipe")
    reader = os.open(victim / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        (tmp_path / "shared").mkdir()
        plant(tmp_path / "shared/way", victim)
        with pytest.raises(ProfileError, match="is a symbolic link of the user nobody"):
            write_named(tmp_path / "shared/way/pipe", b"secret")
        write_named(victim / "pipe", b"ours")
        assert os.read(reader, 100) == b"ours"
    finally:
        os.close(reader)
