"""The application: it owns the worker's thread, passes each snapshot down to the views and each request on."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from threading import Thread

from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import var

from lvstui.core.describe import describe
from lvstui.core.entries.edits import Outcome
from lvstui.core.fields import visible
from lvstui.core.home import whose
from lvstui.core.keys import give, key_name
from lvstui.core.model import ServiceKey
from lvstui.core.overwriting import overwriting
from lvstui.core.record import find_claims
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Host, Snapshot
from lvstui.core.trial import boottime
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
    Followed,
    Incomplete,
    Kept,
    Notice,
    Overtaken,
    Pace,
    ReadNow,
    Rejected,
    Request,
    SaveAll,
    Stop,
    TakenBack,
    Watch,
)
from lvstui.engine.options import Options
from lvstui.engine.sentences import sentence, summary
from lvstui.engine.worker import Worker
from lvstui.host.machine import Machine
from lvstui.host.patience import within
from lvstui.store.history_file import HistoryFile, log
from lvstui.store.sessions import Presence
from lvstui.store.view_memory import ViewMemory
from lvstui.tui.commands import (
    bindings,
    find,
    key_map,
)
from lvstui.tui.dialogs.confirm import claims_question, confirm_first, foreign_question, overwrite_question
from lvstui.tui.dialogs.listing import Listing, Readable, half_way, not_all_back, refused
from lvstui.tui.driver import EndingSignals
from lvstui.tui.everywhere import EVERYWHERE, VIEWS, Screens
from lvstui.tui.faults import Fault
from lvstui.tui.frame import Frame
from lvstui.tui.ink import Depth, depth_of_terminal
from lvstui.tui.job import far_away
from lvstui.tui.terminal import resume_only_on_a_terminal
from lvstui.tui.themes import Themes, gather, put_on
from lvstui.tui.views.examining import show_diagnosis
from lvstui.tui.views.on_trial import outlives, staying
from lvstui.tui.views.service_text import edit_text
from lvstui.tui.views.table_view import choose_columns
from lvstui.tui.views.tracing import traced
from lvstui.tui.views.view import View, owned_lines
from lvstui.tui.widgets.table import VirtualTable

_RENEWAL = 10.0
"""Seconds that a reading may take until a text that was edited is refused."""

_LOOK = 0.02

_FILES_PATIENCE = 0.3
"""Seconds that a question waits for the files of other programs."""

_READ_ONLY = "lvstui was started read-only: by --read-only, or by read_only of the configuration (lvstui config)"

_EDITING_ENTRIES = "Entries are being edited: edits that have not started would be dropped."


async def _edit_text(app: LvstuiApp, view: View, key: ServiceKey) -> None:
    """Edit a service as text; an error that nobody foresaw ends no more than that."""
    try:
        await edit_text(app, view, key, partial(_renewed, app))
    except Exception as error:
        app._handle_exception(error)


async def _renewed(app: LvstuiApp) -> Snapshot | None:
    """Return a snapshot of a reading that begins now; None where none comes."""
    now, waited = app.clock(), 0.0
    app.worker.submit(ReadNow())
    while waited < _RENEWAL:
        if app.snapshot.reading.taken >= now and not app.snapshot.trouble:
            return app.snapshot
        await asyncio.sleep(_LOOK)
        waited += _LOOK
    return None


def _submit(app: LvstuiApp, message: View.Asked) -> None:
    """Pass a view's request to the worker, after a warning where it edits what another program manages."""
    request = message.request
    _hold_keys(app, request)
    if isinstance(request, EditEntries):
        _be_busy(app)
    claims = find_claims(app.snapshot.owners, request.changes) if isinstance(request, Edit) else {}
    claims = {key: owner for key, owner in claims.items() if key not in app.warned}
    if not claims or not isinstance(request, Edit):
        app.worker.submit(request)
        return

    def go() -> None:
        app.warned.update(claims)
        app.worker.submit(request)

    owners, owned = app.snapshot.owners, message.beside.owned
    if not owned:
        with suppress(TimeoutError):
            owned = within(_FILES_PATIENCE, partial(owned_lines, owners, request.changes))
    question = claims_question(claims, overwriting(owners, request.changes), owned)
    confirm_first(app, question, go, partial(_stage_again, app, message))


