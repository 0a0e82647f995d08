"""kill -9 and SIGTERM at any moment of edits in a real kernel; the next start has to settle what was left."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from lvstui.cli import main
from lvstui.commands import apply, changes, edits, entries, history, show
from lvstui.core import fields
from lvstui.core.change import fold, kernel_writes
from lvstui.core.drift import diff, find_drift
from lvstui.core.model import Director, MarkKey, Persistence, Pool, Service
from lvstui.engine import recovery
from lvstui.formats.profile.write import ProfileError, dumps, loads
from lvstui.kernel.live import Live
from lvstui.store.history_file import HistoryFile
from lvstui.store.journal_file import left_paths
from tests.build import server
from tests.campaign import Report

NEEDS = "uml"

_LOADED: Final = (apply, changes, edits, entries, history, show, recovery)
"""What a command imports: a child that is forked has it already, so that kills fall into its work."""

_SERVICES: Final = 300

Words: TypeAlias = Sequence[str]


@dataclass
class Arena:
    """A kernel that is edited, the profile beside it, and what the history began with."""

    folder: Path
    random: random.Random
    kernel: Live = field(default_factory=Live)
    start: Director = field(default_factory=Director)

    @property
    def profile(self) -> Path:
        return self.folder / "director.toml"

    @property
    def running(self) -> Director:
        return self.kernel.read().director

    def run(self, words: Words, number: int = signal.SIGKILL, after: float | None = None) -> int:
        """Run a command in a child, and kill that after some seconds; return the status as wait reports it."""
        pid = os.fork()
        if pid == 0:
            self._be_command(words)
        if after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _be_command(self, words: Words) -> None:
        output = os.open(self.folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        # pytest has put others in their place, which write to files of its own.
        sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", encoding="utf-8") for descriptor in (1, 2))
        status: object = 99
        try:
            status = main(["--profile", str(self.profile), *words])
        except SystemExit as end:
            status = end.code
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status if isinstance(status, int) else 99)

    def settle(self) -> Iterator[str]:
        """Start lvstui once more, and yield what is wrong afterwards."""
        if self.run(["history", "-n", "1"]):
            yield f"history: {(self.folder / 'output').read_text()[-300:]}"
        yield from self.faults()

    def faults(self) -> Iterator[str]:
        """Yield what does not fit together: kernel, profile and history, groups and their rules, files left behind."""
        try:
            saved = loads(self.profile.read_text(), "profile")
        except ProfileError as error:
            yield f"the profile is broken: {error}"
            return
        running = self.running
        records = list(HistoryFile(self.profile).records())
        lines = HistoryFile(self.profile).path.read_text().splitlines() if records else []
        if len(lines) != len(records) or any("number" not in json.loads(line) for line in lines):
            yield f"{len(lines)} lines of the history, {len(records)} records"
        recorded = fold(self.start, (change for record in records for change in record.changes))
        if wrong := kernel_writes(find_drift(running, replace(recorded, timeouts=None, sysctl={}))):
            yield f"the history does not lead to what the kernel holds: {wrong[0]}, {len(wrong)} in all"
        if wrong := kernel_writes(find_drift(running, saved)):
            yield f"the profile is not what the kernel holds: {wrong[0]}, {len(wrong)} in all"
        if running.marks is not None and {key.mark for key in running.pools if isinstance(key, MarkKey)} != set(
            running.marks
        ):
            yield "a service of a group without its rules, or rules without a service"
        if left := left_paths(self.profile):
            yield f"left behind: {left}"


@contextmanager
def arena(seed: int, start: Director) -> Iterator[Arena]:
    """Make a kernel equal a director, and leave it empty afterwards."""
    with TemporaryDirectory() as folder:
        found = Arena(Path(folder), random.Random(seed))
        _write(found.kernel, start)
        found.start = found.running
        found.profile.write_text(dumps(replace(start, timeouts=None, sysctl={})))
        try:
            yield found
        finally:
            _write(found.kernel, Director(marks={}))
            found.kernel.close()


def _write(kernel: Live, wanted: Director) -> None:
    running = kernel.read().director
    marks = None if running.marks is None else wanted.marks or {}
    goal = replace(running, pools=wanted.pools, marks=marks)
    for change in kernel_writes(diff(running, goal)):
        kernel.write(change)


def attack(
    place: Arena,
    name: str,
    choose: Callable[[], Words],
    seconds: float,
    number: int,
    judge: Callable[[int], list[str]] | None = None,
) -> Report:
    """Kill commands at random moments for so many seconds, and see what the next start makes of each.

    `judge` takes the exit status and returns what is wrong then.
    """
    judge = judge or partial(_judge, place, number)
    tried = hit = 0
    end = time.monotonic() + seconds
    span = 0.0  # seconds that a command takes at least
    while time.monotonic() < end or not tried:
        words, began = choose(), time.monotonic()
        after = place.random.uniform(0, span * 1.1) if span else None
        status = place.run(words, number, after)
        span = min(span or 99, time.monotonic() - began) if status == 0 else span  # the first start is the slowest
        hit += status in (-number, 128 + number)
        tried += 1
        if wrong := judge(status):  # what follows would only repeat it
            return Report(f"{name}, {hit} in the middle", tried, 1, f"{' '.join(words)} after {after} s: {wrong}")
    return Report(f"{name}, {hit} in the middle", tried, 0, "")


def _judge(place: Arena, number: int, status: int) -> list[str]:
    # A signal before the command has begun, or after its end, ends Python in its own way.
    wrong = [] if status in (0, -number, 128 + number) else [f"status {status}"]
    return [*wrong, *(place.settle() if status == -signal.SIGKILL else place.faults())]


def _table() -> Director:
    pools = {}
    for number in range(_SERVICES):
        key = fields.service(f"tcp:192.0.{number // 250}.{number % 250 + 1}:80")
        servers = [server(f"127.1.{number // 250}.{number % 250 + 1}:{port}", weight=1) for port in (81, 82)]
        pools[key] = Pool(Service(key, persistence=Persistence(300)), {one.endpoint: one for one in servers})
    return Director(pools)


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Kill set, add, delete, apply and edits of entries."""
    table = _table()
    with arena(seed, table) as place:
        pools = list(table.pools.values())

        def pool() -> Pool:
            return place.random.choice(pools)

        def set_weight() -> Words:
            chosen = pool()
            one = next(iter(chosen.servers))
            weight = str(place.random.randrange(1, 9999))
            return "set", fields.service_text(chosen.service.key), fields.server_text(one), f"weight={weight}"

        def delete_or_add() -> Words:
            text = fields.service_text(pool().service.key)
            if fields.service(text) in place.running.pools:
                return "delete", "--yes", text
            return "add", text, "scheduler=rr"

        def apply_other() -> Words:
            # The profile is what is wanted: in the end, and after every start again, the kernel has to come to it.
            saved = loads(place.profile.read_text(), "profile")
            heavier = {
                key: replace(
                    held,
                    servers={end: replace(one, weight=one.weight % 90 + 1) for end, one in held.servers.items()},
                )
                for key, held in saved.pools.items()
            }
            place.profile.write_text(dumps(replace(saved, pools=heavier)))
            return ("apply",)

        def pin() -> Words:
            chosen = pool()
            client = f"10.{place.random.randrange(256)}.{place.random.randrange(256)}.9"
            one = fields.server_text(next(iter(chosen.servers)))
            return "entry", "pin", client, fields.service_text(chosen.service.key), one

        for number, word in ((signal.SIGKILL, "kill -9"), (signal.SIGTERM, "SIGTERM")):
            yield attack(place, f"{word} of set", set_weight, seconds / 8, number)
            yield attack(place, f"{word} of entry pin", pin, seconds / 8, number)
            yield attack(place, f"{word} of delete and add", delete_or_add, seconds / 8, number)
            yield attack_apply(place, word, apply_other, seconds / 8, number)


def attack_apply(place: Arena, word: str, choose: Callable[[], Words], seconds: float, number: int) -> Report:
    """Kill applies; each is resumed by another one, after which kernel, profile and history have to agree."""

    def choose_and_finish() -> Words:
        place.run(["apply"])
        return choose()

    def resume(_: int) -> list[str]:
        wrong = [fault for fault in place.settle() if not fault.startswith("the profile is not")]
        if place.run(["apply"]):
            wrong.append("it cannot be resumed")
        return [*wrong, *place.faults()]

    return attack(place, f"{word} of apply", choose_and_finish, seconds, number, resume)
