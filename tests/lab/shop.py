"""Open a program on the shop, in the guest: `python -m tests.lab.shop COMMAND`."""

import signal
import subprocess
import sys

from tests.lab import faults, net

POLL_SECONDS = 0.2


def main() -> int:
    """Run the command on the shop with traffic, do what is asked to servers meanwhile, and return its exit status."""
    print("Setting up a director with three real servers and some traffic ...", flush=True)
    signal.signal(
        signal.SIGINT, lambda _number, _frame: None
    )  # Ctrl-C is for the command, which ends by it or does not
    with net.shop(traffic=True):
        faults.listen()
        program = subprocess.Popen(sys.argv[1:])
        while True:
            try:
                return program.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                faults.obey()


if __name__ == "__main__":
    sys.exit(main())
