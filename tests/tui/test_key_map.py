"""One key has one meaning in all views, and digits only switch views."""

from __future__ import annotations

from collections import defaultdict

import pytest

from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from lvstui.tui.widgets.table import VirtualTable, shown_columns
from tests.tui.conftest import Stage

MEANT = {
    "d": "drain",
    "b": "put-back",
    "u": "undo",
    "C": "copy",
    "L": "name",
    "number_sign": "note",
    "percent_sign": "scheduler",
    "greater_than_sign": "upper",
    "less_than_sign": "lower",
    "l": "prefix",
    "O": "zero",
    "t": "time",
    "x": "take-out",
    "m": "regroup",
    "M": "move",
    "s": "sort",
    "E": "entries",
    "J": "jump",
    "r": "interval",
    "f": "all",
    "K": "keep",
    "R": "extend",
    "ctrl+t": "trial",
}
"""Keys and the last word of the ids of their commands."""


def meanings() -> dict[str, set[str]]:
    """Return what each key does, as the last words of ids, in all views."""
    found = defaultdict[str, set[str]](set)
    for commands in (EVERYWHERE, *(view.COMMANDS for view in VIEWS)):
        for command in commands:
            for key in filter(None, command.keys.split(",")):
                found[key].add(command.id.rpartition(".")[2])
    return found


def test_a_key_means_one_thing_in_all_views() -> None:
    found = meanings()
    assert {key: words for key, words in found.items() if len(words) > 1} == {}
    assert {key: words for key, words in found.items() if key in MEANT and words != {MEANT[key]}} == {}
    assert set(MEANT) <= set(found)


def test_no_view_binds_a_key_of_the_app_or_of_the_table_anew() -> None:
    every = {key for command in EVERYWHERE for key in command.keys.split(",")}
    moving = {key for binding in VirtualTable.BINDINGS for key in getattr(binding, "key", "").split(",")}
    for view in VIEWS:
        own = [key for command in view.COMMANDS for key in filter(None, command.keys.split(","))]
        assert len(own) == len(set(own)), view
        assert not set(own) & (every | moving), view


def test_digits_only_open_views() -> None:
    digits = {key: words for key, words in meanings().items() if key.isdigit()}
    names = ("services", "persistence", "marks", "connections", "director", "changes")
    assert digits == {str(place): {name} for place, name in enumerate(names, 1)}


@pytest.mark.parametrize("typed", ["10.0.0.77", "600", "0"])
async def test_an_address_or_a_number_that_is_typed_where_nothing_asks_changes_nothing(
    stage: Stage, typed: str
) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down")
        before = stage.director
        for character in typed:
            await pilot.press({".": "full_stop"}.get(character, character))
            assert not any(view.pending for view in stage.app.views.values())
        await pilot.press("enter")
        await stage.look(pilot)
        assert stage.director == before


async def test_s_and_shift_s_sort_by_shown_columns_only_and_say_which(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        shown = [column.id for column in shown_columns(stage.view.table)]
        assert "options" not in shown
        sorted_by = []
        for _ in range(2 * len(shown)):
            await pilot.press("s")
            assert stage.view.table.sort is not None
            sorted_by.append(stage.view.table.sort[0])
        assert set(sorted_by) <= set(shown)
        assert len(set(sorted_by)) > 3
        assert stage.shown("message").startswith("sorted by ")
        await pilot.press("S")
        assert stage.view.table.sort == (sorted_by[-2], False)


async def test_shift_s_goes_to_the_last_column_where_it_is_sorted_by_one_that_is_not_shown(stage: Stage) -> None:
    async with stage.app.run_test(size=(200, 24)) as pilot:
        await stage.look(pilot)
        for _ in range(20):
            await pilot.press("s")
            if stage.view.table.sort == ("options", False):
                break
        await pilot.resize_terminal(80, 24)
        await pilot.press("S")
        assert stage.view.table.sort is not None
        assert stage.view.table.sort[0] == shown_columns(stage.view.table)[-1].id
