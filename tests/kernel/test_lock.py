"""The lock of a network namespace: who else may hold it, and what may lie where its file should be."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lvstui.kernel.lock import hold
from lvstui.kernel.port import KernelError

HOLDER = """
import sys
from collections.abc import Callable
from pathlib import Path
from lvstui.kernel.lock import hold
with hold(0, Path(sys.argv[1])) as holder:
    print(holder or "held", flush=True)
    sys.stdin.read()
"""


def lock_file(folder: Path) -> Path:
    """Let the lock's file be made, and return it."""
    with hold(0, folder) as holder:
        assert holder == ""
    (file,) = folder.iterdir()
    return file


def test_who_holds_it_is_named_and_it_is_free_once_they_are_killed(tmp_path: Path) -> None:
    folder = tmp_path / "lvstui"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with hold(0, folder) as holder:
            assert holder == f"process {process.pid}"
        process.kill()
    with hold(0, folder) as holder:
        assert holder == ""


def test_nobody_else_can_open_it(tmp_path: Path) -> None:
    folder = tmp_path / "lvstui"
    file = lock_file(folder)
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_name_that_is_free_to_all_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind("\0lvstui/sync-door")
        with hold(0, tmp_path / "lvstui") as holder:
            assert holder == ""


def test_what_is_no_plain_file_of_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder, precious = tmp_path / "lvstui", tmp_path / "precious"
    file = lock_file(folder)
    precious.write_text("precious")
    precious.chmod(0o600)

    def readable_to_all() -> None:
        file.touch()
        file.chmod(0o644)  # whatever the umask is

    obstacles: list[Callable[[], object]] = [
        lambda: file.symlink_to(precious),
        lambda: os.mkfifo(file, 0o600),
        lambda: os.link(precious, file),
        lambda: file.mkdir(),
        readable_to_all,
    ]
    for make in obstacles:
        file.unlink()
        make()
        with pytest.raises(KernelError, match=r"lvstui"), hold(0, folder):
            pass
        if file.is_dir():
            file.rmdir()
            file.touch()
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "lvstui"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(KernelError, match="is not ours alone"), hold(0, folder):
        pass


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "lvstui").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KernelError, match="cannot be opened"), hold(0, tmp_path / "lvstui"):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can give files away")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_belongs_to_another_user_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "lvstui"
    file = lock_file(folder)
    os.chown(folder if what == "folder" else file, 65534, 65534)
    with pytest.raises(KernelError, match="is not ours alone"), hold(0, folder):
        pass


def test_it_is_held_where_the_disk_has_no_room_for_our_number(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with hold(0, tmp_path / "lvstui") as holder:
            assert holder == ""
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
