"""Mistakes in TOML itself: where they are, what was probably meant, and what is told beside them."""

from __future__ import annotations

import pytest

from lvstui.formats.profile.examine import examine
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.syntax import parse_toml

HEAD = 'format = 1\n[[service]]\nservice = "tcp:192.0.2.10:80"\n'


def told(text: str) -> list[str]:
    return [str(mistake).removeprefix("p.toml:") for mistake in examine(text, "p.toml").mistakes]


@pytest.mark.parametrize(
    ("rest", "mistake"),
    [
        ('name = "shop\n', '4: error: name: a quote is not closed; write " at the end of the text'),
        ("name = shop\n", '4: error: name: a text stands in quotes; write "shop"'),
        ("name = “shop”\n", '4: error: name: has quotes of a text processor; write plain ones: "'),
        ("name: 'shop'\n", "4: error: name: a key has = behind it, not :"),
        ("name 'shop'\n", "4: error: name: a key needs = and a value behind it"),
        ("name =\n", "4: error: name: has no value; write one behind ="),
        ("name = 'a'\nname = 'b'\n", "5: error: name: is there twice in this table; take one out"),
        ('note = "c:\\dir"\n', "4: error: note: a \\ in a text is written twice: \\\\"),
        ("persistence = { timeout = 300, }\n", "4: error: persistence: a comma stands before }; take it out"),
        ("persistence = { timeout = 300\n", "4: error: persistence: { is not closed; write } in this line"),
        ("persistence = { timeout = 0300 }\n", "4: error: persistence: a number begins with no 0; take that out"),
        (
            'server = [\n  { server = "10.0.0.1:80" }\n  { server = "10.0.0.2:80" },\n]\n',
            '5: error: server: a comma is missing before { server = "10.0.0.2:80"',
        ),
        (
            'server = [\n  { server = "10.0.0.1:80" weight = 1 },\n]\n',
            "5: error: server: a comma is missing before weight = 1",
        ),
        ('flags = ["flag-1" "flag-2"]\n', '4: error: flags: a comma is missing before "flag-2"'),
        (
            'server = [\n  { server = "10.0.0.1:80" },\n\n[timeouts]\ntcp = 1\ntcp_fin = 1\nudp = 1\n',
            "5: error: server: the list is not closed; write ] behind its last item",
        ),
        (
            '[[service.server]\nserver = "10.0.0.1:80"\n',
            "4: error: service.server: the brackets do not match; write [[service.server]]",
        ),
        (
            "[service]\nservice = 'mark:1'\n",
            "4: error: service: must be a list, not a table; write [[service]] with two brackets",
        ),
        (
            "[sysctl]\nconntrack = 1\n[sysctl]\ncache_bypass = 1\n",
            "6: error: sysctl: [sysctl] is there twice, first in line 4; put both into one",
        ),
        ('name = "a" x\n', "4: error: name: x stands behind the value; take it out, or put it into the next line"),
        ('note = """\n[[x]\na = b\n""" x\n', "7: error: note: x stands behind the value; take it out"),
        ("%include x\n", "4: error: TOML: is no key = value, no [table] and no # comment"),
    ],
)
def test_a_mistake_in_toml_is_told_by_what_was_meant_and_nothing_follows_from_it(rest: str, mistake: str) -> None:
    lines = told(HEAD + rest)
    assert lines[0].startswith(mistake)
    assert len(lines) == 1, lines


def test_what_stands_beside_mistakes_in_toml_is_read_and_checked() -> None:
    lines = told(
        'format = 1\n[[service]]\nname = "shop\nservice = tcp:192.0.2.10:443\nwieght = 1\nserver = [\n'
        '  { server = "10.0.0.1:443", lower = 2, upper = 1 },\n  { server "10.0.0.2:443" },\n'
        '  { server = "10.0.0.3:443", weight = -1 },\n]\n[[mark]]\nmark = 1\nmach = ["tcp"]\n'
    )
    assert [line.split(": ")[0] + " " + line.split(": ")[2] for line in lines] == [
        "3 name",
        "4 service",
        "5 wieght",
        "7 lower",
        "8 server",
        "9 weight",
        "13 mach",
    ]


