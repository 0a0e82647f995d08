"""A view: a table of a snapshot's rows over what is staged and a line that asks; which rows and keys is data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from lvstui.core.advice.consequences import Consequence, consequences
from lvstui.core.change import Change
from lvstui.core.describe import describe
from lvstui.core.entries.edits import emptying_title
from lvstui.core.model import Address, ServiceKey
from lvstui.core.observed import RowKey
from lvstui.core.record import Kind
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Snapshot
from lvstui.core.view.table import Arranged, Cell, Column, Tone, escape
from lvstui.engine.messages import Edit, Request, Watch
from lvstui.formats.equivalent import change_lines
from lvstui.store.view_memory import Arrangement, ViewMemory
from lvstui.tui.commands import AnyCommand, Command, find
from lvstui.tui.widgets.lines import Chunks, Line, Prompt
from lvstui.tui.widgets.table import VirtualTable

K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Arranged)

STAGED_COMMANDS = 6
"""Up to how many staged changes are shown as ipvsadm commands; of more than that, each is described in one line."""


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

    COMMANDS: Sequence[AnyCommand] = ()
    """What can be done here."""

    snapshot: reactive[Snapshot] = reactive(EMPTY_SNAPSHOT, always_update=True)

    @dataclass
    class Asked(Message):
        """The operator asks the worker for something; a `staged` request was shown as staged before."""

        request: Request
        staged: bool = False

    @dataclass
    class Said(Message):
        """A sentence for the line below the table; a `standing` one comes by itself and hides no warning."""

        sentence: str
        tone: Tone = Tone.PLAIN
        standing: bool = False

    @dataclass
    class Offered(Message):
        """Other commands belong into the line of keys now, or the view is narrowed down in another way."""

        offered: Sequence[AnyCommand]

    @dataclass
    class Wanted(Message):
        """The operator wants to see something in another view: what a filter finds, or a row.

        Without a `view` it is the next one. `move` asks at once where the clients found are to be moved.
        """

        view: str = ""
        filter: str = ""
        row: RowKey | None = None
        move: bool = False

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self.staged = Edit(())
        self.busy = ""
        """A sentence on what is under way and would end with the program; empty when nothing is."""
        self.prompt = Prompt()

    @property
    def pending(self) -> bool:
        """Whether something is staged."""
        return bool(self.staged.changes)

    @property
    def effects(self) -> Sequence[Consequence]:
        """What clients will notice of what is staged."""
        return consequences(self.staged.changes, self.snapshot.reading)

    @property
    def narrowing(self) -> str:
        """How the view is narrowed down, for the head line; empty when it shows everything."""
        return ""

    @property
    def wanted_client(self) -> Address | None:
        """The one client that is looked for; the table is then read to its end however long that takes."""
        return None

    @property
    def about(self) -> ServiceKey | None:
        """The service that the cursor is on or below; None where there is none."""
        return None

    def watch_snapshot(self) -> None:
        """Show the newest state, if the view is visible."""
        if self.display:
            self.redraw()

    def redraw(self) -> None:
        """Show the newest state."""
        raise NotImplementedError

    def find(self, wanted: Wanted) -> None:
        """Show what is wanted here."""
        raise NotImplementedError

    def say(self, sentence: str, tone: Tone = Tone.PLAIN, *, standing: bool = False) -> None:
        """Show a sentence in the line below."""
        self.post_message(self.Said(sentence, tone, standing=standing))

    def ask(self, request: Request) -> None:
        """Ask the worker."""
        self.post_message(self.Asked(request))

    def stage(self, edit: Edit) -> None:
        """Show what Enter will write, with its ipvsadm commands; an empty edit drops what was staged."""
        self.staged = edit
        changes, few = edit.changes, len(edit.changes) <= STAGED_COMMANDS
        head = "staged" if edit.kind is Kind.DO else edit.kind.value
        head += " as one" if edit.whole and len(changes) > 1 else ""
        head += "" if few else f" {len(changes)} changes"
        head += f": Enter applies, Esc drops{'' if few else ', [ ] scroll'}"

        effects = self.effects
        emptied = [emptying_title(place, self.snapshot.reading.director) for place in edit.empties]

        def lines(place: int) -> Sequence[str]:
            if place < len(effects):
                hint = ": F adds it" if effects[place].changes and edit.kind is Kind.DO else ""
                return (f"! {effects[place]}{hint}",)
            if place >= len(effects) + len(changes):
                return (f"then {emptied[place - len(effects) - len(changes)]}, by weight",)
            change = changes[place - len(effects)]
            return change_lines([change]) if few else (describe(change),)

        panel = self.query_one("#pending", Chunks)
        panel.set_class(self.pending, "waiting")
        panel.show(head if changes else "", len(effects) + len(changes) + len(emptied), lines)
        self.redraw()

    def action_run_command(self, name: str) -> None:
        """Run a command by its id."""
        raise NotImplementedError


def _as_it_is(look: L, _: object) -> L:
    return look


@dataclass(frozen=True, slots=True)
class Rows(Generic[K, L]):
    """What a table shows, as functions of a snapshot and of how the operator looks at it.

    `look` is how the rows are looked at first. `filtered` returns the look with the filter of a text; it raises
    `FieldError`. `staged` returns the look with changes that are staged. `every_column` and `sortable` are those to
    choose from, `grouping` the word for how rows are grouped, `regrouped` the look for such a word. `added` returns the
    row that changes add. With `marked` the head line says how many rows are marked. `summary` is the line above the
    table, for a width in cells; `details` are the lines below it, for the row under the cursor. `wanted_client` returns
    the one client that a filter looks for.
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
    wanted_client: Callable[[str], Address | None] = lambda _: None

    def recalled(self, last: Arrangement) -> L:
        """Return the look with the arrangement of last time, as far as its columns exist now."""
        sort = last.sort if last.sort in self.sortable else self.look.sort
        hidden = frozenset(last.hidden) & {column.id for column in self.every_column[1:]}
        look = replace(self.look, sort=sort, descending=last.descending, hidden=hidden)
        return self.regrouped(look, last.grouping)


