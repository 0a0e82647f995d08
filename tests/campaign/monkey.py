"""A monkey at the keyboard and the mouse: nothing dies, and nothing is written that was not staged and confirmed.

It types in bursts, as over a slow line; half of them confirm nothing. Every other burst goes back to a view and presses
a key there, so that each key has its turn in each view before one has its second. Each request to write must have a
confirmation of its own in its burst: Enter, Space or a click, which is none as the first event where nothing was staged
or asked before. What is written without a request, in the kernel or in the profile, needs one as well. The same seed
makes the same moves.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import events
from textual.geometry import Size
from textual.keys import _character_to_key

from lvstui.core.change import Change
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import ServiceKey
from lvstui.core.snapshot import Host
from lvstui.engine.messages import Adopt, Edit, EditEntries, Request, SaveAll, Zero
from lvstui.engine.options import Options
from lvstui.kernel.memory.demo import demo_director, demo_rules
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Piece
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from tests.campaign import Report
from tests.clock import Clock

SIZES = ((80, 24), (160, 48), (40, 10), (20, 5))

_LETTERS = "123456abcdefghijklmnoprstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#%>+-0/:[]{}?!@ .,;=<'"
_NAMES: tuple[str, ...] = (
    "up",
    "down",
    "left",
    "right",
    "pageup",
    "pagedown",
    "home",
    "end",
    "tab",
    "shift+tab",
    "backspace",
    "delete",
)
_NAMES += (
    "escape",
    "escape",
    "enter",
    "enter",
    "enter",
    "ctrl+p",
    "ctrl+d",
    "ctrl+l",
    "ctrl+u",
    "ctrl+k",
    "ctrl+f",
    "ctrl+r",
    "f1",
)
_MOUSE = ("click", "click", "click", "double", "double", "right", "drag", "up", "down", "left")
_PASTED = ("10.1.0.0/16", "[b]x[/b]", "web2\n", "\x1b[31m\x9b\u202e", "9" * 300, "server=", "")
_CONFIRMS = {"enter": 1, "space": 1, "click": 1, "double": 2}
"""What may confirm something, and how often."""

_WRITING = (Edit, SaveAll, Adopt, Zero, EditEntries)
_CHAINS = (("+", "enter"), ("+", "enter", "z"), ("+", "enter", "z", "enter", "Z"), ("d", "d", "enter"), ("d", "enter"))
"""What is pressed more often than single keys: edits, which undo and redo need before them."""

_BURSTS = (1, 1, 4, 25)
_TURNS = 2000


class _Traced(MemoryKernel):
    """The demo's kernel, which counts what is written to it and shows the start of its connection table only.

    That table is read anew after each write, and at some of the other times: reading it is most of the demo's work.
    """

    writes = 0
    _writes_then = -1
    _scans = 0
    _pieces: Sequence[Piece] = ()

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read some hundred rows."""
        self._scans += 1
        if self._scans % 20 == 0 or self._writes_then != self.writes:
            self._writes_then, self._pieces = self.writes, list(super().scan(engines=engines))[:5]
        yield from self._pieces

    def write(self, change: Change) -> None:
        """Count, and write."""
        self.writes += 1
        super().write(change)

    def send_sync(self, messages: Sequence[Message]) -> str:
        """Count, and take the entries."""
        self.writes += 1
        return super().send_sync(messages)

    def zero(self, key: ServiceKey | None) -> None:
        """Count, and zero."""
        self.writes += 1
        super().zero(key)


@dataclass(frozen=True, slots=True)
class _Move:
    """What the monkey does: its name, and the events that it is."""

    name: str
    events: tuple[events.Event, ...] = ()
    size: tuple[int, int] | None = None


class Cage:
    """An app on a kernel that counts."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.clock, self.size = Clock(), size
        self.kernel = _Traced(demo_director(), clock=self.clock, traffic=True, foreign=demo_rules())
        self._profile = folder / "director.toml"
        ProfileFile(self._profile).update(lambda _: demo_director())
        options = Options(self.kernel, ProfileFile(self._profile))
        host = Host("lb1.example", 3.0, 1.0, 20.0)
        self.app = LvstuiApp(options, host=lambda: host, threaded=False, clock=self.clock, pause=self.clock.sleep)
        self.asked = 0
        self._submit = self.app.worker.submit
        self.app.worker.submit = self._count  # type: ignore[method-assign]

    def _count(self, request: Request) -> None:
        """Count the requests that write, and pass them on."""
        self.asked += isinstance(request, _WRITING)
        self._submit(request)

    @property
    def written(self) -> tuple[int, int]:
        """What changes with each write."""
        return self.kernel.writes, self._profile.stat().st_mtime_ns

    @property
    def ready(self) -> bool:
        """Whether one key may write: something is staged, or a dialog asks."""
        return len(self.app.screen_stack) > 1 or self.app.view.pending

    @property
    def trouble(self) -> str:
        """What died; empty where all is well."""
        ended = self.app.return_code or self.app.return_value
        return next(map(str, self.app.faults), f"ended with {ended}" if ended else "")

    async def do(self, moves: Sequence[_Move]) -> None:
        """Send a burst, and let the app and its worker come to rest."""
        driver = self.app._driver
        assert driver is not None
        for move in moves:
            if move.size:
                driver._size = move.size
                self.app.post_message(events.Resize(Size(*move.size), Size(*move.size)))
            for event in move.events:
                driver.process_message(event)
        await self._rest()
        self.clock.now += 0.2
        while not self.app.worker._requests.empty():
            self.app.worker.step(0)
        self.app.worker.step(0)
        await self._rest()

    async def _rest(self) -> None:
        """Wait until no widget has a message left for some turns of the loop."""
        quiet = 0
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            busy = any(not pump._message_queue.empty() for pump in (self.app, *self.app._registry) if pump.is_running)
            quiet = 0 if busy else quiet + 1
            if quiet == 8:
                return


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Press, click, scroll, paste and resize at random on the demo, beginning with a screen of each size."""
    for number, size in enumerate(SIZES):
        yield asyncio.run(_monkey(size, seconds / len(SIZES), seed + number))


