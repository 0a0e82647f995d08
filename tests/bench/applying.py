"""A whole table written change by change, beside `ipvsadm -R`."""

from __future__ import annotations

import time

from lvstui.core.change import kernel_writes
from lvstui.core.drift import diff
from lvstui.kernel.live import Live
from tests.bench.big_table import GUEST, SIZE, load, namespace, say


def main() -> None:
    """Print how long the same table takes in two fresh namespaces."""
    if not GUEST:
        print("applying: needs the lab's guest")
        return
    with namespace("theirs") as name:
        theirs = load(name)
        kernel = Live(name)
        want = kernel.read().director
        kernel.close()
    with namespace("ours") as name:
        kernel = Live(name)
        have = kernel.read().director
        start = time.perf_counter()
        for change in kernel_writes(diff(have, want)):
            kernel.write(change)
        ours = time.perf_counter() - start
        if kernel.read().director != want:
            raise RuntimeError("the table is not the one that was written")
        kernel.close()
    say(f"applying {SIZE}", ours, "ipvsadm -R", theirs)


if __name__ == "__main__":
    main()