def _hold_keys(app: LvstuiApp, request: Request) -> None:
    """Have the next keys wait where they are meant for rows of the connection table, which is only now read."""
    if isinstance(request, Watch) and app.threaded and request.on and app.snapshot.scan is None:
        app.settled.clear()
    elif isinstance(request, Watch):
        app.settled.set()


def _lose(app: LvstuiApp, keys: Sequence[str]) -> None:
    pressed = " ".join(map(key_name, keys))
    app.say(f"not done: {pressed}, as the connection table is still being read; press again once it is", Tone.WARN)


def _be_busy(app: LvstuiApp, sentence: str = _EDITING_ENTRIES) -> None:
    """Have every view know that entries are being edited, or no more: Esc stops that in each."""
    for view in app.views.values():
        view.busy = sentence


def _remember(app: LvstuiApp, event: Event) -> None:
    """Have every view know whether the last edit was one of entries, which an undo does not take back."""
    if isinstance(event, EntriesDone) and any(report.outcome is Outcome.DONE for report in event.reports):
        past = event.reports
    elif isinstance(event, Applied | Rejected | Incomplete) and event.done:
        past = ()
    else:
        return
    for view in app.views.values():
        view.past = past


def _stage_again(app: LvstuiApp, message: View.Asked) -> None:
    """Put an edit back that the operator did not confirm."""
    if isinstance(message.request, Edit) and message.staged:
        app.view.stage(message.request, message.beside)


def _hear(app: LvstuiApp, fault: Fault) -> None:
    """Say and log an error that nobody foresaw; what is staged stays staged."""
    if app.accounted:
        log(str(fault))
    app.say(f"{fault}; please report it. Nothing was dropped; go on, or apply what is staged and start again", Tone.BAD)


def _end(app: LvstuiApp, number: int) -> None:
    """End by a signal; an edit under way ends before its next write."""
    app.worker.interrupt()
    app.exit(128 + number)


def _observing(options: Options) -> Callable[[], Host]:
    """Return what looks at the machine; the demo is on none, and the load of this one would belie its traffic."""
    if options.kernel.origin == "demo":
        return partial(Host, "", cpu=None, softirq=None, memory=None)
    return Machine(links=options.links).observe


def _worker(app: LvstuiApp, options: Options, host: Callable[[], Host], pause: Callable[[float], None]) -> Worker:
    """Return the worker that reads for an app; it begins once it is run, or stepped."""
    path = options.profile.path if options.profile and options.accounted else None
    return Worker(
        options.kernel,
        options.profile,
        app._post,
        interval=options.interval,
        read_only=_READ_ONLY if options.read_only else "",
        host=host,
        owners=options.owners,
        records=HistoryFile(path, to_syslog=app.accounted, home=options.here) if path else None,
        presence=Presence(path) if path else None,
        clock=app.clock,
        threaded=app.threaded,
        pause=pause,
        here=options.here,
        trial=options.trial,
    )


def _run_worker(worker: Worker, post: Callable[[Event | Exception], None]) -> None:
    """Run the worker; an error that nobody foresaw ends the program, which would only look alive."""
    try:
        worker.run()
    except Exception as error:
        post(error)


