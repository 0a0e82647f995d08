"""Columns are laid out by priority and text fits its cell exactly, whatever it holds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lvstui.core.view.table import Column, escape, fit, gap, layout, pair

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
    assert [(column.id, width) for column, width in layout(COLUMNS, 57 + 9)] == [
        ("target", 20 + 6),
        ("name", 8 + 3),
        ("weight", 6),
        ("rate", 6),
        ("history", 12),
    ]


def test_a_narrow_screen_drops_the_highest_priority_number_first_and_the_last_of_equals() -> None:
    assert ids(57) == ["target", "name", "weight", "rate", "history"]
    assert ids(56) == ["target", "name", "weight", "rate"]
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
    gaps = sum(gap(before, column, cells) for (before, _), (column, cells) in pairwise(placed))
    used = sum(cells for _, cells in placed) + gaps
    assert used <= width
    assert used == width or not any(column.grow for column, _ in placed)
    if width >= sum(column.width + 1 for column in chosen):
        assert [column for column, _ in placed] == chosen


def test_a_column_that_needs_its_width_is_narrowed_after_the_others() -> None:
    client, rest = Column("client", "Client", 21, 1, least=21), Column("server", "Server", 18, 1)
    assert [width for _, width in layout((client, rest), 32)] == [21, 10]
    assert [width for _, width in layout((client, rest), 20)] == [16, 3]


def test_a_column_grows_no_wider_than_it_needs() -> None:
    name, rest = Column("name", "Name", 10, 1, grow=1, most=20), Column("state", "State", 10, 1)
    assert [width for _, width in layout((name, rest), 120)] == [20, 10]


def test_an_address_that_has_no_column_any_more_follows_its_name() -> None:
    name, address = Column("name", "Name", 15, 1), Column("address", "Address", 22, 2, behind=True)
    assert [width for _, width in layout((name, address), 38)] == [15, 22]
    assert [width for _, width in layout((name, address), 37)] == [15, 0]
    assert pair("    web1", "10.0.0.11:80", 25, 0, 0) == ("    web1", " 10.0.0.11:80    ")


def test_a_name_and_its_address_share_the_room_of_both() -> None:
    assert pair("web1", "10.0.0.11:80", 6, 1, 14) == ("web1  ", " 10.0.0.11:80  ")
    assert pair("- tcp:192.0.2.10:80", "", 6, 1, 14) == ("- tcp:192.0.2.10:80  ", "")
    assert pair("checkout-eu", "[fd00::11]:80", 8, 1, 12) == ("checko\u203a", " [fd00::11]:80")
    assert pair("    web1", "[fd00:1234:5678::11]:80", 8, 1, 12) == ("    ", "\u203a234:5678::11]:80")


def test_a_name_that_would_be_cut_leaves_of_an_address_without_a_column_its_port_alone() -> None:
    assert pair("mail-in", "192.0.2.25:25", 18, 0, 0) == ("mail-in", " :25       ")
    assert pair("web1", "10.0.0.11:443", 18, 0, 0) == ("web1", " 10.0.0.11:443")
    assert pair("api", "[2001:db8::10]:443", 18, 0, 0) == ("api", " :443          ")
    assert pair("    checkout-eu-west", "10.0.0.11:443", 18, 0, 0) == ("    checkout\u203a", " :443")
    assert pair("portal", "mark:80", 12, 0, 0) == ("por\u203a", " mark:80"), "a mark is no port"
    assert pair("portal", "fd00::1:22", 14, 0, 0) == ("po\u203a", " fd00::1:22"), "an address without a port is whole"


@given(st.text(), st.text(), st.integers(0, 20), st.integers(0, 2), st.integers(0, 20))
def test_a_pair_is_exactly_as_wide_as_both_columns(
    name: str, address: str, first: int, between: int, second: int
) -> None:
    assert cell_len("".join(pair(name, address, first, between, second))) == first + between + second


def test_what_ends_in_a_port_keeps_it_when_it_is_cut() -> None:
    assert fit("tcp:192.0.2.10:443", 15) == "\u203a192.0.2.10:443"
    assert fit("[fd00::1]:8443", 8) == "\u203a1]:8443"


@given(st.text(), st.integers(0, 20), st.booleans())
def test_any_text_fits_into_exactly_the_cells_it_is_given(text: str, width: int, right: bool) -> None:
    fitted = fit(text, width, right)
    assert cell_len(fitted) == width
    assert fitted.isprintable()


def test_short_text_is_padded_on_the_side_it_is_aligned_to() -> None:
    assert fit("ab", 4) == "ab  "
    assert fit("ab", 4, right=True) == "  ab"


def test_long_text_is_cut_with_a_sign() -> None:
    assert fit("abcdef", 4) == "abc\u203a"
    assert fit("123456", 4, right=True) == "123\u203a"
    assert fit("abcd", 4) == "abcd"
    assert fit("ab", 1) == "\u203a"


def test_a_wide_character_that_does_not_fit_leaves_a_blank() -> None:
    assert fit("日本語", 6) == "日本語"
    assert fit("日本語", 5) == "日本\u203a"
    assert fit("日本語", 4) == "日\u203a "
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
