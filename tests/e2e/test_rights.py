"""What root's lvstui may do while it runs, as /proc says: nothing but what a director needs, on screens and without."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvstui.host.rights import OTHER_USER, Right
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"
DIRECTOR = {Right.NET_ADMIN, Right.NET_RAW}
PATIENCE = 60.0


def rights(process: int) -> dict[str, set[int]]:
    """Return the sets of rights of a process, and whether it can gain none by files."""
    status = Path(f"/proc/{process}/status").read_text()
    found = {name: int(value, 16) for name, value in re.findall(r"^Cap(\w+):\s*(\w+)", status, re.MULTILINE)}
    sets = {name: {number for number in range(64) if value >> number & 1} for name, value in found.items()}
    return sets | {"NoNew": set() if "NoNewPrivs:\t0" in status else {1}}


def settled(process: int) -> dict[str, set[int]]:
    """Return the rights of a process once it has given up some."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = rights(process)
        if found["NoNew"]:
            return found
        time.sleep(0.05)
    raise AssertionError("it has given up nothing")


def only(*reserve: Right) -> dict[str, set[int]]:
    kept = {int(right) for right in DIRECTOR}
    more = kept | {int(right) for right in reserve}
    return {"Inh": set(), "Prm": more, "Eff": kept, "Bnd": more, "Amb": set(), "NoNew": {1}}


def children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@contextmanager
def running(*words: str | Path, **environment: str) -> Iterator[int]:
    """Run a command that goes on until it is ended, and yield its process."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen([LVSTUI, *words], stdout=nothing, stderr=nothing, env=os.environ | environment)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_command_has_the_rights_of_a_director_only_and_its_witness_those_to_see(tmp_path: Path) -> None:
    with running("watch", "--profile", tmp_path / "director.toml", SUDO_UID="65534") as process:
        assert settled(process) == only()
        witness, *_ = children(process)  # the first one: later ones are programs that say what the rules are
        seeing = {Right.DAC_READ_SEARCH, Right.SYS_PTRACE}
        deadline = time.monotonic() + PATIENCE
        while rights(witness)["Eff"] != seeing and time.monotonic() < deadline:
            time.sleep(0.05)
        assert rights(witness)["Prm"] == rights(witness)["Bnd"] == seeing
        os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{witness}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{witness}").exists()


def test_another_namespace_takes_one_right_more_which_is_out_of_force(tmp_path: Path) -> None:
    subprocess.run(["ip", "netns", "add", "righted"], check=True)
    try:
        with running("watch", "--netns", "righted", "--profile", tmp_path / "director.toml") as process:
            assert settled(process) == only(Right.SYS_ADMIN)
    finally:
        subprocess.run(["ip", "netns", "delete", "righted"], check=True)


def test_a_profile_among_the_files_of_another_user_takes_the_rights_to_write_there(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    subprocess.run([LVSTUI, "export", "-o", profile], check=True)
    for path in (profile, tmp_path):
        os.chown(path, 65534, 65534)
    tmp_path.chmod(0o700)
    profile.chmod(0o600)
    done = subprocess.run([LVSTUI, "--profile", profile, "set", "timeouts", "tcp=901"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    subprocess.run(["ipvsadm", "--set", "900", "120", "300"], check=True)
    assert "tcp = 901" in profile.read_text()
    assert profile.stat().st_uid == 65534


@pytest.mark.parametrize("sudo", [False, True])
def test_the_screens_have_the_rights_of_a_director_only(terminal: Terminal, tmp_path: Path, *, sudo: bool) -> None:
    command: list[str | Path] = [LVSTUI, "--live", "--profile", tmp_path / "director.toml"]
    terminal.start(["env", "SUDO_UID=65534", *command] if sudo else command)
    terminal.wait_for("? help", PATIENCE)
    assert settled(terminal.pid) == (only(*OTHER_USER) if sudo else only())
