"""The keyboard's side of the terminal, and the end: bytes that are no text, signals, a terminal that reads no more."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import sys
import termios
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from threading import Event, Thread
from time import monotonic
from types import FrameType
from typing import Final, assert_never

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from lvstui.tui.keyboard import LONGEST, Keyboard, Kind, Piece

_ENDING: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)

_PATIENCE: Final = 0.4
"""Seconds that the terminal may take none of what is sent, once the program has to end."""

_TRY_AGAIN: Final = 0.02

_PACKET: Final = 1 << 14
"""Bytes read at once."""

_LONGEST: Final = 32
"""Characters of the longest sequence that Textual's parser takes."""

_CUT: Final = "of the pasted text the first {:,} characters were taken, {:,} were not"

_KNOWN: Final = "\x1b[I"
"""A sequence that the parser knows (the terminal has the focus), whatever came before."""


_UNTYPED: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
"""Control characters, which no field has a place for: they have no width, and its cursor would be elsewhere."""


class SturdyDriver(LinuxDriver):
    """Textual's driver, whose keyboard outlives bytes that mean nothing and sequences that arrive in parts."""

    def suspend_application_mode(self) -> None:
        """Return the terminal, and stop what started us too (make, sudo), as a terminal does at Ctrl-Z."""
        super().suspend_application_mode()
        before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # we stop ourselves behind this
        os.kill(0, signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the terminal to another program until the block ends, as it was before the screens."""
        super().suspend_application_mode()
        try:
            with self.no_automatic_restart():
                yield
        finally:
            self.resume_application_mode()

    def _run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except OSError:
                self._app.call_later(self._app.exit, 128 + signal.SIGHUP)
                return
            except Exception as error:
                self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Read what is typed until the screens end, and pass it on; raises OSError where there is no terminal."""
        keyboard, parser = Keyboard(), XTermParser(self._debug)
        # A terminal that does not send UTF-8 loses the characters that mean nothing.
        decode = getincrementaldecoder("utf-8")("ignore").decode
        while not self.exit_event.is_set():
            pieces: list[Piece] = []
            if select.select([self.fileno], [], [], keyboard.wait(monotonic()))[0]:
                typed = os.read(self.fileno, _PACKET)
                if not typed:
                    self.exit_event.wait(_TRY_AGAIN)  # at its end a file is always ready to be read
                if text := decode(typed):
                    pieces = keyboard.take(text, monotonic())
            for piece in pieces or keyboard.silence(monotonic()):
                if piece.cut:
                    self._app.call_later(self._app.notify, _CUT.format(LONGEST, piece.cut), severity="warning")
                for message in _messages(piece, parser):
                    self.process_message(message)


def _messages(piece: Piece, parser: XTermParser) -> Iterable[Message]:
    """Return what Textual makes of a piece; the parser knows the mouse's last place, and is between two sequences."""
    match piece.kind:
        case Kind.TEXT:
            return parser.feed(piece.text)
        case Kind.KEY:
            # The end of all input settles at once what a parser would wait for.
            ending = XTermParser()
            return chain(ending.feed(piece.text), ending.feed(""))
        case Kind.PASTE:
            return [events.Paste(_UNTYPED.sub("", piece.text.replace("\t", " ")))]
        case Kind.SEQUENCE:
            if len(piece.text) > _LONGEST:
                return []
            messages = list(parser.feed(piece.text))
            # Of a sequence that it does not know the parser awaits more, to press it all as keys: those are dropped.
            for _ in parser.feed(_KNOWN):
                pass
            return messages
        case _:
            assert_never(piece.kind)


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
