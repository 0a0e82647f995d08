"""Edits of services and real servers: of the row under the cursor, or of all that are marked; nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from lvstui.core import fields
from lvstui.core.attribute import NONE
from lvstui.core.attributes import SERVER, SERVICE
from lvstui.core.change import Change, change_server, change_service
from lvstui.core.describe import service_names
from lvstui.core.marks.edits import companions
from lvstui.core.model import (
    AddressKey,
    Director,
    MarkKey,
    Pool,
    ServerKey,
    ServiceKey,
)
from lvstui.core.observed import MachineKey, RowKey
from lvstui.core.rules import problems
from lvstui.core.services import batch
from lvstui.core.services.batch import Rule, Staged, Targets
from lvstui.core.services.forms import ServerForm, ServiceForm
from lvstui.core.services.row import ServiceLook
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit, Zero
from lvstui.tui.commands import Command
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.views.editing import (
    check_changes,
    confirm_changes,
    editable,
    fill_in,
    has_profile,
    nothing_pending,
    stage_also,
    staged_director,
)
from lvstui.tui.views.mark_edits import bundle
from lvstui.tui.views.view import TableView

Services: TypeAlias = TableView[RowKey, ServiceLook]

_PERSISTENCE = "persistence.timeout"
_OF_SERVERS = ("name", "weight", "upper", "lower")
_OF_SERVICES = {
    "name": "name",
    "note": "note",
    "scheduler": "scheduler",
    _PERSISTENCE: "persistence (seconds, 0: none)",
}


def any_row(view: Services) -> bool:
    """Return whether there are rows."""
    return view.table.cursor_key is not None


def _on_servers(view: Services) -> bool:
    return bool(view.table.marked) or isinstance(view.table.cursor_key, ServerKey | MachineKey)


def _on_machine(view: Services) -> str:
    """Return where to go for what only a service or a server has."""
    if isinstance(view.table.cursor_key, MachineKey):
        return "go to one of its servers for that; on a machine only weights and Del act"
    return ""


def service_name(view: Services, key: ServiceKey) -> str:
    """Return a service's name, or what it is where it has none."""
    return service_names(view.snapshot.reading.director, key)[0]


def added_row(changes: Sequence[Change]) -> RowKey | None:
    """Return the first row that changes add, if any."""
    targets = (change.target for change in changes if change.before is None)
    return next((key for key in targets if isinstance(key, AddressKey | MarkKey | ServerKey)), None)


def _servers(view: Services) -> Targets:
    """Return the servers whose weights a key edits: those of all marked rows, or of the row under the cursor.

    A service means its servers only if it is marked: the cursor is on one too easily.
    """
    if view.table.cursor_key is None or not editable(view):
        return {}
    if not _on_servers(view):
        view.say("a service has no weight: mark it with Space to edit all of its servers", Tone.WARN)
        return {}
    return batch.targets(view.snapshot.reading.director, view.table.chosen)


def staged_servers(changes: Sequence[Change]) -> Staged:
    """Return the changes of servers by their rows."""
    return {change.target: change for change in changes if isinstance(change.target, ServerKey)}


def _weigh(view: Services, servers: Targets, rule: Rule) -> None:
    """Stage new weights for servers, in place of what was staged for them."""
    if not servers:
        return
    changes = batch.weigh(servers, staged_servers(view.staged.changes), rule)
    others = [change for change in view.staged.changes if change.target not in servers]
    if not changes and not view.pending:
        view.say("nothing to change: they have that weight, or stay drained", Tone.WARN)
    view.stage(Edit((*others, *changes)))


def _step_weight(view: Services, step: int) -> None:
    """Stage weights one step up or down; of many servers, the drained ones stay drained."""
    servers = _servers(view)
    _weigh(view, servers, batch.step(step, revive=len(servers) == 1))


def _raise(view: Services) -> None:
    _step_weight(view, 1)


def _lower(view: Services) -> None:
    _step_weight(view, -1)


def _drain(view: Services) -> None:
    servers = _servers(view)
    _weigh(view, servers, batch.toggle(servers, staged_servers(view.staged.changes)))


def ask_weight(view: Services) -> None:
    """Ask for new weights, and stage them."""
    servers = _servers(view)
    if not servers:
        return
    key, server = next(iter(servers.items()))
    one = len(servers) == 1
    what = f"weight of {fields.server_text(key.endpoint) if one else f'{len(servers)} servers'}"
    value = str(server.weight) if one else ""
    view.prompt.ask(what, value, batch.weight_rule, partial(_weigh, view, servers))


