"""The application: it owns the worker's thread, hands each snapshot down and each request on."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from threading import Thread
from typing import ClassVar

from textual.app import ComposeResult
from textual.command import Provider
from textual.message import Message
from textual.reactive import var
from textual.widgets import ContentSwitcher

from lvstui.core.advice.services import advice
from lvstui.core.entries.edits import Outcome
from lvstui.core.model import ServiceKey
from lvstui.core.owners import claimed
from lvstui.core.snapshot import Host, Snapshot
from lvstui.core.view.headline import headline
from lvstui.core.view.table import Tone
from lvstui.engine.entry_desk import summary
from lvstui.engine.messages import (
    Edit,
    EntriesDone,
    Event,
    Overtaken,
    Pace,
    Rejected,
    Stop,
)
from lvstui.engine.options import Options
from lvstui.engine.sentences import sentence
from lvstui.engine.worker import Worker
from lvstui.host.machine import Machine
from lvstui.store.history_file import HistoryFile
from lvstui.store.presence import Presence
from lvstui.tui import commands
from lvstui.tui.dialogs import advice as advice_screen
from lvstui.tui.dialogs import claimed as claimed_screen
from lvstui.tui.dialogs import halfway, overtaken
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.help import Help
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.palette import Commands
from lvstui.tui.terminal.driver import FrugalApp, resume_only_on_a_terminal
from lvstui.tui.themes import DEFAULT, load, shipped_folder
from lvstui.tui.views.connections import ConnectionsView
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.views.registry import ENTRIES, SWITCHING
from lvstui.tui.views.scan import ScanView
from lvstui.tui.views.services import ServicesView
from lvstui.tui.views.view import View, advised_place
from lvstui.tui.widgets.lines import Keys, Line
from lvstui.tui.widgets.lines import Message as MessageLine

INTERVALS = (1.0, 2.0, 5.0, 10.0)


class LvstuiApp(FrugalApp[int], inherit_bindings=False):
    """Shows the services view on one worker."""

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    BINDINGS = commands.bindings((*SWITCHING, *commands.EVERYWHERE))
    ENABLE_COMMAND_PALETTE = True

    CSS_PATH = "lvstui.tcss"
    TITLE = "lvstui"

    snapshot: var[Snapshot | None] = var(None, always_update=True)

    class Posted(Message):
        """The worker has something to say; the newest snapshot waits in the app."""

        def __init__(self, event: Event | None) -> None:
            super().__init__()
            self.event = event

    class Broken(Message):
        """The worker's thread has ended with an error that nobody foresaw."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        options: Options,
        *,
        host: Callable[[], Host] | None = None,
        threaded: bool = True,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Build the app on a kernel and a profile.

        A test that is not `threaded` steps the worker by itself, and gives its `clock` and the `pause` that moves it.
        """
        super().__init__()
        self._pace = Pace(options.interval)
        ascii_only = not (sys.stderr.encoding or "").lower().startswith("utf")
        self._views = {entry.name: entry.make(ascii_only) for entry in ENTRIES}
        for view in self._views.values():
            view.memory = options.memory
        self._first_view = options.view
        self._head, self._message, self._keys = Line("head"), MessageLine("message"), Keys("keys")
        self._notice = options.notice
        self._alarming = False
        self._warned: set[ServiceKey] = set()
        self._newest: deque[Snapshot] = deque(maxlen=1)
        path = options.profile.path if options.profile and options.accounted else None
        self.worker = Worker(
            options.kernel,
            options.profile,
            self._take,
            interval=options.interval,
            read_only="lvstui was started with --read-only" if options.read_only else "",
            host=host or Machine(links=options.links).observe,
            owners=options.owners,
            records=HistoryFile(path, to_syslog=options.kernel.origin != "demo") if path else None,
            presence=Presence(path) if path else None,
            clock=clock,
            threaded=threaded,
            pause=pause,
        )
        self._thread = Thread(target=self._work, name="kernel", daemon=True) if threaded else None
        for theme in load(shipped_folder()):
            self.register_theme(theme)
        self.theme = DEFAULT
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """Lay out the head, the views, and the two lines below."""
        yield self._head
        with ContentSwitcher(initial=self._first_view):
            for view in self._views.values():
                yield view.data_bind(LvstuiApp.snapshot)
        yield self._message
        yield self._keys

    @property
    def view(self) -> View:
        """The view that is shown."""
        return next(view for view in self._views.values() if view.display)

    def on_mount(self) -> None:
        """Start reading, and end cleanly when the terminal or the system says so."""
        loop = asyncio.get_running_loop()
        resume_only_on_a_terminal()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self.exit, 128 + number)
        self._say(self._notice, Tone.WARN)
        self.view.focus_body()
        self.view.entered()
        if self._thread:
            self._thread.start()

    def on_unmount(self) -> None:
        """Let the worker finish what it is writing."""
        self.worker.submit(Stop())
        if self._thread:
            self._thread.join(timeout=5)

    def _work(self) -> None:
        """Run the worker in its thread; what it did not foresee ends the program, which would only look alive."""
        try:
            self.worker.run()
        except Exception as error:
            self.post_message(self.Broken(error))

    def on_lvstui_app_broken(self, message: Broken) -> None:
        """Let Textual restore the terminal and show what happened."""
        raise message.error

    def _take(self, event: Event) -> None:
        """Take an event from the worker's thread. Snapshots that come faster than they are shown are skipped."""
        if isinstance(event, Snapshot):
            self._newest.append(event)
            self.post_message(self.Posted(None))
        else:
            self.post_message(self.Posted(event))

    def on_lvstui_app_posted(self, message: Posted) -> None:
        """Show what the worker said."""
        if message.event is not None:
            self._say(*sentence(message.event))
            if isinstance(message.event, Overtaken):
                self._ask_whether_to_insist(message.event)
            elif isinstance(message.event, Rejected) and message.event.done:
                self.push_screen(halfway.listing(message.event))
            elif isinstance(message.event, EntriesDone):
                self._entries_done(message.event)
            return
        if self._newest:
            self.snapshot = self._newest.pop()

    def _entries_done(self, event: EntriesDone) -> None:
        """Tell of one edit of an entry in the line below, of several in a list."""
        self.query_one(PersistenceView).ended()
        if event.total == 1 and len(event.reports) == 1:
            (report,) = event.reports
            self._say(report.sentence, Tone.GOOD if report.outcome is Outcome.DONE else Tone.BAD)
        elif event.reports:
            lines = [f"{report.outcome.value:<10}  {report.sentence}" for report in event.reports]
            self.push_screen(Listing(f"Entries: {summary(event.reports)}", lines))

    def on_connections_view_entry_wanted(self, message: ConnectionsView.EntryWanted) -> None:
        """Show the entry of one client."""
        self._show_entries(message.wanted)

    def on_services_view_entries_wanted(self, message: ServicesView.EntriesWanted) -> None:
        """Show the entries, or the connections, of a service or a server."""
        if message.connections:
            self.action_view("connections")
            self.query_one(ConnectionsView).narrow(message.wanted)
        else:
            self._show_entries(message.wanted)
            if message.move:
                self.query_one(PersistenceView).move_all()

    def on_view_wanted(self, message: View.Wanted) -> None:
        """Show in another view what was asked for."""
        if message.view == "persistence":
            self._show_entries(message.filter)
            return
        self.action_view(message.view)
        self._views[message.view].find(message)

    def _show_entries(self, wanted: str) -> None:
        self.action_view("persistence")
        self.query_one(PersistenceView).narrow(wanted)

    def _ask_whether_to_insist(self, event: Overtaken) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.worker.submit(event.insisting)

        self.push_screen(overtaken.dialog(event), answered)

    def watch_snapshot(self) -> None:
        """Keep the head true."""
        self._show_head()

    def on_resize(self) -> None:
        """Let the head use the new width."""
        self._show_head()

    def _show_head(self) -> None:
        if self.snapshot is not None:
            advised = len(advice(self.snapshot))
            self._head.put(headline(self.snapshot, self.size.width - 2, self.view.found, advised))

    def _say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        self._alarming = tone in (Tone.BAD, Tone.WARN) and bool(sentence)
        self._message.say(sentence, tone)

    def on_view_asked(self, message: View.Asked) -> None:
        """Hand a request to the worker, after a warning where it edits what another program manages."""
        request = message.request
        owners = self.snapshot.owners if self.snapshot else ()
        claims = claimed(owners, request.changes) if isinstance(request, Edit) else {}
        claims = {key: owner for key, owner in claims.items() if key not in self._warned}
        if not claims:
            self.worker.submit(request)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._warned.update(claims)
                self.worker.submit(request)
            elif isinstance(request, Edit) and message.staged:
                self.view.stage(request)

        self.push_screen(claimed_screen.dialog(claims), answered)

    def on_view_said(self, message: View.Said) -> None:
        """Show a sentence of the view."""
        if not (message.standing and self._alarming):
            self._say(message.sentence, message.tone)

    def on_view_offered(self, message: View.Offered) -> None:
        """Show the keys that make sense now."""
        self._keys.offer([*message.offered, *commands.EVERYWHERE])
        self._show_head()

    def action_view(self, name: str) -> None:
        """Go to a view; what is staged in another one waits there."""
        if self.view.id != name:
            old, new = self.view, self._views[name]
            if not (isinstance(old, ScanView) and isinstance(new, ScanView)):  # else the same reading goes on
                old.left()
            self.query_one(ContentSwitcher).current = name
            new.entered()
        self._say("")
        self.view.redraw()
        self.view.focus_body()

    def action_next_view(self) -> None:
        """Go to the view after this one."""
        names = list(self._views)
        self.action_view(names[(names.index(self.view.id or names[0]) + 1) % len(names)])

    def action_pause(self) -> None:
        """Stop reading, or go on."""
        self._set_pace(Pace(self._pace.interval, not self._pace.paused))

    def action_interval(self) -> None:
        """Go to the next interval."""
        later = [each for each in INTERVALS if each > self._pace.interval]
        self._set_pace(Pace(later[0] if later else INTERVALS[0]))
        self._say(f"reading every {self._pace.interval:g} s")

    def _set_pace(self, pace: Pace) -> None:
        self._pace = pace
        self.worker.submit(pace)

    def action_advice(self) -> None:
        """Show what an expert would point out, and do what the operator wants of it."""
        found = advice(self.snapshot) if self.snapshot else ()
        if not found:
            self._say("an expert would point out nothing here", Tone.GOOD)
            return

        def answered(answer: advice_screen.Answer | None) -> None:
            if answer is not None and answer.go:
                self.on_view_wanted(advised_place(answer.advice))
            elif answer is not None:
                self.view.take_advice(answer.advice)

        self.push_screen(advice_screen.AdviceScreen(found, self.view.about), answered)

    def action_help(self) -> None:
        """Show the keys."""
        groups = (
            ("Moving", commands.MOVING),
            (f"In {self.view.id}", self.view.COMMANDS),
            ("Everywhere", (*SWITCHING, *commands.EVERYWHERE)),
        )
        self.push_screen(Help(groups, self.view.NOTES))

    def action_leave(self) -> None:
        """Leave at once, or ask where something waits for Enter."""
        lines = [view.busy for view in self._views.values() if view.busy]
        if any(view.pending for view in self._views.values()):
            lines.append("Enter would still apply what is staged.")
        if not lines:
            self.exit(0)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.exit(0)

        self.push_screen(Confirm("Leave, and drop what has not been done?", lines, "Leave"), answered)


def run(options: Options) -> int:
    """Open the screens; 0 when the operator left, 128 + number when a signal ended it."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    # Rows of large tables come by the hundred thousand and in no circles: searching them for those takes long.
    gc.set_threshold(100_000, 20, 100)
    app = LvstuiApp(options)
    code = app.run(mouse="SSH_CONNECTION" not in os.environ)
    return app.return_code or 0 if code is None else code
