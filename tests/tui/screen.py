"""A terminal in a variable: it takes the bytes that an app sends and shows what a person would see."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.screen import Screen

from lvstui.tui.terminal import FrugalApp, TerminalImage
from lvstui.tui.themes import put_on

_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([HCm])|([^\x1b])")


class Terminal:
    """Cells with their colours, as cursor movement, SGR and text made them; anything else is refused."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self.cells: dict[tuple[int, int], tuple[str, tuple[str, ...]]] = {}
        self._x = self._y = 0
        self._pen: tuple[str, ...] = ()

    def take(self, sent: str) -> None:
        """Do what the bytes say."""
        end = 0
        for found in _SEQUENCE.finditer(sent):
            assert found.start() == end, f"not understood: {sent[end : found.start()]!r}"
            end = found.end()
            numbers, what, character = found.groups()
            match what:
                case "H":
                    self._y, self._x = (int(number) - 1 for number in numbers.split(";"))
                case "C":
                    self._x += int(numbers)
                case "m":
                    self._colour(numbers or "0")
                case _:
                    assert self._size.contains(self._x, self._y), f"{character!r} at {self._x}, {self._y}"
                    self.cells[self._x, self._y] = (character, self._pen)
                    if cell_len(character) == 2:
                        self.cells.pop((self._x + 1, self._y), None)
                    self._x += cell_len(character)
        assert end == len(sent)

    def line(self, y: int) -> str:
        """Return the text of a line."""
        return "".join(character for (_, row), (character, _) in sorted(self.cells.items()) if row == y).rstrip()

    def _colour(self, numbers: str) -> None:
        codes = re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d+", numbers)
        for code in codes:
            if code == "0":
                self._pen = ()
            else:
                kept = [old for old in self._pen if _kind(old) != _kind(code)]
                self._pen = tuple(sorted(kept if code in ("39", "49") else [*kept, code]))


def _kind(code: str) -> str:
    """Say what a code sets: the text's colour, the background, or an attribute of its own."""
    number = int(code.partition(";")[0])
    if 30 <= number < 40 or 90 <= number < 98:
        return "text"
    return "background" if number >= 40 else code


class WatchedApp(FrugalApp[None]):
    """An app on such a terminal; `spans` are the regions that were painted, line by line."""

    def __init__(self) -> None:
        super().__init__()
        put_on(self)
        self.terminal = Terminal(Size(0, 0))
        self.spans: list[tuple[int, int, int]] = []
        self.frames = 0
        self.sent = 0
        self.image = TerminalImage()
        self._region = Region()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        if isinstance(renderable, ChopsUpdate):
            self.spans += [(y, start, stop) for y, start, stop in renderable.spans]
        if isinstance(renderable, LayoutUpdate) and renderable.region != self._region:
            self._region = renderable.region
            self.terminal = Terminal(self._region.size)
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            self.frames += 1
            frame = self.image.paint(renderable, self.ink)
            self.sent += len(frame)
            self.terminal.take(frame)
