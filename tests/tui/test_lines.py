"""Text about thousands of things: all of it can be reached, little of it is laid out."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from lvstui.core.view.table import Tone
from lvstui.tui.ink import Depth
from lvstui.tui.themes import COARSE, DEFAULT, gather, put_on
from lvstui.tui.widgets.lines import CHUNK, Chunks, Keys, MessageLine, Summary, hanging
from tests.tui.conftest import Stage


class Reader(App[None]):
    """An app with nothing but chunks."""

    CSS = "Chunks { max-height: 12; }"

    def compose(self) -> ComposeResult:
        yield Chunks()

    @property
    def chunks(self) -> Chunks:
        return self.query_one(Chunks)

    @property
    def lines(self) -> list[str]:
        return str(self.query_one(Static).content).splitlines()


async def test_turning_on_reaches_every_line_and_turning_back_the_first() -> None:
    app = Reader()
    count = 2 * CHUNK + 5
    async with app.run_test(size=(40, 12)) as pilot:
        app.chunks.show("head", count, lambda thing: (f"thing {thing}", "  more"))
        await pilot.pause()
        seen: dict[str, None] = {}
        for _ in range(100):
            seen |= dict.fromkeys(app.lines)
            app.chunks.turn(1)
            await pilot.pause()
        assert [line for line in seen if line.startswith("thing")] == [f"thing {thing}" for thing in range(count)]
        assert app.lines[:2] == ["head", f"{2 * CHUNK + 1} to {count} of {count}:"]
        assert app.chunks.scroll_y == app.chunks.max_scroll_y
        for _ in range(100):
            app.chunks.turn(-1)
            await pilot.pause()
        assert app.lines[1:3] == [f"1 to {CHUNK} of {count}:", "thing 0"]
        assert app.chunks.scroll_y == 0


async def test_only_the_things_that_are_laid_out_are_put_into_words() -> None:
    app = Reader()
    asked: list[int] = []

    def lines(thing: int) -> tuple[str]:
        asked.append(thing)
        return (f"thing {thing}",)

    async with app.run_test(size=(40, 12)):
        app.chunks.show("", 1_000_000, lines)
        assert set(asked) == set(range(CHUNK))


async def test_few_lines_stand_without_counting_and_control_characters_are_escaped() -> None:
    app = Reader()
    async with app.run_test(size=(40, 12)) as pilot:
        app.chunks.show("", 2, lambda thing: (f"{thing}\x1b[2J[b]",))
        await pilot.pause()
        assert app.lines == ["0\\x1b[2J[b]", "1\\x1b[2J[b]"]
        app.chunks.show("", 0, lambda _: ())
        await pilot.pause()
        assert app.lines == []


@pytest.mark.parametrize("view", range(1, 7))
async def test_help_and_quit_end_the_keys_whatever_else_there_is(stage: Stage, view: int) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 3)
        await pilot.press(str(view), "down", "down")
        await pilot.pause()
        for width in (80, 60, 160):
            await pilot.resize_terminal(width, 24)
            keys = stage.app.query_one("#keys", Keys)
            shown = str(keys.content)
            assert shown.endswith("? help  q quit")
            assert len(shown) <= keys.content_size.width


def test_a_command_that_needs_two_lines_goes_on_deeper_than_it_begins() -> None:
    command = "  ipvsadm -e -t [2001:db8::10]:443 -r [fd00::1]:443 -i -w 3"
    assert hanging(command, 40) == ["  ipvsadm -e -t [2001:db8::10]:443 -r", "    [fd00::1]:443 -i -w 3"]
    assert hanging("! the last server", 10) == ["! the last", "  server"]
    assert hanging("note  ask the shop team", 14) == ["note  ask the", "      shop", "      team"]
    assert hanging("", 40) == [""]
    assert "".join(hanging("x" * 95, 40)).replace(" ", "") == "x" * 95


class Lines(App[None]):
    def __init__(self, theme: str) -> None:
        super().__init__()
        palette, _ = gather().choose(theme, "", Depth.MANY)
        put_on(self, palette)

    def compose(self) -> ComposeResult:
        yield Summary("summary")
        yield MessageLine("message")


@pytest.mark.parametrize(("theme", "underlined"), [(COARSE, True), (DEFAULT, False)])
async def test_where_bands_have_no_colour_the_row_above_the_foot_is_underlined(theme: str, underlined: bool) -> None:
    app = Lines(theme)
    async with app.run_test(size=(40, 10)) as pilot:
        message = app.query_one(MessageLine)
        message.say("one " * 12)
        await pilot.pause()
        first, last = message.render_lines(message.size.region)[:: message.size.height - 1]
        assert not any(segment.style and segment.style.underline for segment in first)
        assert all(bool(segment.style and segment.style.underline) is underlined for segment in last)
        assert last.cell_length == message.size.width


async def test_a_sentence_above_a_table_is_whole_in_as_many_lines_as_it_needs() -> None:
    app = Lines(DEFAULT)
    async with app.run_test(size=(40, 10)) as pilot:
        summary = app.query_one(Summary)
        for text, height in (
            ("short", 1),
            ("this kernel's nf_tables knows no family inet: load the module", 2),
            ("x", 1),
        ):
            summary.say(text, Tone.WARN)
            await pilot.pause()
            assert summary.size.height == height, text
