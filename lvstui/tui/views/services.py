"""The services view: the live table of virtual services and real servers, by service or by machine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import inf

from lvstui.core import fields
from lvstui.core.describe import notes
from lvstui.core.entries.glimpse import is_fresh
from lvstui.core.history import Measure
from lvstui.core.keys import with_keys
from lvstui.core.marks.mark import every_rule
from lvstui.core.model import AddressKey, MarkKey, ServerKey, ServiceKey
from lvstui.core.observed import GroupKey, MachineKey, RowKey
from lvstui.core.services.batch import targets
from lvstui.core.services.columns import HIDDEN, HISTORY_SECONDS, SERVICE_COLUMNS, SORTABLE
from lvstui.core.services.detail import detail
from lvstui.core.services.filter import LANGUAGE
from lvstui.core.services.past import whole
from lvstui.core.services.row import STATES, Grouping, ServiceLook, outlook, plight
from lvstui.core.services.rows import cells, columns, group_of, groups, rows
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.request import target_proposal
from lvstui.core.view.brief import seen_on
from lvstui.core.view.chart import scale_top
from lvstui.core.view.glyphs import UNICODE
from lvstui.formats.equivalent import as_commands, as_toml
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.commands import Arguments, Command, bindings
from lvstui.tui.dialogs.listing import Copied, list_states
from lvstui.tui.views.editing import arranging, copying, editing
from lvstui.tui.views.examining import examining
from lvstui.tui.views.finding import filtering
from lvstui.tui.views.lines import grouping, moving
from lvstui.tui.views.probing import PROBING
from lvstui.tui.views.service_edits import (
    BUNDLE,
    EDITS,
    ZEROING,
    Services,
    added_row,
    any_row,
    service_name,
    staged_servers,
)
from lvstui.tui.views.service_text import editing_text
from lvstui.tui.views.table_view import Rows, TableView
from lvstui.tui.views.tracing import tracing
from lvstui.tui.views.view import View

_NOTES = f"""\
With rows marked, the keys for weights, {{Del:delete}}, {{C:server.copy}}, {{O:zero}} and {{y:excerpt}} act on all.
A marked service, or a machine ({{m:regroup}}), means all of its servers.

What / finds (all terms must match)
  web 10.0.0.1         text in a row or its service
  10.0.0.0/8 fd00::/8  the service or server has an address in this network
  weight=0 active>100  numbers: = != > < >= <=, also with k M G
  state=drain name=we  words; for name= and note= a part is enough
  !web !state=ok       the opposite of any of these
Fields  {LANGUAGE.help}

Sticky  persistence entries bound here
Active  connections established
InAct   all other connections
State   {list_states(STATES)}"""

_GROUPINGS = {grouping.value: grouping for grouping in Grouping}

_DONE_SECONDS = 3.0
"""Seconds for which the message says that a server was drained, before it says what is left there."""


def _show_clients(view: Services, where: str, key: RowKey, *, move: bool = False) -> None:
    """Go to the entries or connections that belong to a row."""
    match key:
        case ServerKey(service, endpoint):
            wanted = f"service={fields.service_text(service)} server={fields.server_text(endpoint)}"
        case MachineKey(address):
            wanted = f"server={address}"
        case _:
            wanted = f"service={fields.service_text(key)}"
    view.post_message(View.Wanted(where, filter=wanted, move=move))


def _sticks(view: Services, key: RowKey) -> bool:
    """Return whether clients can stick to a row."""
    if isinstance(key, MachineKey):
        return True
    pool = view.snapshot.reading.director.pools.get(key.service if isinstance(key, ServerKey) else key)
    return pool is not None and pool.service.persistence is not None


def _peeks(snapshot: Snapshot, key: RowKey) -> bool:
    """Return whether clients stick to a row, and who they are is not known, or was a while ago."""
    if isinstance(key, MachineKey) or is_fresh(snapshot.glimpse, snapshot.reading.taken):
        return False
    pool = snapshot.reading.director.pools.get(key.service if isinstance(key, ServerKey) else key)
    counted = snapshot.reading.servers.get(pool.service.key, {}) if pool is not None else {}
    return any(seen.sticky for seen in counted.values())


def _show_entries(view: Services, *, move: bool = False) -> None:
    """Go to the persistence entries of the row under the cursor, or move all of a server's clients away."""
    key = view.table.cursor_key
    if isinstance(key, MachineKey) or (key is not None and _sticks(view, key)):
        _show_clients(view, "persistence", key, move=move)
    elif key is not None:
        name = service_name(view, key.service if isinstance(key, ServerKey) else key)
        way = with_keys("{t:service.time} sets a timeout")
        view.say(f"{name} is not persistent, so no client sticks to a server; {way}")


