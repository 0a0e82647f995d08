"""The persistence view: which client sticks to which real server, live, alone or in groups, and edited in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lvstui.core import fields
from lvstui.core.entries.columns import (
    LANGUAGE,
    EntryGrouping,
    EntryLook,
    EntryRowKey,
    Group,
)
from lvstui.core.entries.detail import detail
from lvstui.core.entries.distribution import distribution
from lvstui.core.entries.edits import EntryReport, why_not_editable
from lvstui.core.entries.groups import opens
from lvstui.core.entries.past import move_back
from lvstui.core.entries.request import Action, EntryRequest, pin_of, pin_text, targets, usual_seconds
from lvstui.core.entries.resolve import STATES, EntryKey, ResolvedEntry
from lvstui.core.entries.rows import (
    EVERY_COLUMN,
    EVERY_SORTABLE,
    cells,
    columns,
    commands_for,
    every_group,
    group_above,
    matching_entries,
    members,
    resolved_entries,
    rows,
    summary,
)
from lvstui.core.keys import with_keys
from lvstui.core.marks.mark import every_rule
from lvstui.core.model import Address, Endpoint
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.request import target_proposal
from lvstui.core.view.filter import only_address
from lvstui.core.view.table import Cell, Tone
from lvstui.engine.messages import EditEntries
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.commands import Arguments, Command, Part, bindings
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.listing import Copied, list_states
from lvstui.tui.views.connections import WIDE, scan_tone
from lvstui.tui.views.editing import arranging, copying, editable, editing
from lvstui.tui.views.finding import filtering
from lvstui.tui.views.lines import grouping, known_clients, known_services, moving
from lvstui.tui.views.table_view import Rows, TableView
from lvstui.tui.views.tracing import tracing
from lvstui.tui.views.view import View
from lvstui.tui.widgets.lines import Panel

_NOTES = f"""\
An entry decides where its client's next connections go; Left is the time until it expires.
With rows marked, {{x:entry.take-out}} {{M:entry.move}} {{t:entry.time}} act on all; a group means all of its entries.
Before Linux 6.14 a large table takes long to read: the line above the table says how much was read.

What / finds (all terms must match)
  10.1.0.9             the entry of this client, also under a wider mask
  10.1.0.0/16          clients of a network
  server=web2 service=shop mark=80 left<60 left>5m conns>3 state=drain origin=sync
  !web !state=ok       the opposite of any of these
Fields  {LANGUAGE.help}

