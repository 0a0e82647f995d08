"""Errors that nobody foresaw: whatever met one goes on with its next message, and the operator is told.

Textual ends the program at the first exception of a widget, and what is staged ends with it. Here the message that led
to the error is given up, or the place that could not be painted stays blank; the app hears of it and decides.
"""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter, deque
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


class SturdyApp(App[int]):
    """An app that goes on after an error of a widget; it ends while it starts, and where errors come in a storm."""

    def __init__(self) -> None:
        super().__init__()
        if hasattr(MessagePump, "_dispatch_message"):
            MessagePump._dispatch_message = _dispatch  # type: ignore[method-assign, assignment]
        Widget.render_lines = _render_lines  # type: ignore[method-assign, assignment]
        self.faults: Counter[Fault] = Counter()
        """How often each error came."""
        self.fatal: Fault | None = None
        """The error that ended the screens."""
        self._starting = True
        self._latest: deque[float] = deque(maxlen=_STORM)

    def on_ready(self) -> None:
        """From now on there is something to go on with."""
        self._starting = False

    def met(self, fault: Fault) -> None:
        """Hear of an error at its first time."""

    def end(self, error: Exception) -> None:
        """End with an error that leaves nothing to go on with."""
        self.fatal = Fault.of(error)
        self.exit(FAILED)

    def _handle_exception(self, error: Exception) -> None:
        """Go on, where Textual would end."""
        fault, now = Fault.of(error), time.monotonic()
        self.faults[fault] += 1
        self._latest.append(now)
        if self._starting or (len(self._latest) == _STORM and now - self._latest[0] < 1.0):
            self.end(error)
        elif self.faults[fault] == 1:
            try:
                self.met(fault)
            except Exception as another:
                self.end(another)


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
