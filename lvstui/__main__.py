"""Hands over to the commands."""

import gc
import sys


def main() -> None:
    """Run lvstui as the program of this process."""
    # Imports leave no garbage; collecting meanwhile costs a tenth of a command's start. The screens turn it on again.
    gc.disable()
    from lvstui.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
