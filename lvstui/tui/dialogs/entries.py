"""The question before persistence entries are edited: which server, how, for how long, and what will happen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lvstui.core import fields
from lvstui.core.describe import notes
from lvstui.core.entries.edits import Manner
from lvstui.core.entries.request import (
    TARGET_COLUMNS,
    Action,
    EntryRequest,
    Target,
    alternatives,
    edits,
    lines,
    target_cells,
    targets,
    title,
)
from lvstui.core.fields import FieldError
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import escape
from lvstui.core.words import count
from lvstui.engine.messages import EditEntries
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.terminal import TOO_SOON, pressed_again
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import Prompt
from lvstui.tui.widgets.table import VirtualTable

_TABLE_MAX = 8


class EntryDialog(Dialog[EditEntries | None]):
    """Ask how entries are to be edited; return the request, None where the operator cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q", "dismiss(None)", show=False),
        Binding("enter", "accept", show=False),
        Binding("k", "manner", show=False),
        Binding("t", "seconds", show=False),
        Binding("p", "pace", show=False),
        Binding("right_square_bracket", "turn(1)", show=False),
        Binding("left_square_bracket", "turn(-1)", show=False),
    ]

    DEFAULT_CSS = """
    EntryDialog { align: center middle; background: transparent; }
    EntryDialog > Vertical {
        width: 78; max-width: 100%; height: auto; max-height: 100%; padding: 0 0 1 0; background: $dialog;
    }
    EntryDialog > Vertical > * { margin: 0 1; }
    EntryDialog .title {
        width: 100%; margin: 0 0 1 0; padding: 0 1; text-style: bold; background: $accent; color: $text-on-accent;
    }
    EntryDialog VirtualTable { background: $dialog; }
    EntryDialog #how { margin: 1 1 0 1; }
    EntryDialog #room { height: auto; max-height: 10; scrollbar-size-vertical: 1; }
    EntryDialog #effect { color: $text-muted; height: auto; }
    EntryDialog .foot { color: $text-primary; margin: 1 1 0 1; }
    """

    def __init__(self, snapshot: Snapshot, request: EntryRequest) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._request = request
        self._targets = targets(snapshot, request)
        if self._targets:
            target = request.target if request.target in self._targets else self._targets[0]
            self._request = replace(request, target=target)

    def compose(self) -> ComposeResult:
        """Lay out the title, the servers to choose from, how it is done, what will happen, and the keys."""
        request = self._request
        keys = ["Enter applies", "Esc cancels"]
        if request.action in (Action.EXPIRE, Action.MOVE):
            keys.append("k soft or kill")
        if request.action is not Action.EXPIRE:
            keys.append("t time")
        if len(request.chosen) > 1:
            keys += ["p pace", "] more"]
        with Vertical():
            yield Static(escape(title(self._snapshot, request)), classes="title", markup=False)
            yield _Targets(marks=False)
            yield Static(id="how", markup=False)
            with VerticalScroll(id="room", can_focus=False):
                yield Static(id="effect", markup=False)
            yield Static("   ".join(keys), classes="foot", markup=False)
            yield Prompt()

    def on_mount(self) -> None:
        """Show the servers, the first one under the cursor."""
        table = self.query_one(_Targets)
        table.styles.height = min(len(self._targets), _TABLE_MAX) + 1 if self._targets else 0
        table.show(TARGET_COLUMNS, self._targets, partial(target_cells, self._snapshot, self._request))
        table.move_to(self._request.target)
        self.set_focus(table)  # at once: what is asked next takes it
        self._show()
        if self._request.action is Action.TIME:
            self.action_seconds()

    def on_key(self, event: events.Key) -> None:
        """Take a number that is typed for the time, or where there is none for the pace, and ask for the rest of it."""
        if self.query_one(Prompt).has_class("asking") or not (event.character or "").isdigit():
            return
        event.stop()
        if self._request.action is not Action.EXPIRE:
            self.action_seconds(event.character or "")
        else:
            self.action_pace(event.character or "")

    def on_virtual_table_cursor_moved(self) -> None:
        """Take the server under the cursor."""
        target = self.query_one(_Targets).cursor_key
        if target is not None:
            self._request = replace(self._request, target=target)
            self._show()

    def action_turn(self, pages: int) -> None:
        """Show more of what will happen, where there is no room for all of it."""
        room = self.query_one("#room", VerticalScroll)
        room.scroll_relative(y=pages * max(1, room.size.height - 1), animate=False)

    def action_manner(self) -> None:
        """Go from soft to kill, or back."""
        if self._request.action in (Action.EXPIRE, Action.MOVE):
            manner = Manner.SOFT if self._request.manner is Manner.KILL else Manner.KILL
            self._request = replace(self._request, manner=manner)
            self._show()

    def action_seconds(self, typed: str = "") -> None:
        """Ask for the time, in seconds; `typed` is the first digit, where that asks."""
        if self._request.action is not Action.EXPIRE:

            def read(text: str) -> EntryRequest:
                return replace(self._request, seconds=fields.number("seconds", text))

            self.query_one(Prompt).ask("seconds", str(self._request.seconds), read, self._take, typed=typed)

    def action_pace(self, typed: str = "") -> None:
        """Ask how many clients a second are to be edited; `typed` is the first digit, where that asks."""
        if len(self._request.chosen) > 1:

            def read(text: str) -> EntryRequest:
                try:
                    pace = float(text)
                except ValueError:
                    raise FieldError("pace", "must be a number, such as 2 or 0.5") from None
                if not 0 <= pace <= 1000:
                    raise FieldError("pace", "must be from 0 to 1000")
                return replace(self._request, pace=pace)

            label = "clients a second (0: as fast as possible)"
            self.query_one(Prompt).ask(label, f"{self._request.pace:g}", read, self._take, typed=typed)

    def _take(self, request: EntryRequest) -> None:
        self._request = request
        self._show()

    def action_accept(self) -> None:
        """Return the request; where connections are reset, after one more question.

        The Enter that ended a number does not also apply it, which is said in place of the keys.
        """
        if pressed_again(self.app):
            self.query_one(".foot", Static).update(TOO_SOON)
            return
        try:
            found = edits(self._snapshot, self._request)
        except FieldError:
            return
        order = EditEntries(found, self._request.pace)
        if self._request.manner is not Manner.KILL:
            self.dismiss(order)
            return
        children = sum(entry.children for entry in self._request.chosen)
        title = f"Reset {count(children, 'connection')} now?"
        question = Confirm(title, lines(self._snapshot, self._request), "Reset")
        confirm_first(self.app, question, partial(self.dismiss, order))

    def _show(self) -> None:
        request = self._request
        how = []
        if request.action in (Action.EXPIRE, Action.MOVE):
            kill = request.manner is Manner.KILL
            how.append("kill: connections are reset" if kill else "soft: active connections stay")
        if request.action is not Action.EXPIRE:
            how.append(f"for {request.seconds} s after the last new connection")
        if request.pace:
            how.append(f"{request.pace:g} clients a second")
        self.query_one("#how", Static).update("   ".join(how))
        effects = [f"- {line}" for line in lines(self._snapshot, request)]
        services = [*(entry.service for entry in request.chosen), request.service]
        effects += [f"note  {note}" for note in notes(self._snapshot.reading.director, services)]
        servers = {entry.entry.server.address for entry in request.chosen}
        if request.action is Action.MOVE and len(request.chosen) > 1 and len(servers) == 1:  # a whole server is emptied
            effects += alternatives(self._snapshot, servers.pop())
        self.query_one("#effect", Static).update("\n".join(map(escape, effects)))


class _Targets(VirtualTable[Target]):
    """The servers to choose from; k is the dialog's own."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("k", "screen.manner", show=False)]
