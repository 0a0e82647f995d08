"""Forms and prompts of the services view: they ask, and stage what the answers change; nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lvstui.core import fields
from lvstui.core.attributes import NONE, SERVER, SERVICE
from lvstui.core.change import Change, change_server, change_service, fold
from lvstui.core.model import (
    AddressKey,
    Director,
    MarkKey,
    Pool,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
)
from lvstui.core.observed import RowKey
from lvstui.core.rules import Severity, problems
from lvstui.core.services.server_form import ServerForm
from lvstui.core.services.service_form import ServiceForm
from lvstui.core.staging import merge
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit
from lvstui.tui.views.view import View
from lvstui.tui.widgets.form import FormScreen

_NAMELESS = "names and notes are kept in a profile: start with --profile FILE"


def open_form(view: View, key: RowKey | None, what: str) -> None:
    """Ask in a form: `edit` the row, `add` a real server to its service, or add a `service` wherever the cursor is."""
    director = _standing(view)
    if director is None:
        return
    schedulers, profile = view.snapshot.schedulers if view.snapshot else (), _has_profile(view)
    pool = _pool(director, key)
    server = pool.servers.get(key.endpoint) if pool and isinstance(key, ServerKey) else None
    asked: ServerForm | ServiceForm
    if what == "service" or (what == "add" and not director.pools):
        asked = ServiceForm(director, schedulers, profile=profile)
    elif pool is None:
        return
    elif what == "add":
        asked = ServerForm(director, pool, profile=profile)
    elif server:
        asked = ServerForm(director, pool, server, profile)
    else:
        asked = ServiceForm(director, schedulers, pool, profile)

    def done(values: dict[str, str] | None) -> None:
        view.focus_body()
        if values is not None:
            _stage(view, asked.changes(values))

    view.app.push_screen(FormScreen(asked.form), done)


def ask(view: View, key: RowKey | None, field: str) -> None:
    """Ask in one line for a value of the row, or of the service that the row belongs to."""
    director = _standing(view, field)
    pool = _pool(director, key) if director else None
    if director is None or pool is None:
        return
    service = pool.service.key
    server = pool.servers.get(key.endpoint) if isinstance(key, ServerKey) else None
    if server and field in _OF_SERVERS:
        label = f"{field} of {fields.server_text(server.endpoint)}"
        value = SERVER[field].text(server)
        _ask(view, director, label, value, lambda text: _server_change(service, server, field, text))
    elif field in _OF_SERVICES:
        label = f"{_OF_SERVICES[field]} of {fields.service_text(service)}"
        if field == "scheduler" and view.snapshot:
            view.say(f"schedulers here: {' '.join(view.snapshot.schedulers)}")
        value = "0" if field == "timeout" and not pool.service.persistence else SERVICE[_name(field)].text(pool.service)
        _ask(view, director, label, value, lambda text: _service_change(pool.service, field, text))
    else:
        view.say(f"only a real server has {field}: go to one", Tone.WARN)


def added(changes: Sequence[Change]) -> RowKey | None:
    """Tell the first row that changes add, None where they add none."""
    for change in changes:
        match change:
            case Change(AddressKey() | MarkKey() | ServerKey() as key, None, _):
                return key
            case _:
                pass
    return None


_OF_SERVERS = ("name", "weight", "upper", "lower")
_OF_SERVICES = {
    "name": "name",
    "note": "note",
    "scheduler": "scheduler",
    "timeout": "persistence (seconds, 0: none)",
}


def _pool(director: Director, key: RowKey | None) -> Pool | None:
    """Find the service that a row is, or belongs to."""
    match key:
        case ServerKey(service):
            return director.pools.get(service)
        case AddressKey() | MarkKey():
            return director.pools.get(key)
        case _:
            return None


def _standing(view: View, field: str = "") -> Director | None:
    """Give the director with what is staged in it; None, and the reason said, where nothing can be edited."""
    if view.snapshot is None or not view.editable():
        return None
    if field in ("name", "note") and not _has_profile(view):
        view.say(_NAMELESS, Tone.WARN)
        return None
    return fold(view.snapshot.reading.director, view.staged.changes)


def _has_profile(view: View) -> bool:
    return bool(view.snapshot and view.snapshot.profile.path)


def _stage(view: View, changes: tuple[Change, ...]) -> None:
    merged = merge(view.staged.changes, changes)
    if merged == view.staged.changes:
        view.say("nothing changed")
    else:
        view.stage(Edit(merged))


def _ask(view: View, director: Director, label: str, value: str, change: Callable[[str], Change]) -> None:
    """Ask for one value; what is wrong is said while it is typed, what is merely unwise once it is staged."""

    def typed(text: str) -> str:
        try:
            found = problems(change(text), director)
        except fields.FieldError as error:
            return error.sentence
        return next((problem.sentence for problem in found if problem.severity is Severity.ERROR), "")

    def done(text: str | None) -> None:
        view.focus_body()
        view.say("")
        if text is None:
            return
        made = change(text)
        _stage(view, (made,))
        for problem in problems(made, director):
            view.say(str(problem), Tone.WARN)

    view.prompt.ask(label, value, done, typed)


def _server_change(service: ServiceKey, server: RealServer, field: str, text: str) -> Change:
    return change_server(service, server, SERVER.assign(server, {field: text.strip()}))


def _service_change(service: Service, field: str, text: str) -> Change:
    """Change a service; 0 seconds of persistence end it."""
    texts = {"persistence": NONE} if field == "timeout" and text.strip() == "0" else {_name(field): text.strip()}
    return change_service(service, SERVICE.assign(service, texts))


def _name(field: str) -> str:
    return "persistence.timeout" if field == "timeout" else field
