"""What the documents name is there: files, commands, keys, ids."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from lvstui.commands.arguments import parser
from tests.docs.commands import commands
from tests.docs.parts import ROOT, documents
from tests.docs.tour import IDS, KEYS

_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_COMMAND = re.compile(r"^    (lvstui(?: .*)?)$|`(lvstui [^`]+)`", re.MULTILINE)
_MAKE = re.compile(r"^    make ([\w-]+)|`make ([\w-]+)`", re.MULTILINE)
_KEY = re.compile(r"`(\S|Esc|Enter|Space|Del|Tab|Ctrl-\w)`")
_BY_HAND = {"`", "k", "p", "J", "*", "0"}


def said(path: Path) -> Iterator[str]:
    """Yield the command lines of a document that are meant to be typed."""
    for block, word in _COMMAND.findall(path.read_text(encoding="utf-8")):
        line = (block or word).partition("#")[0].strip()
        if not re.search(r"\b[A-Z]{3,}|\.\.\.|[\[(|]", line):  # a usage, not a command
            yield line


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_link_within_the_checkout_leads_somewhere(path: Path) -> None:
    for target in _LINK.findall(path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / unquote(target)).exists(), target


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_command_line_is_one_that_lvstui_takes(path: Path) -> None:
    names = {f"lvstui {name}" for name, _ in commands(parser())}
    for line in said(path):
        if line not in names:  # named alone in a sentence
            parser().parse_args(shlex.split(line)[1:])


def test_command_lines_are_found() -> None:
    assert len(list(said(ROOT / "docs" / "on-call.md"))) > 20


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_everything_that_make_is_asked_for_is_a_target(path: Path) -> None:
    targets = set(re.findall(r"^([\w -]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    known = {word for target in targets for word in target.split()}
    for block, word in _MAKE.findall(path.read_text(encoding="utf-8")):
        assert (block or word) in known


@pytest.mark.parametrize("name", ["README.md", "docs/on-call.md", "docs/lvs.md", "docs/probes.md"])
def test_every_key_that_an_operator_is_told_to_press_is_one(name: str) -> None:
    for key in _KEY.findall((ROOT / name).read_text(encoding="utf-8")):
        assert key in KEYS | _BY_HAND, key


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_field_of_a_table_is_one_of_the_profile(path: Path) -> None:
    profile = (ROOT / "docs" / "profile.md").read_text(encoding="utf-8")
    for field in re.findall(r"\b(?:persistence|tunnel|probe)\.[a-z]+\b", path.read_text(encoding="utf-8")):
        assert f"| `{field}` |" in profile or field in IDS or field.endswith((".md", ".py")), field
