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
import locale
import os
import signal
import sys
import termios
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from types import FrameType
from typing import ClassVar, Final

from rich.cells import get_character_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

from lvstui.core.new_server import NEW_SERVER, NewServer
from lvstui.core.view.glyphs import ASCII, UNICODE, Glyphs, ascii_twin
from lvstui.tui.behind import KEYBOARD, OUTPUT, lacks
from lvstui.tui.driver import SturdyDriver
from lvstui.tui.ink import PLAIN_PEN, Depth, Ink, Pen

_QUEUED_FRAMES = 4
_LOOK_AGAIN = 0.25
"""Seconds after which a terminal that was behind is looked at again."""
_LONGEST = 1.0
"""Seconds after which the next key is passed on anyway: nothing that an action waits for may block the keyboard."""
_SETTLING = 1.0
"""Seconds for which keys wait for the rows that they are meant for."""
_ELSEWHERE = frozenset(("escape", "ctrl+c", *"123456"))
"""Keys that lead away from what has not come yet: what was typed before them is meant for nothing any more."""
_SEES_OUTPUT = not lacks(*OUTPUT)
_GAP = 4
"""Moving the terminal's cursor on costs about as many bytes as this many unchanged cells."""

_Cell = tuple[str, Pen]
"""A character with its pen; the second half of a wide one has no text, and no pen but its first half in its place."""

_UNKNOWN: _Cell = ("", PLAIN_PEN)

_TEXT_CONSOLES = ("linux", "vt")
"""How the names of terminals begin whose fonts lack most of the signs that are no letters."""


def signs_of_terminal() -> Glyphs:
    """Return the signs that our terminal shows, by its name and by the character set of the locale."""
    sets = (locale.nl_langinfo(locale.CODESET), sys.stderr.encoding or "")
    readable = all(name.lower().replace("-", "") == "utf8" for name in sets)
    return UNICODE if readable and not os.environ.get("TERM", "").startswith(_TEXT_CONSOLES) else ASCII


def new_server_of(widget: Widget) -> NewServer:
    """Return what new real servers begin with where a widget is shown."""
    app: object = widget.app
    return app.new_server if isinstance(app, FrugalApp) else NEW_SERVER


