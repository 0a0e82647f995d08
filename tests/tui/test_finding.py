"""A search leaves rows where they are; a filter that is half typed does; both remember what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.observed import RowKey
from lvstui.core.services.row import ServiceLook
from lvstui.core.services.rows import cells
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Cell
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.views.services import ServicesView
from tests.tui.conftest import Stage
from tests.tui.test_services import message


def rows(stage: Stage) -> list[object]:
    return list(stage.view.table.selection.keys)


def under_cursor(stage: Stage) -> str:
    key = stage.view.table.cursor_key
    assert key is not None
    return " ".join(cell.text for cell in stage.view.table._cells(key))


async def test_a_search_goes_through_the_rows_that_match_and_wraps_with_a_word(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        everything = rows(stage)
        await pilot.press("ctrl+f", *"WEB2", "enter")
        count = sum(
            "web2" in " ".join(c.text for c in stage.view.table._cells(key)) for key in stage.view.table.selection.keys
        )
        assert count > 1
        assert message(stage).startswith(f"1 of {count} with WEB2")
        assert "web2" in under_cursor(stage)
        first = stage.view.table.cursor_key
        for place in range(2, count + 1):
            await pilot.press("n")
            assert message(stage).startswith(f"{place} of {count} with WEB2")
        await pilot.press("n")
        assert message(stage).startswith(f"1 of {count} with WEB2; from the top again")
        assert stage.view.table.cursor_key == first
        await pilot.press("N")
        assert message(stage).startswith(f"{count} of {count} with WEB2; from the end again")
        assert rows(stage) == everything
        assert stage.view.filter_text == ""


async def test_a_search_of_a_large_table_looks_at_no_more_rows_than_up_to_the_next_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvstui.tui.views.finding._COUNTED", 5)
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        view, asked = stage.app.query_one(ServicesView), list[object]()

        def noted(snapshot: Snapshot, look: ServiceLook, key: RowKey) -> Sequence[Cell]:
            asked.append(key)
            return cells(snapshot, look, key)

        monkeypatch.setattr(view, "ROWS", replace(view.ROWS, cells=noted))
        await pilot.press("ctrl+f", *"web1", "enter")
        at, number = view.table.selection.cursor, len(view.table.selection.keys)
        assert message(stage).startswith(f"row {at + 1} of {number} with web1")
        asked.clear()
        await pilot.press("n")
        assert "web1" in under_cursor(stage)
        step = view.table.selection.cursor - at
        assert set(asked) == set(view.table.selection.keys[at + 1 : at + step + 1])
        await pilot.press("ctrl+f", *"xyzzy", "enter")
        assert "no row has xyzzy" in message(stage)


async def test_a_search_where_there_is_no_row_says_so(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        await pilot.press("slash", *"xyzzy", "enter", "ctrl+f", *"web1", "enter")
        assert "no row has web1" in message(stage)
        await pilot.press("N")
        assert "no row has web1" in message(stage)


async def test_n_without_a_search_asks_and_what_is_nowhere_is_said(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        before = stage.view.table.cursor_key
        await pilot.press("n")
        assert stage.view.prompt.has_class("asking")
        await pilot.press(*"xyzzy", "enter")
        assert "no row has xyzzy" in message(stage)
        assert stage.view.table.cursor_key == before


async def test_all_views_can_be_searched(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        for view in "123456":
            await pilot.press(view, "ctrl+f")
            assert stage.app.view.prompt.has_class("asking")
            await pilot.press("escape")


async def test_a_filter_that_is_half_typed_never_empties_the_table(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        everything = rows(stage)
        await pilot.press("slash", *"weigh")
        assert rows(stage)
        assert len(rows(stage)) < len(everything)  # what `we` finds
        assert "no row has weigh" in message(stage)
        await pilot.press(*"t=foo")
        assert rows(stage)
        assert stage.shown("wrong")
        await pilot.press("backspace", "backspace", "backspace", "0")
        assert message(stage) == ""
        assert stage.view.filter_text == "weight=0"
        await pilot.press("enter")
        await pilot.press("slash", *"xyzzy", "enter")
        assert rows(stage) == []
        assert stage.view.filter_text == "xyzzy"


async def test_up_and_down_go_through_the_filters_before_also_the_next_time(stage: Stage, tmp_path: Path) -> None:
    stage.remember(ViewMemory(tmp_path / "view.toml"))
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        for text in ("web", "weight=0", "web"):
            await pilot.press("slash", *text, "enter", "escape")
        await pilot.press("slash", "up")
        assert stage.view.filter_text == "web"
        await pilot.press("up")
        assert stage.view.filter_text == "weight=0"
        await pilot.press("up", "down")
        assert stage.view.filter_text == "web"
        await pilot.press("down")
        assert stage.view.filter_text == ""
        await pilot.press("escape", "2", "slash", "up")
        assert stage.app.view.bearings.filter == ""
    assert list(ViewMemory(tmp_path / "view.toml").filters("services")) == ["web", "weight=0"]
