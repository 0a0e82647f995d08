"""The manual pages are those that `make docs` would write, name what the program reads, and are clean for man."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date

import pytest

from lvstui import __version__
from tests.docs import man
from tests.docs.parts import ROOT
from tests.docs.roff import inline, page

_PAGES = man.pages()
_OTHERS = {"TMUX", "STY", "SUDO_UID", "PATH", "LANG"}
"""Variables that others set for us, and nobody by himself."""


@pytest.mark.parametrize("name", _PAGES)
def test_a_page_is_the_one_that_make_docs_would_write(name: str) -> None:
    assert (man.FOLDER / name).read_text(encoding="ascii") == _PAGES[name], "run `make docs`"


@pytest.mark.parametrize("name", _PAGES)
@pytest.mark.parametrize("command", [["man", "--warnings", "-l"], ["groff", "-ww", "-z", "-man", "-Tutf8"]])
def test_a_page_is_clean_and_fits_a_terminal(name: str, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here: apt-get install man-db groff")
    ended = subprocess.run(
        [*command, str(man.FOLDER / name)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )
    assert ended.stderr == ""
    if command[0] == "man":
        prose, _, _ = ended.stdout.partition("\nEXAMPLE\n")  # a profile that people widen as they like
        assert [line for line in prose.splitlines() if len(line) > 80] == []


def test_the_page_has_what_a_page_has() -> None:
    for name, sections in (
        ("lvstui.1", "NAME SYNOPSIS DESCRIPTION OPTIONS COMMANDS FILES ENVIRONMENT EXAMPLES"),
        ("lvstui-profile.5", "NAME DESCRIPTION KEYS EXAMPLE"),
    ):
        found = re.findall(r'^\.SH "?([^"\n]+)"?$', _PAGES[name], re.MULTILINE)
        assert set(sections.split()) | {"SEE ALSO"} <= set(found)
        assert f'"lvstui {__version__}"' in _PAGES[name]


def test_every_variable_that_the_program_reads_is_named() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lvstui").rglob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', sources))
    assert "XDG_STATE_HOME" in read
    for name in read - _OTHERS:
        assert name in _PAGES["lvstui.1"], name


def test_the_date_is_the_one_of_the_changelog_so_that_a_page_is_made_twice_the_same() -> None:
    assert man.date() == "" or date.fromisoformat(man.date())
    assert f'"{man.date()}"' in _PAGES["lvstui.1"].splitlines()[1]


@pytest.mark.parametrize(
    ("markdown", "roff"),
    [
        ("`--json` and *this* or **that**", "\\fB\\%\\-\\-json\\fR and \\fIthis\\fR or \\fBthat\\fR"),
        ("see [keys.md](keys.md) \\ ~", "see keys.md \\e \\(ti"),
        (".dot", "\\&.dot"),
        ("`it's`", "\\fB\\%it\\(aqs\\fR"),
    ],
)
def test_what_troff_would_take_for_its_own_is_escaped(markdown: str, roff: str) -> None:
    assert inline(markdown) == roff


def test_tables_lists_and_examples_become_what_a_page_has_for_them() -> None:
    assert page("| key | type | default | what |\n| --- | --- | --- | --- |\n| `a.b` | text | none | It is `x`. |") == (
        ".TP\n\\fBa.b\\fR\nIt is \\fB\\%x\\fR. (text)\n"
    )
    assert page("- one\n  more\n- two") == ".IP \\(bu 3\none more\n.IP \\(bu 3\ntwo\n"
    assert page("    lvstui x  # y") == ".PP\n.RS 4\n.EX\nlvstui x  # y\n.EE\n.RE\n"
    assert page("## A `b`\n\ntext") == '.SH "A \\(gaB\\(ga"\n.PP\ntext\n'
