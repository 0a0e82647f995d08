"""Each view is a table of commands over the same widgets, small enough to be read at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lvstui.tui.commands import AnyCommand
from lvstui.tui.everywhere import EVERYWHERE, VIEWS

TABLES: dict[str, Sequence[AnyCommand]] = {view.NAME: view.COMMANDS for view in VIEWS}


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
