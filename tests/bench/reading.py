"""A full reading with all statistics, beside `ipvsadm -Ln --stats --exact > file`."""

from __future__ import annotations

import time

from lvstui.kernel.live import Live
from tests.bench.big_table import GUEST, SERVERS, SERVICES, SIZE, in_turn, load, namespace, say, to_file, within

ROUNDS = 7


def main() -> None:
    """Print the first reading of a process and the later ones."""
    if not GUEST:
        print("reading: needs the lab's guest")
        return
    with namespace("reading") as name:
        load(name)

        def first() -> float:
            kernel = Live(name)
            took = read(kernel)
            kernel.close()
            return took

        again = Live(name)
        read(again)
        theirs, ours, fresh = in_turn(
            ROUNDS,
            lambda: to_file(within(name, "ipvsadm", "-Ln", "--stats", "--exact")),
            lambda: read(again),
            first,
        )
        again.close()
    peer = "ipvsadm -Ln --stats --exact"
    say(f"reading {SIZE}", ours, peer, theirs)
    say(f"reading {SIZE} for the first time", fresh, peer, theirs)


def read(kernel: Live) -> float:
    """Read everything and say how many seconds that took."""
    start = time.perf_counter()
    reading = kernel.read()
    took = time.perf_counter() - start
    if sum(len(servers) for servers in reading.servers.values()) != SERVICES * SERVERS:
        raise RuntimeError("a reading lacks rows")
    return took


if __name__ == "__main__":
    main()
