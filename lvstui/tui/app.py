"""The application: it owns the worker's thread, passes each snapshot down to the views and each request on."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread

from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import var
from textual.widgets import ContentSwitcher

from lvstui.core.advice.services import advice_lines
from lvstui.core.describe import describe
from lvstui.core.entries.edits import Outcome
from lvstui.core.fields import visible
from lvstui.core.home import whose
from lvstui.core.model import Family, MarkKey, ServiceKey
from lvstui.core.record import find_claims
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Host, Snapshot
from lvstui.core.view.brief import headline
from lvstui.core.view.table import Tone
from lvstui.engine.messages import (
    Adopt,
    Applied,
    Edit,
    EditEntries,
    EntriesDone,
    EntryProgress,
    Event,
    Examined,
    Follow,
    Followed,
    Incomplete,
    Overtaken,
    Pace,
    Rejected,
    SaveAll,
    Stop,
    Watch,
    sentence,
    summary,
)
from lvstui.engine.options import Options
from lvstui.engine.worker import Worker
from lvstui.host.machine import Machine
from lvstui.store.history_file import HistoryFile, log
from lvstui.store.sessions import Presence
from lvstui.tui.commands import MOVING, AnyCommand, Command, bindings, find
from lvstui.tui.dialogs.advice import AdviceAnswer, AdviceScreen, Wish
from lvstui.tui.dialogs.confirm import Confirm, claims_question, confirm_first, foreign_question, overwrite_question
from lvstui.tui.dialogs.listing import Help, Listing, half_way, refused
from lvstui.tui.dialogs.palette import Choice, Palette
from lvstui.tui.driver import EndingSignals
from lvstui.tui.faults import Fault, SturdyApp
from lvstui.tui.terminal import FrugalApp, resume_only_on_a_terminal
from lvstui.tui.themes import DEFAULT, load, shipped_folder
from lvstui.tui.views.changes import ChangesView
from lvstui.tui.views.connections import ConnectionsView
from lvstui.tui.views.director import DirectorView
from lvstui.tui.views.editing import take_advice
from lvstui.tui.views.examining import show_diagnosis
from lvstui.tui.views.marks import MarksView
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.views.services import ServicesView
from lvstui.tui.views.tracing import traced
from lvstui.tui.views.view import View
from lvstui.tui.widgets.lines import Keys, Line, MessageLine
from lvstui.tui.widgets.table import VirtualTable

INTERVALS = (1.0, 2.0, 5.0, 10.0)

VIEWS = (ServicesView, PersistenceView, MarksView, ConnectionsView, DirectorView, ChangesView)
"""The views in the order of the digits that open them."""

_EDITING_ENTRIES = "Entries are being edited: edits that have not started would be dropped."


def _show_view(app: LvstuiApp, name: str) -> None:
    """Go to a view; what is staged in another one stays staged there."""
    old, app.view = app.view, app.views[name]
    if app.view is not old:
        if app.view.SCANS and not old.SCANS:
            app.worker.submit(Watch(True, app.view.wanted_client))
        elif old.SCANS and not app.view.SCANS:
            app.worker.submit(Watch(False))
        app.query_one(ContentSwitcher).current = name
    app.say("")
    app.view.redraw()
    app.view.query_one(VirtualTable).focus()


def _help(app: LvstuiApp) -> None:
    groups = (("Moving", MOVING), (f"In {app.view.id}", app.view.COMMANDS), ("Everywhere", EVERYWHERE))
    app.push_screen(Help(groups, app.view.NOTES))


def _pause(app: LvstuiApp) -> None:
    _set_pace(app, Pace(app.pace.interval, not app.pace.paused))


def _next_interval(app: LvstuiApp) -> None:
    _set_pace(app, Pace(next((interval for interval in INTERVALS if interval > app.pace.interval), INTERVALS[0])))
    app.say(f"reading every {app.pace.interval:g} s")


def _set_pace(app: LvstuiApp, pace: Pace) -> None:
    app.pace = pace
    app.worker.submit(pace)


def _leave(app: LvstuiApp) -> None:
    """Leave; ask first where edits are staged or under way."""
    lines = list(dict.fromkeys(view.busy for view in app.views.values() if view.busy))
    if any(view.pending for view in app.views.values()):
        lines.append("Staged edits have not been applied.")
    if lines:
        confirm_first(app, Confirm("Leave, and drop what has not been written?", lines, "Leave"), lambda: app.exit(0))
    else:
        app.exit(0)


def _submit(app: LvstuiApp, message: View.Asked) -> None:
    """Pass a view's request to the worker, after a warning where it edits what another program manages."""
    request = message.request
    if isinstance(request, EditEntries):
        _be_busy(app)
    claims = find_claims(app.snapshot.owners, request.changes) if isinstance(request, Edit) else {}
    claims = {key: owner for key, owner in claims.items() if key not in app.warned}
    if not claims:
        app.worker.submit(request)
        return

    def go() -> None:
        app.warned.update(claims)
        app.worker.submit(request)

    confirm_first(app, claims_question(claims), go, partial(_stage_again, app, message))


