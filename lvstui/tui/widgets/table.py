"""A table that keeps rows by key, asks for the cells of visible rows only, and repaints only those that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import ClassVar, Generic, NamedTuple, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lvstui.core.view.table import Cell, Column, Selection, Tone, fit, layout, reseat

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)

_HEADER = 1
_GUTTER = 1


class Bar(Enum):
    """The kinds of lines."""

    ROW = "row"
    CURSOR = "cursor"
    HEADER = "header"


class TableLine(NamedTuple):
    """What one line shows: the sign in the gutter, and its cells, each exactly as wide as its column."""

    bar: Bar
    sign: str
    cells: tuple[Cell, ...]


_EMPTY = TableLine(Bar.ROW, " ", ())

Styles = Mapping[tuple[Bar, Tone], Style]


class _Place(NamedTuple):
    """A visible column: its index among all columns, its first cell on the line and its width."""

    source: int
    x: int
    width: int
    column: Column


class Sheet:
    """What the lines of a table show now, so that only the cells that changed are painted again."""

    def __init__(self) -> None:
        self.columns: tuple[Column, ...] = ()
        self.lines: list[TableLine] = []
        self._places: tuple[_Place, ...] = ()
        self._width = 0
        self._fitted: dict[int, tuple[Cell, ...]] = {}

    def place(self, columns: Sequence[Column], width: int) -> None:
        """Place the columns that fit on lines of `width` cells, behind the gutter; everything is painted anew."""
        self.columns, self._width = tuple(columns), width
        sources = {id(column): index for index, column in enumerate(self.columns)}
        placed: list[_Place] = []
        x = _GUTTER
        for column, cells in layout(self.columns, width - _GUTTER):
            placed.append(_Place(sources[id(column)], x, cells, column))
            x += cells + 1
        self._places = tuple(placed)
        self._fitted.clear()
        self.lines = []

    def forget(self) -> None:
        """Ask for the cells of every row again: there is another state."""
        self._fitted.clear()

    def header(self, sort: tuple[str, bool] | None) -> TableLine:
        """Return the line of titles; the sorted column's ends in `^` (upwards) or `v` (downwards)."""
        cells: list[Cell] = []
        for _, _, width, column in self._places:
            title = column.title
            if sort and sort[0] == column.id:
                title = f"{title[: max(0, width - 2)]} {'v' if sort[1] else '^'}"
            cells.append(Cell(fit(title, width, column.right)))
        return TableLine(Bar.HEADER, " ", tuple(cells))

    def row(self, index: int, cells: Callable[[], Sequence[Cell]], bar: Bar, sign: str) -> TableLine:
        """Return the line of a row, whose cells are asked for once a state and made as wide as their columns."""
        shown = self._fitted.get(index)
        if shown is None:
            found = cells()
            shown = self._fitted[index] = tuple(
                Cell(fit(found[source].text, width, column.right), found[source].tone)
                for source, _, width, column in self._places
            )
        return TableLine(bar, sign, shown)

    def take(self, lines: list[TableLine]) -> Sequence[Region] | None:
        """Take the lines as they are now; return what differs from before, None where that is everything."""
        old, self.lines = self.lines, lines
        if len(lines) != len(old):
            return None
        return [
            self._difference(y, before, after)
            for y, (before, after) in enumerate(zip(old, lines, strict=True))
            if before != after
        ]

    def _difference(self, y: int, old: TableLine, new: TableLine) -> Region:
        """Return the region of line `y` from the first cell that changed to the last."""
        if old.bar is not new.bar or len(old.cells) != len(new.cells):
            return Region(0, y, self._width, 1)
        changed = [p for p, before, after in zip(self._places, old.cells, new.cells, strict=True) if before != after]
        start = 0 if old.sign != new.sign else changed[0].x
        # A cell's tone also colours the blank behind it.
        stop = changed[-1].x + changed[-1].width + 1 if changed else _GUTTER
        return Region(start, y, min(stop, self._width) - start, 1)

    def strip(self, line: TableLine, styles: Styles) -> Strip:
        """Return the strip of a line over its whole width, text of the same style in one piece."""
        plain, width = styles[line.bar, Tone.PLAIN], self._width
        used = _GUTTER
        pieces = [(line.sign, plain)]
        for cell, place in zip(line.cells, self._places, strict=False):
            used = min(place.x + place.width + 1, width)
            pieces.append((cell.text + " " * (used - place.x - place.width), styles[line.bar, cell.tone]))
        if used < width:
            pieces.append((" " * (width - used), plain))
        runs = groupby(pieces, key=itemgetter(1))
        return Strip([Segment("".join(text for text, _ in run), style) for style, run in runs], max(used, width))


