"""The connection table read and decoded, beside the bare read of its file, `cat` and `ipvsadm -Lnc`, each into a file.

The program reads it again and again, and decodes but what has changed: the first reading is measured apart.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

from lvstui.kernel.live import Live
from lvstui.kernel.namespace import call_in
from lvstui.kernel.procfs.connections import WITH_ORIGIN
from tests.bench.big_table import GUEST, in_turn, namespace, say, to_file, within
from tests.lab.fill import fill

LVSTUI = Path(sys.executable).parent / "lvstui"
SIZES = ((10_000, 5), (50_000, 2))
"""Entries, and how often each way of reading takes its turn."""


def main() -> None:
    """Print the ratios at both sizes."""
    if not GUEST:
        print("scanning: needs the lab's guest")
        return
    with namespace("scanning") as name:
        for size, rounds in SIZES:
            fill(size, name)
            kernel = Live(name)
            first = scan(kernel, size)
            bare, ours, cat, theirs, listed = in_turn(
                rounds,
                partial(read_bare, name),
                partial(scan, kernel, size),
                lambda: to_file(within(name, "cat", f"/proc/net/{WITH_ORIGIN.name}")),
                lambda: to_file(within(name, "ipvsadm", "-Lnc")),
                lambda: to_file(within(name, str(LVSTUI), "entries")),
            )
            kernel.close()
            say(f"scanning {size:,} entries", ours, "the bare read", bare)
            say(f"scanning {size:,} entries", ours, "cat", cat)
            say(f"scanning {size:,} entries", ours, "ipvsadm -Lnc", theirs)
            say(f"scanning {size:,} entries for the first time", first, "ipvsadm -Lnc", theirs)
            say(f"lvstui entries of {size:,}", listed, "ipvsadm -Lnc", theirs)


def read_bare(name: str) -> float:
    """Read the file and do nothing with it."""
    descriptor = call_in(name, partial(os.open, WITH_ORIGIN, os.O_RDONLY))
    started = time.perf_counter()
    while os.read(descriptor, 1 << 16):
        pass
    took = time.perf_counter() - started
    os.close(descriptor)
    return took


def scan(kernel: Live, size: int) -> float:
    """Read and decode everything, keeping it as a screen would."""
    started = time.perf_counter()
    entries = [entry for piece in kernel.scan() for entry in piece.entries]
    took = time.perf_counter() - started
    if len(entries) < size:
        raise RuntimeError("a scan lacks rows")
    return took


if __name__ == "__main__":
    main()
