"""A command line is parted into words, and what may stand last is found, whatever the words have in them."""

from __future__ import annotations

import pytest

from lvstui.core.fields import FieldError
from lvstui.core.view.command_line import fitting, last_word, quoted, remedy, words


@pytest.mark.parametrize(
    "word", ["web1", "my web", "it's", "a\\b", "a\\\\b c", "#5", "10.0.0.1:80", "näme $(id) `id`;"]
)
def test_a_word_that_is_quoted_is_read_as_that_word(word: str) -> None:
    assert words(f"5 {quoted(word)} web2") == ["5", word, "web2"]


def test_an_open_quote_and_a_word_too_many_are_sentences() -> None:
    with pytest.raises(FieldError, match="a quote is open"):
        words('name "web')
    with pytest.raises(FieldError, match="'b' is one word too many"):
        words("a b", 1)


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("", ("", "")),
        ("5 ", ("5 ", "")),
        ("5 we", ("5 ", "we")),
        ('5 "my w', ("5 ", "my w")),
        ("a 'b c' d", ("a 'b c' ", "d")),
    ],
)
def test_the_last_word_is_the_one_that_is_being_typed(text: str, parted: tuple[str, str]) -> None:
    assert last_word(text) == parted


def test_what_fits_begins_so_in_any_case_and_has_no_hidden_sign() -> None:
    known = ["web1", "WEB2", "db", "web\x1b[31m", "web\u202e", 'web"', "web1"]
    assert fitting(known, "We") == ["web1", "WEB2"]


def test_an_unknown_word_is_answered_with_the_one_that_was_meant_or_with_some() -> None:
    assert remedy("wbe1", ["web1", "db"]) == "did you mean web1?"
    assert remedy("x", ["aa", "bb"]) == "there are aa, bb"
    assert remedy("x", []) == "there are none"
