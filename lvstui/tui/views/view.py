"""A view: a pane of the main screen with what is staged in it and a line that asks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, NamedTuple

from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive

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
from lvstui.core.view.head import Bearings
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit, Request
from lvstui.formats.equivalent import change_lines
from lvstui.host.patience import Call
from lvstui.tui.commands import AnyCommand
from lvstui.tui.commands import Line as CommandLine
from lvstui.tui.widgets.lines import Chunks, Prompt
from lvstui.tui.widgets.table import VirtualTable

APPLYING = ("open", "trial")
"""The commands that write what is staged."""

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