class TableView(View, Generic[K, L]):
    """A view of rows with the keys `K`, looked at in the way `L`."""

    ROWS: Rows[K, L]
    COMMANDS: Sequence[Command[TableView[K, L]]] = ()

    BELOW: ClassVar[Sequence[Callable[[], Widget]]] = ()
    """The widgets between the table and what is staged."""

    def __init__(self, memory: ViewMemory | None = None) -> None:
        """Look at the rows as the operator did last, where there is a memory of that."""
        super().__init__()
        self.table = VirtualTable[K]()
        self.look = self.ROWS.look
        self.filter_text = ""
        """The filter as it was typed."""
        self.arriving: K | None = None
        """A row that was added and has not been read yet; the cursor goes to it, unless it is moved before."""
        self._memory = memory
        if memory is not None:
            self.look = self.ROWS.recalled(memory.recall(self.NAME))

    def compose(self) -> ComposeResult:
        """Lay out the table, what is staged, and the prompt."""
        if self.ROWS.summary:
            yield Line("summary")
        yield self.table
        yield from (widget() for widget in self.BELOW)
        if self.ROWS.details:
            yield Static(id="sentence", markup=False)
        yield Chunks(id="pending", text_id="staged")
        yield self.prompt

    @property
    def narrowing(self) -> str:
        """Grouping, filter and marks, as far as they differ from the defaults."""
        grouping, marked = self.ROWS.grouping(self.look), len(self.table.marked) if self.ROWS.marked else 0
        parts = (
            f"by {grouping}" if grouping != self.ROWS.grouping(self.ROWS.look) else "",
            f"filter {self.filter_text}" if self.filter_text else "",
            f"{marked} marked" if marked else "",
        )
        return "  ".join(filter(None, parts))

    @property
    def wanted_client(self) -> Address | None:
        """The one client that the filter looks for."""
        return self.ROWS.wanted_client(self.filter_text)

    def redraw(self) -> None:
        """Show the rows in their order, with what is staged in them."""
        snapshot, look, rows = self.snapshot, self.ROWS.staged(self.look, self.staged.changes), self.ROWS
        self.table.sort = (look.sort, look.descending) if rows.sortable else None
        self.table.show(rows.columns(look), rows.rows(snapshot, look), lambda key: rows.cells(snapshot, look, key))
        if rows.summary:
            self.query_one("#summary", Line).put([rows.summary(snapshot, look, self.size.width - 2)])
        if self.arriving is not None and self.table.move_to(self.arriving):
            self.arriving = None
        self.offer()

    def narrow(self, text: str) -> None:
        """Show only what a filter finds; raises `FieldError` with the filter as it was."""
        before = self.wanted_client
        self.look = self.ROWS.filtered(self.look, text)
        self.filter_text = " ".join(text.split())
        if self.wanted_client != before and self.display:
            self.ask(Watch(True, self.wanted_client))
        self.redraw()

    def rearrange(self, look: L) -> None:
        """Show the rows in another way, and remember it."""
        self.look = look
        if self._memory is not None:
            hidden = tuple(sorted(look.hidden))
            self._memory.keep(self.NAME, Arrangement(look.sort, look.descending, self.ROWS.grouping(look), hidden))
        self.redraw()

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds."""
        self.narrow(wanted.filter)

    def offer(self) -> None:
        """Show the details of the row under the cursor, and the keys that apply to it or to what is staged."""
        if self.ROWS.details and (key := self.table.cursor_key) is not None:
            look = self.ROWS.staged(self.look, self.staged.changes)
            lines = self.ROWS.details(self.snapshot, look, key)
            self.query_one("#sentence", Static).update("\n".join(map(escape, lines)))
        waiting = self.pending
        listed = (c for c in self.COMMANDS if c.bar and (c.id in ("open", "drop")) == waiting)
        self.post_message(self.Offered([c for c in listed if c.when(self) and not c.why_off(self)]))

    def action_run_command(self, name: str) -> None:
        """Run a command of this view, or say why it is off."""
        command = find(self.COMMANDS, name)
        if reason := command.why_off(self):
            self.say(reason, Tone.WARN)
        else:
            command.run(self)

    @on(VirtualTable.CursorMoved)
    @on(VirtualTable.MarksChanged)
    def moved(self, message: Message) -> None:
        """Offer the keys for the rows that are now under the cursor or marked."""
        if isinstance(message, VirtualTable.CursorMoved):
            self.arriving = None
        self.offer()

    @on(VirtualTable.Opened)
    def opened(self) -> None:
        """Open the row of a double click as Enter does, but never apply."""
        if not self.pending:
            self.action_run_command("open")
