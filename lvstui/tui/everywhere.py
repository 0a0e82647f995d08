"""The commands that every view has, with their lines in the palette; they act on the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from textual.reactive import var

from lvstui.core.advice.services import advice_lines
from lvstui.core.config import INTERVAL
from lvstui.core.fields import FieldError, quote
from lvstui.core.keys import with_keys
from lvstui.core.model import Family, MarkKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.command_line import remedy, words
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Follow, Pace, ReadNow
from lvstui.engine.worker import Worker
from lvstui.store.view_memory import LINES_KEPT, ViewMemory, in_front
from lvstui.tui.commands import MOVING, AnyCommand, Arguments, Command, Line, Part, bind, from_elsewhere
from lvstui.tui.dialogs.advice import AdviceAnswer, AdviceScreen, Wish
from lvstui.tui.dialogs.confirm import Confirm, confirm_first
from lvstui.tui.dialogs.help import Help
from lvstui.tui.dialogs.palette import Choice, Palette
from lvstui.tui.dialogs.themes import choose_theme
from lvstui.tui.faults import SturdyApp
from lvstui.tui.frame import Frame
from lvstui.tui.ink import Depth
from lvstui.tui.job import comes_back
from lvstui.tui.terminal import FrugalApp
from lvstui.tui.themes import ThemeError, Themes, put_on
from lvstui.tui.views.changes import ChangesView
from lvstui.tui.views.connections import ConnectionsView
from lvstui.tui.views.director import DirectorView
from lvstui.tui.views.editing import take_advice
from lvstui.tui.views.going import destination, known_places
from lvstui.tui.views.marks import MarksView
from lvstui.tui.views.on_trial import OFFERED_SECONDS, extend, keep, outlives, read_seconds, staying, take_back
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.views.services import ServicesView
from lvstui.tui.views.view import View

INTERVALS = (1.0, 2.0, 5.0, 10.0)

VIEWS = (ServicesView, PersistenceView, MarksView, ConnectionsView, DirectorView, ChangesView)
"""The views in the order of the digits that open them."""


class Screens(SturdyApp, FrugalApp[int], inherit_bindings=False):
    """The app, as far as the commands that every view has know it."""

    snapshot: var[Snapshot]
    frame: Frame
    worker: Worker
    views: Mapping[str, View]
    themes: Themes
    theme_origin: str
    depth: Depth
    memory: ViewMemory | None
    lines: Sequence[str]
    """The lines that were given in the palette, the newest first."""

    @property
    def view(self) -> View:
        """The view that is shown."""
        return self.frame.view

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the line below the table."""
        self.frame.say(sentence, tone)


def _help(app: Screens) -> None:
    app.push_screen(Help(app.view.NAME, (*MOVING, *app.view.COMMANDS, *EVERYWHERE), app.view.NOTES))


def _pause(app: Screens) -> None:
    _set_pace(app, Pace(app.frame.pace.interval, not app.frame.pace.paused))


def _next_interval(app: Screens) -> None:
    _read_every(app, next((interval for interval in INTERVALS if interval > app.frame.pace.interval), INTERVALS[0]))


def _read_every(app: Screens, seconds: float) -> None:
    _set_pace(app, Pace(seconds))
    app.say(f"reading every {seconds:g} s")


def _set_pace(app: Screens, pace: Pace) -> None:
    app.frame.pace = pace
    app.worker.submit(pace)


def _read_now(app: Screens) -> None:
    app.worker.submit(ReadNow())


def _choose_theme(app: Screens) -> None:
    choose_theme(app, app.themes, partial(_keep_theme, app), app.theme_origin)


def _keep_theme(app: Screens, name: str) -> None:
    """Have the next start wear a theme too; say so where it will not."""
    if app.memory is not None and (trouble := app.memory.keep_theme(name)):
        app.say(f"{name} is worn until you quit, and not remembered: {trouble}", Tone.WARN)


def _suspend(app: Screens) -> None:
    """Stop as a program does at Ctrl-Z, unless nobody could have it go on."""
    if comes_back():
        app.action_suspend_process()
    else:
        app.say(with_keys("there is no shell to come back from: {q:quit} quits"), Tone.WARN)


def _open_view(app: Screens, name: str) -> None:
    app.frame.open(name)


def _leave(app: Screens) -> None:
    """Leave; ask first where edits are staged or under way, or where something of ours is on trial."""
    lines = list(dict.fromkeys(view.busy for view in app.views.values() if view.busy))
    if any(view.pending for view in app.views.values()):
        lines.append("Staged edits have not been applied.")
    title = "Leave, and drop what has not been written?" if lines else "Leave, while a change is on trial?"
    pending = app.snapshot.trial
    if outlives(pending):
        lines += [staying(app.snapshot, pending), "It goes on without this screen."]
    if lines:
        confirm_first(app, Confirm(title, lines, "Leave"), lambda: app.exit(0))
    else:
        app.exit(0)


def _advice(app: Screens) -> None:
    found = advice_lines(app.snapshot)
    if not found:
        app.say("no advice", Tone.SECONDARY)
        return

    def answered(answer: AdviceAnswer | None) -> None:
        if answer is None:
            return
        if answer.wish is Wish.EDIT:
            take_advice(app.view, answer.advice)
        elif answer.wish is Wish.TRACE and answer.advice.packet is not None:
            app.view.ask(Follow(answer.advice.packet))
        elif (mark := answer.advice.mark) is not None:
            app.view.post_message(View.Wanted("marks", row=MarkKey(mark, Family.IPV4)))
        else:
            app.view.post_message(View.Wanted("services", row=answer.advice.key))

    app.push_screen(AdviceScreen(found, app.view.about), answered)


