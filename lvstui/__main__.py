"""The entry point of the program."""

import gc
import sys


def main() -> None:
    """Run lvstui as the program of this process."""
    # Imports leave no garbage, and a command ends before its own could matter: collecting costs a tenth of a command's
    # start and a third of its time on a large table. The screens, which live long, turn it on again.
    gc.disable()
    from lvstui.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
