"""The panel that shows one row in detail: beside the table, below it, or over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from lvstui.core.keys import with_keys
from lvstui.core.view.chart import Span, columns_in, draw, span_words
from lvstui.core.view.detail import Block, Line
from lvstui.core.view.glyphs import Glyphs
from lvstui.core.view.table import Cell, Tone, cell_count, fit
from lvstui.tui.terminal import glyphs_of

BESIDE = 130
"""Columns from which on there is room for the panel beside the table, unless that is wider than most."""

WIDE_BESIDE = 200
"""The same for a table whose texts are long."""

BELOW = 36
"""Rows from which on there is room for it below the table."""

_LEFT, _RIGHT = 2, 1
"""Blanks before its text, and behind it, where the scroll bar is."""

_TALL = 32
"""Rows of a panel in which charts have room below all that stands before them; in a lower one they come first."""

_TABLE = 95
"""Columns that the table keeps where it can: 45 cells of a chart, 15 minutes, have room beside that at 160."""

_NARROWEST, _WIDEST = 48, 66
"""Columns that the panel has beside it."""

_HEAD = 1
_FREE, _HIGHEST = 8, 10
"""Rows that must be free below a table for something else, and that this takes at most."""

_REST = 0.2
"""Seconds for which the cursor must rest before the panel follows it again: a key that is held down moves it faster."""


class _Shown(NamedTuple):
    """A line as it is painted; that of a title is underlined."""

    cells: tuple[Cell, ...]
    title: bool = False


_BLANK = _Shown(())


class Detail(ScrollView, can_focus=True, inherit_bindings=False):
    """Blocks of lines; only lines that changed are painted again, and what was scrolled to stays in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_lines(1)", show=False, id="detail.down"),
        Binding("up,k", "scroll_lines(-1)", show=False, id="detail.up"),
        Binding("pagedown", "turn(1)", show=False, id="detail.page-down"),
        Binding("pageup", "turn(-1)", show=False, id="detail.page-up"),
        Binding("home,g", "scroll_to_end(0)", show=False, id="detail.first"),
        Binding("end,G", "scroll_to_end(1)", show=False, id="detail.last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"detail--title", *(f"detail--{tone.value}" for tone in Tone)}
    DEFAULT_CSS = """
    Detail {
        display: none;
        overflow: hidden auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        background: $panel;
        color: $foreground;
        & > .detail--title { text-style: bold underline; }
        & > .detail--strong { text-style: bold; }
        & > .detail--secondary { color: $secondary; }
        & > .detail--dim { color: $text-dim; }
        & > .detail--accent { color: $accent; }
        & > .detail--staged { color: $accent; text-style: bold; }
        & > .detail--warn { color: $warning; }
        & > .detail--bad { color: $error; text-style: bold; }
        & > .detail--bar { color: $bar; }
        & > .detail--track { color: $track; }
        & > .detail--chart { color: $chart; }
        & > .detail--selected { background: $accent; }
    }
    """
    ALLOW_SELECT = False

    class Resized(Message):
        """It has another size, for which other lines may be right."""

    def __init__(self, left: int = _LEFT) -> None:
        """Show nothing yet; so many blanks stand before each line."""
        super().__init__()
        self.left = left
        self.span = Span.MINUTES
        self._about: object = None
        self._lines: list[_Shown] = []
        self._styles: Mapping[tuple[bool, Tone], Style] = {}

    @property
    def text_width(self) -> int:
        """The cells that a line of a block has."""
        return max(1, self.size.width - self.left - _RIGHT)

    def show(self, about: object, blocks: Sequence[Block]) -> None:
        """Show what is known of a thing; another thing than before is shown from its beginning."""
        ordered = blocks if self.size.height >= _TALL else _charts_first(blocks)
        lines = _lines(ordered, self.text_width, self.span, glyphs_of(self))
        old, self._lines = self._lines, lines
        self.virtual_size = Size(self.size.width, len(lines))
        if about != self._about:
            self._about = about
            self.scroll_to(y=0, animate=False, force=True)
        top, width = self.scroll_offset.y, self.size.width
        for y, (before, after) in enumerate(zip_longest(old, lines)):
            if before != after and top <= y < top + self.size.height:
                self.refresh(Region(0, y - top, width, 1))

    def on_resize(self) -> None:
        """Ask for lines that fit."""
        self.post_message(self.Resized())

    def action_scroll_lines(self, lines: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False)

    def action_turn(self, pages: int) -> None:
        """Scroll by pages."""
        self.scroll_to(y=self.scroll_offset.y + pages * max(1, self.size.height - 1), animate=False)

    def action_scroll_to_end(self, end: int) -> None:
        """Scroll to the first line (0) or to the last (1)."""
        self.scroll_to(y=end * self.max_scroll_y, animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Paint the lines that are in view now."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self.refresh()

    def notify_style_update(self) -> None:
        """Forget the theme's styles."""
        self._styles = {}
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw a line of the panel."""
        if not self._styles:
            self._styles = _theme_styles(self)
        index, width = y + self.scroll_offset.y, self.size.width
        line = self._lines[index] if index < len(self._lines) else _BLANK
        plain = self._styles[False, Tone.PLAIN]
        # Where the keys go the first cell says so, as that of the row under a table's cursor does.
        first = self._styles[False, Tone.SELECTED if self.has_focus and not y else Tone.PLAIN]
        pieces = [
            (" ", first),
            (" " * (self.left - 1), plain),
            *((cell.text, self._styles[line.title, cell.tone]) for cell in line.cells),
        ]
        runs = groupby(pieces, key=itemgetter(1))
        strip = Strip([Segment("".join(text for text, _ in run), style) for style, run in runs])
        return strip.adjust_cell_length(width, plain)


class TableAndDetail(Container):
    """A table with the panel of the row under its cursor: beside it, below it, or where asked for over it."""

    DEFAULT_CSS = """
    TableAndDetail { height: 1fr; layers: base above; }
    TableAndDetail.beside { layout: horizontal; }
    TableAndDetail > Vertical { height: 1fr; width: 1fr; }
    TableAndDetail > Vertical > Detail { background: $background; overflow: hidden; }
    TableAndDetail.beside > Detail { display: block; height: 1fr; }
    TableAndDetail.below > Detail { display: block; width: 1fr; }
    TableAndDetail.over > Detail { display: block; layer: above; width: 1fr; height: 1fr; }
    """

    def __init__(self, table: Widget, beside: int = BESIDE) -> None:
        """Put the panel beside the table on screens of `beside` columns or more."""
        super().__init__()
        self._beside = beside
        self.detail, self._whole = Detail(), Detail(left=1)
        self._whole.can_focus = False
        self._table = table
        self._left = Vertical(self._table, self._whole)
        self._rows = 0
        self._fill: Callable[[int, int], Sequence[Block]] | None = None
        self._about: object = None
        self._blocks: Callable[[int], Sequence[Block]] = lambda _: ()
        self._resting: Timer | None = None

    @property
    def opened(self) -> bool:
        """Whether the panel is shown."""
        return any(map(self.has_class, ("beside", "below", "over")))

    def compose(self) -> ComposeResult:
        """Lay out the table and the panel."""
        yield self._left
        yield self.detail

    def on_resize(self) -> None:
        """Put the panel where there is room for it."""
        width, height = self.app.size
        beside = width >= self._beside
        below = height >= BELOW and not beside
        self.set_class(beside, "beside")
        self.set_class(below, "below")
        # One that is read stays open where there is no room beside it any more.
        self.set_class(not (beside or below) and self.is_open, "over")
        self.detail.styles.width = (
            max(_NARROWEST, min(_WIDEST, width - max(_TABLE, self._beside - _NARROWEST))) if beside else None
        )
        self.detail.styles.height = height * 2 // 5 if below else None
        self.call_after_refresh(self._show_whole)

    def on_detail_resized(self, message: Detail.Resized) -> None:
        """Show what fits into a panel of another size, which it has only now."""
        message.stop()
        self._show()
        self._show_whole()

    def follow(self, about: object, blocks: Callable[[int], Sequence[Block]], *, moved: bool = False) -> None:
        """Show what `blocks` returns for a width in cells, of the row `about`; where the cursor `moved`, once it rests.

        The first move is followed at once.
        """
        self._about, self._blocks = about, blocks
        if not moved or self._resting is None:
            self._show()
        if moved:
            if self._resting is not None:
                self._resting.stop()
            self._resting = self.set_timer(_REST, self._rest)

    def fill(self, rows: int, blocks: Callable[[int, int], Sequence[Block]]) -> None:
        """Show what `blocks` returns for a width and a height below a table of so few rows that room is left."""
        self._rows, self._fill = rows, blocks
        self._show_whole()

    @property
    def is_open(self) -> bool:
        """Whether there is something to close: the panel is over the table, or the keys go to it."""
        return self.has_class("over") or self.detail.has_focus

    def open(self) -> bool:
        """Show the panel, and let keys scroll it; False where there is nothing to show."""
        if not self._blocks(self.detail.text_width):
            return False
        self.set_class(not (self.has_class("beside") or self.has_class("below")), "over")
        self.detail.focus()
        self.call_after_refresh(self._show)
        return True

    def close(self) -> bool:
        """Go back to the table; False where nothing has to be left for that."""
        if not self.is_open:
            return False
        self.remove_class("over")
        self._table.focus()
        return True

    def turn_span(self, longer: int) -> None:
        """Let charts show a longer time (1) or a shorter one (-1); after the longest comes the shortest."""
        spans = list(Span)
        self.detail.span = self._whole.span = spans[(spans.index(self.detail.span) + longer) % len(spans)]
        self._show()
        self._show_whole()

    def _rest(self) -> None:
        self._resting = None
        self._show()

    def _show_whole(self) -> None:
        free = self._left.size.height - self._rows - _HEAD
        self._whole.display = self._fill is not None and free >= _FREE
        if self._fill is not None and self._whole.display:
            height = min(free - 1, _HIGHEST)
            self._whole.styles.height = height
            blocks = self._fill(self._whole.text_width, height)
            self._whole.show(None, blocks)

    def _show(self) -> None:
        if self.detail.display and self.detail.size.width:
            self.detail.show(self._about, self._blocks(self.detail.text_width))


def _charts_first(blocks: Sequence[Block]) -> Sequence[Block]:
    """Return blocks with charts behind the ones that say what something is and how it is, before all others."""
    place = next((at for at, block in enumerate(blocks) if at and block.title), len(blocks))
    rest = blocks[place:]
    return [*blocks[:place], *(b for b in rest if b.charts), *(b for b in rest if not b.charts)]


def _lines(blocks: Sequence[Block], width: int, span: Span, glyphs: Glyphs) -> list[_Shown]:
    """Return the lines of all blocks, one blank between two, cut to `width` cells."""
    lines: list[_Shown] = []
    keys: tuple[Cell, ...] = (Cell(with_keys("  {,:span.longer} {.:span.shorter} span"), Tone.DIM),)
    for block in blocks:
        lines += [_BLANK] if lines else []
        drawn = draw(block.charts, span, width, glyphs) if block.charts else []
        if block.title:
            words = span_words(span, columns_in(width, glyphs)) if drawn and not block.remark else block.remark
            lines.append(_Shown(_fitted(_title(block, words, width), width), title=True))
        lines += [_Shown(_fitted(line, width)) for line in block.lines]
        lines += [_Shown(_fitted(line, width)) for line in drawn[:-1]]
        for axis in drawn[-1:]:
            lines.append(_Shown(_fitted((*axis, *keys), width)))
            keys = ()
    return lines


def _title(block: Block, words: str, width: int) -> Line:
    """Return the pieces of a block's head; what stands at the right ends at the edge, where there is room for it."""
    aside = f"  {block.aside}" if block.aside else ""
    remark = f"  {words}" if words else ""
    gap = max(0, width - cell_count(block.title) - cell_count(aside) - cell_count(remark))
    return Cell(block.title), Cell(aside, Tone.SECONDARY), Cell(" " * gap + remark, Tone.SECONDARY)


def _fitted(line: Line, width: int) -> tuple[Cell, ...]:
    """Return the pieces that fit into `width` cells, escaped."""
    found: list[Cell] = []
    for cell in line:
        room = min(width, cell_count(cell.text))
        found.append(Cell(fit(cell.text, room), cell.tone))
        width -= room
    return tuple(found)


def _theme_styles(detail: Detail) -> Mapping[tuple[bool, Tone], Style]:
    """Return the theme's styles of the tones, on plain lines and on those of titles."""
    title = detail.get_component_rich_style("detail--title")
    styles: dict[tuple[bool, Tone], Style] = {}
    for tone in Tone:
        style = detail.get_component_rich_style(f"detail--{tone.value}")
        styles[False, tone] = style
        styles[True, tone] = title if tone is Tone.PLAIN else style + Style(underline=True)
    return styles
