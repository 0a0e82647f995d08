"""The keyboard's side of the terminal, and the end: bytes that are no text, signals, a terminal that reads no more."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
import termios
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType
from typing import Final

from textual.drivers.linux_driver import LinuxDriver

_ENDING: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)

_PATIENCE: Final = 0.4
"""Seconds that the terminal may take none of what is sent, once the program has to end."""

_TRY_AGAIN: Final = 0.02


class SturdyDriver(LinuxDriver):
    """Textual's driver, whose keyboard outlives bytes that mean nothing; only their packet is lost."""

    def _run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except UnicodeDecodeError:
                continue  # typed on a terminal that does not send UTF-8
            except OSError:
                self._app.call_later(self._app.exit, 128 + signal.SIGHUP)
                return
            except Exception as error:
                self._app.call_later(self._app._handle_exception, error)


class EndingSignals:
    """Calls `end` in the loop with a signal that asks to end, whether the terminal reads or not.

    What a terminal does not take then is thrown away: neither the writing thread nor the app may wait for it.
    """

    def __init__(self, end: Callable[[int], None]) -> None:
        """Listen from now on; to be called once the app runs, in its thread."""
        self._ask = end
        self._loop = asyncio.get_running_loop()
        self._before = {number: signal.signal(number, self._end) for number in _ENDING}

    def restore(self) -> None:
        """Let the signals do again what they did before."""
        for number, before in self._before.items():
            signal.signal(number, before)

    def _end(self, number: int, _: FrameType | None) -> None:
        # Not through the loop alone: it may be the one that waits for the terminal.
        Thread(target=_discard, name="discard", daemon=True).start()
        self._loop.call_soon_threadsafe(self._ask, number)


def _discard() -> None:
    """Throw away what the terminal does not take, until the program has ended."""
    stream = sys.__stderr__
    patience, waiting = _PATIENCE, Event()
    try:
        terminal = stream.fileno() if stream else 2
        while True:
            if select.select([], [terminal], [], patience)[1]:
                waiting.wait(_TRY_AGAIN)
                continue
            termios.tcflush(terminal, termios.TCOFLUSH)
            # Emptying its buffer wakes nobody who waits to write; letting output go on again does.
            termios.tcflow(terminal, termios.TCOOFF)
            termios.tcflow(terminal, termios.TCOON)
            patience = _TRY_AGAIN
    except (OSError, ValueError, termios.error):
        return  # there is no terminal any more
