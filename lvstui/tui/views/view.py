"""A view: a table of a snapshot's rows over what is staged and a line that asks; which rows and keys is data."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from lvstui.core.advice.consequences import consequences
from lvstui.core.advice.irrevocable import cannot_return
from lvstui.core.change import Change, service_of
from lvstui.core.describe import describe, notes
from lvstui.core.entries.edits import EntryReport, emptied_title, emptying_title
from lvstui.core.keys import with_keys
from lvstui.core.model import Address, ServiceKey
from lvstui.core.observed import RowKey
from lvstui.core.overwriting import in_its_file, overwriting
from lvstui.core.record import Kind, Owner
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Snapshot
from lvstui.core.view.detail import Block
from lvstui.core.view.head import Bearings, Word
from lvstui.core.view.table import Arranged, Cell, Column, Tone, escape
from lvstui.engine.messages import Edit, Peek, Request, Watch
from lvstui.formats.equivalent import change_lines
from lvstui.host.patience import Call
from lvstui.store.view_memory import FILTERS_KEPT, Arrangement, ViewMemory, in_front
from lvstui.tui.commands import AnyCommand, Command, Group, bind, find
from lvstui.tui.commands import Line as CommandLine
from lvstui.tui.terminal import glyphs_of
from lvstui.tui.widgets.detail import BESIDE, TableAndDetail
from lvstui.tui.widgets.lines import Chunks, Prompt, Summary
from lvstui.tui.widgets.table import VirtualTable, shown_columns

K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Arranged)

APPLYING = ("open", "trial")
"""The commands that write what is staged."""

_STAGING = (*APPLYING, "drop")
"""The commands that stand in the line of keys only while something is staged, and come first then."""

_PATIENCE: Final = 5.0
"""Seconds that the files of other programs may take, which may lie on a server that is gone."""

_REST: Final = 0.2
"""Seconds that an edit rests before these are read: a weight is set by several keys."""

_LOOK: Final = 0.02

STAGED_COMMANDS = 6
"""Up to how many staged changes are shown as ipvsadm commands; of more than that, each is described in one line."""


class Beside(NamedTuple):
    """Lines that stand above and below the changes that are staged."""

    above: Sequence[str] = ()
    below: Sequence[str] = ()
    owned: Sequence[str] = ()
    """The lines that would have to change in the files of the programs that manage what is edited."""


NOTHING: Final = Beside()


class View(Vertical):
    """A pane of the main screen. It knows neither the app nor the kernel: snapshots come in, messages go out."""

    DEFAULT_CSS = """
    View { height: 1fr; }
    View #summary, View #sentence { padding: 0 1; color: $text-muted; }
    View #pending { display: none; height: auto; max-height: 14; padding: 0 1; background: $panel; }
    View #pending.waiting { display: block; }
    """

    NAME: ClassVar[str] = ""
    """Its name for `--view`, the palette and the remembered arrangement."""

    NOTES: ClassVar[str] = ""
    """The help on this view, besides its keys."""

    SCANS: ClassVar[bool] = False
    """Whether the connection table is read while it is shown."""

    TICKS: ClassVar[bool] = False
    """Whether its rows show the seconds of a change on trial."""

    COMMANDS: Sequence[AnyCommand] = ()
    """What can be done here."""

    snapshot: reactive[Snapshot] = reactive(EMPTY_SNAPSHOT, always_update=True)

    @dataclass
    class Asked(Message):
        """The operator asks the worker for something; a `staged` request was shown as staged before."""

        request: Request
        staged: bool = False
        beside: Beside = NOTHING

    @dataclass
    class Said(Message):
        """A sentence of a view for the line below the table; a `standing` one comes by itself and hides no warning.

        One that ends what `ended` said is shown only while that stands there.
        """

        sentence: str
        tone: Tone = Tone.PLAIN
        standing: bool = False
        ended: str = ""
        view: str = ""

    @dataclass
    class Offered(Message):
        """Other commands belong into the line of keys now, or the head line says something else of the view.

        Those whose ids are `off` cannot be done now. With `alone` no other keys mean anything.
        """

        offered: Sequence[AnyCommand]
        off: frozenset[str] = frozenset()
        alone: bool = False

    @dataclass
    class Wanted(Message):
        """The operator wants to see something in another view: what a filter finds, or a row.

        Without a `view` it is the next one. `move` asks at once where the clients found are to be moved (`to` is the
        proposal), `back` how those that were moved by these edits are moved back.
        """

        view: str = ""
        filter: str = ""
        row: RowKey | None = None
        move: bool = False
        to: Address | None = None
        back: Sequence[EntryReport] = ()

    @dataclass
    class TextWanted(Message):
        """The operator wants to edit a service as text."""

        key: ServiceKey

    @dataclass
    class Left(Message):
        """The operator wants to go one step back along the way that led here."""

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self.staged, self.beside = Edit(()), NOTHING
        self.busy = ""
        """A sentence on what is under way and would end with the program; empty when nothing is."""
        self.asked = -math.inf
        """When the worker was last asked, in the time of readings; its answer stands for a while."""
        self.past: Sequence[EntryReport] = ()
        """What became of the last edit, where that was of persistence entries: nothing that an undo takes back."""
        self.prompt = Prompt()

    @property
    def pending(self) -> bool:
        """Whether something is staged."""
        return bool(self.staged.changes)

    @property
    def bearings(self) -> Bearings:
        """What the head line says of this view."""
        return Bearings(self.NAME)

    @property
    def wanted_client(self) -> Address | None:
        """The one client that is looked for; the table is then read to its end however long that takes."""
        return None

    @property
    def about(self) -> ServiceKey | None:
        """The service that the cursor is on or below; None where there is none."""
        return None

    @on(VirtualTable.Resized)
    def watch_snapshot(self) -> None:
        """Show the newest state, and fit it into the room there is, if the view is visible."""
        if self.display:
            self.redraw()

    def redraw(self) -> None:
        """Show the newest state."""
        raise NotImplementedError

    def find(self, wanted: Wanted) -> None:
        """Show what is wanted here."""
        raise NotImplementedError

    def say(self, sentence: str, tone: Tone = Tone.PLAIN, *, standing: bool = False, ended: str = "") -> None:
        """Show a sentence in the line below."""
        self.post_message(self.Said(sentence, tone, standing=standing, ended=ended, view=self.NAME))

    def ask(self, request: Request, *, staged: bool = False) -> None:
        """Ask the worker; a `staged` request was shown before."""
        # An answer to a question that came up with a snapshot runs as the app, and a screen passes its sender nothing.
        self.asked = self.snapshot.reading.taken
        beside = self.beside if staged else NOTHING
        self.post_message(self.Asked(request, staged, beside).set_sender(self))

    def stage(self, edit: Edit, beside: Beside = NOTHING) -> None:
        """Show what Enter will write, with its ipvsadm commands; an empty edit drops what was staged."""
        self.staged, self.beside = edit, beside
        changes, few = edit.changes, len(edit.changes) <= STAGED_COMMANDS
        head = "staged" if edit.kind is Kind.DO else edit.kind.value
        head += " as one" if edit.whole and len(changes) > 1 else ""
        head += "" if few else f" {len(changes)} changes"
        head += with_keys(": Enter applies, {Ctrl-T:trial} for 2 min, Esc drops")
        head += "" if few else with_keys(", {[:staged.up} {]:staged.down} scroll")

        owned = overwriting(self.snapshot.owners, changes)
        above = [f"! {line}" for line in (*beside.above, *owned)]
        effects = consequences(changes, self.snapshot.reading)
        director = self.snapshot.reading.director
        emptied = [f"then {emptying_title(place, director)}, by weight" for place in edit.empties]
        if edit.kind is Kind.UNDO:
            emptied = [f"{emptied_title(place, director)} stay where they are now" for place in self.snapshot.emptied]
        emptied += [f"note  {note}" for note in notes(director, (service_of(change.target) for change in changes))]
        emptied += [f"gone  also on trial: {lost}" for lost in cannot_return(changes, self.snapshot.reading)]
        emptied += [*beside.below, *map(in_its_file, beside.owned)]

        def lines(place: int) -> Sequence[str]:
            place -= len(above)
            if place < 0:
                return (above[place],)
            if place < len(effects):
                hint = with_keys(": {F:avoid} adds it") if effects[place].changes and edit.kind is Kind.DO else ""
                return (f"! {effects[place]}{hint}",)
            if place >= len(effects) + len(changes):
                return (emptied[place - len(effects) - len(changes)],)
            change = changes[place - len(effects)]
            return change_lines([change]) if few else (describe(change),)

        panel = self.query_one("#pending", Chunks)
        panel.set_class(self.pending, "waiting")
        panel.show(head if changes else "", len(above) + len(effects) + len(changes) + len(emptied), lines)
        if changes:
            self.say("")  # what was said before is not about this
        self.redraw()
        if owned and not beside.owned:
            self.run_worker(_find_lines(self, edit), exclusive=True, group="owned")

    def action_run_command(self, name: str) -> None:
        """Run a command by its id."""
        raise NotImplementedError

    def line(self, name: str) -> CommandLine | None:
        """Return what the command with an id takes on the line of the palette, None where that is nothing."""
        raise NotImplementedError


def owned_lines(owners: Iterable[Owner], changes: Sequence[Change]) -> Sequence[str]:
    """Return the lines that would have to change in the files of those who manage what is changed."""
    from lvstui.store.owned_files import owned_lines as find  # 40 ms, with the formats of other programs

    return find(owners, changes)


async def _find_lines(view: View, edit: Edit) -> None:
    """Find in a thread of its own what would have to change in the files of other programs, and show it."""
    await asyncio.sleep(_REST)
    call = Call(partial(owned_lines, view.snapshot.owners, edit.changes))
    waited = 0.0
    while not call.ends_within(0) and waited < _PATIENCE:
        await asyncio.sleep(_LOOK)
        waited += _LOOK
    if view.staged is edit and call.ends_within(0) and (lines := call.result()):
        view.stage(edit, view.beside._replace(owned=lines))


def _as_it_is(look: L, _: object) -> L:
    return look


@dataclass(frozen=True, slots=True)
class Rows(Generic[K, L]):
    """What a table shows, as functions of a snapshot and of how the operator looks at it.

    `path` returns the names that lead to a row, for the way back from where it leads.
    `look` is how the rows are looked at first. `filtered` returns the look with the filter of a text; it raises
    `FieldError`. `staged` returns the look with changes that are staged. `every_column` and `sortable` are those to
    choose from, `grouping` the word for how rows are grouped, `regrouped` the look for such a word. `added` returns the
    row that changes add. With `marked` the head line says how many rows are marked. `summary` is the line above the
    table, for a width in cells; `details` are the lines below it, for the row under the cursor; `detail` is everything
    about that row, in blocks for a width in cells; `whole` is what stands in free rows below a short table, for a width
    and a height. `wanted_client` returns the one client that a filter looks for.
    `empty` is the sentence where there is no row at all: why, and the key that leads on. `peeks` returns whether the
    detail of a row needs the connection table to be read for a moment. `words` returns what gets the words by which
    a search finds a row, where those are known sooner than its cells.
    `terms` are how the terms of a filter begin.
    """

    columns: Callable[[L], Sequence[Column]]
    rows: Callable[[Snapshot, L], Sequence[K]]
    cells: Callable[[Snapshot, L, K], Sequence[Cell]]
    look: L
    filtered: Callable[[L, str], L]
    staged: Callable[[L, Sequence[Change]], L] = _as_it_is
    every_column: Sequence[Column] = ()
    sortable: Sequence[str] = ()
    grouping: Callable[[L], str] = lambda _: ""
    regrouped: Callable[[L, str], L] = _as_it_is
    added: Callable[[Sequence[Change]], K | None] | None = None
    marked: bool = False
    summary: Callable[[Snapshot, L, int], Cell] | None = None
    details: Callable[[Snapshot, L, K], Sequence[str]] | None = None
    detail: Callable[[Snapshot, L, K, int], Sequence[Block]] | None = None
    whole: Callable[[Snapshot, L, int, int], Sequence[Block]] | None = None
    wanted_client: Callable[[str], Address | None] = lambda _: None
    empty: Callable[[Snapshot], str] = lambda _: ""
    words: Callable[[Snapshot, L], Callable[[K], str]] | None = None
    peeks: Callable[[Snapshot, K], bool] = lambda *_: False
    path: Callable[[Snapshot, K], Sequence[str]] = lambda *_: ()
    terms: Sequence[str] = ()

    def recalled(self, last: Arrangement) -> L:
        """Return the look with the arrangement of last time, as far as its columns exist now.

        A column that is hidden at first is shown only where it was asked for: that time may not have known it.
        """
        if last == Arrangement():
            return self.look
        sort = last.sort if last.sort in self.sortable else self.look.sort
        hidden = frozenset(last.hidden) & {column.id for column in self.every_column[1:]}
        hidden |= self.look.hidden.difference(last.shown)
        look = replace(self.look, sort=sort, descending=last.descending, hidden=hidden)
        return self.regrouped(look, last.grouping)


def hidden_order(look: Arranged, columns: Sequence[Column], shown: Sequence[Column]) -> str:
    """Return a sentence where rows are in the order of a column that is not on the screen; empty where it is."""
    title = next((column.title for column in columns if column.id == look.sort), "")
    if not title or look.sort in {column.id for column in shown}:
        return ""
    ways = with_keys("{s:sort} sorts by another column, {o:columns} chooses them")
    return f"sorted by {title.strip()}, which has no room here: {ways}"


_ASKING: tuple[AnyCommand, ...] = (
    Command("prompt.take", "enter", "take what was typed", lambda _: None, "Enter take"),
    Command("prompt.cancel", "escape", "leave it as it was", lambda _: None, "Esc cancel"),
)
"""The keys while a line asks for a text; here for the line of keys only."""


class TableView(View, Generic[K, L]):
    """A view of rows with the keys `K`, looked at in the way `L`."""

    ROWS: Rows[K, L]
    COMMANDS: Sequence[Command[TableView[K, L]]] = ()

    BESIDE: ClassVar[int] = BESIDE
    """Columns of a screen from which on the detail stands beside the table; on a tall screen else below it."""

    BELOW: ClassVar[Sequence[Callable[[], Widget]]] = ()
    """The widgets between the table and what is staged."""

    def __init__(self, memory: ViewMemory | None = None) -> None:
        """Look at the rows as the operator did last, where there is a memory of that."""
        super().__init__()
        self.table = VirtualTable[K]()
        self.body = TableAndDetail(self.table, self.BESIDE)
        self.look = self.ROWS.look
        self.filter_text = ""
        """The filter as it was typed."""
        self.filters: Sequence[str] = memory.filters(self.NAME) if memory is not None else ()
        """The filters before, the newest first."""
        self.searched: list[str] = []
        """What was searched, the newest first."""
        self.base_filter = ""
        """The filter that the view was opened with: Esc goes back to that, and from there one step back."""
        self.arriving: K | None = None
        """A row that was added and has not been read yet; the cursor goes to it, unless it is moved before."""
        self._memory = memory
        self._recalled = memory is not None
        if memory is not None:
            self.look = self.ROWS.recalled(memory.recall(self.NAME))

    def compose(self) -> ComposeResult:
        """Lay out the table, what is staged, and the prompt, in the signs that the terminal shows."""
        self.look = replace(self.look, glyphs=glyphs_of(self))
        if self.ROWS.summary:
            yield Summary("summary")
        yield self.body if self.ROWS.detail else self.table
        yield from (widget() for widget in self.BELOW)
        if self.ROWS.details:
            yield Static(id="sentence", markup=False)
        yield Chunks(id="pending", text_id="staged", hangs=True)
        yield self.prompt

    @property
    def bearings(self) -> Bearings:
        """What the head line says of this view: its grouping, marks and filter."""
        rows, look = self.ROWS, self.look
        grouping, marked = rows.grouping(look), len(self.table.marked) if rows.marked else 0
        words = [
            Word(f"{marked} marked" if marked else "", Tone.STAGED),
            Word(f"by {grouping}" if grouping != rows.grouping(rows.look) else ""),
        ]
        return Bearings(self.NAME, words, filter=self.filter_text)

    @property
    def wanted_client(self) -> Address | None:
        """The one client that the filter looks for."""
        return self.ROWS.wanted_client(self.filter_text)

    def redraw(self) -> None:
        """Show the rows in their order, with what is staged in them."""
        snapshot, look, rows = self.snapshot, self.ROWS.staged(self.look, self.staged.changes), self.ROWS
        self.table.sort = (look.sort, look.descending) if rows.sortable else None
        self.table.show(
            rows.columns(look), rows.rows(snapshot, look), lambda key: rows.cells(snapshot, look, key), _empty(self)
        )
        if rows.summary:
            self.query_one("#summary", Summary).put([rows.summary(snapshot, look, self.size.width - 2)])
        if self._recalled and (shown := shown_columns(self.table)):
            self._recalled = False
            if sentence := hidden_order(look, rows.every_column, shown):
                self.say(sentence, Tone.WARN)
        if self.arriving is not None and self.table.move_to(self.arriving):
            self.arriving = None
        _show_detail(self)
        self.offer()

    def narrow(self, text: str, *, remember: bool = False) -> None:
        """Show only what a filter finds, and remember it if asked to; raises `FieldError` with the filter as it was."""
        before = self.wanted_client
        self.look = self.ROWS.filtered(self.look, text)
        self.filter_text = " ".join(text.split())
        if self.wanted_client != before and self.display:
            self.ask(Watch(True, self.wanted_client))
        if remember and self.filter_text:
            self.filters = in_front(self.filter_text, self.filters)[:FILTERS_KEPT]
            if self._memory is not None:
                self._memory.keep_filters(self.NAME, self.filters)
        self.redraw()

    def rearrange(self, look: L) -> None:
        """Show the rows in another way, and remember it."""
        self.look = look
        if self._memory is not None:
            hidden, shown = tuple(sorted(look.hidden)), tuple(sorted(self.ROWS.look.hidden - look.hidden))
            grouping = self.ROWS.grouping(look)
            self._memory.keep(self.NAME, Arrangement(look.sort, look.descending, grouping, hidden, shown))
        self.redraw()

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds."""
        self.base_filter = wanted.filter
        self.narrow(wanted.filter)

    def offer(self) -> None:
        """Show the details of the row under the cursor, and the keys that apply to it or to what is staged."""
        if not self.display:
            return
        if self.ROWS.details and (key := self.table.cursor_key) is not None:
            look = self.ROWS.staged(self.look, self.staged.changes)
            lines = self.ROWS.details(self.snapshot, look, key)
            sentence = self.query_one("#sentence", Static)
            sentence.update("\n".join(map(escape, lines)))
            sentence.display = not self.body.opened  # the detail says it too
        self.post_message(_offer(self))

    def action_run_command(self, name: str) -> None:
        """Run a command of this view, or say why it is off."""
        command = find(self.COMMANDS, name)
        if reason := command.why_off(self):
            self.say(reason, Tone.WARN)
        else:
            command.run(self)

    def line(self, name: str) -> CommandLine | None:
        """Return what a command of this view takes on the line of the palette."""
        return bind(find(self.COMMANDS, name), self)

    @on(VirtualTable.CursorMoved)
    @on(VirtualTable.MarksChanged)
    @on(Prompt.Turned)
    def moved(self, message: Message) -> None:
        """Offer the keys for the rows that are now under the cursor or marked, or for what is asked."""
        if isinstance(message, VirtualTable.CursorMoved):
            self.arriving = None
            _show_detail(self, moved=True)
        self.offer()

    @on(VirtualTable.Opened)
    def opened(self) -> None:
        """Open the row of a double click as Enter does, but never apply."""
        if not self.pending:
            self.action_run_command("open")