def _be_busy(app: LvstuiApp, sentence: str = _EDITING_ENTRIES) -> None:
    """Have every view know that entries are being edited, or no more: Esc stops that in each."""
    for view in app.views.values():
        view.busy = sentence


def _stage_again(app: LvstuiApp, message: View.Asked) -> None:
    """Put an edit back that the operator did not confirm."""
    if isinstance(message.request, Edit) and message.staged:
        app.view.stage(message.request)


def _advice(app: LvstuiApp) -> None:
    found = advice_lines(app.snapshot)
    if not found:
        app.say("no advice", Tone.GOOD)
        return

    def answered(answer: AdviceAnswer | None) -> None:
        if answer is None:
            return
        if answer.wish is Wish.EDIT:
            take_advice(app.view, answer.advice)
        elif answer.wish is Wish.TRACE and answer.advice.packet is not None:
            app.view.ask(Follow(answer.advice.packet))
        elif (mark := answer.advice.mark) is not None:
            app.on_view_wanted(View.Wanted("marks", row=MarkKey(mark, Family.IPV4)))
        else:
            app.on_view_wanted(View.Wanted("services", row=answer.advice.key))

    app.push_screen(AdviceScreen(found, app.view.about), answered)


def _palette(app: LvstuiApp) -> None:
    """Ask for a command: one that opens a view, one of the view that is shown, or another one of the app."""
    found: list[tuple[AnyCommand, Callable[[], None]]] = []
    found += [(c, partial(c.run, app)) for c in EVERYWHERE if c.id.startswith("view.")]
    found += [(c, partial(app.view.action_run_command, c.id)) for c in app.view.COMMANDS]
    found += [(c, partial(c.run, app)) for c in EVERYWHERE if not c.id.startswith(("view.", "palette"))]

    def chosen(run: Callable[[], None] | None) -> None:
        if run is not None:
            run()

    app.push_screen(Palette([Choice(f"{c.id}: {c.help}", c.key_names, run) for c, run in found]), chosen)


EVERYWHERE: tuple[Command[LvstuiApp], ...] = (
    *(
        Command(f"view.{name}", str(place), f"go to the {name} view", partial(_show_view, name=name))
        for place, name in enumerate((view.NAME for view in VIEWS), 1)
    ),
    Command("help", "question_mark", "show the keys of this view", _help, "? help"),
    Command("palette", "colon,ctrl+p", "find a command by name", _palette),
    Command("pause", "p", "stop reading, or resume it", _pause),
    Command("interval", "r", "read every 1, 2, 5 or 10 seconds", _next_interval),
    Command("repaint", "ctrl+l", "send the whole screen again", lambda app: app.action_repaint()),
    Command("quit", "q,ctrl+c", "quit, after asking if edits are staged", _leave, "q quit"),
    Command("advice", "i", "show advice, and edits that follow it", _advice, "i advice"),
)
"""What can be done in every view."""


def _hear(app: LvstuiApp, fault: Fault) -> None:
    """Say and log an error that nobody foresaw; what is staged stays staged."""
    if app.accounted:
        log(str(fault))
    app.say(f"{fault}; please report it. Nothing was dropped; go on, or apply what is staged and start again", Tone.BAD)