def glyphs_of(widget: Widget) -> Glyphs:
    """Return the signs that are in force where a widget is shown."""
    app: object = widget.app
    return app.glyphs if isinstance(app, FrugalApp) else UNICODE


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

    glyphs: Glyphs = UNICODE
    """The signs that are shown."""

    new_server: NewServer = NEW_SERVER
    """What new real servers begin with."""

    depth: Depth = Depth.MANY
    """How many colours the terminal shows."""

    ink: Ink = Ink()
    """How the colours of the theme are sent."""

    again: float = 0.7
    """Seconds; a key that is held down repeats itself after 0.25 to 0.66 of one, then every few hundredths."""

    def __init__(self) -> None:
        super().__init__(driver_class=None if lacks(*KEYBOARD) else SturdyDriver)
        ScrollBar.renderer = _WholeCells
        self._image = TerminalImage()
        self._catching_up = False
        self._held: deque[events.Event] = deque()
        self._following: asyncio.Task[None] | None = None
        self._pressed = "", 0.0
        self.pressed_again = False
        """Whether the key at hand is the one before pressed once more within `again` seconds: held down, or by habit.

        What stages must not write so, and what opens a question must not answer it.
        """
        self.settled = asyncio.Event()
        """Not set while keys have to wait for what they are meant for; whoever clears it sets it again."""
        self.settled.set()
        self.lost: Callable[[Sequence[str]], None] = lambda _: None
        """Hears of keys that were dropped because that did not come in time."""

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
            still = screen.outer_size.clamp_offset(self.cursor_position) == self._previous_cursor_position
            if still and not self._image.differs(renderable, self.ink):
                return  # or the place of the cursor would be sent again and again
            renderable = _Difference(renderable, self._image, self.ink)
        super()._display(screen, renderable)

    async def on_event(self, event: events.Event) -> None:
        """Hold back a key from the terminal while another one is being handled; let all other events pass."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._following:
            if not self.settled.is_set() and isinstance(event, events.Key) and event.key in _ELSEWHERE:
                self._held.clear()
                self.settled.set()
            self._held.append(event)
        else:
            await self._send_key(event)

    async def _send_key(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            key, when = self._pressed
            self.pressed_again = event.key == key and event.time - when < self.again
            self._pressed = event.key, event.time
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
            await self._settle()
        except TimeoutError:
            pass
        except Exception as error:
            self._handle_exception(error)
        if not (self._held and self.call_later(self._send_key, self._held.popleft())):
            self._following = None

    async def _settle(self) -> None:
        """Wait until what the next keys are meant for is there; drop those that came where it does not come."""
        try:
            async with asyncio.timeout(_SETTLING):
                await self.settled.wait()
        except TimeoutError:
            self.settled.set()
            lost = [event.key for event in self._held if isinstance(event, events.Key)]
            self._held.clear()
            if lost:
                self.lost(lost)


TOO_SOON: Final = "that Enter came right after another one: read what it does, then press it once more"
"""What is said to who pressed Enter deliberately, only fast."""


def pressed_again(app: App[ReturnType]) -> bool:
    """Return whether the key at hand is the one before, pressed once more before anybody could read what that did."""
    return isinstance(app, FrugalApp) and app.pressed_again


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

    def differs(self, update: ChopsUpdate | LayoutUpdate, ink: Ink) -> bool:
        """Return whether a frame shows anything else than the terminal does."""
        if isinstance(update, LayoutUpdate) and update.region.size != self._size:
            return True
        for x, y, strip in _pieces(update):
            cells = _cells(strip, ink)
            if self._lines.get(y, [])[x : x + len(cells)] != cells:
                return True
        return False

    def paint(self, update: ChopsUpdate | LayoutUpdate, ink: Ink) -> str:
        """Take a frame over; return the bytes that make the terminal show it. Every frame starts from plain colours."""
        if isinstance(update, LayoutUpdate) and update.region.size != self._size:
            # Frames of the old size may have reached the terminal after it had its new one.
            self._size = update.region.size
            self.forget()
        sent: list[str] = []
        at = (-1, -1)
        pen = PLAIN_PEN
        for x, y, strip in _pieces(update):
            for start, run in self._replace(x, y, _cells(strip, ink)):
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
        if pen != PLAIN_PEN:
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

    def __init__(self, update: ChopsUpdate | LayoutUpdate, image: TerminalImage, ink: Ink) -> None:
        self._update = update
        self._image = image
        self._ink = ink

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._update.__rich_console__(console, options)

    def render_segments(self, _: Console) -> str:
        """Render to terminal sequences."""
        return self._image.paint(self._update, self._ink)


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


def _cells(strip: Strip, ink: Ink) -> list[_Cell]:
    cells: list[_Cell] = []
    for segment in strip:
        pen = ink.pen(segment.style) if segment.style else PLAIN_PEN
        if segment.text.isascii():
            cells += zip(segment.text, repeat(pen))
        else:
            cells += _wide_cells(segment, pen, ink)
    return cells


def _wide_cells(segment: Segment, pen: Pen, ink: Ink) -> Iterator[_Cell]:
    """Yield one cell for each that the text takes; what takes none is left out, so that all columns stay in line."""
    for character in segment.text:
        width = get_character_cell_size(character)
        if ink.ascii_only and not character.isascii():
            yield from repeat((ascii_twin(character), pen), width)
            continue
        if width:
            yield character, pen
        if width == 2:
            yield "", (character, ";".join(pen), "")


@lru_cache(maxsize=1024)
def _switch(old: Pen, new: Pen) -> str:
    codes: list[str] = []
    if old[0] != new[0]:
        codes = ["0", new[0]] if new[0] else ["0"]
        old = ("", *PLAIN_PEN[1:])
    codes += [colour for before, colour in zip(old[1:], new[1:], strict=True) if before != colour]
    return f"\x1b[{';'.join(codes)}m"
