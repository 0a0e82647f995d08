"""Send the terminal only what differs from what it shows, and never wait for it.

This is the one place that reaches behind Textual's public face (but for one flag in keys.py). Textual repaints a
changed region from the left edge of its widget, sends what has not changed with it, gives every piece of text its
colours anew, and waits once 30 frames are queued for a terminal that no longer reads. `FrugalApp` remembers what the
terminal shows and sends the difference, and leaves frames out while the terminal is behind.
"""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from types import FrameType
from typing import ClassVar

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip

from lvstui.tui.terminal.keys import OrderlyApp

_QUEUED_FRAMES = 4
_LOOK_AGAIN = 0.25
_GAP = 4
"""Moving the terminal's cursor on costs about as many bytes as this many unchanged cells."""

_Pen = tuple[str, str, str]
"""Attributes, text colour and background, each as the parameters of an SGR sequence."""
_Cell = tuple[str, _Pen]
"""A character with its pen; the second half of a wide one has no text, and no pen but its first half in its place."""

_PLAIN: _Pen = ("", "39", "49")
_UNKNOWN: _Cell = ("", _PLAIN)
_ATTRIBUTES = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("reverse", "7"),
    ("strike", "9"),
)


def output_is_behind(app: App[ReturnType]) -> bool:
    """Return whether frames wait for the terminal; skip painting then, and paint the newest state later."""
    driver = app._driver
    if not isinstance(driver, LinuxDriver) or driver._writer_thread is None:
        return False
    return driver._writer_thread._queue.qsize() > _QUEUED_FRAMES