def _palette(app: Screens, typed: str = "") -> None:
    """Ask for a command: one that opens a view, one of the view that is shown, or another one of the app.

    Lines of other views that say by themselves what they act on come last.
    """
    here = app.view
    choices = [_choice(c, partial(c.run, app), bind(c, app)) for c in EVERYWHERE if c.id.startswith("view.")]
    choices += [_choice(c, partial(here.action_run_command, c.id), here.line(c.id)) for c in here.COMMANDS]
    others = (c for c in EVERYWHERE if not c.id.startswith(("view.", "palette")))
    choices += [_choice(c, partial(c.run, app), bind(c, app)) for c in others]
    names = {choice.line.name for choice in choices if choice.line}
    for view in app.views.values():
        for command in view.COMMANDS:
            line = view.line(command.id)
            if line is not None and line.alone and line.name not in names:
                names.add(line.name)
                away = from_elsewhere(line, partial(app.frame.visit, view.NAME))
                run = partial(_palette, app, f"{line.name} ")
                choices.append(Choice(f"{command.help} ({line.usage})", "", command.id, run, away))

    def chosen(run: Callable[[], None] | None) -> None:
        if run is not None:
            run()

    app.push_screen(Palette(choices, app.lines, partial(_remember_line, app), typed), chosen)


def _choice(command: AnyCommand, run: Callable[[], None], line: Line | None) -> Choice:
    return Choice(command.help, command.key_names, command.id, run, line)


def _remember_line(app: Screens, line: str) -> None:
    app.lines = in_front(line, app.lines)[:LINES_KEPT]
    if app.memory is not None:
        app.memory.keep_line(line)


def _read_view(app: Screens, text: str) -> Callable[[], None]:
    name = "".join(words(text, 1))
    places = {str(place): view for place, view in enumerate(app.views, 1)}
    wanted = places.get(name, name.casefold())
    if wanted not in app.views:
        raise FieldError("view", f"no view is called {quote(name)}; {remedy(name, app.views)}")
    return partial(app.frame.open, wanted)


def _read_place(app: Screens, text: str) -> Callable[[], None]:
    wanted = destination(app.snapshot, "".join(words(text, 1)))
    return lambda: app.frame.on_view_wanted(wanted)


def _read_interval(app: Screens, text: str) -> Callable[[], None]:
    try:
        seconds = float("".join(words(text, 1)))
    except ValueError as error:
        sentence = error.sentence if isinstance(error, FieldError) else "must be a number of seconds, such as 5 or 0.5"
        raise FieldError("interval", sentence) from None
    if not INTERVAL[0] <= seconds <= INTERVAL[1]:
        raise FieldError("interval", "must be from {:g} to {:g} seconds".format(*INTERVAL))
    return partial(_read_every, app, seconds)


def _read_theme(app: Screens, text: str) -> Callable[[], None]:
    try:
        word = "".join(words(text, 1))
        palette = app.themes.named(app.themes.short.get(word, word))
    except ThemeError as error:
        raise FieldError("theme", str(error)) from None
    if not palette.suits(app.depth):
        raise FieldError("theme", f"{palette.name} needs 256 colours, which this terminal does not have")

    def act() -> None:
        put_on(app, palette)
        _keep_theme(app, palette.name)

    return act


def _read_extension(app: Screens, text: str) -> Callable[[], None]:
    return partial(extend, app.view, read_seconds("".join(words(text, 1))))


_EXTEND: Arguments[Screens] = Arguments("extend", (Part("SECONDS", lambda _: OFFERED_SECONDS),), _read_extension)
_VIEW: Arguments[Screens] = Arguments("view", (Part("VIEW", lambda app: app.views),), _read_view)
_GO: Arguments[Screens] = Arguments("go", (Part("WHERE", lambda app: known_places(app.view)),), _read_place)
_INTERVAL: Arguments[Screens] = Arguments("interval", (Part("SECONDS"),), _read_interval)
_THEME: Arguments[Screens] = Arguments(
    "theme", (Part("THEME", lambda app: (*app.themes.short, *app.themes.palettes)),), _read_theme
)

EVERYWHERE: tuple[Command[Screens], ...] = (
    *(
        Command(f"view.{name}", str(place), f"go to the {name} view", partial(_open_view, name=name))
        for place, name in enumerate((view.NAME for view in VIEWS), 1)
    ),
    Command("view", "", "go to a view by its name", partial(_palette, typed="view "), arguments=_VIEW),
    Command("go", "", "go to an address, name, client, mark or service", partial(_palette, typed="go "), arguments=_GO),
    Command("palette", "colon,ctrl+p", "find a command by name", _palette),
    Command("keep", "K", "keep what is on trial", lambda app: keep(app.view)),
    Command("extend", "R", "give what is on trial two minutes more", lambda app: extend(app.view), arguments=_EXTEND),
    Command("take-back", "", "take back now what is on trial, after asking", lambda app: take_back(app.view)),
    Command("pause", "p", "stop reading, or resume it", _pause),
    Command("interval", "r", "read every 1, 2, 5 or 10 seconds", _next_interval, arguments=_INTERVAL),
    Command("read", "ctrl+r", "read now, also while paused", _read_now),
    Command("repaint", "ctrl+l", "send the whole screen again", lambda app: app.action_repaint()),
    Command("themes", "", "theme: choose the colours", _choose_theme, arguments=_THEME),
    Command("suspend", "ctrl+z", "go to the shell; fg comes back", _suspend),
    Command("advice", "i", "show advice, and edits that follow it", _advice, "i advice"),
    Command("help", "question_mark,f1", "show the keys of this view", _help, "? help"),
    Command("quit", "q,ctrl+c", "quit, after asking if edits are staged", _leave, "q quit"),
)
"""What can be done in every view; the line of keys always ends in the last two."""