class LvstuiApp(Screens, inherit_bindings=False):
    """Shows the views of what one worker reads."""

    BINDINGS = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = False

    CSS = files(__package__).joinpath("lvstui.tcss").read_text(encoding="utf-8")
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
        boottime: Callable[[], float] = boottime,
        pause: Callable[[float], None] = time.sleep,
        depth: Depth = Depth.MANY,
    ) -> None:
        """Build the app on a kernel and a profile, for a terminal of so many colours.

        Raises `ThemeError` where there is no theme of the name that was asked for.
        A test that is not `threaded` steps the worker by itself, with its own `clock` and a `pause` that moves it;
        `boottime` is the clock by which the head counts down what is on trial.
        """
        super().__init__(partial(_hear, self))
        give(options.keys)
        self.set_keymap(key_map())
        self.glyphs, self.depth, self.new_server = options.glyphs, depth, options.new_server
        self.themes: Themes = gather(*options.theme_folders)
        self.memory: ViewMemory | None = options.memory
        self.theme_origin = options.theme_origin
        self.lines: Sequence[str] = self.memory.lines if self.memory else ()
        last = self.memory.theme if self.memory else ""
        palette, remark = self.themes.choose(options.theme, last, depth)
        put_on(self, palette)
        self.accounted = options.accounted and options.kernel.origin != "demo"
        self.views: dict[str, View] = {view.NAME: view(options.memory) for view in VIEWS}
        for name, columns in options.columns.items():
            choose_columns(self.views[name], columns)
        pace = Pace(options.interval)
        self.frame = Frame(self.views, options.view, EVERYWHERE, pace, clock, options.banner, boottime)
        self._notice = "; ".join(filter(None, (options.notice, remark, self.themes.complaint)))
        self.clock = clock
        self.warned: set[ServiceKey] = set()
        self._whose = ""
        self.threaded = threaded
        self.lost = partial(_lose, self)
        self._newest: deque[Snapshot] = deque(maxlen=1)
        self.worker = _worker(self, options, host or _observing(options), pause)
        self._thread = (
            Thread(target=_run_worker, args=(self.worker, self._post), name="kernel", daemon=True) if threaded else None
        )
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """Lay out the frame with the views."""
        yield self.frame.data_bind(LvstuiApp.snapshot)

    def on_mount(self) -> None:
        """Start reading, and end cleanly when the terminal or the system says so."""
        resume_only_on_a_terminal()
        self._signals = EndingSignals(partial(_end, self))
        self.frame.message.greet(self._notice)
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
                if self.snapshot.scan is not None:
                    self.settled.set()
            return
        (self.frame.message.add if isinstance(event, Notice) else self.say)(*sentence(event))
        _remember(self, event)
        if isinstance(event, Overtaken):
            confirm_first(self, overwrite_question(event), partial(self.worker.submit, event.insisting))
        elif isinstance(event, Rejected) and event.done:
            self.push_screen(half_way(event))
        elif isinstance(event, Incomplete):
            self.push_screen(refused(event))
        elif isinstance(event, Kept | TakenBack):
            self.frame.trial.forget()
            if isinstance(event, TakenBack) and not event.is_whole:
                self.push_screen(not_all_back(event))
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
                self.say(report.sentence, Tone.SECONDARY if report.outcome is Outcome.DONE else Tone.BAD)
            elif event.reports:
                lines = [f"{report.outcome.value:<10}  {report.sentence}" for report in event.reports]
                self.push_screen(Listing(f"Entries: {summary(event.reports)}", lines))

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

    def on_view_text_wanted(self, message: View.TextWanted) -> None:
        """Have a service edited as text; what comes from the worker is heard while it is read again."""
        self.run_worker(_edit_text(self, self.view, message.key), exclusive=True, group="text")

    def action_run_command(self, name: str) -> None:
        """Run a command by its id."""
        find(EVERYWHERE, name).run(self)

    def action_leave_for(self, place: int) -> None:
        """Close what is being read, and go to the view of a digit."""
        if isinstance(self.screen, Readable):
            self.screen.dismiss(None)
            self.frame.open(VIEWS[place - 1].NAME)


def last_words(app: LvstuiApp, code: int) -> Iterator[str]:
    """Yield what is to be said once the terminal is restored: errors, what is on trial, what was staged.

    The latter not where one left it so.
    """
    yield from (f"lvstui: {line}" for line in app.faults.lines())
    pending = app.snapshot.trial
    if outlives(pending) and pending.left:
        yield f"lvstui: {staying(app.snapshot, pending)}"
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
    depth = depth_of_terminal()
    os.environ.pop("NO_COLOR", None)  # Textual would make greys of all colours
    app = LvstuiApp(options, depth=depth)
    code = app.run(mouse=not far_away() if options.mouse is None else options.mouse)
    code = app.return_code or 0 if code is None else code
    if app.faults.fatal and app.accounted:
        log(f"the screens ended by {app.faults.fatal}")
    with suppress(OSError, ValueError):
        for line in last_words(app, code):
            print(visible(line), file=sys.stderr)
    return code
