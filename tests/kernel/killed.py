"""Kills a command before a write to the running kernel: `python -m tests.kernel.killed NUMBER WORD...`."""

from __future__ import annotations

import os
import signal
import sys

from lvstui.cli import main
from lvstui.core.change import Change
from lvstui.kernel.live import Live


class Dying(Live):
    """A kernel whose program is killed before its write of a number, from 0."""

    left = 0

    def write(self, change: Change) -> None:
        """Write, or be killed."""
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().write(change)


def _open(netns: str | None) -> Dying:
    kernel = Dying(netns)
    kernel.left = int(sys.argv[1])
    return kernel


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], _open))
