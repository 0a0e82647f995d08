"""Sentences name keys with their commands, so that they name the right ones whatever the configuration gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lvstui
from lvstui.core.keys import give, key_name, with_keys
from lvstui.tui.known import known

NAMED = re.compile(r"\{([^{}\s]+):([a-z.-]+)\}")


def named() -> Iterator[tuple[str, str, str]]:
    """Yield the file, the key and the command of every key that a text names."""
    for path in Path(lvstui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "keys.py":
                for found in NAMED.finditer(node.value):
                    yield path.name, found[1], found[2]


def test_each_key_that_a_text_names_is_the_first_of_its_command() -> None:
    first = {id: key_name(line.keys[0]) for id, line in known().ids.items() if line.keys}
    found = list(named())
    assert len(found) > 40
    assert [one for one in found if first.get(one[2], "").casefold() != one[1].casefold()] == []


def test_a_text_names_the_key_that_a_command_was_given_or_its_id_where_it_has_none() -> None:
    text = "{M:entries.move} moves them, {E:entries} shows them"
    assert with_keys(text) == "M moves them, E shows them"
    give({"entries.move": ("f6",), "entries": ()})
    try:
        assert with_keys(text) == "F6 moves them, :entries shows them"
    finally:
        give({})
