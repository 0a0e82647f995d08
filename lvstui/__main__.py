"""The entry point of the program."""

import gc
import os
import sys
import threading
from pathlib import Path

from lvstui.commands import streams

_BY_SIGNAL = 128
"""What the exit status of an end by a signal is above."""


def main() -> None:
    """Run lvstui as the program of this process."""
    # Imports leave no garbage, and a command ends before its own could matter: collecting costs a tenth of a command's
    # start and a third of its time on a large table. The screens, which live long, turn it on again.
    gc.disable()
    streams.guard()
    try:
        status = streams.close(_run())
    except KeyboardInterrupt:
        sys.exit(130)
    if status > _BY_SIGNAL or threading.active_count() > 1:
        # All is written and closed. Taking the interpreter apart after the screens would last up to two seconds, and
        # it would wait for servers that were asked last and do not answer.
        os._exit(status)
    sys.exit(status)


def _run() -> int:
    """Run the command, and turn what nobody foresaw into a sentence and an exit status of its own."""
    try:
        if sys.argv[1:2] == ["complete"]:  # for shells, and in no help: nothing else is loaded for it
            from lvstui.commands.completion.answer import main as complete

            return complete(sys.argv[2:])
        from lvstui.cli import main as run

        return run(gives_up=True)
    except SystemExit as end:  # argparse, which has said why
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        if os.environ.get("LVSTUI_DEBUG"):
            raise
        return _confess(error)


def _confess(error: Exception) -> int:
    """Say what went wrong, and where, in one sentence, and return the exit status."""
    from lvstui.commands.place import Status, complain

    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}" if place else "unknown"
    complain(
        f"an error that lvstui does not know: {type(error).__name__}: {str(error)[:200]} ({where}); "
        "please report it, with what is printed when LVSTUI_DEBUG=1 is set"
    )
    return Status.FAULT


if __name__ == "__main__":
    main()