async def _monkey(size: tuple[int, int], seconds: float, seed: int) -> Report:
    chance, end, tried, wrong = random.Random(seed), time.monotonic() + seconds, 0, ""
    tour = _tour(chance)
    while not wrong and (time.monotonic() < end or not tried):
        with tempfile.TemporaryDirectory() as folder:
            cage = Cage(Path(folder), size)
            async with cage.app.run_test(size=size) as pilot:
                await pilot.pause()
                while not wrong and not cage.app._exit and (time.monotonic() < end or not tried):
                    moves = next(tour) if chance.random() < 0.5 else _random_moves(chance, size)
                    tried += len(moves)
                    wrong = await _burst(cage, moves)
            wrong = wrong or cage.trouble
    first = f"size {size[0]}x{size[1]}, seed {seed}, event {tried}: {wrong}" if wrong else ""
    return Report(f"events beginning on {size[0]}x{size[1]}", tried, int(bool(wrong)), first)


async def _burst(cage: Cage, moves: Sequence[_Move]) -> str:
    """Make some moves, and return what is wrong then."""
    before, asked, names = cage.written, cage.asked, " ".join(move.name for move in moves)
    confirming = moves if cage.ready else moves[1:]
    confirmed = sum(_CONFIRMS.get(move.name, 0) for move in confirming)
    await cage.do(moves)
    if cage.asked - asked > confirmed:
        return f"{cage.asked - asked} requests with {confirmed} confirmations, after {names}"
    if cage.written != before and not confirmed:
        return f"written after {names}"
    return f"{cage.trouble} after {names}" if cage.trouble else ""


def _tour(chance: random.Random) -> Iterator[Sequence[_Move]]:
    """Yield bursts that each press a key or a chain on one of the first rows of a view; after all of them all again."""
    while True:
        keys = [(key,) for key in (*_LETTERS, "ctrl+p", "ctrl+d", "ctrl+l", "delete")]
        places = [(view, chain) for view in "123456" for chain in (*keys, *_CHAINS * 4)]
        for view, chain in chance.sample(places, len(places)):
            rows = chance.randrange(4)
            yield [pressed(name) for name in (*("escape",) * 3, view, *("down",) * rows, *chain)]


def _random_moves(chance: random.Random, size: tuple[int, int]) -> Sequence[_Move]:
    moves = [_move(chance, size) for _ in range(chance.choice(_BURSTS))]
    if chance.random() < 0.5:
        moves = [move for move in moves if move.name not in _CONFIRMS]
    return moves


def _move(chance: random.Random, size: tuple[int, int]) -> _Move:
    """Choose the next move."""
    kind = chance.random()
    if kind < 0.75:
        return pressed(chance.choice([*_LETTERS, *_NAMES, *_NAMES]) if chance.random() > 0.003 else "q")
    if kind < 0.97:
        return _with_mouse(chance.choice(_MOUSE), chance, size)
    if kind < 0.98:
        return _Move("paste", (events.Paste(chance.choice(_PASTED)),))
    return _Move("resize", size=size if chance.random() < 0.5 else chance.choice(SIZES))


def pressed(key: str) -> _Move:
    """Return the move that presses a key."""
    name = _character_to_key(key) if len(key) == 1 else key
    return _Move(name, (events.Key(name, key if len(key) == 1 else None),))


def _with_mouse(kind: str, chance: random.Random, size: tuple[int, int]) -> _Move:
    x, y = chance.randrange(size[0]), chance.randrange(size[1])

    def event(of: type[events.MouseEvent], button: int, x: int = x, y: int = y) -> events.MouseEvent:
        return of(None, x, y, 0, 0, button, False, False, False, screen_x=x, screen_y=y)

    move, press, release = events.MouseMove, events.MouseDown, events.MouseUp
    match kind:
        case "click" | "double" | "right":
            button = 3 if kind == "right" else 1
            once = (event(move, 0), event(press, button), event(release, button))
            return _Move("click" if kind == "right" else kind, once * (2 if kind == "double" else 1))
        case "drag":
            x2, y2 = chance.randrange(size[0]), chance.randrange(size[1])
            return _Move(kind, (event(press, 1), event(move, 1, x2, y2), event(release, 1, x2, y2)))
        case "up":
            return _Move(kind, (event(events.MouseScrollUp, 0),) * 3)
        case "down":
            return _Move(kind, (event(events.MouseScrollDown, 0),) * 3)
        case _:
            return _Move(kind, (event(events.MouseScrollLeft, 0),))
