"""A view that is a table of a snapshot's rows; which rows, columns and keys is data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from lvstui.core.change import Change
from lvstui.core.keys import with_keys
from lvstui.core.model import Address
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.detail import Block
from lvstui.core.view.head import Bearings, Word
from lvstui.core.view.table import Arranged, Cell, Column, Tone, escape
from lvstui.engine.messages import Peek, Watch
from lvstui.store.view_memory import FILTERS_KEPT, Arrangement, ViewMemory, in_front
from lvstui.tui.commands import AnyCommand, Command, Group, bind, find
from lvstui.tui.commands import Line as CommandLine
from lvstui.tui.terminal import glyphs_of
from lvstui.tui.views.view import APPLYING, View
from lvstui.tui.widgets.detail import BESIDE, TableAndDetail
from lvstui.tui.widgets.lines import Chunks, Prompt, Summary
from lvstui.tui.widgets.table import VirtualTable, shown_columns

K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Arranged)

_STAGING = (*APPLYING, "drop")
"""The commands that stand in the line of keys only while something is staged, and come first then."""


def _as_it_is(look: L, _: object) -> L:
    return look


@dataclass(frozen=True, slots=True)
class Rows(Generic[K, L]):
    """What a table shows, as functions of a snapshot and of how the operator looks at it."""

    columns: Callable[[L], Sequence[Column]]
    rows: Callable[[Snapshot, L], Sequence[K]]
    cells: Callable[[Snapshot, L, K], Sequence[Cell]]
    look: L
    """How the rows are looked at first."""
    filtered: Callable[[L, str], L]
    """Returns the look with the filter of a text; raises `FieldError`."""
    staged: Callable[[L, Sequence[Change]], L] = _as_it_is
    """Returns the look with changes that are staged."""
    every_column: Sequence[Column] = ()
    """The columns to choose from."""
    sortable: Sequence[str] = ()
    """The columns to sort by."""
    grouping: Callable[[L], str] = lambda _: ""
    """Returns the word for how rows are grouped."""
    regrouped: Callable[[L, str], L] = _as_it_is
    """Returns the look for such a word."""
    added: Callable[[Sequence[Change]], K | None] | None = None
    """Returns the row that changes add."""
    marked: bool = False
    """Whether the head line says how many rows are marked."""
    summary: Callable[[Snapshot, L, int], Cell] | None = None
    """Returns the line above the table, for a width in cells."""
    details: Callable[[Snapshot, L, K], Sequence[str]] | None = None
    """Returns the lines below the table, for the row under the cursor."""
    detail: Callable[[Snapshot, L, K, int], Sequence[Block]] | None = None
    """Returns everything about that row, in blocks for a width in cells."""
    whole: Callable[[Snapshot, L, int, int], Sequence[Block]] | None = None
    """Returns what stands in the free rows below a short table, for a width and a height in cells."""
    wanted_client: Callable[[str], Address | None] = lambda _: None
    """Returns the one client that a filter looks for."""
    empty: Callable[[Snapshot], str] = lambda _: ""
    """Returns the sentence where there is no row at all: why, and the key that leads on."""
    words: Callable[[Snapshot, L], Callable[[K], str]] | None = None
    """Returns what gets the words by which a search finds a row, where those are known sooner than its cells."""
    peeks: Callable[[Snapshot, K], bool] = lambda *_: False
    """Returns whether the detail of a row needs the connection table to be read for a moment."""
    path: Callable[[Snapshot, K], Sequence[str]] = lambda *_: ()
    """Returns the names that lead to a row, for the way back from where it leads."""
    terms: Sequence[str] = ()
    """How the terms of a filter begin."""

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
