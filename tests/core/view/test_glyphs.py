"""The signs: each takes one cell on every terminal, and has a twin in ASCII."""

from __future__ import annotations

import unicodedata
from dataclasses import fields

import pytest

from lvstui.core.view.glyphs import ASCII, UNICODE, Glyphs


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_sign_takes_one_cell_in_every_locale(glyphs: Glyphs) -> None:
    signs = [getattr(glyphs, field.name) for field in fields(glyphs)]
    texts = [sign for sign in signs if isinstance(sign, str)]
    assert {unicodedata.east_asian_width(sign) for text in texts for sign in text} <= {"N", "Na"}
    assert all(len(text) == 1 for text in texts if text != glyphs.columns)


def test_the_twins_are_ascii_and_say_so() -> None:
    assert all(str(getattr(ASCII, field.name)).isascii() for field in fields(ASCII))
    assert ASCII.ascii_only
    assert not UNICODE.ascii_only


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_a_chart_has_a_sign_for_each_height_of_the_samples_in_a_cell(glyphs: Glyphs) -> None:
    assert len(glyphs.columns) == (glyphs.levels + 1) ** glyphs.samples
    assert glyphs.column([0] * glyphs.samples) == " "
    assert glyphs.column([glyphs.levels] * glyphs.samples) == glyphs.columns[-1]


def test_two_samples_stand_side_by_side_in_braille_and_one_in_ascii() -> None:
    assert UNICODE.column([1, 4]) == "\u28f8"
    assert [ASCII.column([level]) for level in (0, 1, 2)] == [" ", ".", ":"]
