"""The table's cursor and marks stay with their rows, and only what changed is painted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from lvstui.core.view.table import Cell, Column, Tone
from lvstui.tui.widgets.table import VirtualTable
from tests.tui.screen import WatchedApp

COLUMNS = (
    Column("name", "Name", 10, 1, grow=1),
    Column("state", "State", 6, 3),
    Column("weight", "Weight", 8, 1, right=True),
    Column("rate", "Rate", 8, 2, right=True),
)
SIZE = (60, 11)
VISIBLE = 10


class TableApp(WatchedApp):
    """An app with nothing but the table; it notes what the table says and for which rows it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.moves: list[str | None] = []
        self.opened: list[str] = []
        self.marks: list[frozenset[str]] = []
        self.asked: list[str] = []
        self.rates: dict[str, str] = {}
        self.states: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield VirtualTable[str]()

    @property
    def table(self) -> VirtualTable[str]:
        return self.query_one(VirtualTable)

    def show(self, keys: Sequence[str], columns: Sequence[Column] = COLUMNS) -> None:
        self.table.show(columns, keys, self.cells)

    def cells(self, key: str) -> list[Cell]:
        self.asked.append(key)
        return [
            Cell(key, Tone.NAME),
            Cell(self.states.get(key, "ok"), Tone.GOOD),
            Cell("1"),
            Cell(self.rates.get(key, "0")),
        ]

    def on_virtual_table_cursor_moved(self, message: VirtualTable.CursorMoved[str]) -> None:
        self.moves.append(message.key)

    def on_virtual_table_opened(self, message: VirtualTable.Opened[str]) -> None:
        self.opened.append(message.key)

    def on_virtual_table_marks_changed(self, message: VirtualTable.MarksChanged[str]) -> None:
        self.marks.append(message.marked)

    def lines(self) -> list[str]:
        return [self.terminal.line(y) for y in range(SIZE[1])]

    def cursor_line(self) -> int:
        """Say on which line the reversed bar is."""
        (line,) = {y for (x, y), (_, pen) in self.terminal.cells.items() if "7" in pen and x < 20}
        return line


@asynccontextmanager
async def showing(keys: Sequence[str], size: tuple[int, int] = SIZE) -> AsyncIterator[tuple[TableApp, Pilot[None]]]:
    app = TableApp()
    async with app.run_test(size=size) as pilot:
        app.show(keys)
        await settle(app, pilot)
        app.moves.clear()
        app.asked.clear()
        yield app, pilot


async def settle(app: TableApp, pilot: Pilot[None]) -> None:
    """Wait until the layout rests: a scrollbar appears one frame after its rows."""
    quiet = 0
    deadline = monotonic() + 20
    while quiet < 3:
        assert monotonic() < deadline, "it never stops painting"
        frames = app.frames
        await pilot.pause()
        quiet = quiet + 1 if app.frames == frames else 0
    app.spans.clear()


def names(count: int) -> list[str]:
    return [f"row{number:05}" for number in range(count)]


async def test_the_cursor_starts_on_the_first_row_and_is_shown_in_reverse() -> None:
    async with showing(["a", "b", "c"]) as (app, _):
        assert app.table.cursor_key == "a"
        assert app.cursor_line() == 1
        assert app.lines()[0].split() == ["Name", "State", "Weight", "Rate"]
        assert app.lines()[1].split() == ["a", "ok", "1", "0"]


@pytest.mark.parametrize(
    ("after", "key"),
    [
        (["new", "a", "b", "c", "d"], "c"),
        (["d", "c", "b", "a"], "c"),
        (["c"], "c"),
        (["a", "b", "d"], "d"),
        (["a", "b"], "b"),
        (["d", "b", "x"], "d"),
        (["x", "y"], "x"),
        ([], None),
    ],
)
async def test_the_cursor_stays_on_its_row_and_goes_to_the_next_survivor_when_it_vanished(
    after: list[str], key: str | None
) -> None:
    async with showing(["a", "b", "c", "d"]) as (app, pilot):
        app.table.move_to("c")
        await pilot.pause()
        app.moves.clear()
        app.show(after)
        await pilot.pause()
        assert app.table.cursor_key == key
        assert app.moves == ([] if key == "c" else [key])


async def test_the_row_under_the_cursor_does_not_jump_when_rows_come_and_go_above_it() -> None:
    rows = names(100)
    async with showing(rows) as (app, pilot):
        app.table.move_to(rows[50])
        await pilot.pause()
        line = app.cursor_line()
        app.show(["x1", "x2", "x3", *rows])
        await pilot.pause()
        assert app.cursor_line() == line
        assert app.lines()[line].split()[0] == rows[50]
        app.show(rows[20:])
        await pilot.pause()
        assert app.cursor_line() == line
        app.show([key for key in rows[20:] if key != rows[50]])
        await pilot.pause()
        assert app.cursor_line() == line
        assert app.lines()[line].split()[0] == rows[51]