def _move(view: Services) -> None:
    _show_entries(view, move=True)


def _on_no_server(view: Services) -> str:
    on_server = isinstance(view.table.cursor_key, ServerKey | MachineKey)
    return "" if on_server else "go to a real server to move its clients away"


def _show_connections(view: Services) -> None:
    if (key := view.table.cursor_key) is not None:
        _show_clients(view, "connections", key)


def _on_no_mark(view: Services) -> str:
    return (
        ""
        if isinstance(view.about, MarkKey)
        else with_keys("this service is not on a mark; {B:service.bundle} makes it a mark group")
    )


def _show_mark(view: Services) -> None:
    view.post_message(View.Wanted("marks", row=view.about))


def _regroup(view: Services) -> None:
    """Go from services to machines or back, the cursor staying on the same server."""
    look, key = view.look, view.table.cursor_key
    machine = look.grouping is Grouping.SERVICE
    grouping = Grouping.MACHINE if machine else Grouping.SERVICE
    if key is not None and not isinstance(key, ServerKey):
        key = next(iter(targets(view.snapshot.reading.director, [key])), None)
    folded = look.folded - {group_of(key, grouping)} if key is not None else look.folded
    view.rearrange(replace(look, grouping=grouping, folded=folded))
    if key is not None:
        view.table.move_to(group_of(key, grouping))  # so that the heading is in view as well
        view.table.move_to(key)
    view.say("by machine: an edit of a machine acts on all of its servers" if machine else "")


def _fold(view: Services, *, folded: bool) -> None:
    """Fold or unfold the service or machine that the cursor is in."""
    key = view.table.cursor_key
    if key is None:
        return
    group = group_of(key, view.look.grouping)
    if folded:
        view.table.move_to(group)
    _set_folded(view, view.look.folded | {group} if folded else view.look.folded - {group})


def _fold_all(view: Services) -> None:
    """Fold all services or machines, or unfold them when any is folded."""
    look = view.look
    if (key := view.table.cursor_key) is not None:
        view.table.move_to(group_of(key, look.grouping))
    every = groups(view.snapshot, look.grouping).keys()
    _set_folded(view, look.folded - every if look.folded & every else look.folded | every)


def _set_folded(view: Services, folded: frozenset[GroupKey]) -> None:
    view.look = replace(view.look, folded=folded)
    view.redraw()


def _excerpt(view: Services) -> None:
    if keys := view.table.chosen:
        director = view.snapshot.reading.director
        texts = {"commands": as_commands(director, keys), "TOML": as_toml(director, keys)}
        view.app.push_screen(Copied("As ipvsadm commands, and as in a profile", texts))


_NOTE_LEAST, _RAGGED = 60, 28
"""Cells of a note that are shown at least below the table, and that its lines leave free at their ends."""


def _outlook(view: Services) -> str:
    """Return what is wrong with the server under the cursor, else what is left to wait for if it is drained.

    An open detail says it, so that it is not repeated.
    """
    key, director = view.table.cursor_key, view.snapshot.reading.director
    if not isinstance(key, ServerKey) or view.body.opened:
        return ""
    pool = director.pools.get(key.service)
    server = pool.servers.get(key.endpoint) if pool else None
    if not pool or not server:
        return ""
    if (verdict := view.snapshot.health.get(key)) is not None:
        return plight(pool, server, verdict)
    seen, persistence = seen_on(view.snapshot, key), pool.service.persistence
    return outlook(server, seen, director.sysctl, persistence, view.size.width - 2)


def _remark(view: Services) -> str:
    """Return what is to be known of the row under the cursor: what is wrong or awaited there, else its note.

    A long note is cut, so that it takes no more than two lines from the table; the detail has all of it.
    """
    if view.body.opened:
        return ""
    text = " ".join(f"note {note}" for note in notes(view.snapshot.reading.director, [view.about]))
    room = max(_NOTE_LEAST, 2 * (view.size.width - 2) - _RAGGED)
    return _outlook(view) or (text if len(text) <= room else f"{text[:room]}{UNICODE.cut} Enter shows all")


def _path(snapshot: Snapshot, key: RowKey) -> tuple[str, ...]:
    """Return the names of a service or a machine, and of the server on it."""
    pools = snapshot.reading.director.pools
    match key:
        case MachineKey(address):
            return (str(address),)
        case ServerKey(service, endpoint):
            pool = pools.get(service)
            server = pool.servers.get(endpoint) if pool else None
            return (*_path(snapshot, service), (server.name if server else "") or fields.server_text(endpoint))
        case _:
            pool = pools.get(key)
            return ((pool.service.name if pool else "") or fields.service_text(key),)


