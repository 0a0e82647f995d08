"""Charts: their scale, their dots, their axis, and what happened under it."""

from __future__ import annotations

import pytest

from lvstui.core.view.chart import Chart, Samples, Span, columns_in, draw, scale_top, span_words
from lvstui.core.view.glyphs import ASCII, UNICODE, Glyphs
from lvstui.core.view.table import cell_count

WIDTH = 62


def drawn(samples: Samples, *, rows: int = 2, glyphs: Glyphs = ASCII, width: int = WIDTH) -> list[str]:
    """Draw a chart whose newest columns are these."""
    chart = Chart(lambda _, columns: [*[None] * (columns - len(samples)), *samples], 5, rows=rows)
    return ["".join(cell.text for cell in line) for line in draw([chart], Span.SECONDS, width, glyphs)]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (1.1, 1.2), (7, 8), (9, 10), (13, 16), (317, 320), (321, 400), (208_000, 240_000)]
)
def test_the_scale_ends_at_the_next_round_number(most: float, top: float) -> None:
    assert scale_top(most) == pytest.approx(top)


def test_a_chart_is_filled_from_zero_and_what_was_not_read_is_blank() -> None:
    upper, lower, _ = drawn([0, 5, None, 10])
    assert upper[5:47].endswith("   :")
    assert lower[5:47].endswith(".: :")
    assert upper.startswith("  10 ")
    assert lower.startswith("   0 ")


def test_braille_holds_two_samples_in_a_cell_and_its_blank_is_a_blank() -> None:
    upper, lower, _ = drawn([None, None, 0, 10], glyphs=UNICODE)
    assert upper[5:50].endswith(" ⢸")
    assert lower[5:50].endswith(" ⣸")
    assert "\u2800" not in upper + lower


def test_three_samples_are_a_chart_already() -> None:
    lines = drawn([4, 5, 6], rows=4, glyphs=UNICODE)
    assert lines[0].split()[-2:] == ["now", "5"]
    assert lines[1].split()[-2:] == ["mean", "5"]
    assert lines[2].split()[-2:] == ["top", "6"]
    assert all(cell_count(line) <= WIDTH for line in lines)


def test_the_axis_says_how_long_ago_and_what_happened() -> None:
    chart = Chart(lambda _, columns: [1.0] * columns, 1, marks=[(300, "refusing"), (5000, "long ago")])
    axis = "".join(cell.text for cell in draw([chart], Span.MINUTES, WIDTH, UNICODE)[-1])
    assert axis.strip().startswith("15 min ago")
    assert axis.rstrip().endswith("now")
    assert axis[5 + 30 :].startswith("^ refusing")
    assert "long ago" not in axis


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Span.SECONDS, "last 90 s, 1 s a column"),
        (Span.MINUTES, "last 15 min, 10 s a column"),
        (Span.HOUR, "last 1 h, 40 s a column"),
        (Span.DAY, "last 24 h, 16 min a column"),
    ],
)
def test_a_span_is_said_in_words(span: Span, words: str) -> None:
    assert span_words(span, columns_in(WIDTH, UNICODE)) == words


def test_a_chart_without_room_is_none() -> None:
    assert draw([Chart(lambda _, columns: [1.0] * columns, 1)], Span.SECONDS, 20, UNICODE) == []


def test_the_scale_shrinks_once_what_needed_it_has_passed_by() -> None:
    assert drawn([100, *[1] * 40])[0].startswith(" 100 ")
    assert drawn([*[1] * 42])[0].startswith("   1 ")


@pytest.mark.parametrize(
    ("span", "glyphs", "axis"),
    [
        (Span.SECONDS, UNICODE, ["90", "s", "ago", "60", "30", "now"]),
        (Span.MINUTES, UNICODE, ["15", "min", "ago", "10", "5", "now"]),
        (Span.MINUTES, ASCII, ["7", "min", "ago", "now"]),
        (Span.HOUR, UNICODE, ["60", "min", "ago", "40", "20", "now"]),
        (Span.DAY, UNICODE, ["24", "h", "ago", "16", "8", "now"]),
    ],
)
def test_the_numbers_under_an_axis_are_all_of_one_unit(span: Span, glyphs: Glyphs, axis: list[str]) -> None:
    chart = Chart(lambda _, columns: [1.0] * columns, 1)
    assert "".join(cell.text for cell in draw([chart], span, WIDTH, glyphs)[-1]).split() == axis
