"""`lvstui diff` with nothing to do, from its start to its end, beside one `ipvsadm -Ln`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.big_table import GUEST, SIZE, in_turn, load, namespace, say, to_file, within

ROUNDS = 5
LVSTUI = (sys.executable, "-m", "lvstui")


def main() -> None:
    """Print how long it takes where the profile says what the kernel holds."""
    if not GUEST:
        print("diffing: needs the lab's guest")
        return
    with namespace("diffing") as name, TemporaryDirectory() as folder:
        load(name)
        profile = str(Path(folder) / "director.toml")
        to_file(within(name, *LVSTUI, "export", "-o", profile))
        theirs, ours = in_turn(
            ROUNDS,
            lambda: to_file(within(name, "ipvsadm", "-Ln")),
            lambda: to_file(within(name, *LVSTUI, "diff", profile)),
        )
    say(f"lvstui diff on {SIZE}", ours, "ipvsadm -Ln", theirs)


if __name__ == "__main__":
    main()
