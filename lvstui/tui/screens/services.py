"""The services view: the live table of virtual services and real servers, edited in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from lvstui.core import fields, staging
from lvstui.core.change import Change, ServerChange, remove_pool
from lvstui.core.columns import SERVICE_COLUMNS, Look, cells, rows
from lvstui.core.describe import describe
from lvstui.core.model import RealServer, ServiceKey
from lvstui.core.observed import RowKey, ServerKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.table import Tone, escape
from lvstui.store.formats.ipvsadm import command
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.prompt import Prompt
from lvstui.tui.screens.confirm import Confirm
from lvstui.tui.table import VirtualTable
from lvstui.worker import Edit, Kind, Request, SaveAll

STAGED_LINES = 6
"""How many staged changes are written out; the others are counted."""


class ServicesView(Vertical):
    """Shows one snapshot after the other and turns keys into requests."""

    BINDINGS = commands.bindings(commands.SERVICES)

    DEFAULT_CSS = """
    ServicesView { height: 1fr; }
    ServicesView VirtualTable { height: 1fr; }
    ServicesView #staged { display: none; height: auto; max-height: 14; padding: 0 1; background: $panel; }
    ServicesView #staged.waiting { display: block; }
    """

    snapshot: var[Snapshot | None] = var(None, always_update=True)

    class Asked(Message):
        """The operator asks the worker for something."""

        def __init__(self, request: Request) -> None:
            super().__init__()
            self.request = request

    class Said(Message):
        """A sentence for the line below the table."""

        def __init__(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
            super().__init__()
            self.sentence = sentence
            self.tone = tone

    class Offered(Message):
        """Other commands make sense now."""

        def __init__(self, offered: Sequence[Command], found: str) -> None:
            super().__init__()
            self.offered = offered
            self.found = found

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._look = Look(ascii_only=ascii_only)
        self._staged = Edit(())

    def compose(self) -> ComposeResult:
        """Lay out the table, what is staged, and the prompt."""
        yield VirtualTable[RowKey]()
        yield Static(id="staged", markup=False)
        yield Prompt()

    @property
    def table(self) -> VirtualTable[RowKey]:
        """The table of services and servers."""
        return self.query_one(VirtualTable)

    @property
    def pending(self) -> bool:
        """Whether something is staged that Enter has not applied."""
        return bool(self._staged.changes)

    def on_mount(self) -> None:
        """Put the focus on the table."""
        self.table.focus()

    def watch_snapshot(self) -> None:
        """Show the newest state."""
        self._show()

    def _show(self) -> None:
        if self.snapshot is None:
            return
        snapshot = self.snapshot
        look = replace(self._look, staged=_by_row(self._staged.changes))
        self.table.sort = (look.sort, look.descending)
        self.table.show(SERVICE_COLUMNS, rows(snapshot, look), lambda key: cells(snapshot, look, key))
        self._offer()

    def on_virtual_table_cursor_moved(self) -> None:
        """Other keys may act on the row that the cursor is on now."""
        self._offer()

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does, but never applies."""
        if not self.pending:
            self.action_enter()

    def _offer(self) -> None:
        every = {each.id: each for each in commands.SERVICES}
        if self.pending:
            offered = [every["open"], every["drop"]]
        else:
            on_server = isinstance(self.table.cursor_key, ServerKey)
            absent = {"open", "drop"} if on_server else {"open", "drop", "weight.up", "weight.drain"}
            offered = [each for each in commands.SERVICES if each.id not in absent]
        found = f"filter {self._look.filter}" if self._look.filter else ""
        self.post_message(self.Offered(offered, found))

    def _server(self) -> tuple[ServerKey, RealServer] | None:
        """Tell the server under the cursor, as the newest snapshot shows it."""
        key = self.table.cursor_key
        if self.snapshot is None or not isinstance(key, ServerKey):
            return None
        pool = self.snapshot.reading.director.pools.get(key.service)
        server = pool.servers.get(key.endpoint) if pool else None
        return (key, server) if server else None

    def _editable(self) -> bool:
        """Say why nothing can be edited now, if so."""
        if self.snapshot is None:
            return False
        if self.snapshot.read_only:
            self._say(self.snapshot.read_only, Tone.WARN)
            return False
        if self.pending and self._staged.kind is not Kind.DO:
            self._say("Enter applies what is staged, Esc drops it; then edit on", Tone.WARN)
            return False
        return True

    def _say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        self.post_message(self.Said(sentence, tone))

    def _stage(self, edit: Edit) -> None:
        """Show what Enter will write, each change with its ipvsadm line."""
        self._staged = edit
        panel = self.query_one("#staged", Static)
        panel.set_class(self.pending, "waiting")
        panel.update("\n".join(_staged_lines(edit)))
        self._show()

    def _stage_weight(self, key: ServerKey, change: ServerChange | None) -> None:
        others = tuple(c for c in self._staged.changes if _row(c) != key)
        self._stage(Edit((*others, change) if change else others))

    def _staged_on(self, key: ServerKey) -> ServerChange | None:
        found = _by_row(self._staged.changes).get(key)
        return found if isinstance(found, ServerChange) else None

    def action_weight(self, step: int) -> None:
        """Stage a weight one step up or down."""
        if (selected := self._server()) and self._editable():
            key, server = selected
            before = self._staged_on(key)
            self._stage_weight(key, staging.step_weight(key.service, _seen(before, server), before, step))

    def action_drain(self) -> None:
        """Stage weight 0, or the weight before a drain."""
        if (selected := self._server()) and self._editable():
            key, server = selected
            before = self._staged_on(key)
            self._stage_weight(key, staging.toggle_drain(key.service, _seen(before, server), before))

    def action_enter(self) -> None:
        """Apply what is staged; else edit the weight of a server, or fold a service."""
        if self.pending:
            self.post_message(self.Asked(self._staged))
            self._stage(Edit(()))
        elif (selected := self._server()) and self._editable():
            self._ask_weight(*selected)
        elif self.table.cursor_key is not None and not isinstance(self.table.cursor_key, ServerKey):
            self.action_fold(self.table.cursor_key not in self._look.folded)

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
        self.query_one(Prompt).ask(label, str(server.weight), done, wrong)

    def action_drop(self) -> None:
        """Drop what is staged; with nothing staged, the filter."""
        if self.pending:
            self._stage(Edit(()))
        elif self._look.filter:
            self._filter("")

    def action_delete(self) -> None:
        """Ask, then remove the row under the cursor; the dialog holds the row itself, not its place."""
        key = self.table.cursor_key
        if key is None or self.snapshot is None or not self._editable():
            return
        if self.pending:
            self._say("Enter applies what is staged, Esc drops it; then delete", Tone.WARN)
            return
        if isinstance(key, ServerKey):
            self._delete_server()
        else:
            self._delete_service(key)

    def _delete_server(self) -> None:
        if selected := self._server():
            key, server = selected
            edit = Edit((ServerChange(key.service, server, None),))
            name = f"{fields.server_text(key.endpoint)} {server.name}".rstrip()
            self._confirm(f"Delete real server {name} from {fields.service_text(key.service)}?", edit)

    def _delete_service(self, key: ServiceKey) -> None:
        if self.snapshot is None:
            return
        pool = self.snapshot.reading.director.pools.get(key)
        if pool:
            name = pool.service.name or fields.service_text(key)
            title = f"Delete service {name} with its {len(pool.servers)} real servers?"
            self._confirm(title, Edit(tuple(remove_pool(pool))), must_type=name)

    def _confirm(self, title: str, edit: Edit, must_type: str = "") -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(self.Asked(edit))

        self.app.push_screen(Confirm(title, _change_lines(edit.changes), "Delete", must_type), answered)

    def action_undo(self) -> None:
        """Stage taking the last edit back."""
        self._stage_from_history(self.snapshot.undo if self.snapshot else (), Kind.UNDO, "nothing to undo")

    def action_redo(self) -> None:
        """Stage doing again what was taken back."""
        self._stage_from_history(self.snapshot.redo if self.snapshot else (), Kind.REDO, "nothing to redo")

    def _stage_from_history(self, changes: tuple[Change, ...], kind: Kind, nothing: str) -> None:
        if not self._editable():
            return
        if self.pending:
            self._say("Enter applies what is staged, Esc drops it", Tone.WARN)
        elif changes:
            self._stage(Edit(changes, kind))
        else:
            self._say(nothing)

    def action_save(self) -> None:
        """Ask, then take into the profile whatever the kernel holds."""
        if self.snapshot is None:
            return
        profile = self.snapshot.profile
        if not profile.path:
            self._say("there is no profile here: start with --profile FILE", Tone.WARN)
        elif profile.exists and not profile.drift and not profile.unsaved:
            self._say(f"{profile.path} holds all that the kernel holds")
        else:
            self._confirm_save(profile.path, profile.drift)

    def _confirm_save(self, path: str, drift: tuple[Change, ...]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(self.Asked(SaveAll()))

        lines = [f"the profile lets go of: {describe(change)}" for change in drift] or ["the whole running table"]
        self.app.push_screen(Confirm(f"Save what the kernel holds into {path}?", lines, "Save"), answered)

    def action_filter(self) -> None:
        """Filter while typing; Enter keeps the filter, Esc takes it off."""

        def typed(text: str) -> str:
            self._filter(text)
            return ""

        def done(text: str | None) -> None:
            self._filter(text or "")
            self.table.focus()

        self.query_one(Prompt).ask("/", self._look.filter, done, typed)

    def _filter(self, text: str) -> None:
        self._look = replace(self._look, filter=text)
        self._show()

    def action_sort(self) -> None:
        """Sort by the next column."""
        names = [column.id for column in SERVICE_COLUMNS if column.id != "history"]
        following = names[(names.index(self._look.sort) + 1) % len(names)]
        self._look = replace(self._look, sort=following, descending=False)
        self._show()

    def action_invert(self) -> None:
        """Turn the order round."""
        self._look = replace(self._look, descending=not self._look.descending)
        self._show()

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
        self._show()


def _seen(staged: ServerChange | None, server: RealServer) -> RealServer:
    """Give the server as it was when its edit began: what is written must be what the operator saw."""
    return staged.before if staged and staged.before else server


def _row(change: Change) -> RowKey | None:
    return ServerKey(change.service, change.endpoint) if isinstance(change, ServerChange) else None


def _by_row(changes: Sequence[Change]) -> dict[RowKey, Change]:
    return {key: change for change in changes if (key := _row(change)) is not None}


def _change_lines(changes: Sequence[Change]) -> list[str]:
    """Write each change, its ipvsadm command below it."""
    lines = []
    for change in changes:
        lines.append(describe(change))
        if line := command(change):
            lines.append(f"  {line}")
    return lines


def _staged_lines(edit: Edit) -> list[str]:
    if not edit.changes:
        return []
    what = {Kind.DO: "staged", Kind.UNDO: "undo", Kind.REDO: "redo"}[edit.kind]
    lines = [f"{what}: Enter applies, Esc drops", *_change_lines(edit.changes[:STAGED_LINES])]
    if more := len(edit.changes) - STAGED_LINES:
        lines += [f"and {more} more"] if more > 0 else []
    return [escape(line) for line in lines]
