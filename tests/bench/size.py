"""What a large table costs: time and memory of the views and commands at a size and at four times that size.

Runs anywhere, on the kernel in memory. A ratio about 4 is in proportion; each measurement has a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from lvstui.core import record
from lvstui.core.change import Change, change_server, undo
from lvstui.core.changes import rows as changes
from lvstui.core.drift import diff, find_drift
from lvstui.core.entries import rows as entries
from lvstui.core.entries.columns import EntryLook
from lvstui.core.marks import rows as marks
from lvstui.core.model import (
    FULL_MASK_V4,
    AddressKey,
    Director,
    Endpoint,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    Service,
    ServiceKey,
)
from lvstui.core.observed import Entry, Rule, Ruleset, Scan
from lvstui.core.record import Kind, Record, find_conflicts
from lvstui.core.services import rows as services
from lvstui.core.services.row import ServiceLook
from lvstui.core.snapshot import Host, Snapshot
from lvstui.engine.options import Options
from lvstui.formats import ipvsadm, json
from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.profile_file import ProfileFile, parse

SERVICES, SERVERS = 1250, 20
ROWS = 25_000
ROUNDS = 3
TIMES = 4
SHOWN = 50
"""Rows whose cells a screen asks for."""

Work = Callable[[], object]


def table(times: int) -> Director:
    """Return a director of persistent services with their servers."""
    pools: dict[ServiceKey, Pool] = {}
    for number in range(SERVICES * times):
        key = AddressKey(Protocol.TCP, IPv4Address(0x0A000000 + number), 80)
        servers = (RealServer(Endpoint(IPv4Address(0x0B000000 + number * SERVERS + n), 80)) for n in range(SERVERS))
        service = Service(key, persistence=Persistence(mask=FULL_MASK_V4))
        pools[key] = Pool(service, {server.endpoint: server for server in servers})
    return Director(pools=pools)


def reweigh(director: Director) -> tuple[Change, ...]:
    """Return an edit of every server."""
    return tuple(
        change_server(key, server, replace(server, weight=server.weight + 1))
        for key, pool in director.pools.items()
        for server in pool.servers.values()
    )


def snapshot(director: Director, foreign: tuple[Rule, ...] = ()) -> Snapshot:
    """Return a reading of the kernel in memory."""
    reading = MemoryKernel(director, traffic=True).read()
    return Snapshot(replace(reading, rules=Ruleset(foreign)), "memory", Host(""))


def of_services(times: int) -> Work:
    """Return the rows of the services view and the cells of a screenful."""
    seen, look = snapshot(table(times)), ServiceLook()
    return lambda: [services.cells(seen, look, key) for key in services.rows(seen, look)[:SHOWN]]


def of_marks(times: int) -> Work:
    """Return the rows of the marks view with as many rules of others, and the cells of a screenful."""
    rules = (
        Rule("nft", "inet", "filter", "pre", number, value=number, mask=0xFFFFFFFF)
        for number in range(1, ROWS * times + 1)
    )
    seen, look = snapshot(Director(), tuple(rules)), marks.MarkLook()
    return lambda: [marks.cells(seen, look, key) for key in marks.rows(seen, look)[:SHOWN]]


def of_entries(times: int) -> Work:
    """Return the rows of the persistence view with as many entries, and the cells of a screenful."""
    director = table(1)
    pools = list(director.pools.values())
    held = []
    for number in range(ROWS * times):
        pool = pools[number % len(pools)]
        client = IPv4Address(0x64000000 + number)
        held.append(Entry(pool.service.key, client, next(iter(pool.servers)), "NONE", 300.0))
    scan = Scan(tuple(held), rows=len(held), complete=True)
    seen, look = replace(snapshot(director), scan=scan), EntryLook()
    return lambda: [entries.cells(seen, look, key) for key in entries.rows(seen, look)[:SHOWN]]


def of_changes(times: int) -> Work:
    """Return the rows of the changes view with as many records, and the cells of a screenful."""
    seen, look = replace(snapshot(table(1)), changes=records(times)), changes.ChangeLook()
    return lambda: [changes.cells(seen, look, key) for key in changes.rows(seen, look)[:SHOWN]]


def records(times: int) -> tuple[Record, ...]:
    """Return a history of edits of a server."""
    (change, *_) = reweigh(table(1))
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return tuple(Record(n, when, "root", "", 1, Kind.DO, (change,)) for n in range(1, ROWS * times + 1))


def of_screens(times: int) -> Work:
    """Return the screens from their start to a table that is shown, and its first steps."""
    director = table(times)

    async def look() -> None:
        from lvstui.tui.app import LvstuiApp

        with TemporaryDirectory() as folder:
            options = Options(MemoryKernel(director), ProfileFile(Path(folder) / "director.toml"))
            app = LvstuiApp(options, host=lambda: Host(""), threaded=False)
            async with app.run_test(size=(120, 40)) as pilot:
                for key in ("down", "end", "2", "3", "5", "6", "1"):
                    await pilot.pause()
                    app.worker.step(0)
                    await pilot.press(key)

    return lambda: asyncio.run(look())


def of_director(work: Callable[[Director], object]) -> Callable[[int], Work]:
    """Return work on a director alone."""

    def prepare(times: int) -> Work:
        director = table(times)
        return lambda: work(director)

    return prepare


def of_edits(work: Callable[[Director, tuple[Change, ...]], object]) -> Callable[[int], Work]:
    """Return work on a director and an edit of all its servers."""

    def prepare(times: int) -> Work:
        director = table(times)
        edits = reweigh(director)
        return lambda: work(director, edits)

    return prepare


def of_profile(times: int) -> Work:
    """Return the reading of a profile."""
    text = dumps(table(times))
    return lambda: parse(text.encode(), Path("director.toml"))


def of_history(times: int) -> Work:
    """Return the lines of `lvstui history`."""
    held = records(times)
    return lambda: [(record.heading(one), record.lines(one)) for one in held]


def of_show_json(times: int) -> Work:
    """Return the text of `lvstui show --json`."""
    seen = snapshot(table(times))
    return lambda: sum(map(len, json.pieces(json.services(seen))))


CASES: Mapping[str, Callable[[int], Work]] = {
    "services view": of_services,
    "marks view": of_marks,
    "persistence view": of_entries,
    "changes view": of_changes,
    "screens": of_screens,
    "show --json": of_show_json,
    "export as TOML": of_director(dumps),
    "export for ipvsadm": of_director(lambda director: list(ipvsadm.save_lines(director))),
    "profile read": of_profile,
    "diff of nothing": of_director(lambda director: find_drift(director, director)),
    "diff of all": of_director(lambda director: diff(Director(), director)),
    "rollback of all": of_edits(lambda director, edits: find_conflicts(undo(undo(edits)), director)),
    "history": of_history,
}


def measure(name: str, times: int) -> None:
    """Print the seconds of CPU that the work took, and the MiB that the whole process needed."""
    gc.set_threshold(100_000, 20, 100)  # as in the screens
    work = CASES[name](times)
    start = time.process_time()
    work()
    print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(name: str, times: int) -> tuple[float, float]:
    """Measure in processes of their own, since a snapshot keeps what was worked out; the quickest counts."""
    command = (sys.executable, "-m", "tests.bench.size", name, str(times))
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(ROUNDS)]
    took, memory = min((float(took), float(memory)) for took, memory in runs)
    return took, memory


def main() -> None:
    """Print time and memory of each case at both sizes, and how they grow."""
    for name in CASES:
        (small, little), (large, much) = measured(name, 1), measured(name, TIMES)
        print(
            f"{name}, {TIMES} times as much: {small:.2f} -> {large:.2f} s, {large / small:.1f}; "
            f"{little:.0f} -> {much:.0f} MiB, {much / little:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2])) if sys.argv[1:] else main()
