"""Services or machines as rows: finding, ordering, folding and grouping them; what is edited stands in services.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.widget import Widget

from lvstui.core.change import Change
from lvstui.core.model import AddressKey, MarkKey, RealServer, ServerKey, ServiceKey
from lvstui.core.observed import GroupKey, MachineKey, RowKey
from lvstui.core.services.batch import targets
from lvstui.core.services.columns import LANGUAGE, SERVICE_COLUMNS, SORTABLE
from lvstui.core.services.draining import outlook
from lvstui.core.services.row import STATES, Grouping, Look
from lvstui.core.services.rows import cells, columns, group_of, groups, rows
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.servers import seen_on
from lvstui.formats.excerpt import as_commands, as_toml
from lvstui.store.view_memory import Arrangement
from lvstui.tui import commands
from lvstui.tui.dialogs.listing import Excerpt
from lvstui.tui.views.arranged import ArrangedView
from lvstui.tui.views.view import View
from lvstui.tui.widgets.table import VirtualTable

_STATES = "\n        ".join(f"{word:<6} {meaning}" for word, meaning in STATES.items())

_NOTES = f"""\
With rows marked, the keys for weights, Del, C, R and y act on all of them.
A marked service and a machine (m) stand for all of their servers.

What / finds (all of the terms must hold)
  web 10.0.0.1         what a row or its service shows
  10.0.0.0/8 fd00::/8  an address of the service or server is in there
  weight=0 active>100  numbers: = != > < >= <=, with k M G behind them
  state=drain name=we  words; of a name= or note= a part is enough
  !web !state=ok       the opposite of any of these
Fields  {LANGUAGE.help}

