"""The persistence view: which client sticks to which real server, live, alone or in groups, and edited in place."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lvstui.core import fields
from lvstui.core.entries.columns import (
    ENTRY_COLUMNS,
    LANGUAGE,
    SORTABLE,
    EntryGrouping,
    EntryLook,
    EntryRowKey,
    Group,
    group_of,
)
from lvstui.core.entries.distribution import distribution
from lvstui.core.entries.edits import why_not_editable
from lvstui.core.entries.request import Action, EntryRequest, pin_of, pin_text, usual_seconds
from lvstui.core.entries.resolve import STATES, ResolvedEntry
from lvstui.core.entries.rows import (
    cells,
    columns,
    commands_for,
    details,
    found,
    members,
    resolved_entries,
    rows,
    summary,
)
from lvstui.core.view.filter import only_address
from lvstui.core.view.table import Cell, Tone
from lvstui.engine.messages import EditEntries, StopEntries
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.commands import Command, bindings
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.listing import Copied, Listing
from lvstui.tui.views.connections import scan_tone
from lvstui.tui.views.editing import choosing_columns, drop, editable, editing, filtering, inverting, sorting
from lvstui.tui.views.view import Rows, TableView, View
from lvstui.tui.widgets.lines import Panel

_STATES = "\n        ".join(f"{word:<9} {meaning}" for word, meaning in STATES.items())

_NOTES = f"""\
An entry decides where its client's next connections go; Left counts down to when it runs out.
With rows marked, x M t act on all of them; a group stands for all of its entries.
On a kernel before 6.14 a large table takes long to read: the line above says how much was read.

What / finds (all of the terms must hold)
  10.1.0.9             the entry of this client, also where a mask widens it
  10.1.0.0/16          clients of a network
  server=web2 service=shop mark=80 left<60 left>5m conns>3 state=drain origin=sync
  !web !state=ok       the opposite of any of these
Fields  {LANGUAGE.help}

State   {_STATES}"""

Entries: TypeAlias = TableView[EntryRowKey, EntryLook]


def _chosen(view: Entries) -> tuple[ResolvedEntry, ...]:
    """Return the entries that are meant: of the marked rows, else of the row under the cursor."""
    found: dict[int, ResolvedEntry] = {}
    every = resolved_entries(view.snapshot)
    for key in view.table.chosen:
        if isinstance(key, Group):
            found.update((id(entry), entry) for entry in members(view.snapshot, view.look, key))
        elif key in every:
            found[id(every[key])] = every[key]
    return tuple(found.values())


def _open(view: Entries) -> None:
    """Unfold a group; show everything about an entry."""
    key = view.table.cursor_key
    if isinstance(key, Group):
        _fold(view, folded=key in view.look.unfolded)
    elif chosen := _chosen(view):
        view.app.push_screen(Listing("Persistence entry", list(details(view.snapshot, chosen[0]))))


def _regroup(view: Entries) -> None:
    """Go to the next grouping: none, client network, service, server."""
    every = list(EntryGrouping)
    grouping = every[(every.index(view.look.grouping) + 1) % len(every)]
    view.rearrange(replace(view.look, grouping=grouping, unfolded=frozenset()))
    view.say("" if grouping is EntryGrouping.NONE else f"by {grouping.value}; Enter or f unfolds")


def _prefix(view: Entries) -> None:
    """Ask for the prefix lengths of client networks."""

    def read(text: str) -> EntryLook:
        words = text.replace("/", " ").split()
        four = fields.number("prefix", words[0]) if words else 24
        six = fields.number("prefix", words[1]) if len(words) > 1 else view.look.prefixes[1]
        if four > 32:
            raise fields.FieldError("prefix", "must be 1 to 32 for IPv4; a second number is for IPv6")
        return replace(view.look, prefixes=(four, six), unfolded=frozenset())

    now = " ".join(map(str, view.look.prefixes))
    view.prompt.ask("prefix length of client networks, IPv4 and IPv6", now, read, view.rearrange)


def _fold(view: Entries, *, folded: bool) -> None:
    """Fold or unfold the group that the cursor is in."""
    key, look = view.table.cursor_key, view.look
    if key is None or look.grouping is EntryGrouping.NONE:
        return
    group = key if isinstance(key, Group) else group_of(resolved_entries(view.snapshot)[key], look)
    if folded:
        view.table.move_to(group)
    view.look = replace(look, unfolded=look.unfolded - {group} if folded else look.unfolded | {group})
    view.redraw()


def _show_distribution(view: Entries) -> None:
    """Show or hide how the entries spread over the servers."""
    panel = view.query_one("#distribution", Panel)
    panel.display = not panel.display
    view.redraw()


def _excerpt(view: Entries) -> None:
    """Show the commands that would do what can be done here, and send them to the terminal's clipboard."""
    if chosen := _chosen(view):
        view.app.push_screen(Copied("As lvstui commands", commands_for(view.snapshot, chosen)))