async def test_a_view_scrolled_away_from_the_cursor_stays_where_it_is() -> None:
    rows = names(100)
    async with showing(rows) as (app, pilot):
        app.table.scroll_to(y=40, animate=False)
        app.show(["new", *rows])
        await pilot.pause()
        assert app.lines()[1].split()[0] == rows[40]
        assert app.table.cursor_key == rows[0]


async def test_only_the_cell_that_changed_is_painted() -> None:
    async with showing(["a", "b", "c"]) as (app, pilot):
        app.rates["b"] = "5"
        app.show(["a", "b", "c"])
        await pilot.pause()
        assert app.spans == [(2, 51, 59)]
        assert app.lines()[2].endswith("5")


async def test_nothing_is_painted_when_nothing_changed() -> None:
    async with showing(names(30)) as (app, pilot):
        app.show(names(30))
        await pilot.pause()
        assert app.spans == []


async def test_of_each_line_one_piece_is_painted_from_the_first_change_to_the_last() -> None:
    async with showing(["a", "b", "c"]) as (app, pilot):
        app.rates.update(a="1", c="1")
        app.states["a"] = "over"
        app.show(["a", "b", "c"])
        await pilot.pause()
        assert app.spans == [(1, 35, 59), (3, 51, 59)]


async def test_a_mark_paints_one_cell() -> None:
    async with showing(["a", "b"]) as (app, pilot):
        app.table.action_mark("range")
        await pilot.pause()
        assert app.spans == [(1, 0, 1)]


async def test_moving_the_cursor_paints_two_lines() -> None:
    async with showing(names(30)) as (app, pilot):
        await pilot.press("down")
        await pilot.pause()
        assert {y for y, _, _ in app.spans} == {1, 2}
        assert app.cursor_line() == 2


async def test_only_visible_rows_are_ever_asked_for() -> None:
    rows = names(10_000)
    async with showing(rows) as (app, pilot):
        app.show(rows)
        await pilot.pause()
        assert app.asked == rows[:VISIBLE]
        app.asked.clear()
        await pilot.press("end")
        await pilot.pause()
        assert app.asked == rows[-VISIBLE:]
        app.asked.clear()
        await pilot.press("up", "down")
        assert app.asked == []