State   {list_states(STATES)}"""

_GROUPINGS = {grouping.value: grouping for grouping in EntryGrouping}

Entries: TypeAlias = TableView[EntryRowKey, EntryLook]


def _chosen(view: Entries) -> tuple[ResolvedEntry, ...]:
    """Return the entries of the marked rows, else of the row under the cursor."""
    found: dict[int, ResolvedEntry] = {}
    every = resolved_entries(view.snapshot)
    for key in view.table.chosen:
        if isinstance(key, Group):
            found.update((id(entry), entry) for entry in members(view.snapshot, view.look, key))
        elif key in every:
            found[id(every[key])] = every[key]
    return tuple(found.values())


def _regroup(view: Entries) -> None:
    every = list(EntryGrouping)
    grouping = every[(every.index(view.look.grouping) + 1) % len(every)]
    view.rearrange(replace(view.look, grouping=grouping, turned=frozenset()))
    view.say(
        ""
        if grouping is EntryGrouping.NONE
        else with_keys(f"by {grouping.value}; {{right:unfold}} unfolds one, {{f:fold.all}} all")
    )


def _prefix(view: Entries) -> None:
    """Ask for the prefix lengths of client networks."""
    now = " ".join(map(str, view.look.prefixes))
    label = "prefix length of client networks, IPv4 and IPv6"
    view.prompt.ask(label, now, partial(_with_prefixes, view), view.rearrange)


def _with_prefixes(view: Entries, text: str) -> EntryLook:
    """Read the prefix lengths of client networks. Raises `FieldError`."""
    words = text.replace("/", " ").split()
    four = fields.number("prefix", words[0]) if words else 24
    six = fields.number("prefix", words[1]) if len(words) > 1 else view.look.prefixes[1]
    if four > 32:
        raise fields.FieldError("prefix", "must be 1 to 32 for IPv4; a second number is for IPv6")
    return replace(view.look, prefixes=(four, six), turned=frozenset())


def _read_prefixes(view: Entries, text: str) -> Callable[[], None]:
    return partial(view.rearrange, _with_prefixes(view, text))


def _read_pin(view: Entries, text: str) -> Callable[[], None]:
    """Read `CLIENT SERVICE`; the dialog asks for the server."""
    request = pin_of(text, view.snapshot.reading.director)

    def act() -> None:
        if _able(view):
            _ask(view, request)

    return act


def _fold(view: Entries, *, folded: bool) -> None:
    """Fold or unfold the group that the cursor is in."""
    key, look = view.table.cursor_key, view.look
    if key is None or look.grouping is EntryGrouping.NONE:
        return
    group = group_above(key, view.snapshot, look)
    if group is None:
        return
    if folded:
        view.table.move_to(group)
    if opens(look, group) is folded:
        view.look = replace(look, turned=look.turned ^ {group})
    view.redraw()


def _fold_all(view: Entries) -> None:
    """Unfold all groups, or fold them when all are unfolded."""
    key, look = view.table.cursor_key, view.look
    if key is None or look.grouping is EntryGrouping.NONE:
        return
    if (group := group_above(key, view.snapshot, look)) is not None:
        view.table.move_to(group)
    every = every_group(view.snapshot, look)
    folded = all(opens(look, group) for group in every)
    view.look = replace(look, turned=look.turned ^ {group for group in every if opens(look, group) is folded})
    view.redraw()


def _show_distribution(view: Entries) -> None:
    panel = view.query_one("#distribution", Panel)
    panel.display = not panel.display
    view.redraw()


def _excerpt(view: Entries) -> None:
    if chosen := _chosen(view):
        commands = "\n".join(commands_for(view.snapshot, chosen))
        view.app.push_screen(Copied("As lvstui commands", {"commands": commands}))


def _able(view: Entries) -> bool:
    """Return whether entries can be edited now, and say why not."""
    if not editable(view):
        return False
    if reason := why_not_editable(view.snapshot.reading.director):
        view.say(reason, Tone.WARN)
        return False
    if view.busy:
        view.say("entries are being edited: Esc stops that", Tone.WARN)
    return not view.busy


def _asking(action: Action) -> Callable[[Entries], None]:
    """Return a function that asks how the chosen entries are to be edited, and has that done."""

    def ask(view: Entries) -> None:
        if (chosen := _chosen(view)) and _able(view):
            _ask(view, EntryRequest(action, chosen))

    return ask


def _pin(view: Entries) -> None:
    """Ask for a client, with or without an entry, and its service; then for the server."""
    if not _able(view):
        return
    chosen, director = _chosen(view), view.snapshot.reading.director
    value = pin_text(chosen[0], director) if chosen else ""
    view.prompt.ask("pin CLIENT SERVICE", value, lambda text: pin_of(text, director), partial(_ask, view))


def _move_everybody(view: Entries, to: Address | None = None) -> None:
    """Ask where the clients that the filter finds are to be moved; the proposal is a server at the address `to`."""
    chosen = tuple(entry for entry in matching_entries(view.snapshot, view.look).values() if entry.state != "void")
    if not chosen:
        view.say("no client sticks to it, as far as the table has been read")
    elif _able(view):
        request = EntryRequest(Action.MOVE, chosen)
        there = [end for end in targets(view.snapshot, request) if isinstance(end, Endpoint) and end.address == to]
        if to is not None and not there:
            view.say(f"they cannot be moved to {to}: they are there, or it serves none of their services", Tone.WARN)
            return
        _ask(view, replace(request, target=there[0]) if there else request)
        if view.snapshot.scan is not None and not view.snapshot.scan.whole:
            view.say("only a part of the table has been read: these are the clients found so far", Tone.WARN)


def _ask_back(view: Entries, reports: Sequence[EntryReport]) -> None:
    """Ask how clients that were moved are moved back."""
    request = move_back(view.snapshot, reports)
    if request is None:
        view.say("none of them is where it was moved to, as far as the table has been read")
    elif _able(view):
        _ask(view, request)


def _ask(view: Entries, request: EntryRequest) -> None:
    def answered(order: EditEntries | None) -> None:
        if order is not None:
            view.table.action_mark("none")
            view.say(f"editing {len(order.edits)} entr{'y' if len(order.edits) == 1 else 'ies'} ...")
            view.ask(order)

    request = replace(request, seconds=usual_seconds(view.snapshot, request))
    view.app.push_screen(EntryDialog(view.snapshot, request), answered)


def _path(snapshot: Snapshot, key: EntryRowKey) -> tuple[str, ...]:
    entry = None if isinstance(key, Group) else resolved_entries(snapshot).get(key)
    return (str(entry.entry.client),) if entry else ()


def _question(view: Entries) -> str:
    """Propose the next connection of the client under the cursor."""
    chosen = _chosen(view)
    if not chosen:
        return ""
    entry = chosen[0]
    return f"{target_proposal(entry.service_key, every_rule(view.snapshot))} {entry.entry.client}"


_ARRANGING: tuple[Command[Entries], ...] = arranging()

_EVERYWHERE: tuple[Command[Entries], ...] = editing()

_PIN: Arguments[Entries] = Arguments(
    "pin", (Part("CLIENT", known_clients), Part("SERVICE", known_services)), _read_pin, alone=2
)
_PREFIX: Arguments[Entries] = Arguments("prefix", (Part("IPv4"), Part("[IPv6]")), _read_prefixes)

_COMMANDS: tuple[Command[Entries], ...] = (
    Command("entry.take-out", "x", "expire these entries, after asking", _asking(Action.EXPIRE), "x expire"),
    Command(
        "entry.move",
        "M",
        "move these clients to another server, after asking",
        _asking(Action.MOVE),
        "M move",
        arguments=moving(),
    ),
    Command("entry.pin", "P", "pin a client to a server, also one without an entry", _pin, "P pin", arguments=_PIN),
    Command("entry.time", "t", "set the time left, after asking", _asking(Action.TIME), "t time"),
    tracing(_question),
    filtering(),
    Command(
        "regroup",
        "m",
        "group by client network, service or server",
        _regroup,
        "m group",
        arguments=grouping(tuple(_GROUPINGS)),
    ),
    Command("distribution", "D", "show how the entries spread over the servers", _show_distribution, "D spread"),
    Command("prefix", "l", "set the prefix length of client networks", _prefix, arguments=_PREFIX),
    *_ARRANGING,
    copying("copy these rows as lvstui commands", _excerpt),
    Command("fold", "left", "fold this group", partial(_fold, folded=True)),
    Command("unfold", "right", "unfold this group", partial(_fold, folded=False)),
    Command("fold.all", "f", "fold or unfold all groups", _fold_all),
    *_EVERYWHERE,
)


def _empty(snapshot: Snapshot) -> str:
    if snapshot.scan is None or snapshot.scan.running:
        return "The connection table is being read ..."
    if not any(pool.service.persistence for pool in snapshot.reading.director.pools.values()):
        text = "No service is persistent, so nobody sticks to a server; {t:service.time} on a service in view "
        return with_keys(text + "{1:view.services} sets a timeout.")
    return with_keys("Nobody sticks to a server now; {P:entry.pin} pins a client.")


class PersistenceView(TableView[EntryRowKey, EntryLook]):
    """Persistence entries, alone or in groups; every edit asks first and reports afterwards what was seen."""

    NAME = "persistence"
    NOTES = _NOTES
    SCANS = True
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    BESIDE = WIDE
    BELOW = (partial(Panel, id="distribution"),)
    ROWS = Rows(
        columns,
        rows,
        cells,
        look=EntryLook(grouping=EntryGrouping.SERVICE),
        filtered=lambda look, text: replace(look, filter=LANGUAGE.parse(text), turned=frozenset()),
        every_column=EVERY_COLUMN,
        sortable=EVERY_SORTABLE,
        grouping=lambda look: look.grouping.value,
        regrouped=lambda look, word: replace(look, grouping=_GROUPINGS.get(word, EntryGrouping.SERVICE)),
        marked=True,
        empty=_empty,
        summary=lambda snapshot, look, width: Cell(summary(snapshot, look, width), scan_tone(snapshot)),
        detail=detail,
        wanted_client=only_address,
        path=_path,
        terms=LANGUAGE.terms,
    )

    def __init__(self, memory: ViewMemory | None = None) -> None:
        super().__init__(memory)
        self._moves_everybody = False
        self._moves_to: Address | None = None
        self._moves_back: Sequence[EntryReport] = ()
        self._arrives = False

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds, the cursor on the first client; if all are to move, ask once they are known."""
        self._moves_everybody, self._moves_to, self._moves_back = wanted.move, wanted.to, wanted.back
        self._arrives = bool(wanted.filter)
        super().find(wanted)

    def redraw(self) -> None:
        """Show the entries; ask about all of them where that was wanted and they have been read now."""
        if self.look.room != (room := self.table.scrollable_size.width):
            self.look = replace(self.look, room=room)
        super().redraw()
        if self._arrives and (key := next((k for k in self.table.selection.keys if isinstance(k, EntryKey)), None)):
            self._arrives = False
            self.table.move_to(key)
        panel = self.query_one("#distribution", Panel)
        if panel.display:
            panel.put(distribution(self.snapshot, self.look))
        if self._moves_everybody and self.snapshot.scan is not None:
            self._moves_everybody = False
            _move_everybody(self, self._moves_to)
        if self._moves_back and self.snapshot.scan is not None:
            reports, self._moves_back = self._moves_back, ()
            _ask_back(self, reports)
