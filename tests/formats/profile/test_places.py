"""Where values stand in a TOML text."""

from __future__ import annotations

import tomllib

import pytest

from lvstui.formats.profile.places import has_comments, lines

TEXT = '''\
# one = 0
title = "a # b" # c
"quoted \\"key\\"".part . 'x.y' = 1
when = 1979-05-27 07:32:00
text = """
[not.a.table]
a = "1" \\"""
"""
raw = \'\'\'
[[nor.this]]\'\'\'
numbers = [
  1, # first
  [2,
   3],
  { a = 1.5, b = { c = [] } }, {},
]

[[item]]
name = "first"
[item.sub]
deep = 1
[[item.part]]
p = 1
[[item.part]]
p = 2

[[item]]
parts = [
  { p = 1 },
  { p = 2, q = [3,
    4] }]
'''


def test_every_value_is_found_at_its_line() -> None:
    tomllib.loads(TEXT)
    assert lines(TEXT) == {
        ("title",): 2,
        ('quoted "key"',): 3,
        ('quoted "key"', "part"): 3,
        ('quoted "key"', "part", "x.y"): 3,
        ("when",): 4,
        ("text",): 5,
        ("raw",): 9,
        ("numbers",): 11,
        ("numbers", 0): 12,
        ("numbers", 1): 13,
        ("numbers", 1, 0): 13,
        ("numbers", 1, 1): 14,
        ("numbers", 2): 15,
        ("numbers", 2, "a"): 15,
        ("numbers", 2, "b"): 15,
        ("numbers", 2, "b", "c"): 15,
        ("numbers", 3): 15,
        ("item",): 18,
        ("item", 0): 18,
        ("item", 0, "name"): 19,
        ("item", 0, "sub"): 20,
        ("item", 0, "sub", "deep"): 21,
        ("item", 0, "part"): 22,
        ("item", 0, "part", 0): 22,
        ("item", 0, "part", 0, "p"): 23,
        ("item", 0, "part", 1): 24,
        ("item", 0, "part", 1, "p"): 25,
        ("item", 1): 27,
        ("item", 1, "parts"): 28,
        ("item", 1, "parts", 0): 29,
        ("item", 1, "parts", 0, "p"): 29,
        ("item", 1, "parts", 1): 30,
        ("item", 1, "parts", 1, "p"): 30,
        ("item", 1, "parts", 1, "q"): 30,
        ("item", 1, "parts", 1, "q", 0): 30,
        ("item", 1, "parts", 1, "q", 1): 31,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# ours\na = 1", False),
        ("# ours\na = 1 # theirs", True),
        ("# theirs\na = 1", True),
        ('a = "# no comment"', False),
        ("a = '# no comment'", False),
        ('a = """\n# no comment"""', False),
        ('a = "\\" # no comment"', False),
        ("a = '\\' # a comment", True),
    ],
)
def test_comments_are_distinguished_from_text_and_from_our_own_line(text: str, expected: bool) -> None:
    assert has_comments(text, "# ours") is expected