async def test_down_at_the_edge_jumps_by_half_a_page() -> None:
    rows = names(100)
    async with showing(rows) as (app, pilot):
        for _ in range(VISIBLE - 1):
            await pilot.press("down")
        assert app.table.scroll_offset.y == 0
        await pilot.press("j")
        await pilot.pause()
        assert app.table.cursor_key == rows[VISIBLE]
        assert app.table.scroll_offset.y == VISIBLE // 2
        for _ in range(VISIBLE // 2 + 1):
            await pilot.press("k")
        await pilot.pause()
        assert app.table.scroll_offset.y == 0
        assert app.table.cursor_key == rows[VISIBLE // 2 - 1]


async def test_pages_and_ends_are_reached_by_key_and_never_passed() -> None:
    rows = names(25)
    async with showing(rows) as (app, pilot):
        steps = [("pagedown", 10), ("pagedown", 20), ("pagedown", 24), ("down", 24), ("pageup", 14), ("g", 0)]
        for key, row in [*steps, ("up", 0), ("pageup", 0), ("G", 24), ("home", 0), ("end", 24)]:
            await pilot.press(key)
            assert app.table.cursor_key == rows[row], key


async def test_move_to_brings_a_row_into_view_and_refuses_one_that_is_not_there() -> None:
    rows = names(100)
    async with showing(rows) as (app, pilot):
        assert app.table.move_to(rows[70])
        await pilot.pause()
        assert app.lines()[app.cursor_line()].split()[0] == rows[70]
        assert not app.table.move_to("gone")
        assert app.table.cursor_key == rows[70]
        assert app.moves == [rows[70]]


async def test_marks_have_a_sign_stay_with_their_rows_and_vanish_with_them() -> None:
    async with showing(["a", "b", "c", "d"]) as (app, pilot):
        await pilot.press("space", "space")
        await pilot.pause()
        assert app.table.marked == {"a", "b"}
        assert app.table.cursor_key == "c"
        app.show(["d", "b", "x", "c"])
        await pilot.pause()
        assert app.table.marked == {"b"}
        assert [line[:2] for line in app.lines()[1:5]] == [" d", "*b", " x", " c"]
        assert app.marks == [{"a"}, {"a", "b"}, {"b"}]


async def test_a_range_is_marked_from_the_last_mark_to_the_cursor() -> None:
    async with showing(["a", "b", "c", "d", "e"]) as (app, pilot):
        await pilot.press("down", "space", "down", "v")
        assert app.table.marked == {"b", "c", "d"}
        await pilot.press("U")
        assert app.table.marked == frozenset()
        await pilot.press("v")
        assert app.table.marked == {"d"}


async def test_space_on_a_marked_row_unmarks_it() -> None:
    async with showing(["a", "b"]) as (app, pilot):
        await pilot.press("space", "up", "space")
        assert app.table.marked == frozenset()


async def test_a_click_moves_the_cursor_and_a_double_click_opens() -> None:
    async with showing(["a", "b", "c"]) as (app, pilot):
        await pilot.click(VirtualTable, offset=(5, 2))
        assert app.table.cursor_key == "b"
        await pilot.click(VirtualTable, offset=(5, 3), times=2)
        assert app.table.cursor_key == "c"
        await pilot.click(VirtualTable, offset=(5, 0))
        await pilot.click(VirtualTable, offset=(5, 9))
        assert app.table.cursor_key == "c"
        assert app.opened == ["c"]


async def test_a_narrow_screen_drops_columns_and_a_wide_one_shows_them_again() -> None:
    async with showing(["a"]) as (app, pilot):
        await pilot.resize_terminal(30, 11)
        await pilot.pause()
        assert app.table.render_line(0).text.split() == ["Name", "Weight", "Rate"]
        await pilot.resize_terminal(24, 11)
        await pilot.pause()
        assert app.table.render_line(0).text.split() == ["Name", "Weight"]
        assert app.table.render_line(1).text.split() == ["a", "1"]
        await pilot.resize_terminal(60, 11)
        await pilot.pause()
        assert app.table.render_line(1).text.split() == ["a", "ok", "1", "0"]


async def test_a_lower_screen_keeps_the_cursor_in_view() -> None:
    rows = names(100)
    async with showing(rows) as (app, pilot):
        app.table.move_to(rows[9])
        await pilot.resize_terminal(60, 5)
        await pilot.pause()
        assert rows[9] in "".join(app.table.render_line(y).text for y in range(1, 5))


async def test_the_title_of_the_sorted_column_has_a_sign() -> None:
    async with showing(["a"]) as (app, pilot):
        app.table.sort = ("weight", True)
        app.show(["a"])
        await pilot.pause()
        assert app.lines()[0].split() == ["Name", "State", "Weight", "v", "Rate"]
        app.table.sort = ("name", False)
        app.show(["a"])
        await pilot.pause()
        assert app.lines()[0].split() == ["Name", "^", "State", "Weight", "Rate"]


async def test_the_titles_stay_while_rows_scroll() -> None:
    async with showing(names(50)) as (app, pilot):
        await pilot.press("G")
        await pilot.pause()
        assert app.lines()[0].split() == ["Name", "State", "Weight", "Rate"]
        assert app.lines()[VISIBLE].split()[0] == names(50)[-1]


async def test_the_scrollbar_is_drawn_without_any_glyph() -> None:
    async with showing(names(15)) as (app, _):
        bar = [app.terminal.cells[SIZE[0] - 1, y] for y in range(SIZE[1])]
        assert {character for character, _ in bar} == {" "}
        assert len({pen for _, pen in bar}) == 2


async def test_wide_characters_keep_the_columns_in_line() -> None:
    async with showing(["日本", "ab"]) as (app, _):
        wide, narrow = app.table.render_line(1), app.table.render_line(2)
        assert wide.cell_length == narrow.cell_length
        assert wide.crop(30).text == narrow.crop(30).text


async def test_hostile_text_is_shown_and_never_obeyed() -> None:
    hostile = "[bold]x[/]\x1b[2J\u202e"
    async with showing([hostile]) as (app, _):
        assert app.lines()[1].startswith(r" [bold]x[/]\x1b[2J\u202e")


async def test_other_columns_are_laid_out_at_once() -> None:
    async with showing(["a"]) as (app, pilot):
        app.table.show((COLUMNS[2], COLUMNS[0]), ["a"], lambda key: [Cell("7"), Cell(key)])
        await pilot.pause()
        assert app.lines()[:2] == ["   Weight Name", "        7 a"]


async def test_fewer_rows_leave_nothing_behind() -> None:
    async with showing(names(50)) as (app, pilot):
        await pilot.press("G")
        app.show(names(2))
        await pilot.pause()
        assert app.table.scroll_offset.y == 0
        assert [line.split()[0] for line in app.lines() if line] == ["Name", *names(2)]
        app.show([])
        await pilot.pause()
        assert [line for line in app.lines()[1:] if line] == []


@pytest.mark.parametrize("variable", ["1", None])
async def test_the_cursor_is_reversed_without_colour_too(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if variable is None:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", variable)
    async with showing(["a", "b"]) as (app, _):
        assert app.cursor_line() == 1


async def test_a_table_of_one_line_that_is_scrolled_past_its_rows_takes_more_rows() -> None:
    async with showing(["a", "b", "c"], (60, 1)) as (app, _):
        app.table.scroll_to(y=99, animate=False, force=True)
        assert app.table.scroll_offset.y == 3
        app.show(["a", "b", "c", "d"])
        assert app.table.cursor_key == "a"
