"""The short cut for large profiles returns what the TOML parser does, or nothing."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.model import Director
from lvstui.formats.profile.read import read_thoroughly
from lvstui.formats.profile.shortcut import Uncertain, read_quickly
from lvstui.formats.profile.write import dumps
from tests.core.strategies import directors, laws

TEXT = """\
format = 1

[[service]]
service = "mark:80"
server = [
    { name = "web1", server = "10.0.0.11:443", forwarding = "masq", weight = 3 },
    { server = "[fd00::12]:443", forwarding = "tunnel", tunnel = { type = "gue", port = 6080 } },
]
note = "n"
"""

_SNIPPETS = (
    *"{}[],=\"'#\\\n\r\t .0x",
    " }",
    "{ ",
    '"""',
    "'''",
    "server = ",
    "server = [\n",
    '    { server = "10.0.0.11:443" },\n',
    ', name = "web1"',
    ", weight = 3",
    'server = "rows 0"',
    " # x",
    "\x01",
    "é",
)


@laws
@given(directors())
def test_it_reads_whatever_lvstui_writes(director: Director) -> None:
    text = dumps(director)
    try:
        assert read_quickly(text) == director
    except Uncertain:
        assert '"""' in text or "'''" in text or "\\" in text


def agree(text: str) -> bool:
    """Return whether the short cut gave an answer, after holding it against the parser's."""
    try:
        quick = read_quickly(text)
    except (Uncertain, tomllib.TOMLDecodeError):
        return False
    assert quick == read_thoroughly(text, "p")
    return True


@laws
@given(st.integers(0, len(TEXT)), st.integers(0, 12), st.sampled_from(_SNIPPETS), st.integers(0, len(TEXT)))
def test_whatever_is_put_into_a_profile_it_never_answers_otherwise(
    at: int, gone: int, snippet: str, other: int
) -> None:
    changed = TEXT[:at] + snippet + TEXT[at + gone :]
    agree(changed)
    agree(changed[:other] + snippet + changed[other:])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight = 3", 'weight = 3, name = "web2"'),
        ("weight = 3", 'weight = 3, server = "10.0.0.13:443"'),
        ("weight = 3", "weight = 3 # }"),
        ("weight = 3", "weight = 3, weight = 4"),
        ("weight = 3", "weight = 03"),
        ("10.0.0.11:443", "10.0.0.011:443"),
        ("10.0.0.11:443", "[fd00::12]:443"),
        ("10.0.0.11:443", "10.0.0.11\t:443"),
        ('note = "n"', 'note = """\nserver = [\n    { server = "10.0.0.11:443" },\n]\n"""'),
        ('note = "n"', 'server = [\n    { server = "10.0.0.13:443" },\n]'),
        ("    { server", '    { name = "web1", server'),
        ("    { server", f'    {{ name = "{"w" * 257}", server'),
        ("format = 1", 'format = 1\nserver = [\n    { server = "10.0.0.13:443" },\n]'),
    ],
)
def test_it_leaves_to_the_parser_what_is_not_as_lvstui_writes_it(old: str, new: str) -> None:
    assert agree(TEXT)
    assert not agree(TEXT.replace(old, new))


def test_rows_that_are_not_as_lvstui_writes_them_are_left_to_the_parser_where_they_stand() -> None:
    assert agree(TEXT.replace("weight = 3", 'weight = 3 }, { server = "10.0.0.13:443"'))
    assert agree(TEXT.replace(" },", " }, # x"))


def test_a_text_that_looks_like_its_own_marks_is_no_row() -> None:
    text = TEXT.replace('note = "n"', 'note = "rows 0"\n[[service]]\nservice = "mark:81"\nserver = "rows 0"')
    assert not agree(text)
    assert agree(text.replace('\nserver = "rows 0"', ""))
