"""Columns and filter fields of all views: each is whole in the one place where it stands."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lvstui.core.changes.rows import CHANGE_COLUMNS
from lvstui.core.director.rows import DIRECTOR_COLUMNS
from lvstui.core.entries import columns as entries
from lvstui.core.entries import connections
from lvstui.core.marks import columns as marks
from lvstui.core.services import columns as services
from lvstui.core.services import filter as service_filter
from lvstui.core.view.filter import Language
from lvstui.core.view.table import Arranged, Column, R, RowColumn, cells, shown_columns, sort_key, sortable, text_column

COLUMNS: Sequence[Sequence[Column]] = (
    services.SERVICE_COLUMNS,
    entries.ENTRY_COLUMNS,
    connections.CONNECTION_COLUMNS,
    marks.MARK_COLUMNS,
    DIRECTOR_COLUMNS,
    CHANGE_COLUMNS,
)
WORDS: Sequence[RowColumn[str]] = (
    text_column("word", "Word", 8, 1, lambda word: word),
    RowColumn("size", "Size", 4, 2, right=True, cell=lambda word: cells(WORDS[:1], Arranged(), word)[0]),
    RowColumn("end", "End", 4, 3, cell=lambda word: cells(WORDS[:1], Arranged(), word[-1])[0], sort=lambda w: (w[-1],)),
)


@pytest.mark.parametrize("columns", COLUMNS, ids=lambda columns: columns[1].id)
def test_the_first_column_of_a_view_says_what_a_row_is_and_all_have_other_ids(columns: Sequence[Column]) -> None:
    assert columns[0].priority == 1
    assert len({column.id for column in columns}) == len(columns)


def unexplained(language: Language[R]) -> list[str]:
    """Return the fields that are not in a language's help with words of their own."""
    lines = [line.split(maxsplit=1) for line in language.help.splitlines()]
    found = zip(language.operators, lines, strict=True)
    return [field.name for field, line in found if line != [field.name, field.help]]


def test_every_filter_field_says_what_it_is_in_help() -> None:
    assert unexplained(service_filter.LANGUAGE) == unexplained(entries.LANGUAGE) == []
    assert unexplained(connections.LANGUAGE) == unexplained(marks.LANGUAGE) == []


def test_rows_are_ordered_by_a_column_and_then_by_their_own_place() -> None:
    order = sort_key(WORDS, Arranged(sort="end"), lambda word: (word,))
    assert sorted(["cab", "bb", "aa"], key=order) == ["aa", "bb", "cab"]
    assert sorted(["b", "a"], key=sort_key(WORDS, Arranged(sort="size"), lambda word: (word,))) == ["a", "b"]
    assert sortable(WORDS) == ("word", "end")


def test_a_hidden_column_has_no_cell_and_a_row_that_is_gone_has_empty_ones() -> None:
    look = Arranged(hidden=frozenset(["size"]))
    assert [column.id for column in shown_columns(WORDS, look)] == ["word", "end"]
    assert [cell.text for cell in cells(WORDS, look, "ab")] == ["ab", "b"]
    assert [cell.text for cell in cells(WORDS, look, None)] == ["", ""]
