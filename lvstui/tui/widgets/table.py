"""A table that keeps rows by key, asks for the cells of visible rows only, and repaints only those that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lvstui.core.view.table import (
    Cell,
    Column,
    Selection,
    Tone,
    fit,
    reseat,
)
from lvstui.tui.commands import MOVING, binding, find
from lvstui.tui.terminal import glyphs_of
from lvstui.tui.widgets.sheet import EDGE, EMPTY, GUTTER, HEADER, UNFOLDED, Bar, Sheet, Styles, TableLine

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)


class VirtualTable(ScrollView, Generic[K], can_focus=True):
    """Rows by key; only visible rows are ever asked for, only cells that changed are painted again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            binding(find(MOVING, name), action)
            for name, action in (
                ("table.down", "step(1)"),
                ("table.up", "step(-1)"),
                ("table.page-down", "page(1)"),
                ("table.page-up", "page(-1)"),
                ("table.first", "end(0)"),
                ("table.last", "end(-1)"),
                ("table.mark", "mark('row')"),
                ("table.mark-range", "mark('range')"),
                ("table.clear-marks", "mark('none')"),
            )
        )
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
        scrollbar-size-vertical: 1;
        background: $background;
        color: $foreground;
        & > .table--header { text-style: underline; color: $rule; }
        & > .table--cursor { background: $cursor; }
        & > .table--strong { text-style: bold; }
        & > .table--secondary { color: $secondary; }
        & > .table--dim { color: $text-dim; }
        & > .table--accent { color: $accent; }
        & > .table--staged { color: $accent; text-style: bold; }
        & > .table--warn { color: $warning; }
        & > .table--selected { color: $text-on-accent; background: $accent; text-style: bold; }
        & > .table--bad { color: $error-text; background: $error-ground; text-style: bold; }
        & > .table--bar { color: $bar; }
        & > .table--track { color: $track; }
        & > .table--chart { color: $chart; }
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
    class FoldPressed(Message):
        """The sign of a row with parts was clicked: they are to be `folded`, or shown."""

        folded: bool

    class Resized(Message):
        """It has another size, for which other columns and texts may be right."""

        def can_replace(self, message: Message) -> bool:
            """Of several in a row the last one is enough."""
            return isinstance(message, VirtualTable.Resized)

    @dataclass
    class TitlePressed(Message):
        """The title of a column was clicked."""

        column: str

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
        self._sentence = ""
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

    def show(
        self, columns: Sequence[Column], keys: Sequence[K], cells: Callable[[K], Sequence[Cell]], empty: str = ""
    ) -> None:
        """Show another state: `keys` in their order; `cells(key)` returns one Cell a column, called for visible rows.

        Without keys the sentence `empty` stands in the first row.

        Keys are unique. `cells` is kept and called again on scrolling, so it must go on answering for this state.
        """
        rows, top = self.selection, self.scroll_offset.y
        old, before, marked = rows.keys, rows.key, rows.marked
        # A table of one line can be scrolled past its rows, as the titles count among its lines.
        steady = rows.cursor if top <= rows.cursor < top + self._visible else min(top, len(old) - 1)
        rows.show(keys)
        target = reseat(old, steady, rows.keys) - (steady - top) if old else 0
        self._cells = cells
        self._sentence = empty
        self._sheet.forget()
        if tuple(columns) != self._sheet.columns:
            self._sheet.place(columns, self.outer_size.width)
        self.virtual_size = Size(self.outer_size.width - EDGE, HEADER + len(rows.keys))
        self.scroll_to(y=target, animate=False, force=True)
        self.repaint()
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
            self.repaint()
            self.post_message(self.MarksChanged(rows.marked))
            if what == "row":
                self._move(rows.cursor + 1)

    def on_click(self, event: events.Click) -> None:
        """Move to the row clicked on; a double click opens it. On the titles, say which."""
        if event.y < HEADER and (column := self._sheet.column_at(event.x)):
            self.post_message(self.TitlePressed(column))
        key = self.row_at(event)
        if key is None:
            return
        self.move_to(key)
        if sign := self._sheet.fold_sign_at(event.x, event.y):
            self.post_message(self.FoldPressed(sign in UNFOLDED))
        elif event.chain == 2:
            self.post_message(self.Opened(key))

    def row_at(self, event: events.Click) -> K | None:
        """Return the row that was clicked on; None for the titles and what lies below the last row."""
        index, keys = self.scroll_offset.y + event.y - HEADER, self.selection.keys
        return keys[index] if event.y >= HEADER and index < len(keys) else None

    def on_resize(self) -> None:
        """Place the columns anew and keep the cursor in view."""
        self._sheet.place(self._sheet.columns, self.outer_size.width)
        self._move(self.selection.cursor)
        self.post_message(self.Resized())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint what differs; the base class would send every line."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self.repaint()

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
        return max(1, self.size.height - HEADER)

    def _move(self, index: int) -> None:
        """Put the cursor on a row, as near as there is one, and bring it into view."""
        rows, before = self.selection, self.selection.cursor
        rows.move(index)
        if not 0 <= rows.cursor - self.scroll_offset.y < self._visible:
            self.scroll_to(y=rows.cursor - self._visible // 2, animate=False, force=True)
        self.repaint()
        if rows.cursor != before:
            self.post_message(self.CursorMoved(rows.key))

    def repaint(self) -> None:
        """Paint what differs from what the lines showed before."""
        regions = self._sheet.take([self._line(y) for y in range(self.size.height)])
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def _line(self, y: int) -> TableLine:
        if y < HEADER:
            return self._sheet.header(self.sort, glyphs_of(self))
        rows, index = self.selection, self.scroll_offset.y + y - HEADER
        if not rows.keys and not index and self._sentence:
            return TableLine(Bar.EMPTY, " ", (Cell(fit(self._sentence, self.scrollable_size.width - GUTTER)),))
        if index >= len(rows.keys):
            return EMPTY
        key = rows.keys[index]
        bar = Bar.ROW if index != rows.cursor else Bar.CURSOR if _hears_keys(self) else Bar.AWAY
        sign = "*" if rows.marked and key in rows.marked else " "
        return self._sheet.row(index, partial(self._cells, key), bar, sign)


def _hears_keys(table: VirtualTable[K]) -> bool:
    """Return whether keys go to a table: it has the focus, or somebody else has it and passes them on."""
    return table.screen is table.app.screen and (table.has_focus or not table.can_focus)


def shown_columns(table: VirtualTable[K]) -> Sequence[Column]:
    """Return the columns that there is room for, from the left."""
    return table._sheet.shown


def fitting_columns(table: VirtualTable[K], columns: Sequence[Column]) -> Sequence[Column]:
    """Return those of some columns that there would be room for."""
    sheet = Sheet()
    sheet.place(columns, table.outer_size.width)
    return [place.column for place in sheet._places if place.width]


def _theme_styles(table: VirtualTable[K]) -> Styles:
    """Return the theme's styles; on the cursor's line a tone keeps its colour, unless that line is reversed."""
    header = table.get_component_rich_style("table--header")
    cursor = table.get_component_rich_style("table--cursor")
    tones = {tone: table.get_component_rich_style(f"table--{tone.value}") for tone in Tone}
    ground = tones[Tone.PLAIN].bgcolor
    reverse = table.app.theme_variables.get("cursor-reverse") == "yes"
    styles: dict[tuple[Bar, Tone], Style] = {}
    for tone, style in tones.items():
        styles[Bar.ROW, tone] = style
        styles[Bar.HEADER, tone] = (
            header if tone is Tone.PLAIN else Style(color=style.color, bgcolor=ground, underline=True)
        )
        on_cursor = tones[Tone.SECONDARY] if tone is Tone.DIM else style
        if reverse and (tone is Tone.SELECTED or style.bgcolor == ground):
            on_cursor = tones[Tone.PLAIN] + Style(bold=style.bold, reverse=True)
        elif style.bgcolor == ground:
            on_cursor += Style(bgcolor=cursor.bgcolor)
        styles[Bar.CURSOR, tone] = styles[Bar.AWAY, tone] = on_cursor
    return styles