def test_text_over_several_lines_hides_what_looks_like_a_table() -> None:
    text = HEAD + 'note = """\n[service]\n[[mark]\n"""\nname = shop\n'
    assert told(text) == ['8: error: name: a text stands in quotes; write "shop"']


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_mistakes_in_all_tables_are_told_where_one_has_a_text_over_several_lines(quotes: str) -> None:
    servers = "[[service.server]\nserver = '10.0.0.1:80'\nweight = x\n" * 30
    text = f"{HEAD}note = {quotes}{quotes}  # {quotes}\nname = {quotes}\n[service]\n{quotes}\n{servers}"
    lines = [8 + 3 * number + at for number in range(30) for at in (0, 2)]
    assert [int(line.partition(":")[0]) for line in told(text) if "called" not in line and "twice" not in line] == lines


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_a_text_that_is_not_closed_ends_before_the_next_one(quotes: str) -> None:
    second = f"[[service]]\nservice = 'mark:2'\nnam = 'b'\nnote = {quotes}\n[service]\n{quotes}\n"
    assert told(f"{HEAD}note = {quotes}\nhello\n{second}") == [
        f"4: error: note: {quotes} is not closed; write {quotes} behind the text",
        "8: error: nam: is not a key here; did you mean name?",
    ]


def test_a_text_that_cannot_be_mended_soon_is_told_as_far_as_was_read() -> None:
    lines = told(HEAD + "= 1\n" * 500)
    assert 1 <= len(lines) <= 25
    assert all(": error: " in line for line in lines)


def test_all_mistakes_of_any_other_toml_are_told_as_well() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_toml("[keys]\na = b\n[head]\nc = \n", "config.toml")
    assert list(map(str, caught.value.mistakes)) == [
        'config.toml:2: error: a: a text stands in quotes; write "b"',
        "config.toml:4: error: c: has no value; write one behind =",
    ]


FORMAT_1 = "format = 1\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "[[service]]\nservice = 'tcp:192.0.2.1:80'\npersistence = {\n  timeout = 0,\n}\n",
            [(4, "persistence"), (4, "persistence.timeout")],
        ),
        (
            "[[service]]\nservice = 'tcp:192.0.2.1:80'\nserver = [\n { server = '10.0.0.1:80',\n  wieght = 1 },\n]\n",
            [(5, "server"), (5, "wieght")],
        ),
        ("[[service.server]]\nserver = '10.0.0.1:80'\n", [(2, "server")]),
        (
            "[[service.server]]\nserver = '10.0.0.1:80'\n[[service]]\nservice = 'tcp:192.0.2.1:80'\nfoo = 1\n",
            [(2, "service.server"), (6, "foo")],
        ),
        ("[service]]\nservice = 'tcp:192.0.2.1:80'\n", [(2, "service")]),
        (
            "[[service]]\nservice = 'tcp:192.0.2.1:80'\nname: x\nscheduler wlc\n; c\n// c\n",
            [(4, "name"), (5, "scheduler"), (6, "TOML"), (7, "TOML")],
        ),
        ("[[service]]\nservice = 'tcp:192.0.2.1:80'\nnote = '''\nx\n", [(4, "note")]),
        ('[[service]]\nservice = "tcp:192.0.2.1:80"\nnote = """\nx\n', [(4, "note")]),
    ],
)
def test_each_mistake_is_told_once_at_its_own_line(text: str, lines: list[tuple[int, str]]) -> None:
    found = examine(FORMAT_1 + text, "a.toml").mistakes
    assert [(one.line, one.field) for one in found] == lines, list(map(str, found))


@pytest.mark.parametrize("before", ["", "# a director\n", HEAD])
def test_a_table_that_is_not_read_to_its_end_is_said_and_hides_no_other(before: str) -> None:
    rows = "".join(f"k{number} =\n" for number in range(30))
    lines = told(f'{before}[timeouts]\n{rows}[[service]]\nservice = "tcp:192.0.2.11:80"\nweigth = 1\n')
    given_up = [line for line in lines if "the rest of this table is not read" in line]
    assert len(given_up) == 1
    assert "weigth" in lines[-1]
    assert sum("has no value" in line for line in lines) == 20
