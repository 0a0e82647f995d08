"""Who did it: the person behind sudo and su, and where that person sits."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from lvstui.host.author import author

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
