"""Open a program on the shop, in the guest: `python -m tests.lab.shop COMMAND`."""

import signal
import subprocess
import sys

from tests.lab import net


def main() -> int:
    """Run the command on the shop with traffic and return its exit status."""
    print("Setting up a director with three real servers and some traffic ...", flush=True)
    signal.signal(
        signal.SIGINT, lambda _number, _frame: None
    )  # Ctrl-C is for the command, which ends by it or does not
    with net.shop(traffic=True):
        return subprocess.run(sys.argv[1:]).returncode


if __name__ == "__main__":
    sys.exit(main())
