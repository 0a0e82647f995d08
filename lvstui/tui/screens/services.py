"""The services view: the live table of virtual services and real servers, edited in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.widget import Widget

from lvstui.core import fields, staging
from lvstui.core.change import Change, ServerChange, remove_pool
from lvstui.core.columns import SERVICE_COLUMNS, Look, cells, rows
from lvstui.core.model import RealServer, ServiceKey
from lvstui.core.observed import RowKey, ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.table import VirtualTable
from lvstui.tui.view import View
from lvstui.worker import Edit


class ServicesView(View):
    """Services with their real servers under them; weights are edited in the table."""

    BINDINGS = commands.bindings(commands.SERVICES)
    COMMANDS = (*commands.SERVICES, *commands.EDITING)

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._look = Look(ascii_only=ascii_only)

    def body(self) -> Sequence[Widget]:
        """Give the table of services and servers."""
        return (VirtualTable[RowKey](),)

    @property
    def table(self) -> VirtualTable[RowKey]:
        """The table of services and servers."""
        return self.query_one(VirtualTable)

    def focus_body(self) -> None:
        """Put the focus on the table."""
        self.table.focus()

    def show(self, snapshot: Snapshot) -> None:
        """Show the rows of this state in their order."""
        look = replace(self._look, staged=_by_row(self.staged.changes))
        self.table.sort = (look.sort, look.descending)
        self.table.show(SERVICE_COLUMNS, rows(snapshot, look), lambda key: cells(snapshot, look, key))

    @property
    def found(self) -> str:
        """The filter."""
        return f"filter {self._look.filter}" if self._look.filter else ""

    def offered(self) -> Sequence[Command]:
        """Leave out what needs a server while the cursor is on a service."""
        on_server = isinstance(self.table.cursor_key, ServerKey)
        return [each for each in self.COMMANDS if on_server or not each.id.startswith("weight.")]

    def on_virtual_table_cursor_moved(self) -> None:
        """Other keys may act on the row that the cursor is on now."""
        self.offer()

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does, but never applies."""
        if not self.pending:
            self.open_row()

    def _server(self) -> tuple[ServerKey, RealServer] | None:
        """Tell the server under the cursor, as the newest snapshot shows it."""
        key = self.table.cursor_key
        if self.snapshot is None or not isinstance(key, ServerKey):
            return None
        pool = self.snapshot.reading.director.pools.get(key.service)
        server = pool.servers.get(key.endpoint) if pool else None
        return (key, server) if server else None

    def _stage_weight(self, key: ServerKey, change: ServerChange | None) -> None:
        others = tuple(c for c in self.staged.changes if _row(c) != key)
        self.stage(Edit((*others, change) if change else others))

    def _staged_on(self, key: ServerKey) -> ServerChange | None:
        found = _by_row(self.staged.changes).get(key)
        return found if isinstance(found, ServerChange) else None

    def action_weight(self, step: int) -> None:
        """Stage a weight one step up or down."""
        if (selected := self._server()) and self.editable():
            key, server = selected
            before = self._staged_on(key)
            self._stage_weight(key, staging.step_weight(key.service, _seen(before, server), before, step))

    def action_drain(self) -> None:
        """Stage weight 0, or the weight before a drain."""
        if (selected := self._server()) and self.editable():
            key, server = selected
            before = self._staged_on(key)
            self._stage_weight(key, staging.toggle_drain(key.service, _seen(before, server), before))

    def open_row(self) -> None:
        """Edit the weight of a server, or fold a service."""
        key = self.table.cursor_key
        if selected := self._server():
            if self.editable():
                self._ask_weight(*selected)
        elif key is not None and not isinstance(key, ServerKey):
            self.action_fold(key not in self._look.folded)

    def _ask_weight(self, key: ServerKey, server: RealServer) -> None:
        def wrong(text: str) -> str:
            try:
                fields.number("weight", text)
            except fields.FieldError as error:
                return error.sentence
            return ""

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                change = staging.set_weight(key.service, server, fields.number("weight", text))
                self._stage_weight(key, change)

        label = f"weight of {fields.server_text(key.endpoint)}"
        self.prompt.ask(label, str(server.weight), done, wrong)

    def action_drop(self) -> None:
        """Drop what is staged; with nothing staged, the filter."""
        if self.pending:
            super().action_drop()
        elif self._look.filter:
            self._filter("")

    def action_delete(self) -> None:
        """Ask, then remove the row under the cursor; the dialog holds the row itself, not its place."""
        key = self.table.cursor_key
        if key is None or not self.editable() or not self.nothing_pending():
            return
        if isinstance(key, ServerKey):
            self._delete_server()
        else:
            self._delete_service(key)

    def _delete_server(self) -> None:
        if selected := self._server():
            key, server = selected
            change = ServerChange(key.service, server, None)
            name = f"{fields.server_text(key.endpoint)} {server.name}".rstrip()
            self.confirm(f"Delete real server {name} from {fields.service_text(key.service)}?", [change])

    def _delete_service(self, key: ServiceKey) -> None:
        if self.snapshot is None:
            return
        pool = self.snapshot.reading.director.pools.get(key)
        if pool:
            name = pool.service.name or fields.service_text(key)
            title = f"Delete service {name} with its {len(pool.servers)} real servers?"
            self.confirm(title, list(remove_pool(pool)), must_type=name)

    def action_filter(self) -> None:
        """Filter while typing; Enter keeps the filter, Esc takes it off."""

        def typed(text: str) -> str:
            self._filter(text)
            return ""

        def done(text: str | None) -> None:
            self._filter(text or "")
            self.table.focus()

        self.prompt.ask("/", self._look.filter, done, typed)

    def _filter(self, text: str) -> None:
        self._look = replace(self._look, filter=text)
        self.redraw()

    def action_sort(self) -> None:
        """Sort by the next column."""
        names = [column.id for column in SERVICE_COLUMNS if column.id != "history"]
        following = names[(names.index(self._look.sort) + 1) % len(names)]
        self._look = replace(self._look, sort=following, descending=False)
        self.redraw()

    def action_invert(self) -> None:
        """Turn the order round."""
        self._look = replace(self._look, descending=not self._look.descending)
        self.redraw()

    def action_fold(self, folded: bool) -> None:
        """Fold or unfold the service that the cursor is in."""
        key = self.table.cursor_key
        if key is None:
            return
        service = key.service if isinstance(key, ServerKey) else key
        if folded:
            self.table.move_to(service)
        self._fold(self._look.folded | {service} if folded else self._look.folded - {service})

    def action_fold_all(self) -> None:
        """Fold all services, or unfold them when any is folded."""
        if self.snapshot is not None:
            key = self.table.cursor_key
            if isinstance(key, ServerKey):
                self.table.move_to(key.service)
            self._fold(frozenset() if self._look.folded else frozenset(self.snapshot.reading.director.pools))

    def _fold(self, folded: frozenset[ServiceKey]) -> None:
        self._look = replace(self._look, folded=folded)
        self.redraw()


def _seen(staged: ServerChange | None, server: RealServer) -> RealServer:
    """Give the server as it was when its edit began: what is written must be what the operator saw."""
    return staged.before if staged and staged.before else server


def _row(change: Change) -> RowKey | None:
    return ServerKey(change.service, change.endpoint) if isinstance(change, ServerChange) else None


def _by_row(changes: Sequence[Change]) -> dict[RowKey, Change]:
    return {key: change for change in changes if (key := _row(change)) is not None}