Sticky  persistence entries bound here
Active  connections established
InAct   all other connections
State   {_STATES}"""


_DONE_SECONDS = 3.0
"""Seconds for which the line below tells that a server is drained, before it tells what is left there."""


class RowsView(ArrangedView[RowKey, Look]):
    """The table of services or machines with their real servers, in the order and as far as the operator wants it."""

    BINDINGS = commands.bindings(commands.FINDING)
    NOTES = _NOTES
    EVERY_COLUMN = SERVICE_COLUMNS
    SORTABLE = SORTABLE

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = Look(ascii_only=ascii_only)
        self._outlook_told = ""
        self._drained: float | None = None
        self.arriving: RowKey | None = None
        """A row that was added and is not there yet; the cursor goes to it, unless it was moved meanwhile."""

    def body(self) -> Sequence[Widget]:
        """Give the table of services and servers."""
        return (VirtualTable[RowKey](),)

    def show(self, snapshot: Snapshot) -> None:
        """Show the rows of this state in their order."""
        look = replace(self._look, staged=by_row(self.staged.changes))
        self.table.sort = (look.sort, look.descending)
        self.table.show(columns(look), rows(snapshot, look), lambda key: cells(snapshot, look, key))
        if self.arriving is not None and self.table.move_to(self.arriving):
            self.arriving = None
        self._follow_drain(snapshot.reading.taken)

    def _follow_drain(self, now: float) -> None:
        """Keep true what is said of a drained server; of one that is drained by now say it after a while."""
        text = self._outlook()
        if not text:
            self._drained = None
            return
        if self._drained is None:
            self._drained = now
        if text != self._outlook_told and (self._outlook_told or now - self._drained >= _DONE_SECONDS):
            self._outlook_told = text
            self.say(text, standing=True)

    def _outlook(self) -> str:
        """Say how it goes on with the server under the cursor, if it is drained."""
        if self.snapshot is None or not (selected := self.selected_server()):
            return ""
        key, server = selected
        director, seen = self.snapshot.reading.director, seen_on(self.snapshot, key)
        persistence = director.pools[key.service].service.persistence
        return outlook(server, seen, director.sysctl, persistence, self.size.width - 2)

    def find(self, wanted: View.Wanted) -> None:
        """Put the cursor on a row, out of a fold or a filter that hides it."""
        row = wanted.row
        if row is None:
            return
        if self._look.grouping is Grouping.MACHINE and not isinstance(row, MachineKey):
            self._look = replace(self._look, grouping=Grouping.SERVICE)
        if self.table.move_to(row):
            return
        self._fold(self._look.folded - {group_of(row, self._look.grouping)})
        if not self.table.move_to(row):
            self.narrow("")
            self.table.move_to(row)

    @property
    def found(self) -> str:
        """Grouping, filter and marks, as far as they are not what one expects."""
        marked = len(self.table.marked)
        parts = (
            "by machine" if self._look.grouping is Grouping.MACHINE else "",
            f"filter {self._look.filter.text}" if self._look.filter else "",
            f"{marked} marked" if marked else "",
        )
        return "  ".join(filter(None, parts))

    @property
    def about(self) -> ServiceKey | None:
        """The service that the cursor is on or below."""
        match self.table.cursor_key:
            case ServerKey(service):
                return service
            case AddressKey() | MarkKey() as key:
                return key
            case _:
                return None

    def chosen(self) -> Sequence[RowKey]:
        """Give the marked rows in their order; without marks, the row under the cursor."""
        marked, key = self.table.marked, self.table.cursor_key
        if marked and self.snapshot is not None:
            return [each for each in rows(self.snapshot, self._look) if each in marked]
        return () if key is None else (key,)

    def selected_server(self) -> tuple[ServerKey, RealServer] | None:
        """Tell the server under the cursor, as the newest snapshot shows it."""
        key = self.table.cursor_key
        if self.snapshot is None or not isinstance(key, ServerKey):
            return None
        pool = self.snapshot.reading.director.pools.get(key.service)
        server = pool.servers.get(key.endpoint) if pool else None
        return (key, server) if server else None

    def on_virtual_table_cursor_moved(self) -> None:
        """Other keys may act on the row that the cursor is on now; a drained server says how it goes on."""
        self.arriving = None
        self.offer()
        text = self._outlook()
        if text or self._outlook_told:
            self.say(text)
        self._outlook_told = text

    def on_virtual_table_marks_changed(self) -> None:
        """Other keys make sense for marked rows."""
        self.offer()

    @property
    def filter_text(self) -> str:
        """The filter as it was typed."""
        return self._look.filter.text

    @property
    def grouping(self) -> str:
        """By service or by machine."""
        return self._look.grouping.value

    def recalled(self, last: Arrangement) -> Look:
        """Arrange as last time, by machine where it was."""
        grouping = Grouping.MACHINE if last.grouping == Grouping.MACHINE.value else Grouping.SERVICE
        return replace(super().recalled(last), grouping=grouping)

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        self._look = replace(self._look, filter=LANGUAGE.parse(text))
        self.redraw()

    def action_regroup(self) -> None:
        """Go from services to machines or back, the cursor staying on the same server."""
        machine = self._look.grouping is Grouping.SERVICE
        grouping = Grouping.MACHINE if machine else Grouping.SERVICE
        key = self.table.cursor_key
        if key is not None and not isinstance(key, ServerKey) and self.snapshot is not None:
            key = next(iter(targets(self.snapshot.reading.director, [key])), None)
        folded = self._look.folded - {group_of(key, grouping)} if key is not None else self._look.folded
        self.rearrange(replace(self._look, grouping=grouping, folded=folded))
        if key is not None:
            self.table.move_to(group_of(key, grouping))  # so that the heading is in view as well
            self.table.move_to(key)
        self.say("by machine: an edit of a machine acts on all of its servers" if machine else "")

    def action_fold(self, folded: bool) -> None:
        """Fold or unfold the service or machine that the cursor is in."""
        key = self.table.cursor_key
        if key is None:
            return
        group = group_of(key, self._look.grouping)
        if folded:
            self.table.move_to(group)
        self._fold(self._look.folded | {group} if folded else self._look.folded - {group})

    def action_fold_all(self) -> None:
        """Fold all services or machines, or unfold them when any is folded."""
        if self.snapshot is None:
            return
        if (key := self.table.cursor_key) is not None:
            self.table.move_to(group_of(key, self._look.grouping))
        every = groups(self.snapshot, self._look.grouping).keys()
        self._fold(self._look.folded - every if self._look.folded & every else self._look.folded | every)

    def _fold(self, folded: frozenset[GroupKey]) -> None:
        self._look = replace(self._look, folded=folded)
        self.redraw()

    def action_excerpt(self) -> None:
        """Show the chosen rows as text, and send it to the terminal's clipboard."""
        keys = self.chosen()
        if self.snapshot is not None and keys:
            director = self.snapshot.reading.director
            self.app.push_screen(Excerpt(as_commands(director, keys), as_toml(director, keys)))


def by_row(changes: Sequence[Change]) -> dict[RowKey, Change]:
    """Give the changes of real servers by their rows."""
    return {change.target: change for change in changes if isinstance(change.target, ServerKey)}
