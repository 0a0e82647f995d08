"""The one file that Python runs as it is: on each Python, for each user, on file systems that let it do little."""

from __future__ import annotations

import ast
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.e2e.terminal import Terminal
from tests.lab.debian import Debian

pytestmark = pytest.mark.debian

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups env -u HOME"
READ_ONLY = "mount -o remount,bind,ro /"
LOADED = (
    "import sys; sys.path.insert(0, '/lvstui.pyz'); import lvstui_onefile; lvstui_onefile.prepare(); import psutil; "
    "print(sys.path[0], psutil._psplatform.cext.__file__, psutil.virtual_memory().total > 0)"
)
"""Prints where modules come from, where the compiled one does, and whether that one works."""


@pytest.fixture
def system(fresh: Debian, dist: Path) -> Debian:
    """Return a fresh Debian with the file in it."""
    shutil.copy(dist / "lvstui.pyz", fresh.root)
    return fresh


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    started = Terminal()
    yield started
    started.close()


def alone(system: Debian, line: str) -> str:
    """Return what a line of a shell prints in the system, whose mounts are gone afterwards."""
    done = system.run("unshare", "--mount", "sh", "-ec", line)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def pythons(*minors: int) -> Iterator[str]:
    """Yield the Pythons of these versions that are here."""
    for minor in minors:
        installed = [shutil.which(f"python3.{minor}"), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")]
        for python in map(str, filter(None, installed)):
            if subprocess.run([python, "-c", ""], capture_output=True, env={"PATH": ""}).returncode == 0:
                yield python
                break


def test_root_unpacks_it_once_and_runs_it_from_there(system: Debian) -> None:
    assert "tcp:192.0.2.10:443" in alone(system, "/lvstui.pyz show --demo")
    (folder,) = (system.root / "var/cache/lvstui").iterdir()
    assert "tcp:192.0.2.10:443" in alone(system, f"{READ_ONLY}; /lvstui.pyz show --demo")
    place, compiled, works = alone(system, f'python3 -c "{LOADED}"').split()
    assert place == f"/var/cache/lvstui/{folder.name}"
    assert (compiled, works) == (f"{place}/psutil/_psutil_linux.abi3.so", "True")


def test_a_user_without_home_runs_it_on_a_system_where_nothing_can_be_written(system: Debian) -> None:
    shown = alone(system, f"{READ_ONLY}; cd /; {NOBODY} python3 lvstui.pyz show --demo")
    assert "tcp:192.0.2.10:443" in shown
    assert "[[service]]" in alone(system, f"{READ_ONLY}; {NOBODY} /lvstui.pyz export --example")
    place, compiled, works = alone(system, f'{READ_ONLY}; {NOBODY} python3 -c "{LOADED}"').split()
    assert (place, works) == ("/lvstui.pyz", "True")
    assert compiled.startswith("/proc/self/fd/")


def test_the_screens_start_where_only_temporary_files_can_be_written(system: Debian, terminal: Terminal) -> None:
    inside = f"mount -t tmpfs none /tmp; {READ_ONLY}; {NOBODY} LANG=C.UTF-8 /lvstui.pyz --demo"
    terminal.start(["unshare", "--mount", "chroot", str(system.root), "sh", "-ec", inside])
    terminal.wait_for("192.0.2.40:8080")
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0


def test_it_runs_from_file_systems_that_no_program_may_be_run_from(system: Debian) -> None:
    line = f'mount -t tmpfs -o noexec none /var/cache; python3 -c "{LOADED}"'
    place, compiled, works = alone(system, line).split()
    assert place.startswith("/var/cache/lvstui/")
    assert compiled.startswith("/proc/self/fd/")
    assert works == "True"


@pytest.mark.parametrize("fresh", ["bookworm"], indirect=True)
def test_root_runs_nothing_that_somebody_else_put_into_its_place(system: Debian) -> None:
    line = "mkdir -m 777 /var/cache/lvstui; mkdir -p /dev/shm; install -d -o nobody /dev/shm/lvstui-0; "
    assert alone(system, f'{line} python3 -c "{LOADED}"').startswith("/lvstui.pyz ")


@pytest.mark.parametrize("fresh", ["bookworm"], indirect=True)
def test_a_full_disk_or_a_half_unpacked_folder_keeps_nobody_from_running_it(system: Debian) -> None:
    full = "mount -t tmpfs -o size=1m none /var/cache; mount -t tmpfs none /dev/shm;"
    assert alone(system, f'{full} python3 -c "{LOADED}"; ls -A /var/cache/lvstui').startswith("/dev/shm/lvstui-0/")
    both = (
        "mount -t tmpfs none /var/cache; (/lvstui.pyz --version & /lvstui.pyz --version; wait); ls -A /var/cache/lvstui"
    )
    *versions, left = alone(system, both).splitlines()
    assert len(versions) == 2
    assert left.endswith("-x86_64-linux-gnu")


@pytest.mark.parametrize("fresh", ["bookworm"], indirect=True)
def test_it_goes_without_psutil_where_there_is_none_for_the_processor(system: Debian) -> None:
    other = (
        "import sys; sys.path.insert(0, '/lvstui.pyz'); sys.argv[1:] = ['show', '--demo']; import lvstui_onefile; "
        "lvstui_onefile.PLATFORM = 'riscv64-linux-gnu'; lvstui_onefile.run()"
    )
    assert "tcp:192.0.2.10:443" in alone(system, f'python3 -c "{other}"; {READ_ONLY}; python3 -c "{other}"')
    assert "riscv64" in alone(system, "ls /var/cache/lvstui")


def test_it_has_the_compiled_module_for_two_processors_and_two_c_libraries(dist: Path) -> None:
    with ZipFile(dist / "lvstui.pyz") as archive:
        machines = {name: archive.read(name)[18] for name in archive.namelist() if name.startswith("compiled/")}
    elf = {"x86_64": 62, "aarch64": 183}
    assert machines == {f"compiled/{cpu}-linux-{libc}.so": elf[cpu] for cpu in elf for libc in ("gnu", "musl")}


def test_each_python_from_3_11_on_that_is_here_runs_it(dist: Path, tmp_path: Path) -> None:
    for python in pythons(11, 12, 13, 14):
        for _ in range(2):
            command = [python, str(dist / "lvstui.pyz"), "show", "--demo"]
            environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            assert "tcp:192.0.2.10:443" in done.stdout, (python, done.stderr)


def test_an_older_python_is_told_so_in_a_sentence(dist: Path) -> None:
    with ZipFile(dist / "lvstui.pyz") as archive:
        ast.parse(archive.read("__main__.py"), feature_version=(3, 4))
    for python in pythons(10, 9, 8, 7, 6):
        done = subprocess.run([python, dist / "lvstui.pyz", "show"], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("lvstui: needs Python 3.11 or later, and this is 3."), done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["--help"], ["show", "--demo"]], ids=["help", "show"])
def test_it_starts_as_fast_as_an_installed_lvstui(dist: Path, command: Sequence[str]) -> None:
    """The fastest of several runs each, in turns, as the time of the processor: others are at work here.

    A machine with much other work takes more turns until it has let each of them run as fast as it can.
    """
    started = {
        "installed": [sys.executable, "-m", "lvstui", *command],
        "one file": [sys.executable, str(dist / "lvstui.pyz"), *command],
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    fastest = dict.fromkeys(started, float("inf"))
    for turn in range(40):
        if turn >= 7 and fastest["one file"] <= 1.3 * fastest["installed"]:
            break
        for name, line in started.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            fastest[name] = min(fastest[name], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert fastest["one file"] <= 1.3 * fastest["installed"], fastest