def choose_columns(view: View, shown: Sequence[str]) -> None:
    """Have a view show these columns and its first one at the start, whatever was remembered."""
    if isinstance(view, TableView):
        _choose_columns(view, shown)


def _choose_columns(view: TableView[K, L], shown: Sequence[str]) -> None:
    hidden = {column.id for column in view.ROWS.every_column[1:]}.difference(shown)
    view.look = replace(view.look, hidden=frozenset(hidden))


def _empty(view: TableView[K, L]) -> str:
    """Return why there may be no row, and the key that leads on."""
    if not view.snapshot.origin:
        return "The kernel is being read ..."
    if view.filter_text:
        return f"None matches {view.filter_text}; Esc shows all."
    return view.ROWS.empty(view.snapshot)


def _show_detail(view: TableView[K, L], *, moved: bool = False) -> None:
    """Show what is known of the row under the cursor; a cursor that `moved` is followed once it rests."""
    key, blocks = view.table.cursor_key, view.ROWS.detail
    if blocks is not None:
        snapshot, look, detail = view.snapshot, view.ROWS.staged(view.look, view.staged.changes), blocks
        if not moved and (whole := view.ROWS.whole) is not None:
            view.body.fill(len(view.table.selection.keys), lambda width, height: whole(snapshot, look, width, height))
        if not moved and key is not None and view.body.detail.display and view.ROWS.peeks(snapshot, key):
            view.ask(Peek())
        view.body.follow(key, lambda width: () if key is None else detail(snapshot, look, key, width), moved=moved)


def _offer(view: TableView[K, L]) -> View.Offered:
    """Return the keys that mean something now: those of the prompt; those for what is staged before the others."""
    if view.prompt.asking:
        return View.Offered(_ASKING, alone=True)
    listed = [c for c in view.COMMANDS if c.bar and (view.pending or c.id not in _STAGING) and c.when(view)]
    listed.sort(key=lambda command: command.id not in _STAGING)
    if view.body.is_open and not view.pending:
        listed.insert(0, replace(find(view.COMMANDS, "drop"), bar="Esc back"))
    off = frozenset(c.id for c in listed if c.why_off(view) or (c.group is Group.CHANGE and view.snapshot.read_only))
    return View.Offered(listed, off)
