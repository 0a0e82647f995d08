"""The tests that a kernel runs: which, how pytest is called in a guest, and guests that share them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.lab import guest, install
from tests.lab.full import Full

SECONDS = 3 * 3600
"""Limit of all tests in a guest: a quarter of an hour on a machine of its own."""
ALL = "kernel or netfilter or nft"
CORE = (
    "tests/e2e/test_director.py::test_plus_plus_enter_changes_one_weight_and_nothing_else_and_z_takes_it_back[80]",
    "tests/kernel/ipvs/test_client.py",
    "tests/kernel/ipvs/test_sync_door.py",
    "tests/kernel/netlink/test_links.py",
    "tests/kernel/procfs",
    "tests/kernel/test_contract.py",
    "tests/kernel/test_entry_contract.py",
    "tests/kernel/test_referee.py",
    "tests/kernel/test_schedulers.py",
    "tests/lab/test_lab.py",
    # Kills, crowds and races take an emulated processor minutes, and no kernel makes a difference to them.
    "--deselect=tests/kernel/ipvs/test_sync_door.py::test_the_next_start_removes_whatever_a_killed_one_left",
    "--deselect=tests/kernel/ipvs/test_sync_door.py::test_two_at_once_wait_for_each_other",
    "--deselect=tests/kernel/ipvs/test_sync_door.py::test_thousands_of_messages_are_taken_whole",
    "--deselect=tests/kernel/ipvs/test_client.py::test_a_table_that_changes_while_it_is_read_is_read_nevertheless",
    "--deselect=tests/kernel/netlink/test_links.py::test_more_news_than_the_socket_holds_loses_no_interface",
)
"""What shows in minutes whether lvstui knows a kernel: the contract, the referees, entries, traffic."""


def run(arguments: Sequence[str], kernel: guest.Kernel, *, guests: int, core: bool, or_skip: bool) -> int:
    """Run the kernel's tests, or only the core of them, in as many guests; return pytest's exit status.

    Without a guest UnavailableError is raised, or it is said aloud and 0 is returned where that is wanted.
    """
    try:
        if reason := install.lacks(kernel):
            raise guest.UnavailableError(reason)
        return _share([*command(marker(kernel, core=core)), *(CORE if core else ()), *arguments], kernel, guests)
    except guest.UnavailableError as problem:
        if not or_skip:
            raise
        # The archive of another release may be out of reach for days, and that is not the change's fault.
        excused = os.environ.get("CI") != "true" or (kernel.version and not kernel.is_there())
        line = "=" * 100
        print(line, f"SKIPPED: every test in the guest {kernel.name}", problem, sep="\n", file=sys.stderr)
        print("" if excused else "With CI=true this is a failure.", line, sep="\n", file=sys.stderr)
        return 0 if excused else 1


def marker(kernel: guest.Kernel, *, core: bool) -> str:
    """Choose the tests: the full guest is slow and leaves to the other what that can do, but for the core."""
    if not isinstance(kernel, Full):
        return "kernel"
    return "kernel or netfilter" if core else "netfilter or nft"


def command(marker: str) -> list[str]:
    """Return how pytest is called in a guest for the tests with these marks."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    # Loading every plugin that is installed takes an emulated processor longer than most of its tests.
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    return ["env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", python(), "-m", "pytest", "-m", marker, *plugins, *colour]


def python() -> str:
    """Name the checkout's own Python, which the guest sees under the same path."""
    python = guest.CHECKOUT / ".venv/bin/python"
    if not python.exists():
        raise guest.LabError("There is no .venv in this checkout: run `make` first.")
    return str(python)


def _share(pytest: Sequence[str], kernel: guest.Kernel, guests: int) -> int:
    """Run the tests in some guests side by side, with the output of the first as it comes, then that of the others."""
    with tempfile.TemporaryDirectory(prefix="lvstui-lab-") as name, ExitStack() as others:
        command = [*pytest, "-p", "tests.lab.share", f"--shared={name}"]
        # What the host has compiled no guest compiles, where each start of Python would do so anew: it cannot keep it.
        subprocess.run([python(), "-m", "compileall", "-q", "lvstui", "tests"], cwd=guest.CHECKOUT, check=True)
        kept = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
        collect = [*command, "--collect-only"]
        collected = subprocess.run(collect, cwd=guest.CHECKOUT, env=kept, capture_output=True, text=True)
        if collected.returncode:
            print(collected.stdout, collected.stderr, sep="")
            return collected.returncode
        run = [python(), "-m", "tests.lab", "run", f"--kernel={kernel.name}", f"--seconds={SECONDS}"]
        running = [others.enter_context(_started([*run, "--writable", name, "--", *command])) for _ in range(1, guests)]
        statuses = [guest.run(guest.Job(command, seconds=SECONDS, writable=[Path(name)]), kernel)]
        for process in running:
            output, _ = process.communicate()
            print(output, end="")
            statuses.append(process.returncode)
        return max(statuses)


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start another guest, and end it when it is no longer waited for."""
    process = subprocess.Popen(command, cwd=guest.CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
