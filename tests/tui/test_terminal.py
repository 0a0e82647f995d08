"""What is sent to the terminal makes it show exactly what the screen holds, and nothing waits for a stalled one."""

from __future__ import annotations

import os
import random
import re
import select
import sys
import time

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Static

from lvstui.core.view.table import Cell, Column, Tone
from lvstui.tui.ink import Depth, Ink
from lvstui.tui.terminal import FrugalApp, TerminalImage, output_is_behind
from lvstui.tui.widgets.table import VirtualTable
from tests.bench.terminal import Terminal as PseudoTerminal
from tests.tui.screen import Terminal, WatchedApp
from tests.tui.test_services import until

COLUMNS = [
    Column("key", "Key", 6, 1, grow=1),
    Column("tone", "Tone", 8, 2),
    Column("number", "Number", 7, 1, right=True),
    Column("more", "More", 7, 3, right=True),
]


class Dialog(ModalScreen[None]):
    DEFAULT_CSS = "Dialog { align: center middle; } Dialog Static { width: 20; height: 5; background: $panel; }"

    def compose(self) -> ComposeResult:
        yield Static("really?")


class TableApp(WatchedApp):
    def compose(self) -> ComposeResult:
        yield Static("head", id="head")
        yield VirtualTable[int]()


def expected(app: WatchedApp) -> Terminal:
    """Draw the whole screen plainly, the way Textual does it."""
    terminal = Terminal(app.screen.size)
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        terminal.take(f"\x1b[{y + 1};1H")
        for text, style, _ in strip:
            terminal.take(Strip.render_style(style or Style.null(), text, ColorSystem.EIGHT_BIT))
    return terminal


@pytest.mark.parametrize("seed", range(4))
async def test_the_terminal_always_shows_what_a_whole_repaint_would_show(seed: int) -> None:
    chance = random.Random(seed)
    app = TableApp()
    async with app.run_test(size=(60, 16)) as pilot:
        table = app.query_one(VirtualTable)
        keys = list(range(40))
        for _ in range(20):
            match chance.randrange(7):
                case 0:
                    keys = chance.sample(range(60), chance.randrange(60))
                case 1:
                    await pilot.resize_terminal(chance.randrange(20, 70), chance.randrange(4, 20))
                case 2:
                    app.push_screen(Dialog())
                case 3 if len(app.screen_stack) > 1:
                    app.pop_screen()
                case 4:
                    app.query_one("#head", Static).update(f"head {chance.random()}")
                case _:
                    await pilot.press(chance.choice(["down", "up", "pagedown", "G", "g", "space", "v", "U"]))
            table.show(COLUMNS, keys, _random_cells(chance))
            await pilot.pause()
            assert app.terminal.cells == expected(app).cells


def _random_cells(chance: random.Random) -> _Cells:
    return _Cells(chance.random())


class _Cells:
    def __init__(self, salt: float) -> None:
        self._salt = salt

    def __call__(self, key: int) -> list[Cell]:
        chance = random.Random(hash((key, self._salt)))
        tone = chance.choice(list(Tone))
        numbers = [Cell(str(chance.choice([7, 1234, 1235, 99_999_999]))) for _ in range(2)]
        name = chance.choice([f"key {key}", f"日本{key}", "日本", "本日", "ab本"])
        return [Cell(name, Tone.PLAIN), Cell(tone.value, tone), *numbers]


async def settle(pilot: Pilot[None], app: WatchedApp) -> None:
    """Wait until nothing more is drawn."""
    drawn = -1
    while drawn != app.frames:
        drawn = app.frames
        await pilot.pause(0.1)


async def test_a_changed_digit_costs_a_few_bytes_and_a_repaint_of_the_same_none() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 16)) as pilot:
        table = app.query_one(VirtualTable)
        numbers = dict.fromkeys(range(10), 100_000)
        table.show(COLUMNS, list(numbers), lambda key: [Cell("key"), Cell("plain"), Cell(str(numbers[key])), Cell("0")])
        await settle(pilot, app)  # or what is asked for next would be drawn together with the first layout
        app.sent = 0
        app.spans.clear()
        app.screen.refresh()
        table.refresh()
        await until(pilot, lambda: bool(app.spans))  # on a busy machine events are served before they are drawn
        await pilot.pause()
        assert app.sent == 0
        table.show(COLUMNS, list(numbers), lambda _: [Cell("key"), Cell("plain"), Cell("100007"), Cell("0")])
        await until(pilot, lambda: app.sent > 0)
        await pilot.pause()
        assert 0 < app.sent <= 10 * 8 + 80


async def test_without_a_terminal_nothing_is_ever_behind() -> None:
    app: FrugalApp[None] = FrugalApp()
    async with app.run_test():
        assert not output_is_behind(app)


def test_the_model_terminal_distinguishes_colours() -> None:
    terminal = Terminal(Size(10, 1))
    terminal.take("\x1b[1;1H\x1b[1;38;5;74;48;5;233ma\x1b[39mb\x1b[mc")
    assert [pen for _, pen in terminal.cells.values()] == [("1", "38;5;74", "48;5;233"), ("1", "48;5;233"), ()]
    assert Style(bold=True).render("x", color_system=ColorSystem.EIGHT_BIT) == "\x1b[1mx\x1b[0m"


def test_a_terminal_that_stops_reading_stops_nothing_and_shows_the_newest_when_it_reads_again() -> None:
    ticks, pipe = os.pipe()
    terminal = PseudoTerminal.start([sys.executable, "-m", "tests.tui.ticking", str(pipe)], keep=[pipe])
    try:
        os.close(pipe)
        counted = 0
        # Far more frames than the queue to a stalled terminal holds.
        while counted < 120:
            assert select.select([ticks], [], [], 60.0)[0], f"it stood still after {counted} ticks"
            came = len(os.read(ticks, 120))
            assert came, f"it ended after {counted} ticks: {terminal.read(1.0).decode(errors='replace')}"
            counted += came
        shown, deadline = 0, time.monotonic() + 60.0
        while shown < counted:
            assert time.monotonic() < deadline, f"it shows tick {shown} of {counted}"
            shown = max([shown, *map(int, re.findall(rb"tick(\d+) ", terminal.read(0.1)))])
    finally:
        terminal.stop()
        os.close(ticks)


def test_a_frame_that_shows_what_is_there_is_no_difference_and_one_of_an_unknown_screen_is() -> None:
    def frame(text: str, width: int = 4) -> LayoutUpdate:
        return LayoutUpdate([[Strip([Segment(text.ljust(width))])]], Region(0, 0, width, 1))

    image, ink = TerminalImage(), Ink(Depth.MANY)
    assert image.differs(frame("ab"), ink)
    image.paint(frame("ab"), ink)
    assert not image.differs(frame("ab"), ink)
    assert image.differs(frame("ac"), ink)
    assert image.differs(frame("ab", 5), ink)
    image.forget()
    assert image.differs(frame("ab"), ink)
