"""A table of 1,000 services with 20 real servers each, in a network namespace made for it."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

SERVICES, SERVERS = 1000, 20
SIZE = f"{SERVICES:,} x {SERVERS}"

GUEST = "LVSTUI_LAB" in os.environ
"""Whether this is the lab's guest, whose kernel may be filled."""


def lines(services: int = SERVICES) -> str:
    """Write a table for `ipvsadm -R`, of at most 25,000 services."""
    text: list[str] = []
    for number in range(services):
        service = f"10.{number // 250}.{number % 250}.1:80"
        text.append(f"-A -t {service} -s wlc")
        text += [f"-a -t {service} -r 10.{100 + number // 250}.{number % 250}.{n}:80 -m -w {n}" for n in range(1, 21)]
    return "\n".join(text) + "\n"


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """Make a network namespace with an empty table: the kernel searches what was deleted from one that was used."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def within(name: str, *command: str) -> Sequence[str]:
    """Return a command that runs in a namespace, and nothing but it (`ip netns exec` mounts and takes its time)."""
    return ("nsenter", f"--net=/run/netns/{name}", *command)


def load(name: str, services: int = SERVICES) -> float:
    """Let `ipvsadm -R` make the table, and say how many seconds that took."""
    text = lines(services)
    start = time.perf_counter()
    subprocess.run(within(name, "ipvsadm", "-R"), input=text, text=True, check=True)
    return time.perf_counter() - start


def to_file(command: Sequence[str], statuses: Sequence[int] = (0,)) -> float:
    """Run a command with its output in a file, and say how many seconds that took."""
    with TemporaryDirectory() as folder, (Path(folder) / "output").open("w") as output:
        start = time.perf_counter()
        done = subprocess.run(command, stdout=output)
        took = time.perf_counter() - start
    if done.returncode not in statuses:
        raise RuntimeError(f"{command} ended with {done.returncode}")
    return took


def in_turn(rounds: int, *measured: Callable[[], float]) -> list[float]:
    """Measure things in turn, so that a busy moment falls on all, and return the median of each."""
    times = [[measure() for measure in measured] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def say(what: str, ours: float, peer: str, theirs: float) -> None:
    """Print one figure beside its peer's."""
    print(f"{what}: {ours:.2f} s; {peer} {theirs:.2f}; {ours / theirs:.2f}", flush=True)
