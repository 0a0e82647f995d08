"""What a person's editor leaves is read back only where it is that person's plain file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.invoker import UnknownInvoker, invoker
from lvstui.store.private_file import PrivateFile

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be called by sudo")


@pytest.fixture
def file() -> Iterator[PrivateFile]:
    file = PrivateFile("service.toml", invoker({}))
    file.write("one\n")
    yield file
    file.close(keep=False)
    assert not file.path.parent.exists()


def test_it_is_for_its_user_alone_and_read_as_it_was_left(file: PrivateFile) -> None:
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.read() == "one\n"
    (file.path.parent / "service.toml~").write_text("what an editor leaves")
    new = file.path.parent / "new"  # as many editors save
    new.write_bytes(b"two \xff\n")
    new.rename(file.path)
    assert file.read().encode("utf-8", "surrogateescape") == b"two \xff\n"


def test_links_pipes_folders_and_giants_are_refused(file: PrivateFile, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    file.path.unlink()
    file.path.symlink_to(tmp_path / "secret")
    with pytest.raises(ProfileError, match="symbolic link, which is not followed"):
        file.read()
    file.write("anew\n")  # in place of the link, and not where that leads
    assert (tmp_path / "secret").read_text() == "secret"
    file.path.unlink()
    os.mkfifo(file.path)
    with pytest.raises(ProfileError, match="no plain file"):
        file.read()
    file.path.unlink()
    with pytest.raises(ProfileError, match="no such file"):
        file.read()
    file.write("")
    os.truncate(file.path, 2**40)
    with pytest.raises(ProfileError, match="larger than the 4 MiB"):
        file.read()


@as_root
def test_another_users_text_is_that_users_and_a_file_of_root_in_its_place_is_not_read() -> None:
    user = invoker({"SUDO_UID": "65534", "TERM": "xterm", "SECRET": "x"})
    assert (user.user, user.switches) == (65534, True)
    assert "SECRET" not in user.environment
    file = PrivateFile("service.toml", user)
    try:
        file.write("one\n")
        assert (file.path.stat().st_uid, file.path.parent.stat().st_uid) == (65534, 65534)
        file.path.unlink()
        file.path.write_text("root's")
        with pytest.raises(ProfileError, match="belongs to another user"):
            file.read()
        folder = file.path.parent
        folder.rename(f"{folder}.moved")  # another folder in its place is not looked into
        folder.mkdir()
        file.path.write_text("swapped")
        file.write("two\n")
        assert file.path.read_text() == "swapped"
        assert file.read() == "two\n"
        file.path.unlink()
        folder.rmdir()
        Path(f"{folder}.moved").rename(folder)
    finally:
        file.close(keep=False)


@as_root
@pytest.mark.parametrize("said", ["4294967294", "-5", "bob", "99999999999999999999999"])
def test_a_user_of_sudo_that_nobody_knows_is_refused_and_never_taken_for_root(said: str) -> None:
    with pytest.raises(UnknownInvoker, match="SUDO_UID names no user"):
        invoker({"SUDO_UID": said})


def test_without_sudo_it_is_ourselves() -> None:
    assert invoker({}).user == os.geteuid()
    assert not invoker({"SUDO_UID": "0"}).switches
