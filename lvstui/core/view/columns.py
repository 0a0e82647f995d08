"""Columns that know their rows: title, width, cell, order and exact value of a column stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from lvstui.core.view.table import Arranged, Cell, Column, Tone

R = TypeVar("R")
"""A row with all that is known of it."""

SortValue: TypeAlias = tuple[float | str, ...]

Value: TypeAlias = str | int | None
"""What a column holds exactly, for text and JSON; None where it is not known."""


@dataclass(frozen=True, slots=True)
class RowColumn(Column, Generic[R]):
    """One column of a view.

    Rows are put in order by `sort`, and not by this column where it is None. A column with a `value` stands in what
    `show` prints too, under `heading` (empty: the title in capitals); with `last` behind the others.
    """

    cell: Callable[[R], Cell] = field(kw_only=True)
    sort: Callable[[R], SortValue] | None = field(default=None, kw_only=True)
    value: Callable[[R], Value] | None = field(default=None, kw_only=True)
    heading: str = field(default="", kw_only=True)
    last: bool = field(default=False, kw_only=True)


def text_column(
    id: str,
    title: str,
    width: int,
    priority: int,
    text: Callable[[R], str],
    tone: Tone = Tone.PLAIN,
    *,
    grow: int = 0,
) -> RowColumn[R]:
    """Return a column that shows a text, is sorted by it, and prints it as it is."""
    return RowColumn(
        id,
        title,
        width,
        priority,
        grow=grow,
        cell=lambda row: Cell(text(row), tone),
        sort=lambda row: (text(row),),
        value=text,
    )


def sortable(columns: Iterable[RowColumn[R]]) -> tuple[str, ...]:
    """Return the ids of the columns by which rows can be put in order."""
    return tuple(column.id for column in columns if column.sort is not None)


def shown(columns: Sequence[RowColumn[R]], look: Arranged) -> tuple[RowColumn[R], ...]:
    """Return the columns that are not hidden."""
    return tuple(column for column in columns if column.id not in look.hidden)


def cells(columns: Sequence[RowColumn[R]], look: Arranged, row: R | None) -> tuple[Cell, ...]:
    """Return a row's cells, one for each column that is not hidden; empty ones for a row that is gone."""
    if row is None:
        return tuple(Cell("") for _ in shown(columns, look))
    return tuple(column.cell(row) for column in columns if column.id not in look.hidden)


def sort_key(
    columns: Sequence[RowColumn[R]], look: Arranged, place: Callable[[R], SortValue]
) -> Callable[[R], SortValue]:
    """Return what rows are sorted by: the value in the column of `look`, and their own place where that is equal."""
    sort = next((column.sort for column in columns if column.id == look.sort), None)
    if sort is None or sort is place:
        return place
    chosen = sort
    return lambda row: (*chosen(row), *place(row))


def printed(columns: Sequence[RowColumn[R]]) -> list[RowColumn[R]]:
    """Return the columns that `show` prints, in its order."""
    return sorted((column for column in columns if column.value is not None), key=lambda column: column.last)