def _able(view: Entries) -> bool:
    """Return whether entries can be edited now, and say why not."""
    if not editable(view):
        return False
    if reason := why_not_editable(view.snapshot.reading.director):
        view.say(reason, Tone.WARN)
        return False
    if view.busy:
        view.say("edits of entries are under way: Esc stops them", Tone.WARN)
    return not view.busy


def _ask_about(view: Entries, action: Action) -> None:
    """Ask how the chosen entries are to be edited, then have that done."""
    chosen = _chosen(view)
    if chosen and _able(view):
        _ask(view, EntryRequest(action, chosen))


def _pin(view: Entries) -> None:
    """Ask for a client, with or without an entry, and for the server that it is to stick to."""
    if not _able(view):
        return
    chosen, director = _chosen(view), view.snapshot.reading.director
    value = pin_text(chosen[0], director) if chosen else ""
    view.prompt.ask("pin CLIENT SERVICE", value, lambda text: pin_of(text, director), partial(_ask, view))


def _move_everybody(view: Entries) -> None:
    """Ask where to, then move all clients that the filter finds."""
    chosen = tuple(entry for entry in found(view.snapshot, view.look).values() if entry.state != "void")
    if not chosen:
        view.say("no client sticks there, as far as the table was read")
    elif _able(view):
        _ask(view, EntryRequest(Action.MOVE, chosen))
        if view.snapshot.scan is not None and not view.snapshot.scan.whole:
            view.say("the table is known in part only: these are the clients found so far", Tone.WARN)


def _ask(view: Entries, request: EntryRequest) -> None:
    def answered(order: EditEntries | None) -> None:
        if order is not None:
            view.busy = "edits of entries are under way: those that are not in hand are not made"
            view.table.action_mark("none")
            view.say(f"editing {len(order.edits)} entr{'y' if len(order.edits) == 1 else 'ies'} ...")
            view.ask(order)

    request = replace(request, seconds=usual_seconds(view.snapshot, request))
    view.app.push_screen(EntryDialog(view.snapshot, request), answered)


def _drop(view: Entries) -> None:
    """Stop edits that are under way; else drop what is staged, or the filter."""
    if view.busy:
        view.ask(StopEntries())
        view.say("stopping after the entries in hand", Tone.WARN)
    else:
        drop(view)


_EDITS: tuple[Command[Entries], ...] = (
    Command(
        "entry.expire",
        "x",
        "let these entries run out, after asking",
        partial(_ask_about, action=Action.EXPIRE),
        "x expire",
    ),
    Command(
        "entry.move",
        "M",
        "move these clients to another server, after asking",
        partial(_ask_about, action=Action.MOVE),
        "M move",
    ),
    Command("entry.pin", "P", "pin a client to a server, also one without an entry", _pin, "P pin"),
    Command("entry.time", "t", "set the time that is left", partial(_ask_about, action=Action.TIME), "t time"),
)

_FINDING: tuple[Command[Entries], ...] = (
    filtering(),
    Command("regroup", "m", "by client network, service or server", _regroup, "m group"),
    Command("distribution", "D", "how the entries spread over the servers", _show_distribution, "D spread"),
    Command("prefix", "n", "the prefix length of client networks", _prefix),
    sorting(),
    inverting(),
    choosing_columns(),
    Command("excerpt", "y", "these rows as lvstui commands", _excerpt),
    Command("fold", "left", "fold this group", partial(_fold, folded=True)),
    Command("unfold", "right,f", "unfold this group", partial(_fold, folded=False)),
)

_COMMANDS: tuple[Command[Entries], ...] = (*_EDITS, *_FINDING, *editing(_open, _drop))


def _regrouped(look: EntryLook, word: str) -> EntryLook:
    return replace(look, grouping=next((g for g in EntryGrouping if g.value == word), EntryGrouping.NONE))


class PersistenceView(TableView[EntryRowKey, EntryLook]):
    """Persistence entries, alone or in groups; every edit asks first and says afterwards what was seen."""

    NAME = "persistence"
    NOTES = _NOTES
    SCANS = True
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    BELOW = (partial(Panel, id="distribution"),)
    ROWS = Rows(
        columns,
        rows,
        cells,
        look=EntryLook(),
        filtered=lambda look, text: replace(look, filter=LANGUAGE.parse(text)),
        every_column=ENTRY_COLUMNS,
        sortable=SORTABLE,
        grouping=lambda look: look.grouping.value,
        regrouped=_regrouped,
        marked=True,
        summary=lambda snapshot, look, width: Cell(summary(snapshot, look, width), scan_tone(snapshot)),
        sought=only_address,
    )

    def __init__(self, memory: ViewMemory | None = None) -> None:
        super().__init__(memory)
        self._moves_everybody = False

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds; where the clients are to be moved, ask once they are known."""
        self._moves_everybody = wanted.move
        super().find(wanted)

    def redraw(self) -> None:
        """Show the entries of this state; ask about all of them where that was wanted and they are known now."""
        super().redraw()
        panel = self.query_one("#distribution", Panel)
        if panel.display:
            panel.put(distribution(self.snapshot, self.look))
        if self._moves_everybody and self.snapshot.scan is not None:
            self._moves_everybody = False
            _move_everybody(self)