def _open_form(view: Services, what: str) -> None:
    """Ask in a form: `edit` the row, `add` a real server to its service, or add a `service` wherever the cursor is."""
    if not editable(view):
        return
    key, director = view.table.cursor_key, staged_director(view)
    schedulers, profile = view.snapshot.schedulers, has_profile(view)
    pool = _pool(director, key)
    server = pool.servers.get(key.endpoint) if pool and isinstance(key, ServerKey) else None
    questions: ServerForm | ServiceForm
    if what == "service" or (what == "add" and not director.pools):
        questions = ServiceForm(director, schedulers, profile=profile)
    elif pool is None:
        return
    elif what == "add":
        questions = ServerForm(director, pool, profile=profile)
    elif server:
        questions = ServerForm(director, pool, server, profile)
    else:
        questions = ServiceForm(director, schedulers, pool, profile)
    fill_in(view, questions, partial(stage_also, view))


def _pool(director: Director, key: RowKey | None) -> Pool | None:
    """Return the service that a row is, or belongs to."""
    match key:
        case ServerKey(service):
            return director.pools.get(service)
        case AddressKey() | MarkKey():
            return director.pools.get(key)
        case _:
            return None


def _ask(view: Services, field: str) -> None:
    """Ask in one line for a value of the row, or of the service that the row belongs to."""
    if not editable(view):
        return
    if field in ("name", "note") and not has_profile(view):
        view.say("names and notes are kept in a profile: start with --profile FILE", Tone.WARN)
        return
    key, director = view.table.cursor_key, staged_director(view)
    pool = _pool(director, key)
    if pool is None:
        return
    server = pool.servers.get(key.endpoint) if isinstance(key, ServerKey) else None
    if server and field in _OF_SERVERS:
        label, value = f"{field} of {fields.server_text(server.endpoint)}", SERVER[field].text(server)
    elif field in _OF_SERVICES:
        label = f"{_OF_SERVICES[field]} of {fields.service_text(pool.service.key)}"
        value = SERVICE[field].text(pool.service) if field != _PERSISTENCE or pool.service.persistence else "0"
        server = None
        if field == "scheduler":
            view.say(f"schedulers here: {' '.join(view.snapshot.schedulers)}")
    else:
        view.say(f"only a real server has {field}: go to one", Tone.WARN)
        return

    def read(text: str) -> tuple[Change, ...]:
        service, text = pool.service, text.strip()
        if server:
            return check_changes([change_server(service.key, server, SERVER.assign(server, {field: text}))], director)
        texts = {"persistence": NONE} if field == _PERSISTENCE and text == "0" else {field: text}
        return check_changes([change_service(service, SERVICE.assign(service, texts))], director)

    def take(changes: tuple[Change, ...]) -> None:
        view.say("")
        stage_also(view, changes)
        for problem in problems(changes[0], director):  # what is merely unwise
            view.say(str(problem), Tone.WARN)

    view.prompt.ask(label, value, read, take, lambda: view.say(""))


def _copy(view: Services) -> None:
    """Ask for a service, and stage copies of the chosen servers, or of those of the chosen services, in it."""
    if not editable(view) or not nothing_pending(view):
        return
    director = view.snapshot.reading.director
    servers = batch.targets(director, view.table.chosen)
    if not servers:
        view.say("there is no server to copy here", Tone.WARN)
        return

    def read(text: str) -> Sequence[Change]:
        changes = batch.copies(director, servers, batch.destination(director, text))
        if not changes:
            raise fields.FieldError("service", "it has all of them already")
        return check_changes(changes, director)

    what = "1 server" if len(servers) == 1 else f"{len(servers)} servers"
    view.prompt.ask(f"copy {what} to SERVICE [port N]", "", read, lambda changes: view.stage(Edit(tuple(changes))))


def _bundle(view: Services) -> None:
    """Ask how the chosen services become one mark group; a single one brings along its companions."""
    chosen = [key.service if isinstance(key, ServerKey) else key for key in view.table.chosen]
    keys = [key for key in dict.fromkeys(chosen) if isinstance(key, AddressKey)]
    if not keys:
        view.say("only services on an address can be bundled; marks are edited in the marks view (3)", Tone.WARN)
        return
    if len(keys) == 1:
        keys += companions(view.snapshot.reading.director, keys[0])
    bundle(view, keys)


