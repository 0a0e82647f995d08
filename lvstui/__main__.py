"""Hands over to the commands."""

import sys

from lvstui.cli import main as run


def main() -> None:
    """Run lvstui as the program of this process."""
    sys.exit(run())


if __name__ == "__main__":
    main()
