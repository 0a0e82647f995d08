"""A terminal behind a slow link: send it only what differs from what it shows, and act on its keys one after another.

This reaches behind Textual's public face; `lvstui.tui.behind` lists for what. Textual repaints a changed region from
the left edge of its widget, sends what has not changed with it, sets the colours of every piece of text anew, and waits
once 30 frames are queued for a terminal that no longer reads. `FrugalApp` remembers what the terminal shows, sends the
difference, and leaves frames out while the terminal is behind.

Textual passes a key to the focused widget, from where it climbs from parent to parent up to the app; only there runs
the action bound to it. Of keys that come in one packet the second is passed on before the first has climbed: of `/tcp`
the `t` would reach the table, and not the filter that `/` opens. `FrugalApp` passes a key on only when the one before
has had its whole effect.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from collections import deque
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
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip

from lvstui.tui.behind import KEYBOARD, OUTPUT, lacks
from lvstui.tui.driver import SturdyDriver

_QUEUED_FRAMES = 4
_LOOK_AGAIN = 0.25
"""Seconds after which a terminal that was behind is looked at again."""
_LONGEST = 1.0
"""Seconds after which the next key is passed on anyway: nothing that an action waits for may block the keyboard."""
_SEES_OUTPUT = not lacks(*OUTPUT)
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
    if not _SEES_OUTPUT:
        return False
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


class FrugalApp(App[ReturnType]):
    """An App for slow links: it sends what changed and no more, and takes one key (or pasted text) at a time."""

    def __init__(self) -> None:
        super().__init__(driver_class=None if lacks(*KEYBOARD) else SturdyDriver)
        ScrollBar.renderer = _WholeCells
        self._image = TerminalImage()
        self._catching_up = False
        self._held: deque[events.Event] = deque()
        self._following: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Paint anew when the program comes back from the background."""
        self.app_resume_signal.subscribe(self, lambda _: self.action_repaint())

    def on_resize(self) -> None:
        """A terminal of another size may have moved or lost what it showed."""
        self._image.forget()

    def action_repaint(self) -> None:
        """Send the whole screen again, for a terminal that others wrote to."""
        self._image.forget()
        self.screen.refresh()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        def paint_later() -> None:
            """Paint the whole screen once the terminal reads again: what was left out is not known any more."""
            if output_is_behind(self):
                self.set_timer(_LOOK_AGAIN, paint_later)
            else:
                self._catching_up = False
                self.screen.refresh()

        if output_is_behind(self):
            if not self._catching_up:
                self._catching_up = True
                self.set_timer(_LOOK_AGAIN, paint_later)
            return
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            renderable = _Difference(renderable, self._image)
        super()._display(screen, renderable)

    async def on_event(self, event: events.Event) -> None:
        """Hold back a key from the terminal while another one is being handled; let all other events pass."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._following:
            self._held.append(event)
        else:
            await self._send_key(event)

    async def _send_key(self, event: events.Event) -> None:
        path = (self.focused or self.screen).ancestors_with_self
        # A screen stops what has the app for a sender, and sends it up all the same; this leaves `stop` to the widgets.
        event.set_sender(path[0])
        await super().on_event(event)
        self._following = asyncio.create_task(self._follow(event, path))

    async def _follow(self, event: events.Event, path: Sequence[MessagePump]) -> None:
        """Wait until the focused widget took the key for itself, or its action and what that set off have run.

        Every widget takes messages in order, so what is sent up the same path arrives behind the key; the second time
        it arrives behind what the action sent from widget to widget, and by then a new screen is there.
        """
        try:
            async with asyncio.timeout(_LONGEST):
                await _catch_up(path[0])
                if not getattr(event, "_stop_propagation", False):
                    for pump in (*path[1:], *path, *self.screen_stack[-1:], self):
                        await _catch_up(pump)
        except TimeoutError:
            pass
        except Exception as error:
            self._handle_exception(error)
        if not (self._held and self.call_later(self._send_key, self._held.popleft())):
            self._following = None


async def _catch_up(pump: MessagePump) -> None:
    """Wait until a widget has handled all messages sent to it up to now; not for one that takes none any more."""
    handled = asyncio.Event()
    if pump.call_later(handled.set):
        await handled.wait()


class TerminalImage:
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
            for start, run in self._replace(x, y, _cells(strip, system)):
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

    def _replace(self, x: int, y: int, cells: list[_Cell]) -> Iterator[tuple[int, Sequence[_Cell]]]:
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
    """A frame that is compared with the image, and put into it, only at the moment when it is sent."""

    def __init__(self, update: ChopsUpdate | LayoutUpdate, image: TerminalImage) -> None:
        self._update = update
        self._image = image

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._update.__rich_console__(console, options)

    def render_segments(self, console: Console) -> str:
        """Render to terminal sequences."""
        system = COLOR_SYSTEMS[console.color_system] if console.color_system else ColorSystem.TRUECOLOR
        return self._image.paint(self._update, system)


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
