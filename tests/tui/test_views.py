"""Each view is a table of commands over the same widgets, small enough to be read at once."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence

import pytest

import lvstui.tui
from lvstui.tui.commands import AnyCommand
from lvstui.tui.everywhere import EVERYWHERE, VIEWS

MOST_METHODS = 20

TABLES: dict[str, Sequence[AnyCommand]] = {view.NAME: view.COMMANDS for view in VIEWS}


def classes() -> Iterator[type]:
    """Yield the classes that the screens define."""
    for found in pkgutil.walk_packages(lvstui.tui.__path__, "lvstui.tui."):
        module = importlib.import_module(found.name)
        yield from (kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == found.name)


def test_every_view_has_a_digit() -> None:
    opening = [(command.id, command.keys) for command in EVERYWHERE if command.id.startswith("view.")]
    assert opening == [(f"view.{name}", str(place)) for place, name in enumerate(TABLES, 1)]


@pytest.mark.parametrize("commands", [*TABLES.values(), EVERYWHERE], ids=[*TABLES, "everywhere"])
def test_in_a_view_each_id_and_each_key_stands_for_one_command_with_words(commands: Sequence[AnyCommand]) -> None:
    ids = [command.id for command in commands]
    keys = [key for command in commands for key in command.keys.split(",") if key]
    assert len(set(ids)) == len(ids)
    assert len(set(keys)) == len(keys)
    assert all(command.help for command in commands)


def test_no_class_has_more_methods_than_one_can_keep_in_mind_counting_those_it_inherits_from_ours() -> None:
    for kind in classes():
        ours = [base for base in kind.__mro__ if base.__module__.startswith("lvstui.")]
        written = {name for base in ours for name, value in vars(base).items() if _is_written(value)}
        assert len(written) <= MOST_METHODS, (kind.__name__, sorted(written))


def _is_written(value: object) -> bool:
    """Return whether a method stands in the source, unlike those that a dataclass gets by itself."""
    return isinstance(value, property) or (hasattr(value, "__code__") and "<" not in value.__code__.co_filename)