def _delete(view: Services) -> None:
    keys = view.table.chosen
    if not keys or not editable(view) or not nothing_pending(view):
        return
    changes = batch.removal(view.snapshot.reading.director, keys)
    title, must_type = _question(view, keys, sum(isinstance(change.target, ServerKey) for change in changes))
    if changes:
        confirm_changes(view, title, changes, must_type=must_type)


def _question(view: Services, keys: Sequence[RowKey], servers: int) -> tuple[str, str]:
    """Return the question before a removal, and the text that has to be typed where whole services go."""
    services = [key for key in keys if not isinstance(key, ServerKey | MachineKey)]
    match keys:
        case [ServerKey(service, endpoint) as key]:
            pool = _pool(view.snapshot.reading.director, key)
            server = pool.servers.get(endpoint) if pool else None
            title = f"Delete real server {fields.server_text(endpoint)} {server.name if server else ''}".rstrip()
            return f"{title} from {fields.service_text(service)}?", ""
        case [MachineKey(address)]:
            return f"Delete {address} from all of its services?", str(address)
        case [_] if services:
            name = service_name(view, services[0])
            return f"Delete service {name} with its {servers} real servers?", name
        case _ if services:
            what = service_name(view, services[0]) if len(services) == 1 else f"{len(services)} services"
            return f"Delete {what} and {servers} real servers?", what
        case _:
            return f"Delete {servers} real servers?", ""


def _zeroed_by_service(view: Services) -> str:
    if any(isinstance(key, MachineKey) for key in view.table.marked or (view.table.cursor_key,)):
        return "the kernel zeroes counters by service: go to one"
    return ""


def _zero(view: Services, *, everything: bool = False) -> None:
    """Ask, then zero the counters of the chosen services, or all."""
    found = (key.service if isinstance(key, ServerKey) else key for key in view.table.chosen)
    services = [key for key in dict.fromkeys(found) if not isinstance(key, MachineKey)]
    requests = [Zero(None)] if everything else [Zero(key) for key in services]
    if not requests or not editable(view):
        return
    lines = [f"{fields.service_text(key)} and its servers" for key in services]
    if everything:
        lines = ["every service, every server, and the totals"]

    def go() -> None:
        for request in requests:
            view.ask(request)

    title = "Zero these counters? This cannot be undone."
    confirm_first(view.app, Confirm(title, lines, "Zero"), go)


_ASKED = (
    ("name", "n", "name", "set the name of this row (in the profile)"),
    ("service.note", "N", "note", "set the note of the service (in the profile)"),
    ("service.scheduler", "S", "scheduler", "set the scheduler of the service"),
    ("service.timeout", "t", _PERSISTENCE, "set the persistence timeout (seconds, 0: none)"),
    ("server.upper", "u", "upper", "set the upper connection threshold (0: none)"),
    ("server.lower", "l", "lower", "set the lower connection threshold"),
)
"""The commands that ask for one field in one line: id, keys, field and words."""

EDITS: tuple[Command[Services], ...] = (
    Command("weight.up", "plus,equals_sign", "stage a weight higher by one", _raise, "+ - weight", when=_on_servers),
    Command("weight.down", "minus", "stage a weight lower by one", _lower),
    Command("weight.drain", "0", "stage weight 0, or the weight before the drain", _drain, "0 drain", when=_on_servers),
    Command("edit", "e", "edit this row in a form", partial(_open_form, what="edit"), "e edit", _on_machine, any_row),
    Command("add", "a", "add a server to this service", partial(_open_form, what="add"), "a add", _on_machine, any_row),
    Command(
        "add.service",
        "A",
        "add a service",
        partial(_open_form, what="service"),
        "A add service",
        when=lambda view: not any_row(view),
    ),
    *(
        Command(name, keys, words, partial(_ask, field=field), why_off=_on_machine)
        for name, keys, field, words in _ASKED
    ),
    Command("delete", "delete,ctrl+d", "delete this row, after asking", _delete),
    Command("weight.set", "W", "set the weight: 5 +2 -1 50% *1.5 drain restore", ask_weight),
    Command("copy", "C", "copy these servers to another service", _copy),
)

BUNDLE: Command[Services] = Command("bundle", "B", "bundle these services into a group, after asking", _bundle)

ZEROING: tuple[Command[Services], ...] = (
    Command("zero", "R", "zero the counters of these services, after asking", _zero, why_off=_zeroed_by_service),
    Command("zero.all", "ctrl+r", "zero all counters, after asking", partial(_zero, everything=True)),
)