class VirtualTable(ScrollView, Generic[K], can_focus=True):
    """Rows by key; only visible rows are ever asked for, only cells that changed are painted again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", "down", show=False, id="table.down"),
        Binding("up,k", "step(-1)", "up", show=False, id="table.up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="table.page-down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="table.page-up"),
        Binding("home,g", "end(0)", "first row", show=False, id="table.first"),
        Binding("end,G", "end(-1)", "last row", show=False, id="table.last"),
        Binding("space", "mark('row')", "mark", show=False, id="table.mark"),
        Binding("v", "mark('range')", "mark up to here", show=False, id="table.mark-range"),
        Binding("U", "mark('none')", "clear the marks", show=False, id="table.clear-marks"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        *(f"table--{tone.value}" for tone in Tone),
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr;
        overflow: hidden auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        background: $background;
        color: $foreground;
        & > .table--header { text-style: bold; color: $text-primary; }
        & > .table--cursor { text-style: reverse; }
        & > .table--dim { color: $text-muted; }
        & > .table--strong { text-style: bold; }
        & > .table--good { color: $text-success; }
        & > .table--warn { color: $text-warning; }
        & > .table--bad { color: $text-error; text-style: bold; }
        & > .table--staged { color: $text-accent; text-style: bold; }
        & > .table--name { color: $text-primary; }
    }
    """
    ALLOW_SELECT = False

    @dataclass
    class CursorMoved(Message, Generic[R]):
        """The cursor is on another row now (or on none): a person moved it, or its row vanished."""

        key: R | None

    @dataclass
    class Opened(Message, Generic[R]):
        """A row was double-clicked; Enter belongs to the view."""

        key: R

    @dataclass
    class MarksChanged(Message, Generic[R]):
        """Other rows are marked now."""

        marked: frozenset[R]

    def __init__(self, *, marks: bool = True) -> None:
        """Show no rows yet; they can be marked if `marks`."""
        super().__init__()
        self.sort: tuple[str, bool] | None = None
        """The column whose title shows the sort sign, and whether it sorts downwards; set it before `show`."""
        self.selection = Selection[K]()
        self._marks = marks
        self._cells: Callable[[K], Sequence[Cell]] = lambda _: ()
        self._sheet = Sheet()
        self._styles: Mapping[tuple[Bar, Tone], Style] = {}

    @property
    def cursor_key(self) -> K | None:
        """The row that the cursor is on; None only while there are no rows."""
        return self.selection.key

    @property
    def marked(self) -> frozenset[K]:
        """The marked rows."""
        return self.selection.marked

    @property
    def chosen(self) -> list[K]:
        """The marked rows in their order; without marks, the row under the cursor."""
        return self.selection.chosen

    def show(self, columns: Sequence[Column], keys: Sequence[K], cells: Callable[[K], Sequence[Cell]]) -> None:
        """Show another state: `keys` in their order; `cells(key)` returns one Cell a column, called for visible rows.

        Keys are unique. `cells` is kept and called again on scrolling, so it must go on answering for this state.
        """
        rows, top = self.selection, self.scroll_offset.y
        old, before, marked = rows.keys, rows.key, rows.marked
        # A table of one line can be scrolled past its rows, as the titles count among its lines.
        steady = rows.cursor if top <= rows.cursor < top + self._visible else min(top, len(old) - 1)
        rows.show(keys)
        target = reseat(old, steady, rows.keys) - (steady - top) if old else 0
        self._cells = cells
        self._sheet.forget()
        width = self.scrollable_size.width
        if tuple(columns) != self._sheet.columns:
            self._sheet.place(columns, width)
        self.virtual_size = Size(width, _HEADER + len(rows.keys))
        self.scroll_to(y=target, animate=False, force=True)
        self._repaint()
        if rows.marked != marked:
            self.post_message(self.MarksChanged(rows.marked))
        if rows.key != before:
            self.post_message(self.CursorMoved(rows.key))

    def move_to(self, key: K) -> bool:
        """Put the cursor on a row and bring it into view; False where there is no such row."""
        if key not in self.selection.keys:
            return False
        self._move(self.selection.keys.index(key))
        return True

    def action_step(self, rows: int) -> None:
        """Move the cursor by rows; past the edge the view jumps by half a page, which is far less to send."""
        self._move(self.selection.cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the view and the cursor by pages, the cursor staying where it is on the screen."""
        rows = pages * self._visible
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)
        self._move(self.selection.cursor + rows)

    def action_end(self, end: int) -> None:
        """Move to the first row (0) or to the last (-1)."""
        self._move(end % max(1, len(self.selection.keys)))

    def action_mark(self, what: str) -> None:
        """Mark or unmark the cursor's `row` and go on to the next, mark a `range`, or (`none`) unmark all rows."""
        rows, before = self.selection, self.selection.marked
        if what == "none":
            rows.clear()
        elif self._marks and what == "row":
            rows.toggle()
        elif self._marks:
            rows.mark_range()
        if rows.marked != before:
            self._repaint()
            self.post_message(self.MarksChanged(rows.marked))
            if what == "row":
                self._move(rows.cursor + 1)

    def on_click(self, event: events.Click) -> None:
        """Move to the row clicked on; a double click opens it."""
        key = self.key_at(event)
        if key is None:
            return
        self.move_to(key)
        if event.chain == 2:
            self.post_message(self.Opened(key))

    def key_at(self, event: events.Click) -> K | None:
        """Return the row that was clicked on; None for the titles and what lies below the last row."""
        index, keys = self.scroll_offset.y + event.y - _HEADER, self.selection.keys
        return keys[index] if event.y >= _HEADER and index < len(keys) else None

    def on_resize(self) -> None:
        """Place the columns anew and keep the cursor in view."""
        self._sheet.place(self._sheet.columns, self.scrollable_size.width)
        self._move(self.selection.cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint what differs; the base class would send every line."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self._repaint()

    def notify_style_update(self) -> None:
        """Forget the theme's styles."""
        self._styles = {}
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw a line of the widget: the titles, a row, or nothing below the last row."""
        line = self._sheet.lines[y] if y < len(self._sheet.lines) else self._line(y)
        if not self._styles:
            self._styles = _theme_styles(self)
        drawn = self._sheet.strip(line, self._styles)
        return drawn.adjust_cell_length(self.scrollable_size.width, self._styles[Bar.ROW, Tone.PLAIN])

    @property
    def _visible(self) -> int:
        return max(1, self.size.height - _HEADER)

    def _move(self, index: int) -> None:
        """Put the cursor on a row, as near as there is one, and bring it into view."""
        rows, before = self.selection, self.selection.cursor
        rows.move(index)
        if not 0 <= rows.cursor - self.scroll_offset.y < self._visible:
            self.scroll_to(y=rows.cursor - self._visible // 2, animate=False, force=True)
        self._repaint()
        if rows.cursor != before:
            self.post_message(self.CursorMoved(rows.key))

    def _repaint(self) -> None:
        """Paint what differs from what the lines showed before."""
        regions = self._sheet.take([self._line(y) for y in range(self.size.height)])
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def _line(self, y: int) -> TableLine:
        if y < _HEADER:
            return self._sheet.header(self.sort)
        rows, index = self.selection, self.scroll_offset.y + y - _HEADER
        if index >= len(rows.keys):
            return _EMPTY
        key = rows.keys[index]
        bar = Bar.CURSOR if index == rows.cursor else Bar.ROW
        sign = "*" if rows.marked and key in rows.marked else " "
        return self._sheet.row(index, partial(self._cells, key), bar, sign)


def _theme_styles(table: VirtualTable[K]) -> Mapping[tuple[Bar, Tone], Style]:
    """Return the theme's styles; on the cursor's line a tone keeps its weight but not its colour."""
    header = table.get_component_rich_style("table--header")
    cursor = table.get_component_rich_style("table--cursor")
    styles: dict[tuple[Bar, Tone], Style] = {}
    for tone in Tone:
        style = table.get_component_rich_style(f"table--{tone.value}")
        styles[Bar.ROW, tone] = style
        styles[Bar.CURSOR, tone] = cursor + Style(bold=style.bold)
        styles[Bar.HEADER, tone] = header
    return styles
