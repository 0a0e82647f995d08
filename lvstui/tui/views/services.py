"""The services view: the live table of virtual services and real servers, edited in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from textual.message import Message

from lvstui.core import fields
from lvstui.core.change import Change
from lvstui.core.marks.edits import companions
from lvstui.core.model import AddressKey, MarkKey, ServerKey, ServiceKey
from lvstui.core.observed import MachineKey, RowKey
from lvstui.core.rules import Severity, problems
from lvstui.core.services import batch
from lvstui.core.services.batch import Rule, Staged, Targets
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit, Zero
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.views import mark_editing
from lvstui.tui.views import service_editing as editing
from lvstui.tui.views.service_rows import RowsView


class ServicesView(RowsView):
    """Services or machines with their real servers under them, edited one by one or all that are marked."""

    BINDINGS = commands.bindings(commands.SERVICES)
    COMMANDS = (*commands.SERVICES, *commands.FINDING, *commands.EDITING)

    class EntriesWanted(Message):
        """The operator wants to see the entries or connections that a filter finds, or to move the entries."""

        def __init__(self, wanted: str, *, connections: bool = False, move: bool = False) -> None:
            super().__init__()
            self.wanted = wanted
            self.connections = connections
            self.move = move

    def offered(self) -> Sequence[Command]:
        """Leave out what needs servers while the cursor is on a service; an empty table offers to add one."""
        key = self.table.cursor_key
        if key is None:
            return [each for each in self.COMMANDS if each.id in ("add.service", "filter", "undo")]
        on_servers = bool(self.table.marked) or isinstance(key, ServerKey | MachineKey)
        hidden: tuple[str, ...] = ("add.service",) if on_servers else ("add.service", "weight.")
        if isinstance(key, MachineKey):
            hidden += ("edit", "add")
        return [each for each in self.COMMANDS if not each.id.startswith(hidden)]

    def on_virtual_table_opened(self) -> None:
        """A double click opens as Enter does, but never applies."""
        if not self.pending:
            self.open_row()

    def action_form(self, what: str) -> None:
        """Ask in a form for everything of this row, or of what is added."""
        if what != "service" and self._on_machine():
            return
        editing.open_form(self, self.table.cursor_key, what)

    def action_ask(self, field: str) -> None:
        """Ask in one line for one value of this row."""
        if self._on_machine():
            return
        editing.ask(self, self.table.cursor_key, field)

    def _on_machine(self) -> bool:
        """Tell whether the cursor is on a machine, and say what to do for what only a service or a server has."""
        machine = isinstance(self.table.cursor_key, MachineKey)
        if machine:
            self.say("go to one of its servers for that; weights and Del act on the whole machine", Tone.WARN)
        return machine

    def open_row(self) -> None:
        """Edit the weights of what is marked; else go to who is here: the entries, or where none stick, connections."""
        key = self.table.cursor_key
        if self.table.marked:
            self.action_ask_weight()
        elif key is not None:
            self.post_message(self.EntriesWanted(_entries_of(key), connections=not self._sticks(key)))

    def action_enter(self) -> None:
        """Apply what is staged and let go of the marks, so that the next key does not act on them; else open."""
        applies = self.pending
        added = editing.added(self.staged.changes)
        super().action_enter()
        if applies and not self.pending:
            self.arriving = added
            self.table.clear_marks()

    def _servers(self) -> Targets:
        """Give the servers whose weights are meant: those of all marked rows, or of the row under the cursor.

        A service stands for its servers only once it is marked: the cursor is on one too easily.
        """
        key = self.table.cursor_key
        if self.snapshot is None or key is None or not self.editable():
            return {}
        if not self.table.marked and not isinstance(key, ServerKey | MachineKey):
            self.say("a service has no weight: mark it with Space to edit all of its servers", Tone.WARN)
            return {}
        return batch.targets(self.snapshot.reading.director, self.chosen())

    def _staged(self) -> Staged:
        return {change.target: change for change in self.staged.changes if isinstance(change.target, ServerKey)}

    def _weigh(self, servers: Targets, rule: Rule) -> None:
        """Stage new weights for servers, in place of what was staged for them."""
        if not servers:
            return
        changes = batch.weigh(servers, self._staged(), rule)
        others = [change for change in self.staged.changes if change.target not in servers]
        if not changes and not self.pending:
            self.say("nothing would change: they have that weight, or stay drained", Tone.WARN)
        self.stage(Edit((*others, *changes)))

    def action_weight(self, step: int) -> None:
        """Stage weights one step up or down; of many servers, the drained ones stay drained."""
        servers = self._servers()
        self._weigh(servers, batch.step(step, revive=len(servers) == 1))

    def action_drain(self) -> None:
        """Stage weight 0, or the weights before a drain."""
        servers = self._servers()
        self._weigh(servers, batch.toggle(servers, self._staged()))

    def action_ask_weight(self) -> None:
        """Ask what is to become of the weights, and stage it."""
        servers = self._servers()
        if not servers:
            return

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                self._weigh(servers, batch.weight_rule(text))

        key, server = next(iter(servers.items()))
        one = len(servers) == 1
        what = f"weight of {fields.server_text(key.endpoint) if one else f'{len(servers)} servers'}"
        self.prompt.ask(what, str(server.weight) if one else "", done, partial(_complaint, batch.weight_rule))

    def action_copy(self) -> None:
        """Ask for a service, and stage the chosen servers, or those of the chosen services, as its own too."""
        if self.snapshot is None or not self.editable() or not self.nothing_pending():
            return
        director = self.snapshot.reading.director
        servers = batch.targets(director, self.chosen())
        if not servers:
            self.say("there is no server here to copy", Tone.WARN)
            return

        def read(text: str) -> Sequence[Change]:
            changes = batch.copies(director, servers, batch.destination(director, text))
            found = (problem for change in changes for problem in problems(change, director))
            if not changes:
                raise fields.FieldError("service", "it has all of them already")
            for problem in found:
                if problem.severity is Severity.ERROR:
                    raise fields.FieldError(problem.field, problem.sentence)
            return changes

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                self.stage(Edit(tuple(read(text))))

        what = "1 server" if len(servers) == 1 else f"{len(servers)} servers"
        self.prompt.ask(f"copy {what} to SERVICE [port N]", "", done, partial(_complaint, read))

    def action_mark(self) -> None:
        """Go to the mark that the service is on."""
        if isinstance(self.about, MarkKey):
            self.post_message(self.Wanted("marks", row=self.about))
        else:
            self.say("it is on no mark; B makes a mark group of it", Tone.WARN)

    def action_bundle(self) -> None:
        """Ask how the chosen services become one mark group; a single one brings along those that belong to it."""
        chosen = [key.service if isinstance(key, ServerKey) else key for key in self.chosen()]
        keys = [key for key in dict.fromkeys(chosen) if isinstance(key, AddressKey)]
        if not keys:
            self.say("only services on an address can be bundled; marks are edited in their view (3)", Tone.WARN)
            return
        if len(keys) == 1 and self.snapshot is not None:
            keys += companions(self.snapshot.reading.director, keys[0])
        mark_editing.bundle(self, keys)

    def action_delete(self) -> None:
        """Ask, then remove the chosen rows; the dialog holds the rows themselves, not their places."""
        keys = self.chosen()
        if self.snapshot is None or not keys or not self.editable() or not self.nothing_pending():
            return
        changes = batch.removal(self.snapshot.reading.director, keys)
        title, must_type = self._question(keys, sum(isinstance(change.target, ServerKey) for change in changes))
        if changes:
            self.confirm(title, changes, must_type=must_type)

    def _question(self, keys: Sequence[RowKey], servers: int) -> tuple[str, str]:
        """Put the question before a removal, and the text that has to be typed where whole services go."""
        services = [key for key in keys if not isinstance(key, ServerKey | MachineKey)]
        match keys:
            case [ServerKey(service, endpoint) as key]:
                selected = self.selected_server()
                name = selected[1].name if selected and selected[0] == key else ""
                title = f"Delete real server {fields.server_text(endpoint)} {name}".rstrip()
                return f"{title} from {fields.service_text(service)}?", ""
            case [MachineKey(address)]:
                return f"Delete {address} from all of its services?", str(address)
            case [_] if services:
                name = self._service_name(services[0])
                return f"Delete service {name} with its {servers} real servers?", name
            case _ if services:
                what = self._service_name(services[0]) if len(services) == 1 else f"{len(services)} services"
                return f"Delete {what} and {servers} real servers?", what
            case _:
                return f"Delete {servers} real servers?", ""

    def _service_name(self, key: ServiceKey) -> str:
        pool = self.snapshot.reading.director.pools.get(key) if self.snapshot else None
        return (pool.service.name if pool else "") or fields.service_text(key)

    def action_entries(self, move: bool = False) -> None:
        """Go to the persistence entries of the row under the cursor, or move all of a server's clients away."""
        key = self.table.cursor_key
        if move and not isinstance(key, ServerKey | MachineKey):
            self.say("go to a real server to move its clients away", Tone.WARN)
        elif key is not None and self._persistent(key):
            self.post_message(self.EntriesWanted(_entries_of(key), move=move))

    def _persistent(self, key: RowKey) -> bool:
        """Tell whether clients can stick to a row, and say why not."""
        sticks = self._sticks(key)
        if not sticks and not isinstance(key, MachineKey):
            name = self._service_name(key.service if isinstance(key, ServerKey) else key)
            self.say(f"{name} is not persistent, so no client sticks to a server; t sets a time")
        return sticks

    def _sticks(self, key: RowKey) -> bool:
        if self.snapshot is None or isinstance(key, MachineKey):
            return self.snapshot is not None
        pool = self.snapshot.reading.director.pools.get(key.service if isinstance(key, ServerKey) else key)
        return pool is not None and pool.service.persistence is not None

    def action_connections(self) -> None:
        """Go to the connections of the row under the cursor."""
        key = self.table.cursor_key
        if key is not None:
            self.post_message(self.EntriesWanted(_entries_of(key), connections=True))

    def action_zero(self) -> None:
        """Ask, then zero the counters of the services that are marked, or that the cursor is in."""
        keys = self.chosen()
        if any(isinstance(key, MachineKey) for key in keys):
            self.say("the kernel zeroes counters by service: go to one", Tone.WARN)
            return
        found = (key.service if isinstance(key, ServerKey) else key for key in keys)
        services = [key for key in dict.fromkeys(found) if not isinstance(key, MachineKey)]
        if services and self.editable():
            lines = [f"{fields.service_text(key)} and its servers" for key in services]
            self._ask_to_zero(lines, [Zero(key) for key in services])

    def action_zero_all(self) -> None:
        """Ask, then zero all counters."""
        if self.editable():
            self._ask_to_zero(["every service, every server, and the totals"], [Zero(None)])

    def _ask_to_zero(self, lines: Sequence[str], requests: Sequence[Zero]) -> None:
        def go() -> None:
            for request in requests:
                self.ask(request)

        self._confirm("Zero these counters? What was counted cannot be brought back.", lines, "Zero", go)


def _entries_of(key: RowKey) -> str:
    """Write the filter for what belongs to a row."""
    match key:
        case ServerKey(service, endpoint):
            return f"service={fields.service_text(service)} server={fields.server_text(endpoint)}"
        case MachineKey(address):
            return f"server={address}"
        case _:
            return f"service={fields.service_text(key)}"


def _complaint(read: Callable[[str], object], text: str) -> str:
    """Say why a text cannot be read; empty where it can."""
    try:
        read(text)
    except fields.FieldError as error:
        return error.sentence
    return ""