def _end(app: LvstuiApp, number: int) -> None:
    """End by a signal; an edit under way ends before its next write."""
    app.worker.interrupt()
    app.exit(128 + number)


def _run_worker(worker: Worker, post: Callable[[Event | Exception], None]) -> None:
    """Run the worker; an error that nobody foresaw ends the program, which would only look alive."""
    try:
        worker.run()
    except Exception as error:
        post(error)


class LvstuiApp(SturdyApp, FrugalApp[int], inherit_bindings=False):
    """Shows the views of what one worker reads."""

    BINDINGS = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = False

    CSS_PATH = "lvstui.tcss"
    TITLE = "lvstui"

    snapshot: var[Snapshot] = var(EMPTY_SNAPSHOT, always_update=True)

    @dataclass
    class Posted(Message):
        """The worker has something to say, or (None) the newest snapshot waits in the app."""

        event: Event | Exception | None

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

        A test that is not `threaded` steps the worker by itself, with its own `clock` and a `pause` that moves it.
        """
        super().__init__(partial(_hear, self))
        self.accounted = options.accounted and options.kernel.origin != "demo"
        self.pace = Pace(options.interval)
        self.views: dict[str, View] = {view.NAME: view(options.memory) for view in VIEWS}
        self.view = self.views[options.view]
        self._head, self._message, self._keys = Line("head"), MessageLine("message"), Keys("keys")
        self._notice = options.notice
        self._alarming = False
        self.warned: set[ServiceKey] = set()
        self._whose = ""
        self._newest: deque[Snapshot] = deque(maxlen=1)
        path = options.profile.path if options.profile and options.accounted else None
        self.worker = Worker(
            options.kernel,
            options.profile,
            self._post,
            interval=options.interval,
            read_only="lvstui was started with --read-only" if options.read_only else "",
            host=host or Machine(links=options.links).observe,
            owners=options.owners,
            records=HistoryFile(path, to_syslog=self.accounted, home=options.here) if path else None,
            presence=Presence(path) if path else None,
            clock=clock,
            threaded=threaded,
            pause=pause,
            here=options.here,
        )
        self._thread = (
            Thread(target=_run_worker, args=(self.worker, self._post), name="kernel", daemon=True) if threaded else None
        )
        for theme in load(shipped_folder()):
            self.register_theme(theme)
        self.theme = DEFAULT
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """Lay out the head, the views, and the two lines below."""
        yield self._head
        with ContentSwitcher(initial=self.view.NAME):
            for view in self.views.values():
                yield view.data_bind(LvstuiApp.snapshot)
        yield self._message
        yield self._keys

    def on_mount(self) -> None:
        """Start reading, and end cleanly when the terminal or the system says so."""
        resume_only_on_a_terminal()
        self._signals = EndingSignals(partial(_end, self))
        self.say(self._notice, Tone.WARN)
        self.view.query_one(VirtualTable).focus()
        if self.view.SCANS:
            self.worker.submit(Watch(True, self.view.wanted_client))
        if self._thread:
            self._thread.start()
        self.call_after_refresh(self.faults.begin)

    def on_unmount(self) -> None:
        """Let the worker finish what it is writing."""
        self.worker.submit(Stop())
        if self._thread:
            self._thread.join(timeout=5)
        self._signals.restore()

    def _post(self, event: Event | Exception) -> None:
        """Take an event from the worker's thread; of snapshots that come faster than they are shown keep the newest."""
        if isinstance(event, Snapshot):
            self._newest.append(event)
            self.post_message(self.Posted(None))
        else:
            self.post_message(self.Posted(event))

    def on_lvstui_app_posted(self, message: Posted) -> None:
        """Show what the worker reports; end with its error, since nothing is read and written any more."""
        event = message.event
        if isinstance(event, Exception):
            self.faults.end(event)
            return
        if event is None:
            if self._newest:
                self.snapshot = self._newest.pop()
            return
        self.say(*sentence(event))
        if isinstance(event, Overtaken):
            confirm_first(self, overwrite_question(event), partial(self.worker.submit, event.insisting))
        elif isinstance(event, Rejected) and event.done:
            self.push_screen(half_way(event))
        elif isinstance(event, Incomplete):
            self.push_screen(refused(event))
        elif isinstance(event, Followed):
            self.push_screen(traced(event, self.size.width))
        elif isinstance(event, Examined):
            show_diagnosis(self, event)
        elif isinstance(event, EntryProgress) or (isinstance(event, Applied) and event.edit.empties):
            _be_busy(self)
        elif isinstance(event, EntriesDone):
            _be_busy(self, "")
            if event.total == 1 and len(event.reports) == 1:
                (report,) = event.reports
                self.say(report.sentence, Tone.GOOD if report.outcome is Outcome.DONE else Tone.BAD)
            elif event.reports:
                lines = [f"{report.outcome.value:<10}  {report.sentence}" for report in event.reports]
                self.push_screen(Listing(f"Entries: {summary(event.reports)}", lines))

    def watch_snapshot(self) -> None:
        """Keep the head up to date."""
        advised = len(advice_lines(self.snapshot))
        self._head.put(headline(self.snapshot, self.size.width - 2, self.view.narrowing, advised))

    def on_resize(self) -> None:
        """Fit the head to the new width."""
        self.watch_snapshot()

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the line below the table."""
        self._alarming = tone in (Tone.BAD, Tone.WARN) and bool(sentence)
        self._message.say(sentence, tone)

    def on_view_said(self, message: View.Said) -> None:
        """Show a sentence of the view."""
        if not (message.standing and self._alarming):
            self.say(message.sentence, message.tone)

    def on_view_asked(self, message: View.Asked) -> None:
        """Pass a request to the worker; ask once before it goes into the profile of another director."""
        request, state = message.request, self.snapshot.profile
        sentence = whose(state.path, state.saved.home, self.snapshot.here) if state.saved else ""
        if sentence in ("", self._whose) or not isinstance(request, Edit | SaveAll | Adopt):
            _submit(self, message)
            return

        def go() -> None:
            self._whose = sentence
            _submit(self, message)

        confirm_first(
            self,
            foreign_question(sentence, takes_over=isinstance(request, SaveAll)),
            go,
            partial(_stage_again, self, message),
        )

    def on_view_offered(self, message: View.Offered) -> None:
        """Show the keys that make sense now."""
        always = [find(EVERYWHERE, name) for name in ("help", "quit")]
        self._keys.offer([*message.offered, *(c for c in EVERYWHERE if c not in always)], always)
        self.watch_snapshot()

    def on_view_wanted(self, message: View.Wanted) -> None:
        """Go to a view and show what is wanted there; without a name, to the next view."""
        if message.view:
            _show_view(self, message.view)
            self.view.find(message)
        else:
            names = list(self.views)
            _show_view(self, names[(names.index(self.view.NAME) + 1) % len(names)])

    def action_run_command(self, name: str) -> None:
        """Run a command by its id."""
        find(EVERYWHERE, name).run(self)


def last_words(app: LvstuiApp, code: int) -> Iterator[str]:
    """Yield what is to be said once the terminal is restored: errors, and what was staged unless one left it so."""
    yield from (f"lvstui: {line}" for line in app.faults.lines())
    staged = [change for view in app.views.values() for change in view.staged.changes] if code else []
    if staged:
        yield "lvstui: staged, and not written:"
        yield from (f"  {describe(change)}" for change in staged)


def run(options: Options) -> int:
    """Open the screens; 0 when the operator left, 128 + number when a signal ended it, 70 when an error did."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    # Rows of large tables come by the hundred thousand and in no circles: searching them for those takes long.
    gc.set_threshold(100_000, 20, 100)
    app = LvstuiApp(options)
    code = app.run(mouse="SSH_CONNECTION" not in os.environ)
    code = app.return_code or 0 if code is None else code
    if app.faults.fatal and app.accounted:
        log(f"the screens ended by {app.faults.fatal}")
    with suppress(OSError, ValueError):
        for line in last_words(app, code):
            print(visible(line), file=sys.stderr)
    return code
