"""Errors that nobody foresaw: whatever met one goes on with its next message, and the operator hears of it.

Textual ends the program at the first exception of a widget, and what is staged ends with it. Here the message that led
to the error is given up, or the place that could not be painted stays blank; the app hears of it and decides.
"""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from textual.app import App
from textual.geometry import Region
from textual.message import Message
from textual.message_pump import MessagePump
from textual.strip import Strip
from textual.widget import Widget

from lvstui.core.fields import visible
from lvstui.tui.behind import DISPATCH, lacks

FAILED: Final = os.EX_SOFTWARE
"""The exit status of screens that an error ended."""

_STORM: Final = 30
"""Errors within a second that end the screens: they would only look alive."""

_CALLS: Final = 6
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that nobody foresaw: what it says, and where it came from, the innermost call first."""

    error: str
    places: tuple[str, ...]

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        """Return the fault that an exception is."""
        calls = reversed(traceback.extract_tb(error.__traceback__))
        places = tuple(f"{Path(call.filename).name}:{call.lineno}" for call in calls)[:_CALLS]
        return cls(visible(f"{type(error).__name__}: {error}")[:_LONGEST], places)

    def __str__(self) -> str:
        return f"an error of lvstui's own, {self.error} ({' < '.join(self.places)})"


class Faults:
    """The errors of one run of an app, each with how often it came, and the one that ended it."""

    def __init__(self, leave: Callable[[int], None], hear: Callable[[Fault], None]) -> None:
        """Hear of each error at its first time; leave with an exit status after one that leaves nothing to go on with.

        An error while the app starts is such a one, and one that comes in a storm of them.
        """
        self.fatal: Fault | None = None
        self._count: Counter[Fault] = Counter()
        self._leave = leave
        self._hear = hear
        self._starting = True
        self._latest: deque[float] = deque(maxlen=_STORM)

    def __len__(self) -> int:
        return len(self._count)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._count)

    def begin(self) -> None:
        """From now on there is something to go on with."""
        self._starting = False

    def add(self, error: Exception) -> None:
        """Go on after an error, unless there is nothing to go on with."""
        fault, now = Fault.of(error), time.monotonic()
        self._count[fault] += 1
        self._latest.append(now)
        if self._starting or (len(self._latest) == _STORM and now - self._latest[0] < 1.0):
            self.end(error)
        elif self._count[fault] == 1:
            try:
                self._hear(fault)
            except Exception as another:
                self.end(another)

    def end(self, error: Exception) -> None:
        """End with an error that leaves nothing to go on with."""
        self.fatal = Fault.of(error)
        self._leave(FAILED)

    def lines(self) -> Iterator[str]:
        """Yield each error with how often it came."""
        for fault, count in self._count.items():
            yield f"{fault}{f', {count} times' if count > 1 else ''}; please report it"


class SturdyApp(App[int]):
    """An app that goes on after an error of a widget; `faults.begin` says from when on."""

    def __init__(self, hear: Callable[[Fault], None]) -> None:
        """Hear of each error at its first time."""
        super().__init__()
        if not lacks(*DISPATCH):
            MessagePump._dispatch_message = _dispatch  # type: ignore[method-assign, assignment]
        Widget.render_lines = _render_lines  # type: ignore[method-assign, assignment]
        self.faults = Faults(self.exit, hear)

    def _handle_exception(self, error: Exception) -> None:
        """Go on, where Textual would end."""
        self.faults.add(error)


_dispatch_plainly = getattr(MessagePump, "_dispatch_message", None)
_render_plainly = Widget.render_lines


async def _dispatch(pump: MessagePump, message: Message) -> None:
    """Let a widget handle a message; after an error it goes on with the next one."""
    assert _dispatch_plainly is not None
    try:
        await _dispatch_plainly(pump, message)
    except Exception as error:
        if not isinstance(pump.app, SturdyApp):
            raise
        pump.app._handle_exception(error)


def _render_lines(widget: Widget, crop: Region) -> list[Strip]:
    """Paint a widget; what cannot be painted is blank."""
    try:
        return _render_plainly(widget, crop)
    except Exception as error:
        if not isinstance(widget.app, SturdyApp):
            raise
        widget.app._handle_exception(error)
        return [Strip.blank(crop.width)] * crop.height
