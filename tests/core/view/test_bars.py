"""Bars are as long as they are asked to be, and as full as the part that they show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.view.bars import bar, parts
from lvstui.core.view.glyphs import ASCII, UNICODE
from lvstui.core.view.table import Cell, Tone


def test_a_bar_shows_its_part_with_a_tick_at_the_share_by_weight() -> None:
    assert bar(0.36, 50, UNICODE, 1 / 3) == f"{'⣶' * 16}|⣶{'⠄' * 32}"
    assert bar(0.12, 50, UNICODE, 0) == f"|{'⣶' * 5}{'⠄' * 44}"
    assert bar(0.25, 10, UNICODE) == f"⣶⣶⡆{'⠄' * 7}"
    assert bar(0.25, 8, ASCII, 0.5) == "##..|..."


def test_what_is_more_than_nothing_shows() -> None:
    assert bar(0.0001, 10, UNICODE) == f"⡆{'⠄' * 9}"
    assert bar(0, 10, UNICODE) == "⠄" * 10


@given(st.floats(0, 3), st.integers(0, 60), st.none() | st.floats(-1, 3), st.sampled_from([UNICODE, ASCII]))
def test_a_bar_is_exactly_as_wide_as_asked_for(part: float, width: int, tick: float | None, glyphs: object) -> None:
    assert len(bar(part, width, UNICODE if glyphs is UNICODE else ASCII, tick)) == width


def test_the_pieces_of_a_bar_have_tones_of_their_own() -> None:
    shown = list(parts(Cell("⣶⣶|⠄⠄", Tone.BAR)))
    assert shown == [("⣶⣶", Tone.BAR), ("|", Tone.PLAIN), ("⠄⠄", Tone.TRACK)]
    assert list(parts(Cell("a|b", Tone.WARN))) == [("a|b", Tone.WARN)]
