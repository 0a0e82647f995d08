"""Numbers that fit a narrow column."""

import pytest

from lvstui.core.view.brief import compact, duration, sparkline
from lvstui.core.view.glyphs import ASCII
from lvstui.core.view.table import fit
from lvstui.core.words import span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (0.04, "0.1"),
        (2.5, "2.5"),
        (950, "950"),
        (999.6, "1.0k"),
        (1234, "1.2k"),
        (99_949, "99.9k"),
        (123_456, "123k"),
        (999_600, "1.0M"),
        (2**40, "1.1T"),
        (2**64, "18447P"),
    ],
)
def test_a_number_shrinks_to_what_can_be_read_at_a_glance(value: float, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (45, "45s"), (90, "90s"), (300, "5m"), (7200, "2h"), (86400, "1d")]
)
def test_a_duration_uses_the_largest_unit_that_divides_it(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_the_highest_value_fills_the_chart_and_zero_leaves_it_blank() -> None:
    assert sparkline([0, 4, 2, 1], 4, ASCII) == " :.."
    assert sparkline([0, 0, 4, 4, 2, 2, 1, 1], 4) == " \u28ff\u28e4\u28c0"


def test_a_small_value_beside_a_large_one_is_still_seen() -> None:
    assert sparkline([1000, 1], 2, ASCII) == ":."


def test_gaps_and_a_short_history_are_blank_on_the_left() -> None:
    assert sparkline([None, 5], 4, ASCII) == "   :"


def test_braille_holds_two_values_in_a_character() -> None:
    assert sparkline([4, 4, 0, 4], 2) == "\u28ff\u28b8"


def test_a_chart_of_braille_is_shown_as_it_is_where_it_is_empty() -> None:
    chart = sparkline([4, 4, 4], 4)
    assert chart == "  \u28b8\u28ff"
    assert fit(chart, 4) == chart


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119.4, "119 s"), (240, "4 min"), (7199, "119 min"), (3 * 3600, "3 h"), (50 * 3600, "2 d")],
)
def test_how_long_ago_something_was_is_said_in_the_largest_unit_that_it_has_two_of(seconds: float, text: str) -> None:
    assert span(seconds) == text
