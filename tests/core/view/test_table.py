"""Columns are laid out by priority and text fits its cell exactly, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lvstui.core.view.table import Column, escape, fit, layout

COLUMNS = (
    Column("target", "Target", 20, 1, grow=2),
    Column("name", "Name", 8, 3, grow=1),
    Column("weight", "Weight", 6, 1, right=True),
    Column("rate", "Rate", 6, 2, right=True),
    Column("history", "History", 12, 3),
)

columns = st.lists(
    st.builds(
        Column,
        id=st.just("c"),
        title=st.just("C"),
        width=st.integers(1, 30),
        priority=st.integers(1, 5),
        grow=st.integers(0, 3),
    )
)


def ids(width: int) -> list[str]:
    return [column.id for column, _ in layout(COLUMNS, width)]


def test_a_wide_screen_shows_all_columns_and_shares_the_rest_by_grow() -> None:
    assert [(column.id, width) for column, width in layout(COLUMNS, 56 + 9)] == [
        ("target", 20 + 6),
        ("name", 8 + 3),
        ("weight", 6),
        ("rate", 6),
        ("history", 12),
    ]


def test_a_narrow_screen_drops_the_highest_priority_number_first_and_the_last_of_equals() -> None:
    assert ids(56) == ["target", "name", "weight", "rate", "history"]
    assert ids(55) == ["target", "name", "weight", "rate"]
    assert ids(42) == ["target", "weight", "rate"]
    assert ids(30) == ["target", "weight"]


def test_columns_of_priority_one_are_narrowed_rather_than_dropped() -> None:
    assert [(column.id, width) for column, width in layout(COLUMNS, 15)] == [("target", 8), ("weight", 6)]
    assert [(column.id, width) for column, width in layout(COLUMNS, 7)] == [("target", 3), ("weight", 3)]
    assert ids(4) == ["target"]
    assert ids(0) == []
    assert ids(-1) == []


@given(columns, st.integers(0, 200))
def test_a_layout_never_needs_more_than_the_width_and_uses_all_of_it_where_a_column_grows(
    chosen: list[Column], width: int
) -> None:
    placed = layout(chosen, width)
    used = sum(cells for _, cells in placed) + max(0, len(placed) - 1)
    assert used <= width
    assert used == width or not any(column.grow for column, _ in placed)
    if width >= sum(column.width + 1 for column in chosen):
        assert [column for column, _ in placed] == chosen


@given(st.text(), st.integers(0, 20), st.booleans())
def test_any_text_fits_into_exactly_the_cells_it_is_given(text: str, width: int, right: bool) -> None:
    fitted = fit(text, width, right)
    assert cell_len(fitted) == width
    assert fitted.isprintable()


def test_short_text_is_padded_on_the_side_it_is_aligned_to() -> None:
    assert fit("ab", 4) == "ab  "
    assert fit("ab", 4, right=True) == "  ab"


def test_long_text_is_cut_with_a_sign() -> None:
    assert fit("abcdef", 4) == "abc~"
    assert fit("123456", 4, right=True) == "123~"
    assert fit("abcd", 4) == "abcd"
    assert fit("ab", 1) == "~"


def test_a_wide_character_that_does_not_fit_leaves_a_blank() -> None:
    assert fit("日本語", 6) == "日本語"
    assert fit("日本語", 5) == "日本~"
    assert fit("日本語", 4) == "日~ "
    assert fit("日本語", 8, right=True) == "  日本語"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web\x1b[2J", r"web\x1b[2J"),
        ("a\nb\tc\x00", r"a\x0ab\x09c\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("no\u00a0break", r"no\xa0break"),
        ("e\u0301", "é"),
        ("q\u0301", r"q\u0301"),
        ("\U0001f600", r"\U0001f600"),
        ("\ud800", r"\ud800"),
        ("[red]not markup[/]", "[red]not markup[/]"),
        ("Gerät-ü 日本", "Gerät-ü 日本"),
    ],
)
def test_what_could_steer_a_terminal_or_hide_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_every_character_that_is_shown_as_it_is_has_the_width_that_the_screen_counts() -> None:
    shown = [chr(code) for code in range(0x20000) if escape(chr(code)) == chr(code)]
    wrong = [hex(ord(character)) for character in shown if cell_len(fit(character, 3)) != 3]
    assert not wrong
    assert len(shown) > 60_000
