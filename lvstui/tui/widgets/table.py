"""A table that keeps rows by key and repaints only the cells that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lvstui.core.view.table import Cell, Column, Tone, reseat
from lvstui.tui.widgets import strips
from lvstui.tui.widgets.strips import Bar, Line, Place

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)

_HEADER = 1


def _no_cells(_: Hashable) -> Sequence[Cell]:
    return ()


class VirtualTable(ScrollView, Generic[K], can_focus=True):
    """Rows by key; only visible rows are ever asked for, only cells that changed are painted again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", "down", show=False, id="table.down"),
        Binding("up,k", "step(-1)", "up", show=False, id="table.up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="table.page-down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="table.page-up"),
        Binding("home,g", "first", "first row", show=False, id="table.first"),
        Binding("end,G", "last", "last row", show=False, id="table.last"),
        Binding("space", "toggle_mark", "mark", show=False, id="table.mark"),
        Binding("v", "mark_range", "mark up to here", show=False, id="table.mark-range"),
        Binding("U", "clear_marks", "clear the marks", show=False, id="table.clear-marks"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        "table--plain",
        "table--dim",
        "table--strong",
        "table--good",
        "table--warn",
        "table--bad",
        "table--staged",
        "table--name",
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

    class CursorMoved(Message, Generic[R]):
        """The cursor is on another row now (or on none): a person moved it, or its row vanished."""

        def __init__(self, table: VirtualTable[R], key: R | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

    class Opened(Message, Generic[R]):
        """A row was double-clicked; Enter belongs to the view."""

        def __init__(self, table: VirtualTable[R], key: R) -> None:
            super().__init__()
            self.table = table
            self.key = key

    class MarksChanged(Message, Generic[R]):
        """Other rows are marked now."""

        def __init__(self, table: VirtualTable[R], marked: frozenset[R]) -> None:
            super().__init__()
            self.table = table
            self.marked = marked

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.sort: tuple[str, bool] | None = None
        """The column whose title shows the sort sign, and whether it sorts downwards; set it before `show`."""
        self._columns: tuple[Column, ...] = ()
        self._keys: tuple[K, ...] = ()
        self._cells: Callable[[K], Sequence[Cell]] = _no_cells
        self._cursor = -1
        self._marked: frozenset[K] = frozenset()
        self._range_start: K | None = None
        self._places: tuple[Place, ...] = ()
        self._placed_width = 0
        self._fitted: dict[int, tuple[Cell, ...]] = {}
        self._lines: list[Line] = []
        self._look: dict[tuple[Bar, Tone], Style] = {}

    @property
    def cursor_key(self) -> K | None:
        """The row that the cursor is on; None only while there are no rows."""
        return self._keys[self._cursor] if self._cursor >= 0 else None

    @property
    def keys(self) -> Sequence[K]:
        """The rows in their order."""
        return self._keys

    @property
    def marked(self) -> frozenset[K]:
        """The marked rows."""
        return self._marked

    @property
    def chosen(self) -> list[K]:
        """The marked rows in their order; without marks, the row under the cursor."""
        if self._marked:
            return [key for key in self._keys if key in self._marked]
        key = self.cursor_key
        return [] if key is None else [key]

    def show(self, columns: Sequence[Column], keys: Sequence[K], cells: Callable[[K], Sequence[Cell]]) -> None:
        """Show another state: `keys` in their order; `cells(key)` gives one Cell a column, asked for visible rows only.

        Keys are unique. `cells` is kept and called again on scrolling, so it must go on answering for this state.
        """
        old, before, top = self._keys, self.cursor_key, self.scroll_offset.y
        keys = tuple(keys)
        cursor = reseat(old, self._cursor, keys)
        steady = self._cursor if top <= self._cursor < top + self._visible else top
        target = reseat(old, steady, keys) - (steady - top) if old else 0
        self._keys, self._cells, self._cursor = keys, cells, cursor
        self._fitted.clear()
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._place()
        self.virtual_size = Size(self._width, _HEADER + len(keys))
        self._scroll_rows(target)
        self._repaint()
        if self._marked:
            self._mark(self._marked.intersection(keys))
        if self.cursor_key != before:
            self.post_message(self.CursorMoved(self, self.cursor_key))

    def move_to(self, key: K) -> bool:
        """Put the cursor on a row and bring it into view; False where there is no such row."""
        if key not in self._keys:
            return False
        self._move(self._keys.index(key))
        return True

    def toggle_mark(self) -> None:
        """Mark or unmark the cursor's row and move on to the next."""
        if (key := self.cursor_key) is not None:
            self._range_start = key
            self._mark(self._marked ^ {key})
            self._move(self._cursor + 1)

    def mark_range(self) -> None:
        """Mark all rows from the last one marked or unmarked to the cursor."""
        if (key := self.cursor_key) is not None:
            start = self._keys.index(self._range_start) if self._range_start in self._keys else self._cursor
            first, last = sorted((start, self._cursor))
            self._range_start = key
            self._mark(self._marked.union(self._keys[first : last + 1]))

    def clear_marks(self) -> None:
        """Unmark all rows."""
        self._range_start = None
        self._mark(frozenset())

    def action_step(self, rows: int) -> None:
        """Move the cursor by rows; past the edge the view jumps by half a page, which is far less to send."""
        self._move(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the view and the cursor by pages, the cursor staying where it is on the screen."""
        rows = pages * self._visible
        self._scroll_rows(self.scroll_offset.y + rows)
        self._move(self._cursor + rows)

    def action_first(self) -> None:
        """Move to the first row."""
        self._move(0)

    def action_last(self) -> None:
        """Move to the last row."""
        self._move(len(self._keys) - 1)

    def action_toggle_mark(self) -> None:
        self.toggle_mark()

    def action_mark_range(self) -> None:
        self.mark_range()

    def action_clear_marks(self) -> None:
        self.clear_marks()

    def on_click(self, event: events.Click) -> None:
        """Move to the row clicked on; a double click opens it."""
        index = self.scroll_offset.y + event.y - _HEADER
        if event.y < _HEADER or index >= len(self._keys):
            return
        self._move(index)
        if event.chain == 2:
            self.post_message(self.Opened(self, self._keys[index]))

    def on_resize(self) -> None:
        """Place the columns anew and keep the cursor in view."""
        self._place()
        self._move(self._cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint what differs; the base class would send every line."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self._repaint()

    def notify_style_update(self) -> None:
        """Forget the theme's styles."""
        self._look = {}
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw a line of the widget: the titles, a row, or nothing below the last row."""
        line = self._lines[y] if y < len(self._lines) else self._line(y)
        look = self._look or self._make_look()
        drawn = strips.strip(line, self._places, self._placed_width, look)
        return drawn.adjust_cell_length(self._width, look[Bar.ROW, Tone.PLAIN])

    @property
    def _width(self) -> int:
        return self.scrollable_size.width

    @property
    def _visible(self) -> int:
        return max(1, self.size.height - _HEADER)

    def _move(self, index: int) -> None:
        """Put the cursor on a row, as near as there is one, and bring it into view."""
        before = self._cursor
        self._cursor = max(min(index, len(self._keys) - 1), 0 if self._keys else -1)
        if not 0 <= self._cursor - self.scroll_offset.y < self._visible:
            self._scroll_rows(self._cursor - self._visible // 2)
        self._repaint()
        if self._cursor != before:
            self.post_message(self.CursorMoved(self, self.cursor_key))

    def _mark(self, marked: frozenset[K]) -> None:
        if marked != self._marked:
            self._marked = marked
            self._repaint()
            self.post_message(self.MarksChanged(self, marked))

    def _scroll_rows(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    def _place(self) -> None:
        """Place the columns for this width; everything is painted anew."""
        self._placed_width = self._width
        self._places = strips.places(self._columns, self._placed_width)
        self._fitted.clear()
        self._lines = []

    def _repaint(self) -> None:
        """Paint what differs from what the lines showed before."""
        lines = [self._line(y) for y in range(self.size.height)]
        if len(lines) != len(self._lines):
            self._lines = lines
            self.refresh()
            return
        regions = [
            Region(span[0], y, span[1] - span[0], 1)
            for y, (old, new) in enumerate(zip(self._lines, lines, strict=True))
            if (span := strips.difference(old, new, self._places, self._placed_width))
        ]
        self._lines = lines
        if regions:
            self.refresh(*regions)

    def _line(self, y: int) -> Line:
        if y < _HEADER:
            return strips.header(self._places, self.sort)
        index = self.scroll_offset.y + y - _HEADER
        if index >= len(self._keys):
            return strips.EMPTY
        key = self._keys[index]
        if (cells := self._fitted.get(index)) is None:
            cells = self._fitted[index] = strips.fitted(self._cells(key), self._places)
        sign = "*" if self._marked and key in self._marked else " "
        return Line(Bar.CURSOR if index == self._cursor else Bar.ROW, sign, cells)

    def _make_look(self) -> dict[tuple[Bar, Tone], Style]:
        """Ask the theme for the styles; on the cursor's line a tone keeps its weight but not its colour."""
        header = self.get_component_rich_style("table--header")
        cursor = self.get_component_rich_style("table--cursor")
        for tone in Tone:
            style = self.get_component_rich_style(f"table--{tone.value}")
            self._look[Bar.ROW, tone] = style
            self._look[Bar.CURSOR, tone] = cursor + Style(bold=style.bold)
            self._look[Bar.HEADER, tone] = header
        return self._look
