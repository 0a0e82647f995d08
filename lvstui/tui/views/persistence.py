"""The persistence view: which client sticks to which real server, live, alone or in groups, and edited in place."""

from __future__ import annotations

from collections.abc import Callable
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
    matching_entries,
    members,
    resolved_entries,
    rows,
    summary,
)
from lvstui.core.marks.mark import every_rule
from lvstui.core.trace.request import target_proposal
from lvstui.core.view.filter import only_address
from lvstui.core.view.table import Cell, Tone
from lvstui.engine.messages import EditEntries
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.commands import Command, bindings
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.listing import Copied, Listing, list_states
from lvstui.tui.views.connections import scan_tone
from lvstui.tui.views.editing import arranging, editable, editing, filtering
from lvstui.tui.views.tracing import tracing
from lvstui.tui.views.view import Rows, TableView, View
from lvstui.tui.widgets.lines import Panel

_NOTES = f"""\
An entry decides where its client's next connections go; Left is the time until it expires.
With rows marked, x M t act on all of them; a group means all of its entries.
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


def _open(view: Entries) -> None:
    """Unfold a group; show everything about an entry."""
    key = view.table.cursor_key
    if isinstance(key, Group):
        _fold(view, folded=key in view.look.unfolded)
    elif chosen := _chosen(view):
        view.app.push_screen(Listing("Persistence entry", list(details(view.snapshot, chosen[0]))))


def _regroup(view: Entries) -> None:
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


def _move_everybody(view: Entries) -> None:
    """Ask where the clients that the filter finds are to be moved."""
    chosen = tuple(entry for entry in matching_entries(view.snapshot, view.look).values() if entry.state != "void")
    if not chosen:
        view.say("no client sticks to it, as far as the table has been read")
    elif _able(view):
        _ask(view, EntryRequest(Action.MOVE, chosen))
        if view.snapshot.scan is not None and not view.snapshot.scan.whole:
            view.say("only a part of the table has been read: these are the clients found so far", Tone.WARN)


def _ask(view: Entries, request: EntryRequest) -> None:
    def answered(order: EditEntries | None) -> None:
        if order is not None:
            view.table.action_mark("none")
            view.say(f"editing {len(order.edits)} entr{'y' if len(order.edits) == 1 else 'ies'} ...")
            view.ask(order)

    request = replace(request, seconds=usual_seconds(view.snapshot, request))
    view.app.push_screen(EntryDialog(view.snapshot, request), answered)


def _question(view: Entries) -> str:
    """Propose the next connection of the client under the cursor."""
    chosen = _chosen(view)
    if not chosen:
        return ""
    entry = chosen[0]
    return f"{target_proposal(entry.service_key, every_rule(view.snapshot))} {entry.entry.client}"


_ARRANGING: tuple[Command[Entries], ...] = arranging()

_COMMANDS: tuple[Command[Entries], ...] = (
    Command("entry.expire", "x", "expire these entries, after asking", _asking(Action.EXPIRE), "x expire"),
    Command("entry.move", "M", "move these clients to another server, after asking", _asking(Action.MOVE), "M move"),
    Command("entry.pin", "P", "pin a client to a server, also one without an entry", _pin, "P pin"),
    Command("entry.time", "t", "set the time left, after asking", _asking(Action.TIME), "t time"),
    tracing(_question),
    filtering(),
    Command("regroup", "m", "group by client network, service or server", _regroup, "m group"),
    Command("distribution", "D", "show how the entries spread over the servers", _show_distribution, "D spread"),
    Command("prefix", "n", "set the prefix length of client networks", _prefix),
    *_ARRANGING,
    Command("excerpt", "y", "copy these rows as lvstui commands", _excerpt),
    Command("fold", "left", "fold this group", partial(_fold, folded=True)),
    Command("unfold", "right,f", "unfold this group", partial(_fold, folded=False)),
    *editing(_open),
)


class PersistenceView(TableView[EntryRowKey, EntryLook]):
    """Persistence entries, alone or in groups; every edit asks first and reports afterwards what was seen."""

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
        regrouped=lambda look, word: replace(look, grouping=_GROUPINGS.get(word, EntryGrouping.NONE)),
        marked=True,
        summary=lambda snapshot, look, width: Cell(summary(snapshot, look, width), scan_tone(snapshot)),
        wanted_client=only_address,
    )

    def __init__(self, memory: ViewMemory | None = None) -> None:
        super().__init__(memory)
        self._moves_everybody = False

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds; where the clients are to be moved, ask once they are known."""
        self._moves_everybody = wanted.move
        super().find(wanted)

    def redraw(self) -> None:
        """Show the entries; ask about all of them where that was wanted and they have been read now."""
        super().redraw()
        panel = self.query_one("#distribution", Panel)
        if panel.display:
            panel.put(distribution(self.snapshot, self.look))
        if self._moves_everybody and self.snapshot.scan is not None:
            self._moves_everybody = False
            _move_everybody(self)
