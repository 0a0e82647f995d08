"""docs/migrating.md has ten lines for each program; tests/kernel/test_migrating.py takes them."""

from __future__ import annotations

import shlex

from lvstui.commands.arguments import parser
from tests.docs.migrating import commands, lengths


def test_each_program_has_its_way_in_ten_lines_and_there_is_a_way_back() -> None:
    assert list(lengths()) == ["From ipvsadm", "From keepalived", "From ldirectord", "From Piranha", "Back"]
    assert max(lengths().values()) <= 10


def test_the_commands_are_ones_that_there_are() -> None:
    for title, lines in commands().items():
        assert any(line.startswith("lvstui ") for line in lines), title
        for line in lines:
            if line.startswith("lvstui "):
                parser().parse_args(shlex.split(line)[1:])
