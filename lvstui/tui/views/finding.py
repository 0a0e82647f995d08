"""Finding rows in every view: a filter shows only what it finds, a search goes through rows that stay in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvstui.core.entries.connections import LARGE
from lvstui.core.fields import visible
from lvstui.core.keys import with_keys
from lvstui.core.view.table import Tone, row_text
from lvstui.tui.commands import Command
from lvstui.tui.views.lines import filtering_line
from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.widgets.table import VirtualTable

_COUNTED = 2_000
"""Rows up to which a search says how many it finds; of more it looks from the cursor on, up to the next one."""


def filtering(help: str = "show only what a filter finds; see below") -> Command[TableView[K, L]]:
    """Return the command that filters the rows of a view."""
    return Command("filter", "slash", help, _filter, "/ filter", arguments=filtering_line())


def _filter(view: TableView[K, L]) -> None:
    """Filter while typing (a large connection table only on Enter); Enter keeps the filter, Esc clears it.

    What finds nothing is half typed mostly, so the rows of what found something last stay until Enter.
    """
    scan = view.snapshot.scan
    large = view.SCANS and scan is not None and scan.rows > LARGE

    def read(text: str) -> str:
        look = view.ROWS.filtered(view.look, text)
        if large:
            return text
        if view.ROWS.rows(view.snapshot, look):
            view.narrow(text)
            view.say("")
        else:
            view.say(f"no row has {visible(text.strip())}; the rows are those of {_shown_now(view)}")
        return text

    def take(text: str) -> None:
        view.say("")
        view.narrow(text, remember=True)

    def cancel() -> None:
        view.say("")
        view.narrow(view.base_filter)

    view.prompt.ask("/", view.filter_text, read, take, cancel, wrong=str, past=view.filters)


def _shown_now(view: TableView[K, L]) -> str:
    return f"filter {visible(view.filter_text)}" if view.filter_text else "no filter"


def search(view: TableView[K, L]) -> None:
    """Ask what to search; the cursor goes to the first row from here on that has it."""
    last = view.searched[:1]

    view.prompt.ask(
        "search", last[0] if last else "", lambda text: text, lambda text: search_for(view, text), past=view.searched
    )


def search_for(view: TableView[K, L], text: str) -> None:
    """Go to the first row from here on that has a text."""
    words = " ".join(text.split())
    if words:
        view.searched = [words, *(one for one in view.searched if one != words)]
        go_on(view, 0)


def go_on(view: TableView[K, L], step: int) -> None:
    """Go to the next (1) or previous (-1) row that the search finds, or stay on the one (0) that does."""
    if not view.searched:
        search(view)
        return
    text, keys, here = view.searched[0], view.table.selection.keys, view.table.selection.cursor
    start = here + step
    ahead = range(start, len(keys)) if step >= 0 else range(start, -1, -1)
    behind = range(start) if step >= 0 else range(len(keys) - 1, start, -1)
    at, wraps = next(_found(view, ahead, text), None), False
    if at is None:
        at, wraps = next(_found(view, behind, text), None), True
    if at is None:
        folded = " on the screen or beyond; what is folded is not searched" if _folds(view) else ""
        view.say(f"no row has {visible(text)}{folded}", Tone.WARN)
        return
    with view.table.prevent(VirtualTable.CursorMoved):  # whose sentence would hide the one here
        view.table.move_to(keys[at])
    view.moved(VirtualTable.CursorMoved(keys[at]))
    again = ("; from the top again" if step >= 0 else "; from the end again") if wraps else ""
    ways = with_keys("{n:search.next} next  {N:search.previous} previous")
    view.say(f"{_which(view, at, text)} with {visible(text)}{again}   {ways}")


def _which(view: TableView[K, L], at: int, text: str) -> str:
    """Return which of the rows that a search finds one is; of a large table only which row."""
    keys = view.table.selection.keys
    if len(keys) > _COUNTED:
        return f"row {at + 1:,} of {len(keys):,}"
    found = [*_found(view, range(len(keys)), text)]
    return f"{found.index(at) + 1} of {len(found)}"


def _found(view: TableView[K, L], places: Iterable[int], text: str) -> Iterator[int]:
    """Yield those of some places whose rows have every word of a text."""
    words, keys = text.casefold().split(), view.table.selection.keys
    rows, snapshot, look = view.ROWS, view.snapshot, view.ROWS.staged(view.look, view.staged.changes)
    get = rows.words(snapshot, look) if rows.words else lambda key: row_text(rows.cells(snapshot, look, key))
    for at in places if keys else ():
        row = get(keys[at])
        if all(word in row for word in words):
            yield at


def _folds(view: TableView[K, L]) -> bool:
    return any(command.id == "unfold" for command in view.COMMANDS)
