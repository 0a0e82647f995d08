"""The connection table read and decoded, beside the bare read of its file and `ipvsadm -Lnc > file`."""

from __future__ import annotations

import os
import subprocess
import time
from functools import partial

from lvstui.kernel.connections import WITH_ORIGIN
from lvstui.kernel.live import Live
from tests.bench.big_table import GUEST, in_turn, say, to_file
from tests.lab.fill import SERVERS, VIRTUAL, fill

SIZES = ((10_000, 5), (50_000, 2))
"""Entries, and how often each way of reading takes its turn."""


def main() -> None:
    """Print the ratios at both sizes."""
    if not GUEST:
        print("scanning: needs the lab's guest")
        return
    service = f"{VIRTUAL.address}:{VIRTUAL.port}"
    servers = "".join(f"-a -t {service} -r {server.address}:{server.port} -m\n" for server in SERVERS)
    subprocess.run(["ipvsadm", "-R"], input=f"-A -t {service} -s rr -p 3600\n{servers}", text=True, check=True)
    kernel = Live()
    for size, rounds in SIZES:
        fill(size)
        bare, ours, theirs = in_turn(
            rounds, read_bare, partial(scan, kernel, size), lambda: to_file(["ipvsadm", "-Lnc"])
        )
        say(f"scanning {size:,} entries", ours, "the bare read", bare)
        say(f"scanning {size:,} entries", ours, "ipvsadm -Lnc", theirs)
    kernel.close()
    subprocess.run(["ipvsadm", "-C"], check=True)


def read_bare() -> float:
    """Read the file and do nothing with it."""
    started = time.perf_counter()
    descriptor = os.open(WITH_ORIGIN, os.O_RDONLY)
    while os.read(descriptor, 1 << 16):
        pass
    os.close(descriptor)
    return time.perf_counter() - started


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
