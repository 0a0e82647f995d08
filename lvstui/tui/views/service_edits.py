"""Edits of services and real servers: of the row under the cursor, or of all that are marked; nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.attribute import NONE
from lvstui.core.attributes import SERVER, SERVICE
from lvstui.core.change import Change, change_server, change_service
from lvstui.core.describe import service_names
from lvstui.core.keys import with_keys
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
from lvstui.core.services.batch import Staged, Targets
from lvstui.core.services.forms import ServerForm, ServiceForm
from lvstui.core.services.row import ServiceLook
from lvstui.core.view.command_line import words
from lvstui.core.view.table import Tone
from lvstui.core.weights import Rule, step, weight_rule
from lvstui.engine.messages import Edit, Zero
from lvstui.tui.commands import Arguments, Command, Part
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.terminal import new_server_of
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
from lvstui.tui.views.lines import known_servers, known_services
from lvstui.tui.views.mark_edits import bundle
from lvstui.tui.views.table_view import TableView

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
        return with_keys("go to one of its servers for that; on a machine only weights and {Del:delete} act")
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
        view.say(
            with_keys("a service has no weight: mark it with {Space:table.mark} to edit all of its servers"),
            Tone.WARN,
        )
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


def _step_weight(view: Services, by: int) -> None:
    """Stage weights one step up or down; of many servers, the drained ones stay drained."""
    servers = _servers(view)
    _weigh(view, servers, step(by, revive=len(servers) == 1))


def _raise(view: Services) -> None:
    _step_weight(view, 1)


def _lower(view: Services) -> None:
    _step_weight(view, -1)


def _drain(view: Services) -> None:
    servers = _servers(view)
    _weigh(view, servers, batch.toggle(servers, staged_servers(view.staged.changes)))


def _restore(view: Services) -> None:
    _weigh(view, _servers(view), weight_rule("restore"))


def ask_weight(view: Services) -> None:
    """Ask for new weights, and stage them."""
    servers = _servers(view)
    if not servers:
        return
    key, server = next(iter(servers.items()))
    one = len(servers) == 1
    what = f"weight of {fields.server_text(key.endpoint) if one else f'{len(servers)} servers'}"
    value = str(server.weight) if one else ""
    view.prompt.ask(what, value, weight_rule, partial(_weigh, view, servers))


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
        questions = ServerForm(director, pool, profile=profile, new=new_server_of(view))
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


class _Asked(NamedTuple):
    """A value of a row that is asked for: label, text now, what reads another text, and what stages the changes."""

    label: str
    value: str
    read: Callable[[str], tuple[Change, ...]]
    take: Callable[[tuple[Change, ...]], None]


def _ask(view: Services, field: str) -> None:
    """Ask in one line for a value of the row, or of the service that the row belongs to."""
    if not editable(view):
        return
    asked = _asked(view, field)
    if isinstance(asked, str):
        if asked:
            view.say(asked, Tone.WARN)
        return
    if field == "scheduler":
        view.say(f"schedulers here: {' '.join(view.snapshot.schedulers)}")

    def take(changes: tuple[Change, ...]) -> None:
        view.say("")
        asked.take(changes)

    view.prompt.ask(asked.label, asked.value, asked.read, take, lambda: view.say(""))


def _asked(view: Services, field: str) -> _Asked | str:
    """Return how a value of the row is asked for, or why it cannot be (empty: there is no row)."""
    if field in ("name", "note") and not has_profile(view):
        return "names and notes are kept in a profile: start with --profile FILE"
    key, director = view.table.cursor_key, staged_director(view)
    pool = _pool(director, key)
    if pool is None:
        return _on_machine(view)
    server = pool.servers.get(key.endpoint) if isinstance(key, ServerKey) else None
    if server and field in _OF_SERVERS:
        label, value = f"{field} of {fields.server_text(server.endpoint)}", SERVER[field].text(server)
    elif field in _OF_SERVICES:
        label = f"{_OF_SERVICES[field]} of {fields.service_text(pool.service.key)}"
        value = SERVICE[field].text(pool.service) if field != _PERSISTENCE or pool.service.persistence else "0"
        server = None
    else:
        return f"only a real server has {field}: go to one"

    def read(text: str) -> tuple[Change, ...]:
        service, text = pool.service, text.strip()
        if server:
            return check_changes([change_server(service.key, server, SERVER.assign(server, {field: text}))], director)
        if field == "scheduler" and text not in (pool.service.scheduler, *(view.snapshot.schedulers or (text,))):
            form = with_keys("the form ({e:edit})")
            missing = f"this kernel has no module ip_vs_{fields.visible(text)}; {form} takes it all the same"
            raise fields.FieldError("scheduler", missing)
        texts = {"persistence": NONE} if field == _PERSISTENCE and text == "0" else {field: text}
        return check_changes([change_service(service, SERVICE.assign(service, texts))], director)

    def take(changes: tuple[Change, ...]) -> None:
        stage_also(view, changes)
        for problem in problems(changes[0], director):  # what is merely unwise
            view.say(str(problem), Tone.WARN)

    return _Asked(label, value, read, take)


def _read_weight(view: Services, text: str) -> Callable[[], None]:
    """Read `WEIGHT [SERVER...]`; without a server those of the chosen rows are meant."""
    first, *names = words(text) or [""]
    return _weighing(view, weight_rule(first), names)


def _read_fixed(view: Services, text: str, rule: str) -> Callable[[], None]:
    """Read `[SERVER...]`, which get the weight of a `rule`."""
    return _weighing(view, weight_rule(rule), words(text))


def _weighing(view: Services, rule: Rule, names: Sequence[str]) -> Callable[[], None]:
    director = view.snapshot.reading.director
    named = {key: server for name in names for key, server in batch.named_servers(director, name).items()}

    def act() -> None:
        if not named:
            _weigh(view, _servers(view), rule)
        elif editable(view):
            view.table.move_to(next(iter(named)))
            _weigh(view, named, rule)

    return act


def _read_value(view: Services, text: str, field: str) -> Callable[[], None]:
    """Read a value of the row under the cursor."""
    found = _asked(view, field)
    if isinstance(found, str):
        raise fields.FieldError(field, found)
    changes = found.read(text)

    def act() -> None:
        if editable(view):
            found.take(changes)

    return act


def _read_copy(view: Services, text: str) -> Callable[[], None]:
    """Read where servers are copied to."""
    director = view.snapshot.reading.director
    servers = batch.targets(director, view.table.chosen)
    changes = _copied(director, servers, text)

    def act() -> None:
        if editable(view) and nothing_pending(view):
            view.stage(Edit(changes))

    return act


def _copy(view: Services) -> None:
    """Ask for a service, and stage copies of the chosen servers, or of those of the chosen services, in it."""
    if not editable(view) or not nothing_pending(view):
        return
    director = view.snapshot.reading.director
    servers = batch.targets(director, view.table.chosen)
    if not servers:
        view.say("there is no server to copy here", Tone.WARN)
        return

    what = "1 server" if len(servers) == 1 else f"{len(servers)} servers"
    read = partial(_copied, director, servers)
    view.prompt.ask(f"copy {what} to SERVICE [port N]", "", read, lambda changes: view.stage(Edit(changes)))


def _copied(director: Director, servers: Targets, text: str) -> tuple[Change, ...]:
    """Return the changes that copy servers to where a text says. Raises `FieldError`."""
    changes = batch.copies(director, servers, batch.destination(director, text))
    if not changes:
        raise fields.FieldError("service", "it has all of them already")
    return check_changes(changes, director)


def _bundle(view: Services) -> None:
    """Ask how the chosen services become one mark group; a single one brings along its companions."""
    chosen = [key.service if isinstance(key, ServerKey) else key for key in view.table.chosen]
    keys = [key for key in dict.fromkeys(chosen) if isinstance(key, AddressKey)]
    if not keys:
        view.say(
            with_keys(
                "only services on an address can be bundled; marks are edited in the marks view ({3:view.marks})"
            ),
            Tone.WARN,
        )
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


_COUNT: Part[Services] = Part("CONNECTIONS")

_ASKED: tuple[tuple[str, str, str, str, str, Part[Services]], ...] = (
    ("name", "L", "name", "label: set the name of this row (in the profile)", "name", Part("NAME")),
    ("service.note", "number_sign", "note", "set the note of the service (in the profile)", "note", Part("TEXT")),
    (
        "service.scheduler",
        "percent_sign",
        "scheduler",
        "set the scheduler of the service",
        "scheduler",
        Part("SCHEDULER", lambda view: view.snapshot.schedulers),
    ),
    (
        "service.time",
        "t",
        _PERSISTENCE,
        "set the persistence timeout (seconds, 0: none)",
        "timeout",
        Part("SECONDS"),
    ),
    ("server.upper", "greater_than_sign", "upper", "set the upper connection threshold (0: none)", "upper", _COUNT),
    ("server.lower", "less_than_sign", "lower", "set the lower connection threshold", "lower", _COUNT),
)
"""The commands that ask for one field in one line: id, keys, field and words, and how they stand in the palette."""

_SERVERS: Part[Services] = Part("[SERVER...]", known_servers)
_WEIGHT: Arguments[Services] = Arguments(
    "weight",
    (Part("WEIGHT", lambda _: ("drain", "restore")), _SERVERS),
    _read_weight,
    alone=2,
)
_DRAIN: Arguments[Services] = Arguments("drain", (_SERVERS,), partial(_read_fixed, rule="drain"), alone=1)
_RESTORE: Arguments[Services] = Arguments("restore", (_SERVERS,), partial(_read_fixed, rule="restore"), alone=1)
_COPY: Arguments[Services] = Arguments(
    "copy", (Part("SERVICE", known_services), Part("[port]"), Part("[N]")), _read_copy
)

EDITS: tuple[Command[Services], ...] = (
    Command(
        "weight.up",
        "plus,equals_sign",
        "stage a weight higher by one",
        _raise,
        "+ - weight",
        when=_on_servers,
        beside="weight.down",
    ),
    Command("weight.down", "minus", "stage a weight lower by one", _lower),
    Command(
        "weight.drain",
        "d",
        "drain: stage weight 0, or the weight before",
        _drain,
        "d drain",
        when=_on_servers,
        arguments=_DRAIN,
    ),
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
        Command(
            name,
            keys,
            sentence,
            partial(_ask, field=field),
            why_off=_on_machine,
            arguments=Arguments(word, (part,), partial(_read_value, field=field), remembered=field != "note"),
        )
        for name, keys, field, sentence, word, part in _ASKED
    ),
    Command("delete", "delete,ctrl+d", "delete this row, after asking", _delete),
    Command("weight.set", "W", "set the weight: 5 +2 -1 50% *1.5 drain restore", ask_weight, arguments=_WEIGHT),
    Command("weight.restore", "", "restore: stage the weight before the drain", _restore, arguments=_RESTORE),
    Command("server.copy", "C", "copy these servers into another service", _copy, arguments=_COPY),
)

BUNDLE: Command[Services] = Command("service.bundle", "B", "bundle these services into a group, after asking", _bundle)

ZEROING: tuple[Command[Services], ...] = (
    Command("zero", "O", "zero the counters of these services, after asking", _zero, why_off=_zeroed_by_service),
    Command("zero.all", "", "zero all counters, after asking", partial(_zero, everything=True)),
)
