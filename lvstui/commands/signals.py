"""The signals that end a command: they stop it between two writes to the kernel, never within one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal ends the command; not an Exception, which somebody could take for one of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.status = 128 + number
        """The exit status, as shells report it."""


class Hold:
    """A stretch in which signals are noted instead of obeyed."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._number = 0

    def note(self, number: int, _: FrameType | None) -> None:
        """Take a signal: ask for an early end."""
        self._number = self._number or number
        self._interrupt()

    def obey(self) -> None:
        """End the command where a signal came meanwhile; raises `Ended`."""
        if self._number:
            raise Ended(self._number)


@contextmanager
def ending() -> Iterator[None]:
    """Let signals that end a program raise `Ended`, so that what is open is closed and what is locked is set free."""
    with _handled(_end):
        yield


@contextmanager
def held_back(interrupt: Callable[[], None]) -> Iterator[Hold]:
    """Call `interrupt` for signals that would end the program; `Hold.obey` ends it by the first of them afterwards.

    Ctrl-Z stops it after the body: stopped within an edit it would hold locks that others, and a guard, wait for.
    """
    hold = Hold(interrupt)
    with _stopped_later(), _handled(hold.note):
        yield hold


@contextmanager
def _stopped_later() -> Iterator[None]:
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return
    asked: list[int] = []
    signal.signal(signal.SIGTSTP, lambda number, _: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        if asked:
            signal.raise_signal(signal.SIGTSTP)


def _end(number: int, _: FrameType | None) -> None:
    raise Ended(number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals within the body; what is ignored stays so (nohup), and only the main thread can handle any."""
    before = {}
    if current_thread() is main_thread():
        before = {number: held for number in _ENDING if (held := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, held in before.items():
            signal.signal(number, held)
