"""The table's cursor and marks stay with their rows, and only what changed is painted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from rich.style import Style
from textual.app import ComposeResult
from textual.pilot import Pilot

from lvstui.core.view.glyphs import UNICODE
from lvstui.core.view.table import Cell, Column, Tone, Whole, cell_count
from lvstui.tui.ink import Depth
from lvstui.tui.themes import COARSE, gather, put_on
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.sheet import Bar, Sheet, TableLine
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
            Cell(key, Tone.PLAIN),
            Cell(self.states.get(key, "ok"), Tone.SECONDARY),
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
        """Say on which line the cursor's bar is."""
        (line,) = {y for (x, y), (_, pen) in self.terminal.cells.items() if {"7", "48;5;237"} & {*pen} and x == 1}
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
    deadline = monotonic() + 60
    while quiet < 3:
        assert monotonic() < deadline, "it never stops painting"
        frames = app.frames
        await pilot.pause()
        quiet = quiet + 1 if app.frames == frames else 0
    app.spans.clear()


def names(count: int) -> list[str]:
    return [f"row{number:05}" for number in range(count)]


async def test_the_cursor_starts_on_the_first_row_and_is_shown_as_a_bar() -> None:
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
        assert app.spans == [(2, 51, 60)]
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
        assert app.spans == [(1, 35, 60), (3, 51, 60)]


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
        assert app.lines()[0].split() == ["Name", "State", "Weight", "\u25be", "Rate"]
        app.table.sort = ("name", False)
        app.show(["a"])
        await pilot.pause()
        assert app.lines()[0].split() == ["Name", "\u25b4", "State", "Weight", "Rate"]


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
        assert app.lines()[:2] == ["   Weight  Name", "        7  a"]


def test_an_address_that_is_too_long_runs_over_into_the_blanks_behind_it() -> None:
    sheet = Sheet()
    sheet.place(
        (
            Column("name", "Name", 6, 1),
            Column("address", "Address", 8, 2, behind=True),
            Column("weight", "Weight", 6, 1, right=True),
            Column("active", "Active", 6, 1, right=True),
        ),
        31,
    )

    def texts(row: int, weight: str) -> list[str]:
        found = [Cell("api"), Cell("[fd00::1]:443"), Cell(weight), Cell("7")]
        return [cell.text for cell in sheet.row(row, lambda: found, Bar.ROW, " ").cells]

    assert texts(0, "") == ["api   ", " [fd00::1]:443", " ", "     7"]
    assert texts(1, "2") == ["api   ", " [fd00::1]:443", "2", "     7"]
    assert texts(2, "200")[2:] == ["200", "     7"]
    assert "[fd00::1]:443" in texts(2, "200")[1], "then it takes what it needs from the name"


def heads(columns: Sequence[Column], width: int, sort: str) -> str:
    sheet = Sheet()
    sheet.place(columns, width)
    strip = sheet.strip(sheet.header((sort, False), UNICODE), defaultdict(Style))
    assert strip.cell_length == width
    return strip.text


def test_the_sign_of_the_order_cuts_no_word_of_a_narrow_head() -> None:
    columns = (
        Column("active", "Active", 6, 1, right=True),
        Column("share", "Share", 6, 1, right=True),
        Column("conns", "Conns", 8, 1, right=True),
        Column("state", "State", 5, 1),
    )
    assert heads(columns, 31, "active") == " Active▴ Share    Conns  State "
    assert heads(columns, 31, "share") == " Active Share▴    Conns  State "
    assert heads(columns, 31, "conns") == " Active  Share  Conns ▴  State "
    assert heads(columns, 31, "state") == " Active  Share    Conns  State▴"


def test_a_head_without_room_for_both_says_what_the_name_is() -> None:
    columns = (Column("server", "Real server", 15, 1), Column("address", "Address", 20, 2, behind=True))
    assert heads(columns, 40, "").split() == ["Real", "server", "Address"]
    assert heads(columns, 17, "").split() == ["Real", "server"]
    assert heads(columns, 17, "address").split() == ["Address", "▴"]


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


def pens(app: TableApp, line: int, text: str) -> set[tuple[str, ...]]:
    """Return with which pens a text is shown on a line."""
    start = app.terminal.line(line).index(text)
    return {app.terminal.cells[x, line][1] for x in range(start, start + len(text))}


async def test_the_cursor_keeps_the_colours_of_states_and_has_its_first_cell_in_the_accent() -> None:
    async with showing(["a", "b"]) as (app, pilot):
        app.states["a"] = "over"
        app.show(["a", "b"])
        await pilot.pause()
        assert app.terminal.cells[0, 1][1] == ("1", "38;5;233", "48;5;110")
        assert pens(app, 1, "ok" if "ok" in app.terminal.line(1) else "over") == {("38;5;248", "48;5;237")}
        assert pens(app, 2, "ok") == {("38;5;248", "48;5;233")}