class _WholeCells(ScrollBarRender):
    """A scrollbar of blanks: the half blocks of Textual's are not ASCII, and terminals disagree on their width."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


def resume_only_on_a_terminal() -> None:
    """Let SIGCONT start painting again only while there is a terminal; to be called once the driver runs.

    A terminal that hangs up sends SIGCONT as well. Textual would then write to what is not there, inside the signal's
    handler and until its queue is full, and wait for ever.
    """
    resume = signal.getsignal(signal.SIGCONT)

    def resume_if_there(number: int, frame: FrameType | None) -> None:
        try:
            termios.tcgetattr(sys.__stderr__ or 2)
        except (OSError, ValueError, termios.error):
            return
        if callable(resume):
            resume(number, frame)

    signal.signal(signal.SIGCONT, resume_if_there)


class FrugalApp(OrderlyApp[ReturnType]):
    """An App for slow links: it sends what changed and no more, and a stalled terminal does not stop it."""

    def __init__(self) -> None:
        super().__init__()
        ScrollBar.renderer = _WholeCells
        self._glass = Glass()
        self._catching_up = False

    def on_mount(self) -> None:
        """Paint anew when the program comes back from the background."""
        self.app_resume_signal.subscribe(self, lambda _: self.action_repaint())

    def on_resize(self) -> None:
        """A terminal of another size may have moved or lost what it showed."""
        self._glass.forget()

    def action_repaint(self) -> None:
        """Send the whole screen again, for a terminal that others wrote to."""
        self._glass.forget()
        self.screen.refresh()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        def catch_up() -> None:
            """Paint the whole screen once the terminal reads again: what was left out is not known any more."""
            if output_is_behind(self):
                self.set_timer(_LOOK_AGAIN, catch_up)
            else:
                self._catching_up = False
                self.screen.refresh()

        if output_is_behind(self):
            if not self._catching_up:
                self._catching_up = True
                self.set_timer(_LOOK_AGAIN, catch_up)
            return
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            renderable = _Difference(renderable, self._glass)
        super()._display(screen, renderable)


class Glass:
    """What the terminal shows, cell by cell, as far as it is known."""

    def __init__(self) -> None:
        self._lines: dict[int, list[_Cell]] = {}
        self._size = Size(0, 0)

    def forget(self) -> None:
        """Know nothing any more; what is painted next is sent whole."""
        self._lines.clear()

    def paint(self, update: ChopsUpdate | LayoutUpdate, system: ColorSystem) -> str:
        """Take a frame over; return the bytes that make the terminal show it. Every frame starts from plain colours."""
        if isinstance(update, LayoutUpdate) and update.region.size != self._size:
            # Frames of the old size may have reached the terminal after it had its new one.
            self._size = update.region.size
            self.forget()
        sent: list[str] = []
        at = (-1, -1)
        pen = _PLAIN
        for x, y, strip in _pieces(update):
            for start, run in self._exchange(x, y, _cells(strip, system)):
                if at != (start, y):
                    sent.append(
                        f"\x1b[{start - at[0]}C" if at[1] == y and start > at[0] else f"\x1b[{y + 1};{start + 1}H"
                    )
                for text, colours in run:
                    if text and colours != pen:
                        sent.append(_switch(pen, colours))
                        pen = colours
                    sent.append(text)
                at = (start + len(run), y)
        if pen != _PLAIN:
            sent.append("\x1b[m")
        return "".join(sent)

    def _exchange(self, x: int, y: int, cells: list[_Cell]) -> Iterator[tuple[int, Sequence[_Cell]]]:
        """Put cells in their place; yield the runs of them that differ from what was there, each with its column."""
        line = self._lines.setdefault(y, [])
        stop = x + len(cells)
        line.extend(repeat(_UNKNOWN, stop - len(line)))
        old = line[x:stop]
        if old == cells:
            return
        line[x:stop] = cells
        places = [place for place, (before, after) in enumerate(zip(old, cells, strict=True)) if before != after]
        first = last = places[0]
        for place in places:
            if place - last > _GAP:
                yield x + first, cells[first : last + 1]
                first = place
            last = place
        yield x + first, cells[first : last + 1]


class _Difference(CompositorUpdate):
    """A frame that is compared and taken over in the moment when it is sent, and not before."""

    def __init__(self, update: ChopsUpdate | LayoutUpdate, glass: Glass) -> None:
        self._update = update
        self._glass = glass

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._update.__rich_console__(console, options)

    def render_segments(self, console: Console) -> str:
        """Render to terminal sequences."""
        system = COLOR_SYSTEMS[console.color_system] if console.color_system else ColorSystem.TRUECOLOR
        return self._glass.paint(self._update, system)


def _pieces(update: ChopsUpdate | LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Yield what a frame paints, each piece with the column and line where it starts."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield x, y, strip
                x += strip.cell_length
        return
    for y, start, stop in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            left, right = max(x, start), min(end, stop)
            if chop is not None and left < right:
                yield left, y, chop.crop(left - x, right - x)


def _cells(strip: Strip, system: ColorSystem) -> list[_Cell]:
    cells: list[_Cell] = []
    for segment in strip:
        pen = _pen(segment.style, system) if segment.style else _PLAIN
        if segment.text.isascii():
            cells += zip(segment.text, repeat(pen))
        else:
            cells += _wide_cells(segment, pen)
    return cells


def _wide_cells(segment: Segment, pen: _Pen) -> Iterator[_Cell]:
    """Yield one cell for each that the text takes; what takes none is left out, so that all columns stay in line."""
    for character in segment.text:
        width = get_character_cell_size(character)
        if width:
            yield character, pen
        if width == 2:
            yield "", (character, ";".join(pen), "")


@lru_cache(maxsize=1024)
def _pen(style: Style, system: ColorSystem) -> _Pen:
    attributes = ";".join(code for name, code in _ATTRIBUTES if getattr(style, name))
    text = style.color.downgrade(system).get_ansi_codes(foreground=True) if style.color else ("39",)
    back = style.bgcolor.downgrade(system).get_ansi_codes(foreground=False) if style.bgcolor else ("49",)
    return attributes, ";".join(text), ";".join(back)


@lru_cache(maxsize=1024)
def _switch(old: _Pen, new: _Pen) -> str:
    codes: list[str] = []
    if old[0] != new[0]:
        codes = ["0", new[0]] if new[0] else ["0"]
        old = ("", *_PLAIN[1:])
    codes += [colour for before, colour in zip(old[1:], new[1:], strict=True) if before != colour]
    return f"\x1b[{';'.join(codes)}m"
