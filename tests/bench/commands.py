"""Whole commands on a real kernel with a large table: processor time and memory, each beside `ipvsadm -Ln --stats`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.big_table import GUEST, SERVERS, load, namespace, within

SIZES: Final = (1000, 5000)
ROUNDS: Final = 5
PEER: Final = ("ipvsadm", "-Ln", "--stats")
LVSTUI: Final = (sys.executable, "-m", "lvstui")
COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "show --json": ("show", "--json"),
    "show": ("show",),
    "export": ("export",),
    "export --format ipvsadm": ("export", "--format", "ipvsadm"),
    "diff": ("diff", "director.toml"),
    "check": ("check", "director.toml"),
}


def main() -> None:
    """Print the figures of all commands for each size."""
    if not GUEST:
        print("commands: needs the lab's guest")
        return
    for services in SIZES:
        with namespace("commands") as name:
            load(name, services)
            _compare(name, services)


def _compare(name: str, services: int) -> None:
    """Run everything in turn, so that a busy moment falls on all, and print the medians."""
    with TemporaryDirectory() as folder:
        _used(within(name, *LVSTUI, "export", "-o", "director.toml"), folder)
        runs = [
            [_used(within(name, *command), folder) for command in (PEER, *((*LVSTUI, *c) for c in COMMANDS.values()))]
            for _ in range(ROUNDS)
        ]
    (peer, _), *ours = [tuple(map(statistics.median, zip(*column, strict=True))) for column in zip(*runs, strict=True)]
    print(f"{' '.join(PEER)}, {services:,} x {SERVERS}: {peer:.2f} s", flush=True)
    for title, (took, memory) in zip(COMMANDS, ours, strict=True):
        print(f"  {title}: {took:.2f} s, {took / peer:.2f} of it; {memory:.0f} MiB", flush=True)


def _used(command: Sequence[str], folder: str) -> tuple[float, float]:
    """Run a command with its output in a file; return its seconds of processor time and its MiB."""
    with (Path(folder) / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, cwd=folder)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