async def test_the_heads_are_underlined_as_a_rule_from_edge_to_edge_and_the_sorted_one_stands_out() -> None:
    async with showing(["a", "b"]) as (app, pilot):
        app.table.sort = ("name", False)
        app.show(["a", "b"])
        await pilot.pause()
        assert {app.terminal.cells[x, 0][1] for x in (0, SIZE[0] - 1)} == {("38;5;239", "4", "48;5;233")}
        assert pens(app, 0, "Name") == {("38;5;110", "4", "48;5;233")}
        assert pens(app, 0, "State") == {("38;5;248", "4", "48;5;233")}


async def test_a_cut_is_seen_by_its_sign_in_the_accent() -> None:
    async with showing(["a" * 90, "b"]) as (app, _):
        assert pens(app, 1, "\u203a") == {("38;5;110", "48;5;237")}


async def test_a_scroll_bar_is_painted_only_where_there_are_more_rows_than_room() -> None:
    async with showing(names(30)) as (app, pilot):
        edge = SIZE[0] - 1
        assert {app.terminal.cells[edge, y][1][0] for y in range(SIZE[1])} == {"38;5;239", "38;5;252"}
        assert app.terminal.cells[edge, SIZE[1] - 1][1] == ("38;5;252", "48;5;236")
        app.show(names(3))
        await settle(app, pilot)
        assert {app.terminal.cells[edge, y][1] for y in range(2, SIZE[1])} == {("38;5;252", "48;5;233")}


@pytest.mark.parametrize("depth", [Depth.NONE, Depth.EIGHT])
async def test_the_cursor_is_reversed_where_its_colour_is_missing(depth: Depth) -> None:
    async with showing(["a", "b"]) as (app, pilot):
        app.depth = depth
        put_on(app, gather().palettes[COARSE])
        await settle(app, pilot)
        assert all("7" in app.terminal.cells[x, 1][1] for x in range(SIZE[0]))
        assert app.cursor_line() == 1


async def test_a_dialog_takes_the_accent_from_the_cursor_and_gives_it_back() -> None:
    async with showing(["a", "b"]) as (app, pilot):
        dialog = Dialog[None]()
        await app.push_screen(dialog)
        await settle(app, pilot)
        assert set(app.terminal.cells[0, 1][1]) == {"38;5;252", "48;5;237"}
        dialog.dismiss()
        await settle(app, pilot)
        assert app.terminal.cells[0, 1][1] == ("1", "38;5;233", "48;5;110")


async def test_a_table_of_one_line_that_is_scrolled_past_its_rows_takes_more_rows() -> None:
    async with showing(["a", "b", "c"], (60, 1)) as (app, _):
        app.table.scroll_to(y=99, animate=False, force=True)
        assert app.table.scroll_offset.y == 3
        app.show(["a", "b", "c", "d"])
        assert app.table.cursor_key == "a"


CLIENTS = (
    Column("client", "Client", 21, 1, grow=1, least=21),
    Column("service", "Service", 18, 1, grow=1, most=26),
    Column("virtual", "Virtual", 18, 4, behind=True),
    Column("server", "Real server", 18, 1, grow=1, most=26),
    Column("address", "Address", 18, 4, behind=True),
    Column("state", "State", 11, 1, least=11),
    Column("left", "Left", 6, 2, right=True),
)


def client_line(client: str, width: int, left: str = "1:04", server: str = "api3") -> tuple[Sheet, TableLine]:
    cells = (
        Whole(client),
        Cell("api"),
        Cell("[2001:db8::10]:443"),
        Cell(server),
        Cell("[fd00::3]:443"),
        Cell("ESTABLISHED"),
        Cell(left),
    )
    sheet = Sheet()
    sheet.place(CLIENTS, width)
    return sheet, sheet.row(0, lambda: cells, Bar.ROW, " ")


LONG = "[2001:db8:c:229:a8d1:3966:c9d5:1cfc]:40226"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_long_client_is_whole_and_what_it_takes_is_taken_from_names_behind_it_never_from_the_state(
    width: int,
) -> None:
    _, line = client_line(LONG, width)
    _, short = client_line("203.0.113.9:40226", width)
    texts, usual = ("".join(cell.text for cell in one.cells) for one in (line, short))

    assert line.cells[0].text.strip() == LONG
    assert texts.index("ESTABLISHED") == usual.index("ESTABLISHED")
    assert cell_count(texts) == cell_count(usual)
    assert UNICODE.cut not in texts
    assert width < 80 or "api3" in texts


def test_a_client_that_no_screen_has_room_for_keeps_its_beginning() -> None:
    _, line = client_line(LONG, 40)

    assert line.cells[0].text.startswith("[2001:db8:c:")
    assert line.cells[0].text.rstrip().endswith(UNICODE.cut)


def test_a_row_with_a_long_client_paints_a_countdown_alone_and_all_where_a_shifted_cell_changed() -> None:
    sheet, line = client_line(LONG, 80)
    sheet.take([line])

    assert (counted := sheet.take([client_line(LONG, 80, "1:03")[1]])) is not None
    assert counted[0].width < 10
    assert (moved := sheet.take([client_line(LONG, 80, "1:03", "api1")[1]])) is not None
    assert (moved[0].x, moved[0].width) == (0, 80)