def _on_service(view: Services) -> bool:
    return isinstance(view.table.cursor_key, AddressKey | MarkKey)


def _question(view: Services) -> str:
    """Propose the service under the cursor as where a packet is sent."""
    return f"{target_proposal(view.about, every_rule(view.snapshot))} "


_ARRANGING: tuple[Command[Services], ...] = arranging()

_EVERYWHERE: tuple[Command[Services], ...] = editing()

_GROUP: Arguments[Services] = grouping(tuple(_GROUPINGS))

_COMMANDS: tuple[Command[Services], ...] = (
    *EDITS,
    Command("service.jump", "J", "go to the mark of this service", _show_mark, why_off=_on_no_mark),
    BUNDLE,
    Command("entries", "E", "go to the persistence entries here", _show_entries, "E entries", when=any_row),
    Command("connections", "c", "go to the connections here", _show_connections),
    Command(
        "entries.move",
        "M",
        "move this server's clients to another, after asking",
        _move,
        why_off=_on_no_server,
        arguments=moving(),
    ),
    tracing(_question, "T trace", when=_on_service),
    editing_text(),
    examining(),
    *PROBING,
    *ZEROING,
    filtering(),
    Command("regroup", "m", "group by machine or by service", _regroup, "m group", when=any_row, arguments=_GROUP),
    *_ARRANGING,
    copying("copy these rows as ipvsadm commands or as TOML", _excerpt),
    Command("fold", "left", "fold the service or machine", partial(_fold, folded=True)),
    Command("unfold", "right", "unfold the service or machine", partial(_fold, folded=False)),
    Command("fold.all", "f", "fold or unfold all services or machines", _fold_all),
    *_EVERYWHERE,
)


class ServicesView(TableView[RowKey, ServiceLook]):
    """Services or machines with their real servers below them, edited one by one or all that are marked."""

    NAME = "services"
    NOTES = _NOTES
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    ROWS = Rows(
        columns,
        rows,
        cells,
        look=ServiceLook(hidden=HIDDEN),
        filtered=lambda look, text: replace(look, filter=LANGUAGE.parse(text)),
        staged=lambda look, changes: replace(look, staged=dict(staged_servers(changes).items())),
        every_column=SERVICE_COLUMNS,
        sortable=SORTABLE,
        grouping=lambda look: look.grouping.value,
        regrouped=lambda look, word: replace(look, grouping=_GROUPINGS.get(word, Grouping.SERVICE)),
        added=added_row,
        marked=True,
        empty=lambda _: with_keys("There is no virtual service; {a:add} adds one."),
        detail=detail,
        whole=whole,
        path=_path,
        peeks=_peeks,
        terms=LANGUAGE.terms,
    )

    def __init__(self, memory: ViewMemory | None = None) -> None:
        super().__init__(memory)
        self._outlook_said = ""
        self._outlook_since: float | None = None
        self._in_trouble: RowKey | None = None

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

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds, or put the cursor on a row, out of a fold that hides it."""
        super().find(wanted)
        row = wanted.row
        if row is None:
            return
        if self.look.grouping is Grouping.MACHINE and not isinstance(row, MachineKey):
            self.look = replace(self.look, grouping=Grouping.SERVICE)
        if self.table.move_to(row):
            return
        _set_folded(self, self.look.folded - {group_of(row, self.look.grouping)})
        self.table.move_to(row)

    def redraw(self) -> None:
        """Show the rows; some seconds after a server was drained or got into trouble, keep the message up to date."""
        history = self.snapshot.history
        self.look = replace(self.look, top=scale_top(history.most(Measure.CONNECTIONS, HISTORY_SECONDS)))
        super().redraw()
        text, now = _outlook(self), self.snapshot.reading.taken
        in_trouble = self.table.cursor_key if self.table.cursor_key in self.snapshot.health else None
        if self._in_trouble is not None and self._in_trouble == self.table.cursor_key and not in_trouble:
            self.say(text or "this server is not seen in trouble any more", ended=self._outlook_said)
            self._outlook_said = text
        self._in_trouble = in_trouble
        if not text:
            self._outlook_since = None
            return
        if self._outlook_since is None:
            self._outlook_since = now
        if text != self._outlook_said and now - max(self._outlook_since, self.asked) >= _DONE_SECONDS:
            self._outlook_said = text
            self.say(text, standing=True)

    def on_virtual_table_cursor_moved(self) -> None:
        """Show what trouble a server is in, what is left to wait for on a drained one, or the note of its service."""
        outlook, text = _outlook(self), _remark(self)
        if text or self._outlook_said:
            self.say(text, standing=not outlook)
        self._outlook_said = text
        self._outlook_since = -inf if outlook else None  # what is said of it from now on confirms no edit
