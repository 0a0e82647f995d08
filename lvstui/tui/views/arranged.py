"""What views with a table have in common: it is filtered, sorted, its columns are chosen, and that is remembered."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import ClassVar, Generic, TypeVar

from lvstui.core import fields
from lvstui.core.view.table import Arranged, Column
from lvstui.store.view_memory import Arrangement
from lvstui.tui.dialogs.choose_columns import ChooseColumns
from lvstui.tui.views.view import View
from lvstui.tui.widgets.table import VirtualTable

K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Arranged)


class ArrangedView(View, Generic[K, L]):
    """A view whose rows have the keys `K` and are looked at in the way `L`."""

    EVERY_COLUMN: ClassVar[Sequence[Column]] = ()
    """The columns that there are, the first of which is never hidden."""

    SORTABLE: ClassVar[Sequence[str]] = ()
    """The ids of those that rows can be ordered by."""

    _look: L

    @property
    def table(self) -> VirtualTable[K]:
        """The table of rows."""
        return self.query_one(VirtualTable)

    @property
    def filter_text(self) -> str:
        """The filter as it was typed."""
        raise NotImplementedError

    @property
    def grouping(self) -> str:
        """How the rows are grouped, in a word to remember."""
        return ""

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        raise NotImplementedError

    def tried(self, text: str) -> None:
        """Take a filter while it is typed; raises `FieldError` where it is wrong so far."""
        self.narrow(text)

    def focus_body(self) -> None:
        """Put the focus on the table."""
        self.table.focus()

    def on_mount(self) -> None:
        """Arrange the rows as they were left."""
        if self.memory is not None:
            self._look = self.recalled(self.memory.recall(self.id or ""))

    def recalled(self, last: Arrangement) -> L:
        """Arrange as last time, as far as there still are such columns."""
        sort = last.sort if last.sort in self.SORTABLE else self._look.sort
        hidden = frozenset(last.hidden) & {column.id for column in self.EVERY_COLUMN[1:]}
        return replace(self._look, sort=sort, descending=last.descending, hidden=hidden)

    def action_drop(self) -> None:
        """Drop what is staged; with nothing staged, the filter."""
        if self.pending:
            super().action_drop()
        elif self.filter_text:
            self.narrow("")

    def action_filter(self) -> None:
        """Filter while typing; Enter keeps the filter, Esc takes it off."""

        def typed(text: str) -> str:
            try:
                self.tried(text)
            except fields.FieldError as error:
                return str(error)
            return ""

        def done(text: str | None) -> None:
            self.narrow(text or "")
            self.table.focus()

        self.prompt.ask("/", self.filter_text, done, typed)

    def action_sort(self) -> None:
        """Sort by the next column that is shown."""
        names = [name for name in self.SORTABLE if name not in self._look.hidden]
        place = names.index(self._look.sort) if self._look.sort in names else -1
        self.rearrange(replace(self._look, sort=names[(place + 1) % len(names)], descending=False))

    def action_invert(self) -> None:
        """Turn the order round."""
        self.rearrange(replace(self._look, descending=not self._look.descending))

    def action_columns(self) -> None:
        """Choose the columns."""

        def chosen(choice: Arranged | None) -> None:
            if choice is not None:
                look = replace(self._look, sort=choice.sort, descending=choice.descending, hidden=choice.hidden)
                self.rearrange(look)

        now = Arranged(self._look.sort, self._look.descending, self._look.hidden)
        self.app.push_screen(ChooseColumns(self.EVERY_COLUMN, self.SORTABLE, now), chosen)

    def rearrange(self, look: L) -> None:
        """Show the rows in another way, and remember it."""
        self._look = look
        if self.memory is not None:
            hidden = tuple(sorted(look.hidden))
            self.memory.keep(self.id or "", Arrangement(look.sort, look.descending, self.grouping, hidden))
        self.redraw()
